"""The check of an exchange with a user's own keys: what works, and what to do where it does not. It only reads."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from exchanges.base import Exchange, FuturesExchange, Symbol
from protocol.errors import (
    AuthenticationFailed,
    GatewayError,
    Maintenance,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    Unsupported,
)
from protocol.numbers import plain

_CLOCK_OFF_MS = 5000  # beyond this, what is written with this machine's time is misleading


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked. mark: ``ok``, ``warn``, ``skip`` (the exchange cannot be asked) or ``FAIL``. what:
    its name. said: what was found, and what to do about it."""

    mark: str
    what: str
    said: str


Look = Callable[[Exchange, Symbol], Finding]


def check(exchange: Exchange, symbol: Symbol) -> Iterator[Finding]:
    """Yield what is found on an exchange, ready for one call of each kind. symbol: the market to look at."""
    checks: tuple[tuple[str, Look], ...] = (
        ("address", _reach),
        ("clock", _clock),
        ("key", _key),
        ("withdrawals", _withdrawals),
        ("position mode", _mode),
        ("smallest order", _smallest),
    )
    for what, look in checks:
        try:
            yield exchange.apart(partial(_with, look, symbol))
        except Unsupported as error:
            yield Finding("skip", what, error.message)
        except GatewayError as error:
            yield Finding("FAIL", what, f"{error}. {_advice(exchange, error)}")


def _with(look: Look, symbol: Symbol, exchange: Exchange) -> Finding:
    return look(exchange, symbol)


def _reach(exchange: Exchange, symbol: Symbol) -> Finding:
    begun = time.monotonic()
    ticker = exchange.ticker(exchange.resolve(symbol))
    spent = (time.monotonic() - begun) * 1000
    where = exchange.upstream.address or exchange.name
    return Finding("ok", "address", f"{where} answers in {spent:.0f} ms; last price {ticker.last:g}")


def _clock(exchange: Exchange, symbol: Symbol) -> Finding:
    if exchange.apart(type(exchange).time) is None:
        return Finding("skip", "clock", f"{exchange.name} does not need to be asked for its time")
    offset = exchange.clock_offset()
    said = f"it is {abs(offset)} ms {'ahead of' if offset >= 0 else 'behind'} this machine's; signed calls use it"
    if abs(offset) > _CLOCK_OFF_MS:
        return Finding("warn", "clock", f"{said}. Set this machine's clock, for example by NTP")
    return Finding("ok", "clock", said)


def _key(exchange: Exchange, symbol: Symbol) -> Finding:
    held = [balance for balance in exchange.accounts() if balance.free or balance.frozen]
    return Finding("ok", "key", f"accepted; the account holds {len(held)} currenc{'y' if len(held) == 1 else 'ies'}")


def _withdrawals(exchange: Exchange, symbol: Symbol) -> Finding:
    may = exchange.may_withdraw()
    if may:
        advice = "Make a key without that right at the exchange: trading does not need it"
        return Finding("warn", "withdrawals", f"the key may withdraw. {advice}")
    return Finding("ok", "withdrawals", "the key may not withdraw")


def _mode(exchange: Exchange, symbol: Symbol) -> Finding:
    if not isinstance(exchange, FuturesExchange) or not exchange.position_modes:
        return Finding("skip", "position mode", f"{exchange.name} has one only")
    apart = "long and short positions of a market are kept apart"
    return Finding("ok", "position mode", f"hedged: {apart}" if exchange.position_mode() else "one-way")


def _smallest(exchange: Exchange, symbol: Symbol) -> Finding:
    market = exchange.rules(exchange.resolve(symbol))
    least, value = (plain(number.normalize()) for number in (market.min_amount, market.min_notional))
    lot, tick = (plain(step.normalize()) if step else "any" for step in (market.lot_size, market.tick_size))
    worth = f" and {value} {market.symbol.quote}" if market.min_notional else ""
    return Finding("ok", "smallest order", f"{least} of {market.symbol}{worth}; amount step {lot}, price step {tick}")


def _advice(exchange: Exchange, error: GatewayError) -> str:
    """Return what a user can do about an error."""
    upper = exchange.name.upper()
    if isinstance(error, AuthenticationFailed):
        return (
            f"Check what goes into FMZ's two fields ({exchange.keys_needed}), the key's permissions, its list of IP "
            f"addresses, and whether it is a testnet key ({upper}_TESTNET)"
        )
    if isinstance(error, NotSent | OutcomeUnknown):
        return f"Check this machine's network, {upper}_URL, {upper}_PROXY and CA_FILE"
    if isinstance(error, RateLimited | Maintenance):
        return "Try again later"
    return "See docs/EXCHANGES.md, and the exchange's own documentation of that code"
