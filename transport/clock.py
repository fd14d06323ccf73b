"""Clocks: this machine's, and the offset of an exchange's."""

import threading
import time
from collections.abc import Callable

_FRESH = 600.0  # seconds for which a measurement is used
_RETRY = 30.0  # seconds until the next one, after one that failed


def epoch_ms() -> int:
    """Return the milliseconds since the epoch, by this machine's clock."""
    return time.time_ns() // 1_000_000


class Offset:
    """The offset of an exchange's clock: how many ms it is ahead of ours.

    Thread-safe: one thread measures; others wait for it only if there is no earlier measurement.
    """

    def __init__(self) -> None:
        self._offset: int | None = None
        self._due = float("-inf")  # in time.monotonic() seconds
        self._measuring = threading.Lock()

    def get(self, measure: Callable[[], int | None]) -> int:
        """Return the offset, measured within the last ten minutes. If ``measure`` fails and returns None, the last
        measurement is used, or 0, and the next is tried in half a minute."""
        if self._is_due() and self._measuring.acquire(blocking=self._offset is None):
            try:
                if self._is_due():  # still, after waiting for another thread
                    measured = measure()
                    self._offset = self._offset if measured is None else measured
                    self._due = time.monotonic() + (_RETRY if measured is None else _FRESH)
            finally:
                self._measuring.release()
        return self.known

    @property
    def known(self) -> int:
        """Return the last measurement in ms, 0 without one."""
        return self._offset or 0

    def forget(self) -> None:
        """Forget the measurement, so that the next call measures again."""
        self._offset, self._due = None, float("-inf")

    def _is_due(self) -> bool:
        return time.monotonic() >= self._due
