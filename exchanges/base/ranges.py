"""Ranges of futures markets: what the argument of a list includes."""

from protocol.models import CONTRACT_CODES, Symbol

PERPETUAL = "swap"
"""FMZ's word for a contract that does not expire."""
DATED = "futures"
"""FMZ's word for every contract that expires, in a range such as ``USD.futures``."""


def covers(wanted: Symbol | None, market: Symbol) -> bool:
    """Return True if the argument of a list, as ``scope`` returns it, includes a futures market: nothing (all), a
    contract code (``swap``), a range (``USDT.swap``, ``USD.futures``), a pair or a market (``BTC_USDT.swap``)."""
    if wanted is None or wanted == market:
        return True
    if not wanted.contract:
        return (wanted.base, wanted.quote) == (market.base, market.quote)
    dated = wanted.contract == DATED and market.contract != PERPETUAL
    meant = not wanted.quote and (dated or wanted.contract == market.contract)
    return meant and wanted.base in ("", market.base, market.quote)


def is_range(symbol: Symbol) -> bool:
    """Return True for a contract code of several pairs, such as ``swap`` or ``USDT.swap``."""
    return symbol.contract in CONTRACT_CODES and not symbol.quote
