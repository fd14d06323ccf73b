"""Orders of one line go side by side while no one can be the next attempt at another."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from orders.journal import Journal
from protocol.errors import NotSent, OrderStateUnknown
from protocol.models import Direction, NewOrder, OrderId
from tests.conftest import Clock
from tests.orders.shop import BTC, UNCLEAR, Market, OldShop, Robot, Shop

BUY_ONE = (Direction.BUY, Decimal(100), Decimal(1))
SOON = 0.02  # seconds of a call that is expected to wait in vain


class Checked(Shop):
    """It asks once more before an order goes out, as every exchange does."""

    before_last_check: Callable[[], object] = staticmethod(lambda: None)

    def trade(self, order: NewOrder) -> OrderId:
        self.before_last_check()
        self.last_check()
        return super().trade(order)


@pytest.fixture
def robot(market: Market, journal: Journal, clock: Clock) -> Robot:
    return Robot(market, journal, clock, is_connected=True)


@pytest.fixture
def other(market: Market, journal: Journal, clock: Clock) -> Robot:
    return Robot(market, journal, clock, is_connected=True)


def while_under_way(market: Market, act: Callable[[], object]) -> None:
    """Act once, while the next order is at the exchange."""

    def on_order() -> None:
        market.on_order = lambda: None
        act()

    market.on_order = on_order


def waits(robot: Robot, nonce: str) -> None:
    with pytest.raises(NotSent, match="an earlier order of BTC_USDT buy is still in progress; nothing was sent"):
        robot.buy(nonce, seconds=SOON)


def test_orders_of_callers_that_are_connected_go_side_by_side(robot: Robot, other: Robot, market: Market) -> None:
    ids: list[OrderId] = []
    while_under_way(market, lambda: ids.append(other.buy("2")))
    ids.append(robot.buy("1"))
    assert ids == [1, 2]
    assert (robot.marks, other.marks) == ({}, {})


@pytest.mark.parametrize("is_connected", [True, False])
def test_an_order_whose_own_caller_is_not_seen_goes_beside_others(
    robot: Robot, other: Robot, market: Market, is_connected: bool
) -> None:
    """Only who was there before can be what it is the next attempt at."""
    other.is_connected = is_connected
    while_under_way(market, lambda: other.buy("2"))
    robot.buy("1")
    assert len(market.sent) == 2


def test_the_line_waits_for_an_order_whose_caller_is_gone(robot: Robot, other: Robot, market: Market) -> None:
    def act() -> None:
        robot.is_connected = False
        waits(other, "2")

    while_under_way(market, act)
    robot.buy("1")
    assert len(market.sent) == 1


def test_the_line_waits_for_an_order_that_its_caller_may_have_given_up(
    robot: Robot, other: Robot, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of its connection may be lost on the way."""
    times = iter([0.0, 1.01])
    monkeypatch.setattr("orders.queue.monotonic", lambda: next(times))
    while_under_way(market, lambda: waits(other, "2"))
    robot.buy("1")
    assert len(market.sent) == 1


def test_the_line_waits_while_an_unclear_order_is_looked_for(robot: Robot, other: Robot, market: Market) -> None:
    def pause(seconds: float) -> None:
        if not market.lists:
            waits(other, "2")
            market.lists = True

    robot.sleep = pause
    market.error, market.lists = UNCLEAR, False
    assert robot.buy("1") == 1
    assert robot.marks == {"found": True}
    assert len(market.sent) == 1


def test_an_unclear_order_answers_the_next_attempt_and_no_neighbour(robot: Robot, other: Robot, market: Market) -> None:
    """The neighbour has its own order; the next attempt is given the one that nobody was told of."""

    def neighbour() -> None:
        market.error = None
        assert other.buy("2") == 1
        market.error = UNCLEAR

    while_under_way(market, neighbour)
    market.error, market.lists = UNCLEAR, False
    with pytest.raises(OrderStateUnknown):
        robot.buy("1", seconds=SOON)
    market.error, market.lists = None, True
    assert robot.buy("3") == 2
    assert robot.marks == {"adopted": True}
    assert len(market.sent) == 2


def test_without_client_ids_orders_go_one_after_another(robot: Robot, other: Robot, market: Market) -> None:
    robot.kind = other.kind = OldShop
    while_under_way(market, lambda: waits(other, "2"))
    robot.buy("1")
    assert len(market.sent) == 1


def test_the_same_request_beside_itself_sends_nothing(robot: Robot, other: Robot, market: Market) -> None:
    def again() -> None:
        with pytest.raises(OrderStateUnknown, match="the same request was made before"):
            other.buy("1", seconds=SOON)

    while_under_way(market, again)
    robot.buy("1")
    assert len(market.sent) == 1


@pytest.mark.parametrize(("price", "goes"), [("101", False), ("150", True)])
def test_an_order_that_may_be_the_next_attempt_after_all_is_not_sent(
    robot: Robot, other: Robot, market: Market, monkeypatch: pytest.MonkeyPatch, price: str, goes: bool
) -> None:
    """The caller of the first left before the second came, and that is seen only now."""
    robot.kind = other.kind = Checked

    def leave() -> None:
        robot.is_connected = False

    def second() -> None:
        monkeypatch.setattr(Checked, "before_last_check", staticmethod(leave))
        if goes:
            other.buy("2", price)
            return
        with pytest.raises(NotSent, match="an earlier order of BTC_USDT buy is still in progress; nothing was sent"):
            other.buy("2", price)

    while_under_way(market, second)
    robot.buy("1")
    assert len(market.sent) == (2 if goes else 1)


def test_an_order_goes_beside_one_whose_answer_is_on_its_way(robot: Robot, other: Robot) -> None:
    desk = robot.open_desk("1")
    assert desk.place(BTC, *BUY_ONE) == 1
    assert other.buy("2") == 2
    desk.close(delivered=True)


def test_an_order_waits_for_one_whose_answer_goes_to_nobody(robot: Robot, other: Robot, market: Market) -> None:
    desk = robot.open_desk("1")
    assert desk.place(BTC, *BUY_ONE) == 1
    robot.is_connected = False
    with pytest.raises(NotSent, match="still in progress"):
        other.buy("2", seconds=SOON)
    desk.close(delivered=False)
    assert other.buy("3") == 1
    assert other.marks == {"adopted": True}
    assert len(market.sent) == 1


def test_a_call_that_broke_off_keeps_nobody_waiting(robot: Robot, other: Robot, market: Market) -> None:
    """Its row is as that of a process that died."""

    def break_off() -> None:
        raise SystemExit

    while_under_way(market, break_off)
    with pytest.raises(SystemExit):
        robot.buy("1")
    with pytest.raises(OrderStateUnknown, match="an earlier order of this symbol and side is still unknown"):
        other.buy("2", seconds=SOON)
