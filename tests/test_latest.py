"""The last calls of all workers: so many and no more, whole or not at all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from monitoring.latest import MOST, Call, LatestCalls
from monitoring.metrics import FOLDER
from tests.conftest import NOW, Clock
from tests.service import ROOT


def fill(latest: LatestCalls, clock: Clock, count: int) -> None:
    for _ in range(count):
        latest.add("ticker", "paper", "simulated", "OK", 0.00123)
        clock.ms += 1


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    return tmp_path


def test_a_call_is_kept_as_it_was(clock: Clock) -> None:
    latest = LatestCalls(clock)
    assert latest.read() == []
    latest.add("trade", "Futures_paper", "simulated", "INVALID_CALL", 1.23456)
    assert latest.read() == [Call(NOW, "trade", "Futures_paper", "simulated", "INVALID_CALL", 1234.6)]


def test_so_many_are_kept_the_latest_first(clock: Clock) -> None:
    latest = LatestCalls(clock)
    fill(latest, clock, MOST + 5)
    assert [call.time_ms for call in latest.read()] == [NOW + i for i in range(MOST + 4, 4, -1)]


def test_long_and_strange_texts_fit(clock: Clock) -> None:
    latest = LatestCalls(clock)
    latest.add("m" * 500, "é" * 500, "real", "O" * 500, 1e9)
    [call] = latest.read()
    assert (call.method, call.exchange, call.outcome) == ("m" * 20, "?" * 44, "O" * 30)


def test_a_call_that_is_being_written_is_left_out(clock: Clock, folder: Path) -> None:
    latest = LatestCalls(clock)
    fill(latest, clock, 2)
    [ring] = folder.glob("calls_*.ring")
    half = bytearray(ring.read_bytes())
    half[20:24] = b"\0\0\0\0"
    ring.write_bytes(half)
    assert [call.time_ms for call in latest.read()] == [NOW + 1]


def test_each_process_reads_the_calls_of_all(clock: Clock, folder: Path) -> None:
    other = "from monitoring.latest import LatestCalls; LatestCalls(lambda: 5).add('depth', 'paper', '-', 'OK', 0)"
    for _ in range(8):
        subprocess.run([sys.executable, "-c", other], cwd=ROOT, env=dict(os.environ), check=True)
    latest = LatestCalls(clock)
    fill(latest, clock, 1)
    assert [call.method for call in latest.read()] == ["ticker"] + 4 * ["depth"], "the others were removed"
    assert all(ring.stat().st_size == 256 * 1024 for ring in folder.glob("calls_*.ring"))


def test_without_a_place_for_files_a_process_keeps_its_own(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path / "none"))
    latest = LatestCalls(clock)
    fill(latest, clock, 1)
    assert len(latest.read()) == 1
    assert "this worker's calls are in no other's list of the last calls" in caplog.text
