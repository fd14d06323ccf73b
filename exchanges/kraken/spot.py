"""Kraken, spot: https://docs.kraken.com

Public calls are GETs, private ones POSTs of a signed form. Every reply has a list of errors, also with HTTP 200; those
that begin with W are warnings. There is no test money.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from exchanges.base import *
from exchanges.kraken.errors import BANS, REFUSALS
from exchanges.kraken.limits import LIMITS

T = TypeVar("T")

_ROWS = 100  # levels of a book's side, and trades, to ask for
_PAGE = 50  # past orders in one reply
_PAGES = 5  # at most, out of the 15 calls that may be made at once
_WINDOW = 5000  # ms in which a new order must arrive; Kraken accepts 2 to 60 seconds
_ORDER_ID = re.compile("[A-Za-z0-9]+(?:-[A-Za-z0-9]+)+")


class Kraken(Exchange):
    """Kraken, spot."""

    name = "Kraken"
    url = "https://api.kraken.com"
    root = "/0/"
    sends = "form"
    signer = HmacNonceForm
    keys_needed = "access key; private key, and if the key has a second factor, a comma and its password"
    proof = "the published example, and ccxt"
    client_id = ClientId(32, "0123456789abcdef")  # a UUID without dashes: exactly 32, or else at most 18
    pair = "{base}{quote}"
    # In the names of newer assets, such as XAUT, a leading X or Z is no prefix.
    # https://support.kraken.com/articles/360000920306
    assets = {"BTC": "XBT", "DOGE": "XDG"}
    currencies = {
        "XBT": "BTC", "XDG": "DOGE", "XXBT": "BTC", "XXDG": "DOGE", "XETC": "ETC", "XETH": "ETH", "XLTC": "LTC",
        "XMLN": "MLN", "XREP": "REP", "XXLM": "XLM", "XXMR": "XMR", "XXRP": "XRP", "XZEC": "ZEC", "ZAUD": "AUD",
        "ZCAD": "CAD", "ZEUR": "EUR", "ZGBP": "GBP", "ZJPY": "JPY", "ZUSD": "USD",
    }  # fmt: skip
    """Kraken's names of currencies, those that only balances have among them → FMZ's."""
    periods = {minutes: str(minutes) for minutes in (1, 5, 15, 30, 60, 240, 1440, 10080, 21600)}
    week = THURSDAY
    max_candles = 720
    statuses = {
        "pending": Status.OPEN,
        "open": Status.OPEN,
        "closed": Status.CLOSED,
        "canceled": Status.CANCELLED,
        "expired": Status.CANCELLED,
    }
    taker_sides = {"b": Side.BUY, "s": Side.SELL}
    reading = {"BalanceEx", "OpenOrders", "ClosedOrders", "QueryOrders"}
    """The private calls that change nothing."""
    tradable = {"online", "post_only", "limit_only"}
    """The states of markets that take new orders: not cancel_only and reduce_only."""
    refusals = REFUSALS
    bans = BANS
    limits = LIMITS
    disproves = {"EService:Deadline elapsed": "clock"}
    cancels = ("POST private/Cancel*",)
    allowed_calls = (  # any verb, because raw chooses it
        "* 0/private/GetApiKeyInfo",
        "* 0/private/ListApiKeys",
        "* 0/private/WithdrawAddresses",
        "* 0/private/WithdrawInfo",
        "* 0/private/WithdrawMethods",
        "* 0/private/WithdrawStatus",
    )

    candle_row = Row(Candle, time=0, open=1, high=2, low=3, close=4, volume=6)
    trade_row = Row(Trade, price=0, amount=1, time=2, id=6)
    order_row = Row(Order, filled="vol_exec", average="price", status="status")

    def unwrap(self, payload: Any) -> Any:
        errors = [error for error in payload["error"] if not error.startswith("W")]
        if errors:
            raise self.refused("; ".join(errors), "")
        return payload["result"]

    def entry(self, table: Mapping[str, T], code: str) -> T | None:
        return next((value for text, value in table.items() if text in code), None)

    def private(self, name: str, **params: Any) -> Any:
        """Return the result of a signed call."""
        return self.call("POST", f"private/{name}", params=params, signed=True, safe=name in self.reading)

    def about(self, name: str, order_id: str, **params: Any) -> Any:
        """Return the result of a signed call about one order. Raises InvalidCall for any other value that the field
        takes, because that would mean several orders."""
        if not _ORDER_ID.fullmatch(order_id):
            raise InvalidCall(f"{self.name}'s order ids look like OUF4EM-FRGI2-MQMWZD; nothing was sent")
        try:
            return self.private(name, txid=order_id, **params)
        except InvalidOrder as error:
            if "EOrder:Invalid order" not in error.code:  # for a new order it means something else
                raise
            raise OrderNotFound(error.message) from None

    def time(self) -> int:
        # Whole seconds, so half of one is added; that is exact enough for the window of orders.
        return milliseconds(self.call("GET", "public/Time", safe=False)["unixtime"]) + 500

    # Market data --------------------------------------------------------------------------------------------------

    def ticker(self, symbol: Symbol) -> Ticker:
        return self.read_ticker(_only(self.get("public/Ticker", pair=symbol)))

    def depth(self, symbol: Symbol) -> Depth:
        book = _only(self.get("public/Depth", pair=symbol, count=_ROWS))
        return self.read_book(book, self.upstream.services.now())

    def candles(self, symbol: Symbol, period: int, limit: int | None) -> list[Candle]:
        rows = _only(self.get("public/OHLC", pair=symbol, interval=self.periods[period]))
        return self.read_all(self.candle_row, rows)

    def trades(self, symbol: Symbol) -> list[Trade]:
        rows = _only(self.get("public/Trades", pair=symbol, count=_ROWS))
        return self.read_all(self.trade_row, rows, side=lambda row: known(self.taker_sides, row[3], "side"))

    def markets(self) -> list[Market]:
        return self.read_markets(self.get("public/AssetPairs"))

    def list_one(self, symbol: Symbol) -> list[Market]:
        return self.read_markets(self.get("public/AssetPairs", pair=symbol))

    def tickers(self) -> list[tuple[Symbol, Ticker]]:
        return self.read_tickers(lambda: self.get("public/Ticker"), lambda _, row: self.read_ticker(row))

    # Account ------------------------------------------------------------------------------------------------------

    def accounts(self) -> list[Balance]:
        assets: dict[str, list[Any]] = {}
        for asset, row in self.private("BalanceEx").items():
            # What earns automatically can be traded as the currency itself; see get-extended-balance, "Symbol
            # Extensions".
            assets.setdefault(self.currency(asset.removesuffix(".F")), []).append(row)
        return self.read_all(lambda row: self.read_balance(*row), assets.items(), keep=True)

    def trade(self, order: NewOrder) -> OrderId:
        [order_id] = self.private(
            "AddOrder",
            pair=order.symbol,
            type=order.side,
            volume=order.amount,
            ordertype="market" if order.price is None else "limit",
            price=order.price,
            oflags="viqc" if order.spends else None,  # the volume is quote
            cl_ord_id=order.client_id,
            deadline=self.order_deadline,
        )["txid"]
        return identifier(order_id)

    def order_deadline(self) -> str:
        """Return the time, as text, after which an order that is sent now is to be refused."""
        ends = datetime.fromtimestamp((self.now() + _WINDOW) / 1000, UTC)
        return ends.isoformat(timespec="seconds").replace("+00:00", "Z")

    def orders(self, symbol: Symbol | None) -> list[Order]:
        rows = self._with_ids(self.private("OpenOrders")["open"])
        return self.read_all(self.read_order, [row for row in rows if self._is_of(symbol, row)], keep=True)

    def order_reply(self, symbol: Symbol, *, order_id: str = "", client_id: str = "") -> Any:
        for row in self._with_ids(self.about("QueryOrders", order_id)):
            if row["txid"] == order_id:
                return row
        raise self.no_order(order_id)

    def cancel(self, symbol: Symbol, order_id: str) -> bool:
        result = self.about("CancelOrder", order_id)
        if not (result["count"] or result.get("pending")):
            raise OrderNotFound(f"{self.name} has no open order {order_id}")
        return not result.get("pending")

    def modify(self, order_id: str, order: NewOrder) -> OrderId:
        """Amend an order in place; it keeps its ids. The quantity is in base, and includes what is filled.
        https://docs.kraken.com/api/docs/rest-api/amend-order"""
        numbers = {"order_qty": order.amount, "limit_price": order.price}
        self.about("AmendOrder", order_id, **numbers, deadline=self.order_deadline)
        return identifier(order_id)

    def find(self, symbol: Symbol, client_id: str) -> OrderId | None:
        for name, state in (("OpenOrders", "open"), ("ClosedOrders", "closed")):
            for row in self._with_ids(self.private(name, cl_ord_id=client_id)[state]):
                if str(row.get("cl_ord_id")).replace("-", "") == client_id:
                    return identifier(row["txid"])
        return None

    def past_orders(
        self, symbol: Symbol | None, since: int | None, limit: int | None
    ) -> Iterator[tuple[tuple[int, ...], Order]]:
        """Yield past orders, each with the time of its closing as sort key."""
        start = max(0, since // 1000 - 1) if since else None  # in seconds; Kraken leaves out the start itself
        found = 0

        def page(rows: list[Any]) -> list[Any]:
            reply = self.private("ClosedOrders", start=start, closetime="close", ofs=len(rows))
            return list(self._with_ids(reply["closed"]))

        for rows in self.pages(page, _PAGE, _PAGES, whole=since is not None):
            for row in rows:
                closed = milliseconds(row["closetm"])
                if self._is_of(symbol, row) and closed >= (since or 0):
                    found += 1
                    yield (closed,), self.read_order(row)
            if not since and found >= (limit or _PAGE):
                return

    def raw(self, verb: str, path: str, params: Mapping[str, Any]) -> Any:
        """Send ``0/public/…`` as a GET without a signature, and every other path as a signed POST."""
        public = path.startswith("0/public/")
        return self.call("GET" if public else "POST", f"/{path}", params=params, signed=not public, safe=False)

    # Readers ------------------------------------------------------------------------------------------------------

    def _with_ids(self, rows: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the orders of a table by ids, each with its id in it."""
        for order_id, row in dict(rows).items():
            yield {**row, "txid": order_id}

    def _is_of(self, symbol: Symbol | None, row: Mapping[str, Any]) -> bool:
        return symbol is None or row["descr"]["pair"] == self.market(symbol)

    def currency(self, asset: str) -> str:
        """Return FMZ's name of a currency."""
        name, dot, kind = asset.partition(".")  # XBT.F: bitcoin that earns interest
        return self.currencies.get(name, name) + dot + kind

    def read_ticker(self, row: Mapping[str, Any]) -> Ticker:
        """Return the ticker in a market's row; the second value of each pair is that of the last 24 hours."""
        ticker = Ticker(
            time=self.upstream.services.now(),
            bid=price_or_zero(row["b"][0]),
            ask=price_or_zero(row["a"][0]),
            last=price_or_zero(row["c"][0]),
            high=price_or_zero(row["h"][1]),
            low=price_or_zero(row["l"][1]),
            volume=price_or_zero(row["v"][1]),
        )
        return priced(self, ticker)

    def read_markets(self, pairs: Mapping[str, Any]) -> list[Market]:
        """Return the markets of a table by their names."""
        rows = [(name, row) for name, row in pairs.items() if "wsname" in row]
        return self.read_all(lambda row: self.read_market(*row), rows)

    def read_market(self, name: str, row: Mapping[str, Any]) -> Market:
        """Return the rules of a market."""
        base, quote = row["wsname"].split("/")
        return Market(
            symbol=Symbol(self.currency(base), self.currency(quote)),
            id=name,
            tick_size=exact(row["tick_size"]),
            lot_size=step_of(row["lot_decimals"]),
            min_amount=exact(row["ordermin"]),
            min_notional=exact(row["costmin"]),
            tradable=row["status"] in self.tradable,
            limit_only=row["status"] in ("limit_only", "post_only"),
        )

    def read_balance(self, currency: str, rows: list[Any]) -> Balance:
        """Return a currency's balance. rows: its own, and those of it that are tradable under another name."""
        owned = sum((exact(row["balance"]) + self._credit(row) for row in rows), Decimal(0))
        held = sum((exact(row["hold_trade"]) for row in rows), Decimal(0))
        return Balance(currency, max(owned - held, Decimal(0)), held)

    def _credit(self, row: Mapping[str, Any]) -> Decimal:
        return exact(row.get("credit", 0)) - exact(row.get("credit_used", 0))  # only accounts with a credit line

    def read_order(self, row: Any) -> Order:
        asked = row["descr"]
        return self.order_row(
            row,
            id=lambda: identifier(row["txid"]),
            side=lambda: known(self.sides, asked["type"], "side"),
            price=lambda: self._price(row),
            # Of a market order to buy, vol is money.
            amount=lambda: exact(row["vol_exec"] if "viqc" in row.get("oflags", "") else row["vol"]),
            client_id=row.get("cl_ord_id") or "",
        )

    def _price(self, row: Mapping[str, Any]) -> Decimal:
        """Return an order's limit. Of stop orders, which only a trader places by hand here, ``price`` is a trigger, and
        the limit ``price2`` until it is reached."""
        asked = row["descr"]
        if asked["ordertype"] in ("limit", "iceberg"):
            return exact(asked["price"])
        return exact(row["limitprice"]) or exact(asked.get("price2", 0))


def _only(result: Mapping[str, Any]) -> Any:
    """Return the one market's part of a result; its name there may differ from the one in the request."""
    [rows] = (rows for name, rows in result.items() if name != "last")
    return rows
