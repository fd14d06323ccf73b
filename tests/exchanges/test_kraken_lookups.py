"""Look-ups of an unclear order on Kraken: two calls, a limit that lets few through, a strategy that tries again each
second. Time is simulated; Kraken's counter is written here once more, as published."""

import json
from decimal import Decimal
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from sqlalchemy import Engine

from exchanges.kraken.spot import Kraken
from orders.desk import Desk
from orders.journal import Journal
from protocol.deadline import Deadline
from protocol.errors import NotSent, OrderStateUnknown, OutcomeUnknown, RateLimited
from protocol.models import Direction, OrderId, Symbol
from tests.conftest import Clock
from tests.lent import Lent
from transport.credentials import Credentials
from transport.http import Http
from transport.reply import Reply

KEYS = Credentials("fmz-key", "ZmFrZS1zZWNyZXQtZm9yLXRlc3Rz")
BTC_USD = Symbol("BTC", "USD")
TRIP = 300  # ms from a request to its reply
DEADLINE = 5.0  # seconds of each call
LATE = 8000  # ms until the order, which was filled at once, is among the closed ones
MOST, FALL = 15, 3030  # https://docs.kraken.com/exchange/guides/rest/ratelimits: the lowest tier's counter, ms a unit
PRIVATE = {"BalanceEx": 1, "OpenOrders": 1, "ClosedOrders": 2}


class Exchange(Http):
    """A Kraken that makes one order and never says so."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.placed: list[tuple[int, str]] = []
        self.height, self.fallen = 0, clock.ms // FALL

    def send(self, exchange: str, request: requests.Request, deadline: Deadline) -> Reply:
        name = urlsplit(str(request.url)).path.rpartition("/")[2]
        self._count(PRIVATE.get(name, 0))
        left = round(deadline.left() * 1000)
        if not left:
            raise NotSent("Kraken network: no time")
        if name == "AddOrder":
            form = dict(parse_qsl(str(request.prepare().body)))
            self.placed.append((self.clock.ms, form["cl_ord_id"]))
        self.clock.ms += min(left, TRIP)
        if left < TRIP or name == "AddOrder":
            raise OutcomeUnknown("Kraken network: timeout")
        result = {"BalanceEx": {}, "OpenOrders": {"open": {}}, "ClosedOrders": {"closed": self._closed()}}[name]
        return Reply(exchange, 200, "application/json", json.dumps({"error": [], "result": result}).encode())

    def _closed(self) -> dict[str, dict[str, str]]:
        return {
            f"O-{number}": {"cl_ord_id": client_id, "status": "closed"}
            for number, (at, client_id) in enumerate(self.placed, 1)
            if self.clock.ms - at > LATE
        }

    def _count(self, cost: int) -> None:
        fallen = self.clock.ms // FALL
        self.height = max(0, self.height - (fallen - self.fallen)) + cost
        self.fallen = fallen
        assert self.height <= MOST, "Kraken refuses this call, and those after it"


@pytest.fixture
def kraken(clock: Clock, state: Engine, monkeypatch: pytest.MonkeyPatch) -> Lent:
    def sleep(seconds: float) -> None:
        clock.ms += round(seconds * 1000)

    monkeypatch.setattr("protocol.deadline.time", SimpleNamespace(monotonic=lambda: clock.ms / 1000))
    return Lent(Exchange(clock), state, deadline=DEADLINE, now=clock, sleep=sleep, measure_clocks=False)


def buy(kraken: Lent, nonce: int) -> OrderId | None:
    """Place the order; return None where it is unclear, or where an earlier one is."""
    exchange = kraken.open(Kraken, KEYS, str(nonce))
    desk = Desk(exchange, Journal(kraken.state, kraken.now), str(nonce), sleep=kraken.sleep)
    try:
        return desk.place(BTC_USD, Direction.BUY, Decimal(37500), Decimal(1))
    except OrderStateUnknown:
        return None
    finally:
        desk.close(delivered=True)


def read_accounts(kraken: Lent) -> bool:
    """Ask for the balances; return False where the limit leaves no room."""
    try:
        kraken.open(Kraken, KEYS).accounts()
    except RateLimited:
        return False
    return True


@pytest.mark.parametrize("others", [0, 1, 2, 5])
def test_a_strategy_that_tries_again_each_second_gets_its_order(others: int, kraken: Lent, clock: Clock) -> None:
    """others: what else it asks for before it tries again, which takes whatever the limit leaves."""
    begun = clock.ms
    order_id, nonce = None, 0
    while order_id is None and clock.ms < begun + 60_000:  # RETRY_WINDOW: then another order would be sent
        nonce += 1
        order_id = buy(kraken, nonce)
        for _ in range(others):
            read_accounts(kraken)
        clock.ms += 1000
    assert order_id == "O-1"
    assert len(kraken.http.placed) == 1
    assert clock.ms - begun < 35_000


def test_a_look_up_goes_out_where_other_calls_have_used_up_the_limit(kraken: Lent, clock: Clock) -> None:
    while read_accounts(kraken):
        if clock.ms > 1_700_000_060_000:  # a minute later they still wait for a unit each
            break
    exchange = kraken.open(Kraken, KEYS)
    kraken.http.placed = [(clock.ms - LATE - 1, "a" * 32)]
    with pytest.raises(RateLimited):
        exchange.find(BTC_USD, "a" * 32)
    exchange.urgent = True
    before = clock.ms
    assert exchange.find(BTC_USD, "a" * 32) == "O-1"
    assert clock.ms - before == 2 * TRIP


@pytest.mark.parametrize("deadline", [2.0, 5.0])
def test_a_look_up_that_waited_has_time_for_both_calls(deadline: float, kraken: Lent, clock: Clock) -> None:
    """It waits no longer than leaves time, and takes nothing from the limit where it would have to."""
    kraken.deadline = deadline
    kraken.http.placed = [(clock.ms - LATE - 1, "a" * 32)]
    for _ in range(60):
        exchange = kraken.open(Kraken, KEYS)
        exchange.urgent = True
        before = exchange.deadline.left()
        try:
            exchange.find(BTC_USD, "a" * 32)
        except RateLimited:
            assert exchange.deadline.left() == before, "it is told at once"
        clock.ms += 200
