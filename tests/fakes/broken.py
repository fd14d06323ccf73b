"""A fake exchange behind a transport that spoils the replies to new orders, as planned for each account::

with Broken(FakeBinance(lag=(0, 3))) as server:
    server.plan = lambda account, attempt: Plan("hang", created=True) if attempt == 0 else None
    ...  # trade at server.url
    assert server.placements[KEY] == 1
    assert server.redirect_target.connections == 0
"""

import sched
import socket
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from io import BytesIO
from typing import Any, Self
from urllib.parse import unquote

from werkzeug import Request

from exchanges.kit.faults import FAULTS as KNOWN
from exchanges.kit.faults import PAGE, FaultServer, Seen, Visit, head
from tests.fakes import Call, FakeExchange, Refusal

Fault = Callable[[Visit, bytes], object]
"""Ends a connection, given the exchange's reply."""

TICK = 0.01  # seconds that a late order may be later
STAND_IN = b'{"code": "0", "msg": "", "error": [], "data": [{"orderId": 1}], "result": [{"result": 1}]}'
"""The reply that is spoiled where the exchange has given none (yet)."""


def _begin(visit: Visit, reply: bytes, length: int) -> None:
    """Send a reply's headers and so much of its body."""
    visit.request()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(reply))}
    visit.sock.sendall(head("200 OK", headers) + reply[:length])


def _reset(visit: Visit, reply: bytes, length: int) -> None:
    """Send a reply's headers and so much of its body, and reset the connection."""
    _begin(visit, reply, length)
    visit.reset()


def _known(name: str) -> Fault:
    return lambda visit, reply: KNOWN[name](visit)


BEFORE = "reset before send"
FAULTS: Mapping[str, Fault] = {
    BEFORE: lambda visit, reply: visit.reset(),
    "reset after headers": lambda visit, reply: _reset(visit, reply, 0),
    "reset after body": lambda visit, reply: _reset(visit, reply, len(reply) // 2),
    "close": _known("close without answer"),
    "hang": _known("hang"),
    "502 html": _known("502 page"),
    "503": _known("503 json"),
    "200 html": _known("200 page"),
    "truncated json": lambda visit, reply: visit.reply(reply[: len(reply) // 2]),
    "307": lambda visit, reply: visit.reply(
        PAGE, "307 Temporary Redirect", Location=f"{visit.server.elsewhere}/elsewhere"
    ),
    "slow drip": _known("drip body"),
    "gzip bomb": _known("small bomb"),
}


@dataclass(frozen=True)
class Plan:
    """The fate of a request for a new order: one of FAULTS or of those of ``exchanges.kit.faults``, by its name, or
    another one. created: True if the order comes into being.

    A connection that is reset before the request has arrived creates none, whatever ``created`` says. delay: seconds
    from the request's arrival until the order comes into being, unless it is too late then by the exchange's own
    rules; the fault does not wait for it.
    """

    fault: str | Fault
    created: bool
    delay: float = 0.0


class Broken(FaultServer):
    """The server. Whatever is not planned, and all but new orders, is answered properly, on a connection that lives on.

    plan: chosen by API key and by how many new orders it has asked for before; None spoils nothing. placements: how
    many new orders each API key has asked for, created or not. A modification counts like a new order.
    requests: those that were spoiled. redirect_target: the server where redirects point.
    """

    def __init__(self, fake: FakeExchange) -> None:
        super().__init__()
        self.fake = fake
        self.redirect_target = FaultServer()
        self.plan: Callable[[str, int], Plan | None] = lambda account, attempt: None
        self.placements: Counter[str] = Counter()
        self._late = sched.scheduler()

    def __enter__(self) -> Self:
        self.redirect_target.__enter__()
        self.elsewhere = self.redirect_target.url
        super().__enter__()
        self._start(self._run_late)
        return self

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self.redirect_target.__exit__(*error)

    def _visit(self, sock: socket.socket, fault: str) -> None:
        visit = _Visit(self, sock)
        try:
            with suppress(OSError):  # the other side may leave at any time
                while self._answer(visit):
                    visit.current = None
        finally:
            sock.close()
            with self.lock:
                self._open.discard(sock)
            if not self.stopped.is_set():  # thousands of connections come and go
                self._threads.remove(threading.current_thread())

    def _answer(self, visit: "_Visit") -> bool:
        """Answer one request; return True if another may follow."""
        request = visit.as_wsgi()
        plan = self._planned(self.fake.key(request)) if self.fake.places(request) else None
        if plan is None:
            status, reply = self.fake.reply(request)
            visit.reply(reply, f"{status} {HTTPStatus(status).phrase}", Connection="keep-alive")
            return True
        reply = STAND_IN
        if plan.created and plan.fault != BEFORE:
            reply = self._create_later(request, plan.delay) if plan.delay else self.fake.reply(request)[1]
        try:
            fault = plan.fault if callable(plan.fault) else FAULTS.get(plan.fault) or _known(plan.fault)
            fault(visit, reply)
        finally:
            with self.lock:
                self.requests.append(visit.head())
        return False

    def _planned(self, account: str) -> Plan | None:
        with self.lock:
            attempt = self.placements[account]
            self.placements[account] += 1
        return self.plan(account, attempt)

    def _create_later(self, request: Request, delay: float) -> bytes:
        with suppress(Refusal):
            self._late.enter(delay, 0, self._create, (self.fake.accept(request),))
        return STAND_IN

    def _create(self, call: Call) -> None:
        with suppress(Refusal):
            self.fake.perform(call)

    def _run_late(self) -> None:
        while not self.stopped.wait(TICK):
            self._late.run(blocking=False)


class _Visit(Visit):
    """A connection whose requests are not kept, and can be read as WSGI's; a body is received when it is asked for."""

    _body: BytesIO | None

    def as_wsgi(self) -> Request:
        seen = self.head()
        self._body = None
        path, _, query = seen.target.partition("?")
        environ: dict[str, Any] = {
            f"HTTP_{name.upper().replace('-', '_')}": value for name, value in seen.headers.items()
        }
        environ |= {
            "REQUEST_METHOD": seen.method,
            "PATH_INFO": unquote(path, "latin-1"),
            "QUERY_STRING": query,
            "CONTENT_TYPE": seen.headers.get("content-type", ""),
            "wsgi.input": self,
            "wsgi.input_terminated": True,
        }
        return Request(environ)

    def read(self, size: int = -1) -> bytes:
        """Read the current request's body."""
        if self._body is None:
            self._body = BytesIO(self.request().body)
        return self._body.read(size)

    def record(self, seen: Seen) -> None:
        self.current = seen
