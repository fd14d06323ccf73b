"""The calls of an exchange share public reads that ask the same, and nothing else."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from protocol.deadline import Deadline
from protocol.errors import RateLimited
from tests.lent import Lent
from tests.tiny import KEYS, Tiny
from transport.credentials import Credentials
from transport.flights import Flights, Route, Send
from transport.http import Http
from transport.limit import Limit
from transport.reply import Reply

CALLS = 8
NEVER = 60.0  # seconds, far more than a test takes


class Counted(Tiny):
    """Tiny, with a limit that lets one call through."""

    limits = (Limit("calls", 2, 1000.0, default=1),)


class Says(Http):
    """Answers every request alike, and counts them."""

    def __init__(self, status: int = 200, body: bytes = b'{"ok": {"bids": [["1.5", "2"]]}}') -> None:
        super().__init__()
        self.said = Reply("Tiny", status, "application/json", body)
        self.sent: list[str] = []

    def send(self, exchange: str, request: requests.Request, deadline: Deadline) -> Reply:
        self.sent.append(str(request.url))
        return self.said


def together(lent: Lent, http: Says, monkeypatch: pytest.MonkeyPatch, ask: Any) -> list[Any]:
    """Return what calls of as many accounts return or raise. Their requests wait until all of them have asked."""
    asked = threading.Semaphore(0)
    board = Route.board

    def watched(route: Route) -> Any:
        found = board(route)
        asked.release()
        return found

    def all_have_asked() -> None:
        for _ in range(CALLS):
            assert asked.acquire(timeout=NEVER)

    def answer(number: int) -> Any:
        exchange = process.open(Counted, Credentials(f"key-{number}", "secret"))
        exchange.last_check = all_have_asked
        try:
            return ask(exchange), exchange.replies
        except RateLimited as error:
            return str(error)

    monkeypatch.setattr(Route, "board", watched)
    process = Lent(http, lent.state, deadline=NEVER, now=lent.now, sleep=lambda seconds: None, measure_clocks=False)
    with ThreadPoolExecutor(CALLS) as pool:
        return list(pool.map(answer, range(CALLS)))


def test_equal_reads_of_all_accounts_share_a_request_and_its_limit(lent: Lent, monkeypatch: pytest.MonkeyPatch) -> None:
    http = Says()
    found = together(lent, http, monkeypatch, lambda exchange: exchange.get("depth", symbol="BTC"))
    assert http.sent == ["https://tiny.test/depth"]
    assert [data for data, _ in found] == [{"bids": [["1.5", "2"]]}] * CALLS
    assert [replies for _, replies in found] == [[http.said.body]] * CALLS


def test_no_caller_can_change_what_another_was_given(lent: Lent, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(exchange: Tiny) -> Any:
        book = exchange.get("depth")
        level = book["bids"].pop()
        exchange.replies.append(b"mine")
        return level

    found = together(lent, Says(), monkeypatch, spoil)
    assert [level for level, _ in found] == [["1.5", "2"]] * CALLS
    assert {len(replies) for _, replies in found} == {2}


def test_a_refusal_is_shared_and_heeded_once(
    lent: Lent, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    http = Says(429, b'{"code": 99, "message": "slow down"}')
    with caplog.at_level(logging.WARNING):
        found = together(lent, http, monkeypatch, lambda exchange: exchange.get("depth"))
    assert found == ["RATE_LIMITED Tiny 99 slow down"] * CALLS
    assert len(http.sent) == 1
    assert caplog.text.count("refuses calls") == 1


@pytest.mark.parametrize(
    "ask",
    [
        lambda exchange: exchange.signed("GET", "balances"),
        lambda exchange: exchange.call("POST", "orders", signed=True),
        lambda exchange: exchange.call("POST", "search"),
        lambda exchange: exchange.call("GET", "time", safe=False),
        lambda exchange: exchange.call("GET", "trades", headers={"X-Key": "of one account"}),
        lambda exchange: exchange.get("trades", to=lambda: 7),
        lambda exchange: exchange.raw("GET", "depth", {}),
    ],
    ids=["signed", "order", "POST", "time", "headers", "by time", "pass-through"],
)
def test_nothing_else_is_shared(lent: Lent, monkeypatch: pytest.MonkeyPatch, ask: Any) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("shared")

    monkeypatch.setattr(Flights, "share", never)
    lent.http = Says()
    lent.__post_init__()
    exchange = lent.open(Tiny, KEYS)
    ask(exchange)
    reads: list[Callable[[], Any]] = [lambda: exchange.get("depth"), lambda: exchange.call("POST", "search", safe=True)]
    for read in reads:
        with pytest.raises(AssertionError, match="shared"):
            read()


def test_an_urgent_read_waits_for_nobody(lent: Lent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Flights, "share", lambda *_: pytest.fail("shared"))
    lent.http = Says()
    lent.__post_init__()
    exchange = lent.open(Tiny, KEYS)
    exchange.urgent = True
    assert exchange.get("depth") == {"bids": [["1.5", "2"]]}


@pytest.mark.parametrize("other", [{"symbol": "ETH"}, {"symbol": "BTC", "limit": 5}, {}, {"symbol": 1}])
def test_a_question_is_its_path_and_its_parameters(
    lent: Lent, monkeypatch: pytest.MonkeyPatch, other: dict[str, Any]
) -> None:
    questions: list[str] = []

    def alone(_: Flights, question: str, send: Send, deadline: Deadline) -> tuple[Reply, bool]:
        questions.append(question)
        return send(lambda: None), True

    monkeypatch.setattr(Flights, "share", alone)
    lent.http = Says()
    lent.__post_init__()
    exchange = lent.open(Tiny, KEYS)
    for path, params in (("depth", {"symbol": "BTC"}), ("depth", other), ("trades", {"symbol": "BTC"})):
        exchange.get(path, **params)
    assert len(set(questions)) == 3
    exchange.get("depth", symbol="BTC")
    assert questions[3] == questions[0]
