"""The wall clock is set: limits wait for as long as they did, and the exchange's clock is measured again."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Clock
from tests.transport.conftest import DAY, PER_MINUTE, PER_SECOND, Start, Worker, take, until_denied, vendor
from transport import clock as module
from transport.clock import Offset, boot_id, epoch_ms, steady_ms
from transport.http import Http
from transport.services import Services
from transport.upstream import Upstream

HOUR = 3_600_000  # ms
STEPS = [sign * step for step in (60_000, HOUR, 2 * DAY) for sign in (1, -1)]
SetClock = Callable[[int], None]


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """Set the wall clock by so many ms."""
    ahead = [0]
    monkeypatch.setattr(module, "_set_ms", lambda: ahead[0])

    def set_clock(ms: int) -> None:
        ahead[0] += ms

    return set_clock


@pytest.mark.parametrize("step", [60_000, HOUR, 2 * DAY])
def test_a_counter_of_a_clock_ahead_is_brought_back_for_good(start_sql: Start, clock: Clock, step: int) -> None:
    assert until_denied(start_sql().limits(PER_MINUTE)) > 1
    clock.ms -= step
    assert 0 < take(start_sql().limits(PER_MINUTE)) < 60
    waited = 0
    while take(start_sql().limits(PER_MINUTE)) and waited < 60:
        clock.ms += 1000
        waited += 1
    assert waited < 20, "no longer than a full counter takes"


def test_a_call_that_waited_for_the_database_takes_nothing_back(start_sql: Start, clock: Clock) -> None:
    until_denied(start_sql().limits(PER_SECOND))
    clock.ms -= 5000
    assert take(start_sql().limits(PER_SECOND)) > 0
    clock.ms += 5000
    assert take(start_sql().limits(PER_SECOND)) > 0


@pytest.mark.parametrize("step", STEPS)
def test_limits_count_by_the_timeline(worker: Worker, step: int) -> None:
    """Check with a wall clock that is set at every look at it."""
    wall, timeline = Clock(), Clock()

    def set_it() -> int:
        wall.ms += step
        return wall.ms

    services = Services(Http(), worker.state, worker.counters, timeline, set_it, worker.sleep)
    limits = Upstream(vendor(PER_SECOND), services).limits
    assert until_denied(limits) < 20
    timeline.ms += 1000
    assert take(limits) == 0


@pytest.mark.parametrize("named", ["in words", "Retry-After, a date", "Retry-After, seconds"])
@pytest.mark.parametrize("ahead", [0, HOUR, -HOUR])
def test_a_ban_lasts_as_long_as_it_does_by_the_exchanges_clock(
    worker: Worker, named: str, ahead: int, set_clock: SetClock
) -> None:
    """Check with a clock that was set since the exchange's was measured. ahead: ms that the timeline is ahead of it."""
    wall = Clock()
    timeline = Clock(wall.ms + ahead)
    upstream = Upstream(
        vendor(PER_SECOND), Services(Http(), worker.state, worker.counters, timeline, wall, worker.sleep)
    )
    assert upstream.clock.get(lambda: 5000) == 5000
    theirs = wall.ms + 5000
    wall.ms -= DAY
    set_clock(-DAY)
    words = f"banned until {theirs + 60_000}" if named == "in words" else ""
    header = {"in words": "", "Retry-After, seconds": "60", "Retry-After, a date": "Tue, 14 Nov 2023 22:14:25 GMT"}
    upstream.limits.heed(429, header[named], words)
    assert 59 <= take(upstream.limits) <= 62
    timeline.ms += 62_000
    assert take(upstream.limits) == 0


def test_the_exchanges_clock_is_measured_again(set_clock: SetClock) -> None:
    offset = Offset()
    assert offset.get(lambda: 100) == 100
    set_clock(400)
    assert offset.get(lambda: 7) == 100, "so far a clock moves by itself"
    set_clock(HOUR)
    assert offset.get(lambda: 7) == 7
    assert offset.get(lambda: 8) == 7


@pytest.mark.parametrize("step", STEPS)
def test_a_step_is_taken_into_account_where_it_cannot_be_measured(set_clock: SetClock, step: int) -> None:
    offset = Offset()
    offset.get(lambda: 100)
    set_clock(step)
    assert offset.known == 100 - step
    for _ in range(2):
        assert offset.get(lambda: None) == 100 - step
    assert offset.known == 100 - step


def test_nobody_asks_again_where_it_could_not_be_measured_just_now(set_clock: SetClock) -> None:
    offset = Offset()
    offset.get(lambda: 100)
    set_clock(HOUR)
    offset.get(lambda: None)
    assert offset.get(lambda: pytest.fail("it was asked a moment ago")) == 100 - HOUR


def test_the_steady_clock_is_the_machines() -> None:
    assert 0 < steady_ms() <= steady_ms()
    assert abs(epoch_ms() - steady_ms() - module._set_ms()) <= 1000


def test_a_start_of_the_machine_has_a_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    name = boot_id.__wrapped__
    assert name() == name() == boot_id()
    assert 32 <= len(name()) <= 100
    monkeypatch.setattr(module, "_TIME_NAMESPACE", tmp_path / "an older kernel has none")
    assert boot_id().startswith(name())
    monkeypatch.setattr(module, "_BOOT_ID", tmp_path / "another system has none")
    assert len(name()) == 32
    assert name() != name()
