"""The time limit of a call."""

import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

arrived: ContextVar[float | None] = ContextVar("arrived", default=None)
"""The time when this thread's request arrived, in ``time.monotonic()`` seconds; None if the server does not say."""

clock: ContextVar[Callable[[], float] | None] = ContextVar("clock", default=None)
"""The clock, in seconds, of this thread's deadlines; None for ``time.monotonic()``. That of a conversation stands
still."""

LONGEST_WAIT = 0.8
"""The share of a call's time in which it may wait for a thread. With little of the rest, an order would often be sent
and its outcome not be known."""


@dataclass(frozen=True, slots=True, order=True)
class Deadline:
    """The moment by which a call must be over, all its HTTP calls included; ``at`` in seconds of ``clock``."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """Return the deadline that is this many seconds from now."""
        return cls(_now() + seconds)

    @classmethod
    def of_request(cls, seconds: float) -> "Deadline":
        """Return the deadline that is this many seconds from the arrival of this thread's request."""
        at = arrived.get()
        return cls.after(seconds) if at is None else cls(at + seconds)

    def left(self) -> float:
        """Return the seconds left, 0 once it has passed."""
        return max(0.0, self.at - _now())

    def portion(self, share: float) -> "Deadline":
        """Return an earlier deadline, after this share (0 to 1) of the time left."""
        return Deadline.after(share * self.left())

    def within(self, seconds: float) -> "Deadline":
        """Return this deadline, or the one after ``seconds`` where that is earlier."""
        return min(self, Deadline.after(seconds))


def _now() -> float:
    own = clock.get()
    return own() if own else time.monotonic()
