"""The simulated spot exchange's accounts: every rule, in numbers that can be worked out by hand.

The tape's book has bids of 1 at 100 and 2 at 99, and asks of 1 at 101 and 2 at 102.
"""

import json
from collections.abc import Callable
from decimal import Decimal

import pytest

from exchanges.paper import FuturesPaper, Paper
from protocol.errors import InsufficientFunds, InvalidCall, InvalidOrder, OrderFilled, OrderNotFound, OutcomeUnknown
from protocol.models import Order, PositionSide, Side, Status, Symbol
from tables import METADATA
from tests.conftest import Clock
from tests.exchanges.paper.conftest import Tape
from tests.exchanges.paper.trading import BUY, SELL, SPOT, dec, money, order_of, place
from tests.lent import Lent
from transport.credentials import Credentials


def test_an_account_is_made_at_first_use(spot: Paper, swaps: FuturesPaper) -> None:
    assert {row.currency: row.free for row in spot.accounts() if row.free} == {"USDT": 10000, "BTC": 1, "ETH": 10}
    pairs = [listing.market.symbol for listing in spot.kind.listings.values()]
    assert {row.currency for row in spot.accounts()} == {
        currency for one in pairs for currency in (one.base, one.quote)
    }
    assert [(row.currency, row.free) for row in swaps.accounts()] == [
        ("BTC", Decimal(1)),
        ("ETH", Decimal(10)),
        ("USDT", Decimal(10000)),
    ]


def test_an_account_of_an_earlier_release_keeps_its_balances(
    spot: Paper, swaps: FuturesPaper, lent: Lent, tape: Tape
) -> None:
    """It knew fewer currencies: nothing is there of the new ones, until something is bought or the account reset."""
    for exchange in (spot, swaps):
        exchange.accounts()
    balances = METADATA.tables["paper_balances"]
    with lent.state.begin() as connection:
        connection.execute(balances.delete().where(balances.c.currency.in_(["XRP", "BTC"])))
    assert money(spot, "XRP") == dec("0", "0")
    tape.asks = [("0.5", "100000")]
    for owned in ("99.9", "199.8"):
        place(spot, BUY, "0.5", "100", symbol=Symbol.parse("XRP_USDT"))
        assert money(spot, "XRP") == dec(owned, "0")
    assert [(row.currency, row.free) for row in swaps.accounts()] == [
        ("BTC", Decimal(0)),
        ("ETH", Decimal(10)),
        ("USDT", Decimal(10000)),
    ]
    with pytest.raises(InsufficientFunds, match="BTC; 0 is free"):
        place(swaps, BUY, "100", "1", symbol=Symbol.parse("BTC_USD.swap"))
    swaps.raw("POST", "reset", {})
    assert money(swaps, "BTC") == dec("1", "0")


def test_balances_and_positions_keep_their_order(spot: Paper, swaps: FuturesPaper) -> None:
    def listed() -> tuple[list[str], list[tuple[str, PositionSide]]]:
        positions = [(str(position.symbol), position.side) for position in swaps.positions(None)]
        return [row.currency for row in spot.accounts()], positions

    for side in (SELL, BUY):
        place(swaps, side, None, "1")
    before = listed()
    place(spot, BUY, "90", "1")
    place(swaps, SELL, None, "1")
    assert listed() == before == (sorted(before[0]), sorted(before[1]))


def test_accounts_are_told_apart_by_key(spot: Paper, lent: Lent) -> None:
    other = lent.open(Paper, Credentials("another"))
    mine = place(spot, BUY, "90", "1")
    assert money(other) == dec("10000", "0")
    assert other.orders(None) == []
    with pytest.raises(OrderNotFound):
        other.order(SPOT, str(mine))
    with pytest.raises(OrderNotFound):
        other.cancel(SPOT, str(mine))
    assert order_of(spot, mine).status is Status.OPEN


def test_a_resting_buy_freezes_its_worth(spot: Paper) -> None:
    placed = place(spot, BUY, "90.5", "2")
    assert money(spot) == dec("9819", "181")
    assert order_of(spot, placed) == Order(
        id=placed,
        side=BUY,
        price=Decimal("90.5"),
        amount=Decimal(2),
        filled=Decimal(0),
        average=Decimal(0),
        status=Status.OPEN,
    )
    assert spot.cancel(SPOT, str(placed)) is True
    assert money(spot) == dec("10000", "0")
    assert order_of(spot, placed).status is Status.CANCELLED


def test_a_resting_sell_freezes_its_amount(spot: Paper) -> None:
    placed = place(spot, SELL, "110", "2.5")
    assert money(spot, "ETH") == dec("7.5", "2.5")
    assert money(spot) == dec("10000", "0")
    spot.cancel(SPOT, str(placed))
    assert money(spot, "ETH") == dec("10", "0")


def test_a_market_buy_spends_quote_and_walks_the_book(spot: Paper) -> None:
    """152.50 buys 1 at 101 and, with 51.50 left, 0.5049 at 102 (51.4998); the fee is 0.1 % of 1.5049."""
    bought = order_of(spot, place(spot, BUY, None, "152.5"))
    assert (bought.price, bought.amount, bought.filled, bought.status) == (0, *dec("1.5049", "1.5049"), Status.CLOSED)
    assert bought.average == Decimal("101.3355040202")  # 152.4998 / 1.5049
    assert money(spot) == dec("9847.5002", "0")
    assert money(spot, "ETH") == dec("11.5033951", "0")


def test_a_market_buy_beyond_the_book_leaves_the_rest_free(spot: Paper) -> None:
    bought = order_of(spot, place(spot, BUY, None, "1000"))
    assert (bought.amount, bought.filled, bought.status) == (*dec("3", "3"), Status.CLOSED)
    assert money(spot) == dec("9695", "0")
    assert money(spot, "ETH") == dec("12.997", "0")


def test_a_market_sell_walks_the_book(spot: Paper) -> None:
    """2 sold at 100 and 99 are 199, less 0.1 %."""
    sold = order_of(spot, place(spot, SELL, None, "2"))
    assert (sold.filled, sold.average, sold.status) == (*dec("2", "99.5"), Status.CLOSED)
    assert money(spot) == dec("10198.801", "0")
    assert money(spot, "ETH") == dec("8", "0")


def test_a_market_sell_beyond_the_book_is_cancelled_for_the_rest(spot: Paper) -> None:
    sold = order_of(spot, place(spot, SELL, None, "5"))
    assert (sold.amount, sold.filled, sold.status) == (*dec("5", "3"), Status.CANCELLED)
    assert money(spot, "ETH") == dec("7", "0")
    assert money(spot) == dec("10297.702", "0")  # 100 + 198 less 0.298


def test_a_crossing_limit_takes_up_to_its_price_and_rests(spot: Paper) -> None:
    placed = place(spot, BUY, "101", "3")
    order = order_of(spot, placed)
    assert (order.filled, order.average, order.status) == (*dec("1", "101"), Status.OPEN)
    assert money(spot) == dec("9697", "202")
    assert money(spot, "ETH") == dec("10.999", "0")
    spot.cancel(SPOT, str(placed))
    cancelled = order_of(spot, placed)
    assert (cancelled.filled, cancelled.status) == (Decimal(1), Status.CANCELLED)
    assert money(spot) == dec("9899", "0")


def test_a_crossing_limit_pays_the_book_s_price(spot: Paper) -> None:
    placed = place(spot, SELL, "50", "1")
    assert order_of(spot, placed).average == 100
    assert money(spot) == dec("10099.9", "0")


def test_a_resting_order_is_filled_by_later_trades(spot: Paper, tape: Tape, clock: Clock) -> None:
    tape.trade(clock.ms, "90", "5")  # before the order: it has seen this one
    placed = place(spot, BUY, "95", "2")
    tape.trade(clock.ms + 10, "95.01", "9")  # too dear
    tape.trade(clock.ms + 20, "95", "0.5")  # at its price
    tape.trade(clock.ms + 30, "94", "1.2")  # through it: filled at its own price all the same
    tape.trade(clock.ms + 40, "90", "9")
    clock.ms += 19
    assert order_of(spot, placed).filled == 0
    clock.ms += 1
    assert order_of(spot, placed).filled == Decimal("0.5")
    assert money(spot) == dec("9810", "142.5")
    assert money(spot, "ETH") == dec("10.4996", "0")  # the maker's fee is 0.08 %
    clock.ms += 10
    assert order_of(spot, placed).filled == Decimal("1.7")
    clock.ms += 1000
    order = order_of(spot, placed)
    assert (order.filled, order.average, order.status) == (*dec("2", "95"), Status.CLOSED)
    assert money(spot) == dec("9810", "0")
    assert money(spot, "ETH") == dec("11.9984", "0")


def test_a_trade_is_shared_by_price_then_time(spot: Paper, tape: Tape, clock: Clock) -> None:
    worse, first, second = (place(spot, BUY, price, "1") for price in ("94", "95", "95"))
    tape.trade(clock.ms + 1, "93", "1.5")
    clock.ms += 1
    assert [order_of(spot, one).filled for one in (worse, first, second)] == [*dec("0", "1", "0.5")]
    dear, cheap = (place(spot, SELL, price, "1") for price in ("106", "105"))
    tape.trade(clock.ms + 1, "107", "1.5")
    clock.ms += 1
    assert [order_of(spot, one).filled for one in (dear, cheap)] == [Decimal("0.5"), 1]


@pytest.mark.parametrize(
    ("side", "price", "amount", "words"),
    [
        (BUY, "100.001", "1", "price 100.001 is not a multiple of the price step 0.01"),
        (BUY, "90", "1.00001", "amount 1.00001 is not a multiple of the amount step 0.0001"),
        (SELL, None, "1.00001", "amount 1.00001 is not a multiple of the amount step 0.0001"),
        (BUY, "90", "0.0009", "amount 0.0009 is below the least amount 0.001"),
        (BUY, "90", "0.05", "a value in USDT of 4.5 is below the least value 5"),
        (SELL, None, "0.04", "a value in USDT of 4 is below the least value 5"),
        (BUY, None, "4.99", "a value in USDT of 4.99 is below the least value 5"),
    ],
)
def test_the_market_s_rules_are_kept(spot: Paper, side: Side, price: str | None, amount: str, words: str) -> None:
    with pytest.raises(InvalidOrder) as refused:
        place(spot, side, price, amount)
    assert str(refused.value) == f"INVALID_ORDER paper: {words}"
    assert spot.orders(None) == []
    assert money(spot) == dec("10000", "0")


@pytest.mark.parametrize(
    ("side", "price", "amount", "words"),
    [
        (BUY, "90", "112", "needs 10080 USDT; 10000 is free"),
        (BUY, "200", "51", "needs 10200 USDT; 10000 is free"),
        (BUY, None, "10000.01", "needs 10000.01 USDT; 10000 is free"),
        (SELL, "110", "10.0001", "needs 10.0001 ETH; 10 is free"),
        (SELL, None, "11", "needs 11 ETH; 10 is free"),
        (SELL, "110", "1" + "0" * 39, "needs 1" + "0" * 39 + " ETH; 10 is free"),
        (BUY, None, "1" + "0" * 39, "needs 1" + "0" * 39 + " USDT; 10000 is free"),
        (BUY, "1" + "0" * 39, "1" + "0" * 39, "needs 1" + "0" * 78 + " USDT; 10000 is free"),
    ],
)
def test_what_is_not_there_cannot_be_ordered(
    spot: Paper, side: Side, price: str | None, amount: str, words: str
) -> None:
    with pytest.raises(InsufficientFunds) as refused:
        place(spot, side, price, amount)
    assert str(refused.value) == f"INSUFFICIENT_FUNDS paper: the order {words}"
    assert money(spot) == dec("10000", "0")


def test_frozen_money_is_not_free(spot: Paper) -> None:
    place(spot, BUY, "90", "100")
    with pytest.raises(InsufficientFunds, match="needs 1080 USDT; 1000 is free"):
        place(spot, BUY, "90", "12")


@pytest.mark.parametrize("order_id", ["999", "0", "-1", "abc", "1.0", "١", "9" * 40, " 1"])
def test_an_unknown_order_is_not_found(spot: Paper, order_id: str) -> None:
    place(spot, BUY, "90", "1")
    with pytest.raises(OrderNotFound, match="has no order"):
        spot.order(SPOT, order_id)
    with pytest.raises(OrderNotFound):
        spot.cancel(SPOT, order_id)


def test_an_order_of_another_market_is_not_found(spot: Paper) -> None:
    placed = place(spot, BUY, "90", "1")
    with pytest.raises(OrderNotFound, match="no order 1 of BTC_USDT"):
        spot.order(Symbol.parse("BTC_USDT"), str(placed))
    with pytest.raises(InvalidCall, match="it has BTC_USDT"):
        spot.order(Symbol.parse("XYZ_USDT"), str(placed))


def test_cancelling_what_is_over(spot: Paper) -> None:
    filled, open_ = place(spot, BUY, "101", "1"), place(spot, BUY, "90", "1")
    with pytest.raises(OrderFilled, match=f"ORDER_FILLED paper: order {filled} is filled, and cannot"):
        spot.cancel(SPOT, str(filled))
    assert spot.cancel(SPOT, str(open_)) is True
    assert spot.cancel(SPOT, str(open_)) is True
    assert money(spot) == dec("9899", "0")


def test_an_order_filled_meanwhile_cannot_be_cancelled(spot: Paper, tape: Tape, clock: Clock) -> None:
    placed = place(spot, BUY, "95", "1")
    tape.trade(clock.ms + 5, "95", "1")
    clock.ms += 5
    with pytest.raises(OrderFilled, match="is filled, and cannot"):
        spot.cancel(SPOT, str(placed))
    assert order_of(spot, placed).status is Status.CLOSED


def test_open_orders_of_one_market_or_of_all(spot: Paper) -> None:
    eth, btc = place(spot, BUY, "90", "1"), place(spot, BUY, "90", "1", symbol=Symbol.parse("BTC_USDT"))
    place(spot, BUY, "101", "1")
    assert [order.id for order in spot.orders(None)] == [eth, btc]
    assert [order.id for order in spot.orders(SPOT)] == [eth]
    assert spot.orders(Symbol.parse("SOL_USDT")) == []
    with pytest.raises(InvalidCall):
        spot.orders(Symbol.parse("XYZ_USDT"))


def test_a_client_id_finds_its_order(spot: Paper, lent: Lent) -> None:
    assert spot.find(SPOT, "mine-1") is None
    placed = place(spot, BUY, "90", "1", client_id="mine-1")
    assert spot.find(SPOT, "mine-1") == placed
    assert spot.find(Symbol.parse("BTC_USDT"), "mine-1") is None
    assert lent.open(Paper, Credentials("another")).find(SPOT, "mine-1") is None
    with pytest.raises(OutcomeUnknown, match=f"order {placed} already has the client id mine-1"):
        place(spot, BUY, "90", "1", client_id="mine-1")
    spot.cancel(SPOT, str(placed))
    assert spot.find(SPOT, "mine-1") == placed
    place(lent.open(Paper, Credentials("another")), BUY, "90", "1", client_id="mine-1")


def test_orders_without_a_client_id_are_many(spot: Paper) -> None:
    assert place(spot, BUY, "90", "1") != place(spot, BUY, "90", "1")
    assert spot.find(SPOT, "") is None


def test_a_clock_that_steps_back_does_no_harm(spot: Paper, tape: Tape, clock: Clock) -> None:
    placed = place(spot, BUY, "95", "2")
    tape.trade(clock.ms + 50, "95", "1")
    clock.ms += 100
    assert order_of(spot, placed).filled == 1
    clock.ms -= 90
    assert order_of(spot, placed).filled == 1
    later = place(spot, BUY, "95", "1")
    clock.ms += 60
    assert [order_of(spot, one).filled for one in (placed, later)] == [1, 0]


def test_the_record_is_shown_as_it_is(spot: Paper) -> None:
    placed = place(spot, BUY, "90.50", "2", client_id="a")
    assert json.loads(spot.replies[-1]) == {
        "id": placed, "symbol": "ETH_USDT", "side": "buy", "price": "90.5", "amount": "2", "closes": False,
        "leverage": 1, "client_id": "a", "created": 1_700_000_000_000, "filled": "0", "cost": "0", "frozen": "181",
        "status": "open",
    }  # fmt: skip
    calls: list[Callable[[], object]] = [
        spot.accounts,
        lambda: spot.orders(None),
        lambda: spot.order(SPOT, str(placed)),
        lambda: spot.cancel(SPOT, str(placed)),
    ]
    for call in calls:
        spot.replies.clear()
        call()
        [reply] = spot.replies
        assert json.loads(reply)


def test_its_own_small_api(spot: Paper, swaps: FuturesPaper, clock: Clock) -> None:
    assert spot.raw("GET", "time", {}) == clock.ms
    assert swaps.raw("GET", "time", {}) == clock.ms
    with pytest.raises(InvalidCall, match="paper has GET time and POST reset, and no GET reset"):
        spot.raw("GET", "reset", {})


def test_a_reset_puts_an_account_back(spot: Paper, swaps: FuturesPaper) -> None:
    place(spot, BUY, None, "500", client_id="a")
    old = place(spot, BUY, "90", "1")
    place(swaps, BUY, None, "1")
    assert spot.raw("POST", "reset", {}) is True
    assert money(spot) == dec("10000", "0")
    assert money(spot, "ETH") == dec("10", "0")
    assert spot.orders(None) == []
    assert len(swaps.positions(None)) == 1
    assert swaps.raw("POST", "reset", {}) is True
    assert swaps.positions(None) == []
    assert money(swaps) == dec("10000", "0")
    new = place(spot, BUY, "90", "1", client_id="a")
    assert isinstance(new, int)
    assert new > int(old)


def test_past_orders_without_a_beginning_are_the_last_ones(spot: Paper, clock: Clock) -> None:
    ids = []
    for _ in range(3):
        clock.ms += 1000
        ids.append(place(spot, BUY, "90", "1"))
        spot.cancel(SPOT, str(ids[-1]))
    assert [order.id for order in spot.history(None, None, 2)] == ids[1:]
    assert [order.id for order in spot.history(None, 1, 2)] == ids[:2]
