"""A call as FMZ's host writes it, for whoever calls the gateway in the host's place."""

import json
from collections.abc import Iterable
from typing import Any

from protocol.errors import InvalidCall
from protocol.names import KEYLESS, method_name

KEY_FIELDS = ("access_key", "secret_key")


def is_public(method: str) -> bool:
    """Return True for a method that needs no key, in any spelling."""
    return method_name(method) in KEYLESS


def read_params(words: Iterable[str]) -> dict[str, Any]:
    """Return the parameters in words such as ``symbol=BTC_USDT``: text, as FMZ sends them, or JSON where a value begins
    as a list or an object. Raises InvalidCall."""
    params: dict[str, Any] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not (name and sign):
            raise InvalidCall(f"{word!r} is no parameter; expected name=value, such as symbol=BTC_USDT")
        try:
            params[name] = json.loads(value) if value[:1] in ("[", "{") else value
        except ValueError:
            raise InvalidCall(f"the value of {name} begins like JSON and is none") from None
    return params


def write_call(method: str, params: dict[str, Any], keys: Iterable[str] = ()) -> str:
    """Return the text of a call. keys: access key and secret key, none for a call without."""
    return json.dumps({**dict(zip(KEY_FIELDS, keys, strict=False)), "method": method, "params": params})
