"""Hotcoin, spot: https://hotcoinex.github.io/en/

Every parameter is in the query, also those of a POST. Errors come with HTTP 200, as {"code": …, "msg": …}; 200 is the
code of success. Klines are at ``ticker``, tickers at ``market/ticker``. An order that is cancelled before any of it was
filled is deleted: from then on the exchange does not know it.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from itertools import count
from typing import Any

from exchanges.base import *
from protocol.numbers import WrongValue

_PAGE = 100  # the most orders of one kind, open or past, in one reply
_PAGES = 10
_TRADES = 50  # to ask for
_PAUSES = (0.0, 0.1, 0.2, 0.4, 0.8, 1.6)  # seconds before each look at an order that is being cancelled
_DAY, _SLACK = 86_400_000, 60_000  # ms; the exchange's own clocks may differ by a little
_ZONES = (0, 28_800_000)  # ms: UTC and China's; which one times of trades are in is not documented


class Hotcoin(Exchange):
    """Hotcoin, spot."""

    name = "Hotcoin"
    url = "https://api.hotcoinfin.com"
    headers = {"Content-Type": "application/x-www-form-urlencoded", "lang": "en_US"}
    root = "/v1/"
    signer = HmacHostQuery.named(host="api.hotcoinfin.com")  # whatever the address: HOTCOIN_URL may name a proxy
    proof = "the published example, made for the former host"
    client_id = ClientId(32, "0123456789abcdef")  # as in the samples; up to 64 are taken
    absent_after = 105.0  # a signed order is accepted for 60 seconds at least, and 90 at most
    periods = {1: "60", 5: "300", 15: "900", 30: "1800", 60: "3600", 1440: "86400", 10080: "604800"}
    statuses = {
        "1": Status.OPEN,
        "2": Status.OPEN,
        "3": Status.CLOSED,
        "4": Status.OPEN,
        "5": Status.CANCELLED,
        "8": Status.CANCELLED,  # after a part was filled
    }
    sides = {"buy": Side.BUY, "sell": Side.SELL, "0": Side.BUY, "1": Side.SELL, "bid": Side.BUY, "ask": Side.SELL}
    """Its words in new orders, in orders, and in trades; the first of a side are those that are sent."""
    tradable = {"enable", "online"}
    """The states of markets that take new orders: as the exchange says, and as its documentation does."""
    refusals = codes({
        OutcomeUnknown: "300",  # "failed", whatever was done
        AuthenticationFailed: "10173",
        OrderNotFound: "40010",
        RateLimited: "20724",
        ExchangeError: "1000 10170 40008",  # parameter, path, market
    })  # fmt: skip
    refusal_texts = {
        "1000 .*[Tt]imestamp": WrongTime,
        # The documented words of new orders, which come with 300, are definite; its other words are not.
        r"\d+ Illegal trade(Amount|Price) ": InvalidOrder,
        r"\d+ Illegal (request|symbol)": ExchangeError,
        r"(?!300 )\d+ .*[Ii]nsufficient": InsufficientFunds,  # its code is not documented
    }
    bans = {"20724": 2.0}  # limits are by the second, and may be counted in whole ones
    limits = (
        *(Limit(call, 10, 1, costs={call: 1}) for call in ("GET common/symbols", "GET market/ticker")),
        *(Limit(call, 20, 1, costs={call: 1}) for call in ("GET depth", "GET trade", "GET ticker")),
        *(Limit(call, 10, 1, per="account", costs={call: 1}) for call in ("GET /v3/balance", "POST order/place")),
        # No limits of its other calls are documented.
        Limit("other calls", 10, 1, costs=dict.fromkeys(("GET order/*", "POST order/cancel"), 0)),
    )
    cancels = ("POST order/cancel",)

    ticker_row = TickerRow(time="timestamp", bid="buy", ask="sell", last="last", high="high", low="low", volume="vol")
    candle_row = Row(Candle, time=0, open=1, high=2, low=3, close=4, volume=5)
    trade_row = Row(Trade, id="id", price="price", amount="amount", side="en_type")
    balance_row = Row(Balance, currency="currency", free="free", frozen="frozen")
    market_row = Row(
        Market, id="symbol", min_amount="minOrderCount", max_amount="maxOrderCount", min_notional="minOrderAmount"
    )
    order_row = Row(Order, id="id", side="type", price="price", amount="count", status="statusCode")

    def market(self, symbol: Symbol) -> str:
        return super().market(symbol).lower()

    def unwrap(self, payload: Any) -> Any:
        if "code" not in payload and payload["status"] == "ok":  # tickers
            return payload
        code, said = str(payload["code"]), payload.get("msg") or ""
        if code == "200":
            return payload
        if not said and code not in self.refusals:
            raise OutcomeUnknown(f"{self.name} {code} without a reason", code=code)
        raise self.refused(code, said)

    def time(self) -> int:
        return milliseconds(self.call("GET", "trade", params={"symbol": "btc_usdt", "count": 1}, safe=False)["time"])

    # Market data --------------------------------------------------------------------------------------------------

    def markets(self) -> list[Market]:
        return self.read_all(self.read_market, self.get("common/symbols")["data"])

    def ticker(self, symbol: Symbol) -> Ticker:
        row = self.ticker_rows().get(self.market(symbol))
        if row is None:
            raise InvalidCall(f"{self.name} lists no market {symbol}")
        return self.ticker_row(row)

    def tickers(self) -> list[tuple[Symbol, Ticker]]:
        return self.read_tickers(self.ticker_rows, lambda _, row: self.ticker_row(row))

    def ticker_rows(self) -> Mapping[str, Any]:
        """Return the rows of all tickers, each with the time of the reply, by their markets."""
        reply = self.get("market/ticker")
        return {row["symbol"]: {**row, "timestamp": reply["timestamp"]} for row in reply["ticker"]}

    def depth(self, symbol: Symbol) -> Depth:
        reply = self.get("depth", symbol=symbol)
        book = reply["data"]["depth"]
        return self.read_book(book, milliseconds(book.get("date") or reply["data"].get("date") or reply["time"]))

    def candles(self, symbol: Symbol, period: int, limit: int | None) -> list[Candle]:
        rows = self.get("ticker", symbol=symbol, step=self.periods[period])["data"]
        return self.read_all(self.candle_row, rows or ())

    def trades(self, symbol: Symbol) -> list[Trade]:
        reply = self.get("trade", symbol=symbol, count=_TRADES)
        rows, now = reply["data"]["trades"] or (), milliseconds(reply["time"])
        zone = min(_ZONES, key=lambda zone: min(_age(row["time"], now, zone) for row in rows)) if rows else _ZONES[0]
        return self.read_all(self.trade_row, rows, time=lambda row: now - _age(row["time"], now, zone))

    # Account ------------------------------------------------------------------------------------------------------

    def accounts(self) -> list[Balance]:
        rows = self.signed("GET", "/v3/balance")["data"]["assets"]
        return self.read_all(self.balance_row, rows, keep=True)

    def trade(self, order: NewOrder) -> OrderId:
        is_market = order.price is None
        reply = self.signed(
            "POST",
            "order/place",
            symbol=order.symbol,
            type=order.side,
            tradeAmount=order.amount,
            tradePrice=order.price,
            matchType=1 if is_market else 0,
            marketUnit=("funds" if order.spends else "amount") if is_market else None,  # quote or base
            clientOrderId=order.client_id,
        )
        return identifier(reply["data"]["ID"])

    def orders(self, symbol: Symbol | None) -> list[Order]:
        lister = self.lister(self.one_market(symbol, "open orders"), "1")
        return self.read_all(self.read_order, self.all_rows(lister, _PAGE, _PAGES), keep=True)

    def order_reply(self, symbol: Symbol, *, order_id: str = "", client_id: str = "") -> Any:
        return self.signed("GET", "order/detailById", id=self.number(order_id))["data"]

    def find(self, symbol: Symbol, client_id: str) -> OrderId | None:
        """Return the id of the order with our client id, from the lists of open and past orders; None if they end
        without it. Raises Unsupported where they do not say whose an order is, or are longer than can be read."""
        is_clear = True
        for rows in self.pages(self.lister(symbol, "0"), _PAGE, _PAGES):
            for row in rows:
                if row.get("clientOrderId") == client_id:
                    return identifier(row["id"])
            is_clear = is_clear and all("clientOrderId" in row for row in rows)
        if not is_clear:
            raise Unsupported(f"{self.name} lists orders without their client order ids: this one may be among them")
        return None

    def cancel(self, symbol: Symbol, order_id: str) -> bool:
        self.order_reply(symbol, order_id=order_id)  # it is there: its absence afterwards has one meaning
        self.signed("POST", "order/cancel", id=self.number(order_id))
        for pause in _PAUSES:
            self.upstream.services.sleep(min(pause, self.deadline.left()))
            try:
                row = self.order_reply(symbol, order_id=order_id)
            except OrderNotFound:
                return True  # deleted: nothing of it was filled
            except (ExchangeError, NotSent, OutcomeUnknown):
                break  # the cancel itself was accepted
            if self.statuses.get(str(row["statusCode"])) is not Status.OPEN:
                break
        return False

    # Readers ------------------------------------------------------------------------------------------------------

    def lister(self, symbol: Symbol, kind: str) -> Callable[[list[Any]], list[Any]]:
        """Return the function that asks for the next page of orders. kind: 0 for all, 1 for the open ones."""
        numbers = count(1)

        def page(_: list[Any]) -> list[Any]:
            reply = self.signed("GET", "order/entrust", symbol=symbol, type=kind, page=next(numbers), count=_PAGE)
            data = reply["data"]
            current = [{"statusCode": "1"} | row for row in data["entrutsCur"] or ()]  # most rows have none
            return current if kind == "1" else [*current, *(data["entrutsHis"] or ())]

        return page

    def read_market(self, row: Any) -> Market:
        """Return the rules of a market."""
        return self.market_row(
            row,
            symbol=Symbol(row["baseCurrency"].upper(), row["quoteCurrency"].upper()),
            tick_size=step_of(row["pricePrecision"]),
            lot_size=step_of(row["amountPrecision"]),
            tradable=row["state"] in self.tradable,
        )

    def read_order(self, row: Any) -> Order:
        return self.order_row(
            row,
            filled=lambda: self.filled(row),
            average=lambda: exact(row["successamount"]) / self.filled(row) if self.filled(row) else Decimal(0),
            client_id=row.get("clientOrderId") or "",
        )

    def filled(self, row: Any) -> Decimal:
        """Return the amount of an order that was filled. Raises WrongValue for a market buy that is told in money: what
        it bought is not said."""
        filled, value = exact(row["count"]) - exact(row["leftcount"]), exact(row["successamount"])
        if value and filled == value and not exact(row["price"]) and known(self.sides, row["type"], "side") is Side.BUY:
            raise WrongValue("count: the amount of a market buy is in money, and what it bought is not said")
        return filled


def _age(clock: str, now_ms: int, zone: int) -> int:
    """Return how long ago, in ms, a clock of this zone last showed a time of the day; a minute in the future is as
    much below zero."""
    hours, minutes, seconds = map(int, clock.split(":"))
    shown = (hours * 3600 + minutes * 60 + seconds) * 1000 - zone
    return (now_ms + _SLACK - shown) % _DAY - _SLACK
