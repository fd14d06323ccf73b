"""Credits: most calls ask the database for nothing but a ban, and no limit is exceeded, whoever joins or is killed."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some
from sqlalchemy import Connection, Engine, event

from database import open_state
from tables import METADATA
from tests.conftest import NOW, Clock
from tests.transport.conftest import ADDRESS, Start, take, until_denied
from transport.charges import step
from transport.counters import SqlCounters
from transport.credits import Credit, Credits
from transport.limit import Limit

BUSY = Limit("weight", 6000, 60.0, default=1, reserve=0)  # 1200 at once, and one each 13.3 ms
MEMORY = open_state("sqlite://")
GAPS = some.sampled_from([0, 0, 0, 1, 7, 50, 400, 3000])  # ms since the call before
CALL = some.tuples(GAPS, some.integers(0, 3), some.integers(1, 5), some.booleans(), some.booleans())


@contextmanager
def transactions(engine: Engine) -> Iterator[list[int]]:
    """Yield the list that each transaction which may write is added to, as 1."""
    begun: list[int] = []

    def note(connection: Connection) -> None:
        if not connection.get_execution_options().get("reading"):
            begun.append(1)

    event.listen(engine, "begin", note)
    yield begun


@pytest.fixture
def closely(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the bans for each call, however soon one comes after another."""
    monkeypatch.setattr("transport.counters._FRESH", -1.0)


def forget_all() -> None:
    with MEMORY.begin() as connection:
        connection.execute(METADATA.tables["limits"].delete())


# What they save -----------------------------------------------------------------------------------------------------


def test_a_thousand_calls_write_a_few_times(state: Engine, start_sql: Start, clock: Clock) -> None:
    limits = start_sql().limits(BUSY)
    with transactions(state) as begun:
        for number in range(1000):
            assert take(limits) == 0
            clock.ms += number % 2 * 40
    assert len(begun) < 40  # of 20 seconds


def test_an_exchange_without_limits_begins_no_transaction(state: Engine, start_sql: Start) -> None:
    limits = start_sql().limits()
    assert take(limits) == 0
    with transactions(state) as begun:
        for _ in range(10):
            assert take(limits) == 0
    assert begun == []


@settings(max_examples=40, derandomize=True, deadline=None, database=None)
@given(some.lists(CALL, min_size=1, max_size=60), some.integers(11, 2000))
def test_a_process_alone_is_let_through_as_if_it_took_nothing_in_advance(
    calls: list[tuple[int, int, int, bool, bool]], amount: int
) -> None:
    forget_all()
    limit = Limit("weight", amount, 2.0, costs={"GET heavy": 5}, default=1)
    counters, now, full_at_us = SqlCounters(MEMORY), NOW, 0
    for gap, _, weight, urgent, _ in calls:
        now += gap
        charge = limit.charge(weight, ADDRESS, "", {}, urgent=urgent)
        full_at_us, wait = step(charge, full_at_us, now)
        assert counters.take(ADDRESS, [charge], now, patience=10**6) == wait


# What they never cost -----------------------------------------------------------------------------------------------


@settings(max_examples=150, derandomize=True, deadline=None, database=None)
@given(some.lists(CALL, min_size=1, max_size=80), some.integers(11, 2000), some.sampled_from([1, 4]))
@example([(0, number // 20, 1, False, False) for number in range(80)], 100, 1)
@example([(0, 0, 1, False, number % 7 == 6) for number in range(80)], 100, 1)
def test_processes_that_join_and_are_killed_stay_within_a_limit(
    calls: list[tuple[int, int, int, bool, bool]], amount: int, share: int
) -> None:
    forget_all()
    limit = Limit("weight", amount, 2.0, costs={"GET heavy": 5}, default=1)
    now, full_at_us = NOW, 0
    processes = [SqlCounters(MEMORY) for _ in range(4)]
    with patch("transport.credits._SHARE", share):  # with 1 a process takes all that there is
        for gap, number, weight, urgent, killed in calls:
            now += gap
            charge = limit.charge(weight, ADDRESS, "", {}, urgent=urgent)
            if not processes[number].take(ADDRESS, [charge], now):
                # One counter that nobody takes anything from in advance would have let it through as well.
                most = limit.charge(weight, ADDRESS, "", {}, urgent=True)
                full_at_us, wait = step(most, full_at_us, now)
                assert wait is None
            if killed:
                processes[number] = SqlCounters(MEMORY)


def test_a_process_that_follows_a_killed_one_has_what_is_left(start_sql: Start, clock: Clock) -> None:
    killed = start_sql().limits(BUSY)
    sent = sum(take(killed) == 0 for _ in range(600))
    follower = start_sql().limits(BUSY)
    sent += until_denied(follower)
    assert 1200 - 76 <= sent <= 1200, "a second of the limit may be lost, and nothing is doubled"
    clock.ms += 1000
    assert until_denied(follower) == pytest.approx(75, abs=1)


@pytest.mark.usefixtures("closely")
def test_a_ban_that_another_process_was_told_stops_what_is_in_credit(start_sql: Start) -> None:
    first, second = start_sql().limits(BUSY), start_sql().limits(BUSY)
    for _ in range(3):
        assert take(first) == 0
    second.heed(418, "60", "")
    assert take(first) == 60.0
    assert take(start_sql().limits(BUSY)) == 60.0, "after a restart too"


def test_calls_at_once_look_once_for_a_ban(start_sql: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("transport.counters.time.monotonic", lambda: now)
    first, second = start_sql().limits(BUSY), start_sql().limits(BUSY)
    for _ in range(3):
        assert take(first) == 0
    second.heed(418, "60", "")
    now += 0.009
    assert take(first) == 0
    now += 0.002
    assert take(first) == 60.0


def test_a_call_that_one_of_its_limits_denies_spends_no_credit(start_sql: Start, clock: Clock) -> None:
    few = Limit("orders", 11, 60.0, costs={"POST order": 1}, reserve=0)
    limits = start_sql().limits(BUSY, few)
    assert take(limits) == take(limits) == 0
    assert until_denied(limits, "POST /order") == 2
    for _ in range(50):
        assert take(limits, "POST /order")
    assert until_denied(limits) == 1200 - 2 - 2


def test_what_is_withdrawn_is_nobody_elses() -> None:
    charge = BUSY.charge(1, ADDRESS, "", {}, urgent=False)
    credits = Credits()
    credits.put({charge.key: Credit(NOW * 1000, (NOW + 100) * 1000)})
    assert credits.spend([charge], NOW)
    own = credits.withdraw([charge.key])
    assert own == {charge.key: Credit(NOW * 1000 + 13_334, (NOW + 100) * 1000)}
    assert not credits.spend([charge], NOW)
    credits.put(own)
    assert credits.spend([charge], NOW)


def test_an_empty_credit_takes_the_place_of_no_larger_one() -> None:
    charge = BUSY.charge(1, ADDRESS, "", {}, urgent=False)
    credits = Credits()
    credits.put({charge.key: Credit(NOW * 1000, (NOW + 100) * 1000)})
    credits.put({charge.key: Credit((NOW + 120) * 1000, (NOW + 120) * 1000)})  # of a thread that was later
    assert credits.cover([charge], NOW)
    assert credits.spend([charge], NOW)


def test_threads_share_what_there_is(start_sql: Start) -> None:
    limits = start_sql().limits(BUSY)
    with ThreadPoolExecutor(8) as threads:
        sent = list(threads.map(lambda _: take(limits) == 0, range(1500)))
    assert 1000 < sum(sent) <= 1200
