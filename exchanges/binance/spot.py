"""Binance, spot: https://developers.binance.com/docs/binance-spot-api-docs/rest-api"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from exchanges.base import *
from exchanges.binance.api import BinanceApi
from exchanges.binance.limits import SPOT
from exchanges.binance.unsigned import SPOT_UNSIGNED


class Binance(BinanceApi):
    """Binance, spot."""

    name = "Binance"
    # A cancelReplace may cancel, and then not place: both or neither of two orders can be filled. What amends one,
    # order/amend/keepPriority, takes a lower quantity, and no price.
    no_modify = "replaces an order only by a second one, or lowers its amount"
    url = "https://api.binance.com"
    testnet = "https://testnet.binance.vision"
    futures = f"Futures_{name}"
    root = "/api/v3/"
    limits = SPOT
    unsigned_calls = SPOT_UNSIGNED
    market_buy = "quoteOrderQty"

    balance_row = Row(Balance, currency="asset", free="free", frozen="locked")

    # Market data --------------------------------------------------------------------------------------------------

    def markets(self) -> list[Market]:
        return self.read_markets(symbolStatus="TRADING")

    def list_one(self, symbol: Symbol) -> list[Market]:
        return self.read_markets(symbol=symbol)  # for one market, no status may be asked for

    def ticker(self, symbol: Symbol) -> Ticker:
        row = self.get("ticker/24hr", symbol=symbol)
        return self.read_ticker(row, book=row)

    def tickers(self) -> list[tuple[Symbol, Ticker]]:
        return self.read_tickers(
            lambda: {row["symbol"]: row for row in self.get("ticker/24hr")},
            lambda _, row: self.read_ticker(row, book=row),
        )

    def depth(self, symbol: Symbol) -> Depth:
        return self.read_book(self.book(symbol), self.upstream.services.now())  # the book has no time

    # Account ------------------------------------------------------------------------------------------------------

    def accounts(self) -> list[Balance]:
        account = self.signed("GET", "account", omitZeroBalances="true")
        return self.read_all(self.balance_row, account["balances"], keep=True)

    def may_withdraw(self) -> bool:
        return bool(self.signed("GET", "/sapi/v1/account/apiRestrictions")["enableWithdrawals"])

    # Readers ------------------------------------------------------------------------------------------------------

    def read_markets(self, **asked: Any) -> list[Market]:
        """Return the markets that trade, of those that are asked for."""
        # Without permission sets the list is a fraction as long.
        rows = self.get("exchangeInfo", **asked, showPermissionSets="false")["symbols"]
        listed = [row for row in rows if row["isSpotTradingAllowed"] and row["status"] == "TRADING"]
        return self.read_all(lambda row: self.read_market(row, least_value=("NOTIONAL", "minNotional")), listed)

    def average(self, row: Mapping[str, Any]) -> Decimal:
        filled, spent = exact(row["executedQty"]), exact(row["cummulativeQuoteQty"])
        return spent / filled if filled and spent > 0 else Decimal(0)  # in old orders, below zero means not known
