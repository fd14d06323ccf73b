"""Bans: read from any refusal, obeyed by every worker, and never shortened."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import requests

from exchanges import EXCHANGES
from protocol.deadline import Deadline
from protocol.errors import GatewayError, RateLimited
from tests.conftest import NOW, Clock
from tests.lent import Lent
from tests.tiny import Canned, Tiny
from tests.transport.conftest import KEYS, PER_SECOND, Sleeper, Start, take
from transport.credentials import Credentials
from transport.http import Http
from transport.reply import Reply

OTHER = Credentials("another-key", "another-secret")
BODIES: Mapping[str, Callable[[str, str], object]] = {
    "binance": lambda code, text: {"code": int(code), "msg": text},
    "okx": lambda code, text: {"code": code, "msg": text, "data": []},
    "kraken": lambda code, text: {"error": [f"{code} {text}".strip()]},
    "indodax": lambda code, text: {"error": code, "error_description": text},
    "futures_bitunix": lambda code, text: {"code": int(code), "msg": text, "data": None},
    "hotcoin": lambda code, text: {"code": int(code), "msg": text, "time": NOW, "data": None},
}
"""How each writes an error of its own."""

IN_AN_HOUR = format_datetime(datetime.fromtimestamp(NOW / 1000, UTC) + timedelta(hours=1), usegmt=True)
BANNED = "-1003 Way too much request weight used; IP banned until {}. Please use WebSocket Streams."
BANS: list[tuple[str, int, str, str, float]] = [  # seconds; absolute times end one later, for clocks that differ
    ("binance", 429, "", "", 10.0),
    ("binance", 418, "120", "", 120.0),
    ("binance", 429, " 7 ", "-1015 Too many new orders; current limit is 100 orders per 10 SECOND.", 7.0),
    ("binance", 429, "2.5", "", 2.5),
    ("binance", 429, "0", "", 10.0),
    ("binance", 429, "soon", "", 10.0),
    ("binance", 429, "-5", "", 10.0),
    ("binance", 429, IN_AN_HOUR, "", 3601.0),
    ("binance", 429, IN_AN_HOUR.replace("GMT", "-0000"), "", 3601.0),
    ("binance", 429, "Mon, 01 Jan 2001 00:00:00 GMT", "", 10.0),
    ("binance", 429, "Mon, 99 Jan 2001 00:00:00 GMT", "", 10.0),
    ("binance", 429, "99999999", "", 259_200.0),
    ("binance", 429, "9" * 400, "", 10.0),
    ("binance", 418, "", BANNED.format(NOW + 90_000), 91.0),
    ("binance", 418, "20", BANNED.format(NOW + 90_000), 91.0),
    ("binance", 418, "100", BANNED.format(NOW + 90_000), 100.0),
    ("binance", 400, "", BANNED.format(NOW + 90_000), 91.0),
    ("binance", 418, "", BANNED.format(NOW - 90_000), 60.0),
    ("binance", 418, "", BANNED.format("9999999999999"), 60.0),
    ("binance", 200, "", "-1003 Too many requests queued.", 60.0),
    ("okx", 429, "", "50011 Rate limit reached.", 2.0),
    ("okx", 429, "", "50013 System is busy, please try again later.", 10.0),
    ("okx", 200, "", "50011 Rate limit reached.", 2.0),
    ("kraken", 200, "", f"EService:Throttled: {NOW // 1000 + 30}", 31.0),
    ("kraken", 200, "", "EService:Throttled", 10.0),
    ("kraken", 200, "", "EGeneral:Temporary lockout", 300.0),
    ("kraken", 200, "", "EAPI:Rate limit exceeded", 5.0),
    ("kraken", 200, "", "EGeneral:Too many requests", 5.0),
    ("indodax", 429, "", "too_many_requests Too Many Requests", 5.0),
    ("indodax", 429, "", "-1003 Too many requests queued.", 10.0),
    ("hotcoin", 200, "", "20724 Too frequent", 2.0),
    ("futures_bitunix", 200, "", "10005 Too many requests", 2.0),
    ("futures_bitunix", 200, "", "10006 Request too frequently", 2.0),
    ("futures_bitunix", 429, "", "10006 Request too frequently", 2.0),
]
NO_BANS = [
    ("binance", 400, "-1015 Too many new orders; current limit is 100 orders per 10 SECOND."),
    ("binance", 503, "-1008 Server is currently overloaded with other requests."),
    ("binance", 400, "-2010 Account has insufficient balance for requested action."),
    ("okx", 200, "50061 The order rate limit of the sub-account was exceeded."),
    ("kraken", 200, "EOrder:Orders limit exceeded"),
    ("kraken", 200, "EOrder:Rate limit exceeded"),
    ("kraken", 200, "EAPI:Invalid key"),
    ("indodax", 200, "invalid_pair Invalid Pair"),
    ("hotcoin", 200, "10173 Invalid access key"),
    ("futures_bitunix", 200, "10007 Signature Error"),
]


class Refusing(Http):
    """An exchange that refuses, with an error of its own if there are words."""

    def __init__(self, route: str, status: int, retry_after: str, words: str) -> None:
        super().__init__()
        code, _, text = words.partition(" ") if route != "kraken" else (words, "", "")
        body = json.dumps(BODIES[route](code, text)).encode() if words else b""
        self.reply = Reply(EXCHANGES[route].name, status, "application/json", body, retry_after)

    def send(self, exchange: str, request: requests.Request, deadline: Deadline) -> Reply:
        return self.reply


def refused(lent: Lent, route: str, status: int, retry_after: str, words: str) -> list[Lent]:
    """The worker whose call was refused so, and another one."""
    http = Refusing(route, status, retry_after, words)
    workers = [
        Lent(http, lent.state, now=lent.now, sleep=lent.sleep, deadline=5.0, measure_clocks=False) for _ in range(2)
    ]
    with pytest.raises(GatewayError):
        workers[0].open(EXCHANGES[route], KEYS).call("POST", "/anything", safe=False)
    return workers


@pytest.mark.parametrize(("route", "status", "retry_after", "words", "seconds"), BANS)
def test_a_ban_lasts_as_long_as_it_says(
    lent: Lent, clock: Clock, route: str, status: int, retry_after: str, words: str, seconds: float
) -> None:
    kind = EXCHANGES[route]
    workers = refused(lent, route, status, retry_after, words)
    for worker in workers:
        with pytest.raises(RateLimited) as denied:
            worker.upstreams.of(kind).limits.take("DELETE /anything", {}, OTHER, 1.0)
        assert str(denied.value) == (
            f"RATE_LIMITED {kind.name}: it refuses calls for now, retry_after={seconds} seconds; nothing was sent"
        )
    clock.ms += round(seconds * 1000)
    for worker in workers:
        worker.upstreams.of(kind).limits.take("DELETE /anything", {}, OTHER, 1.0)


@pytest.mark.parametrize(("route", "status", "words"), NO_BANS)
def test_a_refusal_of_one_kind_of_call_is_no_ban(lent: Lent, route: str, status: int, words: str) -> None:
    for worker in refused(lent, route, status, "", words):
        worker.upstreams.of(EXCHANGES[route]).limits.take("GET /anything", {}, Credentials(str(id(worker))), 0.0)


def test_a_ban_is_shared_waited_for_and_never_shortened(start: Start, sleeper: Sleeper) -> None:
    one, other = start(), start()
    one.limits(PER_SECOND).heed(418, "60", "")
    other.limits(PER_SECOND).heed(429, "5", "")
    for worker in (one, other, start()):
        assert take(worker.limits(PER_SECOND), patience=59.0) == 60.0
        assert take(worker.limits(), patience=59.0) == 60.0
        assert take(worker.limits(url="https://other.test")) == 0
    assert sleeper.slept == []
    assert take(other.limits(PER_SECOND), patience=61.0) == 0
    assert sleeper.slept == [60.0]
    assert take(start().limits()) == 0


def test_after_a_ban_nothing_is_sent(lent: Lent) -> None:
    http = Canned(429, b"", "")
    lent = Lent(http, lent.state, now=lent.now, sleep=lent.sleep, deadline=5.0)
    with pytest.raises(RateLimited, match="HTTP 429"):
        lent.open(Tiny, KEYS).call("GET", "/x")
    http.said = Canned().said
    for verb in ("GET", "POST", "DELETE"):
        with pytest.raises(RateLimited, match=r"it refuses calls for now, retry_after=10\.0 seconds; nothing was sent"):
            lent.open(Tiny, KEYS).call(verb, "/y")
    assert len(http.sent) == 1
