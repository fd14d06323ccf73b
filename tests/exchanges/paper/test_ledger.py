"""The orders that a ledger loads, since an account may have hundreds of open ones and most operations need none, and
those that it deletes."""

import pytest

from exchanges.paper import Paper
from exchanges.paper.ledger import Ledger
from exchanges.paper.records import PaperOrder
from protocol.errors import OrderNotFound
from protocol.models import Status, Symbol
from tables import METADATA
from tests.conftest import Clock
from tests.exchanges.paper.conftest import Tape
from tests.exchanges.paper.trading import BUY, SELL, SPOT, dec, money, order_of, place
from tests.lent import Lent
from transport.credentials import Credentials

BTC = Symbol.parse("BTC_USDT")
DAY = 86_400_000  # ms


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


def rows(spot: Paper, table: str) -> int:
    with spot.upstream.services.database.connect() as connection:
        return len(list(connection.execute(METADATA.tables[table].select())))


def test_past_orders_and_fills_are_kept_for_thirty_days_and_then_deleted(spot: Paper, clock: Clock) -> None:
    filled, cancelled, resting = place(spot, BUY, "101", "1"), place(spot, BUY, "90", "1"), place(spot, BUY, "89", "1")
    spot.cancel(SPOT, str(cancelled))
    clock.ms += 30 * DAY
    owned = spot.accounts()
    assert [order.id for order in spot.history(SPOT, None, None)] == [filled, cancelled]
    clock.ms += DAY
    assert spot.accounts() == owned
    assert spot.history(SPOT, None, None) == []
    for gone in (filled, cancelled):
        with pytest.raises(OrderNotFound):
            order_of(spot, gone)
    assert order_of(spot, resting).status is Status.OPEN
    assert (rows(spot, "paper_orders"), rows(spot, "paper_fills")) == (1, 0)


def test_an_order_that_is_filled_after_a_long_time_is_kept_as_long_as_its_fill(
    spot: Paper, tape: Tape, clock: Clock
) -> None:
    late = place(spot, BUY, "90", "1")
    clock.ms += 40 * DAY
    tape.trade(clock.ms, "90", "1")
    for _ in range(2):
        assert order_of(spot, late).status is Status.CLOSED
        clock.ms += 29 * DAY
    clock.ms += 2 * DAY
    with pytest.raises(OrderNotFound):
        order_of(spot, late)


def test_the_orders_of_another_account_are_deleted_at_its_own_next_call(lent: Lent, spot: Paper, clock: Clock) -> None:
    other = lent.open(Paper, Credentials("other"))
    for exchange in (spot, other):
        exchange.cancel(SPOT, str(place(exchange, BUY, "90", "1")))
    clock.ms += 31 * DAY
    spot.accounts()
    assert rows(spot, "paper_orders") == 1
    other.accounts()
    assert rows(spot, "paper_orders") == 0
