"""The database: an engine on SQLite or PostgreSQL, with the gateway's tables in their latest version."""

import os
import sqlite3
import threading
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    create_engine,
    event,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from prepared import file_identity
from tables import DatabaseReplaced, are_latest, update_tables

_BUSY = 5.0  # seconds a writer waits for another: less than the default deadline
_POOL = {"max_overflow": 0, "pool_timeout": _BUSY, "pool_use_lifo": True}
_FILES = 80  # connections: one for each thread of a worker and its resolver, so that who waits for a lock delays nobody
_SERVED = 48  # connections: of a server's 100, by default, two workers leave some to others
_while_busy = Retrying(
    retry=retry_if_exception(lambda error: getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY),
    stop=stop_after_delay(_BUSY),
    wait=wait_fixed(0.001),
    reraise=True,
)
_SQLITE = ("sqlite", "sqlite+pysqlite")
_POSTGRESQL = ("postgres", "postgresql", "postgresql+psycopg")
_PATIENCE = {  # time-outs for a server that does not answer: seconds, the last in ms
    "connect_timeout": 2,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "tcp_user_timeout": 5000,
}
# The second setting frees the locks of a host that died.
_SESSION = "SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '30s'"


def read_url(given: str) -> URL:
    """Return a database's URL with its driver named. Raises ValueError, ArgumentError."""
    url = make_url(given)
    if url.drivername in _POSTGRESQL:
        return url.set(drivername="postgresql+psycopg")
    if url.drivername not in _SQLITE:
        raise ValueError("expected sqlite:////<file> or postgresql://<user>:<password>@<host>/<database>")
    return url


def open_state(url: str) -> Engine:
    """Return an engine on ``url`` (SQLite's or PostgreSQL's), with the gateway's tables created or upgraded.

    Raises WrongDatabase for tables that are newer, or not the gateway's; they are not changed. Raises OSError and
    SQLAlchemyError when the database cannot be opened.

    On SQLite a transaction takes the write lock when it begins, so that two writers queue instead of failing. Two
    execution options of its connection change that: ``reading`` takes no lock, ``fleeting`` does not wait for the disk,
    on PostgreSQL neither.
    A file is made readable by its owner only. Once it was deleted or replaced, transactions raise DatabaseReplaced.
    """
    parsed = read_url(url)
    path = None
    if parsed.get_backend_name() == "postgresql":
        engine = create_engine(parsed, connect_args=_PATIENCE, pool_pre_ping=True, pool_size=_SERVED, **_POOL)
        event.listen(engine, "connect", _prepare_postgresql)
        event.listen(engine, "begin", _begin_postgresql)
    else:
        kept = parsed.database and parsed.database != ":memory:"
        if kept:
            path = Path(str(parsed.database)).absolute()
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_CREAT, 0o600))
        engine = create_engine(
            parsed, connect_args={"timeout": _BUSY}, **({"pool_size": _FILES, **_POOL} if kept else {})
        )
        event.listen(engine, "connect", _prepare_sqlite)
        _queue_writers(engine)
    try:
        _prepare_tables(engine)
    except BaseException:
        engine.dispose()
        raise
    if path:
        _watch(engine, path)
    return engine


def _prepare_tables(engine: Engine) -> None:
    with engine.connect().execution_options(reading=True) as connection:
        if are_latest(connection):
            return
    with engine.begin() as connection:
        lock(connection, 0)  # two hosts may start at once
        update_tables(connection)


# SQLite and PostgreSQL --------------------------------------------------------------------------------------------


def _prepare_postgresql(connection: Any, _: Any) -> None:
    connection.execute(_SESSION)
    connection.commit()


def _begin_postgresql(connection: Connection) -> None:
    if connection.get_execution_options().get("fleeting"):
        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")


def _prepare_sqlite(connection: sqlite3.Connection, _: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy sends BEGIN, see open_state
    _while_busy(connection.execute, "PRAGMA journal_mode=WAL")  # SQLite itself does not wait for this one
    connection.execute("PRAGMA synchronous=FULL")  # what is committed survives a power cut
    connection.execute("PRAGMA cache_size=-256")  # KiB for each of many connections; the system caches the file


def _watch(engine: Engine, path: Path) -> None:
    """Let transactions raise DatabaseReplaced once the file's name is that of another one, or of none. SQLite goes on
    writing into a file that was deleted, and nobody can read that after the next start."""

    name = str(path)
    opened = file_identity(name)

    def check(*_: Any) -> None:
        if file_identity(name) != opened:
            what = f"the database {path} was deleted or replaced while the gateway ran"
            raise DatabaseReplaced(f"{what}: put it back, or start the gateway again")

    event.listen(engine, "do_connect", check)  # which would make a new file
    event.listen(engine, "begin", check, insert=True)
    event.listen(engine, "commit", check)  # the lock may have been waited for


def _queue_writers(engine: Engine) -> None:
    """Begin transactions, and let the threads of this process write one after the other. SQLite itself makes them poll
    for its lock, at growing intervals, and some of many threads would then wait for seconds. Of several processes, the
    one thread of each whose turn it is polls at short intervals for the same reason."""
    lock = threading.Lock()
    patience = round(_BUSY * 1000)

    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        pooled: Any = connection.connection  # the driver's, because SQLAlchemy would take five times as long
        reading, info = options.get("reading"), pooled.info
        if not (reading or info.get("writing")):
            if not lock.acquire(timeout=_BUSY):
                raise OperationalError("BEGIN", None, sqlite3.OperationalError("database is locked by another thread"))
            info["writing"] = True
        try:
            _adjust(pooled, "synchronous", "NORMAL" if options.get("fleeting") else "FULL", usual="FULL")
            _adjust(pooled, "busy_timeout", patience if reading else 0, usual=patience)
            if reading:
                pooled.dbapi_connection.execute("BEGIN")
            else:
                _begin_writing(pooled.dbapi_connection)
        except sqlite3.Error as error:
            raise OperationalError("BEGIN", None, error) from error

    def leave(_: Any, entry: ConnectionPoolEntry) -> None:
        if entry.info.pop("writing", False):
            lock.release()

    event.listen(engine, "begin", begin)
    event.listen(engine, "checkin", leave)  # not at "commit", which comes before it is done


def _adjust(pooled: Any, pragma: str, value: str | int, usual: str | int) -> None:
    """Set a pragma where a connection, which is used again, has another value from its last transaction."""
    if pooled.info.get(pragma, usual) != value:
        pooled.dbapi_connection.execute(f"PRAGMA {pragma}={value}")
        pooled.info[pragma] = value


def _begin_writing(connection: Any) -> None:
    try:  # at first without tenacity, which takes longer than the statement
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:  # another process writes, or it is an error that stays
        _while_busy(connection.execute, "BEGIN IMMEDIATE")


def lock(connection: Connection, key: int, *, shared: bool = False) -> None:
    """Hold a lock until the transaction ends. SQLite has only one writer at a time anyway. key: 0 is for the tables, 1
    for the timeline, others for orders. shared: with all but those who want it alone."""
    if connection.dialect.name == "postgresql":
        kind = "_shared" if shared else ""
        connection.execute(text(f"SELECT pg_advisory_xact_lock{kind}(:key)"), {"key": key})


def wait_for_disk(connection: Connection) -> None:
    """Have a fleeting transaction wait for the disk after all, where its changes may be seen and yet be lost: when
    PostgreSQL's server dies. SQLite's end with the machine only."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL synchronous_commit = on")


def storable(text: str) -> str:
    """Return a text without the characters that no database takes."""
    return text.encode(errors="replace").decode().replace("\0", "?")
