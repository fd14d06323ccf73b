"""Kept market data: off unless it is asked for, of a known age, bounded, and never an error."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient

from protocol.deadline import Deadline
from settings import Settings
from tests.conftest import client_of
from tests.lent import Lent
from tests.tiny import KEYS, Tiny
from transport.cache import Cache
from transport.flights import Flight, Route
from transport.http import Http
from transport.reply import Reply


@dataclass
class Watch:
    """A monotonic clock that the test moves."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    watch = Watch()
    monkeypatch.setattr("time.monotonic", watch)
    return watch


class Says(Http):
    """Answers with one status and body after the other, the last ones for ever."""

    def __init__(self, watch: Watch, *said: tuple[int, Any]) -> None:
        super().__init__()
        self.watch = watch
        self.said = said
        self.asked = 0

    def send(self, exchange: str, request: requests.Request, deadline: Deadline) -> Reply:
        status, body = self.said[min(self.asked, len(self.said) - 1)]
        self.asked += 1
        return Reply("Tiny", status, "application/json", json.dumps(body).encode(), arrived=self.watch())


Open = Callable[..., tuple[Callable[..., Any], Says]]


@pytest.fixture
def opened(lent: Lent, watch: Watch) -> Open:
    def opened(*said: tuple[int, Any], max_age_ms: int = 200) -> tuple[Callable[..., Any], Says]:
        """Return what reads for a call of its own, with the age of what it was given."""
        lent.http = http = Says(watch, *said)
        lent.deadline = 5.0
        lent.__post_init__()

        def read(resource: str = "depth", key: str = KEYS.key, **params: Any) -> Any:
            exchange = lent.open(Tiny, type(KEYS)(key, "secret"))
            exchange.max_age_ms = max_age_ms
            return exchange.get(resource, **params), exchange.age_ms

        return read, http

    return opened


def numbered() -> list[tuple[int, Any]]:
    return [(200, {"ok": number}) for number in range(10)]


def test_a_reply_is_kept_for_its_time_for_all_accounts(opened: Open, watch: Watch) -> None:
    read, http = opened(*numbered())
    assert read() == (0, None)
    watch.seconds += 0.15
    assert read(key="another") == (0, 150)
    watch.seconds += 0.049
    assert read() == (0, 199)
    watch.seconds += 0.002
    assert read() == (1, None)
    assert http.asked == 2


def test_nothing_is_kept_by_default(opened: Open) -> None:
    read, http = opened(*numbered(), max_age_ms=0)
    assert [read(), read()] == [(0, None), (1, None)]
    assert http.asked == 2


def test_each_question_has_its_own_reply(opened: Open) -> None:
    read, _ = opened(*numbered())
    assert [read("depth", symbol="BTC"), read("depth", symbol="ETH"), read("trades", symbol="BTC")] == [
        (0, None), (1, None), (2, None),
    ]  # fmt: skip
    assert read("depth", symbol="ETH") == (1, 0)


@pytest.mark.parametrize("refusal", [(401, {}), (200, {"code": 9, "message": "no"}), (400, {}), (200, {})])
def test_no_refusal_is_kept(opened: Open, refusal: tuple[int, Any]) -> None:
    read, http = opened(refusal, (200, {"ok": 7}))
    with pytest.raises(Exception, match="Tiny"):
        read()
    assert read() == (7, None)
    assert http.asked == 2


def test_a_reply_that_was_kept_while_a_call_waited_is_its_answer(
    opened: Open, lent: Lent, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, http = opened(*numbered())
    gather = Route.gather

    def meanwhile(route: Route, flight: Flight, most: float) -> None:
        monkeypatch.setattr(Route, "gather", gather)
        read("depth", symbol="BTC")
        gather(route, flight, most)

    monkeypatch.setattr(Route, "gather", meanwhile)
    monkeypatch.setattr(Route, "board", lambda route: (Flight(0.0), True))
    assert read("depth", symbol="BTC") == (0, 0)
    assert http.asked == 1


def test_what_an_order_needs_beforehand_is_asked_for_anew(opened: Open, lent: Lent) -> None:
    read, http = opened(*numbered())
    read()
    assert lent.open(Tiny, KEYS).get("depth") == 1
    exchange = lent.open(Tiny, KEYS)
    exchange.max_age_ms = 200
    assert exchange.apart(lambda other: other.get("depth")) == 2
    assert http.asked == 3


def test_signed_replies_are_never_kept(opened: Open, lent: Lent) -> None:
    _, http = opened(*numbered())
    for number in range(2):
        exchange = lent.open(Tiny, KEYS)
        exchange.max_age_ms = 200
        assert exchange.signed("GET", "balances") == number
    assert http.asked == 2


def test_the_oldest_of_several_kept_replies_is_the_age(opened: Open, lent: Lent, watch: Watch) -> None:
    read, _ = opened(*numbered())
    read("old")
    watch.seconds += 0.1
    read("young")
    exchange = lent.open(Tiny, KEYS)
    exchange.max_age_ms = 200
    for resource in ("young", "old", "young", "new"):
        exchange.get(resource)
    assert exchange.age_ms == 100


def test_its_bytes_are_bounded(watch: Watch) -> None:
    def kept() -> list[str]:
        return [question for question in "abcd" if cache.get(question, 200)]

    def reply(size: int) -> Reply:
        return Reply("Tiny", 200, "application/json", b"x" * size, arrived=watch.seconds)

    cache = Cache(most=10_000)
    for question in "abc":
        cache.put(question, reply(2000))
    assert kept() == ["a", "b", "c"]
    watch.seconds += 0.1
    cache.put("a", reply(1000))  # the latest now
    cache.put("d", reply(3000))
    assert kept() == ["a", "c", "d"]
    cache.put("b", reply(20_000))
    assert kept() == []
    cache.put("b", reply(8000))
    assert kept() == ["b"]


def test_a_later_reply_stays(watch: Watch) -> None:
    cache = Cache()
    early, late = (Reply("Tiny", 200, "application/json", b"", arrived=watch.seconds + late) for late in (0, 0.1))
    cache.put("a", late)
    cache.put("a", early)
    assert cache.get("a", 1000) is late


# The service ----------------------------------------------------------------------------------------------------------

TICKER = {
    "closeTime": 1_700_000_000_000, "lastPrice": "1.5", "highPrice": "2", "lowPrice": "1", "volume": "9",
    "bidPrice": "1.4", "askPrice": "1.6",
}  # fmt: skip


def service(lent: Lent, watch: Watch, **cache_ms: int) -> tuple[FlaskClient, Says]:
    lent.http = http = Says(watch, (200, TICKER))
    lent.deadline = 5.0
    lent.__post_init__()
    return client_of(lent.app(Settings(cache_ms=cache_ms))), http


def ask(client: FlaskClient, method: str = "ticker") -> tuple[Any, str | None]:
    reply = client.post("/binance", json={"method": method, "params": {"symbol": "BTC_USDT"}})
    return reply.get_json()["data"], reply.headers.get("X-Cache-Age-Ms")


def test_an_answer_tells_the_age_of_its_data(lent: Lent, watch: Watch) -> None:
    client, http = service(lent, watch, ticker=200)
    data, age = ask(client)
    assert (data["last"], age) == (1.5, None)
    watch.seconds += 0.12
    assert ask(client, "GetTicker") == (data, "120")
    watch.seconds += 0.1
    assert ask(client) == (data, None)
    assert http.asked == 2


def test_a_method_that_is_not_named_is_not_kept(lent: Lent, watch: Watch) -> None:
    client, http = service(lent, watch, depth=200)
    assert [ask(client)[1], ask(client)[1]] == [None, None]
    assert http.asked == 2
