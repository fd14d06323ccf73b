"""The meaning of an exchange's replies: the useful part, or the error that a refusal is."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from protocol.errors import (
    UNREADABLE,
    AuthenticationFailed,
    ExchangeError,
    ExchangeFailed,
    GatewayError,
    OutcomeUnknown,
    RateLimited,
)
from protocol.numbers import WrongValue
from transport.credentials import Credentials
from transport.reply import MAX_EXCERPT, Reply
from transport.vendor import Vendor

T = TypeVar("T")


class Meaning(Vendor):
    """The reader of one account's replies, by the exchange's own tables of errors."""

    credentials: Credentials
    replies: list[bytes]
    """The JSON texts of the exchange's replies to this object's calls."""

    def unwrap(self, payload: Any) -> Any:
        """Return the useful part of a reply, or raise ``self.refused(code, text)``."""
        return payload

    def scrub(self, text: str) -> str:
        """Return a text without any part of a key, secret or signature; see ``Credentials.scrub``."""
        return self.credentials.scrub(text, self.name)

    def refused(self, code: object, text: object) -> GatewayError:
        """Return the error for the exchange's own code and text."""
        said = self.scrub(f"{code} {text}".strip())
        kind = next((kind for pattern, kind in self.refusal_texts.items() if re.match(pattern, said)), None)
        kind = kind or self.entry(self.refusals, str(code)) or ExchangeError
        return kind(f"{self.name} {' '.join(said.split())[:MAX_EXCERPT]}", code=self.scrub(str(code)))

    def entry(self, table: Mapping[str, T], code: str) -> T | None:
        """Return the entry of an error code in a table, None if there is none."""
        return table.get(code)

    def unreadable(self, error: Exception) -> Exception:
        """Return the error for a reply that a reader could not make sense of; our own mistakes are returned
        unchanged."""
        if not self.replies:
            return error
        return OutcomeUnknown(f"{self.name}: the reply is not as its documentation says ({self.what_is_wrong(error)})")

    def what_is_wrong(self, error: Exception) -> str:
        """Return what a reader could not make sense of, in a trader's words."""
        if isinstance(error, KeyError):
            return self.scrub(f"it lacks {error}")
        return self.scrub(str(error)) if isinstance(error, WrongValue) else "it has another form"

    def _read(self, reply: Reply, *, exact: bool) -> Any:
        """Return the useful part of a reply, which is noted among ``replies``; exact: True to keep its numbers exact.
        Raises the error that the refusal is, by code or HTTP status; OutcomeUnknown for what cannot be read."""
        refusal = refusal_by_status(reply.status) or OutcomeUnknown
        try:
            useful = self.unwrap(reply.json(exact=exact))
        except ExchangeError as error:
            # The HTTP status says more than a code that is in no table.
            if type(error) is ExchangeError and reply.status >= 400:
                raise refusal(error.message, code=error.code) from None
            raise
        except UNREADABLE:
            pass
        else:
            if reply.status < 400:
                self.replies.append(reply.body)
                return useful
        raise refusal(self.scrub(f"{self.name} HTTP {reply.status}: {reply.excerpt()}"))


def refusal_by_status(status: int) -> type[GatewayError] | None:
    """Return the error that an HTTP status means by itself, None for one that is no refusal."""
    general = ExchangeFailed if status >= 500 else ExchangeError if status >= 400 else None
    return _BY_STATUS.get(status, general)


_BY_STATUS: Mapping[int, type[GatewayError]] = {
    401: AuthenticationFailed,
    408: OutcomeUnknown,
    418: RateLimited,
    429: RateLimited,
}
