"""Statements that every order makes, run by the database's driver: SQLAlchemy takes ten times as long to run one."""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, Dialect, Engine, QueuePool, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.selectable import Select


class _Compiled(NamedTuple):
    """A statement for one kind of database. defaults: its parameters, and their values where none are given. order:
    their names, where the driver tells them by their place. writers: parameter → what makes the driver's value of
    it, where that is another one."""

    text: str
    defaults: Mapping[str, Any]
    order: Sequence[str] | None
    writers: Mapping[str, Callable[[Any], Any]]


class Prepared:
    """A statement, compiled once for each kind of database. It takes and gives the values that SQLAlchemy does."""

    def __init__(self, statement: "Select[Any] | UpdateBase") -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}
        self._readers: dict[str, Mapping[str, Callable[[Any], Any]]] = {}  # column → what reads the driver's value

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the rows of a query, each as column → value. Raises SQLAlchemyError."""
        cursor = self._run(connection, values)
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        readers = self._readers.get(connection.dialect.name)
        if readers is None:
            readers = self._find_readers(connection.dialect, cursor.description)
        for name, read in readers.items():
            for row in rows:
                row[name] = read(row[name])
        return rows

    def change(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """Make a change, and return the number of rows that it concerned. Raises SQLAlchemyError."""
        return int(self._run(connection, values).rowcount)

    def _run(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        dialect = connection.dialect
        compiled = self._compiled.get(dialect.name) or self._compile(dialect)
        given = {name: values.get(name, default) for name, default in compiled.defaults.items()}
        for name, write in compiled.writers.items():
            given[name] = write(given[name])
        in_order = compiled.order and [given[name] for name in compiled.order]
        cursor: Any = connection.connection.cursor()
        driver: Any = dialect.dbapi
        try:
            return cursor.execute(compiled.text, in_order or given)
        except driver.Error as error:
            raise DBAPIError.instance(
                compiled.text, None, error, driver.Error, hide_parameters=True, dialect=dialect
            ) from error

    def _compile(self, dialect: Dialect) -> _Compiled:
        made = self._statement.compile(dialect=dialect)
        assert isinstance(made, SQLCompiler)
        types = {name: parameter.type.dialect_impl(dialect) for name, parameter in made.binds.items()}
        writers = {name: write for name, kind in types.items() if (write := kind.bind_processor(dialect))}
        compiled = self._compiled[dialect.name] = _Compiled(made.string, made.params, made.positiontup, writers)
        return compiled

    def _find_readers(self, dialect: Dialect, description: Sequence[Any]) -> Mapping[str, Callable[[Any], Any]]:
        assert isinstance(self._statement, Select), "only a query has rows"
        types = [column.type.dialect_impl(dialect) for column in self._statement.selected_columns]
        found = {
            name: kind.result_processor(dialect, code)
            for kind, (name, code, *_) in zip(types, description, strict=True)
        }
        readers = self._readers[dialect.name] = {name: read for name, read in found.items() if read}
        return readers


def file_identity(name: str) -> tuple[int, int] | None:
    """Return what tells a file from another one of its name, None if there is none."""
    try:
        found = os.stat(name)  # noqa: PTH116 - Path takes four times as long
    except OSError:
        return None
    return found.st_dev, found.st_ino


class Glance:
    """Queries that need no transaction, for every call. Thread-safe.

    A file of SQLite is read over a connection that is kept for this: it sees what is committed, and waits for no lock,
    for a tenth of what a transaction costs.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(reading=True)
        is_file = engine.dialect.name == "sqlite" and isinstance(engine.pool, QueuePool)
        self._file = str(Path(str(engine.url.database)).absolute()) if is_file else ""
        self._identity = file_identity(self._file)
        self._connection: Connection | None = None
        self._lock = threading.Lock()
        event.listen(engine, "engine_disposed", self._close)

    def rows(self, query: Prepared, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the rows of a query, each as column → value. Raises SQLAlchemyError."""
        if self._identity and file_identity(self._file) == self._identity:
            with self._lock:
                if self._connection is None:
                    self._connection = self._engine.connect()
                return query.rows(self._connection, values)
        with self._engine.connect() as connection:
            connection.begin()  # a file that was deleted or replaced is noticed then
            return query.rows(connection, values)

    def _close(self, _: Any) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
