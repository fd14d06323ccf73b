"""The time, as we and as exchanges count it."""

import threading
import time
from collections.abc import Callable

_FRESH = 600.0  # seconds that a measurement is used
_RETRY = 30.0  # seconds after one that failed


def epoch_ms() -> int:
    """Return the milliseconds since the epoch, by this machine's clock."""
    return time.time_ns() // 1_000_000


class Offset:
    """How far an exchange's clock is ahead of ours, in ms. Thread-safe: one thread measures; others wait for it only
    where there is no earlier measurement."""

    def __init__(self) -> None:
        self._known: int | None = None
        self._due = float("-inf")  # in time.monotonic() seconds
        self._measuring = threading.Lock()

    def get(self, measure: Callable[[], int | None]) -> int:
        """Return what was measured within the last ten minutes, in ms. Where ``measure`` fails and gives None, the last
        measurement is used, or 0, and the next is tried in half a minute."""
        if self._is_due() and self._measuring.acquire(blocking=self._known is None):
            try:
                if self._is_due():  # still, after waiting for another thread
                    measured = measure()
                    self._known = self._known if measured is None else measured
                    self._due = time.monotonic() + (_RETRY if measured is None else _FRESH)
            finally:
                self._measuring.release()
        return self._known or 0

    def forget(self) -> None:
        """Measure anew next time."""
        self._known, self._due = None, float("-inf")

    def _is_due(self) -> bool:
        return time.monotonic() >= self._due
