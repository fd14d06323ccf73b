"""The names of ccxt's exchanges, found without importing it: the import takes a third of a second and 45 MiB, which
only who calls one of them should pay."""

from collections.abc import Container, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from exchanges.base import Exchange
from exchanges.registry import Source

PREFIX = "ccxt/"
"""The beginning of an exchange's explicit service address, as in ``/ccxt/bingx``."""
FUTURES = "Futures_"
_INSTALL = "pip install 'fmz-gateway[ccxt]'"

_SPELT = """
BigONE BingX Bit2C BitBNS BloFin BtcTurk BTCBox BTCMarkets BTSE BYDFi BitMEX CEX CoinEx CoinsPH dYdX FMFWio
GRVT HTX HashKey HitBTC HollaEx Hyperliquid KuCoin KuCoinFutures KrakenFutures LATOKEN LBank MEXC MyOKX NDAX
OKXUS P2B ProBit Tokocrypto WEEX WOO WhiteBIT WooFiPro XT BinanceUS BinanceUSDM BinanceCOINM BitoPro
CoinbaseExchange CoinbaseInternational CryptoCom GateEU BybitEU BybitID OneTrading RevolutX ZebPay
"""
_SPELLINGS = {name.lower(): name for name in _SPELT.split()}
"""The spelling of names that are not just capitalised."""


def folder() -> Path | None:
    """Return the folder where ccxt is installed, None if it is not."""
    spec = find_spec("ccxt")
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else None


def ids() -> list[str]:
    """Return ccxt's ids of its exchanges: its modules' names."""
    place = folder()
    return sorted(path.stem for path in place.glob("[!_]*.py")) if place else []


def name_of(exchange_id: str) -> str:
    """Return the name of an exchange's spot route."""
    return _SPELLINGS.get(exchange_id, exchange_id.capitalize())


def sources(built_in: Container[str]) -> Iterator[Source]:
    """Yield every exchange of ccxt, on its spot and its futures route, except routes that are built in. Which of the
    two an exchange has is known when it is loaded."""
    for exchange_id in ids():
        for name, futures in ((name_of(exchange_id), False), (FUTURES + name_of(exchange_id), True)):
            if name.lower() not in built_in:
                load = partial(_load, exchange_id, name, futures=futures)
                yield Source(name, "in the ccxt library", load, explicit=PREFIX + name.lower())


def hint() -> str:
    """Return what to do for an exchange that is not found, in words."""
    count = len(ids())
    if not count:
        return f"; over a hundred more come with the ccxt library: {_INSTALL}"
    return f", and {count} of the ccxt library"


def _load(exchange_id: str, name: str, *, futures: bool) -> type[Exchange]:
    from exchanges.ccxt.bridge import bridge  # imports ccxt

    return bridge(exchange_id, name, futures=futures)
