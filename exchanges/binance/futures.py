"""Binance, USDⓈ-margined futures: https://developers.binance.com/docs/derivatives/usds-margined-futures/general-info

Amounts are in the base currency. An account is in one-way or in hedge mode, and the same order has other parameters in
each, so the mode is asked for.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from exchanges.base import *
from exchanges.binance.api import BinanceApi
from exchanges.binance.errors import FUTURES_REFUSALS
from exchanges.binance.limits import FUTURES
from exchanges.binance.unsigned import FUTURES_UNSIGNED

_HOUR = 3_600_000  # ms
_USUAL_HOURS = 8  # hours between two fundings


class FuturesBinance(FuturesExchange, BinanceApi):
    """Binance, USDⓈ-margined futures."""

    name = "Futures_Binance"
    url = "https://fapi.binance.com"
    testnet = "https://demo-fapi.binance.com"
    root = "/fapi/v1/"
    refusals = FUTURES_REFUSALS
    limits = FUTURES
    cancels = ("DELETE *", "POST countdownCancelAll*")
    unsigned_calls = FUTURES_UNSIGNED
    market_buy = "quantity"
    max_candles = 1500
    max_leverage = 125
    kinds = {
        "PERPETUAL": PERPETUAL,
        "TRADIFI_PERPETUAL": PERPETUAL,
        "CURRENT_QUARTER": "quarter",
        "NEXT_QUARTER": "next_quarter",
    }
    """Binance's contract types → FMZ's contract codes."""
    contracts = frozenset(kinds.values())
    position_sides = {"LONG": PositionSide.LONG, "SHORT": PositionSide.SHORT}
    disproves = {"-4061": "account"}
    position_modes = {"true": True, "false": False}

    balance_row = Row(Balance, currency="asset", frozen="initialMargin")
    position_row = Row(Position, price="entryPrice", profit="unRealizedProfit", margin="positionInitialMargin")

    # Market data --------------------------------------------------------------------------------------------------

    def markets(self) -> list[Market]:
        return self.read_all(self.read_contract, self.get("exchangeInfo")["symbols"])

    def ticker(self, symbol: Symbol) -> Ticker:
        book = self.get("ticker/bookTicker", symbol=symbol)
        return self.read_ticker(self.get("ticker/24hr", symbol=symbol), book=book)

    def tickers(self) -> list[tuple[Symbol, Ticker]]:
        def rows() -> dict[str, tuple[Any, Any]]:
            books = {row["symbol"]: row for row in self.get("ticker/bookTicker")}
            priced = (row for row in self.get("ticker/24hr") if row["symbol"] in books)
            return {row["symbol"]: (row, books[row["symbol"]]) for row in priced}

        return self.read_tickers(rows, lambda _, both: self.read_ticker(both[0], book=both[1]))

    def depth(self, symbol: Symbol) -> Depth:
        book = self.book(symbol)
        return self.read_book(book, milliseconds(book["E"]))

    def fundings(self, symbol: Symbol | None) -> list[Funding]:
        one, listed = self.one(symbol), self.symbols()
        hours = {row["symbol"]: row["fundingIntervalHours"] for row in self.get("fundingInfo")}
        rows = self.get("premiumIndex", symbol=one)
        perpetual = [
            row
            for row in self.covered(symbol, [rows] if one else rows, "symbol")
            if (market := listed.get(row["symbol"])) and market.contract == PERPETUAL
        ]
        return self.read_all(lambda row: self.read_funding(row, hours.get(row["symbol"], _USUAL_HOURS)), perpetual)

    # Account ------------------------------------------------------------------------------------------------------

    def accounts(self) -> list[Balance]:
        return self.read_all(self.read_balance, self.signed("GET", "/fapi/v3/account")["assets"], keep=True)

    def position_params(self, order: NewOrder) -> Mapping[str, str]:
        if self.hedged():
            return {"positionSide": self.position_side(order).upper()}
        return {"reduceOnly": "true"} if order.closes else {}

    def modify(self, order_id: str, order: NewOrder) -> OrderId:
        """Give an order another price and quantity, which includes what is filled; the order keeps its ids. If so much
        is filled by now, or an order that may only be a maker would take, the exchange cancels it instead.
        https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api/Modify-Order"""
        row = self.signed(
            "PUT", "order", symbol=order.symbol, orderId=order_id, side=order.side, quantity=order.amount,
            price=order.price,
        )  # fmt: skip
        if known(self.statuses, row["status"], "order state") is Status.CANCELLED:
            raise self.cancelled_instead(order_id)
        return identifier(row["orderId"])

    def position_mode(self) -> bool:
        mode = str(self.signed("GET", "positionSide/dual")["dualSidePosition"]).lower()
        return known(self.position_modes, mode, "position mode")

    def orders(self, symbol: Symbol | None) -> list[Order]:
        if symbol is None:
            return super().orders(symbol)
        rows = self.signed("GET", "openOrders", symbol=self.one(symbol))
        return self.read_all(self.read_order, self.covered(symbol, rows, "symbol"), keep=True)

    def open_positions(self, symbol: Symbol | None) -> list[Position]:
        asked = {"symbol": self.one(symbol)}
        leverages = self.apart(
            lambda exchange: {
                row["symbol"]: exact(row["leverage"]) for row in exchange.signed("GET", "symbolConfig", **asked)
            }
        )
        held = [row for row in self.signed("GET", "/fapi/v3/positionRisk", **asked) if exact(row["positionAmt"])]
        rows = self.covered(symbol, held, "symbol")
        return self.read_all(lambda row: self.read_position(row, leverages), rows, keep=True)

    def apply_leverage(self, symbol: Symbol, leverage: int) -> None:
        self.signed("POST", "leverage", symbol=symbol, leverage=leverage)

    # Readers ------------------------------------------------------------------------------------------------------

    def read_contract(self, row: Mapping[str, Any]) -> Market:
        """Return a contract's rules."""
        contract = self.kinds.get(row["contractType"], row["symbol"])
        return self.read_market(row, least_value=("MIN_NOTIONAL", "notional"), contract=contract)

    def read_funding(self, row: Mapping[str, Any], hours: object) -> Funding:
        """Return a contract's next funding. hours: between two."""
        return Funding(
            symbol=self.symbol_of(row["symbol"]),
            time=milliseconds(row["nextFundingTime"]),
            rate=double(row["lastFundingRate"]),
            interval=whole(hours) * _HOUR,
        )

    def read_balance(self, row: Mapping[str, Any]) -> Balance:
        """Return a currency's balance: free and frozen together are its equity."""
        return self.balance_row(
            row, free=lambda: max(exact(row["marginBalance"]) - exact(row["initialMargin"]), Decimal(0))
        )

    def read_position(self, row: Mapping[str, Any], leverages: Mapping[str, Decimal]) -> Position:
        """Return a position."""
        amount = exact(row["positionAmt"])
        by_sign = PositionSide.LONG if amount > 0 else PositionSide.SHORT
        one_way = row["positionSide"] == "BOTH"
        return self.position_row(
            row,
            symbol=self.symbol_of(row["symbol"]),
            side=by_sign if one_way else known(self.position_sides, row["positionSide"], "position side"),
            amount=abs(amount),
            frozen=Decimal(0),  # not in any reply
            leverage=lambda: known(leverages, row["symbol"], "leverage of"),
        )

    def average(self, row: Mapping[str, Any]) -> Decimal:
        return exact(row["avgPrice"])
