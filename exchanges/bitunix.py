"""Bitunix, USDT perpetual futures: https://www.bitunix.com/api-docs/futures/common/introduction.html

Errors come with HTTP 200: a code for the whole request, and another one for each order of a list to cancel. Amounts are
in the base currency. In hedge mode ``side`` names the position, also in an order that closes it, which names its id as
well. The exchange's clock cannot be asked for. Left out are public trades, which only the websocket has; tickers of all
markets, which lack bid and ask; funding rates, of which nobody says if they are fractions or percentages; and spot,
where an order whose answer is lost could not be found.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from exchanges.base import *

_LEVELS = "50"  # of a book's side; 1, 5, 15, 50 or max
_PAGE = 100  # rows of a list, the most in one reply
_PAGES = 50
_SLOW = (
    "POST trade/cancel_*", "POST trade/batch_order", "POST trade/flash_close_position",
    "POST trade/close_all_position", "POST account/*",
)  # fmt: skip


class FuturesBitunix(FuturesExchange):
    """Bitunix, USDT perpetual futures."""

    name = "Futures_Bitunix"
    url = "https://fapi.bitunix.com"
    headers = {"Content-Type": "application/json", "language": "en-US"}
    root = "/api/v1/futures/"
    sends = "json"
    signer = Sha256Headers
    proof = "the vector of the official Go SDK's test"
    # https://openapidoc.bitunix.com/doc/trade/modify_order.html, which does not say either what becomes of a
    # take-profit or stop-loss that is left out.
    no_modify = "does not say whether the amount of a modified order counts what is filled already"
    client_id = ClientId(32, ALPHANUMERIC)
    # How long a signed order is accepted is not documented: 60 seconds by one program's word. The rest is for clocks
    # that differ, and for lists that are late.
    absent_after = 90.0
    contracts = frozenset({PERPETUAL})
    max_leverage = 200  # beyond every market's own, which the exchange checks
    periods = {
        1: "1m", 5: "5m", 15: "15m", 30: "30m", 60: "1h", 120: "2h", 240: "4h", 360: "6h", 480: "8h", 720: "12h",
        1440: "1d", 4320: "3d", 10080: "1w",
    }  # fmt: skip
    max_candles = 200
    history_page = _PAGE
    statuses = {
        "INIT": Status.OPEN,
        "NEW": Status.OPEN,
        "PART_FILLED": Status.OPEN,
        "FILLED": Status.CLOSED,
        "CANCELED": Status.CANCELLED,
        "PART_FILLED_CANCELED": Status.CANCELLED,
        "EXPIRED": Status.CANCELLED,
    }
    sides = {"BUY": Side.BUY, "SELL": Side.SELL}
    position_sides = {
        "LONG": PositionSide.LONG, "BUY": PositionSide.LONG, "SHORT": PositionSide.SHORT, "SELL": PositionSide.SHORT,
    }  # fmt: skip
    position_modes = {"HEDGE": True, "ONE_WAY": False}
    refusals = codes({
        OutcomeUnknown: "10001 30042",  # "network error"; an order has our client id, perhaps this one
        AuthenticationFailed: "10003 10004 10007",  # key, address, signature
        RateLimited: "10005 10006",
        InsufficientFunds: "20003 20008",
        OrderNotFound: "10013 20007 30011",  # the first and the last: it is done already
        InvalidOrder: "30001 30002 30003 30013 30014 30015 30016 30017 30039",
        # Parameters; market, risk and permission; leverage and modes; a position to close that there is not.
        ExchangeError: "10002 10008 20001 20002 20011 20012 20015 30040 20005 20006 20009 30004 30018 30019",
    })  # fmt: skip
    bans = {"10005": 2.0, "10006": 2.0}  # limits are by the second, and may be counted in whole ones
    # Whether the calls of all resources count together is not documented: here they do.
    limits = (
        Limit("public calls", 10, 1.0, costs={"GET market/*": 1}),
        Limit("private calls", 10, 1.0, per="account", default=1, costs={"GET market/*": 0}),
        Limit("cancels, batches and margins", 5, 1.0, per="account", reserve=0, costs=dict.fromkeys(_SLOW, 1)),
    )
    cancels = ("POST trade/cancel_*",)

    ticker_row = TickerRow(last="lastPrice", high="high", low="low")
    candle_row = Row(Candle, time="time", open="open", high="high", low="low", close="close")
    balance_row = Row(Balance, currency="marginCoin", free="available")
    order_row = Row(Order, id="orderId", amount="qty", filled="tradeQty", status="status")
    position_row = Row(
        Position, amount="qty", price="avgOpenPrice", profit="unrealizedPNL", margin="margin", leverage="leverage"
    )
    market_row = Row(Market, id="symbol", min_amount="minTradeVolume", contract_currency="base")

    def unwrap(self, payload: Any) -> Any:
        if str(payload["code"]) != "0":
            raise self.refused(payload["code"], payload.get("msg") or "without a reason")
        data = payload["data"]
        if isinstance(data, dict) and data.get("failureList") and not data.get("successList"):  # none was cancelled
            failed = data["failureList"][0]
            raise self.refused(failed["errorCode"], failed["errorMsg"])
        return data

    # Market data --------------------------------------------------------------------------------------------------

    def markets(self) -> list[Market]:
        return self.read_all(self.read_market, self.get("market/trading_pairs"))

    def ticker(self, symbol: Symbol) -> Ticker:
        [row] = self.get("market/tickers", symbols=symbol)
        book = self.book(symbol, "1")
        bid, ask = (side[0][0] if side else 0.0 for side in (book.bids, book.asks))
        volume = _base_volume(row, price_or_zero(row["lastPrice"]))
        return self.ticker_row(row, time=book.time, bid=bid, ask=ask, volume=volume)

    def depth(self, symbol: Symbol) -> Depth:
        return self.book(symbol, _LEVELS)

    def book(self, symbol: Symbol, limit: str) -> Depth:
        """Return the order book, with so many levels on each side."""
        [book] = _rows(self.get("market/depth", symbol=symbol, limit=limit))
        return self.read_book(book, self.upstream.services.now())

    def candles(self, symbol: Symbol, period: int, limit: int | None) -> list[Candle]:
        rows = self.get("market/kline", symbol=symbol, interval=self.periods[period], limit=limit or self.max_candles)
        return self.read_all(self.candle_row, rows, volume=lambda row: _base_volume(row, double(row["close"])))

    # Account ------------------------------------------------------------------------------------------------------

    def accounts(self) -> list[Balance]:
        return self.read_all(self.read_balance, self.account_rows(), keep=True)

    def account_rows(self) -> list[Any]:
        """Return the account as the exchange shows it, in a list or without."""
        return _rows(self.signed("GET", "account", marginCoin=self.quote))

    def position_mode(self) -> bool:
        [row] = self.account_rows()
        return known(self.position_modes, row["positionMode"], "position mode")

    def trade(self, order: NewOrder) -> OrderId:
        asked = {
            "symbol": order.symbol,
            "qty": order.amount,
            "price": order.price,
            "orderType": "LIMIT" if order.price else "MARKET",
            "effect": "GTC" if order.price else None,
            "clientId": order.client_id,
        }
        with before_sending():
            asked |= self.position_params(order)
        return identifier(self.signed("POST", "trade/place_order", **asked)["orderId"])

    def position_params(self, order: NewOrder) -> Mapping[str, Any]:
        """Return a new order's side, and what says which position it is for. Raises InvalidCall; see ``closing``."""
        if self.hedged():
            opening = {"side": order.side, "tradeSide": "OPEN"}
            return self.apart(lambda one: one.closing(order)) if order.closes else opening
        return {"side": order.side, "reduceOnly": order.closes or None}

    def closing(self, order: NewOrder) -> Mapping[str, Any]:
        """Return what says which position an order closes, in hedge mode. Raises InvalidCall where there is none."""
        side = self.position_side(order)
        for row in self.position_rows(order.symbol):
            if known(self.position_sides, row["side"], "position side") is side:
                if known(self.position_modes, row["positionMode"], "position mode"):
                    own = Side.BUY if side is PositionSide.LONG else Side.SELL
                    return {"side": own, "tradeSide": "CLOSE", "positionId": str(identifier(row["positionId"]))}
                # The mode was changed since it was asked for: here the words of hedge mode would open a position.
                return {"side": order.side, "reduceOnly": True}
        market = self.symbol_of(self.market(order.symbol))
        raise InvalidCall(f"{self.name} has no {side} position in {market} to close; nothing was sent")

    def orders(self, symbol: Symbol | None) -> list[Order]:
        return self.read_all(self.read_order, self.list_orders("trade/get_pending_orders", symbol), keep=True)

    def order_reply(self, symbol: Symbol, *, order_id: str = "", client_id: str = "") -> Any:
        return self.signed("GET", "trade/get_order_detail", orderId=order_id or None, clientId=client_id or None)

    def cancel(self, symbol: Symbol, order_id: str) -> bool:
        self.signed("POST", "trade/cancel_orders", symbol=symbol, orderList=[{"orderId": order_id}])
        return False  # a success only says that the request was accepted

    def past_orders(
        self, symbol: Symbol | None, since: int | None, limit: int | None
    ) -> Iterator[tuple[tuple[int, ...], Order]]:
        """Yield past orders of the last 90 days; cancelled ones are kept for three."""
        found: dict[str, Any] = {}
        for cancelled in (None, "true"):  # two lists, perhaps one within the other
            asked = {"startTime": since, "queryCanceled": cancelled}
            rows = self.list_orders("trade/get_history_orders", symbol, enough=None if since else limit, **asked)
            found |= {str(row["orderId"]): row for row in rows}
        for row in found.values():
            yield (milliseconds(row["ctime"]),), self.read_order(row)

    def open_positions(self, symbol: Symbol | None) -> list[Position]:
        return self.read_all(self.read_position, self.position_rows(symbol), keep=True)

    def apply_leverage(self, symbol: Symbol, leverage: int) -> None:
        self.signed("POST", "account/change_leverage", symbol=symbol, leverage=leverage, marginCoin=self.quote)

    # Readers ------------------------------------------------------------------------------------------------------

    def list_orders(
        self, resource: str, symbol: Symbol | None, *, enough: int | None = None, **params: Any
    ) -> list[Any]:
        """Return the rows of a list of orders, newest first: to its end, or at least ``enough`` of them."""
        found: list[Any] = []
        for rows in self.list_pages(resource, "orderList", symbol=self.one(symbol), **params):
            found += self.covered(symbol, rows, "symbol")
            if enough and len(found) >= enough:
                break
        return found

    def list_pages(self, resource: str, key: str, **params: Any) -> Iterator[list[Any]]:
        """Yield the pages of a list. key: of its rows in a reply."""

        def page(rows: list[Any]) -> list[Any]:
            return _rows(self.signed("GET", resource, **params, skip=len(rows), limit=_PAGE)[key])

        return self.pages(page, _PAGE, _PAGES)

    def position_rows(self, symbol: Symbol | None) -> list[Any]:
        """Return the rows of open positions, see ``open_positions``."""
        rows = _rows(self.signed("GET", "position/get_pending_positions", symbol=self.one(symbol)))
        return [row for row in self.covered(symbol, rows, "symbol") if exact(row["qty"])]

    def average_of_fills(self, symbol: Symbol, row: Any, order: Order) -> Decimal:
        try:
            fills = self.apart(lambda one: one.fills(order.id))
        except (ExchangeError, NotSent, OutcomeUnknown, Unsupported):  # the order is known all the same
            return Decimal(0)
        return average_price(fills, order.filled)

    def fills(self, order_id: OrderId) -> list[tuple[Decimal, Decimal]]:
        """Return price and amount of each of an order's fills."""
        pages = self.list_pages("trade/get_history_trades", "tradeList", orderId=order_id)
        return [(exact(row["price"]), exact(row["qty"])) for rows in pages for row in rows]

    def read_market(self, row: Mapping[str, Any]) -> Market:
        """Return a market's rules; its precisions are numbers of digits."""
        return self.market_row(
            row,
            symbol=Symbol(row["base"], row["quote"], PERPETUAL),
            tick_size=step_of(row["quotePrecision"]),
            lot_size=step_of(row["basePrecision"]),
            max_amount=exact(row.get("maxLimitOrderVolume") or "0"),
            tradable=row["symbolStatus"] == "OPEN" and row.get("isApiSupported") is not False,
        )

    def read_balance(self, row: Mapping[str, Any]) -> Balance:
        """Return a currency's balance; what orders and positions hold is frozen."""
        return self.balance_row(row, frozen=lambda: exact(row["frozen"]) + exact(row["margin"]))

    def read_order(self, row: Any) -> Order:
        return self.order_row(
            row,
            side=lambda: self.side_of(row),
            price=lambda: Decimal(0) if row["orderType"] == "MARKET" else exact(row["price"]),
            average=lambda: exact(row.get("avgPrice") or "0"),  # in the official SDK, but not in the documentation
            client_id=lambda: str(row.get("clientId") or ""),  # an order placed by hand may have none
        )

    def side_of(self, row: Mapping[str, Any]) -> Side:
        """Return an order's side; that of an order marked as closing, in hedge mode, is the position's."""
        side = known(self.sides, row["side"], "side")
        if (row.get("positionMode"), row.get("tradeSide")) != ("HEDGE", "CLOSE"):
            return side
        return Side.SELL if side is Side.BUY else Side.BUY

    def read_position(self, row: Mapping[str, Any]) -> Position:
        """Return a position."""
        return self.position_row(
            row,
            symbol=self.symbol_of(row["symbol"]),
            side=lambda: known(self.position_sides, row["side"], "position side"),
            frozen=Decimal(0),  # no reply has it
        )


def _rows(data: Any) -> list[Any]:
    """Return the rows in a reply, which may also be one without a list, or null for none."""
    return data if isinstance(data, list) else [data] if data else []


def _base_volume(row: Mapping[str, Any], price: float) -> float:
    """Return the volume in base. The names of the two are swapped in bars that were seen, and not in the documentation:
    the volume in quote is the one that is greater where a coin costs more than one."""
    volumes = double(row["baseVol"]), double(row["quoteVol"])
    return min(volumes) if price >= 1 else max(volumes)
