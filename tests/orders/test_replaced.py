"""The database is deleted or replaced while the gateway runs: no order is sent that nobody will remember."""

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text

from app import create_app
from database import open_state
from exchanges.base.futures_settings import FuturesSettings
from orders.journal import Journal
from orders.timeline import Timeline
from protocol.errors import NotSent
from settings import Settings
from tables import VERSION, VERSIONS, DatabaseReplaced
from tests.conftest import Clock, client_of
from tests.orders.shop import SECOND, Market, Robot
from transport.counters import SqlCounters

GONE = r"^NOT_SENT the database .*/state\.db was deleted or replaced while the gateway ran: put it back, or start"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "own" / "state.db"


@pytest.fixture
def engine(file: Path) -> Iterator[Engine]:
    engine = open_state(f"sqlite:///{file}")
    yield engine
    engine.dispose()


@pytest.fixture
def robot(engine: Engine, clock: Clock, market: Market) -> Robot:
    """Return a robot on a gateway with a file of its own."""
    return Robot(market, Journal(engine, Timeline(engine, clock, clock, "boot")), clock)


def remove(file: Path) -> None:
    for name in (file, Path(f"{file}-wal"), Path(f"{file}-shm")):
        name.unlink(missing_ok=True)


def replace(file: Path) -> None:
    """Put a new database there."""
    file.rename(f"{file}.kept")  # or a new file might be given the same inode
    remove(file)
    open_state(f"sqlite:///{file}").dispose()


def copy(file: Path) -> None:
    """Put a copy there."""
    shutil.copy(file, f"{file}.copy")
    Path(f"{file}.copy").replace(file)


def move(file: Path) -> None:
    file.rename(f"{file}.kept")


def remove_directory(file: Path) -> None:
    shutil.rmtree(file.parent)


CHANGES = [remove, replace, copy, move, remove_directory]


@pytest.mark.parametrize("change", CHANGES)
def test_no_order_goes_into_a_file_that_is_gone(
    file: Path, engine: Engine, robot: Robot, market: Market, change: Callable[[Path], None]
) -> None:
    assert robot.buy("1") == 1
    change(file)
    existed = file.exists()
    for _ in range(2):
        with pytest.raises(NotSent, match=GONE) as refused:
            robot.buy("2")
    assert str(refused.value).endswith(
        "start the gateway again. No order is sent without its journal; nothing was sent"
    )
    engine.dispose()  # and over new connections
    with pytest.raises(NotSent, match=GONE):
        robot.buy("2")
    assert file.exists() is existed, "no new one is made"
    assert len(market.sent) == 1


def test_a_file_that_is_put_back_is_used_again(file: Path, robot: Robot, market: Market) -> None:
    move(file)
    with pytest.raises(NotSent):
        robot.buy("1")
    Path(f"{file}.kept").rename(file)
    assert robot.buy("1") == 1
    assert robot.buy("1") == 1
    assert len(market.sent) == 1


def test_after_the_next_start_orders_are_sent_again(file: Path, robot: Robot, market: Market, clock: Clock) -> None:
    remove(file)
    with pytest.raises(NotSent):
        robot.buy("1")
    engine = open_state(f"sqlite:///{file}")
    assert Robot(market, Journal(engine, Timeline(engine, clock, clock, "boot")), clock).buy("1") == 1
    engine.dispose()


def test_a_file_that_goes_while_the_intent_is_written_is_noticed(
    file: Path, engine: Engine, robot: Robot, market: Market
) -> None:
    def remove_it(statement: str) -> None:
        if statement.startswith("INSERT INTO orders"):
            remove(file)

    def watch(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        driver.set_trace_callback(remove_it)

    event.listen(engine, "begin", watch)
    with pytest.raises(NotSent, match=GONE):
        robot.buy("1")
    assert market.sent == []


def test_an_outcome_is_told_also_if_the_file_went_meanwhile(
    file: Path, robot: Robot, market: Market, caplog: pytest.LogCaptureFixture
) -> None:
    market.on_order = lambda: remove(file)
    assert robot.buy("1") == 1
    assert "the journal could not be written for Shopa1: DatabaseReplaced" in caplog.text


def test_nobody_keeps_the_lock(file: Path, engine: Engine) -> None:
    """Check that a transaction that was refused keeps no other one waiting once the file is back."""
    settings = FuturesSettings(engine, "FuturesPaper", "a")
    move(file)
    with pytest.raises(DatabaseReplaced):
        settings.put("leverage", "1")
    Path(f"{file}.kept").rename(file)
    settings.put("leverage", "2")
    assert settings.get("leverage") == "2"


def test_the_service_says_so_too(file: Path) -> None:
    app = create_app(Settings(state_url=f"sqlite:///{file}"))
    remove(file)
    body = {"access_key": "k", "secret_key": "s", "nonce": "1", "method": "accounts", "params": {}}
    said = client_of(app).post("/paper", json=body).get_json()["error"]
    assert "state.db was deleted or replaced while the gateway ran: put it back, or start the gateway again" in said
    assert said.endswith(". Nothing was sent")


def test_limits_fail_as_with_any_database(file: Path, engine: Engine) -> None:
    counters = SqlCounters(engine)
    remove(file)
    with pytest.raises(counters.failures):
        counters.take("https://shop.example", [], 0)


# Other contents in the same place -------------------------------------------------------------------------------------


def test_an_older_copy_that_is_written_into_the_same_file_is_noticed(
    file: Path, robot: Robot, market: Market, clock: Clock, tmp_path: Path
) -> None:
    robot.buy("1")
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(tmp_path / "copy")) as target:
        source.backup(target)
    clock.ms += SECOND
    robot.buy("2")
    with closing(sqlite3.connect(tmp_path / "copy")) as source, closing(sqlite3.connect(file)) as target:
        source.backup(target)
    for _ in range(2):
        with pytest.raises(
            NotSent, match="replaced by an older copy of itself while the gateway ran: start the gateway"
        ):
            robot.buy("2")
    assert len(market.sent) == 2


@pytest.mark.parametrize("change", ["UPDATE timeline SET seen_ms = seen_ms - 1000", "DELETE FROM timeline"])
def test_an_older_copy_of_a_servers_database_is_noticed(
    state: Engine, clock: Clock, market: Market, change: str
) -> None:
    robot = Robot(market, Journal(state, Timeline(state, clock, clock, "boot")), clock)
    clock.ms += SECOND
    robot.buy("1")
    with state.begin() as connection:
        connection.execute(text(change))
    for _ in range(2):
        with pytest.raises(NotSent, match="an older copy of itself"):
            robot.buy("2")
    assert len(market.sent) == 1


def test_a_transaction_that_was_taken_back_makes_no_older_copy(state: Engine, clock: Clock) -> None:
    timeline = Timeline(state, clock, clock, "boot")
    for _ in range(3):
        clock.ms += 2 * SECOND
        with state.connect() as connection:
            timeline.stamp(connection)  # closed without a commit
    with state.begin() as connection:
        assert timeline.stamp(connection) == timeline()


def test_tables_of_another_version_are_noticed(state: Engine, clock: Clock, market: Market) -> None:
    robot = Robot(market, Journal(state, clock), clock)
    robot.buy("1")
    with state.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION.name} SET version_num = '0099'"))
    try:
        with pytest.raises(NotSent, match="tables have become those of version 0099 while the gateway ran: start the"):
            robot.buy("2")
    finally:
        with state.begin() as connection:
            connection.execute(text(f"UPDATE {VERSION.name} SET version_num = '{VERSIONS[-1]}'"))
    assert len(market.sent) == 1


def test_threads_that_write_at_once_take_nothing_for_an_older_copy(state: Engine) -> None:
    clock, failed = Clock(), []
    timeline = Timeline(state, clock, clock, "boot")

    def write() -> None:
        for _ in range(20):
            clock.ms += SECOND
            try:
                with state.begin() as connection:
                    timeline.stamp(connection)
            except DatabaseReplaced as error:
                failed.append(error)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
