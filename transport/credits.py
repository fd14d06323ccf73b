"""Credits: what this process has taken from counters in advance, so that most calls need not write the database.

What a call costs moves its counter on, from one time to a later one: it takes a span of the counter, which nobody else
can take. A process that takes more of it than the call needs may spend the rest later, and asks nobody. What it does
not spend in time passes, as a full counter empties. So it need not know if it is alone, no process waits for another,
and one that is killed leaves the counter as if it had spent all.

Why no limit is exceeded: each call has a span of its own, which begins no earlier than the call and ends within the
counter's depth of it. All calls of any time therefore share out that time and one depth, as without credits.
"""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from transport.charges import Charge, Wait, step

_AHEAD_US = 1_000_000  # that are taken in advance: others may have to wait for so long
_SHARE = 4  # of what a counter has left, one part is taken in advance


@dataclass(frozen=True, slots=True)
class Credit:
    """The span of a counter that this process may still spend, in µs since the epoch. Where it is empty, both are the
    counter's time when it was seen last."""

    spent_us: int
    end_us: int

    @property
    def left_us(self) -> int:
        """Return how much can still be spent, if it is spent at once."""
        return self.end_us - self.spent_us

    def after(self, charge: Charge, now: int) -> "Credit | None":
        """Return what is left after a charge at ``now`` (ms), None if the credit or the limit is too small for it."""
        spent_us, wait = step(charge, self.spent_us, now)
        return None if wait or spent_us > self.end_us else Credit(spent_us, self.end_us)


def extended(charge: Charge, spent_us: int, end_us: int, now: int) -> Credit:
    """Return a credit beyond what a charge at ``now`` (ms) costs, where nobody else has taken anything since this
    process took the counter up to ``end_us``."""
    room_us = now * 1000 + charge.reach - spent_us
    return Credit(spent_us, max(spent_us + max(0, min(_AHEAD_US, room_us // _SHARE)), end_us))


class Credits:
    """The credits of this process, by the counter's key. Thread-safe."""

    def __init__(self) -> None:
        self._credits: dict[str, Credit] = {}
        self._lock = threading.Lock()

    def cover(self, charges: Iterable[Charge], now: int) -> bool:
        """Return True if every charge can be spent at ``now`` (ms), as long as no other thread spends any."""
        return self._after(charges, now) is not None

    def spend(self, charges: Iterable[Charge], now: int) -> bool:
        """Spend every charge at ``now`` (ms) and return True, or none and False."""
        with self._lock:
            left = self._after(charges, now)
            self._credits |= left or {}
            return left is not None

    def wait(self, charges: Iterable[Charge], now: int) -> Wait | None:
        """Return the longest wait that is sure already: counters only grow."""
        seen = [(charge, self._credits.get(charge.key)) for charge in charges]
        waits = [wait for charge, credit in seen if credit and (wait := step(charge, credit.spent_us, now)[1])]
        return max(waits, default=None)

    def withdraw(self, keys: Iterable[str]) -> dict[str, Credit]:
        """Return the credits of these counters, which no other thread can spend from now on."""
        with self._lock:
            taken = {key: credit for key in keys if (credit := self._credits.get(key))}
            self._credits |= {key: Credit(credit.end_us, credit.end_us) for key, credit in taken.items()}
            return taken

    def put(self, credits: Mapping[str, Credit]) -> None:
        """Let all threads spend these credits. Of two of one counter the larger is kept, the other is given up."""
        with self._lock:
            for key, credit in credits.items():
                other = self._credits.get(key)
                if other is None or other.left_us <= credit.left_us:
                    self._credits[key] = credit

    def clear(self) -> None:
        """Give up all credits."""
        with self._lock:
            self._credits.clear()

    def _after(self, charges: Iterable[Charge], now: int) -> dict[str, Credit] | None:
        left: dict[str, Credit] = {}
        for charge in charges:
            credit = self._credits.get(charge.key)
            rest = credit and credit.after(charge, now)
            if not rest:
                return None
            left[charge.key] = rest
        return left
