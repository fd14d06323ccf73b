"""Nonces: in order across threads, processes and restarts, whatever the clock, a killed process, a call that hangs or a
database that fails do. The proof at full size is ``tests/reliability/nonces.py``."""

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from database import open_state
from protocol.deadline import Deadline
from protocol.errors import NotSent
from tests.conftest import NOW, Clock
from tests.reliability import nonces as proof
from tests.servers import listening
from transport import nonces as module
from transport.nonces import Nonces

ROOT = Path(__file__).parents[2]
ACCOUNT = "52b56c2026a9ea6d3799d6336ea6d563"
FIRST = NOW * 1000


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call may keep the next one waiting for a fifth of a second."""
    monkeypatch.setattr(module, "_HOLD", 0.2)
    monkeypatch.setattr(module, "_SHARE", 0.05)
    monkeypatch.setattr(module, "_SLACK", 0.05)


def have(nonces: Nonces, account: str = ACCOUNT, patience: float = 5.0) -> int:
    with nonces.reserve(account, Deadline.after(patience)) as nonce:
        return nonce


def start(target: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=target)
    thread.start()
    return thread


class Hanging:
    """A call, in a thread of its own, that goes on until it is told to end."""

    def __init__(self, nonces: Nonces) -> None:
        self.nonce = 0
        self._nonces = nonces
        self._begun = threading.Event()
        self._told = threading.Event()

    def __enter__(self) -> "Hanging":
        self._thread = start(self._hang)
        assert self._begun.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        self._told.set()
        self._thread.join()

    def _hang(self) -> None:
        with self._nonces.reserve(ACCOUNT, Deadline.after(5.0)) as self.nonce:
            self._begun.set()
            self._told.wait(10)


def stored(state: Engine) -> tuple[int, str]:
    with state.connect() as connection:
        high, holder = connection.execute(text("SELECT high, holder FROM nonces")).one()
        return high, holder


# Nonces -----------------------------------------------------------------------------------------------------------


def test_nonces_are_the_clocks_microseconds(state: Engine, clock: Clock) -> None:
    nonces = Nonces(state, clock)
    assert have(nonces) == FIRST
    clock.ms += 1
    assert have(nonces) == FIRST + 1000


def test_nonces_grow_by_one_while_the_clock_stands_still_or_has_stepped_back(state: Engine, clock: Clock) -> None:
    nonces = Nonces(state, clock)
    assert [have(nonces) for _ in range(3)] == [FIRST, FIRST + 1, FIRST + 2]
    clock.ms -= 3_600_000
    assert [have(nonces) for _ in range(3)] == [FIRST + 3, FIRST + 4, FIRST + 5]
    clock.ms += 3_600_001
    assert have(nonces) == FIRST + 1000


def test_a_clock_that_steps_under_a_lease_changes_nothing(state: Engine) -> None:
    ticks = iter([NOW, NOW + 3_600_000, NOW, NOW - 3_600_000, NOW, NOW, NOW])
    nonces = Nonces(state, lambda: next(ticks))
    had = [have(nonces) for _ in range(3)]
    assert had == sorted(set(had))


def test_accounts_have_nonces_of_their_own_and_do_not_wait_for_each_other(state: Engine, clock: Clock) -> None:
    nonces = Nonces(state, clock)
    with nonces.reserve("one", Deadline.after(0.0)) as one, nonces.reserve("other", Deadline.after(0.0)) as other:
        assert one == other == FIRST


@pytest.mark.parametrize("back", [0, 3_600_000])
def test_nonces_grow_across_a_restart(state_url: str, clock: Clock, back: int) -> None:
    had = []
    for _ in range(3):
        engine = open_state(state_url)
        had += [have(Nonces(engine, clock)) for _ in range(2)]
        engine.dispose()
        clock.ms -= back
    assert had == [FIRST + number for number in range(6)]


def test_what_a_killed_process_put_aside_is_not_used_again(
    state_url: str, state: Engine, clock: Clock, quick: None
) -> None:
    script = (
        "import os, sys\n"
        "from database import open_state\n"
        "from protocol.deadline import Deadline\n"
        "from transport.nonces import Nonces\n"
        f"with Nonces(open_state({state_url!r}), lambda: {NOW}).reserve({ACCOUNT!r}, Deadline.after(1.0)):\n"
        "    os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT).returncode == 9
    high, holder = stored(state)
    assert high > FIRST
    assert holder
    nonces = Nonces(state, clock)
    begun = time.monotonic()
    with pytest.raises(NotSent):  # it may still be alive
        have(nonces, patience=0.1)
    assert have(nonces) == high + 1
    assert 0.25 < time.monotonic() - begun < 5.0  # what was seen in the first attempt counts
    assert stored(state) == (high + 1, "")


# One call at a time -----------------------------------------------------------------------------------------------


def test_one_call_at_a_time_in_the_order_of_asking(state: Engine) -> None:
    nonces = Nonces(state, lambda: NOW)
    came: list[int] = []
    waiting = []

    def come(number: int) -> None:
        assert have(nonces)
        came.append(number)

    with nonces.reserve(ACCOUNT, Deadline.after(5.0)) as held:
        for number in range(8):
            waiting.append(start(partial(come, number)))
            while len(nonces._queues[ACCOUNT]._waiting) <= number:
                time.sleep(0.001)
        assert came == []
    for thread in waiting:
        thread.join()
    assert came == list(range(8))
    assert have(nonces) == held + 9


def test_threads_have_growing_nonces(state: Engine) -> None:
    nonces = Nonces(state, lambda: NOW)
    had: list[int] = []
    under_way: list[int] = []

    def work() -> None:
        for _ in range(50):
            with nonces.reserve(ACCOUNT, Deadline.after(10.0)) as nonce:
                under_way.append(nonce)
                had.append(nonce)
                assert under_way == [nonce]
                under_way.remove(nonce)

    for thread in [start(work) for _ in range(16)]:
        thread.join()
    assert len(had) == 800
    assert all(earlier < later for earlier, later in pairwise(had))


@pytest.mark.long
def test_processes_have_growing_nonces(state_url: str) -> None:
    outcome = proof.run(threads=4, processes=2, nonces=100, state_url=state_url)
    assert outcome["complete"]
    assert outcome["increasing"]


def test_two_processes_share_an_account_fairly(state: Engine) -> None:
    """Each begins anew at once, and yet neither keeps the other out."""
    came: list[int] = []

    def work(nonces: Nonces, number: int) -> None:
        while len(came) < 40:
            with nonces.reserve(ACCOUNT, Deadline.after(5.0)):
                came.append(number)
                time.sleep(0.005)

    for thread in [start(partial(work, Nonces(state, lambda: NOW), number)) for number in range(2)]:
        thread.join()
    assert min(came.count(0), came.count(1)) >= 5


def test_a_lease_is_given_back_at_once_with_the_nonces_that_were_not_used(state: Engine, clock: Clock) -> None:
    mine, theirs = Nonces(state, clock), Nonces(state, clock)
    assert have(mine) == FIRST
    assert stored(state) == (FIRST, "")
    assert have(theirs, patience=0.0) == FIRST + 1
    assert have(mine, patience=0.0) == FIRST + 2


def test_a_call_that_fails_lets_the_next_one_in(state: Engine, clock: Clock) -> None:
    nonces = Nonces(state, clock)

    def fail() -> None:
        with nonces.reserve(ACCOUNT, Deadline.after(1.0)):
            raise LookupError

    for _ in range(3):
        with pytest.raises(LookupError):
            fail()
    assert have(nonces, patience=0.0) == FIRST + 3


# Calls that take long ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("elsewhere", [False, True], ids=["in this process", "in another"])
def test_a_call_waits_no_longer_than_its_patience(state: Engine, clock: Clock, elsewhere: bool) -> None:
    nonces = Nonces(state, clock)
    with Hanging(nonces):
        begun = time.monotonic()
        with pytest.raises(NotSent, match="still under way; nothing was sent, it is safe to try again") as refused:
            have(Nonces(state, clock) if elsewhere else nonces, patience=0.1)
        assert time.monotonic() - begun < 1.5
        assert str(refused.value).startswith("NOT_SENT ")
    assert have(nonces)


@pytest.mark.parametrize("elsewhere", [False, True], ids=["in this process", "in another"])
def test_a_call_that_hangs_lets_the_next_one_in(state: Engine, clock: Clock, elsewhere: bool, quick: None) -> None:
    nonces = Nonces(state, clock)
    others = Nonces(state, clock) if elsewhere else nonces
    with Hanging(nonces) as hanging:
        begun = time.monotonic()
        later = have(others)
        assert 0.15 < time.monotonic() - begun < 5.0
        assert later > hanging.nonce
        hanging.end()
        assert have(nonces) > later
        assert have(others) > later + 1


def test_one_that_was_overtaken_does_not_let_another_in(state: Engine, clock: Clock, quick: None) -> None:
    nonces = Nonces(state, clock)
    with Hanging(nonces) as first, Hanging(nonces) as second:
        first.end()
        with pytest.raises(NotSent):
            have(nonces, patience=0.05)
        with pytest.raises(NotSent):
            have(Nonces(state, clock), patience=0.05)
        assert second.nonce > first.nonce


def test_a_lease_lasts_longer_than_the_calls_begun_under_it(state: Engine, clock: Clock, quick: None) -> None:
    """However often it is renewed, as when one call after the other hangs."""
    nonces, others = Nonces(state, clock), Nonces(state, clock)
    had: list[int] = []
    with Hanging(nonces) as first, Hanging(nonces) as second, Hanging(nonces) as third:
        had = [first.nonce, second.nonce, third.nonce, have(others)]
    assert had == sorted(set(had))


# A database that fails --------------------------------------------------------------------------------------------


@pytest.fixture
def failing(state: Engine) -> Iterator[list[bool]]:
    """While it is not empty, the database fails."""
    switch: list[bool] = []

    def fail(*_: object) -> None:
        if switch:
            raise OperationalError("UPDATE nonces", {}, Exception("disk I/O error"))

    with listening(state, "before_cursor_execute", fail):
        yield switch


def test_without_a_database_nonces_go_on(
    state: Engine, failing: list[bool], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ALONE", 0.0)
    nonces = Nonces(state, lambda: NOW)
    had = [have(nonces)]
    failing.append(True)
    with caplog.at_level(logging.WARNING):
        had += [have(nonces) for _ in range(3)]
    assert [record.getMessage() for record in caplog.records] == [
        "the database failed (Exception): nonces grow within this process only until it works again"
    ]
    failing.clear()
    had += [have(nonces) for _ in range(2)]
    assert had == sorted(set(had))
    assert stored(state) == (had[-1], "")


def test_a_database_that_never_worked_is_no_hindrance(state: Engine, failing: list[bool], clock: Clock) -> None:
    failing.append(True)
    nonces = Nonces(state, clock)
    had = [have(nonces), have(nonces)]
    clock.ms += 60_000
    assert [*had, have(nonces)] == [FIRST, FIRST + 1, FIRST + 60_000_000]


def test_a_database_that_fails_is_not_waited_for_by_every_call(state: Engine, failing: list[bool]) -> None:
    failing.append(True)
    nonces = Nonces(state, lambda: NOW)
    have(nonces)
    failing.clear()
    have(nonces)
    assert nonces._queues[ACCOUNT].lease.stored is False


def test_a_lease_that_cannot_be_given_back_is_taken_up_again(state: Engine, failing: list[bool], clock: Clock) -> None:
    nonces = Nonces(state, clock)
    with nonces.reserve(ACCOUNT, Deadline.after(1.0)) as held:
        failing.append(True)
    failing.clear()
    high, holder = stored(state)
    assert holder
    assert high > held
    assert have(nonces, patience=0.0) > high


def test_queues_of_accounts_that_nobody_uses_are_forgotten(state: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LATEST", 2)
    nonces = Nonces(state, lambda: NOW)
    with Hanging(nonces) as hanging:
        others = [have(nonces, f"other{number}") for number in range(5)]
        assert others == [FIRST] * 5
        with pytest.raises(NotSent, match="another call with this key"):
            have(nonces, patience=0.05)
    assert len(nonces._queues) == 2
    assert have(nonces) == hanging.nonce + 1
    assert have(nonces, "other0") == FIRST + 1
