"""Exact money, and how it is rounded where it is divided."""

from decimal import ROUND_DOWN, ROUND_UP, Context, Decimal

from protocol.numbers import plain

NOTHING = Decimal(0)
_CENT = Decimal("1E-12")
_GRAIN = Decimal("1E-18")
_WIDE = Context(prec=120)  # an absurdly large order must be refused for lack of money, not fail for its digits


def rounded_down(money: Decimal) -> Decimal:
    """Return money, rounded down to whole trillionths: margin, and prices."""
    return money.quantize(_CENT, ROUND_DOWN, _WIDE)


def rounded_up(money: Decimal) -> Decimal:
    """Return money, rounded up to whole trillionths: fees."""
    return money.quantize(_CENT, ROUND_UP, _WIDE)


def quotient(money: Decimal, divisor: Decimal) -> Decimal:
    """Return money divided, rounded down to 18 decimals: values in a coin, of which prices are found again."""
    return _WIDE.divide(money, divisor).quantize(_GRAIN, ROUND_DOWN, _WIDE)


def share(money: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """Return the share of money that a part of a whole has, rounded down as ``quotient``; of the whole, all of it."""
    return quotient(_WIDE.multiply(money, part), whole)


def trimmed(number: Decimal) -> Decimal:
    """Return the number without trailing zeros."""
    return number.normalize(_WIDE)


def shown(number: Decimal) -> str:
    """Return the number as text, without trailing zeros."""
    return plain(trimmed(number))
