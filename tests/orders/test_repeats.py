"""The same request again: it is answered with its order, and nothing is sent."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from orders.journal import Journal
from protocol.errors import InvalidCall
from protocol.models import OrderId
from tests.conftest import Clock
from tests.orders.shop import UNCLEAR, Market, Robot, Shop


def test_a_repeated_request_is_answered_with_the_stored_reply(robot: Robot, market: Market) -> None:
    assert robot.buy("1") == 1
    assert robot.buy("1") == 1
    assert robot.marks == {"replayed": True}
    assert robot.desk
    assert robot.desk.replies == [b'{"id": 1}']
    assert len(market.sent) == 1


def test_a_nonce_used_for_another_order_is_refused_if_nonces_are_strict(robot: Robot, market: Market) -> None:
    class Other(Shop):
        def new_client_id(self) -> str:
            return "another"

    robot.buy("1")
    robot.kind = Other
    robot.journal.strict_nonces = True
    with pytest.raises(InvalidCall, match="the nonce 1 was used for another order, Shopa1; nothing was sent"):
        robot.buy("1")
    assert len(market.sent) == 1


def test_requests_without_a_nonce_are_never_repeats(robot: Robot, market: Market) -> None:
    assert [robot.buy("") for _ in range(3)] == [1, 2, 3]


def test_accounts_and_nonces_are_apart(robot: Robot, market: Market) -> None:
    assert robot.buy("1") == 1
    assert robot.buy("2") == 2
    robot.account = "b"
    assert robot.buy("1") == 3


def test_a_repeated_unclear_request_is_looked_up(robot: Robot, market: Market) -> None:
    market.error, market.lists = UNCLEAR, False
    robot.buy_unclear()
    robot.buy_unclear(seconds=2)
    market.lists = True
    assert robot.buy("1") == 1
    assert robot.marks == {"replayed": True}
    market.error = None
    assert robot.buy("2") == 2, "its caller knows the first order by now"


def test_fifty_at_once_are_one_order(robot: Robot, market: Market, journal: Journal, clock: Clock) -> None:
    start = threading.Barrier(50)

    def once(_: int) -> tuple[OrderId, bool]:
        each = Robot(market, journal, Clock(clock.ms))
        each.sleep = time.sleep
        start.wait()
        return each.buy("1"), bool(each.marks)

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(once, range(50)))
    assert {answer for answer, _ in answers} == {1}
    assert sum(not replayed for _, replayed in answers) == 1
    assert len(market.sent) == 1
