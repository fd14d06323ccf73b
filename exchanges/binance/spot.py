"""Binance, spot: https://developers.binance.com/docs/binance-spot-api-docs/rest-api

Its spot and futures APIs are cut from one cloth, so what they share is in ``BinanceApi``.
"""

import re
import string
from abc import abstractmethod
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from exchanges.base.exchange import ClientId, Exchange
from protocol.errors import (
    AuthenticationFailed,
    InsufficientFunds,
    InvalidOrder,
    Maintenance,
    OrderNotFound,
    OutcomeUnknown,
    RateLimited,
    Unsupported,
    WrongTime,
)
from protocol.models import (
    Balance,
    Candle,
    Depth,
    Level,
    Market,
    NewOrder,
    Order,
    OrderId,
    Side,
    Status,
    Symbol,
    Ticker,
    Trade,
)
from protocol.numbers import double, exact, identifier, milliseconds, plain
from transport.limits import Limit
from transport.signing import HmacQuery

LEVELS = 100  # of a book's side, and rows of trades, asked for
_PAGE = 1000  # the most past orders in one reply
ONE = r"\?(.*&)?symbol=.*"  # of a call: it names its market
_ORDERS = {
    r"POST /api/v3/(order|sor/order|order/cancelReplace)|PUT /api/v3/order/.*": 1,
    "POST /api/v3/(order/oco|orderList/.*)": 3,
}


class BinanceApi(Exchange):
    """What spot and futures have in common."""

    root: ClassVar[str]
    """The path that most of its resources are below."""
    public: ClassVar[str]
    """A pattern of the resources that take no signature: spot refuses one as a parameter too many."""
    market_buy: ClassVar[str]
    """The parameter that a market buy's amount travels in."""
    signer = HmacQuery
    proof = "the published examples, and the ccxt library, 4.5.90"
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
    # Codes are shared, words differ: https://developers.binance.com/docs/binance-spot-api-docs/errors
    refusals = {
        r"-(1000|1001|1006|1007)\b|-2010 Duplicate order": OutcomeUnknown,  # an order has our id, perhaps this one
        r"-(1003|1008|1015|1034)\b": RateLimited,
        r"-1016\b": Maintenance,
        r"-1021\b": WrongTime,
        r"-(1002|1022|2008|2014|2015)\b": AuthenticationFailed,
        r"-\d+ Market is closed": Maintenance,
        r"-2010 .*insufficient balance": InsufficientFunds,
        r"-(2010|2011) .*(disabled on this account|may not place|(permitted|restricted) for this account)": (
            AuthenticationFailed
        ),
        r"-2013\b": OrderNotFound,
        r"-2011 .*[Uu]nknown order": OrderNotFound,
        r"-110[02] .*'orderId'": OrderNotFound,  # an id that can be none of its
        r"-(1013|1111)\b": InvalidOrder,
        r"-1100 .*'(price|quantity|quoteOrderQty)'": InvalidOrder,  # too many digits
        r"-2010 (Filter failure|Price \* QTY)": InvalidOrder,
    }
    client_id = ClientId(36, string.ascii_letters + string.digits + "-_")
    bans = {r"-1003\b": 60.0}  # too much weight, which is counted by the minute
    moves = r"v\dpay|localentity|(auto|asset)collection"
    harmless = "GET .*"

    def unwrap(self, payload: Any) -> Any:
        # Its error codes are negative; some successes carry a positive one.
        if isinstance(payload, dict) and str(payload.get("code", "")).startswith("-"):
            raise self.refused(payload["code"], payload.get("msg", "without a reason"))
        return payload

    def time(self) -> int:
        return milliseconds(self.call("GET", f"{self.root}/time", safe=False)["serverTime"])

    # Market data --------------------------------------------------------------------------------------------------

    def candles(self, symbol: Symbol, period: int, limit: int | None) -> list[Candle]:
        asked = {"symbol": self.market(symbol), "interval": self.periods[period], "limit": limit}
        rows = self.call("GET", f"{self.root}/klines", params=asked)
        return [Candle(milliseconds(row[0]), *map(double, row[1:6])) for row in rows]

    def trades(self, symbol: Symbol) -> list[Trade]:
        return [
            Trade(
                id=identifier(row["id"]),
                time=milliseconds(row["time"]),
                price=double(row["price"]),
                amount=double(row["qty"]),
                side=Side.SELL if row["isBuyerMaker"] else Side.BUY,
            )
            for row in self.call("GET", f"{self.root}/trades", params={"symbol": self.market(symbol), "limit": LEVELS})
        ]

    def book(self, symbol: Symbol) -> Any:
        """The order book, as the exchange writes it."""
        return self.call("GET", f"{self.root}/depth", params={"symbol": self.market(symbol), "limit": LEVELS})

    # Account ------------------------------------------------------------------------------------------------------

    def trade(self, order: NewOrder) -> OrderId:
        market_buy = order.price is None and order.side is Side.BUY
        params = {
            "symbol": self.market(order.symbol),
            "side": order.side.upper(),
            "type": "MARKET" if order.price is None else "LIMIT",
            "timeInForce": None if order.price is None else "GTC",
            self.market_buy if market_buy else "quantity": plain(order.amount),
            "price": None if order.price is None else plain(order.price),
            **self.placed(order),
            "newClientOrderId": order.client_id,
        }
        return identifier(self.call("POST", f"{self.root}/order", params=params, signed=True)["orderId"])

    def placed(self, order: NewOrder) -> Mapping[str, str]:
        """What tells the exchange which position an order is for."""
        return {}

    def orders(self, symbol: Symbol | None) -> list[Order]:
        asked = {"symbol": self.market(symbol) if symbol else None}
        return [self.read(row) for row in self.call("GET", f"{self.root}/openOrders", params=asked, signed=True)]

    def order(self, symbol: Symbol, order_id: str) -> Order:
        asked = {"symbol": self.market(symbol), "orderId": order_id}
        return self.read(self.call("GET", f"{self.root}/order", params=asked, signed=True))

    def find(self, symbol: Symbol, client_id: str) -> OrderId | None:
        asked = {"symbol": self.market(symbol), "origClientOrderId": client_id}
        try:
            return identifier(self.call("GET", f"{self.root}/order", params=asked, signed=True)["orderId"])
        except OrderNotFound:
            return None

    def cancel(self, symbol: Symbol, order_id: str) -> bool:
        asked = {"symbol": self.market(symbol), "orderId": order_id}
        row = self.call("DELETE", f"{self.root}/order", params=asked, signed=True)
        return self.statuses[row["status"]] is Status.CANCELLED

    def history(self, symbol: Symbol | None, since: int | None, limit: int | None) -> list[Order]:
        if symbol is None:
            raise Unsupported(f"{self.name} lists past orders of one market only: name it")
        # The most there are: open ones among them do not count.
        asked = {"symbol": self.market(self.resolve(symbol)), "startTime": since, "limit": _PAGE}
        rows = self.call("GET", f"{self.root}/allOrders", params=asked, signed=True)
        past = [self.read(row) for row in sorted(rows, key=lambda row: (row["time"], row["orderId"]))]
        past = [order for order in past if order.status is not Status.OPEN]
        if limit:
            return past[:limit] if since else past[-limit:]
        return past

    def raw(self, verb: str, path: str, params: Mapping[str, Any]) -> Any:
        return self.call(verb, f"/{path}", params=params, signed=not re.fullmatch(self.public, path), safe=False)

    # Readers ------------------------------------------------------------------------------------------------------

    def read(self, row: Mapping[str, Any]) -> Order:
        """An order's row."""
        return Order(
            id=identifier(row["orderId"]),
            side=self.sides[row["side"]],
            price=exact(row["price"]),
            amount=exact(row["origQty"]),
            filled=exact(row["executedQty"]),
            average=self.average(row),
            status=self.statuses[row["status"]],
            client_id=row["clientOrderId"],
        )

    @abstractmethod
    def average(self, row: Mapping[str, Any]) -> Decimal:
        """The average price of an order's row, 0 where it is not known."""


class Binance(BinanceApi):
    """Binance, spot."""

    name = "Binance"
    url = "https://api.binance.com"
    testnet = "https://testnet.binance.vision"
    futures = f"Futures_{name}"
    root = "/api/v3"
    public = (
        r"api/v3/(ping|time|exchangeInfo|executionRules|depth|trades|historicalTrades|aggTrades|klines|uiKlines|"
        r"avgPrice|referencePrice.*|ticker(/.*)?)|sapi/v1/system/status"
    )
    market_buy = "quoteOrderQty"
    # Weights: with each resource. Amounts: enums, and query-unfilled-order-count: 10 orders a second and 50 in ten
    # seconds, hence 6 at once and 42 in ten seconds. The 61,000 requests in five minutes weigh more than there is.
    limits = (
        Limit(
            "weight", 6000, 60.0, default=20,
            costs={
                "POST .*/test": 20,
                r"(POST|PUT|DELETE) /api/v3/.*|GET /api/v3/(ping|time)": 1,
                f"GET /api/v3/(ticker/(24hr|price|bookTicker)|executionRules){ONE}": 2,
                "GET /api/v3/((ui)?[kK]lines|avgPrice|referencePrice.*)": 2,
                f"GET /api/v3/(ticker(/tradingDay)?{ONE}|ticker/(price|bookTicker)|aggTrades|order(List)?)": 4,
                r"GET /api/v3/depth\?(.*&)?limit=\d{4}.*": 250,
                r"GET /api/v3/depth\?(.*&)?limit=(?!100(&|$))\d{3}.*": 50,
                "GET /api/v3/depth": 5,
                f"GET /api/v3/(openOrders{ONE}|openOrderList)": 6,
                "GET /api/v3/(t|historicalT|historicalBlockT)rades": 25,
                "GET /api/v3/(rateLimit/order|executionRules)": 40,
                "GET /api/v3/(ticker/24hr|openOrders)": 80,
                "GET /api/v3/ticker(/tradingDay)?": 200,
            },
        ),
        Limit("orders", 42, 10.0, burst=6, per="account", reserve=0, costs=_ORDERS),
        Limit("orders a day", 160_000, 86_400.0, per="account", reserve=0, costs=_ORDERS),
    )  # fmt: skip

    def market(self, symbol: Symbol) -> str:
        return symbol.base + symbol.quote

    # Market data --------------------------------------------------------------------------------------------------

    def markets(self) -> list[Market]:
        # Without its sets of permissions the list is a fraction as long.
        asked = {"symbolStatus": "TRADING", "showPermissionSets": "false"}
        rows = self.call("GET", f"{self.root}/exchangeInfo", params=asked)["symbols"]
        return [
            read_market(row, least_value=("NOTIONAL", "minNotional")) for row in rows if row["isSpotTradingAllowed"]
        ]

    def ticker(self, symbol: Symbol) -> Ticker:
        row = self.call("GET", f"{self.root}/ticker/24hr", params={"symbol": self.market(symbol)})
        return read_ticker(row, book=row)

    def tickers(self) -> list[tuple[Symbol, Ticker]]:
        listed = self.symbols()
        rows = self.call("GET", f"{self.root}/ticker/24hr")
        return [(listed[row["symbol"]], read_ticker(row, book=row)) for row in rows if row["symbol"] in listed]

    def depth(self, symbol: Symbol) -> Depth:
        book = self.book(symbol)  # it has no time
        return Depth(time=self.services.now(), asks=read_levels(book["asks"]), bids=read_levels(book["bids"]))

    # Account ------------------------------------------------------------------------------------------------------

    def accounts(self) -> list[Balance]:
        account = self.call("GET", f"{self.root}/account", params={"omitZeroBalances": "true"}, signed=True)
        return [Balance(row["asset"], exact(row["free"]), exact(row["locked"])) for row in account["balances"]]

    # Readers ------------------------------------------------------------------------------------------------------

    def average(self, row: Mapping[str, Any]) -> Decimal:
        filled, spent = exact(row["executedQty"]), exact(row["cummulativeQuoteQty"])
        return spent / filled if filled and spent > 0 else Decimal(0)  # below zero means not known, in old orders


def read_ticker(row: Mapping[str, Any], *, book: Mapping[str, Any]) -> Ticker:
    """A day's row, and the row that has the best bid and ask."""
    return Ticker(
        time=milliseconds(row["closeTime"]),
        bid=double(book["bidPrice"]),
        ask=double(book["askPrice"]),
        last=double(row["lastPrice"]),
        high=double(row["highPrice"]),
        low=double(row["lowPrice"]),
        volume=double(row["volume"]),
    )


def read_levels(rows: Any) -> list[Level]:
    """One side of a book."""
    return [(double(price), double(amount)) for price, amount in rows]


def read_market(row: Mapping[str, Any], *, least_value: tuple[str, str], contract: str = "") -> Market:
    """A market's row. Each of its filters may be missing, and then limits nothing; older ones say MIN_NOTIONAL."""
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
    )
