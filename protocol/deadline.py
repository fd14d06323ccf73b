"""The time limit of a call."""

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Deadline:
    """The moment by which a call must be over, all its HTTP calls included; ``at`` in ``time.monotonic()`` seconds."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """Return the deadline that is this many seconds from now."""
        return cls(time.monotonic() + seconds)

    def left(self) -> float:
        """Return the seconds left, 0 once it has passed."""
        return max(0.0, self.at - time.monotonic())

    def portion(self, share: float) -> "Deadline":
        """Return an earlier deadline, after this share (0 to 1) of the time left."""
        return Deadline.after(share * self.left())

    def within(self, seconds: float) -> "Deadline":
        """Return this deadline, or the one after ``seconds`` where that is earlier."""
        return min(self, Deadline.after(seconds))
