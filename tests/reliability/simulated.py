"""The service on a simulated clock: ``gunicorn 'tests.reliability.simulated:simulated_app()'``.

The dates that it shows, the time of journal and limits, and the simulated market are at the moment that a file holds.
It stands until the experiment moves it. What waits goes by real time: deadlines, gunicorn's own time-outs, locks.
"""

import mmap
import os
import struct
from pathlib import Path

from flask import Flask

from app import open_database
from console.trace import TracedHttp
from orders.timeline import Timeline
from settings import in_force
from tests.lent import Lent

APP = "tests.reliability.simulated:simulated_app()"
CLOCK = "SIMULATED_CLOCK"
"""The variable that names the clock's file."""

_TIME = struct.Struct("=q")


class SimulatedClock:
    """A clock in a file, for several processes: one sets it, and all read it. ms: since the epoch, for a new one."""

    def __init__(self, path: Path, ms: int | None = None) -> None:
        if ms is not None:
            path.write_bytes(_TIME.pack(ms))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _TIME.size)

    def __call__(self) -> int:
        """Return the time in ms since the epoch."""
        return int(_TIME.unpack_from(self._memory)[0])

    def set(self, ms: int) -> None:
        """Move the clock of all processes to a time."""
        _TIME.pack_into(self._memory, 0, ms)


def simulated_app() -> Flask:
    """Return the product's application, with its usual settings, on the clock of the file that CLOCK names."""
    settings = in_force()
    assert settings, "gunicorn's configuration has loaded them"
    clock = SimulatedClock(Path(os.environ[CLOCK]))
    database = open_database(settings)
    timeline = Timeline(database, clock, clock, "a simulated machine")
    lent = Lent(
        TracedHttp(), database, settings.deadline, now=clock, timeline=timeline, exact_orders=settings.exact_orders
    )
    return lent.app(settings)
