"""Text and JSON numbers to Decimal and back, exactly; market data to finite doubles."""

import re
from collections.abc import Sequence
from decimal import Decimal
from math import isfinite
from typing import Any

import orjson

# A number that is longer, or further from 1, is no price or amount, but a typing error or an attack on the arithmetic.
_MAX_DIGITS = 40
_MAX_EXPONENT = 40
_MAX_QUOTED = 40  # characters of a value that an error quotes
_NUMERIC = (str, int, float, Decimal)
_SECONDS_END = 10**11  # a time below it is in seconds, any other in milliseconds
_MILLISECONDS_END = 10**14
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
    if not 0 <= moment < _MILLISECONDS_END:
        raise _wrong(value, "time")
    return int(moment * 1000 if moment < _SECONDS_END else moment)


def doubles(column: Sequence[Any]) -> list[float]:
    """Return a column of market data, each cell as ``double`` reads it. Raises what ``double`` raises for the first
    wrong cell."""
    try:
        cells = _numbers_in(column) if set(map(type, column)) == {str} else column
        numbers = list(map(float, cells)) if set(map(type, cells)) <= {float, int} else []
    except (ValueError, OverflowError):
        numbers = []
    if len(numbers) == len(column) and isfinite(sum(numbers)):  # no sum with NaN or Infinity in it is
        return numbers
    return [double(value) for value in column]


def _numbers_in(texts: Sequence[str]) -> list[Any]:
    """Return the numbers in a column of texts by a JSON reader, which costs a fifth of float() and rounds the same.
    Where a text is no number, or more than one, a type or the count is another; empty where a -0 may lose its sign."""
    text = ",".join(texts)
    cells: list[Any] = orjson.loads(f"[{text}]")
    return [] if "-" in text and int in map(type, cells) else cells


def moments(column: Sequence[Any]) -> list[int]:
    """Return a column of times, each cell as ``milliseconds`` reads it, where all are alike without a Decimal. Raises
    what ``milliseconds`` raises for the first wrong cell."""
    try:
        alike = _whole_moments(column) if {float} != set(map(type, column)) else _moments_of_doubles(column)
    except ValueError:
        alike = None
    return [milliseconds(value) for value in column] if alike is None else alike


def _whole_moments(column: Sequence[Any]) -> list[int] | None:
    """Return times that are whole numbers, or their digits, of one unit; None where they are not alike."""
    kinds = set(map(type, column))
    if kinds == {str}:
        digits = "".join(column)
        if not (digits.isascii() and digits.isdigit()) or max(map(len, column)) > _MAX_DIGITS:
            return None
        column = list(map(int, column))
    elif kinds != {int}:
        return None
    first, last = min(column), max(column)
    if first >= _SECONDS_END and last < _MILLISECONDS_END:
        return list(column)
    return [moment * 1000 for moment in column] if first >= 0 and last < _SECONDS_END else None


def _moments_of_doubles(column: Sequence[float]) -> list[int] | None:
    """Return times that are seconds with a fraction, cut to milliseconds by their shortest text, because a product
    would round; None for any other."""
    if not (min(column) >= 1 and max(column) < _SECONDS_END):
        return None
    parts = (repr(seconds).partition(".") for seconds in column)
    return [int(whole + (fraction + "00")[:3]) for whole, _, fraction in parts]


def identifier(value: object) -> int | str:
    """Return an order's or trade's id as the exchange wrote it. Raises ValueError for what cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        raise _wrong(value, "id")
    str(value).encode()  # a lone surrogate is a UnicodeEncodeError, hence a ValueError
    return value
