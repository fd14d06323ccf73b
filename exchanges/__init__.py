"""EXCHANGES, the registry: every exchange by its route, in lower case."""

from collections.abc import Mapping

from exchanges.base import Exchange
from exchanges.binance.futures import FuturesBinance
from exchanges.binance.spot import Binance
from exchanges.bitgo import BitGo
from exchanges.coinpark import CoinPark
from exchanges.kraken.spot import Kraken
from exchanges.okx.futures import FuturesOKX
from exchanges.okx.spot import OKX
from exchanges.paper import FuturesPaper, Paper
from protocol.errors import InvalidCall

EXCHANGES: Mapping[str, type[Exchange]] = {
    exchange.name.lower(): exchange
    for exchange in (Paper, FuturesPaper, Binance, FuturesBinance, OKX, FuturesOKX, Kraken, BitGo, CoinPark)
}

DEFAULT = Paper.name
"""The exchange of a gateway without settings: it needs no key and moves no money."""


def find(name: str) -> type[Exchange]:
    """Return the exchange with this name, in any case. Raises InvalidCall."""
    exchange = EXCHANGES.get(name.lower())
    if exchange is None:
        raise InvalidCall(f"no exchange of that name; there are {', '.join(e.name for e in EXCHANGES.values())}")
    return exchange
