"""The pipeline of every call to an exchange: its limits, a nonce, a signature, one request, and what its reply means
for the calls that follow.

A call that changes nothing is repeated when it was not sent, or when the exchange's server failed. Equal public ones at
the same time share a request.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property, partial
from typing import Any, Self, TypeVar

import requests

from protocol.deadline import Deadline
from protocol.errors import (
    AuthenticationFailed,
    GatewayError,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    Unsupported,
    WrongTime,
    reading,
)
from transport.credentials import Credentials
from transport.flights import Send
from transport.meaning import Meaning
from transport.repeats import repeated
from transport.reply import Reply
from transport.signing import Signer
from transport.upstream import Upstream

T = TypeVar("T")

_REQUEST = 1.0  # seconds, and at most half of those left, in which no call waits for limits: a request needs some
_CLOCK_PATIENCE = 2.0  # seconds for asking the exchange's time, and at most half of the time left


class Pipeline(Meaning):
    """One account's calls to one exchange, for the time of one call of FMZ.

    request: tells one request of FMZ from another, for the client id of its order; empty when nothing does.
    object_name: tells FMZ's exchange objects of one account apart, whose settings differ; empty when nothing does.
    """

    def __init__(
        self,
        credentials: Credentials,
        upstream: Upstream,
        deadline: Deadline,
        request: str = "",
        object_name: str = "",
    ) -> None:
        self.credentials = credentials
        self.upstream = upstream
        self.deadline = deadline
        self.request = request
        self.object_name = object_name
        self.began = time.monotonic()
        self.replies = []
        self.max_age_ms = 0
        """The age up to which its caller takes kept replies to public questions."""
        self.age_ms: int | None = None
        """The age of the oldest kept reply that it was given, None if it was given none."""
        self.urgent = False
        """True if its calls may use the part of each limit that is kept for cancels."""
        self.last_check: Callable[[], None] = lambda: None
        """Called when all waiting for limits and nonces is over, before a request goes out; what it raises ends the
        call, with nothing sent."""

    @cached_property
    def account(self) -> str:
        """Return a name for the account that can be stored: no key can be read back from it."""
        return self.credentials.account

    @property
    def secret_digest(self) -> str:
        """Return a digest of the secret that can be stored."""
        return self.credentials.secret_digest

    def fresh(self, deadline: Deadline | None = None) -> Self:
        """Return the same account's exchange with replies of its own and, if given, another deadline."""
        return type(self)(self.credentials, self.upstream, deadline or self.deadline, self.request, self.object_name)

    def apart(self, ask: Callable[[Self], T], deadline: Deadline | None = None) -> T:
        """Return what ``ask`` returns for a copy of this exchange. Its replies are not those of the call: it is for
        rules and modes that a call only depends on."""
        exchange = self.fresh(deadline)
        with reading(exchange.unreadable):
            return ask(exchange)

    def lacks(self, what: str) -> Unsupported:
        """Return the error for what this exchange, or its adapter, does not have."""
        return Unsupported(f"{self.name} has no {what}")

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
        host: str | None = None,
    ) -> Any:
        """Make one HTTP call and return the useful part of its reply.

        params: None is left out, other values are rendered. A value of ``params`` or ``headers`` that depends on the
        time may be a function: it is called when the request is made, after all waiting. safe: True if the call changes
        nothing at the exchange, so that it may be repeated when it was not sent, or when the exchange's server failed;
        by default, if it is a GET. host: one of ``hosts`` by its name, empty for the first; by default ``public`` for a
        call without a signature, where there is one, else the first. Signed replies keep their numbers exact; public
        ones are read as doubles. Raises AuthenticationFailed for missing keys before anything is sent, RateLimited when
        the wait for a limit would leave too little time for the call, else what ``http`` and ``unwrap`` raise.
        """
        if signed and self.signer is Signer:
            raise self.lacks("signed calls yet: its adapter declares no signer")
        if signed and not (self.credentials.key and self.credentials.secret):
            raise AuthenticationFailed(f"{self.name} needs both an access key and a secret key; nothing was sent")
        given = {name: self.render(value) for name, value in (params or {}).items() if value is not None}

        path = self.path(resource)
        if host is None:
            host = "" if signed or "public" not in self.hosts else "public"
        assert host in self.upstream.hosts, f"{self.name} declares no host {host!r}"
        send = partial(self._send, verb, self.upstream.hosts[host], path, given, headers or {}, signed)

        def ask() -> Any:
            return self._ask(send, question, exact=signed, changes=changes)

        changes = verb != "GET" if safe is None else not safe
        # Headers may be an account's. What is urgent may use more of the limits than others.
        own = changes or signed or headers or self.urgent or any(map(callable, given.values()))
        question = "" if own else f"{verb} {host}{path} {given!r}"
        return ask() if changes else self.repeated(ask)

    def repeated(self, ask: Callable[[], T]) -> T:
        """Return what ``ask`` returns, a call that changes nothing at the exchange: it is made again when it was not
        sent, or when the exchange's server failed, within the deadline."""
        return repeated(ask, self.deadline, self.upstream.services.sleep)

    def get(self, resource: str, /, **params: Any) -> Any:
        """Make a public GET; see ``call``."""
        return self.call("GET", resource, params=params)

    def signed(self, verb: str, resource: str, /, **params: Any) -> Any:
        """Make a signed call; see ``call``."""
        return self.call(verb, resource, params=params, signed=True)

    def now(self) -> int:
        """Return the time by the exchange's clock, in ms since the epoch; by ours if the exchange's is not known."""
        offset = self.clock_offset()  # first, because measuring it takes time
        return self.upstream.services.now() + offset

    def clock_offset(self) -> int:
        """Return how far the exchange's clock is ahead of ours, in ms; 0 if that is not known."""
        return self.upstream.clock.get(self._measure_clock)

    def time(self) -> int | None:
        """Return the exchange's own clock in ms since the epoch, None if it need not be known. The call is unsigned and
        made only once, because the duration of the round trip counts."""
        return None

    def _ask(self, send: Send, question: str, *, exact: bool, changes: bool) -> Any:
        """Return the useful part of a reply. question: see ``share_request``."""
        reply, is_own = self.share_request(send, question)
        try:
            useful = self._read(reply, exact=exact)
            self.keep_reply(question, reply)
            return useful
        except GatewayError as error:
            if is_own:
                self._heed(reply, error)
            definite = reply.status < 500 or isinstance(error, OutcomeUnknown) or error.code in self.nothing_done
            if changes and not definite:
                raise OutcomeUnknown(error.message, code=error.code) from None
            raise

    def share_request(self, send: Send, question: str) -> tuple[Reply, bool]:
        """Return a kept reply to a public question, or that of a shared request, with True if this call sent it.
        question: what equal calls share a request by; empty for a call that is sent by itself."""
        if not question:
            return send(lambda: None), True

        def keep_or_send(depart: Callable[[], None]) -> Reply:
            return self._kept(question) or send(depart)  # one may have been kept while this call waited for others

        if kept := self._kept(question):
            return kept, False
        return self.upstream.flights.share(question, keep_or_send, self.deadline)

    def keep_reply(self, question: str, reply: Reply) -> None:
        """Keep the reply to a public question, where the caller takes kept ones. question: empty for any other."""
        if question and self.max_age_ms:
            self.upstream.cache.put(question, reply)

    def _kept(self, question: str) -> Reply | None:
        kept = self.upstream.cache.get(question, self.max_age_ms)
        if kept:
            self.age_ms = max(self.age_ms or 0, kept.age_ms)
        return kept

    def _send(
        self,
        verb: str,
        address: str,
        path: str,
        params: Mapping[str, Any],
        headers: Mapping[str, Any],
        signed: bool,
        depart: Callable[[], None],
    ) -> Reply:
        """Send one request when limits and nonces let it go, and return its reply. address: of its host. depart:
        called just before it goes out."""
        # A function's value is not known before the request is made.
        known = {name: value for name, value in params.items() if not callable(value)}
        left = self.deadline.left()
        patience = left - min(_REQUEST, left / 2)
        self.upstream.limits.take(f"{verb} {path}", known, self.credentials, patience, urgent=self.urgent)
        with self.nonce(wanted=signed and self.signer.serial) as nonce:
            late = not self.deadline.left()
            carries = self.sends if verb in ("POST", "PUT", "PATCH") else "query"
            asked = _evaluated(params)
            request = requests.Request(
                verb,
                address + path,
                headers={**self.upstream.headers, **_evaluated(headers)},
                params=asked if carries == "query" else None,
                data=asked if carries == "form" else None,
                json=asked if carries == "json" else None,
                auth=self.signer(self.credentials, self.now, nonce) if signed else None,
            )
            self.last_check()
            depart()
            try:
                return self.upstream.services.http.send(self.name, request, self.deadline)
            except NotSent as error:
                raise self._too_late(began_in_time=bool(left)) if late else error from None

    def _heed(self, reply: Reply, error: GatewayError) -> None:
        """Stop calling for the time that a refusal names, and forget the kept values that it proves wrong."""
        limited = isinstance(error, RateLimited)  # otherwise the HTTP status alone may mean a ban
        ban = self.entry(self.bans, error.code) if limited else None
        self.upstream.limits.heed(reply.status, reply.retry_after, error.message if limited else "", ban)
        wrong = self.entry(self.disproves, error.code)
        if wrong == "clock" or isinstance(error, WrongTime):
            self.upstream.clock.forget()
        if wrong == "account":
            self.upstream.forget_account(self.account)

    def _too_late(self, *, began_in_time: bool) -> NotSent:
        """Return the error for a call whose time ended before it was sent. Limits and nonces that make it wait say so
        themselves: where it began in time, the rest is spent in the database that keeps them."""
        database = "the gateway's own database"
        took = database if began_in_time else f"earlier calls to {self.name}, or {database},"
        return NotSent(
            f"{self.name} was not asked: {took} took all the time there was. See STATE_URL, LIMITS_URL and the disk if "
            "this happens again; nothing was sent, it is safe to try again"
        )

    def nonce(self, *, wanted: bool) -> AbstractContextManager[int]:
        """Return the context of a call that carries a nonce, which keeps the account's other calls waiting; without
        effect, and with 0, where none is wanted. Raises NotSent if the wait would be longer than the deadline."""
        return self.upstream.nonces.reserve(self.account, self.deadline) if wanted else nullcontext(0)

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


def _evaluated(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value() if callable(value) else value for name, value in values.items()}
