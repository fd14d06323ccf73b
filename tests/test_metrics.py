"""The counts of several workers: each tells those of all, and they stay when a worker ends."""

import json
import signal
import urllib.request
from pathlib import Path

import pytest

from monitoring import metrics
from tests.counting import samples, total
from tests.profiling import profiled
from tests.service import Service, running, until

pytestmark = pytest.mark.long

CALLS = 12


def ask(service: Service) -> None:
    body = json.dumps({"method": "ticker", "params": {"symbol": "BTC_USDT"}}).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{service.port}/paper", body, timeout=10) as reply:
        assert "data" in json.load(reply)


def read(service: Service) -> float:
    """Return the calls that a worker tells; each connection may reach another worker."""
    with urllib.request.urlopen(f"http://127.0.0.1:{service.port}/metrics", timeout=10) as reply:
        found = samples(reply.read())
    calls = total(found, "fmz_gateway_calls_total", exchange="paper", method="ticker", outcome="OK")
    assert total(found, "fmz_gateway_call_seconds_count", exchange="paper", method="ticker") == calls
    return calls


def test_each_worker_tells_the_counts_of_all_and_of_those_that_have_ended(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"

    def booted() -> int:
        return (tmp_path / "log").read_text().count("Booting worker")

    for _ in range(2):  # a second gateway begins anew, and removes the files of the first
        with running(tmp_path, {}, ["--workers", "2"]) as service:
            for _ in range(CALLS):
                ask(service)
            assert {read(service) for _ in range(6)} == {CALLS}
            for _ in range(2):
                before = booted()
                service.process.send_signal(signal.SIGHUP)
                until(lambda: booted() >= before + 2)  # noqa: B023 - it is over before the next round
            until(lambda: read(service) == CALLS)
            ask(service)
            assert {read(service) for _ in range(6)} == {CALLS + 1}
            [files] = folder.glob("*/")
            assert len(list(files.glob("*.db"))) <= 2 * (1 + 2 + 2), "the sum, the workers, and those they replaced"
            assert files.stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_made_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "metrics").write_text("in the way")
    with running(tmp_path, {}) as service:
        ask(service)
        assert read(service) == 1


def test_a_call_is_counted_in_few_steps() -> None:
    """A call may be slowed by ten microseconds. Steps can be counted on a machine that others use too."""
    steps = 0

    def step(*_: object) -> None:
        nonlocal steps
        steps += 1

    def count() -> None:
        metrics.count_call("paper", "ticker", "OK", 0.01)
        metrics.count_request("paper", 0.01)

    count()  # what is made once is made
    with profiled(step):
        count()
    assert steps < 110, "five microseconds, where it was measured"
