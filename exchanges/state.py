"""What must outlive a request and a restart: the database, and FMZ's futures settings in it."""

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Engine, MetaData, String, Table, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError

METADATA = MetaData()
"""Every table of the gateway; modules that keep something add theirs when imported."""

_BUSY = 5.0  # seconds a writer waits for another: less than the default deadline

_SETTINGS = Table(
    "futures_settings",
    METADATA,
    Column("exchange", String(40), primary_key=True),
    Column("account", String(32), primary_key=True),
    Column("setting", String(16), primary_key=True),
    Column("symbol", String(120), primary_key=True),  # "" for all markets
    Column("value", String(40), nullable=False),
)


def open_state(url: str) -> Engine:
    """An engine on ``url`` (any SQLAlchemy URL) with the gateway's tables in place.

    On SQLite a transaction takes the write lock when it begins, so that two workers queue instead of colliding; a file
    is made readable by its owner only.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        engine = create_engine(parsed, pool_pre_ping=True)
    else:
        if parsed.database and parsed.database != ":memory:":
            path = Path(parsed.database)
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_CREAT, 0o600))
        engine = create_engine(parsed, connect_args={"timeout": _BUSY})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    METADATA.create_all(engine)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy says BEGIN itself, see above
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


class FuturesSettings:
    """The contract, direction and leverage that one account set on one exchange, as all workers see them."""

    def __init__(self, engine: Engine, exchange: str, account: str) -> None:
        self._engine = engine
        self._mine = (_SETTINGS.c.exchange == exchange) & (_SETTINGS.c.account == account)
        self._owner = {"exchange": exchange, "account": account}

    def get(self, setting: str, symbol: str = "") -> str | None:
        """The value set for ``symbol``, else the one set for all markets, else None."""
        wanted = _SETTINGS.select().where(
            self._mine, _SETTINGS.c.setting == setting, _SETTINGS.c.symbol.in_(("", symbol))
        )
        with self._engine.connect() as connection:
            values = {row.symbol: str(row.value) for row in connection.execute(wanted)}
        return values.get(symbol, values.get(""))

    def put(self, setting: str, value: str, symbol: str = "") -> None:
        """Remember a value, for one market or (empty ``symbol``) for all that have none of their own."""
        mine = (self._mine, _SETTINGS.c.setting == setting, _SETTINGS.c.symbol == symbol)
        change = _SETTINGS.update().where(*mine).values(value=value)
        with self._engine.begin() as connection:
            if connection.execute(change).rowcount:
                return
            row = {**self._owner, "setting": setting, "symbol": symbol, "value": value}
            try:
                with connection.begin_nested():
                    connection.execute(_SETTINGS.insert().values(row))
            except IntegrityError:  # another worker was faster
                connection.execute(change)
