"""What the process lends to every exchange: network, database, clock, and what need not be asked twice."""

import threading
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine

from transport.clock import epoch_ms
from transport.http import Http
from transport.limits import Limits
from transport.nonces import Turns


class Cache:
    """What an exchange said and seldom changes, kept for a while. Thread-safe; two threads may ask for the same once
    each."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[float, Any]] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, seconds: float, ask: Callable[[], Any]) -> Any:
        """What is kept under ``key`` and is younger than ``seconds``, else what ``ask`` gives, which is kept."""
        with self._lock:
            asked, value = self._kept.get(key, (float("-inf"), None))
        if time.monotonic() - asked > seconds:
            value = ask()
            with self._lock:
                self._kept[key] = (time.monotonic(), value)
        return value

    def forget(self, key: Hashable) -> None:
        """Ask anew next time."""
        with self._lock:
            self._kept.pop(key, None)


@dataclass(frozen=True, slots=True)
class Services:
    """Made once per process.

    deadline: seconds for a whole call of FMZ. urls: exchange's name → address to use instead of its own. testnets:
    names of the exchanges that are asked for test money. limits_url: where limits are counted, ``state`` if empty.
    withdrawals: whether strategies may withdraw, transfer and manage keys. now: the clock, in milliseconds since the
    epoch. sleep: waits for seconds. measure_clocks: whether the exchanges' own clocks are asked for.
    """

    http: Http
    state: Engine
    deadline: float = 10.0
    urls: Mapping[str, str] = field(default_factory=dict)
    testnets: frozenset[str] = frozenset()
    limits_url: str = field(default="", repr=False)  # may hold a password
    withdrawals: bool = False
    now: Callable[[], int] = epoch_ms
    sleep: Callable[[float], None] = time.sleep
    measure_clocks: bool = True
    cache: Cache = field(default_factory=Cache)
    limits: Limits = field(init=False)
    turns: Turns = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "limits", Limits(self.state, self.now, self.sleep, self.limits_url))
        object.__setattr__(self, "turns", Turns(self.state, self.now))
