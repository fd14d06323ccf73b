"""A repeat is the same nonce and the same order; another order with the same nonce is another order."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest

from orders.intents import State
from orders.journal import Journal
from protocol.errors import InvalidCall, NotSent, OrderStateUnknown
from protocol.models import Direction, NewOrder, OrderId, Symbol
from tests.conftest import Clock
from tests.orders.shop import BTC, UNCLEAR, Market, Robot, Shop


class Written(Shop):
    """An account whose client ids depend on how the order was written, as real ones do."""

    written: str = ""

    def new_client_id(self) -> str:
        return f"{super().new_client_id()} {self.written}"


class Closing(Shop):
    """An account that closes, whatever is asked for."""

    def new_client_id(self) -> str:
        return f"{super().new_client_id()} closes"

    def new_order(self, symbol: Symbol, direction: Direction, price: Decimal | None, amount: Decimal) -> NewOrder:
        return replace(super().new_order(symbol, direction, price, amount), closes=True)


def place(robot: Robot, written: str, price: str | None = "100", amount: str = "1", **other: Any) -> OrderId:
    """Place an order with the nonce 1. written: how its parameters were written."""

    class Once(Written):
        pass

    Once.written = written
    robot.kind = Once
    return robot.buy("1", price, amount, **other)


@pytest.mark.parametrize(
    "other", [{"price": "101"}, {"price": None}, {"amount": "2"}, {"symbol": Symbol("ETH", "USDT")}]
)
def test_another_order_with_the_same_nonce_goes_out(robot: Robot, market: Market, other: dict[str, Any]) -> None:
    assert place(robot, "one") == 1
    assert place(robot, "two", **other) == 2
    assert robot.marks == {}
    assert place(robot, "one") == 1
    assert robot.marks == {"replayed": True}
    assert place(robot, "two", **other) == 2
    assert robot.marks == {"replayed": True}
    assert len(market.sent) == 2


def test_the_other_side_and_the_other_position_are_other_orders(robot: Robot, market: Market) -> None:
    assert place(robot, "buy") == 1
    assert robot.kind
    desk = robot.open_desk("1")
    desk._exchange.request = "1 sell"  # type: ignore[attr-defined]
    assert desk.place(BTC, Direction.SELL, Decimal(100), Decimal(1)) == 2
    robot.kind = Closing
    assert robot.buy("1") == 3


def test_the_same_order_written_otherwise_is_a_repeat(robot: Robot, market: Market) -> None:
    assert place(robot, "one", "100", "1") == 1
    assert place(robot, "two", "100.00", "1.0") == 1
    assert robot.marks == {"replayed": True}
    assert len(market.sent) == 1


def test_an_unclear_order_holds_another_one_with_its_nonce_and_is_not_its_answer(robot: Robot, market: Market) -> None:
    """Nobody tries again within the same millisecond."""
    market.error, market.lists = UNCLEAR, False
    with pytest.raises(OrderStateUnknown):
        place(robot, "one")
    with pytest.raises(OrderStateUnknown, match="an earlier order of this symbol and side is still unknown"):
        place(robot, "two", "101", seconds=1)
    market.error, market.lists = None, True
    assert place(robot, "two", "101") == 2
    assert place(robot, "one") == 1
    assert len(market.sent) == 2


def test_what_was_not_sent_may_be_tried_again_written_either_way(
    robot: Robot, market: Market, journal: Journal
) -> None:
    market.creates, market.error = False, NotSent("no connection")
    for written in ("one", "two"):
        with pytest.raises(NotSent):
            place(robot, written)
    market.creates, market.error = True, None
    assert place(robot, "two") == 1
    assert place(robot, "one") == 1
    assert robot.marks == {"replayed": True}
    assert len(market.orders) == 1
    assert [intent.state for intent in journal.list_orders(everything=True)] == [State.ACCEPTED]


@pytest.mark.parametrize("first", ["sent", "not sent"])
def test_strict_nonces_are_used_once(robot: Robot, market: Market, first: str) -> None:
    robot.journal.strict_nonces = True
    market.error = NotSent("no connection") if first == "not sent" else None
    if market.error:
        with pytest.raises(NotSent):
            place(robot, "one")
    else:
        place(robot, "one")
    market.error = None
    with pytest.raises(InvalidCall, match="the nonce 1 was used for another order, Shopa1 one; nothing was sent"):
        place(robot, "two", "101")
    assert len(market.sent) == 1
    assert place(robot, "one")


@pytest.mark.parametrize("strict", [False, True])
def test_different_orders_with_one_nonce_at_once(market: Market, journal: Journal, clock: Clock, strict: bool) -> None:
    journal.strict_nonces = strict
    start = Barrier(8)
    symbols = [Symbol(name, "USDT") for name in "ABCDEFGH"]

    def once(symbol: Symbol) -> object:
        robot = Robot(market, journal, clock)
        start.wait()
        try:
            return place(robot, str(symbol), symbol=symbol)
        except InvalidCall:
            return None

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(once, symbols))
    assert len(market.sent) == (1 if strict else 8)
    assert sum(one is not None for one in ids) == (1 if strict else 8)
