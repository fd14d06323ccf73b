"""A day of robots on the simulated exchange, at small size; at full size ``python -m tests.reliability day``. And its
judges: each finds what it is there for."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.reliability import day
from tests.reliability.growth import Sample, growth, growth_on_disk, rows_of
from tests.reliability.robots import FuturesRobot, Placed, Robot, SpotRobot, WrongAnswer
from tests.reliability.simulated import SimulatedClock

pytestmark = pytest.mark.long

MIB = 2**20
SAMPLE = Sample(
    worker=90.0,
    master=70.0,
    files=50,
    threads=16,
    sizes={"state.db": 10 * MIB, "state.db-wal": 4 * MIB, "metrics/counter_1.db": 2 * MIB},
    rows={"orders": 1000, "paper_orders": 1000, "paper_fills": 1000, "paper_positions": 5},
    calls={"OK": 10_000},
    ms=[1.0] * 98 + [40.0, 50.0],
)


def test_robots_trade_for_some_hours_and_nothing_grows() -> None:
    *hours, whole = day.outcomes(quick=True)
    assert [outcome for outcome in (*hours, whole) if not outcome.passed] == []
    counted = whole.figures
    assert (counted["contracts delivered"], counted["contracts left for the next"]) == (1, 1)
    assert [hour.figures["errors"] for hour in hours] == [0, 0]
    assert counted["calls"] == 1090, "a robot does the same in every run"
    assert counted["orders, each once"] == 70


# Growth -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({}, []),
        ({"worker": 94.4, "files": 52, "threads": 18}, []),
        ({"worker": 94.6}, ["worker's memory, MB: 94.6 of 94.5"]),
        ({"master": 71.5}, ["master's memory, MB: 71.5 of 71.4"]),
        ({"files": 53}, ["open files: 53.0 of 52.0"]),
        ({"threads": 19}, ["threads: 19.0 of 18.0"]),
        ({"ms": [3.1] * 100}, ["median answer, ms: 3.1 of 3.0"]),
        ({"sizes": {**SAMPLE.sizes, "new": 1}}, ["bytes of new: 1.0 of 0.0"]),
        ({"rows": {**SAMPLE.rows, "limits": 11}}, ["rows of limits: 11.0 of 10.0"]),
    ],
)
def test_what_is_more_than_allowed_is_named(changed: dict[str, Any], found: list[str]) -> None:
    assert growth([SAMPLE, SAMPLE], replace(SAMPLE, **changed)) == found


@pytest.mark.parametrize(
    ("sizes", "rows", "found"),
    [
        ({"state.db": 11 * MIB, "state.db-wal": 5 * MIB}, {"orders": 1100, "paper_positions": 15}, []),
        ({"state.db": 12 * MIB}, {}, ["bytes of state.db: 12,582,912.0 of 11,796,480.0"]),
        ({"state.db-wal": 7 * MIB}, {}, ["bytes of state.db-wal: 7,340,032.0 of 6,291,456.0"]),
        ({"metrics/counter_1.db": 3 * MIB}, {}, ["bytes of metrics/counter_1.db: 3,145,728.0 of 2,097,152.0"]),
        ({}, {"paper_fills": 1111}, ["rows of paper_fills: 1,111.0 of 1,110.0"]),
        ({}, {"paper_positions": 16}, ["rows of paper_positions: 16.0 of 15.0"]),
    ],
)
def test_files_and_rows_that_are_more_than_allowed_are_named(
    sizes: dict[str, int], rows: dict[str, int], found: list[str]
) -> None:
    now = replace(SAMPLE, worker=500.0, files=500, sizes={**SAMPLE.sizes, **sizes}, rows={**SAMPLE.rows, **rows})
    assert growth_on_disk([SAMPLE], now) == found


def test_files_and_threads_may_be_as_many_as_they_ever_were_before() -> None:
    assert growth([replace(SAMPLE, files=60, threads=20), SAMPLE], replace(SAMPLE, files=62, threads=22)) == []


def test_percentiles_are_of_all_answers() -> None:
    assert [SAMPLE.percentile(hundredths) for hundredths in (50, 98, 99, 100)] == [1.0, 40.0, 50.0, 50.0]


# Orders -----------------------------------------------------------------------------------------------------------


def balances(btc: float, usdt: float) -> list[dict[str, Any]]:
    return [{"currency": "btc", "free": btc, "frozen": 0.0}, {"currency": "usdt", "free": usdt - 5, "frozen": 5.0}]


def order(**changed: Any) -> dict[str, Any]:
    return {"id": 7, "type": "buy", "status": "open", "deal_amount": 0.0, "avg_price": 100.0} | changed


ANSWERS: Mapping[str, Any] = {"accounts": balances(1.0, 1000.0), "orders": [{"id": 7}], "order": order()}


class Deaf(SpotRobot):
    """A robot whose answers a test gives."""

    answers = ANSWERS

    def ask(self, method: str, **params: Any) -> Any:
        return self.answers[method]

    def told(self, **answers: Any) -> "Deaf":
        """Return it, with other answers from now on."""
        self.answers = {**self.answers, **answers}
        return self


@pytest.fixture
def robot() -> Deaf:
    robot = Deaf(0, "key", lambda: 0, "BTC_USDT", "1")
    robot.resting = Placed(7, "buy")
    robot.placed.append(robot.resting)
    return robot


def test_a_robot_finds_balances_that_its_orders_do_not_explain(robot: Deaf) -> None:
    robot.told(order=order(deal_amount=1.0)).update(Placed(7, "buy"))
    robot.told(accounts=balances(1.9991, 900.0)).compare()
    for wrong in (balances(1.9989, 900.0), balances(2.0001, 900.0), balances(1.9991, 899.9), balances(1.9991, 900.1)):
        with pytest.raises(WrongAnswer, match="changed by"):
            robot.told(accounts=wrong).compare()


def test_a_robot_finds_orders_that_are_not_its_own_or_not_listed(robot: Deaf) -> None:
    robot.review(patience=1.0)
    assert robot.resting
    for wrong in ([], [{"id": 7}, {"id": 8}]):
        with pytest.raises(WrongAnswer, match="are listed as open"):
            robot.told(orders=wrong).review(patience=1.0)
    with pytest.raises(WrongAnswer, match="are listed as open"):
        robot.told(orders=[{"id": 7}], order=order(status="closed")).review(patience=1.0)


@pytest.mark.parametrize("wrong", [{"id": 8}, {"type": "sell"}, {"deal_amount": 0.5}])
def test_a_robot_finds_an_order_that_became_another(robot: Deaf, wrong: dict[str, Any]) -> None:
    robot.told(order=order(deal_amount=0.6)).update(robot.placed[0])
    with pytest.raises(WrongAnswer, match="is not what became of"):
        robot.told(order=order(deal_amount=0.6) | wrong).update(robot.placed[0])


def test_a_robot_keeps_what_was_wrong_in_a_turn(robot: Deaf) -> None:
    robot.told(
        ticker={"time": 1, "buy": 1, "sell": 2, "last": 1}, depth={"bids": [[1, 1]], "asks": [[3, 1]]}, records=[]
    )
    robot.turn()
    [wrong] = robot.wrong
    assert "is not of the book, or of now" in wrong


# The database -----------------------------------------------------------------------------------------------------


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Return a database in which there are two orders of now, of which one is filled, and one of long ago."""
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            f"""
            CREATE TABLE orders (client_id TEXT PRIMARY KEY, created_ms INTEGER, state TEXT, order_id TEXT);
            CREATE TABLE paper_orders (id INTEGER PRIMARY KEY, client_id TEXT, created INTEGER, status TEXT);
            CREATE TABLE paper_fills (id INTEGER PRIMARY KEY, order_id INTEGER, time INTEGER);
            INSERT INTO orders VALUES ('a', {day.KEPT}, 'accepted', '1'), ('b', {day.KEPT + 1}, 'accepted', '2');
            INSERT INTO paper_orders VALUES (1, 'a', {day.KEPT}, 'open'), (2, 'b', {day.KEPT + 1}, 'closed');
            INSERT INTO paper_fills VALUES (1, 2, {day.KEPT + 1});
            """
        )
    return path


def test_history_is_made_of_the_orders_that_there_are(database: Path) -> None:
    day.add_history(database, hours=4)
    assert rows_of(database) == {"orders": 8, "paper_orders": 8, "paper_fills": 4}
    with closing(sqlite3.connect(database)) as connection:
        ages = [row[0] // day.HOUR for row in connection.execute("SELECT time FROM paper_fills ORDER BY time")]
    assert ages == [1, 2, 3, day.KEPT // day.HOUR]


def test_orders_that_should_have_been_deleted_are_counted(database: Path) -> None:
    assert day.over_age(database, 2 * day.KEPT + day.HOUR) == 0
    assert day.over_age(database, 2 * day.KEPT + day.HOUR + 1) == 1


@pytest.mark.parametrize(
    ("told", "change", "found"),
    [
        ([2, 1], "", []),
        ([1], "", ["the 1 orders that robots were told of are not the exchange's 2", "… the journal's 2"]),
        ([1, 2, 2], "", ["the 3 orders that robots were told of are not the exchange's 2", "… the journal's 2"]),
        ([1, 2], "UPDATE orders SET state = 'unknown' WHERE client_id = 'b'", ["… the journal's 2"]),
        ([1, 2], "INSERT INTO paper_orders VALUES (3, 'c', 2592000000, 'open')", ["… the exchange's 3"]),
    ],
)
def test_an_order_too_many_or_too_few_is_found(
    robot: Robot, database: Path, told: list[int], change: str, found: list[str]
) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(change)
        connection.commit()
    robot.placed[:] = [Placed(order_id, "buy") for order_id in told]
    differences = day.differences(database, day.KEPT, [robot])
    assert len(differences) == len(found)
    for line, wanted in zip(differences, found, strict=True):
        assert line.endswith(wanted.removeprefix("… "))


def test_a_clock_in_a_file_is_the_same_for_all(tmp_path: Path) -> None:
    mine = SimulatedClock(tmp_path / "clock", 5)
    others = SimulatedClock(tmp_path / "clock")
    assert (mine(), others()) == (5, 5)
    mine.set(day.DELIVERY)
    assert others() == day.DELIVERY


def test_the_contract_of_a_name_changes_at_the_delivery() -> None:
    clock = [day.DELIVERY - 1]
    named = {"quarter": "BTC-USDT-261225", "this_week": "BTC-USDT-261211", "swap": "BTC_USDT.swap"}
    after = {"quarter": "BTC-USDT-270326", "this_week": "BTC-USDT-261218", "swap": "BTC_USDT.swap"}
    for expected in (named, after):
        for contract, own_name in expected.items():
            robot = FuturesRobot(0, "key", lambda: clock[0], "BTC_USDT", "1", contract)
            assert robot.own_name() == own_name
        clock[0] += 1
