"""A deadline is a moment: it comes nearer by itself, and nobody can move it."""

import time
from dataclasses import FrozenInstanceError

import pytest

from protocol.deadline import Deadline


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the seconds that ``time.monotonic`` gives."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_it_comes_nearer_and_has_never_less_than_nothing_left(clock: list[float]) -> None:
    deadline = Deadline.after(10.0)
    assert (deadline.at, deadline.left()) == (1010.0, 10.0)
    clock[0] += 4
    assert deadline.left() == 6.0
    clock[0] += 6
    assert deadline.left() == 0.0
    clock[0] += 1000
    assert deadline.left() == 0.0


def test_a_portion_is_of_what_is_left(clock: list[float]) -> None:
    deadline = Deadline.after(10.0)
    clock[0] += 5
    assert deadline.portion(0.6).left() == 3.0
    assert deadline.portion(1.0) == deadline
    assert deadline.portion(0.0).left() == 0.0
    assert deadline.left() == 5.0
    clock[0] += 50
    assert deadline.portion(0.6).left() == 0.0


def test_within_so_many_seconds_is_never_later(clock: list[float]) -> None:
    deadline = Deadline.after(10.0)
    assert deadline.within(2.0).left() == 2.0
    assert deadline.within(20.0) is deadline
    clock[0] += 9
    assert deadline.within(2.0) is deadline


def test_it_is_a_value() -> None:
    deadline = Deadline(5.0)
    assert deadline == Deadline(5.0)
    assert deadline < Deadline(6.0)
    with pytest.raises(FrozenInstanceError):
        deadline.at = 7.0  # type: ignore[misc] # it is frozen
