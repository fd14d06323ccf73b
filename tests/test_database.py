"""The database: many threads and processes use it at once, and it is opened as it should be."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from tenacity import stop_after_attempt

import database
from database import open_state, read_url
from exchanges.base.futures_settings import FuturesSettings
from tests.servers import database as new_database

ROOT = Path(__file__).parents[1]


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Engine]:
    engine = open_state(f"sqlite:///{tmp_path}/state.db")
    yield engine
    engine.dispose()


def at_once(work: Callable[[int], None], threads: int) -> list[SQLAlchemyError]:
    """Do it in so many threads, each with its number; return the errors."""
    barrier, failed = threading.Barrier(threads), []

    def begin(number: int) -> None:
        barrier.wait()
        try:
            work(number)
        except SQLAlchemyError as error:
            failed.append(error)

    started = [threading.Thread(target=begin, args=(number,)) for number in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    return failed


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a writer fail when another process has the lock."""
    monkeypatch.setattr("database._while_busy.stop", stop_after_attempt(1))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_only_its_owner_can_read_the_file(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        engine = open_state(f"sqlite:///{tmp_path}/own/deep/state.db")
        FuturesSettings(engine, "FuturesPaper", "a").put("contract", "swap")
        found = {path.name: mode(path) for path in (tmp_path / "own" / "deep").iterdir()}
        engine.dispose()
    finally:
        os.umask(previous)
    assert found == {"state.db": 0o600, "state.db-wal": 0o600, "state.db-shm": 0o600}
    assert mode(tmp_path / "own" / "deep") == 0o700


def test_opening_again_leaves_what_is_there(state: Engine, state_url: str) -> None:
    FuturesSettings(state, "FuturesPaper", "a").put("contract", "swap")
    again = open_state(state_url)
    assert inspect(again).get_table_names() == inspect(state).get_table_names()
    assert FuturesSettings(again, "FuturesPaper", "a").get("contract") == "swap"
    again.dispose()


WRITER = """
import sys
from database import open_state
from exchanges.base.futures_settings import FuturesSettings
engine = open_state(sys.argv[1])
settings = FuturesSettings(engine, "FuturesPaper", "shared")
print("ready", flush=True)
sys.stdin.readline()
for turn in range(100):
    settings.put("leverage", str(turn), f"{sys.argv[2]}_USDT.swap")
    settings.put("contract", sys.argv[2])
engine.dispose()
"""


@pytest.mark.long
def test_two_processes_write_at_once_and_neither_loses(state_url: str, state: Engine) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, state_url, name],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for name in ("A", "B")
    ]  # fmt: skip
    for writer in writers:
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
    errors = [writer.communicate("go\n", timeout=60)[1] for writer in writers]
    assert errors == ["", ""]
    assert [writer.returncode for writer in writers] == [0, 0]
    settings = FuturesSettings(state, "FuturesPaper", "shared")
    assert [settings.get("leverage", f"{name}_USDT.swap") for name in ("A", "B")] == ["99", "99"]
    assert settings.get("contract") in ("A", "B")


def test_transactions_that_read_before_they_write_queue(sqlite: Engine) -> None:
    settings = FuturesSettings(sqlite, "FuturesPaper", "a")
    settings.put("leverage", "0")

    def count(_: int) -> None:
        for _ in range(20):
            with sqlite.begin() as connection:
                [[value]] = connection.exec_driver_sql("SELECT value FROM futures_settings")
                connection.exec_driver_sql("UPDATE futures_settings SET value = ?", (str(int(value) + 1),))

    assert not at_once(count, 4)
    assert settings.get("leverage") == "80"


@pytest.mark.usefixtures("impatient")
def test_the_threads_of_a_process_queue_and_do_not_poll(sqlite: Engine) -> None:
    settings = FuturesSettings(sqlite, "FuturesPaper", "a")

    def put(number: int) -> None:
        for _ in range(20):
            settings.put("leverage", str(number))

    assert not at_once(put, 16)


@pytest.mark.usefixtures("impatient")
def test_who_is_refused_the_lock_keeps_nobody_else_from_it(sqlite: Engine) -> None:
    settings = FuturesSettings(sqlite, "FuturesPaper", "a")
    with closing(sqlite3.connect(str(sqlite.url.database))) as another:
        another.execute("BEGIN IMMEDIATE")
        for _ in range(3):
            with pytest.raises(OperationalError, match=r"database is locked\n"):
                settings.put("leverage", "1")
    settings.put("leverage", "2")
    assert settings.get("leverage") == "2"


def test_a_process_looks_often_for_the_lock_of_another(sqlite: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    with closing(sqlite3.connect(str(sqlite.url.database))) as another:
        another.execute("BEGIN IMMEDIATE")

        def wait(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 50:
                another.rollback()

        monkeypatch.setattr("database._while_busy.sleep", wait)
        FuturesSettings(sqlite, "FuturesPaper", "a").put("leverage", "1")
    assert waits == [0.001] * 50, "SQLite's own intervals grow to a tenth of a second"


def test_a_reader_waits_for_who_repairs_the_file(sqlite: Engine) -> None:
    """SQLite itself waits then, and not for long: nothing is polled for."""
    FuturesSettings(sqlite, "FuturesPaper", "a").put("leverage", "1")  # by the connection that is used again
    with sqlite.connect().execution_options(reading=True) as connection:
        connection.begin()
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 5000


def test_a_writer_waits_for_who_repairs_the_file() -> None:
    busy = sqlite3.OperationalError("database is locked")
    busy.sqlite_errorcode = sqlite3.SQLITE_BUSY_RECOVERY
    tries = iter([busy, busy, None])

    def begin() -> None:
        if error := next(tries):
            raise error

    database._while_busy(begin)
    assert next(tries, "none left") == "none left"


def test_a_file_where_a_directory_must_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        open_state(f"sqlite:///{tmp_path}/file/state.db")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(PermissionError, match="closed"):
        open_state(f"sqlite:///{tmp_path}/closed/state.db")


@pytest.mark.parametrize("content", [b"this is no database, but it is long enough to be read as one" * 20])
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(content)
    with pytest.raises(SQLAlchemyError, match="not a database"):
        open_state(f"sqlite:///{path}")
    assert path.read_bytes() == content


# Opening ----------------------------------------------------------------------------------------------------------


def test_many_may_open_a_new_database_at_once(tmp_path: Path) -> None:
    with new_database(tmp_path, tables=False) as url:
        assert not at_once(lambda _: open_state(url).dispose(), 8)


def test_a_writer_of_a_file_without_a_log_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("CREATE TABLE other (id INTEGER)")
        ends = threading.Timer(0.1, writer.execute, ["COMMIT"])
        ends.start()
        open_state(f"sqlite:///{path}").dispose()
        ends.join()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_is_spoken_through_psycopg(scheme: str) -> None:
    url = read_url(f"{scheme}://trader:secret@db.lan:5433/state?sslmode=require")
    assert url.render_as_string(hide_password=False) == (
        "postgresql+psycopg://trader:secret@db.lan:5433/state?sslmode=require"
    )


@pytest.mark.parametrize("url", ["mysql://u:p@h/d", "postgresql+psycopg2://h/d", "sqlite+aiosqlite:///x"])
def test_no_other_database_is_spoken(url: str) -> None:
    with pytest.raises(ValueError, match=r"^expected sqlite:////<file> or postgresql://"):
        read_url(url)


def test_nobody_waits_long_for_a_lock(state: Engine) -> None:
    """Check that it is less than the default deadline, for what another connection keeps for itself."""
    lock = text("SELECT pg_advisory_xact_lock(1)")
    with state.connect() as one, state.connect() as other:
        if state.dialect.name == "sqlite":
            one.begin()
            waits: Callable[[], object] = other.begin
        else:
            one.execute(lock)
            waits = partial(other.execute, lock)
        begun = time.monotonic()
        with pytest.raises(OperationalError):
            waits()
        assert 4 < time.monotonic() - begun < 6


def test_every_thread_of_a_worker_may_have_a_connection_to_its_file(state: Engine) -> None:
    with ExitStack() as stack:
        for _ in range(80 if state.dialect.name == "sqlite" else 48):
            stack.enter_context(state.connect())
