"""BitGo.cn, the spot exchange of the article that this gateway implements: https://www.fmz.com/bbs-topic/1052

No documentation of the exchange itself was found; everything here is what the article's Go program sends and reads.
There is one endpoint, always POST with an empty body; everything is in the query, where ``action`` names the call.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from exchanges.base import *

_RESERVED = {"action": "action", "apikey": "api_key", "sign": "sign"}  # by letters: " Action" may mean the same


class BitGo(Exchange):
    """BitGo.cn, spot against CNY."""

    name = "BitGo"
    url = "https://www.bitgo.cn"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    quote = "CNY"
    signer = Md5Query
    proof = "our own vector: none is published"
    periods = {minutes: str(minutes * 60) for minutes in (1, 3, 5, 15, 30, 60, 120, 240, 360, 720, 1440, 10080)}
    statuses = {"1": Status.OPEN, "2": Status.OPEN, "3": Status.CLOSED, "4": Status.CANCELLED}
    sides = {"0": Side.BUY, "1": Side.SELL}
    limit_only = "takes limit orders only"
    reading = {"market", "depth", "kline", "trades", "userinfo", "entrust", "order"}
    """The actions that change nothing."""
    numbers = {"BTC": "1", "LTC": "2", "ETP": "3", "ETH": "4", "ETC": "5", "DOGE": "6", "BEC": "7"}
    """The exchange's numbers of currencies against CNY."""

    ticker_row = TickerRow(bid="buy", ask="sell", last="last", high="high", low="low", volume="vol")
    candle_row = Row(Candle, time=0, open=1, high=2, low=3, close=4, volume=5)
    trade_row = Row(Trade, id="id", time="time", price="price", amount="amount")
    order_row = Row(Order, id="id", side="type", amount="count", filled="success_count", status="status")

    def market(self, symbol: Symbol) -> str:
        known = self.numbers.get(symbol.base) if symbol.quote == self.quote else None
        return known or symbol.text

    def unwrap(self, payload: Any) -> Any:
        # Public replies are not known to carry a code; any code but 200 is a refusal.
        code = payload["code"] if "data" not in payload else payload.get("code", 200)
        if str(code) != "200":
            raise self.refused(code, payload.get("msg") or "without a reason")
        return payload

    def action(self, name: str, *, signed: bool = False, **params: Any) -> Any:
        """Return the whole reply to an action."""
        safe = name in self.reading
        return self.call("POST", "/appApi.html", params={"action": name, **params}, signed=signed, safe=safe)

    # Market data --------------------------------------------------------------------------------------------------

    def ticker(self, symbol: Symbol) -> Ticker:
        reply = self.action("market", symbol=symbol)
        return self.ticker_row(reply["data"], time=self.reply_time(reply))

    def depth(self, symbol: Symbol) -> Depth:
        reply = self.action("depth", symbol=symbol)
        return self.read_book(reply["data"], self.reply_time(reply))

    def candles(self, symbol: Symbol, period: int, limit: int | None) -> list[Candle]:
        reply = self.action("kline", symbol=symbol, step=self.periods[period])
        return self.read_all(self.candle_row, reply["data"] or ())

    def trades(self, symbol: Symbol) -> list[Trade]:
        reply = self.action("trades", symbol=symbol)
        return self.read_all(self.trade_row, reply["data"] or (), side=_taker)

    # Account ------------------------------------------------------------------------------------------------------

    def accounts(self) -> list[Balance]:
        data = self.action("userinfo", signed=True)["data"]
        free, frozen = dict(data["free"] or ()), dict(data["frozen"] or ())
        return [
            Balance(currency, exact(free.get(currency, 0)), exact(frozen.get(currency, 0)))
            for currency in dict.fromkeys((*free, *frozen))
        ]

    def trade(self, order: NewOrder) -> OrderId:
        assert order.price is not None, "limit_only: prepare refuses the others"
        reply = self.action(
            "trade", signed=True, symbol=order.symbol, type=order.side, price=order.price, amount=order.amount
        )
        return identifier(reply["orderId"])

    def orders(self, symbol: Symbol | None) -> list[Order]:
        reply = self.action("entrust", signed=True, symbol=self.one_market(symbol, "open orders"))
        return self.read_all(lambda row: self.read_order({"status": 1} | row), reply["data"] or (), keep=True)

    def order_reply(self, symbol: Symbol, *, order_id: str = "", client_id: str = "") -> Any:
        reply = self.action("order", signed=True, id=order_id)
        row = next((row for row in reply["data"] or () if str(row["id"]) == order_id), None)
        if row is None:
            raise self.no_order(order_id)
        return row

    def cancel(self, symbol: Symbol, order_id: str) -> bool:
        self.action("cancel_entrust", signed=True, id=order_id)
        return False  # the reply does not say that it is cancelled

    def raw(self, verb: str, path: str, params: Mapping[str, Any]) -> Any:
        letters = {re.sub("[^a-z]", "", name.lower()) for name in params}
        if _RESERVED.keys() & letters:
            taken = ", ".join(_RESERVED[name] for name in sorted(_RESERVED.keys() & letters))
            raise InvalidCall(f"{taken} cannot be a parameter: the gateway sets it")
        return self.call(verb, "/appApi.html", params={**params, "action": path}, signed=True, safe=False)

    # Readers ------------------------------------------------------------------------------------------------------

    def reply_time(self, reply: Mapping[str, Any]) -> int:
        """Return a reply's time in ms since the epoch, or our time if it has none."""
        return milliseconds(reply["time"]) if reply.get("time") else self.upstream.services.now()

    def read_order(self, row: Any) -> Order:
        price = partial(exact, row["prize"] if "prize" in row else row["price"])
        return self.order_row(row, price=price, average=Decimal(0))  # no reply has the average


def _taker(row: Mapping[str, Any]) -> Side:
    """Return the side of a public trade's taker; ``en_type`` is bid for a buyer who took an offer."""
    return Side.BUY if row["en_type"] == "bid" else Side.SELL
