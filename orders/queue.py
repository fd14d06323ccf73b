"""The queue of this process's orders.

A line is an account's orders of one market and side that open, or those that close. It tells a strategy's next attempt
from a new order. Nobody gives up an attempt at once, and who does closes its connection. So while all orders under way
in a line are young, their callers are connected, and none has an unclear outcome, the next one is new: they go side by
side. Any other order waits until those before it have ended.

On an exchange without client ids orders always go one after another, because look-ups there know them by their terms.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from weakref import WeakSet, WeakValueDictionary

from orders.failures import earlier_in_progress
from orders.intents import Intent, line_of
from orders.trader import Trader
from protocol.models import NewOrder

_YOUNG = 1.0  # seconds; the end of a connection may be on its way for longer than that of the next one's beginning


class Ticket:
    """An order in its line, from its admission until its caller has been answered. intent: None if it is not sent.

    is_connected: returns True if its caller surely is; it is asked by the threads of other orders. alone: True if it
    goes beside no other order of its line.
    """

    def __init__(self, line: "_Line", order: NewOrder, is_connected: Callable[[], bool], *, alone: bool) -> None:
        self.client_id = order.client_id
        self.intent: Intent | None = None
        self._line = line
        self._is_connected = is_connected
        self._alone = alone
        self._is_placing = True
        self._is_unclear = False
        self._began = monotonic()
        self._neighbours: list[Ticket] = []

    def list_beside(self) -> frozenset[str]:
        """Return the client ids of the orders under way that this one goes beside."""
        with self._line.changed:
            self._neighbours = [other for other in self._line.others(self) if self._goes_beside(other)]
            return frozenset(other.client_id for other in self._neighbours)

    def list_given_up(self) -> list[Intent]:
        """Return the orders beside this one that are still being placed, and whose callers are gone by now."""
        with self._line.changed:
            placing = [other for other in self._neighbours if other._is_placing]
            return [other.intent for other in placing if other.intent and not other._is_connected()]

    def mark_unclear(self) -> None:
        """Note that sending the order ended without a definite answer."""
        self._is_unclear = True

    def mark_placed(self) -> None:
        """Note that the order's outcome is known, and its caller is about to be answered."""
        self._line.leave(self, whole=False)

    def end(self) -> None:
        """Leave the line."""
        self._line.leave(self, whole=True)

    def must_wait(self) -> bool:
        """Return True while an order is being placed that this one does not go beside."""
        return any(other._is_placing and not self._goes_beside(other) for other in self._line.others(self))

    def _goes_beside(self, other: "Ticket") -> bool:
        if self._alone or other._is_unclear or other.client_id == self.client_id:
            return False
        return self._began - other._began < _YOUNG and other._is_connected()


class _Line:
    """The orders of one line. admission: held by the order that is being admitted. changed: notified when an order is
    placed or has ended, and held to look at the others."""

    def __init__(self) -> None:
        self.admission = threading.Lock()
        self.changed = threading.Condition()
        self._tickets: WeakSet[Ticket] = WeakSet()  # one whose call broke off is forgotten with it

    def others(self, ticket: Ticket) -> list[Ticket]:
        return [other for other in self._tickets if other is not ticket]

    def join(self, ticket: Ticket, seconds: float) -> bool:
        """Wait until a ticket need not wait any more, and add it; return False if that takes too long."""
        with self.changed:
            if not self.changed.wait_for(lambda: not ticket.must_wait(), seconds):
                return False
            self._tickets.add(ticket)
            return True

    def leave(self, ticket: Ticket, *, whole: bool) -> None:
        with self.changed:
            ticket._is_placing = False
            if whole:
                self._tickets.discard(ticket)
            self.changed.notify_all()


_lines: WeakValueDictionary[tuple[str, ...], _Line] = WeakValueDictionary()
_lines_lock = threading.Lock()


@contextmanager
def admission(exchange: Trader, order: NewOrder, is_connected: Callable[[], bool]) -> Iterator[Ticket]:
    """Yield an order's ticket when no order of its line is in its way; no other is admitted meanwhile. The ticket stays
    in the line, unless an error is raised.

    is_connected: see Ticket. Raises NotSent at the call's deadline.
    """
    with _lines_lock:
        line = _lines.setdefault(line_of(exchange.name, exchange.account, order), _Line())
    if not line.admission.acquire(timeout=exchange.deadline.left()):
        raise earlier_in_progress(exchange.name, order)
    try:
        ticket = Ticket(line, order, is_connected, alone=not exchange.client_id)
        if not line.join(ticket, exchange.deadline.left()):
            raise earlier_in_progress(exchange.name, order)
        try:
            yield ticket
        except BaseException:
            ticket.end()
            raise
    finally:
        line.admission.release()
