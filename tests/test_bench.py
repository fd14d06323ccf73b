"""The measures of ``make bench``, at a size that takes no time: their figures say nothing here."""

import subprocess
from pathlib import Path

import pytest

from bench.__main__ import table
from bench.client import asked
from bench.measures import MEASURES, Bench, Figure, read
from bench.profile import STANDARD, layer, shares
from bench.profile import table as profile_table
from bench.stage import Peer, fake


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Figure]:
    folder: Path = tmp_path_factory.mktemp("bench")
    with fake(folder) as exchange:
        bench = Bench(exchange, folder, article=None, size=0)
        return {one.name: one for name in ("one_market", "orders") for one in MEASURES[name](bench)}


@pytest.mark.long
def test_calls_and_orders_are_measured(figures: dict[str, Figure]) -> None:
    assert len(figures) == 9
    assert figures["orders/s, an exchange that answers at once"].value > 1
    assert 0 < figures["limit order, 20 ms: added p50, ms"].value < 1000


@pytest.mark.long
def test_upstream_calls_are_counted(figures: dict[str, Figure]) -> None:
    counted = figures["32 robots on one ticker, 20 ms: upstream calls per 1,000"].value
    assert 0 < counted <= 1000


def test_the_libraries_alone_answer_a_ticker(tmp_path: Path) -> None:
    with fake(tmp_path) as exchange, Bench(exchange, tmp_path, article=None, size=0).bare() as libraries:
        exchange.reset()
        sample = asked(libraries.port, read(), 2, 6)
        assert (len(sample.latencies), sample.failed) == (6, 0)
        assert exchange.counts()["requests"] == 6


def test_the_shortest_round_takes_processor_time() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdin
        assert process.stdout
        peer = Peer(port=0, pid=process.pid, started=0)
        before = peer.cpu()
        process.stdin.write(b"one\n")
        assert process.stdout.read(4) == b"one\n"
        assert 0 < before < peer.cpu() < before + 1


def test_a_goal_is_met_or_not() -> None:
    rows = table([Figure("a", 1.5, 2), Figure("b", 1.5, 2, at_least=True), Figure("c", 1.5, None)]).splitlines()[2:]
    assert rows == [
        "| a | 1.5 | ≤ 2 | 0.75 | ✓ |  |",
        "| b | 1.5 | ≥ 2 | 0.75 | **no** |  |",
        "| c | 1.5 |  |  |  |  |",
    ]


IN_THREAD = "run (threading.py:982);handle (gunicorn/workers/gthread.py:553)"


@pytest.mark.parametrize(
    ("stack", "name"),
    [
        (f"{IN_THREAD};gateway (app.py:116);dumps (json/__init__.py:231)", "app.py"),
        (f"{IN_THREAD};gateway (app.py:116);call (transport/pipeline.py:9);acquire (threading.py:9)", "transport"),
        (f"{IN_THREAD};select (selectors.py:468)", "gunicorn"),
        ("<module> (<frozen runpy>:1);run (threading.py:982)", STANDARD),
    ],
)
def test_what_the_standard_library_does_is_its_callers(stack: str, name: str) -> None:
    assert layer(stack) == name


def test_time_is_told_by_layer() -> None:
    stacks = [f"{IN_THREAD};call (transport/a.py:1) 97", f"{IN_THREAD} 2", "run (threading.py:982) 1"]
    profile = {layer: 1000 * share for layer, share in shares(stacks).items()}
    assert profile_table({"ticker": profile}).splitlines()[2:] == [
        "| transport | 970 |",
        "| gunicorn | 20 |",
        "| all others | 10 |",
        "| **whole call** | 1,000 |",
    ]
