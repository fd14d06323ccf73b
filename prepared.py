"""Statements that every order makes, run by the database's driver: SQLAlchemy takes ten times as long to run one."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.selectable import Select


class _Compiled(NamedTuple):
    """A statement for one kind of database. defaults: its parameters, and their values where none are given. order:
    their names, where the driver tells them by their place."""

    text: str
    defaults: Mapping[str, Any]
    order: Sequence[str] | None


class Prepared:
    """A statement, compiled once for each kind of database.

    It takes and gives what the driver does: text, whole numbers, and truth values, which SQLite gives as 0 and 1.
    """

    def __init__(self, statement: "Select[Any] | UpdateBase") -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the rows of a query, each as column → value. Raises SQLAlchemyError."""
        cursor = self._run(connection, values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def change(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """Make a change, and return the number of rows that it concerned. Raises SQLAlchemyError."""
        return int(self._run(connection, values).rowcount)

    def _run(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        dialect = connection.dialect
        compiled = self._compiled.get(dialect.name) or self._compile(dialect)
        given = {name: values.get(name, default) for name, default in compiled.defaults.items()}
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
        compiled = self._compiled[dialect.name] = _Compiled(made.string, made.params, made.positiontup)
        return compiled
