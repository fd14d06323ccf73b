"""A modified order is asked for first, changed by one request that has its whole new state, and never sent again."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from orders.intents import State
from orders.journal import Journal
from orders.lookup import Lookup
from protocol.deadline import Deadline
from protocol.errors import (
    AuthenticationFailed,
    GatewayError,
    InvalidCall,
    InvalidOrder,
    NotSent,
    OrderFilled,
    OrderNotFound,
    OrderStateUnknown,
    OutcomeUnknown,
    RateLimited,
)
from protocol.models import Direction, NewOrder, Order, OrderId, Side, Status, Symbol
from tests.conftest import Clock
from tests.orders.shop import BTC, UNCLEAR, Market, OldShop, Robot, Shop
from tests.orders.test_rollover import QUARTER, Dated, roll

AS_IT_IS = None


def modify(
    robot: Robot,
    price: str | None,
    amount: str | None,
    *,
    order_id: str = "1",
    direction: Direction = Direction.BUY,
    symbol: Symbol | None = BTC,
) -> OrderId:
    """Modify an order as FMZ does; None leaves one as it is."""
    numbers = [None if text is None else Decimal(text) for text in (price, amount)]
    return robot.open_desk("").modify(symbol, order_id, direction, *numbers)


def filled(market: Market, amount: str, status: Status = Status.OPEN) -> None:
    """Let so much of the first order be filled."""
    market.orders["1"] = replace(market.orders["1"], filled=Decimal(amount), status=status)


def sent(market: Market) -> list[tuple[str, str, str, str]]:
    """Return what was sent: id, side, price and amount."""
    return [(order_id, order.side, str(order.price), str(order.amount)) for order_id, order in market.modified]


# What is sent -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "amount", "whole"),
    [("101", "2", ("101", "2")), ("101", AS_IT_IS, ("101", "1")), (AS_IT_IS, "2", ("100", "2"))],
)
def test_what_is_sent_is_the_whole_new_state(
    robot: Robot, market: Market, price: str | None, amount: str | None, whole: tuple[str, str]
) -> None:
    robot.buy("1")
    assert modify(robot, price, amount) == 1
    assert sent(market) == [("1", "buy", *whole)]
    assert robot.marks == {}
    assert robot.desk
    assert robot.desk.replies == [b'{"modified": true}']


def test_the_same_call_once_more_changes_nothing_more(robot: Robot, market: Market) -> None:
    robot.buy("1")
    assert [modify(robot, "101", "2") for _ in range(3)] == [1, 1, 1]
    assert len(market.modified) == 1
    assert robot.desk
    assert robot.desk.replies == [b'{"order": true}'], "the order as it is"


def test_what_is_filled_meanwhile_is_a_part_of_the_whole_amount(robot: Robot, market: Market) -> None:
    robot.buy("1")
    filled(market, "0.4")
    modify(robot, "101", AS_IT_IS)
    assert sent(market) == [("1", "buy", "101", "1")]


class Stepped(Shop):
    """An exchange with price steps of 0.5 and amount steps of 0.1."""

    def fit(self, order: NewOrder) -> NewOrder:
        assert order.price
        price, amount = (number // step * step for number, step in ((order.price, HALF), (order.amount, TENTH)))
        return replace(order, price=price, amount=amount)


HALF, TENTH = Decimal("0.5"), Decimal("0.1")


def test_new_numbers_are_fitted_and_what_stays_is_not(robot: Robot, market: Market) -> None:
    robot.buy("1", "100.3", "1.23")
    robot.kind = Stepped
    modify(robot, "101.7", AS_IT_IS)
    assert sent(market) == [("1", "buy", "101.5", "1.23")]
    assert robot.marks == {"sent": {"price": Decimal("101.5"), "amount": Decimal("1.23")}}
    modify(robot, AS_IT_IS, "1.3")
    assert sent(market)[1:] == [("1", "buy", "101.5", "1.3")]
    assert robot.marks == {}
    modify(robot, "101.6", "1.35")
    assert len(market.modified) == 2, "on its steps it is what the order has already"


def test_a_price_that_stays_is_not_moved_to_a_step(robot: Robot, market: Market) -> None:
    robot.buy("1", "100.3", "1")
    robot.kind = Stepped
    modify(robot, AS_IT_IS, "1.57")
    assert sent(market) == [("1", "buy", "100.3", "1.5")]


def test_an_amount_that_leaves_nothing_in_whole_steps_is_refused(robot: Robot, market: Market) -> None:
    robot.buy("1", amount="2")
    filled(market, "1.2")
    robot.kind = Stepped
    with pytest.raises(InvalidCall, match=r"1\.2 of order 1 is filled, and a whole amount of 1\.2 leaves nothing"):
        modify(robot, AS_IT_IS, "1.25")
    assert market.modified == []


def test_an_amount_that_does_not_fit_is_told_as_that_of_a_new_order(robot: Robot, market: Market) -> None:
    class Refuses(Shop):
        def fit(self, order: NewOrder) -> NewOrder:
            raise InvalidOrder("Shop: the amount 0.001 is less than one amount step, and nothing was sent")

    robot.buy("1")
    robot.kind = Refuses
    with pytest.raises(InvalidOrder, match="less than one amount step, and nothing was sent"):
        modify(robot, AS_IT_IS, "0.001")
    assert market.modified == []


# What is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "asked", "kind", "words"),
    [
        ({"status": Status.CLOSED}, {}, OrderFilled, "order 1 is filled, and cannot be modified; nothing was sent"),
        ({"status": Status.CANCELLED}, {}, OrderNotFound, "order 1 is cancelled, and cannot be modified: place a new"),
        ({"side": Side.SELL}, {}, InvalidCall, "order 1 is a sell and not a buy: a modified order keeps its side"),
        ({}, {"direction": Direction.CLOSE_SELL}, InvalidCall, "order 1 is a buy and not a closesell"),
        ({"price": Decimal(0)}, {}, InvalidCall, "order 1 is a market order, and cannot be modified; nothing was sent"),
        ({"filled": Decimal("0.5")}, {"amount": "0.5"}, InvalidCall, "call CancelOrder to end it; nothing was sent"),
        ({"filled": Decimal("0.5")}, {"amount": "0.4"}, InvalidCall, "whole amount of 0.4 leaves nothing"),
        ({"filled": Decimal(1)}, {"amount": AS_IT_IS}, InvalidCall, "a whole amount of 1 leaves nothing"),
        ({}, {"order_id": "7"}, OrderNotFound, "Shop has no such order"),
    ],
)
def test_an_order_that_cannot_become_what_is_asked_is_refused(
    robot: Robot,
    market: Market,
    changes: dict[str, Any],
    asked: dict[str, Any],
    kind: type[GatewayError],
    words: str,
) -> None:
    robot.buy("1")
    market.orders["1"] = replace(market.orders["1"], **changes)
    with pytest.raises(kind, match=words):
        modify(robot, **{"price": "101", "amount": "2", **asked})
    assert market.modified == []


def test_a_closing_order_of_futures_is_named_by_its_closing_type(market: Market, robot: Robot) -> None:
    robot.kind = type("Futures", (Dated,), {"contract_of": {}, "asked": []})
    robot.buy("1", symbol=QUARTER)
    assert modify(robot, "101", "2", direction=Direction.CLOSE_SELL, symbol=QUARTER) == 1
    [(_, order)] = market.modified
    assert (order.closes, order.symbol.contract) == (True, "BTCMAR")


@pytest.mark.parametrize("error", [OutcomeUnknown("Shop network: timeout"), RateLimited("wait"), NotSent("no")])
def test_an_order_that_cannot_be_looked_at_is_not_modified(robot: Robot, market: Market, error: GatewayError) -> None:
    robot.buy("1")
    market.lookup_error = error
    with pytest.raises(GatewayError) as raised:
        modify(robot, "101", "2")
    unclear = type(error) is OutcomeUnknown
    assert type(raised.value) is (NotSent if unclear else type(error))
    assert ("That was asked before the modification, which was not sent" in str(raised.value)) is unclear
    assert market.modified == []


def test_an_order_that_cannot_be_read_is_not_modified(robot: Robot, market: Market) -> None:
    class Odd(Shop):
        def order(self, symbol: Symbol, order_id: str) -> Order:
            self.replies.append(b"{}")
            raise KeyError("price")

    robot.buy("1")
    robot.kind = Odd
    with pytest.raises(NotSent, match=r"Shop: unreadable \(KeyError\)\. That was asked before the modification"):
        modify(robot, "101", "2")
    assert market.modified == []


def test_a_caller_that_has_left_modifies_nothing(robot: Robot, market: Market) -> None:
    """It may have asked for another price since, and this one must not come after that."""
    robot.buy("1")
    desk = robot.open_desk("")
    robot.has_hung_up = True
    with pytest.raises(NotSent, match="the caller closed the connection"):
        desk.modify(BTC, "1", Direction.BUY, Decimal(101), None)
    assert market.modified == []


# What the exchange says -------------------------------------------------------------------------------------------


def test_an_unclear_modification_is_told_and_not_sent_again(robot: Robot, market: Market) -> None:
    robot.buy("1")
    market.modify_error = UNCLEAR
    with pytest.raises(OrderStateUnknown) as raised:
        modify(robot, "101", "2")
    assert str(raised.value) == (
        "ORDER_STATE_UNKNOWN Shop network: timeout. Order 1 may have the old or the new price and amount: ask "
        "GetOrder, then call ModifyOrder again if it still has the old ones"
    )
    assert len(market.modified) == 1
    assert market.lookup_count == 1, "before it was sent"


def test_a_modification_whose_reply_cannot_be_read_is_unclear(robot: Robot, market: Market) -> None:
    class Odd(Shop):
        def modify(self, order_id: str, order: NewOrder) -> OrderId:
            self.replies.append(b"{}")
            raise KeyError("id")

    robot.buy("1")
    robot.kind = Odd
    with pytest.raises(OrderStateUnknown, match=r"unreadable \(KeyError\)\. Order 1 may have"):
        modify(robot, "101", "2")


def test_our_own_mistake_is_no_answer_of_the_exchange(robot: Robot) -> None:
    class Wrong(Shop):
        def modify(self, order_id: str, order: NewOrder) -> OrderId:
            raise KeyError("our own")

    robot.buy("1")
    robot.kind = Wrong
    with pytest.raises(KeyError, match="our own"):
        modify(robot, "101", "2")


@pytest.mark.parametrize(
    "error",
    [
        OrderFilled("Shop -3 filled"), OrderNotFound("Shop -4 gone"), NotSent("no connection"), RateLimited("wait"),
        AuthenticationFailed("who"),
    ],
)  # fmt: skip
def test_a_refusal_is_the_exchanges_own(robot: Robot, market: Market, error: GatewayError) -> None:
    robot.buy("1")
    market.modify_error = error
    with pytest.raises(type(error)) as raised:
        modify(robot, "101", "2")
    assert raised.value is error


def test_the_rules_of_the_market_explain_a_refusal(robot: Robot, market: Market) -> None:
    robot.buy("1")
    market.modify_error = InvalidOrder("Shop -5 below the least value")
    with pytest.raises(InvalidOrder, match="Shop -5 below the least value; the market's rules"):
        modify(robot, "101", "2")


# What the journal has of it ---------------------------------------------------------------------------------------


def test_the_request_of_a_modified_order_is_answered_with_its_id(robot: Robot, market: Market) -> None:
    robot.buy("1")
    modify(robot, "150", "3")
    assert robot.buy("1") == 1
    assert robot.marks == {"replayed": True}
    assert len(market.sent) == 1


def test_the_journal_has_what_an_order_was_placed_with(robot: Robot, journal: Journal) -> None:
    robot.buy("1")
    modify(robot, "150", "3")
    [intent] = journal.list_orders(everything=True)
    assert (str(intent.price), str(intent.amount), intent.order_id) == ("100", "1", 1)


def unclear_and_modified(robot: Robot, market: Market) -> str:
    """Place an order whose answer is lost, and modify it; return its client id."""
    market.error, market.lists = UNCLEAR, False
    client_id = robot.buy_unclear("1", seconds=1)
    market.error, market.lists = None, True
    modify(robot, "150", "3")
    return client_id


def test_an_unclear_order_is_found_by_its_client_id_whatever_it_was_modified_to(
    robot: Robot, market: Market, journal: Journal, clock: Clock
) -> None:
    client_id = unclear_and_modified(robot, market)
    clock.ms += 60_000
    [due] = journal.list_due("Shop")
    shop = Shop(market, "", "a", Deadline.after(10))
    found = Lookup(shop, journal, lambda _: None).look(due)
    assert (found.client_id, found.state, found.order_id) == (client_id, State.ACCEPTED, 1)


def test_the_next_attempt_at_an_unclear_order_is_answered_with_it_though_it_was_modified(
    robot: Robot, market: Market
) -> None:
    """A strategy tries again what it asked for, and knows nothing of what another has made of it."""
    unclear_and_modified(robot, market)
    assert robot.buy("2", "100.5") == 1
    assert robot.marks == {"adopted": True}
    assert len(market.sent) == 1


def test_an_order_like_the_modified_one_is_a_new_one(robot: Robot, market: Market) -> None:
    unclear_and_modified(robot, market)
    assert robot.buy("2", "150", "3") == 2
    assert robot.marks == {}


def test_without_client_ids_an_unclear_order_that_was_modified_holds_the_next_one(old: Robot, market: Market) -> None:
    """Look-ups there know an order by its terms."""
    unclear_and_modified(old, market)
    with pytest.raises(OrderStateUnknown):
        old.buy("2", seconds=1)
    assert len(market.sent) == 1


class NewIds(Dated):
    """An exchange that puts another order in the place of a modified one."""

    def modify(self, order_id: str, order: NewOrder) -> OrderId:
        super().modify(order_id, order)
        after = replace(self.books.orders[order_id], id=int(order_id) + 100)
        self.books.orders[str(after.id)] = after
        return after.id


@pytest.fixture
def replacing(robot: Robot) -> Robot:
    robot.kind = type("Dated", (NewIds,), {"contract_of": {}, "asked": []})
    return robot


def test_a_new_id_is_the_answer_and_its_market_is_known(replacing: Robot, market: Market) -> None:
    replacing.buy("1", symbol=QUARTER)
    assert modify(replacing, "101", "2", symbol=QUARTER) == 101
    roll(replacing)
    assert modify(replacing, "102", "2", order_id="101", symbol=QUARTER) == 201
    assert replacing.open_desk("").order(QUARTER, "201").price == 102
    with pytest.raises(OrderNotFound):
        replacing.open_desk("").order(QUARTER, "301")


def test_a_new_id_answers_no_request(replacing: Robot, market: Market, journal: Journal) -> None:
    replacing.buy("1", symbol=QUARTER)
    modify(replacing, "101", "2", symbol=QUARTER)
    assert replacing.buy("1", symbol=QUARTER) == 1
    assert replacing.marks == {"replayed": True}
    assert replacing.buy("2", "101", "2", symbol=QUARTER) == 3
    assert replacing.marks == {}, "nothing is adopted"
    assert len(market.sent) == 2


def test_a_new_id_is_listed_with_the_new_price_and_amount(replacing: Robot, journal: Journal, clock: Clock) -> None:
    replacing.buy("1", symbol=QUARTER)
    clock.ms += 1
    modify(replacing, "101", "2", symbol=QUARTER)
    listed = journal.list_orders(everything=True)
    assert [(one.nonce, str(one.price), str(one.amount), one.order_id, one.state) for one in listed] == [
        ("", "101", "2", 101, State.ACCEPTED),
        ("1", "100", "1", 1, State.ACCEPTED),
    ]
    assert journal.list_orders() == []


def test_the_new_id_of_an_order_that_the_journal_does_not_know_is_the_answer(
    replacing: Robot, market: Market, journal: Journal
) -> None:
    placed = market.add(NewOrder(symbol=BTC, side=Side.BUY, price=Decimal(5), amount=Decimal(1), client_id="by hand"))
    assert issubclass(replacing.kind, Dated)
    replacing.kind.contract_of["by hand"] = "BTCMAR"
    assert modify(replacing, "6", "1", order_id=str(placed.id), symbol=QUARTER) == 101
    assert journal.list_orders(everything=True) == []


# Where the order is -----------------------------------------------------------------------------------------------


def test_an_order_is_modified_where_it_was_sent(robot: Robot, market: Market) -> None:
    robot.kind = type("Dated", (Dated,), {"contract_of": {}, "asked": []})
    robot.buy("1", symbol=QUARTER)
    roll(robot)
    modify(robot, "101", "2", symbol=QUARTER)
    [(_, order)] = market.modified
    assert order.symbol.contract == "BTCMAR"


@pytest.mark.parametrize("kind", [Shop, OldShop])
def test_without_a_symbol_an_order_is_where_the_journal_knows_it(
    robot: Robot, market: Market, kind: type[Shop]
) -> None:
    robot.kind = kind
    robot.buy("1")
    assert modify(robot, "101", "2", symbol=None) == 1
    [(_, order)] = market.modified
    assert order.symbol == BTC


def test_without_a_symbol_an_order_that_the_journal_does_not_know_is_refused(robot: Robot, market: Market) -> None:
    market.add(NewOrder(symbol=BTC, side=Side.BUY, price=Decimal(5), amount=Decimal(1)))
    with pytest.raises(InvalidCall, match="order 1 needs a symbol such as BTC_USDT: none was given, and the journal"):
        modify(robot, "101", "2", symbol=None)
    assert (market.lookup_count, market.modified) == (0, [])
