"""EXCHANGES: every exchange that is built in, by its route, in lower case."""

from collections.abc import Mapping
from itertools import chain
from pathlib import Path

from exchanges.base import Exchange
from exchanges.binance.futures import FuturesBinance
from exchanges.binance.spot import Binance
from exchanges.bitgo import BitGo
from exchanges.bitunix import FuturesBitunix
from exchanges.ccxt import hint
from exchanges.ccxt import sources as of_ccxt
from exchanges.coinpark import CoinPark
from exchanges.hotcoin import Hotcoin
from exchanges.indodax import Indodax
from exchanges.kraken.spot import Kraken
from exchanges.okx.futures import FuturesOKX
from exchanges.okx.spot import OKX
from exchanges.paper import FuturesPaper, Paper
from exchanges.registry import Registry, files, packages

EXCHANGES: Mapping[str, type[Exchange]] = {
    exchange.name.lower(): exchange
    for exchange in (
        Paper,
        FuturesPaper,
        Binance,
        FuturesBinance,
        OKX,
        FuturesOKX,
        Kraken,
        BitGo,
        CoinPark,
        Indodax,
        Hotcoin,
        FuturesBitunix,
    )
}

DEFAULT = Paper.name
"""The exchange of a gateway without settings: it needs no key and moves no money."""


def open_registry(folder: Path | None = None, *, plugins: bool = True) -> Registry:
    """Return the registry of all exchanges. folder: where the user's own files are. plugins: False for those built in
    only."""
    problems: list[str] = []
    found = (packages(), files(folder, problems) if folder else (), of_ccxt(EXCHANGES)) if plugins else ()
    return Registry(EXCHANGES, chain(*found), problems, hint=hint() if plugins else "")


def find(name: str) -> type[Exchange]:
    """Return the exchange that is built in with this name, in any case. Raises InvalidCall."""
    return Registry(EXCHANGES).find(name)
