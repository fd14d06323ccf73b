"""Text and JSON numbers to Decimal and back, exactly; market data to finite doubles."""

import re
from decimal import Decimal
from math import isfinite
from typing import Any

# A number that is longer, or further from 1, is no price or amount, but a typing error or an attack on the arithmetic.
_MAX_DIGITS = 40
_MAX_EXPONENT = 40
_MAX_QUOTED = 40  # characters of a value that an error quotes
_NUMERIC = (str, int, float, Decimal)
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_WHOLE = re.compile(r"[0-9]{1,40}")


class WrongValue(ValueError):
    """A value that is not what it must be; its text is for people."""


def _wrong(value: object, kind: str) -> WrongValue:
    return WrongValue(f"{repr(value)[:_MAX_QUOTED]} is no {kind}")


def exact(value: object) -> Decimal:
    """Return the Decimal that a JSON number or its text stands for, to the last digit.

    Takes str, int and Decimal; a float only from market data, by its shortest text. Raises ValueError for everything
    that is not a plain finite ASCII number: booleans, ``NaN``, ``1_000``, full-width digits, ``1e5000``, ``""``.
    """
    if isinstance(value, bool) or not isinstance(value, _NUMERIC):
        raise _wrong(value, "number")
    text = value if isinstance(value, str) else str(value)
    if len(text) > _MAX_DIGITS + 8 or not _DECIMAL.fullmatch(text):
        raise _wrong(value, "number")
    number = Decimal(text)
    if len(number.as_tuple().digits) > _MAX_DIGITS or (number and abs(number.adjusted()) > _MAX_EXPONENT):
        raise _wrong(value, "number in range")
    return number


def plain(number: Decimal) -> str:
    """Return a number as plain decimal digits, never with an exponent: ``Decimal("1E-8")`` → ``"0.00000001"``."""
    return format(number, "f")


def whole(value: object) -> int:
    """Return the non-negative whole number that a JSON integer or its text stands for. Raises ValueError for anything
    else."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _wrong(value, "whole number")
    text = str(value)
    if not _WHOLE.fullmatch(text):
        raise _wrong(value, "whole number")
    return int(text)


def double(value: Any) -> float:
    """Return market data, a JSON number or its text, as a finite double. Raises ValueError or TypeError for anything
    else."""
    if value is True or value is False:
        raise _wrong(value, "number")
    try:
        number = float(value)
    except (ValueError, TypeError, OverflowError):
        raise _wrong(value, "number") from None
    if not isfinite(number):
        raise _wrong(value, "number")
    return number


def milliseconds(value: object) -> int:
    """Return a time in milliseconds since the epoch, from seconds or milliseconds as number or text.

    Both units are in use, even within one exchange, and cannot be mistaken: 10^11 is the year 5138 or 1973. Raises
    ValueError for what is neither.
    """
    moment = exact(value)
    if not 0 <= moment < 10**14:
        raise _wrong(value, "time")
    return int(moment * 1000 if moment < 10**11 else moment)


def identifier(value: object) -> int | str:
    """Return an order's or trade's id as the exchange wrote it. Raises ValueError for what cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        raise _wrong(value, "id")
    str(value).encode()  # a lone surrogate is a UnicodeEncodeError, hence a ValueError
    return value
