"""Asks ccxt, in its unified names, for what spot and futures exchanges share: market data, accounts, orders."""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from operator import methodcaller
from typing import Any, ClassVar

from exchanges.base import *
from exchanges.base.abilities import WORDS
from exchanges.base.guard import is_sensitive
from exchanges.ccxt.client_ids import Rule, look_up_row
from exchanges.ccxt.quirks import CANCELLED_BY_REPLY
from exchanges.ccxt.readers import CcxtReaders
from exchanges.ccxt.session import Session
from protocol.errors import NotAllowed
from protocol.numbers import WrongValue

_PAGE = 100  # past orders to ask for
_LISTS: Mapping[str, tuple[str, str | None]] = {
    "fetchOpenOrders": ("fetch_open_orders", "open"),
    "fetchClosedOrders": ("fetch_closed_orders", "closed"),
    "fetchCanceledOrders": ("fetch_canceled_orders", "canceled"),
    "fetchCanceledAndClosedOrders": ("fetch_canceled_and_closed_orders", None),
    "fetchOrders": ("fetch_orders", None),
}
"""Names the lists to search for an order → ccxt's method, and the state of an order there where its row has none."""
_PAST = ("fetchCanceledAndClosedOrders", "fetchClosedOrders", "fetchOrders")
"""Names the lists of past orders, the best first."""
_CAPABILITIES: Mapping[str, tuple[str, ...]] = {
    "ticker": ("fetchTicker",),
    "tickers": ("fetchTickers",),
    "depth": ("fetchOrderBook",),
    "trades": ("fetchTrades",),
    "accounts": ("fetchBalance",),
    "trade": ("createOrder",),
    "order": ("fetchOpenOrders", "fetchOrder"),
    "orders": ("fetchOpenOrders",),
    "cancel": ("cancelOrder",),
    "history": ("fetchClosedOrders", *_PAST),
    "positions": ("fetchPositions",),
    "fundings": ("fetchFundingRate", "fetchFundingRates"),
}
"""Our methods → ccxt's names of what an exchange must have for them, one of several."""


class CcxtApi(CcxtReaders):
    """An exchange of the ccxt library. What ccxt does not have of it is refused before anything is sent.

    The keys of an exchange that wants more than two are described in ``keys``.
    """

    api = 1
    rule: ClassVar[Rule | None] = None
    """Says how orders are found by our client ids, None where they are not."""
    id_param: ClassVar[str] = "clientOrderId"
    absent_after = 45.0  # ccxt's exchanges accept an order for 5 to 30 seconds

    def require(self, method: str) -> None:
        super().require(method)
        names = _CAPABILITIES.get(method, ())
        if names and not any(map(self.library.has, names)):
            self.needs(names[0], WORDS.get(method, method))

    def needs(self, capability: str, what: str) -> None:
        """Raise Unsupported where the exchange, by ccxt's word, lacks a capability."""
        if not self.library.has(capability):
            raise Unsupported(f"{self.name} has no {what} in the ccxt library ({capability}); nothing was sent")

    def unified(self, symbol: Symbol) -> str:
        """Return ccxt's name of a market."""
        market = self.market(symbol)
        try:
            return self.engine.names[market]
        except KeyError:
            raise InvalidCall(f"{self.name} lists no market {symbol}") from None

    def market(self, symbol: Symbol) -> str:
        return self.rules(symbol).id

    # Market data --------------------------------------------------------------------------------------------------

    def markets(self) -> list[Market]:
        engine = self.engine
        rows = self.read(lambda ccxt: engine.load(ccxt), signed=False)
        return self.read_all(self.read_market, rows)

    def ticker(self, symbol: Symbol) -> Ticker:
        self.needs("fetchTicker", "ticker")
        name = self.unified(symbol)
        row = self.read(lambda ccxt: ccxt.fetch_ticker(name), signed=False)
        if row["bid"] is None or row["ask"] is None:  # then the book has them
            book = self.book(name)
            best = {side: levels[0][0] for side, levels in (("bid", book["bids"]), ("ask", book["asks"])) if levels}
            row = {**row, **best}
        return self.read_ticker(row)

    def tickers(self) -> list[tuple[Symbol, Ticker]]:
        self.needs("fetchTickers", "list of tickers")
        listed = self.listed().by_id  # this loads the list that has the names
        names = {name: listed[market].symbol for market, name in self.engine.names.items()}
        rows = self.read(lambda ccxt: ccxt.fetch_tickers(list(names)), signed=False)
        ours = [(names[name], row) for name, row in rows.items() if name in names]
        whole = [(symbol, row) for symbol, row in ours if None not in (row["bid"], row["ask"])]
        if ours and not whole:
            raise Unsupported(f"{self.name} lists tickers without the best prices: ask for those of one market")
        return self.read_all(lambda row: (row[0], self.read_ticker(row[1])), whole)

    def depth(self, symbol: Symbol) -> Depth:
        book = self.book(self.unified(symbol))
        return self.read_book(book, book["timestamp"] or self.upstream.services.now())

    def book(self, name: str) -> Any:
        """Return the order book of a market, by ccxt's name."""
        self.needs("fetchOrderBook", "order book")
        return self.read(lambda ccxt: ccxt.fetch_order_book(name), signed=False)

    def candles(self, symbol: Symbol, period: int, limit: int | None) -> list[Candle]:
        name = self.unified(symbol)
        rows = self.read(lambda ccxt: ccxt.fetch_ohlcv(name, self.periods[period], None, limit), signed=False)
        return self.read_all(self.candle_row, rows)

    def trades(self, symbol: Symbol) -> list[Trade]:
        self.needs("fetchTrades", "list of trades")
        name = self.unified(symbol)
        rows = self.read(lambda ccxt: ccxt.fetch_trades(name), signed=False)
        # Some exchanges give no ids; the time is then what comes closest.
        return self.read_all(self.trade_row, rows, id=lambda row: row["id"] or str(row["timestamp"]))

    # Account ------------------------------------------------------------------------------------------------------

    def accounts(self) -> list[Balance]:
        self.needs("fetchBalance", "list of balances")
        self.require_keys()
        self.listed()
        found = self.read(lambda ccxt: ccxt.fetch_balance())
        rows = [(name, found[name]) for name in found["total"] if any(found[name].values())]
        return self.read_all(lambda row: self.read_balance(*row), rows, keep=True)

    def prepare(self, order: NewOrder) -> None:
        self.needs("createOrder", "new orders")
        self.require_keys()
        self.check_digits(order)
        super().prepare(order)

    def check_digits(self, order: NewOrder) -> None:
        """Raise InvalidOrder for a number of an order that a double, which ccxt takes, cannot hold."""
        for number in filter(None, (order.amount, order.price)):
            if exact(float(number)) != number:
                raise InvalidOrder(f"{self.name}: {plain(number)} has too many digits for ccxt; nothing was sent")

    def trade(self, order: NewOrder) -> OrderId:
        name, numbers = self.unified(order.symbol), {order.amount, order.price} - {None}
        params = self.order_params(order)
        row = self.change(
            lambda ccxt: _with_id(self.create(ccxt, name, order, params)),
            numbers=frozenset(number for number in numbers if number is not None),
        )
        return identifier(row["id"])

    def create(self, ccxt: Any, name: str, order: NewOrder, params: dict[str, Any]) -> Any:
        """Return ccxt's reply to a new order. name: the market's, in ccxt."""
        kind = "market" if order.price is None else "limit"
        price = None if order.price is None else float(order.price)
        return ccxt.create_order(name, kind, order.side.value, float(order.amount), price, params)

    def order_params(self, order: NewOrder) -> dict[str, Any]:
        """Return the parameters of an order that ccxt has no arguments for."""
        return {self.id_param: order.client_id} if self.client_id else {}

    def orders(self, symbol: Symbol | None) -> list[Order]:
        return self.read_all(self.read_order, self.open_rows(symbol), keep=True)

    def open_rows(self, symbol: Symbol | None) -> list[Any]:
        """Return ccxt's rows of open orders, of one market or of all."""
        self.needs("fetchOpenOrders", "list of open orders")
        self.require_keys()
        self.listed()
        name = self.unified(symbol) if symbol else None
        return self.rows_of("fetchOpenOrders", name)

    def rows_of(self, capability: str, *asked: Any) -> list[Any]:
        """Return ccxt's rows of one of its lists of orders, each with a state where its list says that."""
        method, state = _LISTS[capability]
        rows = self.read(methodcaller(method, *asked))
        return [{**row, "status": row["status"] or state} for row in rows]

    def order_reply(self, symbol: Symbol, *, order_id: str = "", client_id: str = "") -> Any:
        self.require_keys()
        name = self.unified(symbol)
        if client_id:
            return self.find_row(name, client_id)
        if self.library.has("fetchOrder"):
            row = self.read(lambda ccxt: ccxt.fetch_order(order_id, name))
            if row["id"] is None:
                raise WrongValue("it has no order")
            return row if row["status"] is not None else self.listed_row(name, order_id, row)
        self.needs("fetchOpenOrders", "look-up of orders")
        return self.listed_row(name, order_id)

    def listed_row(self, name: str, order_id: str, instead: Any = None) -> Any:
        """Return ccxt's row of an order, searched in the lists that the exchange has. instead: the row to return where
        no list has it. Raises OrderNotFound without one."""
        for capability in filter(self.library.has, _LISTS):
            for row in self.rows_of(capability, name):
                if str(row["id"]) == order_id:
                    return row
        if instead is not None:
            return instead
        raise self.no_order(order_id)

    def find_row(self, name: str, client_id: str) -> Any:
        """Return ccxt's row of the order with our client id. Raises OrderNotFound."""
        assert self.rule is not None, "only exchanges with client ids are asked for them"
        for look_up in self.rule.look_ups:
            try:
                row = self.read(partial(look_up_row, look=look_up, name=name, client_id=client_id))
            except OrderNotFound:
                continue
            if row is not None:
                return row
        raise self.no_order(client_id)

    def cancel(self, symbol: Symbol, order_id: str) -> bool:
        self.needs("cancelOrder", "cancelling")
        name = self.unified(symbol)
        row = self.change(lambda ccxt: ccxt.cancel_order(order_id, name), cancels=True)
        cancelled = row.get("status") == "canceled" if isinstance(row, dict) else False
        return cancelled or self.library.id in CANCELLED_BY_REPLY

    def past_orders(
        self, symbol: Symbol | None, since: int | None, limit: int | None
    ) -> Iterator[tuple[tuple[int, ...], Order]]:
        capability = next(filter(self.library.has, _PAST), "fetchClosedOrders")
        self.needs(capability, "list of past orders")
        name = self.unified(self.one_market(symbol, "past orders"))
        for row in self.rows_of(capability, name, since, limit or _PAGE):
            yield (milliseconds(row["timestamp"]),), self.read_order(row)

    # Pass-through -------------------------------------------------------------------------------------------------

    def pass_through(self, verb: str, path: str, params: Mapping[str, Any]) -> Any:
        """Call one of ccxt's implicit methods, such as ``spotV1PrivateGetTradeQuery``. What an exchange takes as a
        parameter, such as ``action=withdraw``, is looked at too."""
        if not self.engine.endpoint(path):
            raise InvalidCall(
                f"{self.name} has no resource {path[:80]!r} in the ccxt library; its names are those of ccxt's "
                "implicit methods, such as spotV1PrivateGetTradeQuery. Nothing was sent"
            )
        if not self.upstream.withdrawals and is_sensitive(json.dumps(dict(params), default=str)):
            raise NotAllowed(
                f"{self.name}: the parameters of {path[:80]} may withdraw, transfer or manage keys; nothing was sent. "
                "If it is meant, start the gateway with ALLOW_WITHDRAWALS=1"
            )
        return super().pass_through(verb, path, params)

    def raw(self, verb: str, path: str, params: Mapping[str, Any]) -> Any:
        given = self.keys if self.credentials.key else {}
        session = Session(self, self.engine, once=True)
        return self.run(lambda ccxt: getattr(ccxt, path)(dict(params)), session, given, changes=True)


def _with_id(row: Any) -> Any:
    if not row.get("id"):
        raise WrongValue("it has no order id")
    return row
