"""The database: an engine on SQLite or PostgreSQL, with the gateway's tables in their latest version.

A new database gets the latest tables at once; an older one is upgraded when it is opened, see ``migrations``.
"""

import logging
import os
import sqlite3
import threading
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, cast

from sqlalchemy import (
    URL,
    Column,
    Connection,
    Engine,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    create_engine,
    event,
    insert,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

log = logging.getLogger("fmz-gateway")

METADATA = MetaData()
"""All tables in their latest version; each module that stores something adds its own when it is imported.

A change here needs a step in ``migrations`` that makes the same change, its number at the end of VERSIONS, and RELEASE.
"""
VERSIONS = ("0001", "0002", "0003", "0004", "0005", "0006")
"""The versions of the tables, the latest last. 0.1.0 had the first and did not record it."""
RELEASE = "0.2.0"
"""The first release of the gateway with the latest version."""
VERSION = Table(
    "fmz_gateway_version",
    MetaData(),  # not METADATA: it belongs to no version
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="fmz_gateway_version_pkc"),  # both names are Alembic's
)

_BUSY = 5.0  # seconds a writer waits for another: less than the default deadline
_POOL = {  # one for each thread of a worker and its resolver: one that waits for a lock delays no other
    "pool_size": 48,
    "max_overflow": 0,
    "pool_timeout": _BUSY,
}
_while_busy = Retrying(
    retry=retry_if_exception(lambda error: getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY),
    stop=stop_after_delay(_BUSY),
    wait=wait_fixed(0.01),
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


class WrongDatabase(Exception):
    """The error for a database whose tables this gateway cannot use: one sentence for the person who starts it."""


class DatabaseReplaced(SQLAlchemyError):
    """The error for a database that is no longer the one that was opened: one sentence for a trader."""


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
        engine = create_engine(parsed, connect_args=_PATIENCE, pool_pre_ping=True, **_POOL)
        event.listen(engine, "connect", _prepare_postgresql)
        event.listen(engine, "begin", _begin_postgresql)
    else:
        kept = parsed.database and parsed.database != ":memory:"
        if kept:
            path = Path(str(parsed.database)).absolute()
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_CREAT, 0o600))
        engine = create_engine(parsed, connect_args={"timeout": _BUSY}, **(_POOL if kept else {}))
        event.listen(engine, "connect", _prepare_sqlite)
        _queue_writers(engine)
        event.listen(engine, "begin", _begin_sqlite)
    try:
        _update_tables(engine)
    except BaseException:
        engine.dispose()
        raise
    if path:
        _watch(engine, path)
    return engine


# The version of the tables ----------------------------------------------------------------------------------------


def _update_tables(engine: Engine) -> None:
    """Create or upgrade the tables in one transaction. Raises WrongDatabase, and then changes nothing."""
    with engine.connect().execution_options(reading=True) as connection:
        if _is_latest(connection):
            return
    with engine.begin() as connection:
        lock(connection, 0)  # two hosts may start at once
        columns = _columns(connection)  # read again: another process may have been faster
        version = _version(connection, columns)
        if version is None and not columns.keys() & METADATA.tables.keys():
            METADATA.create_all(connection)
            VERSION.create(connection, checkfirst=True)
            connection.execute(insert(VERSION).values(version_num=VERSIONS[-1]))
        elif version == VERSIONS[-1]:
            _check(METADATA, columns)
            METADATA.create_all(connection)  # a module may have been imported since, with tables of its own
        elif version is None or version in VERSIONS:
            _upgrade(connection, version, columns)
        else:
            raise WrongDatabase(
                f"the database has tables of version {version}, made by a later release of the gateway, and this one "
                f"knows versions up to {VERSIONS[-1]}. Start the later release, or restore the copy from before its "
                "upgrade. Nothing was changed"
            )


def _is_latest(connection: Connection) -> bool:
    columns = _columns(connection)
    complete = all(columns.get(name, set()).issuperset(table.columns.keys()) for name, table in METADATA.tables.items())
    return complete and _version(connection, columns) == VERSIONS[-1]


def _upgrade(connection: Connection, version: str | None, columns: Mapping[str, set[str]]) -> None:
    # Imported here, because Alembic takes a tenth of a second and is rarely needed.
    import migrations
    from migrations.versions.v0001_first_tables import TABLES

    if version in (None, VERSIONS[0]):
        _check(TABLES, columns)
    before = f"; a copy of it is {_copy(connection.engine)}" if connection.dialect.name == "sqlite" else ""
    versions = (version or VERSIONS[0], VERSIONS[-1], RELEASE)
    log.warning("upgrading the database's tables from version %s to %s, of release %s%s", *versions, before)
    migrations.upgrade(connection, VERSION.name)
    _check(METADATA, _columns(connection))


def _check(tables: MetaData, columns: Mapping[str, set[str]]) -> None:
    """Raise WrongDatabase when a table that exists lacks a column."""
    for name, table in tables.tables.items():
        missing = set(table.columns.keys()) - columns.get(name, set(table.columns.keys()))
        if missing:
            raise WrongDatabase(
                f"the database's table {name} has no column {min(missing)}: it was not made by a release of the "
                "gateway, or was changed since. Restore a copy of the database, or name another one. Nothing was "
                "changed"
            )


def _columns(connection: Connection) -> dict[str, set[str]]:
    """Return the columns of all tables."""
    if connection.dialect.name == "sqlite":
        wanted = "SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table'"
    else:
        wanted = (
            "SELECT t.relname, c.attname FROM pg_namespace n JOIN pg_class t ON t.relnamespace = n.oid"
            " JOIN pg_attribute c ON c.attrelid = t.oid WHERE n.nspname = ANY (current_schemas(false))"
            " AND t.relkind IN ('r', 'p') AND pg_table_is_visible(t.oid) AND c.attnum > 0 AND NOT c.attisdropped"
        )
    found: dict[str, set[str]] = {}
    for table, column in connection.exec_driver_sql(wanted):
        found.setdefault(table, set()).add(column)
    return found


def _version(connection: Connection, columns: Mapping[str, set[str]]) -> str | None:
    """Return the recorded version; None in a new database, and in one of 0.1.0."""
    return _recorded(connection) if VERSION.name in columns else None


def _recorded(connection: Connection) -> str | None:
    return connection.exec_driver_sql(f"SELECT version_num FROM {VERSION.name}").scalar()  # nosec B608  # noqa: S608 - our own name


def _copy(engine: Engine) -> Path:
    """Copy a SQLite database into a file beside it, readable by its owner only; return its path. Raises OSError,
    SQLAlchemyError."""
    path = Path(f"{engine.url.database}.before-{RELEASE}")
    unfinished = Path(f"{path}.unfinished")
    unfinished.unlink(missing_ok=True)
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL, 0o600))
    source = engine.raw_connection()
    try:
        with closing(sqlite3.connect(unfinished)) as target:
            cast(sqlite3.Connection, source.driver_connection).backup(target)
    except sqlite3.Error as error:
        raise OperationalError("copy", None, error) from error
    finally:
        source.close()
    return unfinished.replace(path)


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

    def identity() -> tuple[int, int] | None:
        try:
            found = path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    opened = identity()

    def check(*_: Any) -> None:
        if identity() != opened:
            what = f"the database {path} was deleted or replaced while the gateway ran"
            raise DatabaseReplaced(f"{what}: put it back, or start the gateway again")

    event.listen(engine, "do_connect", check)  # which would make a new file
    event.listen(engine, "begin", check, insert=True)
    event.listen(engine, "commit", check)  # the lock may have been waited for


def check_version(connection: Connection) -> None:
    """Raise DatabaseReplaced if the tables no longer have the version of this gateway: a later one has upgraded them,
    or they were replaced."""
    version = _recorded(connection)
    if version != VERSIONS[-1]:
        what = f"the database's tables have become those of version {version} while the gateway ran"
        raise DatabaseReplaced(f"{what}: start the gateway of that version")


def _queue_writers(engine: Engine) -> None:
    """Let the threads of this process write one after the other. SQLite itself makes them poll for its lock, at growing
    intervals, and some of many threads would then wait for seconds."""
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
    event.listen(engine, "checkin", leave)  # not at "commit", which comes before it is done


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    pace = "NORMAL" if options.get("fleeting") else "FULL"
    if connection.info.get("pace", "FULL") != pace:  # a connection is used again with its last pace
        connection.exec_driver_sql(f"PRAGMA synchronous={pace}")
        connection.info["pace"] = pace
    connection.exec_driver_sql("BEGIN" if options.get("reading") else "BEGIN IMMEDIATE")


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
