"""The choice of the request that gets a thread next: a slow exchange does not keep the callers of others waiting."""

from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Lanes(Generic[T]):
    """The requests that wait for a thread: a lane for each exchange, in order of arrival. A lane may have half of the
    threads that the others leave free, and always one: of 64, an exchange that hangs has 32, the next 16, and so on."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._running: Counter[str] = Counter()
        self._waiting: dict[str, deque[T]] = {}

    def __len__(self) -> int:
        """Return how many requests wait."""
        return sum(map(len, self._waiting.values()))

    def __bool__(self) -> bool:
        """Return True if any request waits; any thread may ask."""
        return bool(self._waiting)

    def enter(self, lane: str, request: T) -> None:
        """Let a request wait for its turn."""
        self._waiting.setdefault(lane, deque()).append(request)

    def leave(self, lane: str) -> None:
        """Give a thread back."""
        self._running[lane] -= 1
        if not self._running[lane]:
            del self._running[lane]

    def next(self, is_late: Callable[[T], bool]) -> Iterator[tuple[T, bool]]:
        """Yield the requests whose turn it is, with True, and those that are late, with False, the longest lane first.
        Each has a thread then, until ``leave``."""
        for lane, waiting in sorted(self._waiting.items(), key=lambda item: -len(item[1])):
            while waiting and ((in_turn := self._running[lane] < self._share(lane)) or is_late(waiting[0])):
                self._running[lane] += 1
                yield waiting.popleft(), in_turn
            if not waiting:
                del self._waiting[lane]

    def _share(self, lane: str) -> int:
        others = self._running.total() - self._running[lane]
        return max(1, (self._threads - others) // 2)
