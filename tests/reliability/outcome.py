"""The outcome of an experiment."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """One line of docs/RELIABILITY.md: what was done, what was counted, and whether the promise was kept."""

    name: str
    command: str
    figures: Mapping[str, object]
    passed: bool
    seconds: float
