"""Lists of an exchange: their pages, and rows that cannot be read."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, partial
from typing import Any, TypeVar

from exchanges.base.markets import Markets
from exchanges.base.rows import Reader
from protocol.errors import UNREADABLE, NoPrice, Unsupported
from protocol.models import Status, Symbol, Ticker

T = TypeVar("T")

log = logging.getLogger("fmz-gateway")


class Lists(Markets):
    """The part of an exchange's interface that is about its lists."""

    _partly = False

    @cached_property
    def unreadable_rows(self) -> list[str]:
        """The rows of this object's lists that could not be read, in a trader's words."""
        return []

    def read_all(
        self, read: Callable[..., T], rows: Iterable[Any], *, keep: bool = False, **values: Callable[[Any], Any]
    ) -> list[T]:
        """Return the rows of a list, read. One that cannot be read does not take the others: it is left out, and named
        in the log and in ``unreadable_rows``; where leaving it out could cost money (keep), it is given with what can
        be read of it. Raises what UNREADABLE lists where nothing can be read of any.

        values: fields for ``read`` that depend on a row → functions that return them for it. With them, bars and trades
        are read a column at a time.
        """

        def read_one(row: Any) -> T:
            return read(row, **{name: partial(value, row) for name, value in values.items()})

        rows = list(rows)
        try:
            if isinstance(read, Reader) and read.has_columns:
                return read.columns(rows, values)
            return list(map(read_one, rows))
        except UNREADABLE:
            pass
        found: list[T] = []
        wrong: list[Exception] = []
        for row in rows:
            try:
                found.append(read_one(row))
            except UNREADABLE as error:
                wrong.append(error)
                self._note(error)
                if keep and (partly := self._read_partly(read_one, row)) is not None:
                    found.append(partly)
        if not found:
            raise wrong[0]
        return found

    def read_priced(self, read: Callable[[Any], T], rows: Iterable[Any]) -> list[T]:
        """Return the tickers of a list, read like ``read_all``, without the markets that have no price yet."""

        def read_or_none(row: Any) -> T | None:
            try:
                return read(row)
            except NoPrice:
                return None

        return [ticker for ticker in self.read_all(read_or_none, rows) if ticker is not None]

    def read_tickers(
        self, ask: Callable[[], Mapping[str, Any]], read: Callable[[Symbol, Any], Ticker]
    ) -> list[tuple[Symbol, Ticker]]:
        """Return the tickers of a list of all markets, of those that can be traded and have a price.

        ask: returns the rows by the exchange's own names of markets; called when the markets are known.
        """
        listed = self.symbols()
        rows = [(listed[name], row) for name, row in ask().items() if name in listed]
        return self.read_priced(lambda row: (row[0], read(*row)), rows)

    def attempt(self, field: str, read: Callable[[], Any]) -> Any:
        """Return what a reader of one field gives, or ``instead`` of it."""
        try:
            return read()
        except UNREADABLE as error:
            return self.instead(field, error)

    def instead(self, field: str, error: Exception) -> Any:
        """Return the value of a field that cannot be read, where its row is read partly: None, and open for the state
        of an order, which only open orders' lists need. Raises the error where the row is read whole."""
        if not self._partly:
            raise error
        return Status.OPEN if field == "status" else None

    def _read_partly(self, read: Callable[[Any], T], row: Any) -> T | None:
        self._partly = True
        try:
            return read(row)
        except UNREADABLE:
            return None
        finally:
            self._partly = False

    def _note(self, error: Exception) -> None:
        problem = self.what_is_wrong(error)
        self.unreadable_rows.append(problem)
        if self.upstream.is_new(problem):
            log.warning("%s: a row of a list cannot be read (%s)", self.name, problem)

    def one_market(self, symbol: Symbol | None, what: str) -> Symbol:
        """Return the market that a list is asked for, or the one named last: the exchange lists one market at a time.
        Raises Unsupported where there is neither."""
        last = self.last_symbol if symbol is None else None
        market = self.resolve(last) if last else symbol
        if market is None:
            raise Unsupported(f"{self.name} lists {what} of one market only: name it")
        return market

    def pages(
        self, ask: Callable[[list[Any]], list[Any]], size: int, most: int, *, whole: bool = True
    ) -> Iterator[list[Any]]:
        """Yield the pages of a list, up to the first that is not full.

        ask: returns the page that follows these rows. size: rows of a full page. most: the greatest number of pages.
        whole: raise Unsupported when the list is longer than that.
        """
        rows: list[Any] = []
        for _ in range(most):
            page = ask(rows)
            rows += page
            yield page
            if len(page) < size:
                return
        if whole:
            raise Unsupported(f"{self.name} lists over {size * most} orders there: name a market, or a later time")

    def windows(
        self,
        ask: Callable[[int, int], list[Any]],
        since: int,
        until: int,
        *,
        span: int,
        size: int,
        key: str,
        time: Callable[[Any], int],
    ) -> Iterator[Any]:
        """Yield the rows of a list that is given for so long a time only, one window after the other; each row once.

        ask: returns the rows from one time to another, all in ms, oldest first. span: ms of a window. size: rows of a
        full page, whose last millisecond may go on in the next one. key: of a row's id. time: returns a row's time.
        """
        seen: set[Any] = set()
        while since <= until:
            rows = ask(since, min(since + span, until))
            for row in rows:
                if row[key] not in seen:
                    seen.add(row[key])
                    yield row
            last = max(map(time, rows)) if len(rows) >= size else since + span
            since = max(last, since + 1)

    def all_rows(
        self, ask: Callable[[list[Any]], list[Any]], size: int, most: int, *, enough: int | None = None
    ) -> list[Any]:
        """Return the rows of a list, see ``pages``: to its end, or until there are ``enough``."""
        rows: list[Any] = []
        for page in self.pages(ask, size, most):
            rows += page
            if enough and len(rows) >= enough:
                break
        return rows
