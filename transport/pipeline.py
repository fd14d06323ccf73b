"""The pipeline of every call to an exchange: its limits, a nonce, a signature, one request, and what the reply means. A
call that changes nothing is made again when it was not sent, or when the exchange's server failed.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import Any, Self, TypeVar

import requests
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_before_delay, wait_exponential_jitter

from protocol.deadline import Deadline
from protocol.errors import (
    UNREADABLE,
    AuthenticationFailed,
    ExchangeError,
    ExchangeFailed,
    GatewayError,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    WrongTime,
)
from transport.reply import MAX_EXCERPT, Reply
from transport.signing import Credentials
from transport.upstream import Upstream
from transport.vendor import Vendor

T = TypeVar("T")

_ATTEMPTS = 3  # of a call that changes nothing
_CLOCK_PATIENCE = 2.0  # seconds for the exchange to tell its time, and at most half of what is left


class Pipeline(Vendor, ABC):
    """One account's calls to one exchange, for the time of one call of FMZ.

    request: tells one request of FMZ from another, for the client id of its order; empty when nothing does.
    """

    def __init__(self, credentials: Credentials, upstream: Upstream, deadline: Deadline, request: str = "") -> None:
        self.credentials = credentials
        self.upstream = upstream
        self.deadline = deadline
        self.request = request
        self.replies: list[bytes] = []
        """The JSON texts of the exchange's replies to this object's calls."""

    @cached_property
    def account(self) -> str:
        """A name for the account that can be stored: no key can be read back from it."""
        return self.credentials.account

    def scrub(self, text: str) -> str:
        """Return a text without any part of a key, secret or signature."""
        return self.credentials.scrub(text)

    def fresh(self, deadline: Deadline | None = None) -> Self:
        """Return the same account's exchange with replies of its own and, if given, another deadline."""
        return type(self)(self.credentials, self.upstream, deadline or self.deadline, self.request)

    def apart(self, ask: Callable[[Self], T], deadline: Deadline | None = None) -> T:
        """Ask for what a call only depends on, such as a rule or a mode: the replies are not those of the call."""
        exchange = self.fresh(deadline)
        try:
            return ask(exchange)
        except UNREADABLE as error:
            raise exchange.unreadable(error) from error

    @abstractmethod
    def unwrap(self, payload: Any) -> Any:
        """Return the useful part of a reply, or raise ``self.refused(code, text)``."""

    def render(self, value: Any) -> Any:
        """Return a parameter's value as the exchange writes it."""
        return value

    def call(
        self,
        verb: str,
        resource: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, Any] | None = None,
        signed: bool = False,
        safe: bool | None = None,
    ) -> Any:
        """Make one HTTP call and return the useful part of its reply.

        params: None is left out, other values are rendered. A value of ``params`` or ``headers`` may be a function, for
        what depends on the time: it is called when the request is made, after all waiting. safe: True where the call
        changes nothing at the exchange, so that it may be made again when it was not sent, or when the exchange's
        server failed; without it, what HTTP says of the verb. Signed replies keep their numbers exact; public ones are
        read as doubles. Raises AuthenticationFailed for missing keys before anything is sent, RateLimited when the wait
        for a limit would be longer than the deadline, else what ``http`` and ``unwrap`` raise.
        """
        if signed and not (self.credentials.key and self.credentials.secret):
            raise AuthenticationFailed(f"{self.name} needs both an access key and a secret key; nothing was sent")
        given = {name: self.render(value) for name, value in (params or {}).items() if value is not None}

        def ask() -> Any:
            return self._ask(verb, self.path(resource), given, headers or {}, signed)

        if not (verb == "GET" if safe is None else safe):
            return ask()
        attempts = Retrying(
            retry=retry_if_exception_type((NotSent, ExchangeFailed, WrongTime)),
            stop=stop_after_attempt(_ATTEMPTS) | stop_before_delay(self.deadline.left()),
            wait=wait_exponential_jitter(multiplier=0.05, max=1.0, jitter=0.05),
            sleep=self.upstream.services.sleep,
            reraise=True,
        )
        failed: list[GatewayError] = []

        def attempt() -> Any:
            try:
                return ask()
            except GatewayError as error:
                failed.append(error)
                # Where the limits leave no time to ask again, the first failure is what there is to tell.
                raise failed[0] if isinstance(error, RateLimited) else error from None

        return attempts(attempt)

    def get(self, resource: str, /, **params: Any) -> Any:
        """Make a public GET; see ``call``."""
        return self.call("GET", resource, params=params)

    def signed(self, verb: str, resource: str, /, **params: Any) -> Any:
        """Make a signed call; see ``call``."""
        return self.call(verb, resource, params=params, signed=True)

    def now(self) -> int:
        """Return the time by the exchange's clock, in ms since the epoch; by ours where the exchange does not tell."""
        offset = self.clock_offset()  # first, for it may have to be measured
        return self.upstream.services.now() + offset

    def clock_offset(self) -> int:
        """Return how far the exchange's clock is ahead of ours, in ms; 0 where that cannot be told."""
        return self.upstream.clock.get(self._measure_clock)

    def time(self) -> int | None:
        """Return the exchange's own clock in ms since the epoch, asked without a signature, and once, for the round
        trip counts; None where it need not be known."""
        return None

    def refused(self, code: object, text: object) -> GatewayError:
        """Return the error for the exchange's own code and text."""
        said = self.scrub(f"{code} {text}".strip())
        kind = next((kind for pattern, kind in self.refusal_texts.items() if re.match(pattern, said)), None)
        kind = kind or self.entry(self.refusals, str(code)) or ExchangeError
        return kind(f"{self.name} {' '.join(said.split())[:MAX_EXCERPT]}", code=self.scrub(str(code)))

    def entry(self, table: Mapping[str, T], code: str) -> T | None:
        """Return what a table says of an error code, None where the code is not in it."""
        return table.get(code)

    def unreadable(self, error: Exception) -> Exception:
        """Return the error for a reply that a reader could not make sense of; our own mistakes stay what they are."""
        if not self.replies:
            return error
        missing = f"it lacks {error}" if isinstance(error, KeyError) else type(error).__name__
        return OutcomeUnknown(f"{self.name}: the reply is not as its documentation says ({missing})")

    def _ask(self, verb: str, path: str, params: Mapping[str, Any], headers: Mapping[str, Any], signed: bool) -> Any:
        # A function's value is not known before the request is made.
        known = {name: value for name, value in params.items() if not callable(value)}
        self.upstream.limits.take(f"{verb} {path}", known, self.credentials, self.deadline.left())
        with self._nonce(signed) as nonce:
            carries = self.sends if verb in ("POST", "PUT", "PATCH") else "query"
            asked = _evaluated(params)
            request = requests.Request(
                verb,
                self.upstream.address + path,
                headers={**self.upstream.headers, **_evaluated(headers)},
                params=asked if carries == "query" else None,
                data=asked if carries == "form" else None,
                json=asked if carries == "json" else None,
                auth=self.signer(self.credentials, self.now, nonce) if signed else None,
            )
            reply = self.upstream.services.http.send(self.name, request, self.deadline)
        try:
            return self._read(reply, exact=signed)
        except WrongTime:
            self.upstream.clock.forget()
            raise
        except GatewayError as error:
            limited = isinstance(error, RateLimited)  # else the status alone may be a ban
            self.upstream.limits.heed(
                reply.status,
                reply.retry_after,
                error.message if limited else "",
                self.entry(self.bans, error.code) if limited else None,
            )
            raise

    def _nonce(self, signed: bool) -> AbstractContextManager[int]:
        if signed and self.signer.serial:
            return self.upstream.nonces.reserve(self.account, self.deadline)
        return nullcontext(0)

    def _measure_clock(self) -> int | None:
        now = self.upstream.services.now
        deadline = self.deadline.portion(0.5).within(_CLOCK_PATIENCE)
        asked = now()
        try:
            theirs = self.apart(type(self).time, deadline)
        except GatewayError:
            return None
        answered = now()
        return 0 if theirs is None else theirs + (answered - asked) // 2 - answered

    def _read(self, reply: Reply, *, exact: bool) -> Any:
        refusal = _REFUSAL_BY_STATUS.get(reply.status) or (
            ExchangeError if 400 <= reply.status < 500 else ExchangeFailed if reply.status >= 500 else OutcomeUnknown
        )
        try:
            useful = self.unwrap(reply.json(exact=exact))
        except ExchangeError as error:
            # A code that is in no table says less than the HTTP status.
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


def _evaluated(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value() if callable(value) else value for name, value in values.items()}


_REFUSAL_BY_STATUS: Mapping[int, type[GatewayError]] = {
    401: AuthenticationFailed,
    408: OutcomeUnknown,
    418: RateLimited,
    429: RateLimited,
}
