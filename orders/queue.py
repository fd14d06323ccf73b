"""The queue of this process's orders: those of one line go one after another.

A line is an account's orders of one market and side that open, or those that close. The outcome of one decides if the
next may be sent.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakValueDictionary

from orders.failures import earlier_in_progress
from orders.intents import line_of
from orders.trader import Trader
from protocol.models import NewOrder

_locks: WeakValueDictionary[tuple[str, ...], threading.Lock] = WeakValueDictionary()
_locks_lock = threading.Lock()


@contextmanager
def exclusive(exchange: Trader, order: NewOrder) -> Iterator[None]:
    """Hold the queue of an order's line. Raises NotSent at the call's deadline."""
    with _locks_lock:
        lock = _locks.setdefault(line_of(exchange.name, exchange.account, order), threading.Lock())
    if not lock.acquire(timeout=exchange.deadline.left()):
        raise earlier_in_progress(exchange.name, order)
    try:
        yield
    finally:
        lock.release()
