"""Calls that are made again, and those that never are."""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
import requests
from tenacity import Retrying

from protocol.deadline import Deadline
from protocol.errors import (
    AuthenticationFailed,
    ExchangeFailed,
    GatewayError,
    NotSent,
    OutcomeUnknown,
    RateLimited,
)
from protocol.models import NewOrder, Side, Symbol
from tests.lent import Lent
from tests.servers import listening
from tests.tiny import KEYS, Tiny
from transport.charges import Wait
from transport.http import Http
from transport.limit import Limit
from transport.reply import Reply

FINE = b'{"ok": {"id": 7}}'
DOWN = 503, b"<html>"
UP = 200, FINE
LOST = NotSent("no connection")
ORDER = NewOrder(symbol=Symbol("BTC", "USDT"), side=Side.BUY, price=None, amount=Decimal(1))

Said = tuple[int, bytes] | GatewayError


class Script(Http):
    """Answers with one thing after the other, the last one for ever."""

    def __init__(self, *says: Said) -> None:
        super().__init__()
        self.says = says
        self.asked = 0

    def send(self, exchange: str, request: requests.Request, deadline: Deadline) -> Reply:
        said = self.says[min(self.asked, len(self.says) - 1)]
        self.asked += 1
        if isinstance(said, GatewayError):
            raise said
        return Reply("Tiny", said[0], "application/json", said[1])


@pytest.fixture
def tiny(lent: Lent) -> Callable[..., tuple[Tiny, Script, list[float]]]:
    def tiny(*says: Said, deadline: float = 5.0, kind: type[Tiny] = Tiny) -> tuple[Tiny, Script, list[float]]:
        http, slept = Script(*says), list[float]()
        process = Lent(http, lent.state, deadline=deadline, now=lent.now, sleep=slept.append, measure_clocks=False)
        return process.open(kind, KEYS), http, slept

    return tiny


@pytest.mark.parametrize("first", [DOWN, LOST, (500, b'{"code": 99, "message": "strange"}')])
@pytest.mark.parametrize("signed", [True, False])
def test_a_read_is_asked_again(tiny: Any, first: Said, signed: bool) -> None:
    exchange, http, slept = tiny(first, UP)
    assert exchange.call("GET", "/time", signed=signed) == {"id": 7}
    assert http.asked == 2
    assert 0 < slept[0] < 0.2


@pytest.mark.parametrize(("deadline", "wait", "goes"), [
    (60.0, 50.0, True), (60.0, 59.5, False), (1.0, 0.1, True), (1.0, 0.6, False),
])  # fmt: skip
def test_a_call_waits_for_limits_only_while_there_is_time_for_its_request(
    tiny: Any, monkeypatch: pytest.MonkeyPatch, deadline: float, wait: float, goes: bool
) -> None:
    waits = [Wait(round(wait * 1000), "calls")]
    monkeypatch.setattr("transport.counters.SqlCounters.take", lambda *args: waits.pop() if waits else None)
    exchange, http, slept = tiny(UP, deadline=deadline)
    if goes:
        exchange.call("GET", "/time")
    else:
        with pytest.raises(RateLimited, match="its limit of calls is used up"):
            exchange.call("GET", "/time")
    assert (http.asked, slept) == ((1, [wait]) if goes else (0, []))


@pytest.mark.parametrize(("says", "kind"), [(DOWN, ExchangeFailed), (LOST, NotSent)])
def test_a_read_is_asked_three_times_at_most(tiny: Any, says: Said, kind: type[Exception]) -> None:
    exchange, http, slept = tiny(says)
    with pytest.raises(kind):
        exchange.call("GET", "/time")
    assert (http.asked, len(slept)) == (3, 2)


@pytest.mark.parametrize(("says", "built"), [((UP,), 0), (((400, b""),), 0), ((DOWN, UP), 1)])
def test_only_a_failure_builds_what_repeats(
    tiny: Any, monkeypatch: pytest.MonkeyPatch, says: tuple[Said, ...], built: int
) -> None:
    made: list[object] = []

    def count(**options: Any) -> Retrying:
        made.append(options)
        return Retrying(**options)

    monkeypatch.setattr("transport.repeats.Retrying", count)
    exchange, *_ = tiny(*says)
    with suppress(GatewayError):
        exchange.call("GET", "/time")
    assert len(made) == built


def test_a_failure_is_not_the_context_of_the_next_attempt(tiny: Any) -> None:
    handled: list[BaseException | None] = []

    def ask() -> None:
        handled.append(sys.exception())
        raise NotSent(str(len(handled)))

    exchange, *_ = tiny(UP)
    with pytest.raises(NotSent, match="3"):
        exchange.repeated(ask)
    assert handled == [None] * 3


@pytest.mark.parametrize(
    "says",
    [
        (200, b"<html>"), (400, b"<html>"), (401, b""), (429, b""), (200, b'{"code": 10, "message": "too little"}'),
        (200, b'{"code": 12, "message": "maybe"}'), OutcomeUnknown("reset"),
    ],
)  # fmt: skip
def test_an_answer_is_not_asked_for_again(tiny: Any, says: Said) -> None:
    exchange, http, _ = tiny(says)
    with pytest.raises(GatewayError):
        exchange.call("GET", "/time")
    assert http.asked == 1


@pytest.mark.parametrize("says", [DOWN, LOST])
@pytest.mark.parametrize("verb", ["POST", "PUT", "DELETE", "PATCH"])
def test_what_changes_something_is_asked_once(tiny: Any, verb: str, says: Said) -> None:
    exchange, http, _ = tiny(says)
    with pytest.raises(GatewayError):
        exchange.call(verb, "/orders", signed=True)
    with pytest.raises(GatewayError):
        exchange.trade(ORDER)
    with pytest.raises(GatewayError):
        exchange.raw("GET", "anything", {})
    assert http.asked == 3


def test_a_post_that_only_reads_is_asked_again(tiny: Any) -> None:
    exchange, http, _ = tiny(DOWN, UP)
    assert exchange.call("POST", "/balances", signed=True, safe=True) == {"id": 7}
    assert http.asked == 2


def test_there_must_be_time_to_ask_again(tiny: Any) -> None:
    exchange, http, _ = tiny(DOWN, deadline=0.01)
    with pytest.raises(ExchangeFailed):
        exchange.call("GET", "/time")
    assert http.asked == 1


def test_without_time_for_the_limits_to_ask_again_the_first_failure_is_told(tiny: Any) -> None:
    class Limited(Tiny):
        limits = (Limit("calls", 2, 1000.0, default=1),)

    exchange, http, _ = tiny(DOWN, kind=Limited)
    with pytest.raises(ExchangeFailed):
        exchange.call("GET", "/time")
    assert http.asked == 1
    with pytest.raises(RateLimited):
        exchange.call("GET", "/time")


def test_missing_keys_are_not_asked_for_again(tiny: Any) -> None:
    exchange, http, _ = tiny(UP)
    exchange.credentials = type(KEYS)()
    with pytest.raises(AuthenticationFailed):
        exchange.call("GET", "/balances", signed=True)
    assert http.asked == 0


# The gateway's own database -----------------------------------------------------------------------------------------


class Counted(Tiny):
    """Tiny, with a limit that is counted in the database."""

    limits = (Limit("calls", 100, 1.0, default=1),)


def test_a_database_that_takes_all_the_time_is_not_the_exchanges_network(tiny: Any, lent: Lent) -> None:
    exchange, http, _ = tiny(LOST, deadline=0.2, kind=Counted)
    with listening(lent.state, "begin", lambda _: time.sleep(0.25)), pytest.raises(NotSent) as late:
        exchange.call("GET", "x")
    assert late.value.message == (
        "Tiny was not asked: the gateway's own database took all the time there was. See STATE_URL, LIMITS_URL and the "
        "disk if this happens again; nothing was sent, it is safe to try again"
    )
    assert http.asked == 1


def test_a_call_that_begins_too_late_says_what_may_have_taken_the_time(tiny: Any) -> None:
    exchange, _, _ = tiny(LOST, deadline=0.0)
    with pytest.raises(NotSent, match="Tiny was not asked: earlier calls to Tiny, or the gateway's own database, took"):
        exchange.call("GET", "x")
