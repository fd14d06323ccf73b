"""The error tree: every failure that FMZ is ever told.

Each class has a stable upper-case label, which starts every text, because FMZ users filter their logs by text. A
message is written for a trader at 3 a.m.: what happened, and what to do. It never contains a URL's query, a header, a
body or a secret.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar

UNREADABLE = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)
"""The exceptions that a reader raises on an exchange's reply that is not as documented."""


@contextmanager
def reading(unreadable: Callable[[Exception], Exception]) -> Iterator[None]:
    """Raise what ``unreadable`` returns for an exception that UNREADABLE lists."""
    try:
        yield
    except UNREADABLE as error:
        raise unreadable(error) from error


class GatewayError(Exception):
    """A failure, answered to FMZ as ``{"error": "<LABEL> <message>"}``. code: the exchange's own, empty if there is
    none."""

    label: ClassVar[str] = "INTERNAL_ERROR"
    preface: ClassVar[str] = ""
    """Words between the label and every message."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code

    def __str__(self) -> str:
        return f"{self.label} {self.preface}{self.message}"


class InvalidCall(GatewayError):
    """A malformed call, or one that names something unknown. Nothing was sent."""

    label = "INVALID_CALL"


class AccessDenied(GatewayError):
    """A caller that may not use this gateway: token, address, Host or Origin. Nothing was sent."""

    label = "ACCESS_DENIED"


class NotAllowed(GatewayError):
    """A call that a setting of this gateway forbids. Nothing was sent."""

    label = "NOT_ALLOWED"


class Unsupported(GatewayError):
    """A call that this exchange cannot do. Nothing was sent."""

    label = "UNSUPPORTED"
    preface = "not supported: "  # FMZ's own words, for which strategies look


class NotSent(GatewayError):
    """A call that was not sent, or is known to have had no effect: safe to try again."""

    label = "NOT_SENT"


class Busy(GatewayError):
    """A call that waited for a thread for too long, because others wait for its exchange. Nothing was sent."""

    label = "BUSY"


class OutcomeUnknown(GatewayError):
    """A call that was sent and got no definite answer. A read may be repeated; for an order see OrderStateUnknown."""

    label = "NO_DEFINITE_ANSWER"


class ExchangeFailed(OutcomeUnknown):
    """A failure of the exchange's server, HTTP 5xx. A call that changes nothing may be repeated."""


class OrderStateUnknown(OutcomeUnknown):
    """An order, or a modification of one, that was sent and got no definite answer: it may be there."""

    label = "ORDER_STATE_UNKNOWN"


class ExchangeError(GatewayError):
    """A refusal by the exchange, with its own code and words."""

    label = "REFUSED"


class AuthenticationFailed(ExchangeError):
    """A key, secret, passphrase, signature, address or permission that was not accepted."""

    label = "AUTHENTICATION_FAILED"


class WrongTime(AuthenticationFailed):
    """A difference between the exchange's clock and ours that is greater than it accepts."""


class InsufficientFunds(ExchangeError):
    """An order for which the account holds too little that is free of other orders."""

    label = "INSUFFICIENT_FUNDS"


class InvalidOrder(ExchangeError):
    """An order that breaks a rule of its market: price step, amount step, least amount or value."""

    label = "INVALID_ORDER"


class OrderNotFound(ExchangeError):
    """An order that the exchange does not know."""

    label = "ORDER_NOT_FOUND"


class OrderFilled(ExchangeError):
    """An order that cannot be cancelled or modified any more, because it is filled."""

    label = "ORDER_FILLED"


class RateLimited(ExchangeError):
    """A call beyond a rate limit, by the exchange's word or by our own count."""

    label = "RATE_LIMITED"


class Maintenance(ExchangeError):
    """A call to an exchange, or to a market of it, that is closed for now."""

    label = "MAINTENANCE"


class NoPrice(Maintenance):
    """A market that has no price yet: it is so new that there is no trade, and no order in its book."""


def cause(error: Exception) -> str:
    """Return the class name of the error beneath a library's own one; never its text, which may quote a secret."""
    return type(getattr(error, "orig", None) or error).__name__


def kinds() -> list[type[GatewayError]]:
    """Return all classes of errors, each after the one above it."""
    found = [GatewayError]
    for kind in found:
        found += kind.__subclasses__()
    return found


def recalled(text: str) -> GatewayError:
    """Return the error of an earlier call, made from its text."""
    label, _, message = text.partition(" ")
    kind = next((kind for kind in kinds() if kind.label == label), None)
    return kind(message.removeprefix(kind.preface)) if kind else GatewayError(text)


@contextmanager
def before_sending(what: str = "the order") -> Iterator[None]:
    """Turn OutcomeUnknown into NotSent: what a call is for has not been sent itself."""
    try:
        yield
    except OutcomeUnknown as error:
        raise NotSent(
            f"{error.message.rstrip('.')}. That was asked before {what}, which was not sent: it is safe to try again"
        ) from None
