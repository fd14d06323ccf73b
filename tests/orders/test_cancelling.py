"""A cancel is true only when the order is seen cancelled."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from protocol.errors import (
    AuthenticationFailed,
    NotSent,
    OrderFilled,
    OrderNotFound,
    OutcomeUnknown,
    RateLimited,
)
from protocol.models import NewOrder, Side, Status, Symbol
from tests.orders.shop import BTC, UNCLEAR, Market, Robot, Shop


def cancelling(result: bool | Exception) -> type[Shop]:
    """Return an exchange whose ``cancel`` returns or raises this."""

    class Cancels(Shop):
        def cancel(self, symbol: Symbol, order_id: str) -> bool:
            if isinstance(result, Exception):
                raise result
            return result

    return Cancels


GONE = OrderNotFound("Shop -11 no such order")


@pytest.mark.parametrize(
    ("result", "status", "answer"),
    [
        (True, None, True),
        (False, Status.CANCELLED, True),
        (GONE, Status.CANCELLED, True),
        (UNCLEAR, Status.CANCELLED, True),
        (False, Status.CLOSED, OrderFilled),
        (GONE, Status.CLOSED, OrderFilled),
        (UNCLEAR, Status.CLOSED, OrderFilled),
        (False, Status.OPEN, OutcomeUnknown),
        (GONE, Status.OPEN, OutcomeUnknown),
        (UNCLEAR, Status.OPEN, OutcomeUnknown),
        (GONE, None, OrderNotFound),
        (False, None, OutcomeUnknown),
        (NotSent("no connection"), Status.OPEN, NotSent),
        (AuthenticationFailed("who"), Status.OPEN, AuthenticationFailed),
    ],
)
def test_a_cancellation_is_true_only_when_it_is_done(
    robot: Robot, market: Market, result: bool | Exception, status: Status | None, answer: Any
) -> None:
    robot.kind = cancelling(result)
    if status:
        market.add(NewOrder(symbol=BTC, side=Side.BUY, price=None, amount=Decimal(1)), status)
    if answer is True:
        assert robot.open_desk("").cancel(BTC, "1") is True
        return
    with pytest.raises(answer) as raised:
        robot.open_desk("").cancel(BTC, "1")
    assert type(raised.value) is answer
    if result is GONE:
        assert market.lookup_count == 1, "one targeted look-up"


def test_an_accepted_cancellation_is_waited_for(robot: Robot, market: Market) -> None:
    order = market.add(NewOrder(symbol=BTC, side=Side.BUY, price=None, amount=Decimal(1)))
    robot.kind = cancelling(False)

    def later(_: float) -> None:
        if market.lookup_count == 3:
            market.orders["1"] = replace(order, status=Status.CANCELLED)

    robot.sleep = later
    assert robot.open_desk("").cancel(BTC, "1") is True
    assert market.lookup_count == 4


def test_an_unreadable_cancellation_is_looked_at(robot: Robot, market: Market) -> None:
    class Odd(Shop):
        def cancel(self, symbol: Symbol, order_id: str) -> bool:
            self.replies.append(b"{}")
            raise KeyError("status")

    robot.kind = Odd
    market.add(NewOrder(symbol=BTC, side=Side.BUY, price=None, amount=Decimal(1)), Status.CANCELLED)
    assert robot.open_desk("").cancel(BTC, "1") is True


@pytest.mark.parametrize("error", [RateLimited("wait"), NotSent("no"), AuthenticationFailed("who"), KeyError("x")])
def test_a_look_that_fails_says_nothing_of_the_cancellation(robot: Robot, market: Market, error: Exception) -> None:
    robot.kind = cancelling(False)
    market.lookup_error = error
    with pytest.raises(OutcomeUnknown, match="the cancellation was accepted; the order could not be looked at"):
        robot.open_desk("").cancel(BTC, "1")
    assert market.lookup_count > 3
