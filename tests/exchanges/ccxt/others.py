"""The fakes of exchanges that only ccxt has."""

from tests.exchanges.ccxt.fake_btcturk import FakeBtcTurk
from tests.exchanges.ccxt.fake_whitebit import FakeWhiteBIT
from tests.exchanges.ccxt.fake_xt import FakeXT
from tests.fakes import FakeExchange

OTHERS: dict[str, tuple[str, type[FakeExchange]]] = {
    "WhiteBIT": ("whitebit", FakeWhiteBIT),
    "XT": ("xt", FakeXT),
    "BtcTurk": ("btcturk", FakeBtcTurk),
}
"""The name of a route → ccxt's id and the fake."""
