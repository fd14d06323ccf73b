"""Readers of an exchange's rows: which field of a model is under which name, as data."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_type_hints, overload

from protocol.models import Level, OrderId, Side, Status
from protocol.numbers import double, exact, identifier, milliseconds

if TYPE_CHECKING:
    from exchanges.base.exchange import Exchange

M = TypeVar("M")

Key = str | int
"""Where a value is in a row: its name, or its place in a list."""

_BY_TYPE: Mapping[Any, Callable[[Any], Any]] = {
    int: milliseconds,
    float: double,
    Decimal: exact,
    OrderId: identifier,
    str: str,
}
"""How a field is read, by its type in the model; a side or a status by the exchange's own table."""


class Row(Generic[M]):
    """Reads rows of one kind, which are objects or lists, into a model.

    keys: the model's fields → where each is in a row. A number may be text, times may be seconds or milliseconds. Use
    it as an attribute of an exchange's class: sides and statuses are read by the exchange's own tables.
    """

    def __init__(self, model: type[M], **keys: Key) -> None:
        hints = get_type_hints(model)
        unknown = keys.keys() - hints.keys()
        if unknown:
            raise TypeError(f"{model.__name__} has no field {', '.join(sorted(unknown))}")
        unreadable = [name for name in keys if hints[name] not in (*_BY_TYPE, Side, Status)]
        if unreadable:
            raise TypeError(f"{model.__name__}.{unreadable[0]} cannot be read by its name alone: give it when reading")
        self.model = model
        self.keys = keys
        self._fields = [(name, key, _BY_TYPE.get(hints[name]), hints[name]) for name, key in keys.items()]

    @overload
    def __get__(self, exchange: None, owner: type["Exchange"]) -> "Row[M]": ...
    @overload
    def __get__(self, exchange: "Exchange", owner: type["Exchange"]) -> Callable[..., M]: ...
    def __get__(self, exchange: "Exchange | None", owner: type["Exchange"]) -> "Row[M] | Callable[..., M]":
        return self if exchange is None else partial(self.read, exchange)

    def read(self, exchange: "Exchange", row: Any, **values: Any) -> M:
        """Return a row's model. values: its fields that are not just under a name. Raises what UNREADABLE lists."""
        for name, key, convert, hint in self._fields:
            if name not in values:
                values[name] = convert(row[key]) if convert else _word(exchange, hint, row[key])
        try:
            return self.model(**values)
        except TypeError as error:  # a mistake of the adapter, not of the exchange's reply
            raise AssertionError(f"{self.model.__name__}: {error}") from None


def _word(exchange: "Exchange", hint: Any, value: object) -> Any:
    tables: Mapping[Any, Mapping[str, Any]] = {Side: exchange.sides, Status: exchange.statuses}
    return tables[hint][str(value)]


def levels(rows: Iterable[Any], price: Key = 0, amount: Key = 1) -> list[Level]:
    """Return one side of a book. price, amount: where they are in a row; what else is there does not matter."""
    return [(double(row[price]), double(row[amount])) for row in rows]
