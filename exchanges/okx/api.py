"""OKX's one API for spot and futures: https://www.okx.com/docs-v5/en/

Errors come with HTTP 200: a code for the whole request, and on order calls another one in each item of the reply. Every
number is text; ``""`` means that a field does not apply. It is accepted here only for fields whose documentation says
so.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, ClassVar, TypeVar

from exchanges.base import *
from exchanges.okx.errors import BANS, REFUSAL_TEXTS, REFUSALS
from exchanges.okx.limits import LIMITS

T = TypeVar("T")

_PAGE = 100  # rows of a list of orders, the most in one reply
_PAGES = 50
_LEVELS = "100"  # of the order book; the default is one
_TRADES = "100"
_WINDOW = 5000  # ms in which a new order, or a modification of one, must arrive


class OKXApi(Exchange):
    """The API that spot and futures share."""

    url = "https://www.okx.com"
    testnet = "https://www.okx.com"
    testnet_headers = {"x-simulated-trading": "1"}
    root = "/api/v5/"
    sends = "json"
    signer = hmac_signer(
        "{iso}{verb}{target}{body}",
        encoding="base64",
        headers={
            "OK-ACCESS-KEY": "{key}", "OK-ACCESS-SIGN": "{signature}", "OK-ACCESS-TIMESTAMP": "{iso}",
            "OK-ACCESS-PASSPHRASE": "{passphrase}",
        },
        sends="json",
    )  # fmt: skip
    proof = "the ccxt library, 4.5.90: none is published"
    pair = "{base}-{quote}"
    # From six hours on there are two kinds: bars by Hong Kong's days, and these, by UTC's.
    periods = {
        1: "1m", 3: "3m", 5: "5m", 15: "15m", 30: "30m", 60: "1H", 120: "2H", 240: "4H", 360: "6Hutc", 720: "12Hutc",
        1440: "1Dutc", 2880: "2Dutc", 4320: "3Dutc", 10080: "1Wutc",
    }  # fmt: skip
    max_candles = 300
    history_page = _PAGE  # a page of one kind may reach further back in time than a page of another
    statuses = {
        "live": Status.OPEN,
        "partially_filled": Status.OPEN,
        "filled": Status.CLOSED,
        "canceled": Status.CANCELLED,
        "mmp_canceled": Status.CANCELLED,
    }
    refusals = REFUSALS
    refusal_texts = REFUSAL_TEXTS
    bans = BANS
    disproves = {
        "51000": "account",  # "Parameter tdMode error", "Parameter posSide error"
        "51010": "account",  # "Request unsupported under current account mode"
    }
    client_id = ClientId(32, ALPHANUMERIC)
    keys_needed = "access key; secret key, a comma, and the passphrase"
    limits = LIMITS
    cancels = ("POST trade/cancel*", "POST trade/mass-cancel*")
    sensitive_words = ("moveposition",)  # moves positions to another sub-account
    allowed_calls = ("GET *", "POST api/v5/tradingBot/grid/withdraw-income")  # a grid's profit, to the same account
    kinds: ClassVar[tuple[str, ...]]
    """OKX's types of instrument that are traded here."""

    ticker_row = TickerRow(
        time="ts", bid="bidPx", ask="askPx", last="last", high="high24h", low="low24h", volume="vol24h"
    )
    candle_row = Row(Candle, time=0, open=1, high=2, low=3, close=4, volume=5)
    balance_row = Row(Balance, currency="ccy", frozen="frozenBal")
    trade_row = Row(Trade, id="tradeId", time="ts", price="px", amount="sz", side="side")
    order_row = Row(Order, id="ordId", side="side", filled="accFillSz", status="state", client_id="clOrdId")
    market_row = Row(
        Market, id="instId", tick_size="tickSz", lot_size="lotSz", min_amount="minSz", max_amount="maxLmtSz"
    )

    def unwrap(self, payload: Any) -> Any:
        code, rows = str(payload["code"]), payload.get("data") or []
        if code == "2":  # a part of a batch, which only a pass-through can send, was done: each row says which
            return rows
        for row in rows:
            if isinstance(row, dict) and row.get("sCode", "0") != "0":
                raise self.refused(row["sCode"], row["sMsg"])
        if code != "0":
            raise self.refused(code, payload["msg"])
        return rows

    def entry(self, table: Mapping[str, T], code: str) -> T | None:
        return super().entry(table, code.partition("_")[0])  # some codes have a second part: 51008_1000

    def time(self) -> int:
        [row] = self.call("GET", "public/time", safe=False)
        return milliseconds(row["ts"])

    # Market data --------------------------------------------------------------------------------------------------

    def ticker(self, symbol: Symbol) -> Ticker:
        [row] = self.get("market/ticker", instId=symbol)
        return self.ticker_row(row)

    def depth(self, symbol: Symbol) -> Depth:
        [book] = self.get("market/books", instId=symbol, sz=_LEVELS)
        return self.read_book(book, milliseconds(book["ts"]))

    def candles(self, symbol: Symbol, period: int, limit: int | None) -> list[Candle]:
        rows = self.get("market/candles", instId=symbol, bar=self.periods[period], limit=limit or self.max_candles)
        return self.read_all(self.candle_row, rows)

    def trades(self, symbol: Symbol) -> list[Trade]:
        return self.read_all(self.trade_row, reversed(self.get("market/trades", instId=symbol, limit=_TRADES)))

    def markets(self) -> list[Market]:
        rows = [row for kind in self.kinds for row in self.get("public/instruments", instType=kind)]
        return self.read_all(self.read_market, rows)

    def tickers(self) -> list[tuple[Symbol, Ticker]]:
        rows = [row for kind in self.kinds for row in self.get("market/tickers", instType=kind)]
        return self.read_priced(lambda row: (self.symbol_of(row["instId"]), self.ticker_row(row)), rows)

    # Account ------------------------------------------------------------------------------------------------------

    def accounts(self) -> list[Balance]:
        [account] = self.signed("GET", "account/balance")
        return self.read_all(self.read_balance, account["details"], keep=True)

    def trade(self, order: NewOrder) -> OrderId:
        asked = {
            "instId": order.symbol,
            "tdMode": self.trade_mode(order),
            "clOrdId": order.client_id,
            "side": order.side,
            "ordType": "limit" if order.price else "market",
            "sz": order.amount,
            "px": order.price,
            **self.position_params(order),
        }
        [row] = self.call("POST", "trade/order", params=asked, headers=self._expiry(), signed=True)
        return identifier(row["ordId"])

    def _expiry(self) -> Mapping[str, Any]:
        """Return the header with the time from which an order, or its modification, is to be refused."""
        # The default is 30 seconds: https://www.okx.com/docs-v5/en/#overview-transaction-timeouts
        return {"expTime": lambda: str(self.now() + _WINDOW)}

    def orders(self, symbol: Symbol | None) -> list[Order]:
        return self.read_all(self.read_order, self.list_orders("trade/orders-pending", symbol), keep=True)

    def order_reply(self, symbol: Symbol, *, order_id: str = "", client_id: str = "") -> Any:
        named = {"ordId": order_id} if order_id else {"clOrdId": client_id}
        for row in self.signed("GET", "trade/order", instId=symbol, **named):
            return row
        raise self.no_order(order_id or client_id)

    def cancel(self, symbol: Symbol, order_id: str) -> bool:
        if not self.signed("POST", "trade/cancel-order", instId=symbol, ordId=order_id):
            raise self.no_order(order_id)
        return False  # a success only says that the request was accepted

    def modify(self, order_id: str, order: NewOrder) -> OrderId:
        """Ask for another price and size, which includes what is filled. A success says that the request was accepted,
        and that the order keeps its ids; a refusal after that leaves the order as it was, see ``cxlOnFail``.
        https://www.okx.com/docs-v5/en/#order-book-trading-trade-post-amend-order"""
        asked = {"instId": order.symbol, "ordId": order_id, "newSz": order.amount, "newPx": order.price}
        [row] = self.call("POST", "trade/amend-order", params=asked, headers=self._expiry(), signed=True)
        return identifier(row["ordId"])

    def past_orders(
        self, symbol: Symbol | None, since: int | None, limit: int | None
    ) -> Iterator[tuple[tuple[int, ...], Order]]:
        """Yield past orders of the last seven days; cancelled orders without fills are kept for two hours."""
        enough = None if since else limit
        for row in self.list_orders("trade/orders-history", symbol, enough=enough, begin=str(since) if since else None):
            yield (int(row["cTime"]), int(row["ordId"])), self.read_order(row)

    def account_row(self) -> Mapping[str, Any]:
        """Return the account's settings."""
        [account] = self.signed("GET", "account/config")
        row: Mapping[str, Any] = account
        return row

    def may_withdraw(self) -> bool:
        return "withdraw" in self.account_row()["perm"].split(",")

    # Different for spot and futures -------------------------------------------------------------------------------

    @abstractmethod
    def trade_mode(self, order: NewOrder) -> str:
        """Return what pays for an order: cash, cross margin or isolated margin."""

    @abstractmethod
    def position_params(self, order: NewOrder) -> Mapping[str, Any]:
        """Return a new order's parameters besides its market, side, amount and price."""

    @abstractmethod
    def free(self, row: Mapping[str, str]) -> Decimal:
        """Return the amount of a currency that can be used."""

    @abstractmethod
    def symbol_of(self, market: str) -> Symbol:
        """Return FMZ's name of a market by the exchange's own name."""

    @abstractmethod
    def queries(self, symbol: Symbol | None) -> list[dict[str, Any]]:
        """Return the queries that together list the orders of a market, of a range, or of all markets."""

    @abstractmethod
    def read_market(self, row: Mapping[str, Any]) -> Market:
        """Return an instrument's rules; the least value of an order is not published."""

    # Readers ------------------------------------------------------------------------------------------------------

    def list_orders(
        self, resource: str, symbol: Symbol | None, *, enough: int | None = None, **params: Any
    ) -> list[Any]:
        """Return the rows of a list of orders, to its end or until each query gave ``enough``."""
        found: list[Any] = []
        for query in self.queries(symbol):

            def page(rows: list[Any], query: Mapping[str, Any] = query) -> list[Any]:
                after = rows[-1]["ordId"] if rows else None
                page: list[Any] = self.signed("GET", resource, **query, **params, limit=_PAGE, after=after)
                return page

            found += self.all_rows(page, _PAGE, _PAGES, enough=enough)
        return found

    def read_balance(self, row: Mapping[str, str]) -> Balance:
        """Return a currency's balance."""
        return self.balance_row(row, free=lambda: self.free(row))

    def read_order(self, row: Any) -> Order:
        return self.order_row(
            row,
            price=lambda: exact(row["px"] or "0"),  # a market order has none
            amount=lambda: exact(row["accFillSz"] if row["tgtCcy"] == "quote_ccy" else row["sz"]),  # then sz is quote
            average=lambda: exact(row["avgPx"] or "0"),  # none before the first fill
        )
