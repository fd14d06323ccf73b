"""Modified orders of the simulated exchanges, in numbers that can be worked out by hand.

The tape's book has bids of 1 at 100 and 2 at 99, and asks of 1 at 101 and 2 at 102.
"""

from decimal import Decimal

import pytest

from exchanges.paper import FuturesPaper, Paper
from exchanges.paper.adapter import PaperApi
from exchanges.paper.tables import FILLS
from protocol.errors import InsufficientFunds, InvalidOrder, NotSent, OrderFilled, OrderNotFound
from protocol.models import NewOrder, OrderId, Side, Status
from tests.conftest import Clock
from tests.exchanges.paper.conftest import Tape
from tests.exchanges.paper.trading import BUY, LONG, SELL, SPOT, SWAP, dec, money, order_of, place
from tests.lent import Lent


def modify(
    exchange: PaperApi, order_id: OrderId, side: Side, price: str, amount: str, *, closes: bool = False
) -> OrderId:
    """Give an order of the usual market another price and whole amount."""
    symbol = SWAP if isinstance(exchange, FuturesPaper) else SPOT
    new = NewOrder(symbol=symbol, side=side, price=Decimal(price), amount=Decimal(amount), closes=closes)
    return exchange.modify(str(order_id), new)


def trade(tape: Tape, clock: Clock, price: str, amount: str) -> None:
    """Let the market trade a second later."""
    clock.ms += 1000
    tape.trade(clock.ms, price, amount)


def test_the_money_of_a_buy_is_put_aside_anew(spot: Paper) -> None:
    placed = place(spot, BUY, "90", "2")
    assert modify(spot, placed, BUY, "80", "3") == placed
    assert money(spot) == dec("9760", "240")
    shown = order_of(spot, placed)
    assert (shown.price, shown.amount, shown.filled, shown.status) == (*dec("80", "3", "0"), Status.OPEN)
    spot.cancel(SPOT, str(placed))
    assert money(spot) == dec("10000", "0")


def test_the_coins_of_a_sell_are_put_aside_anew(spot: Paper) -> None:
    placed = place(spot, SELL, "110", "10")
    modify(spot, placed, SELL, "120", "4")
    assert money(spot, "ETH") == dec("6", "4")
    modify(spot, placed, SELL, "120", "10")
    assert money(spot, "ETH") == dec("0", "10"), "its own coins are free for it again"


def test_a_price_that_crosses_the_book_is_filled_at_once(spot: Paper) -> None:
    """1 at 101 and 1 at 102, as a taker; the third waits at 102."""
    spot_order = place(spot, BUY, "90", "3")
    modify(spot, spot_order, BUY, "102", "4")
    shown = order_of(spot, spot_order)
    assert (shown.filled, shown.status) == (Decimal(3), Status.OPEN)
    assert money(spot) == dec("9593", "102")  # 10000 - 101 - 2 · 102 - 102
    assert money(spot, "ETH") == dec("12.997", "0")  # a fee of 0.1 %


def test_what_is_filled_stays_and_the_rest_is_modified(spot: Paper, tape: Tape, clock: Clock) -> None:
    placed = place(spot, BUY, "90", "3")
    trade(tape, clock, "90", "1")
    assert order_of(spot, placed).filled == 1
    modify(spot, placed, BUY, "80", "2")
    assert money(spot) == dec("9830", "80")  # 90 are spent, 1 at 80 waits
    trade(tape, clock, "80", "5")
    shown = order_of(spot, placed)
    assert (shown.status, shown.filled, shown.average) == (Status.CLOSED, *dec("2", "85"))
    assert money(spot) == dec("9830", "0")


def test_a_modified_order_loses_its_place_in_the_queue(spot: Paper, tape: Tape, clock: Clock) -> None:
    first, second = place(spot, BUY, "90", "1"), place(spot, BUY, "90", "1")
    clock.ms += 1
    modify(spot, first, BUY, "90", "1.5")
    trade(tape, clock, "90", "1")
    assert [order_of(spot, one).filled for one in (first, second)] == [0, 1]
    trade(tape, clock, "90", "9")
    assert order_of(spot, first).status is Status.CLOSED


@pytest.mark.parametrize(
    ("price", "amount", "kind", "words"),
    [
        ("90", "200", InsufficientFunds, "needs 18000 USDT; 10000 is free"),
        ("90.001", "1", InvalidOrder, "price 90.001 is not a multiple of the price step"),
        ("90", "0.00001", InvalidOrder, "amount 0.00001 is not a multiple of the amount step"),
        ("90", "0.01", InvalidOrder, "is below the least value 5"),
    ],
)
def test_what_is_refused_leaves_the_order_as_it_is(
    spot: Paper, price: str, amount: str, kind: type[Exception], words: str
) -> None:
    placed = place(spot, BUY, "90", "1")
    with pytest.raises(kind, match=words):
        modify(spot, placed, BUY, price, amount)
    shown = order_of(spot, placed)
    assert (shown.price, shown.amount, shown.status) == (*dec("90", "1"), Status.OPEN)
    assert money(spot) == dec("9910", "90")


def test_an_order_that_is_filled_or_cancelled_meanwhile_is_refused(spot: Paper, tape: Tape, clock: Clock) -> None:
    filled, cancelled, partly = (place(spot, BUY, price, "1") for price in ("90", "80", "85"))
    spot.cancel(SPOT, str(cancelled))
    trade(tape, clock, "85", "1.4")
    with pytest.raises(OrderFilled, match=f"order {filled} is filled, and cannot be modified"):
        modify(spot, filled, BUY, "80", "2")
    with pytest.raises(OrderNotFound, match=f"order {cancelled} is cancelled, and cannot be modified"):
        modify(spot, cancelled, BUY, "80", "2")
    with pytest.raises(InvalidOrder, match=f"0.4 of order {partly} is filled already"):
        modify(spot, partly, BUY, "80", "0.4")
    with pytest.raises(OrderNotFound, match="has no order 77"):
        modify(spot, 77, BUY, "80", "2")


def test_a_caller_that_has_left_modifies_nothing(spot: Paper) -> None:
    placed = place(spot, BUY, "90", "1")

    def leave() -> None:
        raise NotSent("gone")

    spot.last_check = leave
    with pytest.raises(NotSent):
        modify(spot, placed, BUY, "80", "1")
    assert order_of(spot, placed).price == 90


def test_the_margin_of_an_opening_order_is_put_aside_anew(swaps: FuturesPaper) -> None:
    """A tenth of the value, and a fee of 0.05 %."""
    placed = place(swaps, BUY, "90", "2")
    assert money(swaps) == dec("9981.91", "18.09")
    modify(swaps, placed, BUY, "80", "1")
    assert money(swaps) == dec("9991.96", "8.04")


def test_an_opening_order_that_crosses_opens_at_once(swaps: FuturesPaper) -> None:
    placed = place(swaps, SELL, "120", "1")
    modify(swaps, placed, SELL, "100", "1")
    assert order_of(swaps, placed).status is Status.CLOSED
    assert money(swaps) == dec("9989.95", "10")


def test_a_closing_order_may_close_all_but_what_others_close(swaps: FuturesPaper) -> None:
    place(swaps, BUY, None, "3")
    placed = place(swaps, SELL, "120", "2", closes=True)
    modify(swaps, placed, SELL, "130", "3", closes=True)
    modify(swaps, placed, SELL, "130", "1", closes=True)
    place(swaps, SELL, "140", "1", closes=True)
    with pytest.raises(InsufficientFunds, match=r"holds only 3 contracts of long SOL_USDT\.swap, of which other"):
        modify(swaps, placed, SELL, "130", "3", closes=True)
    [position] = swaps.positions(None)
    assert (position.side, position.frozen) == (LONG, Decimal(2))


def test_what_a_closing_order_has_closed_is_no_longer_needed(swaps: FuturesPaper, tape: Tape, clock: Clock) -> None:
    place(swaps, BUY, None, "3")
    placed = place(swaps, SELL, "120", "2", closes=True)
    trade(tape, clock, "120", "1")
    modify(swaps, placed, SELL, "130", "3", closes=True)
    [position] = swaps.positions(None)
    assert (position.amount, position.frozen) == dec("2", "2")


def test_an_order_stays_what_it_was_placed_as(swaps: FuturesPaper, lent: Lent) -> None:
    """One that opens a position does not begin to close one, whatever type it is modified with."""
    place(swaps, SELL, None, "1")
    placed = place(swaps, BUY, "90", "1")
    modify(swaps, placed, BUY, "102", "1", closes=True)
    assert [(one.side, one.amount) for one in swaps.positions(None)] == [(LONG, Decimal(1)), ("short", Decimal(1))]
    with lent.state.connect() as connection:
        assert len(connection.execute(FILLS.select()).all()) == 2
