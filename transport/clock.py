"""Clocks: this machine's two, and the offset of an exchange's."""

import secrets
import sys
import threading
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

_FRESH = 600.0  # seconds for which a measurement is used
_RETRY = 30.0  # seconds until the next one, after one that failed
_STEP_MS = 500  # a wall clock that moves further by itself was set
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_TIME_NAMESPACE = Path("/proc/self/ns/time")
_wall_ns = time.time_ns
if sys.platform == "linux":
    _steady_ns = partial(time.clock_gettime_ns, time.CLOCK_BOOTTIME)  # it counts while the machine sleeps, too
else:
    _steady_ns = time.monotonic_ns


def epoch_ms() -> int:
    """Return the milliseconds since the epoch, by this machine's wall clock, which may be set."""
    return _wall_ns() // 1_000_000


def steady_ms() -> int:
    """Return milliseconds that only grow, whatever is done to the wall clock. All processes of a machine count the same
    ones, until it starts again."""
    return _steady_ns() // 1_000_000


@cache
def boot_id() -> str:
    """Return a name for what ``steady_ms`` counts from: one start of this machine, or of this process where a start of
    the machine has no name."""
    try:
        boot = _BOOT_ID.read_text().strip()
    except OSError:
        return secrets.token_hex(16)
    # A container may have a steady clock of its own.
    return f"{boot} {_TIME_NAMESPACE.readlink()}"[:100] if _TIME_NAMESPACE.is_symlink() else boot


class Offset:
    """The offset of an exchange's clock: how many ms it is ahead of our wall clock.

    Thread-safe: one thread measures; others wait for it only if there is no earlier measurement.
    """

    def __init__(self) -> None:
        self._measured: tuple[int, int] | None = None  # the offset, and _set_ms() then
        self._due = float("-inf")  # in time.monotonic() seconds
        self._measuring = threading.Lock()

    def get(self, measure: Callable[[], int | None]) -> int:
        """Return the offset, measured within the last ten minutes and since our clock was set. If ``measure`` fails and
        returns None, the last measurement is used, or 0, and the next is tried in half a minute."""
        if self._is_due() and self._measuring.acquire(blocking=self._measured is None):
            try:
                if self._is_due():  # still, after waiting for another thread
                    set_ms = _set_ms()
                    measured = measure()
                    offset = self._at(set_ms) if measured is None else measured
                    self._measured = None if offset is None else (offset, set_ms)
                    self._due = time.monotonic() + (_RETRY if measured is None else _FRESH)
            finally:
                self._measuring.release()
        return self.known

    @property
    def known(self) -> int:
        """Return the last measurement in ms, less what our clock was set by since; 0 without one."""
        return self._at(_set_ms()) or 0

    def forget(self) -> None:
        """Forget the measurement, so that the next call measures again."""
        self._measured, self._due = None, float("-inf")

    def _is_due(self) -> bool:
        measured = self._measured
        return time.monotonic() >= self._due or (measured is not None and _step(measured[1], _set_ms()) != 0)

    def _at(self, set_ms: int) -> int | None:
        measured = self._measured
        return measured and measured[0] - _step(measured[1], set_ms)


def _set_ms() -> int:
    """Return how far the wall clock is ahead of the steady one: this changes when somebody sets it."""
    return (_wall_ns() - _steady_ns()) // 1_000_000


def _step(before_ms: int, after_ms: int) -> int:
    step = after_ms - before_ms
    return step if abs(step) > _STEP_MS else 0
