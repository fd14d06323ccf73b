"""All the fake exchanges, by the names that the gateway has for the real ones."""

from tests.fakes import FakeExchange
from tests.fakes.binance import FakeBinance, FakeFuturesBinance
from tests.fakes.bitgo import FakeBitGo
from tests.fakes.bitunix import FakeFuturesBitunix
from tests.fakes.coinpark import FakeCoinPark
from tests.fakes.hotcoin import FakeHotcoin
from tests.fakes.indodax import FakeIndodax
from tests.fakes.kraken import FakeKraken
from tests.fakes.okx import FakeFuturesOKX, FakeOKX

FAKES: dict[str, type[FakeExchange]] = {
    "BitGo": FakeBitGo,
    "CoinPark": FakeCoinPark,
    "Binance": FakeBinance,
    "Futures_Binance": FakeFuturesBinance,
    "OKX": FakeOKX,
    "Futures_OKX": FakeFuturesOKX,
    "Kraken": FakeKraken,
    "Indodax": FakeIndodax,
    "Hotcoin": FakeHotcoin,
    "Futures_Bitunix": FakeFuturesBitunix,
}
