"""CoinPark, a spot exchange on Bibox's platform.

No documentation of the exchange was found; everything here is what FMZ's Python plugin for it sends and reads
(https://www.fmz.com/strategy/101399). Public calls are GETs that name a ``cmd``; private ones post a JSON list of
commands as the form field ``cmds``. Their replies wrap each command's result in a list.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from exchanges.base import *

_PAGE = 50  # rows of trades and of open orders to ask for
_PAGES = 100


class CoinPark(Exchange):
    """CoinPark, spot."""

    name = "CoinPark"
    url = "https://api.coinpark.cc"
    root = "/v1/"
    sends = "form"
    signer = HmacMd5Form
    proof = "our own vector: none is published"
    allowed_calls = ("* transfer/assets",)  # its balances
    periods = {
        1: "1min", 3: "3min", 5: "5min", 15: "15min", 30: "30min", 60: "1hour", 120: "2hour", 240: "4hour",
        360: "6hour", 720: "12hour", 1440: "day", 10080: "week",
    }  # fmt: skip
    # 3 and 5 are from the plugin, the others from Bibox, whose platform this is.
    statuses = {
        "1": Status.OPEN,
        "2": Status.OPEN,
        "3": Status.CLOSED,
        "4": Status.CANCELLED,
        "5": Status.CANCELLED,
        "6": Status.OPEN,
    }
    sides = {"1": Side.BUY, "2": Side.SELL}
    level = ("price", "volume")
    limit_only = "market orders are not known to work: the only program for it never could send one"
    reading = {"transfer/assets", "orderpending/orderPendingList", "orderpending/order"}
    """The commands that change nothing."""
    # Bibox's codes, as the ccxt library knew them.
    refusals = codes({
        AuthenticationFailed: "2011 3012 3024 3025",  # account locked; key, permission, signature
        InsufficientFunds: "2027",
        OrderNotFound: "2033",  # completed or cancelled before
        RateLimited: "2091",
        OutcomeUnknown: "4000",  # "the network is unstable"
        Maintenance: "4003",  # busy
    })  # fmt: skip

    ticker_row = TickerRow(time="timestamp", bid="buy", ask="sell", last="last", high="high", low="low", volume="vol")
    candle_row = Row(Candle, time="time", open="open", high="high", low="low", close="close", volume="vol")
    trade_row = Row(Trade, id="id", time="time", price="price", amount="amount", side="side")
    balance_row = Row(Balance, currency="coin_symbol", free="balance", frozen="freeze")
    order_row = Row(
        Order, id="id", side="order_side", price="price", amount="amount", filled="deal_amount", status="status"
    )

    def unwrap(self, payload: Any) -> Any:
        if payload.get("error"):
            error = payload["error"]
            raise self.refused(error.get("code", ""), error.get("msg", "without a reason"))
        return payload["result"]

    def market_data(self, cmd: str, symbol: Symbol, **params: Any) -> Any:
        """Return the result of a public command."""
        return self.get("mdata", cmd=cmd, **params, pair=symbol)

    def command(self, cmd: str, body: Mapping[str, Any]) -> Any:
        """Return the result of one signed command; the part of ``cmd`` before the slash is its endpoint."""
        cmds = json.dumps([{"cmd": cmd, "body": body}])
        endpoint, safe = cmd.partition("/")[0], cmd in self.reading
        result = self.call("POST", endpoint, params={"cmds": cmds}, signed=True, safe=safe)
        if not isinstance(result, list):
            return result
        [only] = result
        return self.unwrap(only)

    # Market data --------------------------------------------------------------------------------------------------

    def ticker(self, symbol: Symbol) -> Ticker:
        return self.ticker_row(self.market_data("ticker", symbol))

    def depth(self, symbol: Symbol) -> Depth:
        book = self.market_data("depth", symbol, size="10")
        return self.read_book(book, milliseconds(book["update_time"]))

    def candles(self, symbol: Symbol, period: int, limit: int | None) -> list[Candle]:
        rows = self.market_data("kline", symbol, size=limit or 200, period=self.periods[period])
        return self.read_all(self.candle_row, rows)

    def trades(self, symbol: Symbol) -> list[Trade]:
        return self.read_all(self.trade_row, self.market_data("deals", symbol, size=_PAGE))

    # Account ------------------------------------------------------------------------------------------------------

    def accounts(self) -> list[Balance]:
        rows = self.command("transfer/assets", {"select": 1})["assets_list"]
        return self.read_all(self.balance_row, rows, keep=True)

    def trade(self, order: NewOrder) -> OrderId:
        assert order.price is not None, "limit_only: prepare refuses the others"
        body = {
            "pair": self.market(order.symbol),
            "account_type": 0,
            "order_type": 2,  # limit
            "order_side": int(self.render(order.side)),
            "price": plain(order.price),
            "amount": plain(order.amount),
        }
        return identifier(self.command("orderpending/trade", body))

    def orders(self, symbol: Symbol | None) -> list[Order]:
        pair = self.market(self.one_market(symbol, "open orders"))

        def page(rows: list[Any]) -> list[Any]:
            asked = {"pair": pair, "page": len(rows) // _PAGE + 1, "size": _PAGE}
            items: list[Any] = self.command("orderpending/orderPendingList", asked)["items"]
            return items

        return self.read_all(self.read_order, self.all_rows(page, _PAGE, _PAGES), keep=True)

    def order_reply(self, symbol: Symbol, *, order_id: str = "", client_id: str = "") -> Any:
        row = self.command("orderpending/order", {"id": self.number(order_id)})
        if not row:
            raise self.no_order(order_id)
        return row

    def cancel(self, symbol: Symbol, order_id: str) -> bool:
        self.command("orderpending/cancelTrade", {"orders_id": self.number(order_id)})
        return False  # the reply does not say that it is cancelled

    def raw(self, verb: str, path: str, params: Mapping[str, Any]) -> Any:
        """Send ``mdata``, with its ``cmd`` among the params, as a public call, and every other path as a signed
        command."""
        if path == "mdata":
            return self.call("GET", "mdata", params=params, safe=False)
        return self.command(path, params)

    # Readers ------------------------------------------------------------------------------------------------------

    def read_order(self, row: Any) -> Order:
        return self.order_row(row, average=Decimal(0))  # no reply has the average
