"""The measures of ``make bench``, at a size that takes no time: their figures say nothing here."""

from pathlib import Path

import pytest

from bench.__main__ import table
from bench.measures import MEASURES, Bench, Figure
from bench.stage import fake


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Figure]:
    folder: Path = tmp_path_factory.mktemp("bench")
    with fake(folder) as exchange:
        bench = Bench(exchange, folder, article=None, size=0)
        return {one.name: one for name in ("one_market", "orders") for one in MEASURES[name](bench)}


def test_calls_and_orders_are_measured(figures: dict[str, Figure]) -> None:
    assert len(figures) == 9
    assert figures["orders/s, an exchange that answers at once"].value > 1
    assert 0 < figures["limit order, 20 ms: added p50, ms"].value < 1000


def test_upstream_calls_are_counted(figures: dict[str, Figure]) -> None:
    counted = figures["32 robots on one ticker, 20 ms: upstream calls per 1,000"].value
    assert 0 < counted <= 1000


def test_a_goal_is_met_or_not() -> None:
    rows = table([Figure("a", 1.5, 2), Figure("b", 1.5, 2, at_least=True), Figure("c", 1.5, None)]).splitlines()[2:]
    assert rows == [
        "| a | 1.5 | ≤ 2 | 0.75 | ✓ |  |",
        "| b | 1.5 | ≥ 2 | 0.75 | **no** |  |",
        "| c | 1.5 |  |  |  |  |",
    ]
