"""An order is placed at most once, and its caller is never told that it failed while it exists."""

import json
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from orders.intents import State
from orders.journal import Journal
from orders.lookup import Lookup
from protocol.errors import (
    AuthenticationFailed,
    ExchangeError,
    GatewayError,
    InsufficientFunds,
    InvalidCall,
    InvalidOrder,
    NotSent,
    OrderFilled,
    OrderNotFound,
    OrderStateUnknown,
    OutcomeUnknown,
    RateLimited,
    Unsupported,
)
from protocol.models import Direction, NewOrder, Side, Status, Symbol
from tests.conftest import Clock
from tests.orders.conftest import BTC, UNCLEAR, Market, Robot, Shop

SECOND = 1000  # ms


def unclear(robot: Robot, nonce: str = "1", **asked: Any) -> str:
    """Place an order whose outcome stays unknown; its client id."""
    with pytest.raises(OrderStateUnknown) as told:
        robot.buy(nonce, **asked)
    assert str(told.value).startswith("ORDER_STATE_UNKNOWN ")
    return told.value.message.split()[0]


# One request ------------------------------------------------------------------------------------------------------


def test_an_order_is_written_before_it_is_sent_and_its_id_after(robot: Robot, market: Market, journal: Journal) -> None:
    def during() -> None:
        intent = journal.get("Shopa7")
        assert intent
        assert (intent.state, intent.symbol, intent.side, intent.price, intent.amount) == (
            State.SENDING, BTC, Side.BUY, Decimal("100.50"), Decimal("1.0"),
        )  # fmt: skip

    market.during = during
    assert robot.buy("7", "100.50", "1.0") == 1
    intent = journal.get("Shopa7")
    assert intent
    assert (intent.state, intent.order_id, intent.reply) == (State.ACCEPTED, 1, '{"id": 1}')
    assert robot.marks == {}


@pytest.mark.parametrize(
    "error",
    [
        InsufficientFunds("Shop -1 too little"),
        ExchangeError("Shop -2 no"),
        AuthenticationFailed("Shop -3 who"),
        Unsupported("Shop cannot"),
        InvalidCall("Shop does not know it"),
    ],
)
def test_a_refusal_is_told_and_told_again(robot: Robot, market: Market, journal: Journal, error: GatewayError) -> None:
    market.made, market.fails = False, error
    for _ in range(3):
        with pytest.raises(type(error), match=re.escape(error.message)):
            robot.buy("1")
    assert len(market.sent) == 1
    assert market.looks == 0
    intent = journal.get("Shopa1")
    assert intent
    assert intent.state is State.REFUSED


@pytest.mark.parametrize("words", ["NUL \0", "half a character \ud800"])
def test_a_refusal_in_words_that_no_database_takes_is_a_refusal(robot: Robot, market: Market, words: str) -> None:
    market.made, market.fails = False, ExchangeError(words)
    with pytest.raises(ExchangeError, match=re.escape(words)):
        robot.buy("1")
    with pytest.raises(ExchangeError, match=re.escape(words[:-1])):
        robot.buy("1")
    assert len(market.sent) == 1


def test_a_refusal_by_a_rule_is_told_with_the_rule_again_too(robot: Robot, market: Market) -> None:
    market.made, market.fails = False, InvalidOrder("Shop -4 price")
    for _ in range(2):
        with pytest.raises(InvalidOrder, match=r"Shop -4 price; the market's rules$"):
            robot.buy("1")
    assert len(market.sent) == 1


@pytest.mark.parametrize("error", [NotSent("no connection"), RateLimited("wait")])
def test_what_was_not_sent_may_be_tried_again_with_the_same_nonce(
    robot: Robot, market: Market, error: GatewayError
) -> None:
    market.made, market.fails = False, error
    with pytest.raises(type(error)):
        robot.buy("1")
    market.made, market.fails = True, None
    assert robot.buy("1") == 1
    assert robot.buy("1") == 1
    assert len(market.sent) == 2
    assert len(market.kept) == 1


@pytest.mark.parametrize("status", Status)
def test_an_unclear_order_that_exists_is_the_answer(robot: Robot, market: Market, status: Status) -> None:
    market.fails, market.made = UNCLEAR, False
    market.during = lambda: market.add(market.sent[-1], status) and None
    assert robot.buy("1") == 1
    assert robot.marks == {"found": True}
    assert robot.desk
    assert robot.desk.replies == [b'{"looked": "up"}']
    assert len(market.sent) == 1


def test_an_order_listed_late_is_waited_for(robot: Robot, market: Market, clock: Clock) -> None:
    market.fails, market.listed = UNCLEAR, False
    sleep = robot.sleep

    def later(seconds: float) -> None:
        sleep(seconds)
        market.listed = sum(robot.slept) >= 3

    robot.sleep = later  # type: ignore[method-assign]
    assert robot.buy("1") == 1
    assert 3 <= sum(robot.slept) < 3.6
    assert market.looks < 15


def test_an_unclear_order_that_is_not_found_may_exist(robot: Robot, market: Market, journal: Journal) -> None:
    market.fails, market.made = UNCLEAR, False
    with pytest.raises(
        OrderStateUnknown, match=r"Shopa1 Shop network: timeout\. The order may exist\. The gateway goes"
    ):
        robot.buy("1")
    intent = journal.get("Shopa1")
    assert intent
    assert (intent.state, intent.told_ms > 0) == (State.UNKNOWN, True)


def test_looking_fails_too(robot: Robot, market: Market) -> None:
    market.fails, market.silent = UNCLEAR, OutcomeUnknown("Shop network: reset")
    unclear(robot)
    assert market.looks > 1


def test_an_order_that_cannot_come_about_any_more_was_not_placed(robot: Robot, market: Market, clock: Clock) -> None:
    market.fails, market.made = UNCLEAR, False
    with pytest.raises(NotSent, match=r"has no order Shopa1.*safe to try again"):
        robot.buy("1", seconds=60)
    assert 15 < sum(robot.slept) < 16
    with pytest.raises(NotSent, match="has no order Shopa1"):  # the same is told again
        robot.buy("1")
    assert len(market.sent) == 1


def test_a_reply_that_cannot_be_read_is_an_unclear_order(robot: Robot, market: Market) -> None:
    class Odd(Shop):
        def trade(self, order: NewOrder) -> Any:
            super().trade(order)
            raise KeyError("id")

    robot.kind = Odd
    market.listed = False
    with pytest.raises(OrderStateUnknown, match=r"unreadable \(KeyError\)"):
        robot.buy("1")
    market.listed = True
    assert robot.buy("2") == 1
    assert robot.marks == {"adopted": True}


def test_our_own_mistake_leaves_the_intent_to_be_resolved(robot: Robot, market: Market, clock: Clock) -> None:
    market.fails = KeyError("ours")
    with pytest.raises(KeyError):
        robot.buy("1")
    market.fails = None
    clock.ms += 13 * SECOND
    assert robot.buy("2") == 1
    assert robot.marks == {"adopted": True}
    assert len(market.sent) == 1


def test_part_of_the_time_is_kept_for_looking(robot: Robot, market: Market) -> None:
    left: list[float] = []

    class Watch(Shop):
        def trade(self, order: NewOrder) -> Any:
            left.append(self.deadline.at)
            return super().trade(order)

        def find(self, symbol: Symbol, client_id: str) -> Any:
            left.append(self.deadline.at)
            return super().find(symbol, client_id)

    robot.kind, market.fails = Watch, UNCLEAR
    robot.buy("1")
    sending, looking = left
    assert 3.9 < looking - sending < 4.1


# The same request again -------------------------------------------------------------------------------------------


def test_a_repeated_request_is_answered_with_the_stored_reply(robot: Robot, market: Market) -> None:
    assert robot.buy("1") == 1
    assert robot.buy("1") == 1
    assert robot.marks == {"replayed": True}
    assert robot.desk
    assert robot.desk.replies == [b'{"id": 1}']
    assert len(market.sent) == 1


def test_a_nonce_used_for_another_order_is_refused(robot: Robot, market: Market) -> None:
    class Told(Shop):
        def new_client_id(self) -> str:
            return "another"

    robot.buy("1")
    robot.kind = Told
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
    market.fails, market.listed = UNCLEAR, False
    unclear(robot)
    unclear(robot, seconds=2)
    market.listed = True
    assert robot.buy("1") == 1
    assert robot.marks == {"replayed": True}
    market.fails = None
    assert robot.buy("2") == 2, "its caller knows the first order by now"


def test_fifty_at_once_are_one_order(robot: Robot, market: Market, journal: Journal, clock: Clock) -> None:
    start = threading.Barrier(50)

    def once(_: int) -> Any:
        each = Robot(market, journal, Clock(clock.ms))
        each.sleep = time.sleep  # type: ignore[assignment]
        start.wait()
        return each.buy("1"), bool(each.marks)

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(once, range(50)))
    assert {answer for answer, _ in answers} == {1}
    assert sum(not replayed for _, replayed in answers) == 1
    assert len(market.sent) == 1


# The next order ---------------------------------------------------------------------------------------------------


def test_the_next_order_is_answered_with_the_unclear_one(robot: Robot, market: Market, journal: Journal) -> None:
    market.fails, market.listed = UNCLEAR, False
    unclear(robot, "1")
    market.fails, market.listed = None, True
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
    market.fails, market.listed = UNCLEAR, False
    unclear(robot, "1")
    market.fails, market.listed = None, True
    start = threading.Barrier(20)

    def once(nonce: int) -> Any:
        each = Robot(market, journal, Clock(clock.ms))
        each.sleep = time.sleep  # type: ignore[assignment]
        start.wait()
        return each.buy(str(nonce))

    with ThreadPoolExecutor(20) as pool:
        ids = sorted(pool.map(once, range(2, 22)))
    assert ids == list(range(1, 21))
    assert len(market.sent) == 20


def test_an_unclear_order_holds_the_next_one(robot: Robot, market: Market) -> None:
    market.fails, market.made = UNCLEAR, False
    unclear(robot, "1")
    market.fails, market.made = None, True
    market.silent = OutcomeUnknown("down")
    with pytest.raises(
        OrderStateUnknown, match=r"^ORDER_STATE_UNKNOWN Shopa1 an earlier order .* nothing new was sent"
    ):
        robot.buy("2", seconds=2)
    assert len(market.sent) == 1


def test_an_order_that_does_not_exist_lets_the_next_one_go(robot: Robot, market: Market, clock: Clock) -> None:
    market.fails, market.made = UNCLEAR, False
    unclear(robot, "1")
    market.fails, market.made = None, True
    clock.ms += 16 * SECOND
    assert robot.buy("2") == 1
    assert robot.marks == {}
    assert len(market.sent) == 2


def test_after_the_window_the_next_order_goes_out(robot: Robot, market: Market, clock: Clock) -> None:
    market.fails, market.listed = UNCLEAR, False
    unclear(robot, "1")
    market.fails, market.silent = None, OutcomeUnknown("down")
    clock.ms += 59 * SECOND
    with pytest.raises(OrderStateUnknown):
        robot.buy("2", seconds=0.01)
    clock.ms += 2 * SECOND
    assert robot.buy("3") == 2
    assert robot.marks == {}


@pytest.mark.parametrize("other", ["side", "symbol", "account"])
def test_other_lines_do_not_wait(robot: Robot, market: Market, other: str) -> None:
    market.fails, market.made = UNCLEAR, False
    unclear(robot, "1")
    market.fails, market.made = None, True
    if other == "account":
        robot.account = "b"
    place: Callable[[], Any] = {
        "side": lambda: robot.sell("2"),
        "symbol": lambda: robot.buy("2", symbol=Symbol.parse("ETH_USDT")),
        "account": lambda: robot.buy("2"),
    }[other]
    assert place() == 1
    assert len(market.sent) == 2


def test_an_order_under_way_elsewhere_is_waited_for(
    robot: Robot, market: Market, journal: Journal, clock: Clock
) -> None:
    """Another worker's: its row says so."""
    market.during = lambda: pytest.fail("sent")
    first = Robot(market, journal, clock)

    def meanwhile(_: float) -> None:
        intent = journal.get("Shopa1")
        assert intent
        journal.decide(replace(intent, state=State.ACCEPTED, order_id=77))
        journal.mark_delivered(intent)
        market.during = lambda: None

    robot.sleep = meanwhile  # type: ignore[method-assign]
    begin(first, "1", clock)
    assert robot.buy("2") == 1
    assert robot.marks == {}, "the other worker told its own caller"
    assert len(market.sent) == 1


def begin(robot: Robot, nonce: str, clock: Clock) -> None:
    """Write an intent, and die."""

    class Dies(Shop):
        def trade(self, order: NewOrder) -> Any:
            raise SystemExit

    robot.kind = Dies
    with pytest.raises(SystemExit):
        robot.buy(nonce)
    robot.kind = Shop


@pytest.mark.parametrize("made", [True, False])
def test_the_order_of_a_killed_worker_is_resolved_by_the_next(
    robot: Robot, market: Market, clock: Clock, made: bool
) -> None:
    begin(robot, "1", clock)
    if made:
        market.add(NewOrder(symbol=BTC, side=Side.BUY, price=None, amount=Decimal(1), client_id="Shopa1"))
    with pytest.raises(OrderStateUnknown):
        robot.buy("2", seconds=2)  # it may be under way still
    clock.ms += 12 * SECOND
    if not made:
        clock.ms += 16 * SECOND
    assert robot.buy("3") == 1
    assert robot.marks == ({"adopted": True} if made else {})
    assert len(market.kept) == 1


def test_a_killed_workers_request_is_answered_when_it_is_repeated(robot: Robot, market: Market, clock: Clock) -> None:
    begin(robot, "1", clock)
    market.add(NewOrder(symbol=BTC, side=Side.BUY, price=None, amount=Decimal(1), client_id="Shopa1"))
    clock.ms += 13 * SECOND
    assert robot.buy("1") == 1
    assert robot.marks == {"replayed": True}


def test_an_order_whose_caller_hung_up_is_the_answer_to_the_next(robot: Robot, market: Market) -> None:
    robot.hears = False
    robot.buy("1")
    robot.hears = True
    assert robot.buy("2") == 1
    assert robot.marks == {"adopted": True}
    assert robot.buy("3") == 2


@pytest.mark.parametrize("asks", [1, 2])
def test_an_order_whose_worker_died_before_the_answer_is_the_answer_to_the_next(
    robot: Robot, market: Market, clock: Clock, asks: int
) -> None:
    """Also when the next one's worker dies the same way."""
    robot.hears = None
    for nonce in range(1, asks + 1):
        assert robot.buy(str(nonce)) == 1
        clock.ms += 13 * SECOND
    robot.hears = True
    assert robot.buy("9") == 1
    assert robot.marks == {"adopted": True}
    assert robot.buy("10") == 2


def test_an_answer_on_its_way_is_waited_for(robot: Robot, market: Market, journal: Journal) -> None:
    robot.hears = None
    robot.buy("1")
    first, robot.hears = robot.desk, True
    assert first

    def meanwhile(_: float) -> None:
        first.close(delivered=True)

    robot.sleep = meanwhile  # type: ignore[method-assign]
    assert robot.buy("2") == 2
    assert robot.marks == {}


def test_an_answer_that_takes_too_long_holds_the_next_order(robot: Robot, market: Market) -> None:
    robot.hears = None
    robot.buy("1")
    with pytest.raises(NotSent, match="an earlier order of BTC_USDT buy is still in progress; nothing was sent"):
        robot.buy("2", seconds=2)
    assert len(market.sent) == 1


def test_an_order_whose_caller_hung_up_before_it_was_sent_is_not_sent(robot: Robot, market: Market) -> None:
    """It waited for an unclear one; its strategy has asked again since."""
    market.fails, market.made = UNCLEAR, False
    unclear(robot, "1")
    market.fails, market.made = None, True

    def hang_up(_: float) -> None:
        robot.gone = True
        robot.clock.ms += 100 * SECOND

    robot.sleep = hang_up  # type: ignore[method-assign]
    with pytest.raises(NotSent, match="the caller closed the connection before the order was sent"):
        robot.buy("2")
    assert len(market.sent) == 1


@pytest.mark.parametrize("hears", [False, None])
def test_who_asks_again_knows_the_order(robot: Robot, market: Market, hears: bool | None) -> None:
    robot.hears = hears
    robot.buy("1")
    robot.hears = True
    assert robot.buy("1") == 1
    assert robot.buy("2") == 2


# Exchanges without client ids -------------------------------------------------------------------------------------


def test_a_new_open_order_like_it_is_taken_for_it(old: Robot, market: Market) -> None:
    market.add(NewOrder(symbol=BTC, side=Side.BUY, price=Decimal(100), amount=Decimal(1)))  # there before
    market.fails = UNCLEAR
    assert old.buy("1") == 2
    assert old.marks == {"found": True}


@pytest.mark.parametrize("count", [0, 2])
def test_none_or_several_like_it_are_not(old: Robot, market: Market, count: int) -> None:
    market.fails, market.made = UNCLEAR, False
    market.during = lambda: [market.add(market.sent[-1]) for _ in range(count)] and None
    client_id = unclear(old, "1")
    market.fails, market.made, market.during = None, True, lambda: None
    with pytest.raises(OrderStateUnknown, match=f"cannot be asked for it.*fmz-gateway orders resolve {client_id}"):
        old.buy("2")
    assert len(market.sent) == 1


@pytest.mark.parametrize("change", [{"side": Side.SELL}, {"price": Decimal(101)}, {"amount": Decimal(2)}])
def test_another_order_is_not_like_it(old: Robot, market: Market, change: dict[str, Any]) -> None:
    market.fails, market.made = UNCLEAR, False
    market.during = lambda: market.add(replace(market.sent[-1], **change)) and None
    unclear(old, "1")


def test_an_order_that_belongs_to_another_intent_is_not_it(
    old: Robot, market: Market, journal: Journal, clock: Clock
) -> None:
    """Such as one of a worker that was a moment faster."""
    market.fails, market.made = UNCLEAR, False
    like_it = NewOrder(symbol=BTC, side=Side.BUY, price=Decimal(100), amount=Decimal(1))

    def during() -> None:
        intent = journal.get("OldShopa1")
        assert intent
        theirs = replace(intent, client_id="theirs", nonce="8", symbol=Symbol.parse("ETH_USDT"))
        assert journal.begin(theirs) is None
        journal.decide(replace(theirs, state=State.ACCEPTED, order_id=market.add(like_it).id))

    market.during = during
    unclear(old, "1")


def test_an_old_unclear_order_does_not_claim_a_later_one(
    old: Robot, market: Market, journal: Journal, clock: Clock
) -> None:
    """Both have the same terms, and only the later one came about."""
    market.fails, market.made = UNCLEAR, False
    unclear(old, "1")
    clock.ms += 61 * SECOND
    market.made, market.listed = True, False
    unclear(old, "2")
    market.listed = True
    exchange = old.kind(market, "", old.account, 5.0)
    for intent in sorted(journal.list_orders(), key=lambda one: one.created_ms):
        Lookup(exchange, journal, old.sleep).look(intent)
    first, second = journal.get("OldShopa1"), journal.get("OldShopa2")
    assert first
    assert second
    assert (first.state, second.state, second.order_id) == (State.UNKNOWN, State.ACCEPTED, 1)


def test_absence_of_an_order_that_cannot_be_asked_for_proves_nothing(old: Robot, market: Market, clock: Clock) -> None:
    market.fails, market.made = UNCLEAR, False
    unclear(old, "1")
    market.fails, market.made = None, True
    clock.ms += 50 * SECOND
    with pytest.raises(OrderStateUnknown):
        old.buy("2", seconds=1)
    clock.ms += 11 * SECOND
    assert old.buy("3") == 1


def test_without_the_list_of_open_orders_nothing_is_sent(old: Robot, market: Market) -> None:
    market.silent = OutcomeUnknown("down")
    with pytest.raises(NotSent, match=r"down\. That was asked before the order, which was not sent"):
        old.buy("1")
    assert market.sent == []


# The journal fails ------------------------------------------------------------------------------------------------


def broken(state: Engine) -> None:
    with state.begin() as connection:
        connection.exec_driver_sql("DROP TABLE orders")


def test_no_journal_no_order(robot: Robot, market: Market, state: Engine) -> None:
    broken(state)
    with pytest.raises(NotSent, match=r"journal cannot be written.*Nothing was sent"):
        robot.buy("1")
    assert market.sent == []


def test_a_journal_that_fails_after_the_sending_changes_no_answer(
    robot: Robot, market: Market, state: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    market.during = lambda: broken(state)
    assert robot.buy("1") == 1
    assert "the journal could not be written for Shopa1" in caplog.text


def test_a_journal_that_fails_after_an_unclear_sending_still_tells_it(
    robot: Robot, market: Market, state: Engine
) -> None:
    market.during = lambda: broken(state)
    market.fails, market.listed = UNCLEAR, False
    unclear(robot)


def test_what_is_stored_has_no_secret_and_is_json(robot: Robot, market: Market, journal: Journal) -> None:
    class Echo(Shop):
        answered: Any = b'{"echo": "my secret"}'

        def trade(self, order: NewOrder) -> Any:
            made = super().trade(order)
            self.replies = [self.answered]
            return made

    robot.kind = Echo
    robot.buy("1")
    intent = journal.get("Shopa1")
    assert intent
    assert intent.reply == '{"echo": "my ******"}'
    Echo.answered = b'{"n": secret}'
    robot.buy("2")
    intent = journal.get("Shopa2")
    assert intent
    assert intent.reply is None
    assert robot.buy("2") == 2
    assert robot.desk
    assert robot.desk.replies == []
    market.made, market.fails = False, ExchangeError("Shop -1 your secret is wrong")
    with pytest.raises(ExchangeError):
        robot.buy("3")
    intent = journal.get("Shopa3")
    assert intent
    assert json.dumps(intent.reply) == '"REFUSED Shop -1 your ****** is wrong"'


# Cancelling -------------------------------------------------------------------------------------------------------


class Cancels(Shop):
    """An exchange whose ``cancel`` says what a test wants."""

    says: Any = True

    def cancel(self, symbol: Symbol, order_id: str) -> bool:
        if isinstance(self.says, Exception):
            raise self.says
        return bool(self.says)


GONE = OrderNotFound("Shop -11 no such order")


@pytest.mark.parametrize(
    ("says", "status", "answer"),
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
    robot: Robot, market: Market, says: Any, status: Status | None, answer: Any
) -> None:
    robot.kind = Cancels
    robot.kind.says = says  # type: ignore[attr-defined]
    if status:
        market.add(NewOrder(symbol=BTC, side=Side.BUY, price=None, amount=Decimal(1)), status)
    if answer is True:
        assert robot.opened("").cancel(BTC, "1") is True
        return
    with pytest.raises(answer) as told:
        robot.opened("").cancel(BTC, "1")
    assert type(told.value) is answer
    if says is GONE:
        assert market.looks == 1, "one targeted look-up"


def test_an_accepted_cancellation_is_waited_for(robot: Robot, market: Market) -> None:
    order = market.add(NewOrder(symbol=BTC, side=Side.BUY, price=None, amount=Decimal(1)))
    robot.kind = Cancels
    robot.kind.says = False  # type: ignore[attr-defined]

    def later(_: float) -> None:
        if market.looks == 3:
            market.kept["1"] = replace(order, status=Status.CANCELLED)

    robot.sleep = later  # type: ignore[method-assign]
    assert robot.opened("").cancel(BTC, "1") is True
    assert market.looks == 4


def test_an_unreadable_cancellation_is_looked_at(robot: Robot, market: Market) -> None:
    class Odd(Cancels):
        def cancel(self, symbol: Symbol, order_id: str) -> bool:
            self.replies.append(b"{}")
            raise KeyError("status")

    robot.kind = Odd
    market.add(NewOrder(symbol=BTC, side=Side.BUY, price=None, amount=Decimal(1)), Status.CANCELLED)
    assert robot.opened("").cancel(BTC, "1") is True


@pytest.mark.parametrize("error", [RateLimited("wait"), NotSent("no"), AuthenticationFailed("who"), KeyError("x")])
def test_a_look_that_fails_says_nothing_of_the_cancellation(robot: Robot, market: Market, error: Exception) -> None:
    robot.kind = Cancels
    robot.kind.says = False  # type: ignore[attr-defined]
    market.silent = error
    with pytest.raises(OutcomeUnknown, match="the cancellation was accepted; the order could not be looked at"):
        robot.opened("").cancel(BTC, "1")
    assert market.looks > 3


def test_directions_are_the_exchanges_business(robot: Robot, market: Market) -> None:
    desk = robot.opened("1")
    desk.place(BTC, Direction.SELL, None, Decimal(3))
    assert (market.sent[0].side, market.sent[0].price) == (Side.SELL, None)
