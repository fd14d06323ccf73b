"""OKX, spot: https://www.okx.com/docs-v5/en/"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from exchanges.base import *
from exchanges.okx.api import OKXApi


class OKX(OKXApi):
    """OKX, spot."""

    name = "OKX"
    futures = f"Futures_{name}"
    kinds = ("SPOT",)
    trade_modes = {"1": "cash", "2": "cash", "3": "cross", "4": "cross"}
    """The money that pays for orders, by account level: spot, futures, multi-currency margin, portfolio margin."""

    def list_one(self, symbol: Symbol) -> list[Market]:
        return self.read_all(self.read_market, self.get("public/instruments", instType="SPOT", instId=symbol))

    def order_facts(self, order: NewOrder) -> tuple[object, ...]:
        return (self.trade_mode(order),)

    def trade(self, order: NewOrder) -> OrderId:
        return self.place(order, super().trade)

    def trade_mode(self, order: NewOrder) -> str:
        return self.account_fact("trade mode", type(self).level_mode, usual="cash")

    def level_mode(self) -> str:
        """Ask for the account's level; return what pays for its orders."""
        return known(self.trade_modes, self.account_row()["acctLv"], "account level")

    def symbol_of(self, market: str) -> Symbol:
        return Symbol(*market.split("-", 1))

    def queries(self, symbol: Symbol | None) -> list[dict[str, Any]]:
        return [{"instType": kind, "instId": symbol} for kind in self.kinds]

    def position_params(self, order: NewOrder) -> Mapping[str, Any]:
        if order.price:
            return {}
        # Where banAmend is not set, a market order over the balance is made smaller instead of being refused.
        return {"tgtCcy": "quote_ccy" if order.side is Side.BUY else "base_ccy", "banAmend": True}

    def free(self, row: Mapping[str, str]) -> Decimal:
        return exact(row["availBal"] or row["availEq"])  # margin accounts may have equity only

    def read_market(self, row: Mapping[str, Any]) -> Market:
        symbol = Symbol(row["baseCcy"], row["quoteCcy"])
        return self.market_row(row, symbol=symbol, contract_currency=row["baseCcy"], tradable=row["state"] == "live")
