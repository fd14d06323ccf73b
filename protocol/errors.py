"""The one error tree: everything FMZ is ever told when a call fails.

Each class has a stable upper-case label, which starts every text, because FMZ users filter their logs by text.
A message is written for a trader at 3 a.m.: what happened, and what to do. It never contains a URL's query, a header,
a body or a secret.
"""

from typing import ClassVar

UNREADABLE = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)
"""What a reader raises on an exchange's reply that is not as documented."""


class GatewayError(Exception):
    """A failure told to FMZ as ``{"error": "<LABEL> <message>"}``. code: the exchange's own, empty where there is
    none."""

    label: ClassVar[str] = "INTERNAL_ERROR"

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code

    def __str__(self) -> str:
        return f"{self.label} {self.message}"


class InvalidCall(GatewayError):
    """The call is malformed, or names something that is not here. Nothing was sent."""

    label = "INVALID_CALL"


class AccessDenied(GatewayError):
    """The caller may not use this gateway: token, address, Host or Origin. Nothing was sent."""

    label = "ACCESS_DENIED"


class NotAllowed(GatewayError):
    """A setting of this gateway forbids it. Nothing was sent."""

    label = "NOT_ALLOWED"


class Unsupported(GatewayError):
    """This exchange cannot do it. Nothing was sent."""

    label = "UNSUPPORTED"


class NotSent(GatewayError):
    """Refused by us or by the network before a byte of the request left: safe to ask again."""

    label = "NOT_SENT"


class OutcomeUnknown(GatewayError):
    """Bytes left and no definite answer came back. For a read that is a nuisance; for an order see below."""

    label = "NO_DEFINITE_ANSWER"


class ExchangeFailed(OutcomeUnknown):
    """The exchange's server failed, HTTP 5xx. A call that changes nothing may be asked again."""


class OrderStateUnknown(OutcomeUnknown):
    """An order was sent and no definite answer came back: whether it exists is not known."""

    label = "ORDER_STATE_UNKNOWN"


class ExchangeError(GatewayError):
    """The exchange answered no, with its own code and words."""

    label = "REFUSED"


class AuthenticationFailed(ExchangeError):
    """The key, secret, passphrase, signature, address or permission was not accepted."""

    label = "AUTHENTICATION_FAILED"


class WrongTime(AuthenticationFailed):
    """The exchange's clock and ours differ by more than it accepts."""


class InsufficientFunds(ExchangeError):
    """The account holds too little, free of other orders, for this one."""

    label = "INSUFFICIENT_FUNDS"


class InvalidOrder(ExchangeError):
    """The order breaks a rule of its market: price step, amount step, least amount or value."""

    label = "INVALID_ORDER"


class OrderNotFound(ExchangeError):
    """The exchange knows no such order."""

    label = "ORDER_NOT_FOUND"


class OrderFilled(ExchangeError):
    """The order cannot be cancelled any more: it is filled."""

    label = "ORDER_FILLED"


class RateLimited(ExchangeError):
    """Too many calls; the exchange, or our own count of its limits, says wait."""

    label = "RATE_LIMITED"


class Maintenance(ExchangeError):
    """The exchange, or this market of it, is closed for now."""

    label = "MAINTENANCE"


def cause(error: Exception) -> str:
    """Return the class of what failed beneath a library's own error: its words may quote what nobody may read."""
    return type(getattr(error, "orig", None) or error).__name__


def recalled(text: str) -> GatewayError:
    """Return the error that an earlier call failed with, from its text."""
    label, _, message = text.partition(" ")
    kinds = [GatewayError]
    for kind in kinds:
        if kind.label == label:
            return kind(message)
        kinds += kind.__subclasses__()
    return GatewayError(text)
