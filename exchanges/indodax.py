"""Indodax, spot, trade API v2: https://github.com/btcid/indodax-official-api-docs

Private calls are signed and have a host of their own; a key of API v1 does not work there. The public API has no
version, names markets in small letters, and calls the quote ``base_currency`` and the base ``traded_currency``.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import Any

from exchanges.base import *

_BARS = 200  # to ask for if FMZ does not say how many
_PAGE = 1000  # the most past orders, and fills, in one reply
_WEEK_MS = 7 * 24 * 60 * 60_000  # the longest time that one reply may be about
_WEEKS = 26  # of past orders, at most, in one call

_PRIVATE = (
    "GET account", "POST order", "GET order", "DELETE order", "GET openOrders", "GET order/histories", "GET myTrades",
)  # fmt: skip


class Indodax(Exchange):
    """Indodax, spot."""

    name = "Indodax"
    url = "https://api.indodax.com"
    hosts = {"public": "https://indodax.com"}
    root = "/api/v2/"
    headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    sends = "form"
    signer = hmac_signer(  # parameters as they go out; the window is small, as an unclear order's end
        "{query}{body}",
        headers={"X-APIKEY": "{key}", "Sign": "{signature}"},
        params={"timestamp": "{time}", "recvWindow": "5000"},
        sends="form",
    )
    proof = "our own vector: the published one is wrong"
    client_id = ClientId(36, ALPHANUMERIC + "-_")
    quote = "IDR"
    pair = "{base}{quote}"
    periods = {1: "1", 15: "15", 30: "30", 60: "60", 240: "240", 1440: "1D", 4320: "3D", 10080: "1W"}
    statuses = {
        "NEW": Status.OPEN,
        "PARTIALLY_FILLED": Status.OPEN,
        "FILLED": Status.CLOSED,
        "CANCELLED": Status.CANCELLED,
        "REJECTED": Status.CANCELLED,
    }
    sides = {"BUY": Side.BUY, "SELL": Side.SELL, "buy": Side.BUY, "sell": Side.SELL}  # of orders; of public trades
    sensitive_words = ("tapi",)  # API v1: one address, where a parameter may say withdrawCoin
    # Those that the documentation of v2 leaves out are from errors.md beside it.
    refusals = codes({
        AuthenticationFailed: "-1002 -1022 -2014 -2015",  # -2015: key, address, permission, or a key of v1
        WrongTime: "-1021",
        InvalidOrder: "-1111 -1130",
        OrderNotFound: "-2011 -2013",  # -2011: not cancelled; the order is looked up
        RateLimited: "-1003 -1015 too_many_requests",
        Maintenance: "-1016",
        OutcomeUnknown: "-1000 -1001 -1006 -1007",
    })  # fmt: skip
    # The texts are not documented for v2: these are v1's, and those of errors.md.
    refusal_texts = {
        "(?i)-2010 .*(already exist|duplicate)": OutcomeUnknown,  # an order has our id, perhaps this one
        "(?i)-2010 .*insufficient": InsufficientFunds,
        "(?i)-2010 .*(closed|maintenance|suspend)": Maintenance,
        "(?i)-2010 .*(minimum|maximum|filter failure|precision|too (low|small|high|large))": InvalidOrder,
    }
    bans = {"too_many_requests": 5.0}
    limits = (
        Limit("public calls", 180, 60.0, costs={"GET /api/v2/*": 0, "GET *": 1}),
        *(Limit(call, 300, 60.0, costs={call: 1}) for call in _PRIVATE),
        Limit("new orders of this market", 20, 1.0, per="account", by="symbol", reserve=0, costs={"POST order": 1}),
        Limit("cancels", 30, 1.0, per="account", costs={"DELETE order": 1}),
    )

    ticker_row = TickerRow(time="server_time", bid="buy", ask="sell", last="last", high="high", low="low")
    candle_row = Row(Candle, time="Time", open="Open", high="High", low="Low", close="Close", volume="Volume")
    trade_row = Row(Trade, id="tid", time="date", price="price", amount="amount", side="type")
    balance_row = Row(Balance, currency="asset", free="free", frozen="locked")
    order_row = Row(Order, id="orderId", side="side", filled="executedQty", status="status", client_id="clientOrderId")

    def unwrap(self, payload: Any) -> Any:
        # Public refusals come with HTTP 200 and an error in words, private ones with a code below zero.
        if isinstance(payload, dict) and ("error" in payload or str(payload.get("code", "")).startswith("-")):
            said = payload.get("msg") or payload.get("error_description") or "without a reason"
            raise self.refused(payload.get("code") or payload["error"], said)
        return payload

    def about(self, what: str, symbol: Symbol) -> Any:
        """Return the public data of one market."""
        return self.get(f"/api/{what}/{self.market(symbol).lower()}")

    def time(self) -> int:
        return milliseconds(self.call("GET", "/api/server_time", safe=False)["server_time"])

    # Market data --------------------------------------------------------------------------------------------------

    def ticker(self, symbol: Symbol) -> Ticker:
        return self.read_ticker(symbol, self.about("ticker", symbol)["ticker"])

    def depth(self, symbol: Symbol) -> Depth:
        book = self.about("depth", symbol)
        return self.read_book({"asks": book["sell"], "bids": book["buy"]}, self.upstream.services.now())

    def candles(self, symbol: Symbol, period: int, limit: int | None) -> list[Candle]:
        now = self.upstream.services.now() // 1000
        since = now - (limit or _BARS) * period * 60
        params = {"symbol": symbol, "tf": self.periods[period], "from": since, "to": now}
        return self.read_all(self.candle_row, self.call("GET", "/tradingview/history_v2", params=params))

    def trades(self, symbol: Symbol) -> list[Trade]:
        return self.read_all(self.trade_row, self.about("trades", symbol))

    def markets(self) -> list[Market]:
        steps = self.get("/api/price_increments")["increments"]
        return self.read_all(lambda row: self.read_market(row, steps), self.get("/api/pairs"))

    def tickers(self) -> list[tuple[Symbol, Ticker]]:
        def rows() -> Mapping[str, Any]:
            tickers = self.get("/api/ticker_all")["tickers"]
            return {name.replace("_", "").upper(): row for name, row in tickers.items()}

        return self.read_tickers(rows, self.read_ticker)

    # Account ------------------------------------------------------------------------------------------------------

    def accounts(self) -> list[Balance]:
        return self.read_all(self.balance_row, self.signed("GET", "account")["balances"], keep=True)

    def prepare(self, order: NewOrder) -> None:
        if order.price is None and order.symbol.quote != self.quote:
            raise Unsupported(
                f"{self.name} takes market orders in {self.quote} markets only: give a price that trades at once, "
                "beyond the best one of the book; nothing was sent"
            )
        if order.spends and order.amount != order.amount.to_integral_value():
            raise Unsupported(f"{self.name} spends whole {self.quote} only in a market buy; nothing was sent")
        super().prepare(order)

    def trade(self, order: NewOrder) -> OrderId:
        market = order.price is None
        amount = int(order.amount) if order.spends else order.amount  # "100000.0" might not be taken for whole
        reply = self.signed(
            "POST",
            "order",
            symbol=order.symbol,
            side=order.side,
            type="MARKET" if market else "LIMIT",
            price=order.price,
            **{"quoteOrderQty" if order.spends else "quantity": amount},
            timeInForce=None if market else "GTC",
            newClientOrderId=order.client_id,
        )
        return identifier(reply["orderId"])

    def orders(self, symbol: Symbol | None) -> list[Order]:
        rows = self.signed("GET", "openOrders", symbol=symbol)
        return self.read_all(lambda row: self.read_order({"status": "NEW"} | row), rows, keep=True)

    def order_reply(self, symbol: Symbol, *, order_id: str = "", client_id: str = "") -> Any:
        return self.signed("GET", "order", symbol=symbol, orderId=order_id or None, origClientOrderId=client_id or None)

    def average_of_fills(self, symbol: Symbol, row: Any, order: Order) -> Decimal:
        began = milliseconds(row["time"])
        try:
            fills = self.past("myTrades", symbol, began, min(began + _WEEK_MS, self.now()), sort="asc")
        except ExchangeError:
            return Decimal(0)
        mine = [fill for fill in fills if fill["clientOrderId"] == order.client_id]
        return average_price(((exact(fill["price"]), exact(fill["qty"])) for fill in mine), order.filled)

    def cancel(self, symbol: Symbol, order_id: str) -> bool:
        row = self.signed("DELETE", "order", symbol=symbol, orderId=order_id)
        return bool(row.get("status") == "CANCELLED")  # whether the reply has a status is not documented

    def past_orders(
        self, symbol: Symbol | None, since: int | None, limit: int | None
    ) -> Iterator[tuple[tuple[int, ...], Order]]:
        """Yield past orders, each with the time of its making as sort key: the last week's without ``since``."""
        market, now = self.resolve(self.one_market(symbol, "past orders")), self.now()
        if since and since < now - _WEEKS * _WEEK_MS:
            raise Unsupported(f"{self.name} lists past orders week by week: ask for the last {_WEEKS} weeks at most")
        ask = partial(self.past, "order/histories", market, sort="asc" if since else "desc")

        def time(row: Any) -> int:
            return milliseconds(row["submitTime"])

        if since:
            rows = self.windows(ask, since, now, span=_WEEK_MS, size=_PAGE, key="orderId", time=time)
        else:
            rows = iter(ask(now - _WEEK_MS, now))
        for row in islice(rows, limit):
            yield (time(row),), self.read_order(row)

    def past(self, resource: str, symbol: Symbol, start: int, end: int, *, sort: str) -> list[Any]:
        """Return the rows of a list of the past, from one time to another, in ms."""
        asked = {"symbol": self.market(symbol).lower(), "startTime": start, "endTime": end}
        rows: list[Any] = self.signed("GET", resource, **asked, limit=_PAGE, sort=sort)["data"]
        return rows

    def raw(self, verb: str, path: str, params: Mapping[str, Any]) -> Any:
        """Send ``api/v2/…`` as a signed call, and every other path, as a public call, without a signature."""
        return self.call(verb, f"/{path}", params=params, signed=path.startswith("api/v2/"), safe=False)

    # Readers ------------------------------------------------------------------------------------------------------

    def read_ticker(self, symbol: Symbol, row: Mapping[str, Any]) -> Ticker:
        """Return a market's last 24 hours. Its two volumes are named by currencies; one is that of the quote."""
        [volume] = (row[key] for key in row if key.startswith("vol_") and key != f"vol_{symbol.quote.lower()}")
        return self.ticker_row(row, volume=price_or_zero(volume))

    def read_market(self, row: Mapping[str, Any], steps: Mapping[str, str]) -> Market:
        """Return a market's rules. steps: those of prices, by the market's third name."""
        quote = row["base_currency"].upper()
        return Market(
            symbol=Symbol(row["symbol"].removesuffix(quote), quote),
            id=row["symbol"],
            tick_size=exact(steps[row["ticker_id"]]),
            lot_size=Decimal("1E-8"),  # none is documented; coins have as many digits
            min_amount=exact(row["trade_min_traded_currency"]),
            min_notional=exact(row["trade_min_base_currency"]),
            tradable=not (row.get("is_maintenance") or row.get("is_market_suspended")),
            limit_only=quote != self.quote,
        )

    def read_order(self, row: Any) -> Order:
        market = row["type"] == "MARKET"
        amount = "oriQty" if "oriQty" in row else "origQty"  # of past orders; of others
        return self.order_row(
            row,
            price=lambda: Decimal(0) if market else exact(row["price"]),
            # A market buy asked for money, and its row may not say how much.
            amount=lambda: exact(row["executedQty" if market and row["side"] == "BUY" else amount]),
            average=Decimal(0),
        )
