"""Values that are asked for rarely: once by many threads, and anew when they were forgotten."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from protocol.errors import NotSent
from transport.upstream import Kept

THREADS = 8


class Asked:
    """An exchange that answers when it is told to, with the number of the question."""

    def __init__(self) -> None:
        self.count = 0
        self.was_asked = threading.Event()
        self.may_answer = threading.Event()

    def __call__(self) -> int:
        self.count += 1
        number = self.count
        self.was_asked.set()
        assert self.may_answer.wait(10)
        return number


@pytest.fixture
def asked() -> Asked:
    return Asked()


@contextmanager
def asking(kept: Kept[int], asked: Asked, key: str = "") -> Iterator[None]:
    """Ask for a value in another thread; it is answered in the end, and is that thread's own."""
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(kept.get, asked, key)
        assert asked.was_asked.wait(10)
        yield
        asked.may_answer.set()
        assert first.result(10) == 1


def test_many_threads_ask_once(asked: Asked) -> None:
    kept: Kept[int] = Kept(60.0)
    with ThreadPoolExecutor(THREADS) as pool:
        futures = [pool.submit(kept.get, asked) for _ in range(THREADS)]
        assert asked.was_asked.wait(10)
        asked.may_answer.set()
        assert {future.result(10) for future in futures} == {1}
    assert asked.count == 1


def test_keys_do_not_wait_for_each_other(asked: Asked) -> None:
    kept: Kept[int] = Kept(60.0)
    with asking(kept, asked, "slow"):
        assert kept.get(lambda: 7, "fast") == 7


def test_who_has_waited_for_long_enough_asks_too(asked: Asked) -> None:
    kept: Kept[int] = Kept(60.0)
    with asking(kept, asked):
        assert kept.get(lambda: 7, patience=0.01) == 7


def test_a_value_that_is_forgotten_while_it_is_asked_for_is_not_kept(asked: Asked) -> None:
    kept: Kept[int] = Kept(60.0)
    with asking(kept, asked):
        kept.forget()
        assert kept.get(lambda: 7) == 7, "what was asked for before is not waited for"
    assert kept.get(lambda: 8) == 7


def test_an_error_is_the_askers_own(asked: Asked) -> None:
    kept: Kept[int] = Kept(60.0)

    def fail() -> int:
        asked()
        raise NotSent("no answer")

    with ThreadPoolExecutor(2) as pool:
        failed = pool.submit(kept.get, fail)
        assert asked.was_asked.wait(10)
        waits = pool.submit(kept.get, lambda: 7)
        asked.may_answer.set()
        assert waits.result(10) == 7
        with pytest.raises(NotSent):
            failed.result(10)


def test_what_is_asked_may_need_what_is_asked() -> None:
    kept: Kept[int] = Kept(60.0)
    assert kept.get(lambda: 1 + kept.get(lambda: 1)) == 2
