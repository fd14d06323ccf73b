"""Binance's API, the part that is the same for spot and futures:
https://developers.binance.com/docs/binance-spot-api-docs/rest-api"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, ClassVar

from exchanges.base import *
from exchanges.binance.errors import BANS, REFUSAL_TEXTS, REFUSALS

_LEVELS = 100  # levels of a book's side, and trades, to ask for
_PAGE = 1000  # the most past orders in one reply


class BinanceApi(Exchange):
    """The API that spot and futures share."""

    unsigned_calls: ClassVar[tuple[str, ...]]
    """The calls without a signature, ``*`` for anything: spot refuses a signature there as an unknown parameter."""
    market_buy: ClassVar[str]
    """The parameter that carries a market buy's amount."""
    # The window is small, because an order whose outcome is unclear cannot be accepted after it.
    signer = hmac_signer(
        "{query}",
        headers={"X-MBX-APIKEY": "{key}"},
        params={"recvWindow": "5000", "timestamp": "{time}"},
        sign_param="signature",
    )
    proof = "the published examples, and the ccxt library, 4.5.90"
    pair = "{base}{quote}"
    periods = {
        1: "1m", 3: "3m", 5: "5m", 15: "15m", 30: "30m", 60: "1h", 120: "2h", 240: "4h", 360: "6h", 480: "8h",
        720: "12h", 1440: "1d", 4320: "3d", 10080: "1w",
    }  # fmt: skip
    statuses = {
        "NEW": Status.OPEN,
        "PENDING_NEW": Status.OPEN,
        "PARTIALLY_FILLED": Status.OPEN,
        "PENDING_CANCEL": Status.OPEN,
        "FILLED": Status.CLOSED,
        "CANCELED": Status.CANCELLED,
        "REJECTED": Status.CANCELLED,
        "EXPIRED": Status.CANCELLED,
        "EXPIRED_IN_MATCH": Status.CANCELLED,
    }
    sides = {"BUY": Side.BUY, "SELL": Side.SELL}
    refusals = REFUSALS
    refusal_texts = REFUSAL_TEXTS
    bans = BANS
    nothing_done = frozenset({"-1008"})  # the server is overloaded, and the request was not taken
    client_id = ClientId(36, ALPHANUMERIC + "-_")
    sensitive_words = ("v1pay", "v2pay", "v3pay", "v4pay", "localentity", "autocollection", "assetcollection")
    allowed_calls = ("GET *",)

    ticker_row = TickerRow(time="closeTime", last="lastPrice", high="highPrice", low="lowPrice", volume="volume")
    candle_row = Row(Candle, time=0, open=1, high=2, low=3, close=4, volume=5)
    trade_row = Row(Trade, id="id", time="time", price="price", amount="qty")
    order_row = Row(
        Order, id="orderId", side="side", price="price", amount="origQty", filled="executedQty", status="status",
        client_id="clientOrderId",
    )  # fmt: skip

    def unwrap(self, payload: Any) -> Any:
        # Its error codes are negative; some successes carry a positive one.
        if isinstance(payload, dict) and str(payload.get("code", "")).startswith("-"):
            raise self.refused(payload["code"], payload.get("msg", "without a reason"))
        return payload

    def time(self) -> int:
        return milliseconds(self.call("GET", "time", safe=False)["serverTime"])

    # Market data --------------------------------------------------------------------------------------------------

    def candles(self, symbol: Symbol, period: int, limit: int | None) -> list[Candle]:
        rows = self.get("klines", symbol=symbol, interval=self.periods[period], limit=limit)
        return self.read_all(self.candle_row, rows)

    def trades(self, symbol: Symbol) -> list[Trade]:
        rows = self.get("trades", symbol=symbol, limit=_LEVELS)
        return self.read_all(self.trade_row, rows, side=_taker)

    def book(self, symbol: Symbol) -> Any:
        """Return the order book, as the exchange sends it."""
        return self.get("depth", symbol=symbol, limit=_LEVELS)

    # Account ------------------------------------------------------------------------------------------------------

    def trade(self, order: NewOrder) -> OrderId:
        market = order.price is None
        reply = self.signed(
            "POST",
            "order",
            symbol=order.symbol,
            side=order.side,
            type="MARKET" if market else "LIMIT",
            timeInForce=None if market else "GTC",
            **{self.market_buy if market and order.side is Side.BUY else "quantity": order.amount},
            price=order.price,
            **self.position_params(order),
            newClientOrderId=order.client_id,
        )
        return identifier(reply["orderId"])

    def position_params(self, order: NewOrder) -> Mapping[str, str]:
        """Return the parameters that say which position an order is for."""
        return {}

    def orders(self, symbol: Symbol | None) -> list[Order]:
        return self.read_all(self.read_order, self.signed("GET", "openOrders", symbol=symbol), keep=True)

    def order_reply(self, symbol: Symbol, *, order_id: str = "", client_id: str = "") -> Any:
        return self.signed("GET", "order", symbol=symbol, orderId=order_id or None, origClientOrderId=client_id or None)

    def cancel(self, symbol: Symbol, order_id: str) -> bool:
        row = self.signed("DELETE", "order", symbol=symbol, orderId=order_id)
        return known(self.statuses, row["status"], "order state") is Status.CANCELLED

    def past_orders(
        self, symbol: Symbol | None, since: int | None, limit: int | None
    ) -> Iterator[tuple[tuple[int, ...], Order]]:
        market = self.resolve(self.one_market(symbol, "past orders"))
        # A full page, because open orders among its rows do not count towards the limit.
        for row in self.signed("GET", "allOrders", symbol=market, startTime=since, limit=_PAGE):
            yield (row["time"], row["orderId"]), self.read_order(row)

    def raw(self, verb: str, path: str, params: Mapping[str, Any]) -> Any:
        signed = f"{verb} /{path}" not in Calls(self.unsigned_calls, self.path)
        return self.call(verb, f"/{path}", params=params, signed=signed, safe=False)

    # Readers ------------------------------------------------------------------------------------------------------

    def read_order(self, row: Any) -> Order:
        return self.order_row(row, average=lambda: self.average(row))

    @abstractmethod
    def average(self, row: Mapping[str, Any]) -> Decimal:
        """Return the average price of an order's row, 0 if it is not known."""

    def read_ticker(self, row: Mapping[str, Any], *, book: Mapping[str, Any]) -> Ticker:
        """Return a market's last 24 hours. book: the row that has the best bid and ask."""
        return self.ticker_row(row, bid=price_or_zero(book["bidPrice"]), ask=price_or_zero(book["askPrice"]))

    def read_market(self, row: Mapping[str, Any], *, least_value: tuple[str, str], contract: str = "") -> Market:
        """Return a market's rules. A filter that is missing limits nothing; older replies say MIN_NOTIONAL.
        least_value: the filter of the least value, and the name in it."""
        rules = {rule["filterType"]: rule for rule in row["filters"]}

        def rule(kind: str, name: str) -> Decimal:
            return exact(rules[kind][name]) if kind in rules else Decimal(0)

        return Market(
            symbol=Symbol(row["baseAsset"], row["quoteAsset"], contract),
            id=row["symbol"],
            tick_size=rule("PRICE_FILTER", "tickSize"),
            lot_size=rule("LOT_SIZE", "stepSize"),
            min_amount=rule("LOT_SIZE", "minQty"),
            max_amount=rule("LOT_SIZE", "maxQty"),
            min_notional=rule(*least_value) or rule("MIN_NOTIONAL", least_value[1]),
            contract_currency=row["baseAsset"],
            tradable=row["status"] == "TRADING",
            limit_only="MARKET" not in row.get("orderTypes", ("MARKET",)),
            delivery_ms=milliseconds(row["deliveryDate"]) if "deliveryDate" in row else 0,
        )


def _taker(row: Mapping[str, Any]) -> Side:
    return Side.SELL if row["isBuyerMaker"] else Side.BUY
