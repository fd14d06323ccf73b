"""Positions: what they gain and lose, linear and inverse.

A linear contract is worth its price in quote, an inverse one a fixed sum of quote in coins: when the price rises, a
linear contract is worth more, and an inverse one fewer coins.
"""

import math
from decimal import Decimal
from fractions import Fraction

from exchanges.paper.listings import Listing
from exchanges.paper.records import PaperPosition
from protocol.models import PositionSide


def gain(listing: Listing, side: PositionSide, cost: Decimal, value: Decimal) -> Decimal:
    """Return the profit of contracts that were opened at one value and are closed at another."""
    return value - cost if _grows(listing, side) else cost - value


def profit(listing: Listing, position: PaperPosition, price: Decimal) -> Decimal:
    """Return the profit of a position, before fees, if it were closed at ``price``."""
    return gain(listing, position.side, position.cost, listing.value(price, position.amount))


def value_at_loss(listing: Listing, position: PaperPosition) -> Decimal:
    """Return the value of a position's contracts when its margin is lost."""
    return position.cost - position.margin if _grows(listing, position.side) else position.cost + position.margin


def bankruptcy(listing: Listing, position: PaperPosition) -> int | None:
    """Return the first price, in ticks, at which a position's margin is lost; None where no price takes it, as from an
    inverse short without leverage."""
    value, size = Fraction(value_at_loss(listing, position)), Fraction(listing.size(position.amount))
    if listing.inverse and value <= 0:
        return None
    price = size / value if listing.inverse else value / size
    return (math.floor if position.side is PositionSide.LONG else math.ceil)(listing.ticks(price))


def _grows(listing: Listing, side: PositionSide) -> bool:
    """Return True if a position gains as the value of its contracts does."""
    return (side is PositionSide.LONG) is not listing.inverse
