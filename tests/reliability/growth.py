"""The state of a running service, in memory and in files, and what of it has grown."""

import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.reliability.load import memory_of
from tests.service import Service

DATABASE, LOG_AHEAD = "state.db", "state.db-wal"
ORDERS = frozenset({"orders", "paper_orders", "paper_fills"})
"""The tables that get rows all day, and lose as many."""

# So much more is allowed than the service had when it was warm: when its threads had started and its caches were full.
_WORKER = 0.05  # of memory: 4.5 MB in 16 hours, with twice the calls too, so that it is of the time, not of the calls
_MASTER = 0.02  # of memory: the master does nothing
_FILE = 0.10  # of the database's file: a page of an index by random keys is less full than one that was written anew
_BUSY = 2  # files and threads: a thread may still be at work on an answered call when its caller's next one comes
_PAGES = 64 * 4096  # bytes of it: a few pages in each table and index, of a file that is small
_AHEAD = 6 * 2**20  # bytes of the log that SQLite writes ahead: it begins anew at 1,000 pages, 4 MB
_ROWS = 0.10  # of orders and fills: robots do not place the same number each hour, and old ones go once an hour
_FEW = 10  # rows of any table: positions come and go, and a contract that is chosen for the first time is a row
_SLOWER = 3.0  # times the median answer: this machine's other programs slow it, too


@dataclass(frozen=True)
class Sample:
    """A service at one time. worker, master: resident memory in MB. files, threads: the worker's. sizes: file
    in its directory → bytes. rows: table → how many. calls: outcome → how many, since the start. ms: what the latest
    answers took."""

    worker: float
    master: float
    files: int
    threads: int
    sizes: Mapping[str, int]
    rows: Mapping[str, int]
    calls: Mapping[str, int]
    ms: Sequence[float]

    def percentile(self, hundredths: int) -> float:
        """Return what so many of a hundred answers took at the most, in ms."""
        return sorted(self.ms)[min(len(self.ms) * hundredths // 100, len(self.ms) - 1)]


def take(service: Service, directory: Path, metrics: str, ms: Sequence[float]) -> Sample:
    """Return a sample of a service. directory: where its files are, and its log, which is for others to keep short.
    metrics: its page of counts. ms: what the latest answers took."""
    [worker] = service.workers
    counted = re.findall(r'^fmz_gateway_calls_total\{.*outcome="(\w+)".*\} (\S+)$', metrics, re.MULTILINE)
    calls: dict[str, int] = {}
    for outcome, number in counted:
        calls[outcome] = calls.get(outcome, 0) + int(float(number))
    return Sample(
        worker=memory_of(worker),
        master=memory_of(service.process.pid),
        files=len(list(Path(f"/proc/{worker}/fd").iterdir())),
        threads=len(list(Path(f"/proc/{worker}/task").iterdir())),
        sizes={name: size for name, size in _sizes(directory).items() if name != service.log.name},
        rows=rows_of(directory / DATABASE),
        calls=calls,
        ms=ms,
    )


def _sizes(directory: Path) -> dict[str, int]:
    return {str(path.relative_to(directory)): path.stat().st_size for path in directory.rglob("*") if path.is_file()}


def rows_of(database: Path) -> dict[str, int]:
    """Return the number of rows of each table."""
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        wanted = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        tables = [name for (name,) in connection.execute(wanted)]
        return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}


def growth(before: Sequence[Sample], now: Sample) -> list[str]:
    """Return what a service has that is more than is allowed, by the samples until it was warm."""
    warm = before[-1]
    allowed = {
        "worker's memory, MB": (now.worker, warm.worker * (1 + _WORKER)),
        "master's memory, MB": (now.master, warm.master * (1 + _MASTER)),
        "open files": (now.files, max(sample.files for sample in before) + _BUSY),
        "threads": (now.threads, max(sample.threads for sample in before) + _BUSY),
        "median answer, ms": (median(now.ms), median(warm.ms) * _SLOWER),
    }
    return _exceeded(allowed) + growth_on_disk(before, now)


def growth_on_disk(before: Sequence[Sample], now: Sample) -> list[str]:
    """Return what a service has in its files that is more than is allowed, by the samples until it was warm."""
    warm = before[-1]
    sizes = {name: max(sample.sizes.get(name, 0) for sample in before) for name in now.sizes}
    sizes |= {DATABASE: round(warm.sizes[DATABASE] * (1 + _FILE)) + _PAGES, LOG_AHEAD: _AHEAD}
    rows = {name: warm.rows.get(name, 0) for name in now.rows}
    allowed: dict[str, tuple[float, float]] = {
        f"bytes of {name}": (size, sizes[name]) for name, size in now.sizes.items()
    }
    allowed |= {
        f"rows of {name}": (count, rows[name] * (1 + _ROWS if name in ORDERS else 1) + _FEW)
        for name, count in now.rows.items()
    }
    return _exceeded(allowed)


def _exceeded(allowed: Mapping[str, tuple[float, float]]) -> list[str]:
    return [f"{what}: {has:,.1f} of {most:,.1f}" for what, (has, most) in allowed.items() if has > most]
