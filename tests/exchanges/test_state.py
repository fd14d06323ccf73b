"""What outlives a request: futures settings, in a database that several processes use."""

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import CursorResult, Engine, inspect
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from exchanges.state import FuturesSettings, open_state

ROOT = Path(__file__).parents[2]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Engine]:
    engine = open_state(f"sqlite:///{tmp_path}/state.db")
    yield engine
    engine.dispose()


def test_a_setting_is_kept_until_it_is_set_again(state: Engine) -> None:
    settings = FuturesSettings(state, "FuturesPaper", "a")
    assert settings.get("contract") is None
    settings.put("contract", "swap")
    assert settings.get("contract") == "swap"
    settings.put("contract", "quarter")
    assert settings.get("contract") == "quarter"
    assert settings.get("direction") is None


def test_a_markets_own_value_wins_over_that_for_all(state: Engine) -> None:
    settings = FuturesSettings(state, "FuturesPaper", "a")
    settings.put("leverage", "20", "BTC_USDT.swap")
    assert settings.get("leverage", "BTC_USDT.swap") == "20"
    assert settings.get("leverage", "ETH_USDT.swap") is None
    settings.put("leverage", "10")
    assert settings.get("leverage", "BTC_USDT.swap") == "20"
    assert settings.get("leverage", "ETH_USDT.swap") == "10"
    assert settings.get("leverage") == "10"


@pytest.mark.parametrize(("exchange", "account"), [("FuturesPaper", "b"), ("OtherFutures", "a"), ("futurespaper", "a")])
def test_settings_are_one_accounts_on_one_exchange(state: Engine, exchange: str, account: str) -> None:
    FuturesSettings(state, "FuturesPaper", "a").put("contract", "swap")
    assert FuturesSettings(state, exchange, account).get("contract") is None


def test_settings_survive_a_restart(tmp_path: Path) -> None:
    for _ in range(2):
        engine = open_state(f"sqlite:///{tmp_path}/state.db")
        settings = FuturesSettings(engine, "FuturesPaper", "a")
        before = settings.get("contract")
        settings.put("contract", "swap")
        engine.dispose()
    assert before == "swap"


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


def test_opening_again_leaves_what_is_there(state: Engine) -> None:
    FuturesSettings(state, "FuturesPaper", "a").put("contract", "swap")
    again = open_state(str(state.url))
    assert inspect(again).get_table_names() == inspect(state).get_table_names()
    assert FuturesSettings(again, "FuturesPaper", "a").get("contract") == "swap"
    again.dispose()


WRITER = """
import sys
from exchanges.state import FuturesSettings, open_state
engine = open_state(sys.argv[1])
settings = FuturesSettings(engine, "FuturesPaper", "shared")
print("ready", flush=True)
sys.stdin.readline()
for turn in range(100):
    settings.put("leverage", str(turn), f"{sys.argv[2]}_USDT.swap")
    settings.put("contract", sys.argv[2])
engine.dispose()
"""


def test_two_processes_write_at_once_and_neither_loses(tmp_path: Path, state: Engine) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(state.url), name],
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


def test_threads_that_set_the_same_thing_first_leave_one_row(state: Engine) -> None:
    barrier, failed = threading.Barrier(8), []

    def put(value: int) -> None:
        barrier.wait()
        try:
            FuturesSettings(state, "FuturesPaper", "a").put("contract", str(value))
        except SQLAlchemyError as error:
            failed.append(error)

    threads = [threading.Thread(target=put, args=(value,)) for value in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    with state.connect() as connection:
        [[rows]] = connection.exec_driver_sql("SELECT count(*) FROM futures_settings")
    assert rows == 1


def test_transactions_that_read_before_they_write_queue(state: Engine) -> None:
    settings = FuturesSettings(state, "FuturesPaper", "a")
    settings.put("leverage", "0")
    failed = []

    def count() -> None:
        for _ in range(20):
            try:
                with state.begin() as connection:
                    [[value]] = connection.exec_driver_sql("SELECT value FROM futures_settings")
                    connection.exec_driver_sql("UPDATE futures_settings SET value = ?", (str(int(value) + 1),))
            except SQLAlchemyError as error:
                failed.append(error)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert settings.get("leverage") == "80"


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


def test_a_lost_table_is_a_database_error(state: Engine) -> None:
    with state.begin() as connection:
        connection.exec_driver_sql("DROP TABLE futures_settings")
    with pytest.raises(OperationalError, match="no such table"):
        FuturesSettings(state, "FuturesPaper", "a").get("contract")


def test_two_workers_may_set_the_same_for_the_first_time_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_state(f"sqlite:///{tmp_path}/state.db")
    slow, fast = (FuturesSettings(engine, "Tiny", "me") for _ in range(2))
    fast.put("direction", "sell")
    # The slow one looked before the fast one wrote, as it may where a transaction takes no lock when it begins.
    monkeypatch.setattr(CursorResult, "rowcount", 0)
    slow.put("direction", "buy")
    assert fast.get("direction") == "buy"
    engine.dispose()
