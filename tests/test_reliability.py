"""The promises of docs/RELIABILITY.md, proved at small size; at full size by ``make faults``."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import pytest

from tests.reliability import loop, matrix, surprises, together
from tests.reliability.__main__ import DOCUMENT, EXPERIMENTS, table, written
from tests.reliability.outcome import Outcome
from tests.reliability.rig import SMALL, Breakage, Facts, Rig, rigs

pytestmark = pytest.mark.long

NO_RIG = cast(Rig, None)  # who judges asks none
CELL = matrix.Cell("Binance", "limit", Breakage("hang", created=True))


@pytest.fixture(scope="module")
def started() -> Iterator[Sequence[Rig]]:
    with rigs(1, **SMALL) as one:
        yield one


def test_one_request_is_at_most_one_order_whatever_goes_wrong(started: Sequence[Rig]) -> None:
    assert [outcome for outcome in matrix.small(started) if not outcome.passed] == []


def test_a_robot_that_tries_again_has_exactly_the_orders_that_it_wants(started: Sequence[Rig]) -> None:
    outcome = loop.small(started)
    assert outcome.passed, outcome


def test_orders_of_one_line_at_once_are_as_many_as_are_wanted(started: Sequence[Rig]) -> None:
    outcome = together.small(started)
    assert outcome.passed, outcome


def test_what_happens_around_an_order_makes_no_second_one() -> None:
    assert [outcome for outcome in surprises.outcomes(quick=True) if not outcome.passed] == []


# The judges -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "orders", "placements", "verdict"),
    [
        ({"order_id": "7"}, ["7"], 1, []),
        ({"label": "ORDER_STATE_UNKNOWN"}, ["7"], 1, []),
        ({"label": "ORDER_STATE_UNKNOWN"}, [], 1, []),
        ({"label": "REFUSED"}, [], 1, []),
        ({"label": "REFUSED"}, ["7"], 1, ["called failed"]),
        ({"label": "NOT_SENT"}, ["7"], 1, ["called failed"]),
        ({"order_id": "7"}, ["8"], 1, ["another's id"]),
        ({"order_id": "7"}, [], 1, ["another's id"]),
        ({"order_id": "7"}, ["7", "8"], 2, ["several orders", "sent several times", "another's id"]),
    ],
)
def test_a_request_is_judged(said: dict[str, Any], orders: list[str], placements: int, verdict: list[str]) -> None:
    run = matrix.Run(NO_RIG, CELL, "key", **said)
    run.judge(Facts({"key": orders}, {"key": placements}, elsewhere=0))
    assert run.broken == verdict


@pytest.mark.parametrize(
    ("ids", "orders", "verdict"),
    [
        (["7", "8"], ["8", "7"], []),
        (["7"], ["7", "8"], ["an id not told"]),
        (["7", "8"], ["7", "8", "9"], ["not exactly 2"]),
        (["7", "7"], ["7"], ["not exactly 2", "an id told twice"]),
        (["7", "8"], ["7"], ["not exactly 2", "others' ids"]),
    ],
)
def test_a_robot_is_judged(ids: list[str], orders: list[str], verdict: list[str]) -> None:
    robot = loop.Robot(NO_RIG, CELL, "key", 2, ids)
    robot.judge(Facts({"key": orders}, {}, elsewhere=0))
    assert robot.broken == verdict


def test_a_key_says_what_becomes_of_its_orders() -> None:
    breakage = Breakage("slow drip", created=True, late=1500, times=2)
    assert Breakage.of(breakage.new_key()) == breakage
    assert breakage.new_key() != breakage.new_key()
    plans = [breakage.plan(attempt) for attempt in range(3)]
    assert [plan and (plan.fault, plan.created, plan.delay) for plan in plans] == [("slow drip", True, 1.5)] * 2 + [
        None
    ]


# The document -----------------------------------------------------------------------------------------------------


def test_figures_become_tables() -> None:
    alike = [Outcome(name, "python -m x", {"runs": 1000, "broken": []}, name == "a", 2.4) for name in "ab"]
    apart = Outcome("c", "python -m y", {"share": "99 %", "kinds": {"this": 1, "that": 2}, "so": True}, True, 3.0)
    assert table([*alike, apart]) == (
        "|  | runs | broken | kept |\n| --- | --- | --- | --- |\n| a | 1,000 | 0 | ✓ |\n| b | 1,000 | 0 | **no** |\n\n"
        "|  | c |\n| --- | --- |\n| share | 99 % |\n| kinds | this 1, that 2 |\n| so | yes |\n| kept | ✓ |\n\n"
        "`python -m x` `python -m y`, 8 s\n"
    )
    assert written("<!-- x -->\nold\n<!-- /x -->\n", "x", []) == "<!-- x -->\n, 0 s\n<!-- /x -->\n"


def test_the_document_has_a_place_for_every_experiment() -> None:
    text = DOCUMENT.read_text()
    for name in EXPERIMENTS:
        assert text.count(f"<!-- {name} -->\n") == text.count(f"<!-- /{name} -->\n") == 1, name
