"""What the process lends to every exchange: network, database, clock, and what need not be asked twice."""

import threading
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine

from exchanges.clock import epoch_ms
from exchanges.http import Http


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

    urls: exchange's name → address to use instead of its own. testnets: names of the exchanges that are asked for test
    money. now: the clock, in milliseconds since the epoch.
    """

    http: Http
    state: Engine
    urls: Mapping[str, str] = field(default_factory=dict)
    testnets: frozenset[str] = frozenset()
    now: Callable[[], int] = epoch_ms
    cache: Cache = field(default_factory=Cache)
