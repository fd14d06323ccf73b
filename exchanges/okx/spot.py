"""OKX, one API for spot and futures: https://www.okx.com/docs-v5/en/

Errors come with HTTP 200: a code for the whole request, and on order calls another one in each item of the reply.
Every number is text; ``""`` means that a field does not apply, which the documentation says of each one read so here.
"""

import string
from abc import abstractmethod
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar, Literal

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
from transport.signing import HmacHeaders

_PAGE = 100  # rows of a list of orders, its most
_PAGES = 50
_LEVELS = 100  # of the order book, which has one when none are named
_TRADES = 100
_WINDOW = 5000  # ms that a new order has to arrive in

# How many calls of each resource there may be in two seconds: https://www.okx.com/docs-v5/en/#overview-rate-limits, and
# with each resource. By whose calls count together, and which parameter's values are counted apart.
_LIMITS: Mapping[tuple[int, Literal["address", "account"], str], list[str]] = {
    (10, "address", ""): ["GET public/time", "GET market/books-full", "GET market/history-trades"],
    (20, "address", ""): [
        "GET market/ticker", "GET market/tickers", "GET market/history-candles", "GET market/index-tickers",
    ],
    (40, "address", ""): ["GET market/books", "GET market/candles"],
    (100, "address", ""): ["GET market/trades"],
    (20, "address", "instType"): ["GET public/instruments", "GET public/open-interest"],
    (10, "address", "instId"): ["GET public/funding-rate", "GET public/funding-rate-history", "GET public/mark-price"],
    (20, "address", "instId"): ["GET public/price-limit"],
    (5, "account", ""): ["GET account/config", "GET account/trade-fee", "POST account/set-position-mode"],
    (10, "account", ""): [
        "GET account/balance", "GET account/positions", "GET account/positions-history", "GET account/bills",
        "GET trade/fills-history",
    ],
    (20, "account", ""): [
        "GET account/leverage-info", "GET account/max-size", "POST account/set-leverage",
        "GET trade/orders-history-archive", "GET trade/orders-algo-pending", "GET trade/order-algo",
        "POST trade/cancel-algos",
    ],
    (40, "account", ""): ["GET trade/orders-history"],
    (60, "account", ""): ["GET trade/orders-pending", "GET trade/fills"],
    (20, "account", "instId"): ["POST trade/close-position", "POST trade/order-algo"],
    (60, "account", "instId"): [
        "GET trade/order", "POST trade/order", "POST trade/amend-order", "POST trade/cancel-order",
    ],
}  # fmt: skip
_KNOWN = {asked: asked.replace(" ", " /api/v5/") for resources in _LIMITS.values() for asked in resources}


class Unified(Exchange):
    """What spot and futures have in common."""

    url = "https://www.okx.com"
    testnet = "https://www.okx.com"
    testnet_headers = {"x-simulated-trading": "1"}
    sends = "json"
    signer = HmacHeaders
    proof = "the ccxt library, 4.5.90: none is published"
    # Of six hours and above there are two kinds: days that begin in Hong Kong, and these.
    periods = {
        1: "1m", 3: "3m", 5: "5m", 15: "15m", 30: "30m", 60: "1H", 120: "2H", 240: "4H", 360: "6Hutc", 720: "12Hutc",
        1440: "1Dutc", 2880: "2Dutc", 4320: "3Dutc", 10080: "1Wutc",
    }  # fmt: skip
    max_candles = 300
    statuses = {
        "live": Status.OPEN,
        "partially_filled": Status.OPEN,
        "filled": Status.CLOSED,
        "canceled": Status.CANCELLED,
        "mmp_canceled": Status.CANCELLED,
    }
    # https://www.okx.com/docs-v5/en/#error-code-rest-api-public
    refusals = {
        "50001|50004|50026|51016|51054|51149|51410|51412": OutcomeUnknown,  # its own failures, and our id
        "50036|50102|50112": WrongTime,
        "50030|50035|50041|5010[013-9]|5011[013489]|50120|50121": AuthenticationFailed,
        "51008|51119|51127|51131|51502": InsufficientFunds,
        "51063|51400|51401|51402|51405|51503|51509|51510|51603": OrderNotFound,
        "50122|51005|51006|51007|51020|51031|51033|51101|51116|51118|51120|51121|51122|5113[5-8]": InvalidOrder,
        "51150|51185|51201|51202|51203|51000 Parameter (px|sz) ": InvalidOrder,
        "50011|50040|50061|51113": RateLimited,
        "50005|50013|50046|50062|51021|51022|51028|51029|51030": Maintenance,
    }
    client_id = ClientId(32, string.ascii_letters + string.digits)
    limits = (
        *(
            Limit(asked, amount, 2.0, per=per, by=by, reserve=0, costs={_KNOWN[asked]: 1})
            for (amount, per, by), resources in _LIMITS.items()
            for asked in resources
        ),
        Limit(
            "orders", 1000, 2.0, per="account", reserve=0,
            costs={"POST /api/v5/trade/(amend-)?order": 1, "POST /api/v5/trade/(amend-)?batch-orders": 20},
        ),
        # The strictest of those that strategies use.
        Limit("other calls", 5, 2.0, per="account", default=1, costs=dict.fromkeys(_KNOWN.values(), 0)),
    )  # fmt: skip
    cancels = "POST /api/v5/trade/(mass-)?cancel"
    bans = {r"\bOKX 50011\b": 2.0}  # a limit was exceeded: all are of two seconds
    moves = "moveposition"  # to another sub-account
    harmless = "GET .*"
    kinds: ClassVar[tuple[str, ...]]
    """Its names for the types of instrument that are traded here."""
    margin_mode: ClassVar[str]
    """What an order is paid from."""

    def unwrap(self, payload: Any) -> Any:
        code, rows = str(payload["code"]), payload.get("data") or []
        if code == "2":  # of a bulk, which only a pass-through can send, some were done: each row says which
            return rows
        for row in rows:
            if isinstance(row, dict) and row.get("sCode", "0") != "0":
                raise self.refused(row["sCode"], row["sMsg"])
        if code != "0":
            raise self.refused(code, payload["msg"])
        return rows

    def time(self) -> int:
        [row] = self.call("GET", "/api/v5/public/time", safe=False)
        return milliseconds(row["ts"])

    # Market data --------------------------------------------------------------------------------------------------

    def ticker(self, symbol: Symbol) -> Ticker:
        [row] = self.call("GET", "/api/v5/market/ticker", params={"instId": self.market(symbol)})
        return _ticker(row)

    def depth(self, symbol: Symbol) -> Depth:
        [book] = self.call("GET", "/api/v5/market/books", params={"instId": self.market(symbol), "sz": str(_LEVELS)})
        return Depth(time=milliseconds(book["ts"]), asks=_levels(book["asks"]), bids=_levels(book["bids"]))

    def candles(self, symbol: Symbol, period: int, limit: int | None) -> list[Candle]:
        asked = {
            "instId": self.market(symbol),
            "bar": self.periods[period],
            "limit": str(limit or self.max_candles),
        }
        rows = self.call("GET", "/api/v5/market/candles", params=asked)
        return [Candle(milliseconds(row[0]), *map(double, row[1:6])) for row in rows]

    def trades(self, symbol: Symbol) -> list[Trade]:
        asked = {"instId": self.market(symbol), "limit": str(_TRADES)}
        return [
            Trade(
                id=identifier(row["tradeId"]),
                time=milliseconds(row["ts"]),
                price=double(row["px"]),
                amount=double(row["sz"]),
                side=Side(row["side"]),
            )
            for row in reversed(self.call("GET", "/api/v5/market/trades", params=asked))
        ]

    def markets(self) -> list[Market]:
        return [self.read_market(row) for row in self._all("/api/v5/public/instruments") if row["state"] == "live"]

    def tickers(self) -> list[tuple[Symbol, Ticker]]:
        rows = self._all("/api/v5/market/tickers")
        names = self.names([row["instId"] for row in rows])
        traded = (row for row in rows if row["last"] and row["bidPx"] and row["askPx"])
        return [(names[row["instId"]], _ticker(row)) for row in traded]

    # Account ------------------------------------------------------------------------------------------------------

    def accounts(self) -> list[Balance]:
        [account] = self.call("GET", "/api/v5/account/balance", signed=True)
        return [Balance(row["ccy"], self.free(row), exact(row["frozenBal"])) for row in account["details"]]

    def trade(self, order: NewOrder) -> OrderId:
        asked = {
            "instId": self.market(order.symbol),
            "tdMode": self.margin_mode,
            "clOrdId": order.client_id,
            "side": order.side.value,
            "ordType": "limit" if order.price else "market",
            "sz": plain(order.amount),
            **({"px": plain(order.price)} if order.price else {}),
            **self.terms(order),
        }
        # Else it would be good for 30 seconds: https://www.okx.com/docs-v5/en/#overview-transaction-timeouts
        window = {"expTime": lambda: str(self.now() + _WINDOW)}
        [row] = self.call("POST", "/api/v5/trade/order", params=asked, headers=window, signed=True)
        return identifier(row["ordId"])

    def orders(self, symbol: Symbol | None) -> list[Order]:
        return [self._order(row) for row in self._listed("/api/v5/trade/orders-pending", symbol)]

    def order(self, symbol: Symbol, order_id: str) -> Order:
        return self._order(self._one(symbol, "ordId", order_id))

    def find(self, symbol: Symbol, client_id: str) -> OrderId | None:
        try:
            return identifier(self._one(symbol, "clOrdId", client_id)["ordId"])
        except OrderNotFound:
            return None

    def cancel(self, symbol: Symbol, order_id: str) -> bool:
        asked = {"instId": self.market(symbol), "ordId": order_id}
        if not self.call("POST", "/api/v5/trade/cancel-order", params=asked, signed=True):
            raise OrderNotFound(f"{self.name} has no order {order_id}")
        return False  # accepted is all that a success says

    def history(self, symbol: Symbol | None, since: int | None, limit: int | None) -> list[Order]:
        """The last seven days; cancelled orders that nothing was filled of are kept for two hours."""
        path = "/api/v5/trade/orders-history"
        if since:
            rows = sorted(self._listed(path, symbol, {"begin": str(since)}), key=_created)[:limit]
        else:
            limit = limit or _PAGE
            rows = sorted(self._listed(path, symbol, enough=limit), key=_created)[-limit:]
        return [self._order(row) for row in rows]

    # What differs between spot and futures ------------------------------------------------------------------------

    @abstractmethod
    def terms(self, order: NewOrder) -> Mapping[str, Any]:
        """What a new order says besides its market, side, amount and price."""

    @abstractmethod
    def free(self, row: Mapping[str, str]) -> Decimal:
        """What can be used of a currency."""

    @abstractmethod
    def names(self, ids: list[str]) -> Mapping[str, Symbol]:
        """The exchange's names of markets → FMZ's."""

    @abstractmethod
    def queries(self, symbol: Symbol | None) -> list[dict[str, str]]:
        """The queries that together ask for orders of a market, of a range, or all."""

    @abstractmethod
    def read_market(self, row: Mapping[str, Any]) -> Market:
        """An instrument's rules."""

    # Readers ------------------------------------------------------------------------------------------------------

    def _all(self, path: str) -> list[Any]:
        return [row for kind in self.kinds for row in self.call("GET", path, params={"instType": kind})]

    def _one(self, symbol: Symbol, field: str, value: str) -> Any:
        asked = {"instId": self.market(symbol), field: value}
        for row in self.call("GET", "/api/v5/trade/order", params=asked, signed=True):
            return row
        raise OrderNotFound(f"{self.name} has no order {value}")

    def _listed(
        self, path: str, symbol: Symbol | None, more: Mapping[str, str] | None = None, *, enough: int | None = None
    ) -> list[Any]:
        """The rows of a list of orders, to its end or until there are ``enough``."""
        return [row for query in self.queries(symbol) for row in self._paged(path, {**query, **(more or {})}, enough)]

    def _paged(self, path: str, query: Mapping[str, str], enough: int | None) -> list[Any]:
        rows: list[Any] = []
        for _ in range(_PAGES):
            after = {"after": rows[-1]["ordId"]} if rows else {}
            page = self.call("GET", path, params={**query, "limit": str(_PAGE), **after}, signed=True)
            rows += page
            if len(page) < _PAGE or (enough and len(rows) >= enough):
                return rows
        raise Unsupported(f"{self.name} lists over {_PAGE * _PAGES} orders there: name a market, or a later time")

    def _order(self, row: Mapping[str, Any]) -> Order:
        filled = exact(row["accFillSz"])
        return Order(
            id=identifier(row["ordId"]),
            side=Side(row["side"]),
            price=exact(row["px"] or "0"),  # a market order has none
            amount=filled if row["tgtCcy"] == "quote_ccy" else exact(row["sz"]),  # sz is money then
            filled=filled,
            average=exact(row["avgPx"] or "0"),  # none before the first fill
            status=self.statuses[row["state"]],
            client_id=row["clOrdId"],
        )


class OKX(Unified):
    """OKX, spot."""

    name = "OKX"
    futures = f"Futures_{name}"
    kinds = ("SPOT",)
    margin_mode = "cash"

    def market(self, symbol: Symbol) -> str:
        return f"{symbol.base}-{symbol.quote}"

    def names(self, ids: list[str]) -> Mapping[str, Symbol]:
        return {name: Symbol(*name.split("-", 1)) for name in ids}

    def queries(self, symbol: Symbol | None) -> list[dict[str, str]]:
        market = {"instId": self.market(symbol)} if symbol else {}
        return [{"instType": kind, **market} for kind in self.kinds]

    def terms(self, order: NewOrder) -> Mapping[str, Any]:
        if order.price:
            return {}
        # Where banAmend is not set, a market order over the balance is made smaller instead of being refused.
        return {"tgtCcy": "quote_ccy" if order.side is Side.BUY else "base_ccy", "banAmend": True}

    def free(self, row: Mapping[str, str]) -> Decimal:
        return exact(row["availBal"])

    def read_market(self, row: Mapping[str, Any]) -> Market:
        return Market(
            symbol=Symbol(row["baseCcy"], row["quoteCcy"]),
            id=row["instId"],
            **sizes(row),
            contract_currency=row["baseCcy"],
        )


def sizes(row: Mapping[str, Any]) -> dict[str, Decimal]:
    """The steps and limits of an instrument; the least value of an order is not published."""
    return {
        "tick_size": exact(row["tickSz"]),
        "lot_size": exact(row["lotSz"]),
        "min_amount": exact(row["minSz"]),
        "max_amount": exact(row["maxLmtSz"]),
    }


def _ticker(row: Mapping[str, Any]) -> Ticker:
    return Ticker(
        time=milliseconds(row["ts"]),
        bid=double(row["bidPx"]),
        ask=double(row["askPx"]),
        last=double(row["last"]),
        high=double(row["high24h"]),
        low=double(row["low24h"]),
        volume=double(row["vol24h"]),
    )


def _levels(rows: Any) -> list[Level]:
    return [(double(price), double(amount)) for price, amount, *_ in rows]


def _created(row: Mapping[str, Any]) -> tuple[int, int]:
    return int(row["cTime"]), int(row["ordId"])
