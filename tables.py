"""The gateway's tables, and their version in a database.

A new database gets the latest tables at once; an older one is upgraded when it is opened, see ``migrations``.
"""

import logging
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import cast

from sqlalchemy import Column, Connection, Engine, MetaData, PrimaryKeyConstraint, String, Table, insert, select
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from prepared import Prepared

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

_RECORDED = Prepared(select(VERSION.c.version_num))


class WrongDatabase(Exception):
    """The error for a database whose tables this gateway cannot use: one sentence for the person who starts it."""


class DatabaseReplaced(SQLAlchemyError):
    """The error for a database that is no longer the one that was opened: one sentence for a trader."""


def update_tables(connection: Connection) -> None:
    """Create or upgrade the tables, within the connection's transaction; only one at a time may do that. Raises
    WrongDatabase, and then changes nothing."""
    columns = _columns(connection)
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


def check_version(connection: Connection) -> None:
    """Raise DatabaseReplaced if the tables no longer have the version of this gateway: a later one has upgraded them,
    or they were replaced."""
    version = _recorded(connection)
    if version != VERSIONS[-1]:
        what = f"the database's tables have become those of version {version} while the gateway ran"
        raise DatabaseReplaced(f"{what}: start the gateway of that version")


def are_latest(connection: Connection) -> bool:
    """Return True if all tables are there, in their latest version."""
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
    return next((row["version_num"] for row in _RECORDED.rows(connection, {})), None)


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
