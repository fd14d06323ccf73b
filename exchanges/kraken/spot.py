"""Kraken, spot: https://docs.kraken.com

Public calls are GETs, private ones POSTs of a signed form. Every reply has a list of errors, also with HTTP 200; those
that begin with W are warnings. There is no test money.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from exchanges.base.exchange import ClientId, Exchange
from protocol.errors import (
    AuthenticationFailed,
    InsufficientFunds,
    InvalidCall,
    InvalidOrder,
    Maintenance,
    OrderNotFound,
    OutcomeUnknown,
    RateLimited,
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
from protocol.numbers import double, exact, identifier, milliseconds, plain, whole
from transport.limits import Limit
from transport.signing import HmacNonceForm

_ROWS = 100  # levels of a book's side, and trades, asked for
_PAGE = 50  # past orders in one reply
_PAGES = 5  # asked for at most, out of the 15 calls that may be made at once
_WINDOW = 5000  # ms that a new order has to arrive in; at least 2 seconds, at most 60
_ORDER_ID = re.compile("[A-Za-z0-9]+(?:-[A-Za-z0-9]+)+")


class Kraken(Exchange):
    """Kraken, spot."""

    name = "Kraken"
    url = "https://api.kraken.com"
    sends = "form"
    signer = HmacNonceForm
    proof = "the published example, and ccxt"
    client_id = ClientId(32, "0123456789abcdef")  # a UUID without dashes: exactly 32, or else at most 18
    harmless = "[A-Z]+ 0/private/(GetApiKeyInfo|Withdraw(Addresses|Info|Methods|Status))"  # whatever the verb: see raw
    periods = {minutes: str(minutes) for minutes in (1, 5, 15, 30, 60, 240, 1440, 10080, 21600)}
    max_candles = 720
    statuses = {
        "pending": Status.OPEN,
        "open": Status.OPEN,
        "closed": Status.CLOSED,
        "canceled": Status.CANCELLED,
        "expired": Status.CANCELLED,
    }
    sides = {"b": Side.BUY, "s": Side.SELL}
    # A reply may list several errors: the first of these that is among them decides.
    # https://docs.kraken.com/exchange/guides/general/errors
    refusals = {
        f".*{error}": kind
        for error, kind in {
            "E(General|Database):Internal error": OutcomeUnknown,
            "EService:(Deadline elapsed|Unavailable|Busy)": OutcomeUnknown,  # nowhere is it said that nothing was done
            "EGeneral:Invalid arguments:cl_ord_id": OutcomeUnknown,  # an order has our id, perhaps this one
            "EGeneral:Invalid arguments:deadline": WrongTime,
            "EAPI:Invalid (key|signature|nonce)": AuthenticationFailed,
            "EGeneral:Permission denied": AuthenticationFailed,
            "EAccount:Invalid permissions": AuthenticationFailed,
            "EAuth:Account (temporary disabled|unconfirmed)": AuthenticationFailed,
            "ESession:Invalid session": AuthenticationFailed,
            "ETrade:(User )?Locked": AuthenticationFailed,
            "E(API|Auth|Order):(Domain r|R)ate limit exceeded": RateLimited,
            "E(Auth|General):Too many requests": RateLimited,
            "EGeneral:Temporary lockout": RateLimited,
            "EOrder:(Orders|Scheduled orders) limit exceeded": RateLimited,
            "EService:Throttled": RateLimited,
            "EService:Market in ": Maintenance,
            "E(Order|Funding):Insufficient (funds|margin)": InsufficientFunds,
            "EOrder:Margin level too low": InsufficientFunds,
            "E(Order|Query):Unknown order": OrderNotFound,
            "EOrder:(Order|Cost) minimum not met": InvalidOrder,
            "EOrder:Tick size check failed": InvalidOrder,
            "EOrder:Invalid (price|order)": InvalidOrder,
            "EGeneral:Invalid arguments:(price|volume|viqc)": InvalidOrder,
        }.items()
    }
    # https://docs.kraken.com/exchange/guides/rest/ratelimits and …/general/ratelimits: of the lowest tier, for an
    # account's cannot be asked. Counters may stand at 15 and 60, and go down by 0.33 and 1 a second, in steps. A cancel
    # adds up to 8 to the second, by its order's age, but does not say its market: there is room left for one.
    # Public calls: https://support.kraken.com/articles/206548367
    limits = (
        Limit(
            "private calls", 33, 100.0, burst=14, per="account",
            costs={
                "POST /0/private/(Add|Amend|Edit|Cancel)Order(Batch)?": 0,
                # A look-up is two calls, and the second must not wait for what other look-ups' first ones take.
                r"POST /0/private/OpenOrders\?cl_ord_id=.*": 3,
                r"POST /0/private/ClosedOrders\?cl_ord_id=.*": 0,
                "POST /0/private/(ClosedOrders|TradesHistory|QueryTrades|Ledgers|QueryLedgers)": 2,
                "POST .*": 1,
            },
        ),
        Limit(
            "orders of this market", 60, 60.0, burst=50, per="account", by="pair", reserve=0,
            costs={"POST /0/private/AddOrder": 1, "POST /0/private/EditOrder": 7, "POST /0/private/AddOrderBatch": 8},
        ),
        Limit(
            "public calls", 9, 10.0, burst=1, reserve=0,
            costs={"GET /0/public/(OHLC|Trades)": 0, "GET /0/public/.*": 1},
        ),
        Limit(
            "candles and trades of this market", 9, 10.0, burst=1, by="pair", reserve=0,
            costs={"GET /0/public/(OHLC|Trades)": 1},
        ),
    )  # fmt: skip
    cancels = "POST /0/private/Cancel"
    bans = {
        "EGeneral:Temporary lockout": 300.0,  # "a few minutes"
        "EService:Throttled": 10.0,
        "E(API|Auth):Rate limit exceeded|E(Auth|General):Too many requests": 5.0,  # "a few seconds"
    }
    # Its own names of assets, by ours; and ours by those and by the names that only balances have. Later assets that
    # begin with X or Z, such as XAUT, are named so everywhere. https://support.kraken.com/articles/360000920306
    assets = {"BTC": "XBT", "DOGE": "XDG"}
    currencies = {
        "XBT": "BTC", "XDG": "DOGE", "XXBT": "BTC", "XXDG": "DOGE", "XETC": "ETC", "XETH": "ETH", "XLTC": "LTC",
        "XMLN": "MLN", "XREP": "REP", "XXLM": "XLM", "XXMR": "XMR", "XXRP": "XRP", "XZEC": "ZEC", "ZAUD": "AUD",
        "ZCAD": "CAD", "ZEUR": "EUR", "ZGBP": "GBP", "ZJPY": "JPY", "ZUSD": "USD",
    }  # fmt: skip
    reading = {"BalanceEx", "OpenOrders", "ClosedOrders", "QueryOrders"}
    """The private calls that change nothing."""
    # Those left out take no new orders: cancel_only and reduce_only.
    tradable = {"online", "post_only", "limit_only"}

    def market(self, symbol: Symbol) -> str:
        return self.assets.get(symbol.base, symbol.base) + self.assets.get(symbol.quote, symbol.quote)

    def unwrap(self, payload: Any) -> Any:
        errors = [error for error in payload["error"] if not error.startswith("W")]
        if errors:
            raise self.refused("; ".join(errors), "")
        return payload["result"]

    def public(self, name: str, **params: str) -> Any:
        """The result of a market data call."""
        return self.call("GET", f"/0/public/{name}", params=params)

    def private(self, name: str, **params: Any) -> Any:
        """The result of a signed call."""
        return self.call("POST", f"/0/private/{name}", params=params, signed=True, safe=name in self.reading)

    def time(self) -> int:
        # Whole seconds: half of one is the best guess. For the window of orders that is enough.
        unixtime = self.call("GET", "/0/public/Time", safe=False)["unixtime"]
        return milliseconds(unixtime) + 500

    def about(self, name: str, order_id: str) -> Any:
        """The result of a signed call about one order. What else the field takes would mean several orders."""
        if not _ORDER_ID.fullmatch(order_id):
            raise InvalidCall(f"{self.name}'s order ids look like OUF4EM-FRGI2-MQMWZD; nothing was sent")
        try:
            return self.private(name, txid=order_id)
        except InvalidOrder as error:  # "EOrder:Invalid order", which of a new order means something else
            raise OrderNotFound(error.message) from None

    # Market data --------------------------------------------------------------------------------------------------

    def ticker(self, symbol: Symbol) -> Ticker:
        return self._ticker(_only(self.public("Ticker", pair=self.market(symbol))))

    def depth(self, symbol: Symbol) -> Depth:
        book = _only(self.public("Depth", pair=self.market(symbol), count=str(_ROWS)))
        return Depth(time=self.services.now(), asks=_levels(book["asks"]), bids=_levels(book["bids"]))

    def candles(self, symbol: Symbol, period: int, limit: int | None) -> list[Candle]:
        rows = _only(self.public("OHLC", pair=self.market(symbol), interval=self.periods[period]))
        return [Candle(milliseconds(row[0]), *map(double, [*row[1:5], row[6]])) for row in rows]

    def trades(self, symbol: Symbol) -> list[Trade]:
        rows = _only(self.public("Trades", pair=self.market(symbol), count=str(_ROWS)))
        return [
            Trade(identifier(id_), milliseconds(time), double(price), double(amount), self.sides[side])
            for price, amount, time, side, _type, _misc, id_ in rows
        ]

    def markets(self) -> list[Market]:
        return [
            self._market(name, row)
            for name, row in self.public("AssetPairs").items()
            if row["status"] in self.tradable and "wsname" in row
        ]

    def tickers(self) -> list[tuple[Symbol, Ticker]]:
        listed = self.symbols()
        return [(listed[name], self._ticker(row)) for name, row in self.public("Ticker").items() if name in listed]

    # Account ------------------------------------------------------------------------------------------------------

    def accounts(self) -> list[Balance]:
        return [self._balance(asset, row) for asset, row in self.private("BalanceEx").items()]

    def trade(self, order: NewOrder) -> OrderId:
        params = {"pair": self.market(order.symbol), "type": str(order.side), "volume": plain(order.amount)}
        if order.price is not None:
            params |= {"ordertype": "limit", "price": plain(order.price)}
        else:
            params |= {"ordertype": "market"} | ({"oflags": "viqc"} if order.side is Side.BUY else {})
        [order_id] = self.private("AddOrder", **params, cl_ord_id=order.client_id, deadline=self.deadline)["txid"]
        return identifier(order_id)

    def deadline(self) -> str:
        """When an order that is sent now is to be refused."""
        ends = datetime.fromtimestamp((self.now() + _WINDOW) / 1000, UTC)
        return ends.isoformat(timespec="seconds").replace("+00:00", "Z")

    def orders(self, symbol: Symbol | None) -> list[Order]:
        rows = dict(self.private("OpenOrders")["open"])
        return [self._order(order_id, row) for order_id, row in rows.items() if self._covers(symbol, row)]

    def order(self, symbol: Symbol, order_id: str) -> Order:
        row = dict(self.about("QueryOrders", order_id)).get(order_id)
        if row is None:
            raise OrderNotFound(f"{self.name} has no order {order_id}")
        return self._order(order_id, row)

    def cancel(self, symbol: Symbol, order_id: str) -> bool:
        result = self.about("CancelOrder", order_id)
        if not (result["count"] or result.get("pending")):
            raise OrderNotFound(f"{self.name} has no open order {order_id}")
        return not result.get("pending")

    def find(self, symbol: Symbol, client_id: str) -> OrderId | None:
        for name, state in (("OpenOrders", "open"), ("ClosedOrders", "closed")):
            for order_id, row in dict(self.private(name, cl_ord_id=client_id)[state]).items():
                if str(row.get("cl_ord_id")).replace("-", "") == client_id:
                    return identifier(order_id)
        return None

    def history(self, symbol: Symbol | None, since: int | None, limit: int | None) -> list[Order]:
        """By the time of their closing. Raises InvalidCall when there are more since then than can be asked for."""
        start = {"start": str(max(0, since // 1000 - 1))} if since else {}  # in seconds, itself left out
        rows: dict[str, Any] = {}
        for page in range(_PAGES):
            found = dict(self.private("ClosedOrders", **start, closetime="close", ofs=str(page * _PAGE))["closed"])
            rows |= {order_id: row for order_id, row in found.items() if self._covers(symbol, row)}
            if len(found) < _PAGE or (not since and len(rows) >= (limit or _PAGE)):
                break
        else:
            if since:
                raise InvalidCall(f"{self.name} has over {_PAGES * _PAGE} orders since then: ask from a later time")
        closed = sorted((milliseconds(row["closetm"]), order_id) for order_id, row in rows.items())
        past = [self._order(order_id, rows[order_id]) for time, order_id in closed if time >= (since or 0)]
        return past[:limit] if since else past[-(limit or len(past)) :]

    def raw(self, verb: str, path: str, params: Mapping[str, Any]) -> Any:
        """``0/public/…`` is a GET without a signature; every other path is a signed POST."""
        public = path.startswith("0/public/")
        return self.call("GET" if public else "POST", f"/{path}", params=params, signed=not public, safe=False)

    # Readers ------------------------------------------------------------------------------------------------------

    def _covers(self, symbol: Symbol | None, row: Mapping[str, Any]) -> bool:
        return symbol is None or row["descr"]["pair"] == self.market(symbol)

    def _currency(self, asset: str) -> str:
        name, dot, kind = asset.partition(".")  # XBT.F: bitcoin that earns
        return self.currencies.get(name, name) + dot + kind

    def _ticker(self, row: Mapping[str, Any]) -> Ticker:
        return Ticker(
            time=self.services.now(),
            bid=double(row["b"][0]),
            ask=double(row["a"][0]),
            last=double(row["c"][0]),
            high=double(row["h"][1]),
            low=double(row["l"][1]),
            volume=double(row["v"][1]),
        )

    def _market(self, name: str, row: Mapping[str, Any]) -> Market:
        base, quote = row["wsname"].split("/")
        return Market(
            symbol=Symbol(self._currency(base), self._currency(quote)),
            id=name,
            tick_size=exact(row["tick_size"]),
            lot_size=Decimal(1).scaleb(-whole(row["lot_decimals"])),
            min_amount=exact(row["ordermin"]),
            min_notional=exact(row["costmin"]),
        )

    def _balance(self, asset: str, row: Mapping[str, Any]) -> Balance:
        held = exact(row["hold_trade"])
        credit = exact(row.get("credit", 0)) - exact(row.get("credit_used", 0))  # of accounts with a credit line only
        return Balance(self._currency(asset), exact(row["balance"]) + credit - held, held)

    def _order(self, order_id: str, row: Mapping[str, Any]) -> Order:
        asked, filled = row["descr"], exact(row["vol_exec"])
        return Order(
            id=identifier(order_id),
            side=Side(asked["type"]),
            # Of stop orders, which only a trader's own hand places here, the price is a trigger.
            price=exact(asked["price"] if asked["ordertype"] in ("limit", "iceberg") else row["limitprice"]),
            amount=filled if "viqc" in row.get("oflags", "") else exact(row["vol"]),  # vol is money then
            filled=filled,
            average=exact(row["price"]),
            status=self.statuses[row["status"]],
            client_id=row.get("cl_ord_id") or "",
        )


def _only(result: Mapping[str, Any]) -> Any:
    """The one market's part of a result, under a name that may differ from the one that was asked for."""
    [rows] = (rows for name, rows in result.items() if name != "last")
    return rows


def _levels(rows: Any) -> list[Level]:
    return [(double(price), double(amount)) for price, amount, _time in rows]
