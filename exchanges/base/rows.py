"""Readers of an exchange's rows: the fields of a model and the keys of their values, as data."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import starmap
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_type_hints, overload

from protocol.errors import UNREADABLE, NoPrice
from protocol.models import Level, OrderId, Side, Status, Ticker
from protocol.numbers import WrongValue, double, doubles, exact, identifier, milliseconds, moments, whole

if TYPE_CHECKING:
    from exchanges.base.exchange import Exchange

M = TypeVar("M")
T = TypeVar("T")

Key = str | int
"""The key of a value in a row: its name, or its index in a list."""

_BY_TYPE: Mapping[Any, Callable[[Any], Any]] = {
    int: milliseconds,
    float: double,
    Decimal: exact,
    OrderId: identifier,
    str: str,
}
"""The converter of a field, by its type in the model; sides and statuses are read by the exchange's own tables."""

_COLUMN_BY_TYPE: Mapping[Any, Callable[[Sequence[Any]], Sequence[Any]]] = {int: moments, float: doubles}
"""The converters that read a whole column at a smaller cost than a cell at a time."""


class Row(Generic[M]):
    """A reader of rows of one kind, objects or lists, into a model.

    keys: the model's fields → the key of each in a row. A number may be text, times may be seconds or milliseconds. Use
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
        self._in_order = tuple(hints)
        self._fields = [(name, key, _BY_TYPE.get(hints[name]), hints[name]) for name, key in keys.items()]

    @overload
    def __get__(self, exchange: None, owner: type["Exchange"]) -> "Row[M]": ...
    @overload
    def __get__(self, exchange: "Exchange", owner: type["Exchange"]) -> "Reader[M]": ...
    def __get__(self, exchange: "Exchange | None", owner: type["Exchange"]) -> "Row[M] | Reader[M]":
        return self if exchange is None else Reader(self, exchange)

    def read(self, exchange: "Exchange", row: Any, **values: Any) -> M:
        """Return a row's model.

        values: its fields that are not just under a name, or functions that return them. Raises what UNREADABLE lists;
        where the exchange reads partly, a field that cannot be read is None, and an order's status is open.
        """
        read = {name: exchange.attempt(name, value) if callable(value) else value for name, value in values.items()}
        for name, key, convert, hint in self._fields:
            if name not in read:
                try:
                    read[name] = convert(row[key]) if convert else _word(exchange, hint, row[key])
                except UNREADABLE as error:
                    read[name] = exchange.instead(name, _of_field(key, error))
        try:
            return self.model(**read)
        except TypeError as error:  # a mistake of the adapter, not of the exchange's reply
            raise AssertionError(f"{self.model.__name__}: {error}") from None

    def read_columns(
        self, exchange: "Exchange", rows: Sequence[Any], values: Mapping[str, Callable[[Any], Any]]
    ) -> list[M]:
        """Return the models of all rows, read a column at a time, which is what large tables of market data need.

        values: a model's fields that are not just under a name → functions that return them for a row. Raises what
        UNREADABLE lists where any cell cannot be read; only ``read`` then says which one, and of which row.
        """
        columns: dict[str, Sequence[Any]] = {name: list(map(value, rows)) for name, value in values.items()}
        for name, key, convert, hint in self._fields:
            if name not in columns:
                cells = [row[key] for row in rows]
                if of_column := _COLUMN_BY_TYPE.get(hint):
                    columns[name] = of_column(cells)
                else:
                    columns[name] = [convert(cell) if convert else _word(exchange, hint, cell) for cell in cells]
        return list(starmap(self.model, zip(*(columns[name] for name in self._in_order), strict=True)))


@dataclass(frozen=True, slots=True)
class Reader(Generic[M]):
    """A Row's reader for one exchange's object."""

    row: Row[M]
    exchange: "Exchange"

    @property
    def has_columns(self) -> bool:
        """True for rows of large tables, whose models are named tuples: they can be read a column at a time."""
        return issubclass(self.row.model, tuple)

    def __call__(self, row: Any, **values: Any) -> M:
        """Return a row's model; see ``Row.read``."""
        return self.row.read(self.exchange, row, **values)

    def columns(self, rows: Sequence[Any], values: Mapping[str, Callable[[Any], Any]]) -> list[M]:
        """Return the models of all rows; see ``Row.read_columns``."""
        return self.row.read_columns(self.exchange, rows, values)


class TickerRow(Row[Ticker]):
    """A reader of tickers. A number that is empty, null or 0 is one that there is not: a new market has no trade, and a
    side of its book may be empty. The numbers that there are stand for it."""

    def __init__(self, **keys: Key) -> None:
        super().__init__(Ticker, **keys)

    def read(self, exchange: "Exchange", row: Any, **values: Any) -> Ticker:
        """Return a row's ticker; see ``Row.read``. Raises NoPrice where there is no price at all."""
        empty = {name: 0.0 for name, key in self.keys.items() if name not in values and row[key] in ("", None)}
        return priced(exchange, super().read(exchange, row, **empty, **values))


def price_or_zero(value: Any) -> float:
    """Return a number of a ticker, 0 where it is empty or null; ``priced`` replaces it."""
    return 0.0 if value in ("", None) else double(value)


def priced(exchange: "Exchange", ticker: Ticker) -> Ticker:
    """Return a ticker with a price in each place. The last price is that of the book where there was no trade; a side
    of the book without orders has the best price that would not trade. Raises NoPrice where there is no price."""
    known = [price for price in (ticker.last, ticker.bid, ticker.ask) if price]
    if not known:
        raise NoPrice(
            f"{exchange.name}: the market has no price yet, no trade and no order in its book; ask again later"
        )
    return replace(
        ticker,
        bid=ticker.bid or min(known),
        ask=ticker.ask or max(known),
        last=known[0],
        high=ticker.high or known[0],
        low=ticker.low or known[0],
    )


def _of_field(key: Key, error: Exception) -> Exception:
    return WrongValue(f"{key}: {error}") if isinstance(error, WrongValue) else error


def _word(exchange: "Exchange", hint: Any, value: object) -> Any:
    if hint is Status:
        return known(exchange.statuses, value, "order state")
    return known(exchange.sides, value, "side")


def known(table: Mapping[str, T], value: object, kind: str) -> T:
    """Return what a table says of an exchange's word. Raises WrongValue for a word that is in no table: it is never
    guessed. kind: what the word stands for, in a trader's words."""
    try:
        return table[str(value)]
    except KeyError:
        raise WrongValue(f"unknown {kind} {value!r}") from None


def step_of(digits: object) -> Decimal:
    """Return the step of numbers with so many digits behind the point: 2 → 0.01."""
    return Decimal(1).scaleb(-whole(digits))


def levels(rows: Iterable[Any], price: Key = 0, amount: Key = 1) -> list[Level]:
    """Return one side of an order book. price, amount: their keys in a row; the rest of the row is ignored."""
    rows = list(rows)
    try:
        prices, amounts = ([row[key] for row in rows] for key in (price, amount))
        return list(zip(doubles(prices), doubles(amounts), strict=True))
    except UNREADABLE:  # the error is that of the first row
        return [(double(row[price]), double(row[amount])) for row in rows]
