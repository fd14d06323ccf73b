"""Orders of different lines do not wait for each other, and only an order that may be the same attempt is adopted."""

from dataclasses import replace
from decimal import Decimal

import pytest

from orders.desk import Desk
from orders.intents import Intent
from orders.journal import Journal
from orders.lookup import Lookup
from protocol.deadline import Deadline
from protocol.errors import OrderStateUnknown, OutcomeUnknown
from protocol.models import Direction, NewOrder, OrderId, Side, Symbol
from tests.conftest import NOW, Clock
from tests.orders.shop import BTC, UNCLEAR, Market, OldShop, Robot, Shop

SECOND = 1000  # ms


class Swaps(Shop):
    """An account that opens and closes."""

    name = "Swaps"

    def new_order(self, symbol: Symbol, direction: Direction, price: Decimal | None, amount: Decimal) -> NewOrder:
        order = super().new_order(symbol, Direction(direction.side.value), price, amount)
        return replace(order, closes=direction.closes)


class OldSwaps(Swaps):
    """One without client ids."""

    name = "OldSwaps"
    client_id = None


def place(robot: Robot, direction: Direction, nonce: str) -> OrderId:
    desk: Desk = robot.open_desk(nonce)
    order_id = desk.place(BTC, direction, Decimal(100), Decimal(1))
    desk.close(delivered=True)
    return order_id


def unclear(robot: Robot, *, made: bool) -> None:
    """Leave what is asked for next unclear, and unlisted for as long as the call lasts."""
    robot.market.error, robot.market.creates, robot.market.lists = UNCLEAR, made, False


def clear(robot: Robot) -> None:
    robot.market.error, robot.market.creates, robot.market.lists = None, True, True


@pytest.mark.parametrize("made", [True, False])
@pytest.mark.parametrize("first", Direction)
@pytest.mark.parametrize("second", Direction)
def test_each_direction_is_a_line_of_its_own(
    robot: Robot, market: Market, first: Direction, second: Direction, made: bool
) -> None:
    robot.kind = Swaps
    unclear(robot, made=made)
    with pytest.raises(OrderStateUnknown):
        place(robot, first, "1")
    clear(robot)
    if first is second and not made:
        market.lookup_error = OutcomeUnknown("down")
        with pytest.raises(OrderStateUnknown):
            place(robot, second, "2")
        assert len(market.sent) == 1
        return
    order_id = place(robot, second, "2")
    if first is second:
        assert (order_id, robot.marks, len(market.sent)) == (1, {"adopted": True}, 1)
        return
    assert (order_id, robot.marks, len(market.sent)) == (2 if made else 1, {}, 2)
    sent = market.sent[-1]
    assert (sent.side, sent.closes) == (second.side, second.closes)
    if made:  # the first one still waits for its own next attempt
        assert place(robot, first, "3") == 1
        assert robot.marks == {"adopted": True}


def test_a_closing_order_does_not_wait_in_the_process_for_an_opening_one(robot: Robot, market: Market) -> None:
    """Both sell: one is under way while the other comes and goes."""
    robot.kind = Swaps
    other = Robot(market, robot.journal, robot.clock, Swaps)
    ids: list[OrderId] = []

    def on_order() -> None:
        market.on_order = lambda: None
        ids.append(place(other, Direction.CLOSE_BUY, "2"))

    market.on_order = on_order
    ids.append(place(robot, Direction.SELL, "1"))
    assert ids == [1, 2]


def test_a_later_closing_order_is_no_twin_of_an_opening_one(robot: Robot, journal: Journal, market: Market) -> None:
    robot.kind = OldSwaps
    unclear(robot, made=True)
    for nonce, direction in enumerate((Direction.SELL, Direction.CLOSE_BUY), 1):
        market.creates = direction is Direction.SELL
        with pytest.raises(OrderStateUnknown):
            place(robot, direction, str(nonce))
        robot.clock.ms += 1
    clear(robot)
    opening = journal.get("OldSwapsa1")
    assert opening
    assert not journal.has_later_twin(opening)
    exchange = OldSwaps(market, "", robot.account, Deadline.after(5.0))
    assert Lookup(exchange, journal, robot.sleep).look(opening).order_id == 1


@pytest.mark.parametrize(
    ("price", "amount", "like"),
    [
        ("100", "1", True),
        ("104.9", "1", True),
        ("95", "1", True),
        ("94.9", "1", False),
        ("106", "1", False),
        ("100", "0.95", True),
        ("100", "0.9", False),
        ("100", "1.06", False),
        (None, "1", False),
        (None, "100", False),
    ],
)
def test_only_an_order_that_may_be_the_same_attempt_is_adopted(
    robot: Robot, market: Market, price: str | None, amount: str, like: bool
) -> None:
    unclear(robot, made=True)
    with pytest.raises(OrderStateUnknown):
        robot.buy("1")
    clear(robot)
    assert robot.buy("2", price, amount) == (1 if like else 2)
    assert robot.marks == ({"adopted": True} if like else {})
    assert len(market.sent) == (1 if like else 2)
    if not like:
        assert robot.buy("3") == 1, "the next attempt at the first is answered with it, later too"
        assert robot.marks == {"adopted": True}


def test_market_orders_are_compared_by_their_amounts(robot: Robot, market: Market) -> None:
    unclear(robot, made=True)
    with pytest.raises(OrderStateUnknown):
        robot.buy("1", None, "100")
    clear(robot)
    assert robot.buy("2", None, "200") == 2
    assert robot.buy("3", None, "101") == 1


def test_an_order_that_is_not_like_an_unclear_one_waits_for_clarity(robot: Robot, market: Market, clock: Clock) -> None:
    unclear(robot, made=False)
    with pytest.raises(OrderStateUnknown):
        robot.buy("1")
    clear(robot)
    market.lookup_error = OutcomeUnknown("down")
    with pytest.raises(OrderStateUnknown, match=r"Shopa1 an earlier order .* nothing new was sent"):
        robot.buy("2", "200", seconds=2)
    assert len(market.sent) == 1
    market.lookup_error = None
    clock.ms += 16 * SECOND
    assert robot.buy("3", "200") == 1
    assert robot.marks == {}


@pytest.mark.parametrize(("within", "adopted"), [("0", False), ("10", True)])
def test_how_far_apart_is_a_setting(robot: Robot, within: str, adopted: bool) -> None:
    robot.journal.adopt_within = Decimal(within)
    unclear(robot, made=True)
    with pytest.raises(OrderStateUnknown):
        robot.buy("1")
    clear(robot)
    robot.buy("2", "109")
    assert robot.marks == ({"adopted": True} if adopted else {})


def test_an_answer_on_its_way_is_not_waited_for_by_an_order_that_is_not_like_it(robot: Robot, market: Market) -> None:
    robot.is_listening = None
    robot.buy("1")
    assert robot.buy("2", "200") == 2
    assert robot.sleeps == []


def test_an_old_exchanges_order_is_not_adopted_by_another_kind(old: Robot, market: Market) -> None:
    assert old.kind is OldShop
    unclear(old, made=True)
    with pytest.raises(OrderStateUnknown):
        old.buy("1")
    clear(old)
    assert old.buy("2", "200") == 2
    assert old.buy("3") == 1


def test_the_distance_is_exact() -> None:
    one = Intent(
        client_id="1", exchange="Shop", account="a", nonce="1", symbol=BTC, market_name="BTC_USDT",
        side=Side.BUY, price=Decimal("0.00000100"), amount=Decimal(1), closes=False, created_ms=NOW, expires_ms=NOW,
    )  # fmt: skip
    for price, like in (("0.00000095", True), ("0.00000094", False), ("0.0000010526", True), ("0.0000010527", False)):
        other = replace(one, nonce="2", price=Decimal(price))
        assert one.is_like(other, Decimal(5)) is other.is_like(one, Decimal(5)) is like
