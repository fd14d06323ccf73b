"""The interface of an exchange.

An adapter declares tables (intervals, states, error codes), names markets as the exchange does, finds the useful part
of a reply, and reads it into models. What two adapters would do alike is here or in ``transport``, once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, ClassVar

from exchanges.base.abilities import WORDS, can
from exchanges.base.candles import MONDAY, merge
from exchanges.base.client_id import ALPHANUMERIC, ClientId
from exchanges.base.fitting import fitted
from exchanges.base.raw_calls import RawCalls
from exchanges.base.rows import Key, Row, levels
from protocol.errors import GatewayError, InvalidCall, InvalidOrder, OrderNotFound, Unsupported
from protocol.models import (
    Balance,
    Candle,
    Depth,
    Direction,
    Funding,
    Market,
    NewOrder,
    Order,
    OrderId,
    Position,
    Status,
    Symbol,
    Ticker,
    Trade,
)
from protocol.numbers import identifier, whole

_DAY = 1440  # minutes
_RULES_SHARE = 0.3  # of an order's time, for the rules of its market
_OF_FUTURES = {"positions": "GetPositions", "fundings": "GetFundings"}
_JOURNAL_ONLY = ClientId(22, ALPHANUMERIC)


class Exchange(RawCalls):
    """One account on one spot exchange, for the time of one call. A method that an adapter does not have raises
    Unsupported, before anything is sent."""

    proof: ClassVar[str] = ""
    """The source that its signatures were compared with; empty if it signs nothing."""
    keys_needed: ClassVar[str] = "access key; secret key"
    """The content of FMZ's two key fields, for a user."""
    periods: ClassVar[Mapping[int, str]] = MappingProxyType({})
    """Minutes of FMZ's periods → the exchange's name of the interval."""
    week: ClassVar[int] = MONDAY
    """The day that its weeks begin on."""
    max_candles: ClassVar[int] = 1000
    """The most bars that the exchange gives in one reply."""
    statuses: ClassVar[Mapping[str, Status]] = MappingProxyType({})
    """The exchange's order states, all of them: an unknown one is an error, never a guess."""
    level: ClassVar[tuple[Key, Key]] = (0, 1)
    """The keys of price and amount in a row of the order book."""
    client_id: ClassVar[ClientId | None] = None
    """The form of the exchange's client order ids, None if it takes none."""
    limit_only: ClassVar[str] = ""
    """The reason, in the words of an error text, why it takes no market orders; empty if it takes them."""
    has_contracts: ClassVar[bool] = False
    """True if FMZ's name of a market may mean another one later, as ``quarter`` does."""
    absent_after: ClassVar[float] = 15.0
    """Seconds after which an order that was sent, and that look-ups do not find, does not exist: the window in which a
    signed order is accepted, and a margin for lists that are late."""
    history_page: ClassVar[int | None] = None
    """The past orders that are given where FMZ names neither a time nor a number, because no more are surely complete;
    None for all that ``past_orders`` gives."""
    order_row: ClassVar[Row[Order]]
    """The reader of an order's row; override ``read_order`` if fields depend on others."""

    def require(self, method: str) -> None:
        """Raise Unsupported for a method that the adapter does not have. It comes before all else in a call: what the
        arguments mean, such as a contract, may have to be asked for."""
        if not can(type(self), method):
            if method == "modify":
                raise self.cannot_modify()
            of_futures = _OF_FUTURES.get(method, "") if not self.has_contracts else ""
            raise self._spot_only(of_futures) if of_futures else self.lacks(WORDS.get(method, method))

    # Calls of FMZ -------------------------------------------------------------------------------------------------

    def ticker(self, symbol: Symbol) -> Ticker:
        """Return the market's last 24 hours."""
        raise self.lacks("ticker")

    def depth(self, symbol: Symbol) -> Depth:
        """Return the market's order book."""
        raise self.lacks(WORDS["depth"])

    def candles(self, symbol: Symbol, period: int, limit: int | None) -> Iterable[Candle]:
        """Return bars of a period in ``periods``, in any order; ``records`` sorts, cuts and merges them."""
        raise self.lacks(WORDS["records"])

    def trades(self, symbol: Symbol) -> list[Trade]:
        """Return the market's latest public trades."""
        raise self.lacks(WORDS["trades"])

    def accounts(self) -> list[Balance]:
        """Return all balances."""
        raise self.lacks(WORDS["accounts"])

    def trade(self, order: NewOrder) -> OrderId:
        """Place an order, once, and return its id."""
        raise self.lacks(WORDS["trade"])

    def orders(self, symbol: Symbol | None) -> list[Order]:
        """Return open orders, of one market or of all."""
        raise self.lacks(WORDS["orders"])

    def modify(self, order_id: str, order: NewOrder) -> OrderId:
        """Give an open limit order, in one call, the price and the whole amount (what is filled of it included) that
        ``order`` has; return its id. Where the exchange has no such call, leave this out."""
        raise self.cannot_modify()

    def cancel(self, symbol: Symbol, order_id: str) -> bool:
        """Cancel an order. Return True when it is cancelled, False when only the request was accepted. Raises
        OrderNotFound."""
        raise self.lacks(WORDS["cancel"])

    def order(self, symbol: Symbol, order_id: str) -> Order:
        """Return one order, open or not. Raises OrderNotFound."""
        row = self.order_reply(symbol, order_id=order_id)
        order = self.read_order(row)
        has_average = order.average or not order.filled
        return order if has_average else replace(order, average=self.average_of_fills(symbol, row, order))

    def find(self, symbol: Symbol, client_id: str) -> OrderId | None:
        """Return the id of the order with our client id, open or not; None if there is none. Only the id is read: an
        order whose status is in no table exists all the same."""
        try:
            row = self.order_reply(symbol, client_id=client_id)
        except OrderNotFound:
            return None
        return identifier(row[type(self).order_row.keys["id"]])

    def records(self, symbol: Symbol, period: int, limit: int | None) -> list[Candle]:
        """Return bars of ``period`` minutes, oldest first, the live one last; built from smaller ones if the exchange
        has no such interval. Raises Unsupported if none of its intervals divides the period."""
        # Bars of up to a day begin where the day does; where longer ones begin differs from exchange to exchange.
        sources = (
            minutes for minutes in self.periods if period == minutes or (period % minutes == 1440 % minutes == 0)
        )
        source = max(sources, default=None)
        if source is None:
            raise Unsupported(f"{self.name} has no bars that {period} minutes could be built from")
        ratio = period // source
        wanted = limit
        if ratio > 1:  # one bar more, because the first may be cut off
            wanted = (limit + 1) * ratio if limit else self.max_candles
        bars = self.candles(symbol, source, min(wanted, self.max_candles) if wanted else None)
        series = sorted({bar.time: bar for bar in bars}.values())
        if ratio > 1:
            series = merge(series, period, self.week)
        return series[-limit:] if limit else series

    def tickers(self) -> list[tuple[Symbol, Ticker]]:
        """Return the last 24 hours of all markets."""
        raise self.lacks(WORDS["tickers"])

    def history(self, symbol: Symbol | None, since: int | None, limit: int | None) -> list[Order]:
        """Return orders that are no longer open, oldest first: the first ``limit`` from ``since`` (ms) on, or the last
        ones without ``since``."""
        limit = limit or (None if since else self.history_page)
        rows = self.past_orders(symbol, since, limit)
        past = [order for _, order in sorted(rows, key=lambda row: row[0]) if order.status is not Status.OPEN]
        if not limit:
            return past
        return past[:limit] if since else past[-limit:]

    def may_withdraw(self) -> bool:
        """Return True if the key may withdraw money."""
        raise self.lacks("call that says what a key may do")

    # Futures calls of FMZ -------------------------------------------------------------------------------------------

    def set_contract(self, contract: str) -> bool:
        """Remember the contract of markets that are named without one."""
        raise self._spot_only("SetContractType")

    def set_direction(self, direction: Direction) -> bool:
        """Remember the direction that Buy and Sell mean."""
        raise self._spot_only("SetDirection")

    def refuse_choice(self, name: str, given: str) -> None:
        """Clear a choice, ``contract`` or ``direction``, because the next one was refused. given: what was refused."""

    def set_leverage(self, leverage: int, symbol: Symbol | None) -> bool:
        """Set the leverage of one market, or of all markets."""
        raise self._spot_only("SetMarginLevel")

    def positions(self, symbol: Symbol | None) -> list[Position]:
        """Return open positions: all, or those in markets that the symbol covers, see ``covers``."""
        raise self._spot_only(_OF_FUTURES["positions"])

    def fundings(self, symbol: Symbol | None) -> list[Funding]:
        """Return the funding rates of perpetual contracts: all, or those that the symbol covers, see ``covers``."""
        raise self._spot_only(_OF_FUTURES["fundings"])

    # Templates that an adapter fills --------------------------------------------------------------------------------

    def order_reply(self, symbol: Symbol, *, order_id: str = "", client_id: str = "") -> Any:
        """Return the row of the order with one of these ids, open or not. Raises OrderNotFound."""
        raise self.lacks(f"look-up of orders{' by client id' if client_id else ''}")

    def past_orders(
        self, symbol: Symbol | None, since: int | None, limit: int | None
    ) -> Iterable[tuple[tuple[int, ...], Order]]:
        """Return orders, each with its sort key, the time in ms first: at least the first ``limit`` past ones from
        ``since`` on, or the last ones without ``since``. There may be open orders among them."""
        raise self.lacks(WORDS["history"])

    def average_of_fills(self, symbol: Symbol, row: Any, order: Order) -> Decimal:
        """Return the average price of an order whose row has none, by its fills; 0 if it is not known."""
        return Decimal(0)

    def read_order(self, row: Any) -> Order:
        """Return the order in a row."""
        order: Order = self.order_row(row)
        return order

    # The same for all exchanges ------------------------------------------------------------------------------------

    def read_book(self, book: Mapping[str, Any], time: int) -> Depth:
        """Return the order book in a reply with ``asks`` and ``bids``. time: in ms since the epoch."""
        return Depth(time=time, asks=levels(book["asks"], *self.level), bids=levels(book["bids"], *self.level))

    def no_order(self, order_id: str) -> OrderNotFound:
        """Return the error for an order that the exchange does not have."""
        return OrderNotFound(f"{self.name} has no order {order_id}")

    def number(self, order_id: str) -> int:
        """Return an order's id as a number, where the exchange's are numbers. Raises InvalidCall."""
        try:
            return whole(order_id)
        except ValueError:
            said = f"{self.name} numbers its orders: {order_id} is no such number; nothing was sent"
            raise InvalidCall(said) from None

    def scope(self, symbol: Symbol | None) -> Symbol | None:
        """Return the market, or the range of markets, for a list of open orders or positions; None means all."""
        return self.resolve(symbol) if symbol else None

    def new_order(self, symbol: Symbol, direction: Direction, price: Decimal | None, amount: Decimal) -> NewOrder:
        """Return the order that FMZ's parameters describe. Raises Unsupported for closing directions."""
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
        """Return the client id of this request's order, the same when the request is repeated. If the exchange takes
        none, only the journal knows it."""
        return (self.client_id or _JOURNAL_ONLY).render(self.credentials.fingerprint(self.name, self.request))

    def prepare(self, order: NewOrder) -> None:
        """Make all calls that an order needs beforehand, so that ``trade`` sends the order and nothing else: a failure
        here leaves no order unclear. Raises Unsupported for a market order if the exchange takes none."""
        self.require("trade")
        if order.price is None and self.limit_only:
            raise Unsupported(f"{self.name} {self.limit_only}. Give a price; nothing was sent")
        self.order_facts(order)
        self.market(order.symbol)
        self.clock_offset()

    def _check_kind(self, order: NewOrder, market: Market) -> None:
        """Raise Unsupported for a market order where the market, as the exchange says now, takes limit orders only."""
        if order.price is None and market.limit_only and self.renewed_rules(order.symbol).limit_only:
            raise Unsupported(
                f"{self.name} takes no market orders in {order.symbol} now. Give a price; nothing was sent"
            )

    def fit(self, order: NewOrder) -> NewOrder:
        """Return the order on its market's steps, see ``fitted``. Where the rules cannot be had in time it stays as it
        is. Raises InvalidOrder for an amount or price that is less than a step, Unsupported for a market order where
        the market takes none."""
        if self.upstream.exact_orders:
            return order
        try:
            market = self.apart(lambda one: one.rules(order.symbol), self.deadline.portion(_RULES_SHARE))
        except GatewayError:
            return order
        self._check_kind(order, market)
        try:
            return fitted(order, market)
        except InvalidOrder as error:
            said = f"{self.name}: {error.message}, and nothing was sent"
            raise InvalidOrder("; ".join(filter(None, (said, self.explain(order))))) from None
