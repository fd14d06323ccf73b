"""The session that ccxt sends its requests through: one call's limits, deadline, hosts and replies.

ccxt's own errors cannot tell an order that was refused from one that may exist, so what happened is noted here.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from math import ceil
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests

from exchanges.ccxt.library import Engine
from exchanges.ccxt.quirks import BROKER_HEADERS
from protocol.errors import GatewayError, NotSent, RateLimited
from transport.pipeline import Pipeline
from transport.reply import Reply

TENTHS = 10
"""Parts of one unit of ccxt's costs that the limit counts."""

_SIGNATURES = re.compile("sign|auth|token|jwt|hash|hmac", re.IGNORECASE)


@dataclass(slots=True)
class Sent:
    """A request that may have left, and its reply, if there is one. safe: True for a GET. question: what equal ones are
    known by, empty for one that is not shared."""

    target: str
    safe: bool
    question: str = ""
    reply: Reply | None = None


class Session:
    """Stands in for a session of requests, which ccxt takes it for, for one call of an exchange.

    once: no resource is asked twice, except by GET. cancels: the call may use what limits keep for cancels. shares: it
    has no keys, so that its GETs are shared with equal ones. numbers: of the order, which are written as they are.
    failure: what ended the last request before it had a reply. refusal: what ccxt read as a refusal in the last reply.
    is_own: False if the last reply is that of another call's request.
    """

    def __init__(
        self,
        exchange: Pipeline,
        engine: Engine,
        *,
        once: bool = False,
        cancels: bool = False,
        shares: bool = False,
        numbers: frozenset[Decimal] = frozenset(),
    ) -> None:
        self.headers: dict[str, str] = {}
        self.cookies: dict[str, str] = {}
        self.numbers = numbers
        self.requests: list[Sent] = []
        self.failure: GatewayError | None = None
        self.refusal: BaseException | None = None
        self.last_nonce = 0
        self.unit_us = 0
        self._exchange = exchange
        self._engine = engine
        self._once = once
        self._verb = "DELETE" if cancels else "POST"
        self._shares = shares
        self._waited = False
        self._owed = 0.0
        self.is_own = True
        self.lease_us = 0

    @property
    def session(self) -> "Session":
        """Return itself: it has both parts of what an instance needs."""
        return self

    @property
    def reply(self) -> Reply | None:
        """Return the reply to the last request that may have left."""
        return self.requests[-1].reply if self.requests else None

    def now_us(self) -> int:
        """Return the time by the exchange's clock, in µs since the epoch; nothing is asked for."""
        upstream = self._exchange.upstream
        return (upstream.services.now() + upstream.clock.known) * 1000

    def next_nonce(self, unit_us: int) -> int:
        """Return a nonce in units of so many µs, greater than all before it of this key."""
        least = (self.lease_us or self._exchange.upstream.services.now() * 1000) // unit_us
        self.unit_us = unit_us
        self.last_nonce = self._engine.next_nonce(self._exchange.account, least)
        return self.last_nonce

    def wait(self, cost: float) -> None:
        """Wait for the limit. cost: of the request, in ccxt's units. Where requests are shared, only the call that
        sends one waits, when it does."""
        self._waited = True
        if self._shares:
            self._owed += cost
        else:
            self._take(cost)

    def _take(self, cost: float) -> None:
        exchange, left = self._exchange, max(1, ceil(cost * TENTHS))
        try:
            while left > 0:
                part = min(left, TENTHS)
                asked = f"{self._verb} /{part}"
                patience = exchange.deadline.left()
                exchange.upstream.limits.take(asked, {}, exchange.credentials, patience, urgent=exchange.urgent)
                left -= part
        except GatewayError as error:
            self.failure = error
            raise

    def request(self, method: str, url: str, *, data: Any, headers: Mapping[str, str], **more: Any) -> Any:
        """Send a request and return its reply as requests does. Raises NotSent, OutcomeUnknown, RateLimited."""
        self.failure = self.refusal = None
        if not self._waited:  # some classes fetch past ccxt's own queue
            self.wait(1)
        self._waited = False
        try:
            sent, request = self._prepare(method, url, data, headers, more.get("files"))
            reply = self._send(sent, request)
        except GatewayError as error:
            self.failure = error
            raise
        return _as_response(reply, url)

    def _prepare(
        self, method: str, url: str, data: Any, headers: Mapping[str, str], files: Any
    ) -> tuple[Sent, requests.Request]:
        name, parts = self._exchange.name, urlsplit(url)
        if f"{parts.scheme}://{parts.netloc.lower()}" not in self._engine.hosts:
            raise NotSent(f"{name}: the ccxt library asks for {parts.hostname}, which is no host of {name}'s")
        sent = Sent(f"{method} {parts.netloc}{parts.path}", safe=method == "GET")
        if self._once and not sent.safe and any(sent.target == before.target for before in self.requests):
            raise NotSent(f"{name}: the ccxt library would have sent the same request twice")
        # What the transport says of itself stays; "Accept-Encoding" must be what it can read.
        given = {header: value for header, value in headers.items() if header.lower() not in _LEFT_OUT}
        self._remember_signatures(given, parts.query, data)
        if self._shares and sent.safe and not self._exchange.urgent:
            sent.question = f"{method} {url} {sorted(given.items())}"
        return sent, requests.Request(method, url, headers=given, data=data, files=files)

    def _send(self, sent: Sent, request: requests.Request) -> Reply:
        exchange, send = self._exchange, partial(self._go, sent, request)
        try:
            reply, self.is_own = exchange.share_request(send, sent.question)
        except (NotSent, RateLimited):  # no byte of it left
            raise
        except BaseException:
            self.requests.append(sent)
            raise
        self._owed, sent.reply = 0.0, reply
        self.requests.append(sent)
        if self.is_own:
            exchange.upstream.limits.heed(reply.status, reply.retry_after, "")
        if reply.status < 400 and is_json(reply):
            exchange.replies.append(reply.body)
        return reply

    def _go(self, sent: Sent, request: requests.Request, depart: Callable[[], None]) -> Reply:
        if self._owed:
            self._take(self._owed)
        exchange = self._exchange
        exchange.last_check()
        depart()
        return exchange.upstream.services.http.send(exchange.name, request, exchange.deadline)

    def keep(self) -> None:
        """Keep the replies that were read, where the caller takes kept ones."""
        for sent in self.requests:
            if sent.reply:
                self._exchange.keep_reply(sent.question, sent.reply)

    def _remember_signatures(self, headers: Mapping[str, str], query: str, data: Any) -> None:
        """Have signatures scrubbed too, wherever ccxt put them: an exchange may quote the request that it refuses."""
        body = data.decode(errors="replace") if isinstance(data, bytes) else str(data or "")
        for name, value in (*headers.items(), *parse_qsl(query), *parse_qsl(body)):
            if _SIGNATURES.search(name) and isinstance(value, str):
                self._exchange.credentials.signatures.append(value)

    def close(self) -> None:
        """Do nothing: the connections are the transport's."""


_LEFT_OUT = {"accept-encoding", "user-agent", *BROKER_HEADERS}


def is_json(reply: Reply) -> bool:
    """Return True if a reply is JSON that can be given on."""
    try:
        reply.json(exact=False)
    except ValueError:
        return False
    return True


def _as_response(reply: Reply, url: str) -> requests.Response:
    response = requests.Response()
    response.status_code = reply.status
    response.reason = ""
    response.url = url
    response.headers["Content-Type"] = reply.media_type
    response._content = reply.body
    return response
