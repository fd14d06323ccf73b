"""Bans: read from any refusal, obeyed by every worker, and never shortened. Which refusals of an exchange ban, its
``exchange.json`` says, and the kit checks."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from protocol.errors import GatewayError, RateLimited
from tests.conftest import NOW, Clock
from tests.lent import Lent
from tests.tiny import Canned, Tiny
from tests.transport.conftest import KEYS, PER_SECOND, Sleeper, Start, take
from transport.credentials import Credentials
from transport.reply import Reply

OTHER = Credentials("another-key", "another-secret")
IN_AN_HOUR = format_datetime(datetime.fromtimestamp(NOW / 1000, UTC) + timedelta(hours=1), usegmt=True)
BANNED = "-3 banned until {}. Please use the stream."
BANS: list[tuple[int, str, str, float]] = [  # seconds; absolute times end one later, for clocks that differ
    (429, "", "", 10.0),
    (418, "120", "", 120.0),
    (429, " 7 ", "-15 Too many new orders", 7.0),
    (429, "2.5", "", 2.5),
    (429, "0", "", 10.0),
    (429, "soon", "", 10.0),
    (429, "-5", "", 10.0),
    (429, IN_AN_HOUR, "", 3601.0),
    (429, IN_AN_HOUR.replace("GMT", "-0000"), "", 3601.0),
    (429, "Mon, 01 Jan 2001 00:00:00 GMT", "", 10.0),
    (429, "Mon, 99 Jan 2001 00:00:00 GMT", "", 10.0),
    (429, "99999999", "", 259_200.0),
    (429, "9" * 400, "", 10.0),
    (418, "", BANNED.format(NOW + 90_000), 91.0),
    (418, "20", BANNED.format(NOW + 90_000), 91.0),
    (418, "100", BANNED.format(NOW + 90_000), 100.0),
    (400, "", BANNED.format(NOW + 90_000), 91.0),
    (200, "", BANNED.format(NOW // 1000 + 30), 31.0),
    (418, "", BANNED.format(NOW - 90_000), 60.0),
    (418, "", BANNED.format("9999999999999"), 60.0),
    (200, "", "-3 Too many requests queued.", 60.0),
]
NO_BANS = [(400, "-15 Too many new orders"), (503, "-8 overloaded"), (400, "10 too little"), (400, "99 strange")]


class Busy(Tiny):
    """An exchange that bans for a minute with -3, and refuses one kind of calls with -15."""

    bans = {"-3": 60.0}


def refused(lent: Lent, status: int, retry_after: str, words: str) -> list[Lent]:
    """The worker whose call was refused so, with an error of the exchange's own if there are words, and another one."""
    code, _, text = words.partition(" ")
    body = json.dumps({"code": int(code), "message": text}).encode() if words else b""
    http = Canned()
    http.said = Reply(Busy.name, status, "application/json", body, retry_after)
    workers = [
        Lent(http, lent.state, now=lent.now, sleep=lent.sleep, deadline=5.0, measure_clocks=False) for _ in range(2)
    ]
    with pytest.raises(GatewayError):
        workers[0].open(Busy, KEYS).call("POST", "/anything", safe=False)
    return workers


@pytest.mark.parametrize(("status", "retry_after", "words", "seconds"), BANS)
def test_a_ban_lasts_as_long_as_it_says(
    lent: Lent, clock: Clock, status: int, retry_after: str, words: str, seconds: float
) -> None:
    workers = refused(lent, status, retry_after, words)
    for worker in workers:
        with pytest.raises(RateLimited) as denied:
            worker.upstreams.of(Busy).limits.take("DELETE /anything", {}, OTHER, 1.0)
        assert str(denied.value) == (
            f"RATE_LIMITED Tiny: it refuses calls for now, retry_after={seconds} seconds; nothing was sent"
        )
    clock.ms += round(seconds * 1000)
    for worker in workers:
        worker.upstreams.of(Busy).limits.take("DELETE /anything", {}, OTHER, 1.0)


@pytest.mark.parametrize(("status", "words"), NO_BANS)
def test_a_refusal_of_one_kind_of_call_is_no_ban(lent: Lent, status: int, words: str) -> None:
    for worker in refused(lent, status, "", words):
        worker.upstreams.of(Busy).limits.take("GET /anything", {}, Credentials(str(id(worker))), 0.0)


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
