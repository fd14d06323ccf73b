"""Whose turn it is to sign and send with a key, and the nonce.

A key's calls go one after the other, each with a greater nonce than every one before it, across threads, workers, hosts
and restarts. The threads of a process queue in memory; the processes of a database take turns by a lease, the key's row
in ``nonces``. No clock is compared with another's: a lease that a waiting process sees unchanged for longer than one
lasts was left by a process that died or hangs.
"""

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf

from sqlalchemy import BigInteger, Boolean, Column, Engine, String, Table, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from database import METADATA, Complaint
from protocol.errors import NotSent

_HOLD = 2.0  # seconds that a call may keep the next one waiting: it has arrived by then, or is lost
_SHARE = 0.2  # seconds in which a process begins calls under one lease, before the others may have their turn
_SLACK = 0.3  # seconds that a process may be slower than it thinks
_POLL = 0.01  # seconds between two looks at another process's lease
_RESERVE = 1_000_000  # nonces put aside with a lease: more than a process can use, and than microseconds in its share
_ALONE = 5.0  # seconds until a database that failed is tried again

_NONCES = Table(
    "nonces",
    METADATA,
    Column("account", String(32), primary_key=True),
    Column("high", BigInteger, nullable=False),  # no nonce up to here may be used again
    Column("holder", String(32), nullable=False),  # the process that may use those it put aside; "" for none
    Column("wanted", Boolean, nullable=False),  # whether another process waits
)


@dataclass(frozen=True, slots=True)
class _Lease:
    """A process's right to begin calls until a time, in ``time.monotonic()`` seconds, with nonces up to ``high``; or,
    where it is not ``stored``, with any."""

    high: int
    until: float
    stored: bool = True


class _Line:
    """The threads of this process that wait for an account's turn, first come first served; and its lease."""

    def __init__(self) -> None:
        self.last = 0  # the greatest nonce that was used here, or that may have been used elsewhere
        self.lease = _Lease(high=0, until=-inf)
        self.rests = -inf  # until when other processes are let in first
        self._lock = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._called: threading.Lock | None = None
        self._ends = inf  # when the call under way may be overtaken
        self._seen: tuple[str, int] | None = None
        self._since = 0.0

    def enter(self, until: float) -> threading.Lock:
        """Wait to be called. Raises NotSent when that did not happen in time."""
        ticket = threading.Lock()
        ticket.acquire()
        with self._lock:
            self._waiting.append(ticket)
            self._call()
        while not ticket.acquire(timeout=max(0.0, min(until - time.monotonic(), _HOLD / 8))):
            with self._lock:
                self._call()  # where the one under way hangs, nobody else does
                if time.monotonic() >= until and ticket in self._waiting:
                    self._waiting.remove(ticket)
                    raise _late()
        return ticket

    def begin(self, now: int) -> int:
        """The nonce of a call that begins now, in microseconds since the epoch."""
        highest = self.lease.high if self.lease.stored else inf
        self.last = now if self.last < now <= highest else self.last + 1
        self._ends = time.monotonic() + _HOLD
        return self.last

    def end(self, ticket: threading.Lock) -> bool:
        """End a call; whether the lease should be given back before the next one: nobody here waits for it, or has had
        it for long enough."""
        with self._lock:
            if self._called is not ticket:  # it took so long that it was overtaken
                return False
            self._ends = inf
            return not self._waiting or time.monotonic() >= self.lease.until

    def leave(self, ticket: threading.Lock) -> None:
        """Call the next one, unless that was done."""
        with self._lock:
            if self._called is ticket:
                self._called = None
                self._call()

    def outlived(self, holder: str, high: int) -> bool:
        """Whether another process's lease has been seen unchanged for longer than one lasts; no two are alike."""
        if self._seen != (holder, high):
            self._seen, self._since = (holder, high), time.monotonic()
        return time.monotonic() - self._since > _HOLD + _SHARE + _SLACK

    def _call(self) -> None:
        if self._waiting and (self._called is None or time.monotonic() >= self._ends):
            self._called = self._waiting.popleft()
            self._ends = inf  # it may wait for another process before it begins
            self._called.release()


class Turns:
    """One call after the other for each key. Made once per process; thread-safe. now: the clock, in milliseconds since
    the epoch, which may stand still or step back."""

    def __init__(self, engine: Engine, now: Callable[[], int]) -> None:
        self._engine = engine
        self._now = now
        self._me = secrets.token_hex(16)
        self._lines: dict[str, _Line] = {}
        self._lock = threading.Lock()
        self._warn = Complaint("the database failed (%s): nonces grow within this process only until it works again")

    @contextmanager
    def turn(self, account: str, patience: float) -> Iterator[int]:
        """Hold an account's turn, for as long as a call may; gives the nonce. Raises NotSent when the turn does not
        come within ``patience`` seconds.

        Where the database fails, the order holds within this process only.
        """
        until = time.monotonic() + patience
        with self._lock:
            line = self._lines.setdefault(account, _Line())
        ticket = line.enter(until)
        lease = None
        try:
            if time.monotonic() >= line.lease.until:
                self._wait(account, line, until)
            lease = line.lease
            yield line.begin(self._now() * 1000)
        finally:
            if lease and line.end(ticket):
                self._give_back(account, line, lease)
            line.leave(ticket)

    def _wait(self, account: str, line: _Line, until: float) -> None:
        """Take the lease as soon as no other process has it. Raises NotSent."""
        while time.monotonic() < line.rests or not self._take(account, line):
            if time.monotonic() + _POLL > until:
                raise _late()
            time.sleep(_POLL)

    def _take(self, account: str, line: _Line) -> bool:
        """Take the lease unless another process has it."""
        mine = _NONCES.c.account == account
        try:
            with self._engine.begin() as connection:
                row = connection.execute(select(_NONCES).where(mine).with_for_update()).one_or_none()
                if row and row.holder not in ("", self._me) and not line.outlived(row.holder, row.high):
                    if not row.wanted:
                        connection.execute(update(_NONCES).where(mine).values(wanted=True))
                    return False
                first = max(self._now() * 1000, line.last + 1, row.high + 1 if row else 0)
                taken = {"high": first + _RESERVE, "holder": self._me, "wanted": False}
                change = update(_NONCES).where(mine) if row else insert(_NONCES).values(account=account)
                connection.execute(change.values(taken))
        except IntegrityError:  # another process was faster to make the row
            return False
        except SQLAlchemyError as error:
            self._warn(error)
            line.last = max(line.last, line.lease.high)
            line.lease = _Lease(line.lease.high, time.monotonic() + _ALONE, stored=False)
            return True
        line.last = first - 1
        line.lease = _Lease(first + _RESERVE, time.monotonic() + _SHARE)
        return True

    def _give_back(self, account: str, line: _Line, lease: _Lease) -> None:
        """Let other processes have the lease, and the nonces that were not used."""
        if not lease.stored:
            return
        mine = (_NONCES.c.account == account) & (_NONCES.c.holder == self._me) & (_NONCES.c.high == lease.high)
        line.lease = _Lease(high=lease.high, until=-inf)
        try:
            with self._engine.begin() as connection:
                wanted = connection.execute(select(_NONCES.c.wanted).where(mine).with_for_update()).scalar()
                connection.execute(update(_NONCES).where(mine).values(high=line.last, holder=""))
        except SQLAlchemyError as error:
            self._warn(error)
        else:
            line.rests = time.monotonic() + 2 * _POLL if wanted else -inf


def _late() -> NotSent:
    return NotSent("another call with this key is still under way; nothing was sent, it is safe to try again")
