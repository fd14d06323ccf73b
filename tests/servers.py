"""The databases of the suite: SQLite files, or the servers that TEST_STATE_URL and TEST_REDIS_URL name."""

import atexit
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest
from redis import Redis
from sqlalchemy import Engine, create_engine, event, text

from database import read_url
from exchanges.kit.databases import empty_database
from tables import VERSION

STATE_URL = os.environ.get("TEST_STATE_URL", "")
REDIS_URL = os.environ.get("TEST_REDIS_URL", "")

_empty: list[str] = []
"""PostgreSQL schemas that nobody uses now. They are used again, for tables take longer to make than tests to run."""

# The latest tables first, for they refer to earlier ones; TRUNCATE makes new files, which takes longer.
_EMPTY = """
    DO $$ DECLARE kept record; BEGIN
        FOR kept IN SELECT oid::regclass AS name, relkind FROM pg_class
            WHERE relnamespace = '{schema}'::regnamespace AND relkind IN ('r', 'S') AND relname <> '{version}'
            ORDER BY oid DESC
        LOOP
            IF kept.relkind = 'S' THEN PERFORM setval(kept.name, 1, false);
            ELSE EXECUTE 'DELETE FROM ' || kept.name;
            END IF;
        END LOOP;
    END $$
"""


@contextmanager
def database(directory: Path, *, tables: bool = True) -> Iterator[str]:
    """Yield the URL of an empty database, for this process and those it starts: a schema of its own on the PostgreSQL
    server if there is one, else a file in ``directory``.

    tables: True if it may have some already; without, it is not used again, so they may be any.
    """
    if not STATE_URL:
        file = directory / "state.db"
        if tables:
            file.write_bytes(empty_database())
        yield f"sqlite:///{file}"
        return
    schema = _empty.pop() if _empty and tables else _new_schema()
    own = read_url(STATE_URL).update_query_dict({"options": f"-csearch_path={schema}"})
    yield own.render_as_string(hide_password=False)
    if tables:
        _say(_EMPTY.format(schema=schema, version=VERSION.name))
        _empty.append(schema)


@contextmanager
def changed(state: Engine, change: str, back: str) -> Iterator[None]:
    """Change a database's tables for a while: a server's are used again by other tests."""
    with state.begin() as connection:
        connection.execute(text(change))
    yield
    with state.begin() as connection:
        connection.execute(text(back))


@contextmanager
def listening(state: Engine, name: str, listener: Callable[..., object]) -> Iterator[None]:
    """Call a function at an event of a database for a while: its engine is lent to other tests later."""
    event.listen(state, name, listener)
    try:
        yield
    finally:
        event.remove(state, name, listener)


def renamed(state: Engine, table: str) -> AbstractContextManager[None]:
    """Return the context in which a table has another name."""
    return changed(state, f"ALTER TABLE {table} RENAME TO gone", f"ALTER TABLE gone RENAME TO {table}")


@contextmanager
def empty_redis() -> Iterator[str]:
    """Yield the URL of an empty database of the Redis server, one for each of pytest's workers: ``gw0``, ``gw1``, …"""
    if not REDIS_URL:
        pytest.skip("needs a Redis server: set TEST_REDIS_URL, or run .ci/servers make test-servers")
    url = f"{REDIS_URL}/{os.environ.get('PYTEST_XDIST_WORKER', 'gw0').removeprefix('gw')}"
    with Redis.from_url(url) as server:
        server.flushdb()
        yield url


@cache
def _server() -> Engine:
    return create_engine(
        read_url(STATE_URL), isolation_level="AUTOCOMMIT", connect_args={"options": "-clock_timeout=10s"}
    )


def _new_schema() -> str:
    schema = f"test_{uuid4().hex}"
    _say(f"CREATE SCHEMA {schema}")
    atexit.register(_say, f"DROP SCHEMA {schema} CASCADE")
    return schema


def _say(statement: str) -> None:
    with _server().connect() as connection:
        connection.execute(text(statement))
