"""An order whose answer did not reach its caller, or not yet: the next order adopts it, or waits."""

from dataclasses import replace
from decimal import Decimal

import pytest

from orders.intents import State
from orders.journal import Journal
from protocol.errors import NotSent, OrderStateUnknown
from protocol.models import NewOrder, Side
from tests.conftest import Clock
from tests.orders.shop import BTC, SECOND, UNCLEAR, Market, Robot


def test_an_order_under_way_elsewhere_is_waited_for(
    robot: Robot, market: Market, journal: Journal, clock: Clock
) -> None:
    """Check that another worker's row in the journal is waited for."""
    market.on_order = lambda: pytest.fail("sent")
    first = Robot(market, journal, clock)

    def meanwhile(_: float) -> None:
        intent = journal.get("Shopa1")
        assert intent
        journal.decide(replace(intent, state=State.ACCEPTED, order_id=77))
        journal.mark_delivered(intent)
        market.on_order = lambda: None

    robot.sleep = meanwhile
    first.die_while_sending("1")
    assert robot.buy("2") == 1
    assert robot.marks == {}, "the other worker told its own caller"
    assert len(market.sent) == 1


@pytest.mark.parametrize("exists", [True, False])
def test_the_order_of_a_killed_worker_is_resolved_by_the_next(
    robot: Robot, market: Market, clock: Clock, exists: bool
) -> None:
    robot.die_while_sending("1")
    if exists:
        market.add(NewOrder(symbol=BTC, side=Side.BUY, price=None, amount=Decimal(1), client_id="Shopa1"))
    with pytest.raises(OrderStateUnknown):
        robot.buy("2", seconds=2)  # it may be under way still
    clock.ms += 12 * SECOND
    if not exists:
        clock.ms += 16 * SECOND
    assert robot.buy("3") == 1
    assert robot.marks == ({"adopted": True} if exists else {})
    assert len(market.orders) == 1


def test_a_killed_workers_request_is_answered_when_it_is_repeated(robot: Robot, market: Market, clock: Clock) -> None:
    robot.die_while_sending("1")
    market.add(NewOrder(symbol=BTC, side=Side.BUY, price=None, amount=Decimal(1), client_id="Shopa1"))
    clock.ms += 13 * SECOND
    assert robot.buy("1") == 1
    assert robot.marks == {"replayed": True}


def test_an_order_whose_caller_hung_up_is_the_answer_to_the_next(robot: Robot, market: Market) -> None:
    robot.is_listening = False
    robot.buy("1")
    robot.is_listening = True
    assert robot.buy("2") == 1
    assert robot.marks == {"adopted": True}
    assert robot.buy("3") == 2


@pytest.mark.parametrize("deaths", [1, 2])
def test_an_order_whose_worker_died_before_the_answer_is_the_answer_to_the_next(
    robot: Robot, market: Market, clock: Clock, deaths: int
) -> None:
    """Check one death, and that of the next order's worker as well."""
    robot.is_listening = None
    for nonce in range(1, deaths + 1):
        assert robot.buy(str(nonce)) == 1
        clock.ms += 13 * SECOND
    robot.is_listening = True
    assert robot.buy("9") == 1
    assert robot.marks == {"adopted": True}
    assert robot.buy("10") == 2


def test_an_answer_on_its_way_is_waited_for(robot: Robot, market: Market, journal: Journal) -> None:
    robot.is_listening = None
    robot.buy("1")
    first, robot.is_listening = robot.desk, True
    assert first

    def meanwhile(_: float) -> None:
        first.close(delivered=True)

    robot.sleep = meanwhile
    assert robot.buy("2") == 2
    assert robot.marks == {}


def test_an_answer_that_takes_too_long_holds_the_next_order(robot: Robot, market: Market) -> None:
    robot.is_listening = None
    robot.buy("1")
    with pytest.raises(NotSent, match="an earlier order of BTC_USDT buy is still in progress; nothing was sent"):
        robot.buy("2", seconds=2)
    assert len(market.sent) == 1


def test_an_order_whose_caller_hung_up_before_it_was_sent_is_not_sent(robot: Robot, market: Market) -> None:
    """Check an order that waited for an unclear one; its strategy has asked again since."""
    market.error, market.creates = UNCLEAR, False
    robot.buy_unclear("1")
    market.error, market.creates = None, True

    def hang_up(_: float) -> None:
        robot.has_hung_up = True
        robot.clock.ms += 100 * SECOND

    robot.sleep = hang_up
    with pytest.raises(NotSent, match="the caller closed the connection before the order was sent"):
        robot.buy("2")
    assert len(market.sent) == 1


@pytest.mark.parametrize("is_listening", [False, None])
def test_a_caller_that_asks_again_knows_the_order(robot: Robot, market: Market, is_listening: bool | None) -> None:
    robot.is_listening = is_listening
    robot.buy("1")
    robot.is_listening = True
    assert robot.buy("1") == 1
    assert robot.buy("2") == 2
