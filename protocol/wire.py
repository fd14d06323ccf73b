"""FMZ's JSON, read strictly and written exactly."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NoReturn

import orjson

from protocol.errors import InvalidCall
from protocol.numbers import plain


def read(body: bytes) -> dict[str, Any]:
    """Return the JSON object in a request's body, its numbers as int or Decimal.

    Raises InvalidCall for a body that is no JSON object, or that two readers could understand differently: other
    encodings than UTF-8, duplicate keys, ``NaN``, numbers of thousands of digits, extreme nesting.
    """
    if not body.strip():
        raise InvalidCall("the body is empty; FMZ sends a JSON object with method and params")
    try:
        call = json.loads(
            body.decode("utf-8"), object_pairs_hook=_unique, parse_float=Decimal, parse_constant=_no_constant
        )
    except RecursionError:
        raise InvalidCall("the body is nested too deeply") from None
    except (ValueError, ArithmeticError):
        raise InvalidCall("the body is not valid JSON in UTF-8") from None
    if not isinstance(call, dict):
        raise InvalidCall("the body is not a JSON object")
    return call


def write(reply: object) -> bytes:
    """Return the JSON text of a reply; Decimals become plain JSON numbers of the same digits."""
    return orjson.dumps(reply, default=_exact)


def verbatim(replies: Sequence[bytes], marks: Mapping[str, object] | None = None) -> orjson.Fragment:
    """Return JSON texts to put into a reply as they are, an exchange's own replies: a single one itself, several as a
    list.

    Our ``marks`` come first among the members of an object. Anything else becomes the member ``reply`` beside them.
    """
    text = replies[0].strip() if len(replies) == 1 else b"[" + b",".join(replies) + b"]"
    if not marks:
        return orjson.Fragment(text)
    ours = orjson.dumps(dict(marks), default=_exact)[:-1]
    if not replies:
        return orjson.Fragment(ours + b"}")
    if not text.startswith(b"{"):
        return orjson.Fragment(ours + b',"reply":' + text + b"}")
    rest = text[1:].strip()
    return orjson.Fragment(ours + (rest if rest == b"}" else b"," + rest))


def _exact(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(plain(value))
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidCall("the body has a key twice, and it is not clear which one counts")
    return found


def _no_constant(name: str) -> NoReturn:
    raise InvalidCall(f"{name} is not a number")
