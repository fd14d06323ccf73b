"""The shape of a request, without what it says: the names, the types and the forms of its parts."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from protocol.names import PASS_THROUGH, method_name

_SECRET = re.compile(r"key|secret|pass|token|sign|otp", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9_./:-]{1,80}")
_SHORTEST = 4  # characters of a secret that is looked for: a shorter one would be found everywhere
_LONGEST = 60  # characters of a form
_MOST = 20  # members of a list or an object
_DEPTH = 4
_HIDDEN = "?"


def describe(body: bytes) -> dict[str, Any]:
    """Return the method of a request and the names, in their order and case, and the types of everything in it. Of keys
    and secrets it tells the type alone, and of a text that contains one nothing."""
    try:
        call = json.loads(body)
    except (ValueError, RecursionError):
        return {"body": "no JSON", "bytes": len(body)}
    if not isinstance(call, dict):
        return {"body": _type(call), "bytes": len(body)}
    secrets = tuple(_secrets(call))
    method = next((value for name, value in call.items() if name.lower() == "method"), None)
    return {
        "method": _safe(str(method), secrets),
        "known": _known(str(method)),
        "body": {_safe(name, secrets): _shape(value, name, secrets) for name, value in list(call.items())[:_MOST]},
    }


def safe_names(names: Iterable[str], body: bytes) -> list[str]:
    """Return names as they are, without any that contains a secret of a body."""
    try:
        call = json.loads(body)
    except (ValueError, RecursionError):
        call = None
    secrets = tuple(_secrets(call))
    return [_safe(name, secrets) for name in names]


def _known(method: str) -> bool:
    return method.startswith(PASS_THROUGH) or bool(method_name(method))


def _shape(value: Any, name: str, secrets: tuple[str, ...], depth: int = 0) -> Any:
    if _SECRET.search(name):
        return _type(value)
    if depth < _DEPTH and isinstance(value, dict):
        members = list(value.items())[:_MOST]
        return {_safe(one, secrets): _shape(it, one, secrets, depth + 1) for one, it in members}
    if depth < _DEPTH and isinstance(value, list):
        return [_shape(it, "", secrets, depth + 1) for it in value[:_MOST]]
    return _type(value) if isinstance(value, bool | dict | list | None) else f"{_type(value)} {_form(value, secrets)}"


def _form(value: object, secrets: tuple[str, ...]) -> str:
    """Return a value with each letter and digit replaced: ``AAA_AAAA.aaaa`` for ``BTC_USDT.swap``."""
    text = str(value)
    if any(secret in text for secret in secrets):
        return _HIDDEN
    masked = re.sub("[A-Z]", "A", re.sub("[a-z]", "a", re.sub("[0-9]", "9", text.encode("ascii", "replace").decode())))
    return masked[:_LONGEST]


def _safe(name: str, secrets: tuple[str, ...]) -> str:
    return name if _NAME.fullmatch(name) and not any(secret in name for secret in secrets) else _HIDDEN


def _type(value: object) -> str:
    kinds: Mapping[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string", dict: "object"}
    return "null" if value is None else kinds.get(type(value), "array")


def _secrets(value: object, name: str = "") -> Iterable[str]:
    """Yield every text in a request that is a key or a secret, and each part of one with commas."""
    if isinstance(value, dict):
        for one, it in value.items():
            yield from _secrets(it, one)
    elif isinstance(value, list):
        for it in value:
            yield from _secrets(it, name)
    elif name and _SECRET.search(name) and value not in (None, ""):
        text = str(value)
        yield from (part for part in {text, *text.split(",")} if len(part) >= _SHORTEST)
