"""The interface of an exchange.

An adapter declares tables (intervals, states, error codes), says how it writes a market's name and where the useful
part of a reply is, and reads replies into models. What two adapters would do alike is here or in ``transport``, once.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

from exchanges.base.candles import merge
from exchanges.base.client_id import ALPHANUMERIC, ClientId
from exchanges.base.guard import is_sensitive
from exchanges.base.markets import Markets
from exchanges.base.rows import Key, Row, levels
from protocol.errors import NotAllowed, OrderNotFound, Unsupported
from protocol.models import (
    Balance,
    Candle,
    Depth,
    Direction,
    Funding,
    NewOrder,
    Order,
    OrderId,
    Position,
    Status,
    Symbol,
    Ticker,
    Trade,
)
from protocol.numbers import identifier
from transport.limit import Calls

_MAX_NAMED = 80  # characters of a path that an error quotes
_JOURNAL_ONLY = ClientId(22, ALPHANUMERIC)


class Exchange(Markets):
    """One account on one spot exchange, for the time of one call."""

    futures: ClassVar[str] = ""
    """The route of its futures twin, for the hint that sends a trader there."""
    proof: ClassVar[str] = ""
    """What its signatures were compared with; empty where there are none."""
    periods: ClassVar[Mapping[int, str]]
    """FMZ's minutes → its interval."""
    max_candles: ClassVar[int] = 1000
    """The most bars it gives in one reply."""
    statuses: ClassVar[Mapping[str, Status]]
    """Its order states, all of them: an unknown one is an error, never a guess."""
    level: ClassVar[tuple[Key, Key]] = (0, 1)
    """Where price and amount are in a row of the order book."""
    client_id: ClassVar[ClientId | None] = None
    """How it takes a client order id, or that it takes none."""
    limit_only: ClassVar[str] = ""
    """Why it takes no market orders; empty where it does."""
    sensitive_words: ClassVar[tuple[str, ...]] = ()
    """Its own words, in small letters and digits alone, for resources that move money out of the account or manage its
    keys; those that all exchanges use are in ``guard``."""
    allowed_calls: ClassVar[tuple[str, ...]] = ()
    """Calls, as ``VERB resource`` with ``*`` for anything, that do no such thing, whatever their names say."""
    absent_after: ClassVar[float] = 15.0
    """Seconds after which an order that was sent, and that its own look-ups do not know, does not exist: the window in
    which a signed order is accepted, and some patience for lists that are late."""
    order_row: ClassVar[Row[Order]]
    """An order's row; override ``read_order`` where fields depend on others."""

    # What FMZ asks ------------------------------------------------------------------------------------------------

    @abstractmethod
    def ticker(self, symbol: Symbol) -> Ticker:
        """Return the market's last 24 hours."""

    @abstractmethod
    def depth(self, symbol: Symbol) -> Depth:
        """Return the market's order book."""

    @abstractmethod
    def candles(self, symbol: Symbol, period: int, limit: int | None) -> Iterable[Candle]:
        """Return bars of a period in ``periods``, in any order; ``records`` makes the rest of them."""

    @abstractmethod
    def trades(self, symbol: Symbol) -> list[Trade]:
        """Return the market's latest public trades."""

    @abstractmethod
    def accounts(self) -> list[Balance]:
        """Return all balances."""

    @abstractmethod
    def trade(self, order: NewOrder) -> OrderId:
        """Place an order, once, and return its id."""

    @abstractmethod
    def orders(self, symbol: Symbol | None) -> list[Order]:
        """Return open orders, of one market or of all."""

    @abstractmethod
    def cancel(self, symbol: Symbol, order_id: str) -> bool:
        """Cancel an order. Return True when it is cancelled, False when that was only accepted. Raises
        OrderNotFound."""

    def order(self, symbol: Symbol, order_id: str) -> Order:
        """Return one order, open or not. Raises OrderNotFound."""
        return self.read_order(self.order_reply(symbol, order_id=order_id))

    def find(self, symbol: Symbol, client_id: str) -> OrderId | None:
        """Return the id of the order that carries our client id, open or not; None when there is none. Only the id is
        read: an order whose status is in no table exists all the same."""
        try:
            row = self.order_reply(symbol, client_id=client_id)
        except OrderNotFound:
            return None
        return identifier(row[type(self).order_row.keys["id"]])

    def records(self, symbol: Symbol, period: int, limit: int | None) -> list[Candle]:
        """Return bars of ``period`` minutes, oldest first, the live one last; built from smaller ones where the
        exchange has no such interval. Raises Unsupported when nothing it has divides the period."""
        source = max((minutes for minutes in self.periods if period % minutes == 0), default=None)
        if source is None:
            raise Unsupported(f"{self.name} has no bars that {period} minutes could be built from")
        ratio = period // source
        wanted = limit
        if ratio > 1:  # one bar more, for the first may be cut off
            wanted = (limit + 1) * ratio if limit else self.max_candles
        bars = self.candles(symbol, source, min(wanted, self.max_candles) if wanted else None)
        series = sorted({bar.time: bar for bar in bars}.values())
        if ratio > 1:
            series = merge(series, period)
        return series[-limit:] if limit else series

    def tickers(self) -> list[tuple[Symbol, Ticker]]:
        """Return the last 24 hours of all markets."""
        raise Unsupported(f"{self.name} has no list of tickers")

    def history(self, symbol: Symbol | None, since: int | None, limit: int | None) -> list[Order]:
        """Return orders that are no longer open, oldest first: the first ``limit`` from ``since`` (ms) on, or the last
        ones without ``since``."""
        rows = self.past_orders(symbol, since, limit)
        past = [order for _, order in sorted(rows, key=lambda row: row[0]) if order.status is not Status.OPEN]
        if not limit:
            return past
        return past[:limit] if since else past[-limit:]

    def raw(self, verb: str, path: str, params: Mapping[str, Any]) -> Any:
        """Ask for any resource of the exchange, signed. path: below its host. FMZ is given the whole reply, as it
        came."""
        return self.call(verb, f"/{path}", params=params, signed=True, safe=False)

    def pass_through(self, verb: str, path: str, params: Mapping[str, Any]) -> Any:
        """Return what ``raw`` does, for a strategy. Raises NotAllowed for what moves money out of the account or
        manages its keys, unless the settings let it through."""
        allowed = self.upstream.withdrawals or f"{verb} {path}" in Calls(self.allowed_calls, str)
        if not allowed and is_sensitive(path, self.sensitive_words):
            raise NotAllowed(
                f"{self.name}: {verb} {path[:_MAX_NAMED]} may withdraw, transfer or manage keys, which strategies are "
                "not allowed to do here; nothing was sent. If it is meant, start the gateway with ALLOW_WITHDRAWALS=1"
            )
        return self.raw(verb, path, params)

    # What FMZ asks of futures ---------------------------------------------------------------------------------------

    def set_contract(self, contract: str) -> bool:
        """Remember the contract of markets named without one."""
        raise self._spot_only("SetContractType")

    def set_direction(self, direction: Direction) -> bool:
        """Remember what Buy and Sell mean."""
        raise self._spot_only("SetDirection")

    def set_leverage(self, leverage: int, symbol: Symbol | None) -> bool:
        """Set the leverage of one market, or of all."""
        raise self._spot_only("SetMarginLevel")

    def positions(self, symbol: Symbol | None) -> list[Position]:
        """Return open positions: all, or those that ``covers(symbol, …)``."""
        raise self._spot_only("GetPositions")

    def fundings(self, symbol: Symbol | None) -> list[Funding]:
        """Return the funding rates of perpetual contracts: all, or those that ``covers(symbol, …)``."""
        raise self._spot_only("GetFundings")

    # What an adapter says of itself ---------------------------------------------------------------------------------

    def order_reply(self, symbol: Symbol, *, order_id: str = "", client_id: str = "") -> Any:
        """Return the row of the order with one of these ids, open or not. Raises OrderNotFound."""
        raise Unsupported(f"{self.name} cannot look an order up{' by client id' if client_id else ''}")

    def past_orders(
        self, symbol: Symbol | None, since: int | None, limit: int | None
    ) -> Iterable[tuple[tuple[int, ...], Order]]:
        """Return orders with what they are sorted by, their time in ms first: at least the first ``limit`` past ones
        from ``since`` on, or the last ones without ``since``. Open orders among them do not matter."""
        raise Unsupported(f"{self.name} has no list of past orders")

    def read_order(self, row: Any) -> Order:
        """Return an order's row as an order."""
        order: Order = self.order_row(row)
        return order

    # What all exchanges do alike -----------------------------------------------------------------------------------

    def read_book(self, book: Mapping[str, Any], time: int) -> Depth:
        """Return a book of ``asks`` and ``bids``. time: in ms."""
        return Depth(time=time, asks=levels(book["asks"], *self.level), bids=levels(book["bids"], *self.level))

    def no_order(self, order_id: str) -> OrderNotFound:
        """Return the error for an order that the exchange does not have."""
        return OrderNotFound(f"{self.name} has no order {order_id}")

    def one_market(self, symbol: Symbol | None, what: str) -> Symbol:
        """Return the market of a list that is of one market only. Raises Unsupported without one."""
        if symbol is None:
            raise Unsupported(f"{self.name} lists {what} of one market only: name it")
        return symbol

    def pages(
        self, ask: Callable[[list[Any]], list[Any]], size: int, most: int, *, whole: bool = True
    ) -> Iterator[list[Any]]:
        """Yield the pages of a list, up to one that is not full.

        ask: gives the page that follows these rows. most: the greatest number of pages; Unsupported is raised where the
        list goes on behind them and is wanted as a ``whole``.
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

    def resolve(self, symbol: Symbol) -> Symbol:
        """Return the market FMZ means: the usual quote filled in. Raises Unsupported for a contract."""
        if symbol.contract:
            raise self._spot_only(symbol.text or str(symbol))
        return symbol if symbol.quote else replace(symbol, quote=self.quote)

    def scope(self, symbol: Symbol | None) -> Symbol | None:
        """Return the market, or the range of markets, that open orders or positions are asked of; None means all."""
        return self.resolve(symbol) if symbol else None

    def new_order(self, symbol: Symbol, direction: Direction, price: Decimal | None, amount: Decimal) -> NewOrder:
        """Return the order that FMZ's words mean. Raises Unsupported for closing directions."""
        if direction.closes:
            raise self._spot_only(f"an order of type {direction}")
        return NewOrder(
            symbol=self.resolve(symbol),
            side=direction.side,
            price=price,
            amount=amount,
            client_id=self.new_client_id(),
        )

    def new_client_id(self) -> str:
        """Return the client id of this request's order, the same when the request is repeated; where the exchange takes
        none, only the journal knows it."""
        return (self.client_id or _JOURNAL_ONLY).render(self.credentials.fingerprint(self.name, self.request))

    def prepare(self, order: NewOrder) -> None:
        """Ask and tell the exchange all that an order needs beforehand, so that ``trade`` sends the order and nothing
        else: a failure here is not an unclear order. Raises Unsupported for a market order where there are none."""
        if order.price is None and self.limit_only:
            raise Unsupported(f"{self.name} {self.limit_only}. Give a price; nothing was sent")
        self.market(order.symbol)
        self.clock_offset()

    def _spot_only(self, what: str) -> Unsupported:
        where = f"set the service address's path to /{self.futures}" if self.futures else "it has no futures"
        return Unsupported(f"{self.name} is a spot exchange and {what} is for futures: {where}")
