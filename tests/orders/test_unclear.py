"""An order whose outcome is unclear: it is looked up, and never called failed while it may exist."""

import pytest

from orders.intents import State
from orders.journal import Journal
from protocol.errors import NotSent, OrderStateUnknown, OutcomeUnknown
from protocol.models import NewOrder, OrderId, Status, Symbol
from tests.conftest import Clock
from tests.orders.shop import SECOND, UNCLEAR, Market, Robot, Shop


@pytest.mark.parametrize("status", Status)
def test_an_unclear_order_that_exists_is_the_answer(robot: Robot, market: Market, status: Status) -> None:
    market.error, market.creates = UNCLEAR, False
    market.on_order = lambda: market.add(market.sent[-1], status)
    assert robot.buy("1") == 1
    assert robot.marks == {"found": True}
    assert robot.desk
    assert robot.desk.replies == [b'{"looked": "up"}']
    assert len(market.sent) == 1


def test_an_order_listed_late_is_waited_for(robot: Robot, market: Market, clock: Clock) -> None:
    market.error, market.lists = UNCLEAR, False
    sleep = robot.sleep

    def later(seconds: float) -> None:
        sleep(seconds)
        market.lists = sum(robot.sleeps) >= 3

    robot.sleep = later
    assert robot.buy("1") == 1
    assert 3 <= sum(robot.sleeps) < 3.6
    assert market.lookup_count < 15


def test_an_unclear_order_that_is_not_found_may_exist(robot: Robot, market: Market, journal: Journal) -> None:
    market.error, market.creates = UNCLEAR, False
    with pytest.raises(
        OrderStateUnknown, match=r"Shopa1 Shop network: timeout\. The order may exist\. The gateway goes"
    ):
        robot.buy("1")
    intent = journal.get("Shopa1")
    assert intent
    assert (intent.state, intent.told_ms > 0) == (State.UNKNOWN, True)


def test_looking_fails_too(robot: Robot, market: Market) -> None:
    market.error, market.lookup_error = UNCLEAR, OutcomeUnknown("Shop network: reset")
    robot.buy_unclear()
    assert market.lookup_count > 1


def test_an_order_that_cannot_come_about_any_more_was_not_placed(robot: Robot, market: Market, clock: Clock) -> None:
    market.error, market.creates = UNCLEAR, False
    with pytest.raises(NotSent, match=r"has no order Shopa1.*safe to try again"):
        robot.buy("1", seconds=60)
    assert 15 < sum(robot.sleeps) < 16
    with pytest.raises(NotSent, match="has no order Shopa1"):  # and again
        robot.buy("1")
    assert len(market.sent) == 1


def test_a_reply_that_cannot_be_read_is_an_unclear_order(robot: Robot, market: Market) -> None:
    class Odd(Shop):
        def trade(self, order: NewOrder) -> OrderId:
            super().trade(order)
            raise KeyError("id")

    robot.kind = Odd
    market.lists = False
    with pytest.raises(OrderStateUnknown, match=r"unreadable \(KeyError\)"):
        robot.buy("1")
    market.lists = True
    assert robot.buy("2") == 1
    assert robot.marks == {"adopted": True}


def test_our_own_mistake_leaves_the_intent_to_be_resolved(robot: Robot, market: Market, clock: Clock) -> None:
    market.error = KeyError("ours")
    with pytest.raises(KeyError):
        robot.buy("1")
    market.error = None
    clock.ms += 13 * SECOND
    assert robot.buy("2") == 1
    assert robot.marks == {"adopted": True}
    assert len(market.sent) == 1


def test_part_of_the_time_is_kept_for_looking(robot: Robot, market: Market) -> None:
    left: list[float] = []

    class Watch(Shop):
        def trade(self, order: NewOrder) -> OrderId:
            left.append(self.deadline.at)
            return super().trade(order)

        def find(self, symbol: Symbol, client_id: str) -> OrderId | None:
            left.append(self.deadline.at)
            return super().find(symbol, client_id)

    robot.kind, market.error = Watch, UNCLEAR
    robot.buy("1")
    sending, looking = left
    assert 3.9 < looking - sending < 4.1
