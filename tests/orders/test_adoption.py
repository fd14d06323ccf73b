"""The next order after an unclear one: it adopts it, waits for it, or goes out."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from orders.journal import Journal
from protocol.errors import OrderStateUnknown, OutcomeUnknown
from protocol.models import Direction, OrderId, Symbol
from tests.conftest import Clock
from tests.orders.shop import BTC, SECOND, UNCLEAR, Market, Robot, Shop


def test_the_next_order_is_answered_with_the_unclear_one(robot: Robot, market: Market, journal: Journal) -> None:
    market.error, market.lists = UNCLEAR, False
    robot.buy_unclear("1")
    market.error, market.lists = None, True
    assert robot.buy("2", "100.7", "0.99") == 1
    assert robot.marks == {"adopted": True}
    assert robot.buy("2", "100.7", "0.99") == 1
    assert robot.marks == {"replayed": True}
    assert len(market.sent) == 1
    adopted = journal.get("Shopa1")
    assert adopted
    assert adopted.answered_as == "Shopa2"
    assert robot.buy("3") == 2, "the one after it is an order of its own"


def test_only_one_later_order_is_answered_with_it(robot: Robot, market: Market, journal: Journal, clock: Clock) -> None:
    market.error, market.lists = UNCLEAR, False
    robot.buy_unclear("1")
    market.error, market.lists = None, True
    start = threading.Barrier(20)

    def once(nonce: int) -> OrderId:
        each = Robot(market, journal, Clock(clock.ms))
        each.sleep = time.sleep
        start.wait()
        return each.buy(str(nonce))

    with ThreadPoolExecutor(20) as pool:
        ids = sorted(pool.map(once, range(2, 22)))
    assert ids == list(range(1, 21))
    assert len(market.sent) == 20


def test_an_unclear_order_holds_the_next_one(robot: Robot, market: Market) -> None:
    market.error, market.creates = UNCLEAR, False
    robot.buy_unclear("1")
    market.error, market.creates = None, True
    market.lookup_error = OutcomeUnknown("down")
    with pytest.raises(
        OrderStateUnknown, match=r"^ORDER_STATE_UNKNOWN Shopa1 an earlier order .* nothing new was sent"
    ):
        robot.buy("2", seconds=2)
    assert len(market.sent) == 1


def test_an_order_that_does_not_exist_lets_the_next_one_go(robot: Robot, market: Market, clock: Clock) -> None:
    market.error, market.creates = UNCLEAR, False
    robot.buy_unclear("1")
    market.error, market.creates = None, True
    clock.ms += 16 * SECOND
    assert robot.buy("2") == 1
    assert robot.marks == {}
    assert len(market.sent) == 2


def test_after_the_window_the_next_order_goes_out(robot: Robot, market: Market, clock: Clock) -> None:
    market.error, market.lists = UNCLEAR, False
    robot.buy_unclear("1")
    market.error, market.lookup_error = None, OutcomeUnknown("down")
    clock.ms += 59 * SECOND
    with pytest.raises(OrderStateUnknown):
        robot.buy("2", seconds=0.01)
    clock.ms += 2 * SECOND
    assert robot.buy("3") == 2
    assert robot.marks == {}


class SlowShop(Shop):
    """An exchange that needs longer than the window until it is sure that an order does not exist."""

    absent_after = 105.0


def test_the_next_order_waits_until_the_one_before_cannot_appear_any_more(
    robot: Robot, market: Market, clock: Clock
) -> None:
    robot.kind = SlowShop
    market.error, market.lists = UNCLEAR, False
    robot.buy_unclear("1")
    market.error = None
    clock.ms += 80 * SECOND
    with pytest.raises(OrderStateUnknown, match="within 105 s the next order"):
        robot.buy("2", seconds=0.01)
    market.lists = True  # late, and before the exchange could be sure
    assert robot.buy("3") == 1
    assert robot.marks == {"adopted": True}
    assert len(market.sent) == 1


def test_a_long_wait_for_unknown_orders_answers_with_no_order_of_before_the_window(
    robot: Robot, market: Market, clock: Clock
) -> None:
    robot.kind = SlowShop
    robot.is_listening = False
    assert robot.buy("1") == 1
    clock.ms += 80 * SECOND
    assert robot.buy("2") == 2


@pytest.mark.parametrize("other", ["side", "symbol", "account"])
def test_other_lines_do_not_wait(robot: Robot, market: Market, other: str) -> None:
    market.error, market.creates = UNCLEAR, False
    robot.buy_unclear("1")
    market.error, market.creates = None, True
    if other == "account":
        robot.account = "b"
    place: Callable[[], OrderId] = {
        "side": lambda: robot.sell("2"),
        "symbol": lambda: robot.buy("2", symbol=Symbol.parse("ETH_USDT")),
        "account": lambda: robot.buy("2"),
    }[other]
    assert place() == 1
    assert len(market.sent) == 2


def test_of_several_orders_that_nobody_was_told_of_the_closest_answers(robot: Robot, market: Market) -> None:
    """Orders of a grid are less than 5 % apart; each caller has hung up before its answer."""
    others = [Robot(market, robot.journal, robot.clock, is_connected=True) for _ in range(3)]
    desks = [one.open_desk(f"{number}") for number, one in enumerate(others)]
    for desk, price in zip(desks, ("100", "102", "104"), strict=True):
        desk.place(BTC, Direction.BUY, Decimal(price), Decimal(1))
    for desk in desks:
        desk.close(delivered=False)
    assert [robot.buy(f"again {price}", price) for price in ("104", "100.1", "102")] == [3, 1, 2]
    assert len(market.sent) == 3
