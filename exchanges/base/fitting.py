"""An order's price and amount as its market takes them: strategies compute numbers with more digits than it has."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

from protocol.errors import InvalidOrder
from protocol.models import Market, NewOrder, Side
from protocol.numbers import plain

_NOISE = Fraction(1, 10**9)  # of a number: what doubles leave behind, as in 68442.09999999999
_MOST_NOISE = Fraction(1, 1000)  # of a step: of a number with a billion steps, one would pass for noise


def fitted(order: NewOrder, market: Market) -> NewOrder:
    """Return an order on its market's steps: what is one but for noise is that, an amount is cut down, and a price is
    moved away from the market, down for a buy and up for a sell. An amount of quote stays as it is.

    Raises InvalidOrder if nothing is left, or less than the market's least amount, of an amount that was no less.
    """
    price, amount = order.price, order.amount
    if price is not None and market.tick_size:
        price = _on_step(price, market.tick_size, up=order.side is Side.SELL)
        if not price:
            raise InvalidOrder(f"the price {plain(order.price or price)} is less than one price step")
    if market.lot_size and not order.spends:
        amount = _on_step(amount, market.lot_size, up=False)
        if not amount:
            raise InvalidOrder(f"the amount {plain(order.amount)} is less than one amount step")
        if amount < market.min_amount <= order.amount:
            raise InvalidOrder(f"the amount {plain(order.amount)} is {plain(amount)} in whole steps")
    return replace(order, price=price, amount=amount)


def _on_step(number: Decimal, step: Decimal, *, up: bool) -> Decimal:
    """Return the multiple of a step that a number is, or the next one; the same digits if it is one."""
    steps = Fraction(number) / Fraction(step)
    nearest = round(steps)
    if steps == nearest:
        return number
    if abs(steps - nearest) > min(steps * _NOISE, _MOST_NOISE):
        nearest = ceil(steps) if up else floor(steps)
    return nearest * step
