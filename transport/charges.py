"""The cost of a call to a limit, and what a counter makes of it.

A counter is one number, the time at which it will be empty again, which is all that the generic cell rate algorithm
needs.
"""

from dataclasses import dataclass
from math import ceil

from pyrate_limiter import GCRA, Decision, Rate

_LATE_US = 6_000_000  # that a call's time may be behind the others' once it has waited for the database

ALGORITHM = GCRA()


@dataclass(frozen=True, slots=True)
class Charge:
    """The cost of a call for one counter. ``limit``: its name for people. ``depth``: how many µs ahead of the clock the
    counter can be, by its own rules."""

    limit: str
    key: str
    rate: Rate
    weight: int
    depth: int

    @property
    def reach(self) -> int:
        """Return how many µs ahead of the clock calls of this kind can bring the counter: less than ``depth`` where a
        part is kept for urgent ones."""
        return self.rate.burst * ceil(self.rate.interval * 1000 / self.rate.limit)


@dataclass(frozen=True, slots=True, order=True)
class Wait:
    """The time, in ms, until a call can go, and the limit that makes it wait; no limit if the exchange has banned
    us."""

    ms: int
    limit: str = ""


def step(charge: Charge, full_at_us: int, now: int) -> tuple[int, Wait | None]:
    """Return a counter's next time, and the wait for it if there is one."""
    full_at_us = min(full_at_us, now * 1000 + charge.depth)
    [later], decision = ALGORITHM.step([charge.rate], (full_at_us,), now, charge.weight)
    return int(later), wait_of(charge, decision)


def brought_back(charge: Charge, full_at_us: int, now: int) -> int:
    """Return a counter's time, or that of a full counter where a clock ahead has written it."""
    most = now * 1000 + charge.depth
    return most if full_at_us > most + _LATE_US else full_at_us


def wait_of(charge: Charge, decision: Decision) -> Wait | None:
    """Return the wait that a decision means, None if the call may go."""
    if decision.allowed:
        return None
    assert decision.retry_after_ms is not None, "a weight above the burst"
    return Wait(decision.retry_after_ms, charge.limit)
