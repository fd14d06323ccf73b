"""Spot exchanges of the ccxt library."""

from typing import Any

from exchanges.base import *
from exchanges.ccxt.api import CcxtApi
from protocol.numbers import plain


class CcxtSpot(CcxtApi):
    """A spot exchange of the ccxt library."""

    def prepare(self, order: NewOrder) -> None:
        if order.price is None and order.side is Side.BUY and not (self._with_cost or self._by_cost):
            raise Unsupported(
                f"{self.name}: by the ccxt library, a market buy cannot name what to spend there, and an amount made "
                "of the last price would be another order. Give a price; nothing was sent"
            )
        super().prepare(order)

    @property
    def _with_cost(self) -> bool:
        return self.library.has("createMarketBuyOrderWithCost")

    @property
    def _by_cost(self) -> bool:
        return self.library.feature("createOrder", "marketBuyByCost") is True

    def create(self, ccxt: Any, name: str, order: NewOrder, params: dict[str, Any]) -> Any:
        if order.price is not None or order.side is Side.SELL:
            return super().create(ccxt, name, order, params)
        if self._with_cost:
            return ccxt.create_market_buy_order_with_cost(name, float(order.amount), params)
        # The amount is 0, so that an exchange whose class overlooks the cost buys nothing.
        return ccxt.create_order(name, "market", "buy", 0, None, {**params, "cost": plain(order.amount)})
