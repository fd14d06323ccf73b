"""The database: an engine on SQLite or PostgreSQL, with the gateway's tables in place."""

import logging
import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, MetaData, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from protocol.errors import cause

log = logging.getLogger("fmz-gateway")

METADATA = MetaData()
"""All tables; modules that keep something add theirs when imported."""

_QUIET = 60.0  # seconds between two warnings of the same
_BUSY = 5.0  # seconds a writer waits for another: less than the default deadline
_POOL = {  # one for each thread of a worker and of its resolver: who waits for a lock keeps nobody else waiting
    "pool_size": 48,
    "max_overflow": 0,
    "pool_timeout": _BUSY,
}
_SQLITE = ("sqlite", "sqlite+pysqlite")
_POSTGRESQL = ("postgres", "postgresql", "postgresql+psycopg")
_PATIENCE = {  # with a server that is away: seconds, the last in ms
    "connect_timeout": 2,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "tcp_user_timeout": 5000,
}
# The second frees what a host had locked when it died.
_SESSION = "SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '30s'"


def read_url(given: str) -> URL:
    """A database's URL, its driver named. Raises ValueError, ArgumentError."""
    url = make_url(given)
    if url.drivername in _POSTGRESQL:
        return url.set(drivername="postgresql+psycopg")
    if url.drivername not in _SQLITE:
        raise ValueError("expected sqlite:////<file> or postgresql://<user>:<password>@<host>/<database>")
    return url


def open_state(url: str) -> Engine:
    """An engine on ``url`` (SQLite's or PostgreSQL's) with the gateway's tables in place.

    On SQLite a transaction takes the write lock when it begins, so that two writers queue instead of colliding, unless
    its connection has the execution option ``reading``; with ``fleeting`` it does not wait for the disk. A file is made
    readable by its owner only.
    """
    parsed = read_url(url)
    if parsed.get_backend_name() == "postgresql":
        engine = create_engine(parsed, connect_args=_PATIENCE, pool_pre_ping=True, **_POOL)
        event.listen(engine, "connect", _prepare_postgresql)
    else:
        kept = parsed.database and parsed.database != ":memory:"
        if kept:
            path = Path(str(parsed.database))
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_CREAT, 0o600))
        engine = create_engine(parsed, connect_args={"timeout": _BUSY}, **(_POOL if kept else {}))
        event.listen(engine, "connect", _prepare_sqlite)
        _queue_writers(engine)
        event.listen(engine, "begin", _begin_sqlite)
    with engine.begin() as connection:
        if parsed.get_backend_name() == "postgresql":  # which would make a table twice where two hosts start at once
            connection.execute(text("SELECT pg_advisory_xact_lock(0)"))
        METADATA.create_all(connection)
    return engine


def _prepare_postgresql(connection: Any, _: Any) -> None:
    connection.execute(_SESSION)
    connection.commit()


def _prepare_sqlite(connection: sqlite3.Connection, _: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy says BEGIN itself, see above
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")  # what is committed survives a power cut
    connection.execute("PRAGMA cache_size=-256")  # KiB of each of many connections; the system has the file in memory


def _queue_writers(engine: Engine) -> None:
    """Have the threads of this process write one after the other. SQLite itself lets them poll for its lock, ever more
    seldom, and of many that do, some are passed over for seconds."""
    lock = threading.Lock()

    def enter(connection: Connection) -> None:
        if connection.get_execution_options().get("reading") or connection.info.get("writing"):
            return
        if not lock.acquire(timeout=_BUSY):
            raise OperationalError("BEGIN", None, sqlite3.OperationalError("database is locked by another thread"))
        connection.info["writing"] = True

    def leave(_: Any, entry: ConnectionPoolEntry) -> None:
        if entry.info.pop("writing", False):
            lock.release()

    event.listen(engine, "begin", enter)
    event.listen(engine, "checkin", leave)  # a commit is announced before it is done


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    pace = "NORMAL" if options.get("fleeting") else "FULL"
    if connection.info.get("pace", "FULL") != pace:  # of the kept connection
        connection.exec_driver_sql(f"PRAGMA synchronous={pace}")
        connection.info["pace"] = pace
    connection.exec_driver_sql("BEGIN" if options.get("reading") else "BEGIN IMMEDIATE")


class Complaint:
    """A warning that a database fails, said once a minute at most. words: with a place for what failed."""

    def __init__(self, words: str) -> None:
        self._words = words
        self._said = float("-inf")

    def __call__(self, error: Exception) -> None:
        if time.monotonic() - self._said >= _QUIET:
            self._said = time.monotonic()
            log.warning(self._words, cause(error))
