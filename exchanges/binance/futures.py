"""Binance, USDⓈ-margined futures: https://developers.binance.com/docs/derivatives/usds-margined-futures/general-info

Amounts are in the base currency. An account is in one-way or in hedge mode, and an order says the same thing in
different words in each, so the mode is asked for.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from exchanges.base.futures import FuturesExchange, covers
from exchanges.binance.spot import ONE, BinanceApi, read_levels, read_market, read_ticker
from protocol.errors import (
    AuthenticationFailed,
    ExchangeError,
    InsufficientFunds,
    InvalidOrder,
    Maintenance,
    OutcomeUnknown,
    RateLimited,
    WrongTime,
)
from protocol.models import (
    Balance,
    Depth,
    Funding,
    Market,
    NewOrder,
    Order,
    OrderId,
    Position,
    PositionSide,
    Side,
    Symbol,
    Ticker,
)
from protocol.numbers import double, exact, milliseconds, whole
from transport.limits import Limit

_HOUR = 3_600_000  # ms
_USUAL_HOURS = 8  # between two fundings
_WRONG_MODE = "-4061"
_ORDERS = {"(POST|PUT) /fapi/v1/(order|algoOrder)": 1, "(POST|PUT) /fapi/v1/batchOrders": 5}


class FuturesBinance(FuturesExchange, BinanceApi):
    """Binance, USDⓈ-margined futures."""

    name = "Futures_Binance"
    url = "https://fapi.binance.com"
    testnet = "https://demo-fapi.binance.com"
    root = "/fapi/v1"
    public = (
        r"fapi/v[12]/(ping|time|exchangeInfo|depth|trades|aggTrades|\w*[kK]lines|premiumIndex|fundingRate|fundingInfo|"
        r"ticker/.*|openInterest|indexInfo|assetIndex|constituents|insuranceBalance|symbolAdlRisk)|futures/data/.*"
    )
    market_buy = "quantity"
    max_candles = 1500
    max_leverage = 125
    kinds = {
        "PERPETUAL": "swap",
        "TRADIFI_PERPETUAL": "swap",
        "CURRENT_QUARTER": "quarter",
        "NEXT_QUARTER": "next_quarter",
    }
    contracts = frozenset(kinds.values())
    position_sides = {"LONG": PositionSide.LONG, "SHORT": PositionSide.SHORT}
    modes = {"true": True, "false": False}
    # https://developers.binance.com/docs/derivatives/usds-margined-futures/error-code
    refusals = {
        **BinanceApi.refusals,
        r"-4116\b": OutcomeUnknown,  # an order has our id, perhaps this one
        r"-5028\b": WrongTime,
        r"-(1011|1099|2017|4087|4088|4188|4402)\b": AuthenticationFailed,
        r"-(2018|2019|2024|2028|4050|4051)\b": InsufficientFunds,
        r"-(400[1-5]|4013|4014|4016|4023|4024|4164|4183|4184|5029)\b": InvalidOrder,
        r"-(4140|4141)\b": Maintenance,
        r"-4400\b": RateLimited,
    }
    # Weights: with each resource. Amounts: exchangeInfo.
    limits = (
        Limit(
            "weight", 2400, 60.0, default=30,
            costs={
                "GET /futures/data/.*|GET /fapi/v1/funding(Rate|Info)": 0,
                f"GET /fapi/v./(ticker/(24hr|price)|premiumIndex|assetIndex|openOrders|openAlgoOrders){ONE}": 1,
                "GET /fapi/v1/(ping|time|exchangeInfo|openInterest|indexInfo|order|openOrder|algoOrder)": 1,
                "(POST|PUT|DELETE) /fapi/v1/batchOrders": 5,
                "POST /fapi/v1/countdownCancelAll": 10,
                "POST /fapi/v1/convert/.*": 200,
                "(POST|PUT|DELETE) /fapi/v1/.*": 1,
                f"GET /fapi/v1/ticker/bookTicker{ONE}": 2,
                "GET /fapi/v./ticker/price|GET /fapi/v1/constituents": 2,
                r"GET /fapi/v1/\w*[kK]lines\?(.*&)?limit=\d{1,2}(&.*)?": 1,
                r"GET /fapi/v1/\w*[kK]lines\?(.*&)?limit=[1-4]\d\d(&.*)?": 2,
                r"GET /fapi/v1/\w*[kK]lines\?(.*&)?limit=\d{4}.*": 10,
                r"GET /fapi/v1/\w*[kK]lines": 5,
                r"GET /fapi/v1/depth\?(.*&)?limit=\d{1,2}(&.*)?": 2,
                r"GET /fapi/v1/depth\?(.*&)?limit=100(&.*)?": 5,
                r"GET /fapi/v1/depth\?(.*&)?limit=\d{4}.*": 20,
                "GET /fapi/v1/depth|GET /fapi/v1/(premium|asset)Index": 10,
                "GET /fapi/v1/(trades|ticker/bookTicker|allOrders|userTrades|symbolConfig|accountConfig)": 5,
                "GET /fapi/v./(balance|account|positionRisk)": 5,
                "GET /fapi/v1/(ticker/24hr|openOrders|openAlgoOrders)": 40,
                "GET /fapi/v1/forceOrders": 50,
                "GET /fapi/v1/.*/asyn": 300,  # 1000, of which only a few a month are allowed
            },
        ),
        Limit("orders", 300, 10.0, per="account", reserve=0, costs=_ORDERS),
        Limit("orders a minute", 1200, 60.0, per="account", reserve=0, costs=_ORDERS),
        Limit("funding rates", 500, 300.0, reserve=0, costs={"GET /fapi/v1/funding(Rate|Info)": 1}),
        Limit("statistics", 1000, 300.0, reserve=0, costs={"GET /futures/data/.*": 1}),
    )  # fmt: skip
    cancels = "DELETE |POST /fapi/v1/countdownCancelAll"

    def market(self, symbol: Symbol) -> str:
        return self.rules(symbol).id

    # Market data --------------------------------------------------------------------------------------------------

    def markets(self) -> list[Market]:
        return [
            read_market(
                row,
                least_value=("MIN_NOTIONAL", "notional"),
                contract=self.kinds.get(row["contractType"], row["symbol"]),
            )
            for row in self.call("GET", "/fapi/v1/exchangeInfo")["symbols"]
            if row["status"] == "TRADING"
        ]

    def ticker(self, symbol: Symbol) -> Ticker:
        asked = {"symbol": self.market(symbol)}
        book = self.call("GET", "/fapi/v1/ticker/bookTicker", params=asked)
        return read_ticker(self.call("GET", "/fapi/v1/ticker/24hr", params=asked), book=book)

    def tickers(self) -> list[tuple[Symbol, Ticker]]:
        listed = self.symbols()
        books = {row["symbol"]: row for row in self.call("GET", "/fapi/v1/ticker/bookTicker")}
        return [
            (listed[row["symbol"]], read_ticker(row, book=books[row["symbol"]]))
            for row in self.call("GET", "/fapi/v1/ticker/24hr")
            if row["symbol"] in listed.keys() & books.keys()
        ]

    def depth(self, symbol: Symbol) -> Depth:
        book = self.book(symbol)
        return Depth(time=milliseconds(book["E"]), asks=read_levels(book["asks"]), bids=read_levels(book["bids"]))

    def fundings(self, symbol: Symbol | None) -> list[Funding]:
        one, listed = self._one(symbol), self.symbols()
        hours = {row["symbol"]: row["fundingIntervalHours"] for row in self.call("GET", "/fapi/v1/fundingInfo")}
        rows = self.call("GET", "/fapi/v1/premiumIndex", params={"symbol": one and one.id})
        return [
            Funding(
                symbol=market,
                time=milliseconds(row["nextFundingTime"]),
                rate=double(row["lastFundingRate"]),
                interval=whole(hours.get(row["symbol"], _USUAL_HOURS)) * _HOUR,
            )
            for row in ([rows] if one else rows)
            if (market := listed.get(row["symbol"])) and market.contract == "swap" and (one or covers(symbol, market))
        ]

    # Account ------------------------------------------------------------------------------------------------------

    def accounts(self) -> list[Balance]:
        rows = [
            (row["asset"], exact(row["balance"]), exact(row["availableBalance"]))
            for row in self.call("GET", "/fapi/v3/balance", signed=True)
        ]
        # Profits and other collateral can make more available than there is.
        return [Balance(asset, free, max(held - free, Decimal(0))) for asset, held, free in rows]

    def prepare(self, order: NewOrder) -> None:
        super().prepare(order)
        self.hedged()

    def trade(self, order: NewOrder) -> OrderId:
        try:
            return super().trade(order)
        except ExchangeError as error:
            if _WRONG_MODE in error.message.split():  # it was changed meanwhile
                self.forget_mode()
            raise

    def placed(self, order: NewOrder) -> Mapping[str, str]:
        if self.hedged():
            return {"positionSide": "LONG" if (order.side is Side.BUY) is not order.closes else "SHORT"}
        return {"reduceOnly": "true"} if order.closes else {}

    def position_mode(self) -> bool:
        return self.modes[str(self.call("GET", "/fapi/v1/positionSide/dual", signed=True)["dualSidePosition"]).lower()]

    def orders(self, symbol: Symbol | None) -> list[Order]:
        one = self._one(symbol)
        listed = self.symbols() if symbol else {}
        rows = self.call("GET", "/fapi/v1/openOrders", params={"symbol": one and one.id}, signed=True)
        return [self.read(row) for row in rows if one or covers(symbol, _symbol(row, listed))]

    def positions(self, symbol: Symbol | None) -> list[Position]:
        one, listed = self._one(symbol), self.symbols()
        asked = {"symbol": one and one.id}
        # The positions last: theirs is the reply that goes beside the answer.
        settings = self.call("GET", "/fapi/v1/symbolConfig", params=asked, signed=True)
        leverages = {row["symbol"]: exact(row["leverage"]) for row in settings}
        return [
            self._position(row, _symbol(row, listed), leverages[row["symbol"]])
            for row in self.call("GET", "/fapi/v3/positionRisk", params=asked, signed=True)
            if exact(row["positionAmt"]) and (one or covers(symbol, _symbol(row, listed)))
        ]

    def apply_leverage(self, symbol: Symbol, leverage: int) -> None:
        asked = {"symbol": self.market(symbol), "leverage": leverage}
        self.call("POST", "/fapi/v1/leverage", params=asked, signed=True)

    # Readers ------------------------------------------------------------------------------------------------------

    def _one(self, symbol: Symbol | None) -> Market | None:
        return self.rules(symbol) if symbol and symbol.quote and symbol.contract else None

    def _position(self, row: Mapping[str, Any], symbol: Symbol, leverage: Decimal) -> Position:
        amount = exact(row["positionAmt"])
        by_sign = PositionSide.LONG if amount > 0 else PositionSide.SHORT
        return Position(
            symbol=symbol,
            side=by_sign if row["positionSide"] == "BOTH" else self.position_sides[row["positionSide"]],
            amount=abs(amount),
            frozen=Decimal(0),  # not in any reply
            price=exact(row["entryPrice"]),
            profit=exact(row["unRealizedProfit"]),
            margin=exact(row["positionInitialMargin"]),
            leverage=leverage,
        )

    def average(self, row: Mapping[str, Any]) -> Decimal:
        return exact(row["avgPrice"])


def _symbol(row: Mapping[str, Any], listed: Mapping[str, Symbol]) -> Symbol:
    # What is no longer traded, but may still be held, keeps the exchange's name.
    return listed.get(row["symbol"]) or Symbol(row["symbol"], contract=row["symbol"])
