"""Nonces: the calls of a key go out one after the other, each with a greater nonce than all before it, across threads,
workers, hosts and restarts.

The threads of a process queue in memory; the processes of a database share a lease, the key's row in ``nonces``. No
clock is compared with another's: if a waiting process sees a lease unchanged for longer than one lasts, its holder has
died or hangs.
"""

import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from weakref import WeakValueDictionary

from sqlalchemy import BigInteger, Boolean, Column, Engine, String, Table, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from protocol.deadline import Deadline
from protocol.errors import NotSent
from tables import METADATA
from transport.complaint import Complaint

# After this long the next call may start; the exchange then refuses a late one by its nonce.
_HOLD = 2.0  # seconds
_SHARE = 0.2  # seconds in which a process may begin calls under one lease
_SLACK = 0.3  # seconds that a slow process may need beyond that
_POLL = 0.01  # seconds between two looks at another process's lease
_RESERVE = 1_000_000  # nonces set aside with a lease: more than a process can use, and than it has microseconds
_ALONE = 5.0  # seconds until a database that failed is tried again
_LATEST = 1000  # accounts whose queues are kept while nobody calls: the database has their nonces

_NONCES = Table(
    "nonces",
    METADATA,
    Column("account", String(32), primary_key=True),
    Column("high", BigInteger, nullable=False),  # no nonce up to here may be used again
    Column("holder", String(32), nullable=False),  # the process that may use the nonces set aside; "" for none
    Column("wanted", Boolean, nullable=False),  # True if another process waits
)


@dataclass(frozen=True, slots=True)
class NonceLease:
    """A process's right to begin calls until ``ends_at`` (``time.monotonic()`` seconds) with nonces up to ``high``;
    with any nonce if it is not ``stored``."""

    high: int
    ends_at: float
    stored: bool = True


class _Queue:
    """The threads of this process that wait to call with an account's key, first come first served; and the process's
    lease."""

    def __init__(self) -> None:
        self.last = 0  # the greatest nonce that was used here, or that may have been used elsewhere
        self.lease = NonceLease(high=0, ends_at=-inf)
        self.rests_until = -inf  # other processes are let in first; in time.monotonic() seconds
        self._lock = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._called: threading.Lock | None = None
        self._overtaken_at = inf  # when the next call may start although this one has not ended
        self._seen_lease: tuple[str, int] | None = None
        self._seen_since = 0.0

    def enter(self, deadline: Deadline) -> threading.Lock:
        """Wait for the permission to call; return a ticket. Raises NotSent if the deadline comes first."""
        ticket = threading.Lock()
        ticket.acquire()
        with self._lock:
            self._waiting.append(ticket)
            self._call()
        while not ticket.acquire(timeout=min(deadline.left(), _HOLD / 8)):
            with self._lock:
                self._call()  # if the call under way hangs, nobody else lets the next one start
                if not deadline.left() and ticket in self._waiting:
                    self._waiting.remove(ticket)
                    raise _late_error()
        return ticket

    def begin(self, now: int) -> int:
        """Return the nonce of a call that begins now, in microseconds since the epoch."""
        highest = self.lease.high if self.lease.stored else inf
        self.last = now if self.last < now <= highest else self.last + 1
        self._overtaken_at = time.monotonic() + _HOLD
        return self.last

    def end(self, ticket: threading.Lock) -> bool:
        """End a call. Return True when the lease should be given back before the next one: no thread waits, or this
        process has had it for long enough."""
        with self._lock:
            if self._called is not ticket:  # it took so long that it was overtaken
                return False
            self._overtaken_at = inf
            return not self._waiting or time.monotonic() >= self.lease.ends_at

    def leave(self, ticket: threading.Lock) -> None:
        """Let the next thread call, unless that was done."""
        with self._lock:
            if self._called is ticket:
                self._called = None
                self._call()

    def outlived(self, holder: str, high: int) -> bool:
        """Return True when another process's lease has been seen unchanged for longer than one lasts; no two are
        alike."""
        if self._seen_lease != (holder, high):
            self._seen_lease, self._seen_since = (holder, high), time.monotonic()
        return time.monotonic() - self._seen_since > _HOLD + _SHARE + _SLACK

    def _call(self) -> None:
        if self._waiting and (self._called is None or time.monotonic() >= self._overtaken_at):
            self._called = self._waiting.popleft()
            self._overtaken_at = inf  # it may wait for another process before it begins
            self._called.release()


class Nonces:
    """The nonces of one exchange's keys. Thread-safe. now: the clock, in milliseconds since the epoch, which may stand
    still or step back."""

    def __init__(self, engine: Engine, now: Callable[[], int]) -> None:
        self._engine = engine
        self._now = now
        self._me = secrets.token_hex(16)
        self._queues: WeakValueDictionary[str, _Queue] = WeakValueDictionary()
        self._latest: OrderedDict[str, _Queue] = OrderedDict()
        self._lock = threading.Lock()
        self._warn = Complaint("the database failed (%s): nonces grow within this process only until it works again")

    @contextmanager
    def reserve(self, account: str, deadline: Deadline) -> Iterator[int]:
        """Keep an account's other calls waiting while this one is made, and yield its nonce. Raises NotSent if the wait
        would be longer than the deadline.

        If the database fails, nonces grow within this process only.
        """
        queue = self._queue(account)
        ticket = queue.enter(deadline)
        lease = None
        try:
            if time.monotonic() >= queue.lease.ends_at:
                self._wait(account, queue, deadline)
            lease = queue.lease
            yield queue.begin(self._now() * 1000)
        finally:
            if lease and queue.end(ticket):
                self._give_back(account, queue, lease)
            queue.leave(ticket)

    def _queue(self, account: str) -> _Queue:
        """Return an account's queue: the same one for as long as anybody has it."""
        with self._lock:
            queue = self._queues.setdefault(account, _Queue())
            self._latest[account] = queue
            self._latest.move_to_end(account)
            while len(self._latest) > _LATEST:
                self._latest.popitem(last=False)
        return queue

    def _wait(self, account: str, queue: _Queue, deadline: Deadline) -> None:
        """Take the lease as soon as no other process has it. Raises NotSent."""
        while time.monotonic() < queue.rests_until or not self._take(account, queue):
            if deadline.left() < _POLL:
                raise _late_error()
            time.sleep(_POLL)

    def _take(self, account: str, queue: _Queue) -> bool:
        """Take the lease unless another process has it; return True when it is taken."""
        mine = _NONCES.c.account == account
        try:
            with self._engine.begin() as connection:
                row = connection.execute(select(_NONCES).where(mine).with_for_update()).one_or_none()
                if row and row.holder not in ("", self._me) and not queue.outlived(row.holder, row.high):
                    if not row.wanted:
                        connection.execute(update(_NONCES).where(mine).values(wanted=True))
                    return False
                first = max(self._now() * 1000, queue.last + 1, row.high + 1 if row else 0)
                taken = {"high": first + _RESERVE, "holder": self._me, "wanted": False}
                change = update(_NONCES).where(mine) if row else insert(_NONCES).values(account=account)
                connection.execute(change.values(taken))
        except IntegrityError:  # another process was faster to make the row
            return False
        except SQLAlchemyError as error:
            self._warn(error)
            queue.last = max(queue.last, queue.lease.high)
            queue.lease = NonceLease(queue.lease.high, time.monotonic() + _ALONE, stored=False)
            return True
        queue.last = first - 1
        queue.lease = NonceLease(first + _RESERVE, time.monotonic() + _SHARE)
        return True

    def _give_back(self, account: str, queue: _Queue, lease: NonceLease) -> None:
        """Give the lease back to other processes, with the nonces that were not used."""
        if not lease.stored:
            return
        mine = (_NONCES.c.account == account) & (_NONCES.c.holder == self._me) & (_NONCES.c.high == lease.high)
        queue.lease = NonceLease(high=lease.high, ends_at=-inf)
        try:
            with self._engine.begin() as connection:
                wanted = connection.execute(select(_NONCES.c.wanted).where(mine).with_for_update()).scalar()
                connection.execute(update(_NONCES).where(mine).values(high=queue.last, holder=""))
        except SQLAlchemyError as error:
            self._warn(error)
        else:
            queue.rests_until = time.monotonic() + 2 * _POLL if wanted else -inf


def _late_error() -> NotSent:
    return NotSent("another call with this key is still under way; nothing was sent, it is safe to try again")
