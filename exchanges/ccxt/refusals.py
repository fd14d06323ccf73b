"""Turns a failed call through ccxt into our error: by ccxt's class of error where an exchange's answer arrived, by what
may have left where none did. ccxt's own texts carry URLs with their signatures, so only the reply's code and words are
used."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from exchanges.base import (
    AuthenticationFailed,
    ExchangeError,
    InsufficientFunds,
    InvalidCall,
    InvalidOrder,
    Maintenance,
    OrderNotFound,
    OutcomeUnknown,
    RateLimited,
    Unsupported,
    WrongTime,
)
from protocol.errors import GatewayError


class Unchanged(ExchangeError):
    """A change of what is as asked already, such as a leverage."""


REFUSALS: Mapping[str, type[GatewayError]] = {
    "InsufficientFunds": InsufficientFunds,
    "OrderNotFound": OrderNotFound,
    "DuplicateOrderId": OutcomeUnknown,  # an order has our id, perhaps this one
    "InvalidOrder": InvalidOrder,
    "AuthenticationError": AuthenticationFailed,
    "InvalidNonce": WrongTime,
    "RateLimitExceeded": RateLimited,
    "DDoSProtection": RateLimited,
    "OnMaintenance": Maintenance,
    "MarketClosed": Maintenance,
    "NoChange": Unchanged,
    "ExchangeError": ExchangeError,
    "BaseError": OutcomeUnknown,  # ccxt's OperationFailed: a timeout, a server that is not available, a bad reply
}
"""ccxt's classes → our errors, where a reply arrived; the most special class decides."""

NEVER_SENT: Mapping[str, type[GatewayError]] = {
    "BadSymbol": InvalidCall,
    "BadRequest": InvalidCall,
    "InvalidOrder": InvalidOrder,
    "AuthenticationError": AuthenticationFailed,
    "BaseError": Unsupported,  # what ccxt, or this exchange in it, cannot do
}
"""ccxt's classes → our errors, where it gave up before it asked the exchange."""

_UNCLEAR = re.compile(
    r"time.?out|timed out|busy|internal|system|server|unavailable|try again|later|unknown|process|overload|gateway"
    r"|exception|concurren|network|fail(ed)? to (place|create|submit)",
    re.IGNORECASE,
)
"""Words with which an error that ccxt cannot name leaves open what became of an order."""

_DUPLICATE = re.compile(r"duplicat|already (exist|used|in use)|not unique", re.IGNORECASE)
"""Words of an exchange that has an order with our id, perhaps this one."""

WRONG_KEYS = re.compile(r"invalid (api.?key|sign)|signature.{0,40}(not valid|invalid|mismatch)", re.IGNORECASE)
"""Words of an error that ccxt cannot name, but that is about keys."""

_CODES = (
    "sCode",
    "code",
    "retCode",
    "ret_code",
    "err-code",
    "error_code",
    "errorCode",
    "err_code",
    "mc",
    "rc",
    "status",
)
_WORDS = (
    "errors", "sMsg", "msg", "message", "retMsg", "ret_msg", "err-msg", "error_message", "errorMsg", "err_msg",
    "error_description", "msgInfo", "ma", "detail", "reason", "error",
)  # fmt: skip
_INSIDE = ("data", "error", "result", "errors")


def kind_of(lineage: Iterable[str], table: Mapping[str, type[GatewayError]]) -> type[GatewayError] | None:
    """Return our error for ccxt's classes, None for an error that is not ccxt's."""
    return next((table[name] for name in lineage if name in table), None)


def definite(kind: type[GatewayError], lineage: list[str], code: str, words: str) -> bool:
    """Return True where an answer, with this code and these words, says that an order was not made."""
    if issubclass(kind, OutcomeUnknown) or _DUPLICATE.search(words):
        return False
    if lineage[:1] != ["ExchangeError"]:
        return True
    return bool(words) and not _UNCLEAR.search(f"{code} {words}")  # a bare code may be that of a busy server


def before_sending(name: str, lineage: list[str], error: Exception) -> GatewayError:
    """Return the error for a call that ccxt ended before it asked the exchange for anything."""
    kind = kind_of(lineage, NEVER_SENT)
    what = lineage[0] if lineage else type(error).__name__
    if kind is None:
        return Unsupported(
            f"{name}: the ccxt library cannot make this call ({what}); a key may have the wrong form. Nothing was sent"
        )
    why = {
        InvalidCall: "does not know such a market or parameter",
        InvalidOrder: "takes no such order",
        AuthenticationFailed: "needs other keys, see the secret key's form in docs/EXCHANGES.md",
    }.get(kind, "cannot do that on this exchange")
    return kind(f"{name}: the ccxt library {why} ({what}); nothing was sent")


def code_and_words(payload: Any) -> tuple[str, str]:
    """Return an exchange's own error code and text, wherever common forms of replies have them; empty if nowhere."""
    objects = list(_objects(payload))
    code = next((str(row[name]) for row in objects for name in _CODES if _is_text(row.get(name))), "")
    words = next((text for row in objects for name in _WORDS if (text := _text(row.get(name)))), "")
    return ("", words) if code == words else (code, words)


def _objects(payload: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of a reply that may say what is wrong, the innermost first: there is the order's own word."""
    if isinstance(payload, list):
        payload = payload[0] if payload else None
    if isinstance(payload, dict):
        for name in _INSIDE:
            yield from _objects(payload.get(name))
        yield payload


def _is_text(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value not in ("", 0, "0")


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(filter(None, map(_text, value)))
    if isinstance(value, dict):
        return "; ".join(f"{name}: {text}" for name, inner in value.items() if (text := _text(inner)))
    return value if isinstance(value, str) else ""
