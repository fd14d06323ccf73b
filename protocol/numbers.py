"""Text and JSON numbers to Decimal and back, exactly; market data to finite doubles."""

import re
from decimal import Decimal
from math import isfinite
from typing import Any

# Longer or further from 1 than this is no price or amount; it is a typing error or an attack on the exact arithmetic.
_MAX_DIGITS = 40
_MAX_EXPONENT = 40
_NUMERIC = (str, int, float, Decimal)
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_WHOLE = re.compile(r"[0-9]{1,40}")


def exact(value: object) -> Decimal:
    """The Decimal that a JSON number or its text stands for, to the last digit.

    Takes str, int and Decimal; a float only from market data, by its shortest text. Raises ValueError for everything
    that is not a plain finite ASCII number: booleans, ``NaN``, ``1_000``, full-width digits, ``1e5000``, ``""``.
    """
    if isinstance(value, bool) or not isinstance(value, _NUMERIC):
        raise ValueError("not a number")
    text = value if isinstance(value, str) else str(value)
    if len(text) > _MAX_DIGITS + 8 or not _DECIMAL.fullmatch(text):
        raise ValueError("not a plain number")
    number = Decimal(text)
    if len(number.as_tuple().digits) > _MAX_DIGITS or (number and abs(number.adjusted()) > _MAX_EXPONENT):
        raise ValueError("a number out of range")
    return number


def plain(number: Decimal) -> str:
    """The number as plain decimal digits, never with an exponent: ``Decimal("1E-8")`` → ``"0.00000001"``."""
    return format(number, "f")


def whole(value: object) -> int:
    """The non-negative whole number that a JSON integer or its text stands for; ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("not a whole number")
    text = str(value)
    if not _WHOLE.fullmatch(text):
        raise ValueError("not a whole number")
    return int(text)


def double(value: Any) -> float:
    """Market data as a finite double, from a JSON number or its text; ValueError or TypeError for anything else."""
    if value is True or value is False:
        raise ValueError("not a number")
    number = float(value)
    if not isfinite(number):
        raise ValueError("not a finite number")
    return number


def milliseconds(value: object) -> int:
    """A moment in milliseconds since the epoch, from seconds or milliseconds as number or text.

    Both units are in use, even within one exchange, and cannot be mistaken: 10^11 is the year 5138 or 1973. Raises
    ValueError for what is neither.
    """
    moment = exact(value)
    if not 0 <= moment < 10**14:
        raise ValueError("not a time in seconds or milliseconds")
    return int(moment * 1000 if moment < 10**11 else moment)


def identifier(value: object) -> int | str:
    """An order's or trade's id as the exchange wrote it; ValueError for what cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int | str) or not value:
        raise ValueError("not an id")
    str(value).encode()  # a lone surrogate is a UnicodeEncodeError, hence a ValueError
    return value
