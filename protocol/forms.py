"""The forms of the values that FMZ's host sends, as JSON Schema, for the OpenAPI document.

Each says what a reader of schemas.py takes, as far as a schema can: of a text's digits and letters a form may promise
less than is read, but never more, except that any character beyond ASCII stands for a letter.
"""

from collections.abc import Mapping
from typing import Any

Form = Mapping[str, Any]

_LEAST, _END = 1e-40, 1e40  # of a number that is read; nearer to 0 is only 0 itself
_PART = r"[^\x00-/:-@\[-`{-\x7f]{1,40}"  # no character of ASCII but letters and digits
_MARKET = rf"{_PART}(_{_PART})?(\.[A-Za-z0-9_-]{{1,40}})?"
_FRACTION = r"0*[0-9]{1,18}(\.[0-9]{0,18})?"
_POSITIVE_FRACTION = r"0*[1-9][0-9]{0,17}(\.[0-9]{0,18})?|0*\.0{0,17}[1-9][0-9]{0,17}"


def _text(pattern: str, longest: int | None = None) -> Form:
    return {"type": "string", "pattern": f"^({pattern})$"} | ({"maxLength": longest} if longest else {})


def _whole(least: int, end: float, pattern: str) -> Form:
    """Return the form of a whole number below an end, or of its text."""
    return {**_text(pattern, 40), "type": ["integer", "string"], "minimum": least, "exclusiveMaximum": end}


TEXT: Form = {"type": "string"}
SECRET: Form = {"type": "string", "maxLength": 8192}
SYMBOL = _text(_MARKET)
SYMBOL_OR_NONE = _text(f"{_MARKET}|")
CONTRACT = _text("[A-Za-z0-9_-]{1,40}")
NONCE = _whole(0, _END, "[0-9]*")
COUNT = _whole(0, 2**63, "0*[0-9]{1,18}")
COUNT_OR_NONE = _whole(0, 2**63, "0*[0-9]{1,18}|")
POSITIVE_COUNT = _whole(1, 2**63, "0*[1-9][0-9]{0,17}")
ORDER_ID: Form = {"type": ["integer", "string"], "minLength": 1, "maxLength": 128, "pattern": "^[!-~]*$"}
DIRECTION: Form = {"type": "string", "enum": ["buy", "sell", "closebuy", "closesell"]}
_POSITIVE: Form = {"type": "number", "minimum": _LEAST, "maximum": _END}
_NEGATIVE: Form = {"type": "number", "minimum": -_END, "maximum": -_LEAST}
_ZERO: Form = {"const": 0}
CHANGED_NUMBER: Form = {"anyOf": [_POSITIVE, {"const": -1}, _text(f"{_POSITIVE_FRACTION}|-1", 40)]}
POSITIVE_NUMBER: Form = {"anyOf": [_POSITIVE, _text(_POSITIVE_FRACTION, 40)]}
NUMBER: Form = {"anyOf": [_POSITIVE, _NEGATIVE, _ZERO, _text(f"[+-]?{_FRACTION}", 40)]}
SCALAR: Form = {"anyOf": [_POSITIVE, _NEGATIVE, _ZERO, {"type": ["string", "boolean"]}]}
