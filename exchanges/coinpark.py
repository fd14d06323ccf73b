"""CoinPark, a spot exchange on Bibox's platform.

No documentation of the exchange was found; what is known is what FMZ's Python plugin for it sends and reads
(https://www.fmz.com/strategy/101399). Public calls are GETs that name a ``cmd``; private ones post a JSON list of
commands as the form field ``cmds``. Their replies wrap each command's result in a list.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from exchanges.base.exchange import Exchange
from protocol.errors import (
    AuthenticationFailed,
    InsufficientFunds,
    InvalidCall,
    Maintenance,
    OrderNotFound,
    OutcomeUnknown,
    RateLimited,
    Unsupported,
)
from protocol.models import Balance, Candle, Depth, Level, NewOrder, Order, OrderId, Side, Status, Symbol, Ticker, Trade
from protocol.numbers import double, exact, identifier, milliseconds, plain
from transport.signing import HmacMd5Form

_PAGE = 50  # rows of trades and of open orders asked for


class CoinPark(Exchange):
    """CoinPark, spot."""

    name = "CoinPark"
    url = "https://api.coinpark.cc"
    sends = "form"
    signer = HmacMd5Form
    proof = "our own vector: none is published"
    harmless = "[A-Z]+ transfer/assets"  # its balances
    periods = {
        1: "1min", 3: "3min", 5: "5min", 15: "15min", 30: "30min", 60: "1hour", 120: "2hour", 240: "4hour",
        360: "6hour", 720: "12hour", 1440: "day", 10080: "week",
    }  # fmt: skip
    # 3 and 5 are the plugin's, the rest Bibox's own, whose platform this is.
    statuses = {
        "1": Status.OPEN,
        "2": Status.OPEN,
        "3": Status.CLOSED,
        "4": Status.CANCELLED,
        "5": Status.CANCELLED,
        "6": Status.OPEN,
    }
    sides = {"1": Side.BUY, "2": Side.SELL}
    limit_only = "market orders are not known to work: the only program for it never could send one"
    reading = {"transfer/assets", "orderpending/orderPendingList", "orderpending/order"}
    """The commands that change nothing."""
    # Bibox's codes, as the ccxt library knew them.
    refusals = {
        "2011": AuthenticationFailed,  # account locked
        "2027": InsufficientFunds,
        "2033": OrderNotFound,  # completed or cancelled before
        "2091": RateLimited,
        "3012": AuthenticationFailed,  # key
        "3024": AuthenticationFailed,  # permission
        "3025": AuthenticationFailed,  # signature
        "4000": OutcomeUnknown,  # "the network is unstable"
        "4003": Maintenance,  # busy
    }

    def market(self, symbol: Symbol) -> str:
        return f"{symbol.base}_{symbol.quote}"

    def unwrap(self, payload: Any) -> Any:
        if payload.get("error"):
            error = payload["error"]
            raise self.refused(error.get("code", ""), error.get("msg", "without a reason"))
        return payload["result"]

    def public(self, cmd: str, symbol: Symbol, **params: str) -> Any:
        """The result of a market data command."""
        return self.call("GET", "/v1/mdata", params={"cmd": cmd, **params, "pair": self.market(symbol)})

    def private(self, cmd: str, body: Mapping[str, Any]) -> Any:
        """The result of one signed command; the part of ``cmd`` before the slash is its endpoint."""
        cmds = json.dumps([{"cmd": cmd, "body": body}])
        path, safe = f"/v1/{cmd.partition('/')[0]}", cmd in self.reading
        result = self.call("POST", path, params={"cmds": cmds}, signed=True, safe=safe)
        if not isinstance(result, list):
            return result
        [answer] = result
        return self.unwrap(answer)

    # Market data --------------------------------------------------------------------------------------------------

    def ticker(self, symbol: Symbol) -> Ticker:
        row = self.public("ticker", symbol)
        return Ticker(
            time=milliseconds(row["timestamp"]),
            bid=double(row["buy"]),
            ask=double(row["sell"]),
            last=double(row["last"]),
            high=double(row["high"]),
            low=double(row["low"]),
            volume=double(row["vol"]),
        )

    def depth(self, symbol: Symbol) -> Depth:
        book = self.public("depth", symbol, size="10")
        return Depth(time=milliseconds(book["update_time"]), asks=_levels(book["asks"]), bids=_levels(book["bids"]))

    def candles(self, symbol: Symbol, period: int, limit: int | None) -> list[Candle]:
        rows = self.public("kline", symbol, size=str(limit or 200), period=self.periods[period])
        return [
            Candle(milliseconds(row["time"]), *(double(row[name]) for name in ("open", "high", "low", "close", "vol")))
            for row in rows
        ]

    def trades(self, symbol: Symbol) -> list[Trade]:
        return [
            Trade(
                id=identifier(row["id"]),
                time=milliseconds(row["time"]),
                price=double(row["price"]),
                amount=double(row["amount"]),
                side=self.sides[str(row["side"])],
            )
            for row in self.public("deals", symbol, size=str(_PAGE))
        ]

    # Account ------------------------------------------------------------------------------------------------------

    def accounts(self) -> list[Balance]:
        rows = self.private("transfer/assets", {"select": 1})["assets_list"]
        return [Balance(row["coin_symbol"], exact(row["balance"]), exact(row["freeze"])) for row in rows]

    def trade(self, order: NewOrder) -> OrderId:
        assert order.price is not None, "limit_only: prepare refuses the others"
        body = {
            "pair": self.market(order.symbol),
            "account_type": 0,
            "order_type": 2,  # limit
            "order_side": 1 if order.side is Side.BUY else 2,
            "price": plain(order.price),
            "amount": plain(order.amount),
        }
        return identifier(self.private("orderpending/trade", body))

    def orders(self, symbol: Symbol | None) -> list[Order]:
        if symbol is None:
            raise Unsupported(f"{self.name} lists open orders of one market only: name it")
        rows: list[Any] = []
        while True:
            asked = {"pair": self.market(symbol), "page": len(rows) // _PAGE + 1, "size": _PAGE}
            page = self.private("orderpending/orderPendingList", asked)
            rows += page["items"]
            if len(page["items"]) < _PAGE or len(rows) >= page["count"]:
                return [self._order(row) for row in rows]

    def order(self, symbol: Symbol, order_id: str) -> Order:
        row = self.private("orderpending/order", {"id": self._id(order_id)})
        if not row:
            raise OrderNotFound(f"{self.name} has no order {order_id}")
        return self._order(row)

    def cancel(self, symbol: Symbol, order_id: str) -> bool:
        self.private("orderpending/cancelTrade", {"orders_id": self._id(order_id)})
        return False  # whether it is done, or will be, is not known

    def raw(self, verb: str, path: str, params: Mapping[str, Any]) -> Any:
        """``mdata`` with its ``cmd`` among the params is public; every other path is a signed command's name."""
        if path == "mdata":
            return self.call("GET", "/v1/mdata", params=params, safe=False)
        return self.private(path, params)

    # Readers ------------------------------------------------------------------------------------------------------

    def _id(self, order_id: str) -> int:
        if not order_id.isdecimal():
            raise InvalidCall(f"{self.name} numbers its orders: {order_id} is no such number; nothing was sent")
        return int(order_id)

    def _order(self, row: Mapping[str, Any]) -> Order:
        return Order(
            id=identifier(row["id"]),
            side=self.sides[str(row["order_side"])],
            price=exact(row["price"]),
            amount=exact(row["amount"]),
            filled=exact(row["deal_amount"]),
            average=Decimal(0),  # not in any reply
            status=self.statuses[str(row["status"])],
        )


def _levels(rows: Any) -> list[Level]:
    return [(double(row["price"]), double(row["volume"])) for row in rows]
