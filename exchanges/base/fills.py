"""The average price of an order, where only its fills say it."""

from collections.abc import Iterable
from decimal import Decimal


def average_price(fills: Iterable[tuple[Decimal, Decimal]], filled: Decimal) -> Decimal:
    """Return the average of fills, each a price and an amount; 0, which is not known, where they are not all that was
    filled of their order."""
    rows = list(fills)
    if not filled or sum(amount for _, amount in rows) != filled:
        return Decimal(0)
    return sum((price * amount for price, amount in rows), Decimal(0)) / filled
