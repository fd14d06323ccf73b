"""The pipeline that every call to an exchange takes: a turn by its limits, a signature, one request, and what the reply
means. What changes nothing is asked again when it was not sent, or when the exchange's server failed.
"""

import re
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import requests
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_before_delay, wait_exponential_jitter

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
from transport.clock import Offset
from transport.http import MAX_EXCERPT, Reply
from transport.limits import Limit
from transport.services import Services
from transport.signing import Credentials, Signer

_ATTEMPTS = 3  # of a call that changes nothing
_ALWAYS = 1e9  # seconds
_CLOCK_PATIENCE = 2.0  # seconds for the exchange to tell its time, and at most half of what is left
_CLOCKS = threading.Lock()  # so that every exchange has one offset


class Pipeline(ABC):
    """One account's calls to one exchange, for the time of one call of FMZ."""

    name: ClassVar[str]
    """Its route, and the prefix of its errors."""
    url: ClassVar[str] = ""
    """Scheme and host."""
    testnet: ClassVar[str] = ""
    """Scheme and host for test money, where there are some; they may be the same as for real money."""
    headers: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """What it wants in every request's head."""
    testnet_headers: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """What it wants there as well when it is asked for test money."""
    sends: ClassVar[Literal["query", "form", "json"]] = "query"
    """Where the parameters of a POST or PUT travel; those of other verbs are in the query."""
    signer: ClassVar[type[Signer]]
    refusals: ClassVar[Mapping[str, type[GatewayError]]] = MappingProxyType({})
    """Patterns that its ``code message`` begins with → our errors."""
    limits: ClassVar[tuple[Limit, ...]] = ()
    """Its published rate limits."""
    cancels: ClassVar[str] = r"DELETE "
    """A pattern of the calls that cancel, as ``verb path``: for them a part of every limit is kept."""
    bans: ClassVar[Mapping[str, float]] = MappingProxyType({})
    """Patterns of refusals after which nothing more must be sent → for how many seconds, where it does not say."""

    def __init__(self, credentials: Credentials, services: Services, request: str = "") -> None:
        """``request`` tells one request of FMZ from another, for the client id of its order; empty when it cannot."""
        self.credentials = credentials
        self.services = services
        self.request = request
        self.until = time.monotonic() + services.deadline
        """When this call of FMZ must be over, all its HTTP calls included; in ``time.monotonic()`` seconds."""
        self.reply: bytes | None = None
        """The JSON text of the exchange's last answer in this call."""

    @property
    def account(self) -> str:
        """A name for the account that can be stored: no key can be read back from it."""
        return self.credentials.account

    def scrub(self, text: str) -> str:
        """A text without any part of a key, secret or signature."""
        return self.credentials.scrub(text)

    @abstractmethod
    def unwrap(self, payload: Any) -> Any:
        """The useful part of a reply, or raise ``self.refused(code, message)``."""

    def call(
        self,
        verb: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, Any] | None = None,
        signed: bool = False,
        safe: bool | None = None,
    ) -> Any:
        """One HTTP call, and the useful part of its reply.

        A value of ``params`` or ``headers`` may be a function, for what depends on the time: it is called when the
        request is made, after all waiting.
        ``safe``: whether it changes nothing at the exchange, so that it may be asked again when it was not sent, or
        when the exchange's server failed; without it, what HTTP says of the verb. Signed replies keep their numbers
        exact; public ones are read as doubles. Raises AuthenticationFailed for missing keys before anything is sent,
        RateLimited when its turn would not come in time, else what ``http`` and ``unwrap`` raise.
        """
        if signed and not (self.credentials.key and self.credentials.secret):
            raise AuthenticationFailed(f"{self.name} needs both an access key and a secret key; nothing was sent")
        if not (verb == "GET" if safe is None else safe):
            return self._ask(verb, path, params, headers, signed)
        attempts = Retrying(
            retry=retry_if_exception_type((NotSent, ExchangeFailed, WrongTime)),
            stop=stop_after_attempt(_ATTEMPTS) | stop_before_delay(self.until - time.monotonic()),
            wait=wait_exponential_jitter(multiplier=0.05, max=1.0, jitter=0.05),
            sleep=self.services.sleep,
            reraise=True,
        )
        failed: list[GatewayError] = []

        def ask() -> Any:
            try:
                return self._ask(verb, path, params, headers, signed)
            except GatewayError as error:
                failed.append(error)
                # Without a turn to ask again in time, the first failure is what there is to tell.
                raise failed[0] if isinstance(error, RateLimited) else error from None

        return attempts(ask)

    def _ask(
        self, verb: str, path: str, params: Mapping[str, Any] | None, headers: Mapping[str, Any] | None, signed: bool
    ) -> Any:
        left = self.until - time.monotonic()
        self.services.limits.take(self, f"{verb} {path}", params or {}, patience=left)
        carries = self.sends if verb in ("POST", "PUT", "PATCH") else "query"
        with self._turn() if signed and self.signer.serial else nullcontext(0) as nonce:
            params = _made(params)
            testing = self.testnet_headers if self.name in self.services.testnets else {}
            request = requests.Request(
                verb,
                self.services.urls.get(self.name, self.url) + path,
                headers={**self.headers, **testing, **(_made(headers) or {})},
                params=params if carries == "query" else None,
                data=dict(params or {}) if carries == "form" else None,
                json=params if carries == "json" else None,
                auth=self.signer(self.credentials, self.now, nonce) if signed else None,
            )
            reply = self.services.http.send(self.name, request, self.until)
        try:
            return self._read(reply, exact=signed)
        except WrongTime:
            self.services.cache.forget(self._clock)
            raise
        except GatewayError as error:
            words = error.message if isinstance(error, RateLimited) else ""  # else the status alone may be a ban
            self.services.limits.heed(self, reply.status, reply.retry_after, words)
            raise

    def _turn(self) -> AbstractContextManager[int]:
        return self.services.turns.turn(self.credentials.account, self.until - time.monotonic())

    def now(self) -> int:
        """Milliseconds since the epoch, by the exchange's clock where it tells it."""
        offset = self._offset()  # first, for it may have to be measured
        return self.services.now() + offset

    def time(self) -> int | None:
        """The exchange's own clock, in milliseconds since the epoch, asked without a signature, and once, for the round
        trip counts; None where it need not be known."""
        return None

    def _offset(self) -> int:
        """How far the exchange's clock is ahead of ours, in ms; 0 where that cannot be told."""
        if not self.services.measure_clocks:
            return 0
        with _CLOCKS:
            offset: Offset = self.services.cache.get(self._clock, _ALWAYS, Offset)
        return offset.get(self._measured)

    def _measured(self) -> int | None:
        asker = copy(self)  # with a reply and a deadline of its own
        begun = time.monotonic()
        asker.until = begun + min(_CLOCK_PATIENCE, (self.until - begun) / 2)
        asked = self.services.now()
        try:
            theirs = asker.time()
        except (GatewayError, *UNREADABLE):
            return None
        answered = self.services.now()
        return 0 if theirs is None else theirs + (answered - asked) // 2 - answered

    @property
    def _clock(self) -> tuple[str | None, ...]:
        return (self.name, self.services.urls.get(self.name), "clock")

    def _read(self, reply: Reply, *, exact: bool) -> Any:
        refusal = _REFUSAL_BY_STATUS.get(reply.status) or (
            ExchangeError if 400 <= reply.status < 500 else ExchangeFailed if reply.status >= 500 else OutcomeUnknown
        )
        try:
            useful = self.unwrap(reply.json(exact=exact))
        except ExchangeError as error:
            # A code that is in no table says less than the HTTP status.
            raise refusal(error.message) if type(error) is ExchangeError and reply.status >= 400 else error from None
        except UNREADABLE:
            pass
        else:
            if reply.status < 400:
                self.reply = reply.body
                return useful
        raise refusal(self.credentials.scrub(f"{self.name} HTTP {reply.status}: {reply.excerpt()}"))

    def refused(self, code: object, message: object) -> GatewayError:
        """The error for the exchange's own code and words."""
        said = self.credentials.scrub(f"{code} {message}".strip())
        kind = next((kind for pattern, kind in self.refusals.items() if re.match(pattern, said)), ExchangeError)
        return kind(f"{self.name} {' '.join(said.split())[:MAX_EXCERPT]}")

    def unreadable(self, error: Exception) -> Exception:
        """The error for a reply that a reader could not make sense of; our own mistakes stay what they are."""
        if self.reply is None:
            return error
        missing = f"it lacks {error}" if isinstance(error, KeyError) else type(error).__name__
        return OutcomeUnknown(f"{self.name}: the reply is not as its documentation says ({missing})")


def _made(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if values is None else {name: value() if callable(value) else value for name, value in values.items()}


_REFUSAL_BY_STATUS: Mapping[int, type[GatewayError]] = {
    401: AuthenticationFailed,
    408: OutcomeUnknown,
    418: RateLimited,
    429: RateLimited,
}
