"""The places where limits are counted: in a database or Redis, without either, and by several processes at once."""

import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Connection, Engine, select

from database import open_state
from tables import METADATA
from tests.conftest import Clock
from tests.lent import Lent
from tests.transport.conftest import DAY, PER_SECOND, ROOT, Sleeper, Start, Worker, take, until_denied, vendor
from transport import counters as module
from transport.clock import epoch_ms
from transport.counters import connect_counters
from transport.http import Http
from transport.limit import Limit

# When the counters cannot be used -----------------------------------------------------------------------------------


def test_calls_go_on_without_the_database(
    state: Engine, start_sql: Start, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = start_sql()
    limits = worker.limits(Limit("calls", 10, 1.0, costs={"GET x": 1}))
    with state.begin() as connection:
        METADATA.tables["limits"].drop(connection)
    now = [1000.0]
    monkeypatch.setattr("transport.complaint.time.monotonic", lambda: now[0])
    for _ in range(50):
        assert take(limits) == 0
        assert take(limits, "GET /uncounted") == 0
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "see LIMITS_URL" in caplog.text
    now[0] += 61
    assert take(limits) == 0
    assert len(caplog.records) == 2
    # A ban that this process was told is obeyed all the same.
    limits.heed(418, "60", "")
    assert take(limits) == 60.0
    assert take(limits, "GET /uncounted") == 60.0
    assert take(worker.limits()) == 60.0, "by its twin too"
    METADATA.create_all(state)


def test_calls_go_on_without_redis(
    state: Engine, clock: Clock, sleeper: Sleeper, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Redis, "ping", lambda self: True)  # it is there when the service starts
    limits = Worker(state, connect_counters("redis://127.0.0.1:9", state), clock, sleeper).limits(PER_SECOND)
    for _ in range(20):
        assert take(limits) == 0
    limits.heed(418, "60", "")
    assert take(limits) == 60.0
    assert [record.message for record in caplog.records] == [
        "the limits cannot be counted (ConnectionError), calls are sent without; see LIMITS_URL",
        "Tiny refuses calls for 60 s",
    ]


def test_a_wrong_address_is_told_at_the_start(state: Engine, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"127\.0\.0\.1:9"):
        connect_counters("redis://127.0.0.1:9", state)
    with pytest.raises(OSError, match="exists"):
        connect_counters(f"sqlite:///{__file__}/limits.db", state)
    (tmp_path / "none").write_text("no database " * 200)
    with pytest.raises(Exception, match="not a database"):
        connect_counters(f"sqlite:///{tmp_path}/none", state)


def test_a_database_of_their_own(
    state: Engine, clock: Clock, sleeper: Sleeper, start_sql: Start, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/limits.db"
    workers = [Lent(Http(), state, now=clock, sleep=sleeper, limits_url=url) for _ in range(2)]
    kind = vendor(PER_SECOND)
    assert until_denied(workers[0].upstreams.of(kind).limits) == 1
    assert take(workers[1].upstreams.of(kind).limits) > 0
    assert until_denied(start_sql().limits(PER_SECOND)) == 1
    for worker in workers:
        worker.upstreams.services.counters.dispose()


def test_what_nobody_used_for_a_day_is_cleared_away(
    state: Engine, start_sql: Start, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SWEEP", 20)
    worker = start_sql()
    worker.limits().heed(429, "1", "")
    for url in ("https://a.test", "https://b.test"):
        assert take(worker.limits(PER_SECOND, url=url)) == 0
        clock.ms += DAY // 2 + 10_000
    for _ in range(25):
        take(worker.limits(PER_SECOND, url="https://c.test"))
        clock.ms += 200
    with state.connect() as connection:
        rows = connection.execute(METADATA.tables["limits"].select())
        names = sorted(row.name.split()[0] for row in rows)
    assert names == ["https://b.test", "https://c.test"]


def test_what_another_call_has_locked_is_not_waited_for_and_cleared_away_later(
    state: Engine, start_sql: Start, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    if state.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    monkeypatch.setattr(module, "_SWEEP", 1)
    limits, worker = METADATA.tables["limits"], start_sql()

    def counted(url: str) -> list[str]:
        """Return the exchanges that there are counts of, after a call of one that clears away."""
        assert take(worker.limits(PER_SECOND, url=url)) == 0
        with state.connect() as connection:
            return sorted(name.split()[0] for name in connection.execute(select(limits.c.name)).scalars())

    counted("https://a.test")
    clock.ms += 2 * DAY
    with state.begin() as other:
        other.execute(limits.select().with_for_update())
        assert counted("https://b.test") == ["https://a.test", "https://b.test"]
    assert counted("https://c.test") == ["https://b.test", "https://c.test"]


def test_what_is_cleared_away_before_it_is_locked_is_made_anew(
    start_sql: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, looks = module._times, count(1)

    def missed(connection: Connection, names: list[str], *, lock: bool = False) -> dict[str, int]:
        found = read(connection, names, lock=lock)
        return {} if next(looks) == 2 else found

    monkeypatch.setattr(module, "_times", missed)
    limits = start_sql().limits(PER_SECOND)
    assert until_denied(limits) == 1
    assert next(looks) > 3


def test_calls_go_on_where_what_was_made_is_never_there(
    start_sql: Start, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_times", lambda *_, **__: {})
    assert take(start_sql().limits(PER_SECOND)) == 0
    assert "see LIMITS_URL" in caplog.text


def test_counters_do_not_wait_for_the_disk_and_all_else_does(tmp_path: Path) -> None:
    engine = open_state(f"sqlite:///{tmp_path}/state.db")
    for fleeting, pace in ((False, 2), (True, 1), (False, 2)):  # FULL and NORMAL, on one kept connection
        with engine.execution_options(fleeting=fleeting).begin() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == pace
    engine.dispose()


def test_a_worker_that_makes_a_counter_at_the_same_time_is_no_trouble(
    start_sql: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast, slow = start_sql().limits(PER_SECOND), start_sql().limits(PER_SECOND)
    assert take(fast) == 0
    look, looks = module._times, list[int]()

    def blind(*args: Any, **options: Any) -> dict[str, int]:
        """Sees nothing the first time, as where a transaction takes no lock at its beginning."""
        looks.append(1)
        return look(*args, **options) if len(looks) > 1 else {}

    monkeypatch.setattr(module, "_times", blind)
    assert take(slow) == 0.2
    assert len(looks) == 2


# Several processes --------------------------------------------------------------------------------------------------

WORKER = """
import sys, time
from transport.clock import epoch_ms
from transport.counters import connect_counters
from transport.limit import Limit
from transport.limits import Limits
from transport.credentials import Credentials
from transport.vendor import Vendor
from database import open_state
from protocol.errors import RateLimited

class Tiny(Vendor):
    name = "Tiny"
    url = "https://tiny.test"
    limits = (Limit("weight", 100, 1.0, default=1, reserve=0),)

read = []
def clock():
    read.append(epoch_ms())
    return read[-1]

state_url, limits_url = sys.argv[1:]
limits = Limits(Tiny, Tiny.url, connect_counters(limits_url, open_state(state_url)), clock, time.sleep, clock)
print("ready", flush=True)
ends_ms = int(sys.stdin.readline())
while epoch_ms() < ends_ms:
    try:
        limits.take("GET /x", {}, Credentials("key"), 0.0)
    except RateLimited:
        time.sleep(0.002)
    else:
        print(read[-1])
"""


def race(*urls: str) -> None:
    """Four processes send what they may for a second and a half, of a hundred a second."""
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, *urls],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(4)
    ]  # fmt: skip
    for worker in workers:
        assert worker.stdout
        assert worker.stdout.readline() == "ready\n"
    ends_ms = epoch_ms() + 1500
    for worker in workers:
        assert worker.stdin
        worker.stdin.write(f"{ends_ms}\n")
        worker.stdin.flush()
    said = [worker.communicate(timeout=60) for worker in workers]
    assert [errors for _, errors in said] == [""] * 4
    sent = [int(line) for lines, _ in said for line in lines.split()]
    assert all(sum(begun <= time <= begun + 1000 for time in sent) <= 100 for begun in sent)
    assert len(sent) > 60


@pytest.mark.long
def test_four_processes_together_stay_within_a_limit(state_url: str) -> None:
    race(state_url, "")


@pytest.mark.long
def test_four_processes_with_redis_stay_within_a_limit(redis_url: str, tmp_path: Path) -> None:
    race(f"sqlite:///{tmp_path}/state.db", redis_url)
