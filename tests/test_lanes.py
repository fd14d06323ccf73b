"""Requests wait in the lane of their exchange: the order, and the service before exchanges that hang."""

import itertools
import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from exchanges.kit.faults import FaultServer
from lanes import Lanes
from tests.service import Service, running, until
from tests.test_worker import BODY, PROMPT, connected, head, one_answer, p99

pytestmark = pytest.mark.long

_numbers = itertools.count()


def never(_: str) -> bool:
    return False


def started(lanes: Lanes[str]) -> list[str]:
    """Return the requests whose turn it is."""
    return [request for request, in_turn in lanes.next(never) if in_turn]


def entered(lanes: Lanes[str], lane: str, count: int) -> int:
    """Let requests enter a lane, and return how many are started."""
    for number in range(count):
        lanes.enter(lane, f"{lane}{number}")
    return len(started(lanes))


def test_a_lane_has_at_most_half_of_the_threads_that_the_others_leave() -> None:
    lanes: Lanes[str] = Lanes(32)
    assert [entered(lanes, lane, 40) for lane in "abcdefg"] == [16, 8, 4, 2, 1, 1, 1]
    assert len(lanes) == 7 * 40 - 33


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_lane_has_one_thread_always(threads: int) -> None:
    lanes: Lanes[str] = Lanes(threads)
    assert [entered(lanes, lane, 3) for lane in "ab"] == [1, 1]


def test_a_thread_that_is_given_back_goes_to_the_oldest_of_a_lane() -> None:
    lanes: Lanes[str] = Lanes(4)
    assert entered(lanes, "a", 4) == 2
    assert started(lanes) == []
    lanes.leave("a")
    assert started(lanes) == ["a2"]


def test_a_lane_takes_what_another_gives_back() -> None:
    lanes: Lanes[str] = Lanes(8)
    assert [entered(lanes, lane, 4) for lane in "ab"] == [4, 2]
    for _ in range(4):
        lanes.leave("a")
    assert started(lanes) == ["b2", "b3"]


def test_late_requests_are_given_out_of_turn_from_the_longest_lane_first() -> None:
    lanes: Lanes[str] = Lanes(2)
    for lane, count in (("a", 2), ("b", 4)):
        entered(lanes, lane, count)
    assert list(lanes.next(lambda request: len(lanes) > 2)) == [("b1", False), ("b2", False)]
    assert len(lanes) == 2


def told(service: Service, route: str) -> tuple[str, float]:
    """Return the error that the ticker of a market of its own is answered with, and the seconds until it comes: equal
    questions would share one request."""
    start = time.monotonic()
    body = BODY.replace(b"BTC_USDT", f"X{next(_numbers)}_USDT".encode())
    with connected(service) as sock:
        sock.sendall(head(len(body)).replace(b"/paper", f"/{route}".encode()) + body)
        error = json.loads(one_answer(sock).partition(b"\r\n\r\n")[2])["error"]
    return str(error), time.monotonic() - start


def test_exchanges_that_hang_keep_the_callers_of_others_waiting_for_nothing(tmp_path: Path) -> None:
    with ThreadPoolExecutor(80) as pool, FaultServer("hang") as first, FaultServer("hang") as second:
        settings = {"BITGO_URL": first.url, "COINPARK_URL": second.url, "DEADLINE": "2", "DEFAULT_EXCHANGE": "BitGo"}
        with running(tmp_path, settings, ["--threads", "32"]) as service:
            usual = p99(service)
            answers = []
            for server, routes, share in (
                (first, ["BitGo", "", "bitgo/", "%62itgo?x"] * 10, 16),
                (second, ["coinpark"] * 40, 8),
            ):
                answers += [pool.submit(told, service, route) for route in routes]
                until(lambda server=server, share=share: len(server.requests) == share)  # type: ignore[misc]
            assert p99(service) < usual + PROMPT
            errors = Counter(answer.result()[0] for answer in answers)
            assert max(answer.result()[1] for answer in answers) < 2 + 1
            assert (len(first.requests), len(second.requests)) == (16, 8)
    assert Counter({error.split()[0]: count for error, count in errors.items()}).keys() == {
        "NO_DEFINITE_ANSWER",
        "BUSY",
    }
    assert errors["BUSY BitGo: too many calls wait for it; nothing was sent, it is safe to try again"] == 24
    assert errors["BUSY CoinPark: too many calls wait for it; nothing was sent, it is safe to try again"] == 32


def test_when_too_many_calls_wait_the_oldest_is_told_at_once(tmp_path: Path) -> None:
    options = ["--threads", "2", "--worker-connections", "8"]
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(6))
        url = stack.enter_context(FaultServer("hang")).url
        service = stack.enter_context(running(tmp_path, {"BITGO_URL": url, "DEADLINE": "4"}, options))
        answers = [pool.submit(told, service, "bitgo") for _ in range(6)]
        [error] = [answer.result()[0] for answer in answers if answer.result()[1] < 1.5]
        assert error.startswith("BUSY BitGo: ")
