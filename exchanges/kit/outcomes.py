"""Checks of the outcome of orders and of their modifications, when the exchange fails: on loopback, a server answers a
conversation until the order comes, and then misbehaves."""

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from exchanges.kit.conversations import Conversation, perform
from exchanges.kit.faults import FAULTS, ORDERS, FaultServer, Visit, closed_port
from exchanges.kit.gateway import Gateway
from exchanges.kit.readings import wrong_digits
from exchanges.kit.subject import Failed, NotClaimed, Subject, with_reply

_DEADLINE = 3.0  # seconds of a call before an exchange that hangs
_AT_ONCE = 8  # faults; most of their time is waiting
_UNKNOWN = "ORDER_STATE_UNKNOWN"
_BUSY = "7"  # seconds in Retry-After
_NEVER_CAME = "NOT_SENT, for the order did not reach the exchange in time"


class _Scripted(FaultServer):
    """A server that answers a conversation's requests in order, and its last one with a fault. Whatever comes after it
    is not answered. later: verb and path of what came after it. has_failed: True once the last one came."""

    def __init__(self, case: Conversation, fault: str) -> None:
        super().__init__()
        self.order_fault = fault
        self.later: list[tuple[str, str]] = []
        self._replies = list(case.got[:-1])
        self.has_failed = False

    def _visit(self, sock: socket.socket, fault: str) -> None:
        visit = Visit(self, sock)
        try:
            with suppress(OSError):  # the other side may leave at any time
                while self._answer(visit):
                    visit.current = None
        finally:
            with self.lock:
                self._open.discard(sock)
            sock.close()

    def _answer(self, visit: Visit) -> bool:
        """Answer one request; return True if another may follow on the connection."""
        visit.wait()
        if self._replies:
            visit.request()
            reply = self._replies.pop(0)
            status = f"{reply.status} {HTTPStatus(reply.status).phrase}"
            visit.reply(reply.text.encode(), status, Connection="keep-alive")
            return True
        if self.has_failed:
            seen = visit.request()
            self.later.append((seen.method, seen.target.partition("?")[0]))
            return False
        self.has_failed = True
        FAULTS[self.order_fault](visit)
        return False


def faults(subject: Subject) -> str:
    """Check that an order is sent once whatever happens to it, and that its outcome is unknown wherever bytes left."""
    return _under_faults(subject, _order(subject))


def modified(subject: Subject) -> str:
    """Check that a modified order is sent once, to the digit, whatever happens to it, and is answered with its id."""
    case = subject.success("modify")
    wrong_digits(subject, case)
    answered, order_id = case.answered["data"]["id"], str(case.asked["params"]["id"])
    if str(answered) != order_id and str(answered) not in case.got[-1].text:
        raise Failed(f"{case}: the id {answered} is neither the order's nor in the reply")
    return _under_faults(subject, case)


def _under_faults(subject: Subject, case: Conversation) -> str:
    """Check that the last request of a conversation is sent once under each fault, and that its outcome is told."""
    with FaultServer() as elsewhere, ThreadPoolExecutor(_AT_ONCE) as pool:
        under = partial(_under, subject, case, elsewhere=elsewhere.url)
        said = dict(zip(ORDERS, pool.map(under, ORDERS), strict=True))
        late = [fault for fault, what in said.items() if what == _NEVER_CAME]
        said |= {fault: under(fault) for fault in late}  # a busy machine has no time for all of them at once
        wrong = [f"{fault}: {what}" for fault, what in said.items() if what]
        if elsewhere.connections:
            wrong.append("a redirect was followed")
    with closed_port() as port:
        label = _label(_asked(subject, case, f"http://127.0.0.1:{port}", key="kit"))
    if label != "NOT_SENT":
        wrong.append(f"no connection: {label} instead of NOT_SENT")
    if wrong:
        raise Failed("; ".join(wrong))
    return f"{len(ORDERS) + 1}: NOT_SENT before the first byte, {_UNKNOWN} after it"


def _under(subject: Subject, case: Conversation, fault: str, elsewhere: str) -> str:
    """Return what is wrong with an order's outcome under a fault, empty if nothing is."""
    with _Scripted(case, fault) as server:
        server.elsewhere = elsewhere
        label = _label(_asked(subject, case, server.url, key=f"kit {fault}"))
    calls = [(request.method, urlsplit(request.url).path) for request in case.sent]
    is_known_by_path = calls.count(calls[-1]) == 1 and not (case.method == "trade" and _all_alike(subject))
    if is_known_by_path and calls[-1] in server.later:
        return "it was sent again"
    if label == "NOT_SENT" and not server.has_failed:
        return _NEVER_CAME
    if ORDERS[fault] == _UNKNOWN and label != _UNKNOWN:
        return f"{label} instead of {_UNKNOWN}"
    if label in ("ok", "NOT_SENT"):
        return f"{label}, although the exchange refused it"
    return ""


def _all_alike(subject: Subject) -> bool:
    """Return True where an order cannot be told from a look-up by verb and path."""
    orders, others = (
        {(case.sent[-1].method, urlsplit(case.sent[-1].url).path) for case in cases}
        for cases in (subject.successes("trade"), [*subject.successes("order"), *subject.successes("orders")])
    )
    return bool(orders & others)


def rate_limit(subject: Subject) -> str:
    """Check that after HTTP 429 nothing more is sent for as long as Retry-After says."""
    case = subject.success("ticker")
    busy = with_reply(case, replace(case.got[-1], status=429, body="slow down", retry_after=_BUSY))
    with Gateway(subject.watched) as gateway:
        answers = [perform(busy, gateway.ask) for _ in range(2)]
    if any(_label(answer) != "RATE_LIMITED" for _, answer in answers):
        raise Failed(f"after HTTP 429 with Retry-After: {_BUSY} the answers are {[answer for _, answer in answers]}")
    if answers[1][0]:
        raise Failed("the next call was sent all the same")
    return f"nothing is sent for {_BUSY} s"


def duplicate(subject: Subject) -> str:
    """Check that an order which is refused because its client id exists already is not told as refused: it may be the
    very order that was sent before."""
    cases = [case for case in subject.conversations if case.method == "trade" and "duplicate" in case.title]
    if not cases:
        raise NotClaimed
    for case in cases:
        _, answer = subject.ask(case)
        if _label(answer) not in ("ok", _UNKNOWN):
            raise Failed(f"trade: {case.title!r} is answered {answer}, and must be unknown or found")
    return "unknown until it is looked up"


def _order(subject: Subject) -> Conversation:
    """Return the order of the conversations with the fewest calls. Raises NotClaimed, Failed."""
    subject.success("trade")
    return min(subject.successes("trade"), key=lambda case: len(case.sent))


def _asked(subject: Subject, case: Conversation, url: str, key: str) -> dict[str, Any]:
    """Ask at another address, for an account of its own: those of one account wait for each other."""
    with Gateway(subject.kind, url=url, deadline=_DEADLINE) as gateway:
        return gateway.ask(case.route, **{**case.asked, "access_key": key.replace(" ", "-")})


def _label(answer: dict[str, Any]) -> str:
    return str(answer["error"]).split()[0] if "error" in answer else "ok"
