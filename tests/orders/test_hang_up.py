"""An order does not go out after its caller has closed the connection, however long it had to wait."""

import threading
from decimal import Decimal

import pytest
from sqlalchemy import Engine

from exchanges.paper import Paper
from orders.desk import Desk
from orders.intents import State
from orders.journal import Journal
from protocol.deadline import Deadline
from protocol.errors import NotSent
from protocol.models import Direction
from tests.conftest import Clock
from tests.lent import Lent
from tests.tiny import BTC, KEYS, Canned, Header, Tiny
from transport.limit import Limit

PATIENCE = 1500  # ms that a caller waits


class Slow(Tiny):
    """It lets one order through, and the next one after two seconds."""

    limits = (Limit("orders", 5, 10.0, reserve=0.0, costs={"POST *": 1}),)


class Serial(Tiny):
    """Its calls go one after another."""

    class signer(Header):  # noqa: N801 - as an adapter names it
        serial = True


class Caller:
    """Calls that begin now, one after another or at once, by somebody who waits for so long and then leaves."""

    def __init__(self, lent: Lent, clock: Clock, kind: type[Tiny] | type[Paper]) -> None:
        self.lent = lent
        self.clock = clock
        self.kind = kind
        self.journal = Journal(lent.state, clock)
        self.leaves_ms = clock.ms + PATIENCE

    def place(self, nonce: str) -> object:
        exchange = self.lent.open(self.kind, KEYS, nonce)
        desk = Desk(exchange, self.journal, nonce, hung_up=self.has_left, sleep=self.lent.sleep)
        order_id = desk.place(BTC, Direction.BUY, Decimal(100), Decimal("0.1"))
        desk.close(delivered=True)
        return order_id

    def has_left(self) -> bool:
        return self.clock.ms > self.leaves_ms

    def states(self) -> list[State]:
        return [intent.state for intent in self.journal.list_orders(everything=True)]


@pytest.fixture
def http() -> Canned:
    return Canned(body=b'{"ok": {"id": 7}}')


@pytest.fixture
def lent(http: Canned, state: Engine, clock: Clock) -> Lent:
    def sleep(seconds: float) -> None:
        clock.ms += round(seconds * 1000)

    return Lent(http, state, now=clock, sleep=sleep, measure_clocks=False)


def test_an_order_whose_caller_left_during_the_wait_for_a_limit_is_not_sent(
    lent: Lent, http: Canned, clock: Clock
) -> None:
    caller = Caller(lent, clock, Slow)
    caller.place("1")
    with pytest.raises(NotSent, match="the caller closed the connection before the order was sent; nothing was sent"):
        caller.place("2")
    assert clock.ms > caller.leaves_ms, "it waited"
    assert len(http.sent) == 1
    assert sorted(caller.states()) == [State.ACCEPTED, State.NOT_SENT]


def test_of_thirty_orders_none_goes_out_after_its_caller_left(lent: Lent, http: Canned, clock: Clock) -> None:
    began, sent_ms = clock.ms, []
    told = 0
    for number in range(30):
        clock.ms = max(clock.ms, began)
        caller = Caller(lent, clock, Slow)
        try:
            caller.place(str(number))
            sent_ms.append(clock.ms - caller.leaves_ms + PATIENCE)
        except NotSent:
            told += 1
    assert len(http.sent) == len(sent_ms)
    assert told == 30 - len(sent_ms) > 0
    assert max(sent_ms) <= PATIENCE


def test_the_same_request_may_go_out_when_it_is_made_again(lent: Lent, http: Canned, clock: Clock) -> None:
    caller = Caller(lent, clock, Slow)
    caller.place("1")
    with pytest.raises(NotSent):
        caller.place("2")
    caller.leaves_ms = clock.ms + 60_000
    assert caller.place("2") == 7
    assert len(http.sent) == 2


def test_an_order_whose_caller_left_during_the_wait_for_a_nonce_is_not_sent(
    lent: Lent, http: Canned, clock: Clock
) -> None:
    caller = Caller(lent, clock, Serial)
    errors: list[Exception] = []

    def work() -> None:
        try:
            caller.place("1")
        except NotSent as error:
            errors.append(error)

    upstream = lent.upstreams.of(Serial)
    with upstream.nonces.reserve(KEYS.account, Deadline.after(5.0)):
        thread = threading.Thread(target=work)
        thread.start()
        while not caller.states():
            thread.join(0.01)  # its row is written before it waits
        clock.ms = caller.leaves_ms + 1
    thread.join()
    assert [str(error).partition(";")[0] for error in errors] == [
        "NOT_SENT Tiny: the caller closed the connection before the order was sent"
    ]
    assert http.sent == []
    assert caller.states() == [State.NOT_SENT]


def test_a_call_that_places_no_order_is_made_for_nobody_too(lent: Lent, http: Canned, clock: Clock) -> None:
    exchange = lent.open(Slow, KEYS)
    clock.ms += 2 * PATIENCE
    exchange.get("x")
    assert len(http.sent) == 1


def test_the_simulated_exchange_looks_again_too(lent: Lent, clock: Clock) -> None:
    exchange = lent.open(Paper, KEYS)

    def leave() -> None:
        raise NotSent("gone")

    order = exchange.new_order(BTC, Direction.BUY, Decimal(100), Decimal("0.1"))
    exchange.last_check = leave
    with pytest.raises(NotSent):
        exchange.trade(order)
    assert lent.open(Paper, KEYS).orders(None) == []
