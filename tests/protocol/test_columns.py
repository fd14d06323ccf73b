"""Columns of market data: read at once, they are what each cell's own reader makes of them, errors included."""

import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings, strategies

from protocol.errors import UNREADABLE
from protocol.numbers import double, doubles, milliseconds, moments

GOOD: list[Any] = [
    "64000.10000000", "0.00000001", "0", "-0", "-0.0", "1e3", "1E-8", "+1.5", ".5", "1.", "007", "5e-324", "1e-400",
    "1.7976931348623157e308", "18446744073709551616", "0.1", "2.4703282292062328e-324", " 1 ", "1_0", "１.５",
    1, 0, -3, 2**53 + 1, 2**70, 0.1, -0.0, 1e308, Decimal("1.10"),
]  # fmt: skip
BAD: list[Any] = [
    "", " ", "NaN", "nan", "Infinity", "-inf", "1e400", "abc", "1,2", "[1", "2]", "[]", "{}", "null", "true", '"1"',
    "1 2", "1\x00", "\ud800", None, True, False, [], {}, float("nan"), float("inf"), -float("inf"), 10**400,
]  # fmt: skip
TIMES: list[Any] = [
    0, 1, 1_500_793_319, 10**11 - 1, 10**11, 1_500_793_319_499, 10**14 - 1, "0", "1500793319", "1500793319499",
    "0001500793319", "+1500793319", "1500793319.4999", "1.5e12", 1_688_669_597.8277369, 1_688_669_597.829,
    1_688_669_597.0, 0.5, 0.0, 1e-7, 99_999_999_999.99998, 1_500_793_319_499.9, Decimal("1500793319.4999"),
]  # fmt: skip
NO_TIMES: list[Any] = [
    "", "now", "-1", "１５００", "²", "0" * 49, "1500793319499000", -1, 10**14, -0.5, 1e14, float("nan"), float("inf"),
    None, True, [],
]  # fmt: skip


def outcome(read: Callable[[], Sequence[Any]]) -> object:
    """Return what a reader gives, with types and signs, or the words of its error."""
    try:
        return [repr(number) for number in read()]
    except UNREADABLE as error:
        return f"{type(error).__name__}: {error}"


def columns_of(cells: list[Any]) -> strategies.SearchStrategy[list[Any]]:
    """Columns of cells of one kind, as exchanges have them, and of any."""
    same = [[cell for cell in cells if type(cell) is kind] for kind in (str, int, float)]
    return strategies.one_of(*(strategies.lists(strategies.sampled_from(kind), max_size=6) for kind in (*same, cells)))


@settings(derandomize=True, max_examples=1000, deadline=None)
@given(columns_of(GOOD + BAD))
def test_a_column_of_numbers_is_read_as_its_cells_are(column: list[Any]) -> None:
    assert outcome(lambda: doubles(column)) == outcome(lambda: [double(cell) for cell in column])


@settings(derandomize=True, max_examples=1000, deadline=None)
@given(columns_of(TIMES + NO_TIMES))
def test_a_column_of_times_is_read_as_its_cells_are(column: list[Any]) -> None:
    assert outcome(lambda: moments(column)) == outcome(lambda: [milliseconds(cell) for cell in column])


@settings(derandomize=True, max_examples=500, deadline=None)
@given(strategies.lists(strategies.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_no_digit_of_a_column_is_lost(numbers: list[float]) -> None:
    assert outcome(lambda: doubles(list(map(repr, numbers)))) == list(map(repr, numbers))
    assert outcome(lambda: doubles(numbers)) == list(map(repr, numbers))


@settings(derandomize=True, max_examples=500, deadline=None)
@given(strategies.lists(strategies.integers(10**15, 9 * 10**16), min_size=1))
def test_seconds_with_a_fraction_are_cut_and_not_rounded(micros: list[int]) -> None:
    column = [us / 1_000_000 for us in micros]
    assert moments(column) == [math.floor(Decimal(repr(seconds)) * 1000) for seconds in column]


@pytest.mark.parametrize("bad", BAD, ids=lambda cell: repr(cell)[:12])
@pytest.mark.parametrize("beside", ["64000.10000000", 64000, 64000.1])
def test_an_error_names_the_wrong_cell_of_a_column(bad: Any, beside: Any) -> None:
    with pytest.raises(ValueError) as wrong:  # noqa: PT011
        doubles([beside, bad, beside, "worse"])
    assert str(wrong.value) == f"{repr(bad)[:40]} is no number"


@pytest.mark.parametrize("bad", NO_TIMES, ids=lambda cell: repr(cell)[:12])
@pytest.mark.parametrize("beside", ["1500793319499", 1_500_793_319, 1_688_669_597.829])
def test_an_error_names_the_wrong_time_of_a_column(bad: Any, beside: Any) -> None:
    with pytest.raises(ValueError, match=r"is no (number|time)$") as wrong:
        moments([beside, bad, beside, "worse"])
    assert str(wrong.value).startswith(repr(bad)[:40])


@pytest.mark.parametrize(
    ("column", "read"),
    [
        ([], []),
        (["1.5", "0.00000001", "-0.0"], [1.5, 1e-8, -0.0]),
        (["1", "-0", "2.5"], [1.0, -0.0, 2.5]),
        (["3", "12345678901234567890", "2.5"], [3.0, 12345678901234567168.0, 2.5]),
        ([1, 2.5, 2**53 + 1], [1.0, 2.5, 9007199254740992.0]),
        (["1.7976931348623157e308", "1.7976931348623157e308"], [1.7976931348623157e308] * 2),  # their sum is Infinity
    ],
)
def test_numbers_are_read(column: list[Any], read: list[float]) -> None:
    assert list(map(repr, doubles(column))) == list(map(repr, read))


@pytest.mark.parametrize(
    ("column", "read"),
    [
        ([], []),
        ([1_500_793_319_499, 1_500_793_319_500], [1_500_793_319_499, 1_500_793_319_500]),
        (["1500793319499", "1500793319500"], [1_500_793_319_499, 1_500_793_319_500]),
        ([1_500_793_319, 1_500_793_320], [1_500_793_319_000, 1_500_793_320_000]),
        ([1_500_793_319, 1_500_793_320_000], [1_500_793_319_000, 1_500_793_320_000]),
        ([1_688_669_597.8277369, 1_688_669_597.829], [1_688_669_597_827, 1_688_669_597_829]),
        ([1_688_669_597, 1_688_669_597.829], [1_688_669_597_000, 1_688_669_597_829]),
    ],
)
def test_times_are_read(column: list[Any], read: list[int]) -> None:
    assert moments(column) == read
    assert set(map(type, moments(column))) <= {int}
