"""Modified orders of the ccxt library, on exchanges where its ``editOrder`` is one request that keeps the order's id.

Elsewhere it is a cancel and a new order, or a call that answers with another order.
"""

from exchanges.base import *
from exchanges.ccxt.api import CcxtApi


class CcxtModifying(CcxtApi):
    """An exchange of the ccxt library whose orders can be modified in place."""

    def modify(self, order_id: str, order: NewOrder) -> OrderId:
        self.needs("editOrder", "call that modifies an order")
        self.check_digits(order)
        assert order.price is not None, "only limit orders are modified"
        name, amount, price = self.unified(order.symbol), order.amount, order.price
        row = self.change(
            lambda ccxt: ccxt.edit_order(order_id, name, "limit", order.side.value, float(amount), float(price)),
            numbers=frozenset({amount, price}),
        )
        if row.get("status") == "canceled":
            raise self.cancelled_instead(order_id)
        return identifier(order_id)  # not every reply has it
