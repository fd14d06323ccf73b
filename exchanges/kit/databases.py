"""Empty SQLite databases, each lent to one user after the other: to open a new one takes longer than most conversations
take to play."""

import atexit
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import cast

from sqlalchemy import Engine
from sqlalchemy.pool import QueuePool

from database import open_state

_idle: list[Engine] = []
"""The databases that nobody uses now; all are empty."""
_lending = Lock()
_numbers = count()
_opened = ExitStack()
"""Everything that is closed when the process ends."""
atexit.register(_opened.close)


@contextmanager
def lent_state() -> Iterator[Engine]:
    """Yield an engine on an empty database that nobody else uses meanwhile. It is lent again, unless what was done with
    it failed or goes on."""
    with _lending:
        state = _idle.pop() if _idle else _new_state()
    yield state
    pool = cast(QueuePool, state.pool)
    if out := pool.checkedout():
        state.dispose()  # then the looks at bans give back the connections that they keep
        returned = pool.checkedin()
        pool.dispose()
        if returned < out:
            return
    with closing(sqlite3.connect(_empty_file())) as empty, closing(state.raw_connection()) as used:
        empty.backup(cast(sqlite3.Connection, used.driver_connection))
    _idle.append(state)


@cache
def empty_database() -> bytes:
    """Return an SQLite file with all tables."""
    return _empty_file().read_bytes()


def _new_state() -> Engine:
    file = _folder() / f"{next(_numbers)}.db"
    file.write_bytes(empty_database())  # to make the tables takes longer still
    state = open_state(f"sqlite:///{file}")
    _opened.callback(state.dispose)
    return state


@cache
def _empty_file() -> Path:
    file = _folder() / "empty.db"
    open_state(f"sqlite:///{file}").dispose()
    return file


@cache
def _folder() -> Path:
    return Path(_opened.enter_context(TemporaryDirectory(prefix="fmz-gateway-kit-")))
