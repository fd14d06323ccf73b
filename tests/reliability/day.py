"""A day of ten robots on the simulated exchange, through the whole service: what it keeps must not grow.
``python -m tests.reliability day``

Time is simulated: it stands while the robots have their turn, and is moved on when all have had it. So a day takes as
long as its calls do, and on a slow machine nothing else becomes of it.
"""

import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

from exchanges.paper.listings import SPOT
from tests.reliability.growth import DATABASE, LOG_AHEAD, ORDERS, Sample, growth, growth_on_disk, take
from tests.reliability.outcome import Outcome
from tests.reliability.robots import FuturesRobot, Robot, SpotRobot
from tests.reliability.simulated import APP, CLOCK, SimulatedClock
from tests.service import GUNICORN, Service, running

COMMAND = "python -m tests.reliability day"
MINUTE, HOUR = 60_000, 3_600_000  # ms
KEPT = 30 * 24 * HOUR  # ms that the service keeps an order
DELIVERY = int(datetime(2026, 12, 11, 8, tzinfo=UTC).timestamp()) * 1000
"""The Friday on which this week's contract is delivered and every name means the next one, ``quarter`` too."""
PAGES = ("/metrics", "/health/ready", "/console/calls", "/console/orders", "/console/health")
"""The pages that are looked at once an hour, the counts first."""
ROBOTS: tuple[Callable[..., Robot], ...] = (
    partial(SpotRobot, key="spot-1", pair="BTC_USDT", size="0.005"),
    partial(FuturesRobot, key="futures-1", pair="BTC_USDT", size="2", contract="this_week"),
    partial(FuturesRobot, key="futures-2", pair="ETH_USDT", size="2", contract="quarter"),
    partial(SpotRobot, key="spot-2", pair="ETH_BTC", size="0.05"),
    partial(FuturesRobot, key="futures-3", pair="BTC_USD", size="2", contract="swap"),
    partial(SpotRobot, key="spot-3", pair="ETH_USDT", size="0.05"),
    partial(SpotRobot, key="spot-4", pair="BTC_USDT", size="0.002"),
    partial(SpotRobot, key="spot-5", pair="ETH_USDT", size="0.1"),
    partial(FuturesRobot, key="futures-4", pair="BTC_USDT", size="3", contract="swap"),
    partial(FuturesRobot, key="futures-5", pair="ETH_USDT", size="1", contract="swap"),
)
ROUNDS = 20
"""The rounds of the background look-ups in which old orders must have been deleted; one takes a real second."""
HASTE = "within seconds"
"""Words of a warning about robots that choose contracts and directions in turn: their turns follow at once here."""


@dataclass(frozen=True)
class Plan:
    """The extent of a day. begin: its first ms. pause: ms between two turns. history: markets whose last bars are asked
    for before, so that caches are full that would need days for it. warm: hours until nothing may grow any more. shown:
    hours that are a row in the document. judge: returns what has grown."""

    robots: int = len(ROBOTS)
    hours: int = 24
    begin: int = DELIVERY - 19 * HOUR - HOUR // 2
    pause: int = MINUTE
    history: Sequence[str] = tuple(SPOT)
    warm: int = 8
    shown: tuple[int, ...] = (1, 4, 8, 12, 16, 20, 24)
    judge: Callable[[Sequence[Sample], Sample], list[str]] = growth


# Too short for the caches of a worker to be full, and for all of its threads to have started.
QUICK = Plan(
    robots=5,
    hours=6,
    begin=DELIVERY - 3 * HOUR - HOUR // 2,
    pause=15 * MINUTE,
    history=(),
    warm=3,
    shown=(1, 6),
    judge=growth_on_disk,
)


def outcomes(quick: bool) -> Iterator[Outcome]:
    """Yield the outcomes of some hours, then of the whole day."""
    yield from day(QUICK if quick else Plan())


def day(plan: Plan, **settings: str) -> Iterator[Outcome]:
    """Let robots trade for some simulated hours; yield an outcome for some of them, then one of all. settings: the
    service's own."""
    begun = time.monotonic()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        clock = SimulatedClock(directory / "clock", plan.begin)
        given = {CLOCK: str(directory / "clock"), "LOG_LEVEL": "WARNING", **settings}
        service = stack.enter_context(running(directory, given, command=(*GUNICORN[:-1], APP)))
        robots = [make(port=service.port, clock=clock) for make in ROBOTS[: plan.robots]]
        for market in plan.history:
            robots[0].ask("records", symbol=market, period="1", limit=2000)
        samples: list[Sample] = []
        broken: list[str] = []
        for hour in range(plan.hours):
            trade(plan, hour, clock, robots)
            if hour == 0:
                add_history(directory / DATABASE, plan.hours)
            left = wait_for_deletion(directory / DATABASE, clock())
            samples.append(look(service, directory, robots))
            counted, made = sum(samples[-1].calls.values()), sum(robot.calls.total() for robot in robots)
            if left or counted != made:
                broken.append(f"after {hour + 1} h: {left} old orders are left; of {made} calls {counted} are counted")
        for robot in robots:
            robot.finish()
        broken += [line for robot in robots for line in robot.wrong]
        broken += differences(directory / DATABASE, plan.begin, robots)
        broken += [line[:200] for line in service.log.read_text().splitlines() if HASTE not in line]
    grown = [plan.judge(samples[: plan.warm], sample) for sample in samples]
    for hour in plan.shown:
        yield Outcome(f"after {hour} h", COMMAND, figures(samples[hour - 1]), not grown[hour - 1], seconds=0.0)
    broken += [f"after {hour} h: {what}" for hour, found in enumerate(grown, 1) for what in found]
    name = f"{plan.hours} simulated hours of {plan.robots} robots"
    seconds = round(time.monotonic() - begun, 1)
    yield Outcome(name, COMMAND, totals(plan, robots, samples, broken), not broken, seconds)


def trade(plan: Plan, hour: int, clock: SimulatedClock, robots: Sequence[Robot]) -> None:
    """Let robots have their turns of an hour, all at once in each."""
    with ThreadPoolExecutor(len(robots)) as pool:
        for ms in range(plan.begin + hour * HOUR, plan.begin + (hour + 1) * HOUR, plan.pause):
            clock.set(ms)
            list(pool.map(lambda robot: robot.turn(), robots))


def look(service: Service, directory: Path, robots: Sequence[Robot]) -> Sample:
    """Open the service's pages, as a person does, and return what it has."""
    metrics, *_ = [page(service.port, path) for path in PAGES]
    return take(service, directory, metrics, [ms for robot in robots for ms in robot.latest_ms()])


def figures(sample: Sample) -> dict[str, object]:
    """Return a sample as a row of the document."""
    other = sum(size for name, size in sample.sizes.items() if name not in (DATABASE, LOG_AHEAD))
    return {
        "worker, MB": round(sample.worker, 1),
        "master, MB": round(sample.master, 1),
        "open files": sample.files,
        "threads": sample.threads,
        "database, MB": round(sample.sizes[DATABASE] / 2**20, 1),
        "its WAL, MB": round(sample.sizes[LOG_AHEAD] / 2**20, 1),
        "other files, MB": round(other / 2**20, 2),
        "orders in the journal": sample.rows["orders"],
        "paper's orders and fills": sample.rows["paper_orders"] + sample.rows["paper_fills"],
        "other rows": sum(count for name, count in sample.rows.items() if name not in ORDERS),
        "calls": sum(sample.calls.values()),
        "errors": sum(count for outcome, count in sample.calls.items() if outcome != "OK"),
        "p50, ms": round(sample.percentile(50), 1),
        "p99, ms": round(sample.percentile(99), 1),
    }


def totals(plan: Plan, robots: Sequence[Robot], samples: Sequence[Sample], broken: Sequence[str]) -> dict[str, object]:
    """Return what was done in a day."""
    futures = [robot for robot in robots if isinstance(robot, FuturesRobot)]
    return {
        "turns": plan.robots * plan.hours * HOUR // plan.pause,
        "calls": sum(robot.calls.total() for robot in robots),
        "orders, each once": sum(len(robot.placed) for robot in robots),
        "cancelled": sum(robot.cancelled for robot in robots),
        "contracts delivered": sum(robot.deliveries for robot in futures),
        "contracts left for the next": sum(robot.rollovers for robot in futures),
        "most open files": max(sample.files for sample in samples),
        "most threads": max(sample.threads for sample in samples),
        "broken": list(broken),
    }


def page(port: int, path: str) -> str:
    """Return one of the service's pages."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read().decode()
    assert answer.status == 200, f"{path} is answered with {answer.status}: {text[:200]}"
    return text


# The database ------------------------------------------------------------------------------------------------------

_COPIES: dict[str, dict[str, str]] = {  # table → column → its value in a copy, of so many :ms before
    "orders": {
        "client_id": "printf('%d-%s', :hour, client_id)",
        "created_ms": "created_ms - :ms",
        "order_id": "printf('\"old-%d\"', :hour)",
    },
    "paper_orders": {
        "id": "NULL",
        "client_id": "printf('%d-%s', :hour, client_id)",
        "created": "created - :ms",
        "status": "'cancelled'",
    },
    "paper_fills": {"id": "NULL", "order_id": "NULL", "time": "time - :ms"},
}


def add_history(database: Path, hours: int) -> None:
    """Add orders of thirty days ago, as many for each hour of a day as there were in its first one, so that as many are
    deleted as come."""
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        originals = {table: connection.execute(f"SELECT max(rowid) FROM {table}").fetchone()[0] for table in _COPIES}
        for hour in range(1, hours):
            for table, changed in _COPIES.items():
                columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
                values = ", ".join(changed.get(column, column) for column in columns)
                copy = f"INSERT INTO {table} SELECT {values} FROM {table} WHERE rowid <= :last"
                moved = {"hour": hour, "ms": KEPT - hour * HOUR, "last": originals[table]}
                needed = {name: value for name, value in moved.items() if f":{name}" in copy}
                connection.execute(copy, needed)
            connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # so that the log is as long as the service makes it


def wait_for_deletion(database: Path, now: int) -> int:
    """Wait until the service has deleted what it should have by ``now``; return how many orders are left. A quick day
    has several hours in one of its rounds."""
    for _ in range(ROUNDS * 20):
        if not over_age(database, now):
            break
        time.sleep(0.05)
    return over_age(database, now)


def over_age(database: Path, now: int) -> int:
    """Return how many orders are in the journal that should have been deleted within the last hour."""
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        wanted = "SELECT count(*) FROM orders WHERE created_ms < ?"
        return int(connection.execute(wanted, (now - KEPT - HOUR,)).fetchone()[0])


def differences(database: Path, since: int, robots: Sequence[Robot]) -> list[str]:
    """Return what differs between the orders that robots were told of, the journal's and the simulated exchange's."""
    told = sorted(str(order.order_id) for robot in robots for order in robot.placed)
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        made = [str(row[0]) for row in connection.execute("SELECT id FROM paper_orders WHERE created >= ?", (since,))]
        journal = "SELECT state, order_id FROM orders WHERE created_ms >= ?"
        kept = [
            order_id.strip('"') if state == "accepted" else state
            for state, order_id in connection.execute(journal, (since,))
        ]
    lists = {"the exchange's": sorted(made), "the journal's": sorted(kept)}
    return [
        f"the {len(told)} orders that robots were told of are not {whose} {len(ids)}"
        for whose, ids in lists.items()
        if ids != told
    ]
