"""The orders that a ledger loads: an account may have hundreds of open ones, and most operations need none of them."""

import pytest

from exchanges.paper import Paper
from exchanges.paper.ledger import Ledger
from exchanges.paper.records import PaperOrder
from protocol.models import Status, Symbol
from tests.conftest import Clock
from tests.exchanges.paper.conftest import Tape
from tests.exchanges.paper.trading import BUY, SELL, SPOT, dec, money, order_of, place

BTC = Symbol.parse("BTC_USDT")


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the markets whose open orders are loaded, one after the other."""
    markets: list[str] = []
    load = Ledger._load_orders

    def noted(ledger: Ledger, market: str) -> list[PaperOrder]:
        markets.append(market)
        return load(ledger, market)

    monkeypatch.setattr(Ledger, "_load_orders", noted)
    return markets


def test_open_orders_that_are_not_needed_are_not_loaded(spot: Paper, loaded: list[str], clock: Clock) -> None:
    low, high = place(spot, BUY, "90", "1"), place(spot, SELL, "110", "1")
    clock.ms += 1000
    place(spot, BUY, "101", "0.5")  # which is filled at once
    order_of(spot, low)
    spot.cancel(SPOT, str(low))
    assert loaded == []
    assert [order.id for order in spot.orders(None)] == [high]
    assert loaded == ["ETH_USDT"]


@pytest.mark.parametrize(
    ("price", "filled", "markets"),
    [
        ("96.01", set(), set()),
        ("95.01", {"96"}, {"ETH_USDT"}),
        ("95", {"95", "96"}, {"ETH_USDT"}),
        ("9", {"95", "96", "9.5"}, {"ETH_USDT", "BTC_USDT"}),
    ],
)
def test_the_orders_of_a_market_are_loaded_when_a_trade_reaches_one(
    spot: Paper, tape: Tape, loaded: list[str], clock: Clock, price: str, filled: set[str], markets: set[str]
) -> None:
    placed = {price: place(spot, BUY, price, "0.6") for price in ("95", "96", "9.5")}  # as text 9.5 is the highest
    place(spot, BUY, "90", "1", symbol=BTC)
    clock.ms += 5
    tape.trade(clock.ms, price, "9")  # in every market
    statuses = {price: order_of(spot, order).status for price, order in placed.items()}
    assert {price for price, status in statuses.items() if status is Status.CLOSED} == filled
    assert set(loaded) == markets


def test_the_orders_on_either_side_are_reached_from_their_own(spot: Paper, tape: Tape, clock: Clock) -> None:
    sells = {price: place(spot, SELL, price, "0.6") for price in ("109", "1010.5", "110")}
    clock.ms += 5
    tape.trade(clock.ms, "109.5", "9")
    assert [price for price, order in sells.items() if order_of(spot, order).status is Status.CLOSED] == ["109"]


def test_an_order_that_was_cancelled_by_itself_stays_so_when_its_market_is_loaded(spot: Paper) -> None:
    first, second = place(spot, BUY, "90", "1"), place(spot, BUY, "91", "1")
    with spot.ledger() as ledger:
        ledger.account.cancel(ledger.order("ETH_USDT", str(first)))
        assert [order.id for order in ledger.account.open()] == [second]
        assert ledger.account.frozen("USDT") == 91
    assert order_of(spot, first).status is Status.CANCELLED
    assert money(spot) == dec("9909", "91")


def test_an_order_that_was_just_placed_is_among_the_open_ones(spot: Paper) -> None:
    first = place(spot, BUY, "90", "1")
    with spot.ledger() as ledger:
        ledger.account.cancel(ledger.order("ETH_USDT", str(first)))
    second = place(spot, BUY, "91", "1")
    assert [order.id for order in spot.orders(SPOT)] == [second]
