"""Lists of several pages: read to their end, and never silently cut."""

from collections.abc import Callable
from itertools import islice

import pytest

from exchanges.base import Unsupported
from tests.lent import Lent
from tests.tiny import tiny


def numbered(count: int, size: int) -> tuple[Callable[[list[int]], list[int]], list[list[int]]]:
    """Return the asking for pages of the numbers below ``count``, and the rows that each page is asked to follow."""
    asked: list[list[int]] = []

    def page(rows: list[int]) -> list[int]:
        asked.append(list(rows))
        return list(range(count))[len(rows) : len(rows) + size]

    return page, asked


@pytest.mark.parametrize(
    ("count", "pages"),
    [
        (0, [[]]),
        (1, [[0]]),
        (2, [[0, 1], []]),
        (3, [[0, 1], [2]]),
        (5, [[0, 1], [2, 3], [4]]),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_the_last_page_is_the_first_that_is_not_full(
    lent: Lent, count: int, pages: list[list[int]], whole: bool
) -> None:
    page, asked = numbered(count, 2)
    assert list(tiny(lent).pages(page, 2, 9, whole=whole)) == pages
    assert asked == [list(range(min(2 * number, count))) for number in range(len(pages))]


def test_a_list_that_goes_on_is_refused_when_it_is_wanted_whole(lent: Lent) -> None:
    page, asked = numbered(100, 2)
    pages = tiny(lent).pages(page, 2, 3)
    assert list(islice(pages, 3)) == [[0, 1], [2, 3], [4, 5]]
    with pytest.raises(Unsupported, match=r"^UNSUPPORTED not supported: Tiny lists over 6 orders there: name a market"):
        next(pages)
    assert len(asked) == 3


def test_the_first_pages_are_enough_when_it_is_not(lent: Lent) -> None:
    page, asked = numbered(100, 2)
    assert list(tiny(lent).pages(page, 2, 3, whole=False)) == [[0, 1], [2, 3], [4, 5]]
    assert len(asked) == 3


def test_a_page_that_nobody_wants_is_not_asked_for(lent: Lent) -> None:
    page, asked = numbered(100, 2)
    assert next(iter(tiny(lent).pages(page, 2, 3))) == [0, 1]
    assert len(asked) == 1


@pytest.mark.parametrize(("enough", "count", "asked_for"), [(None, 5, 3), (4, 4, 2), (3, 4, 2), (9, 5, 3)])
def test_all_rows_are_those_of_all_pages_or_enough_of_them(
    lent: Lent, enough: int | None, count: int, asked_for: int
) -> None:
    page, asked = numbered(5, 2)
    assert tiny(lent).all_rows(page, 2, 9, enough=enough) == list(range(count))
    assert len(asked) == asked_for


@pytest.mark.parametrize("size", [3, 4, 100])
@pytest.mark.parametrize("since", [0, 10, 11, 45])
def test_windows_give_each_row_once(lent: Lent, since: int, size: int) -> None:
    times = [0, 10, 10, 10, 11, 19, 20, 39, 45, 50]  # as many in one ms as fit into the smallest page
    rows = [{"id": number, "at": at} for number, at in enumerate(times)]
    asked: list[tuple[int, int]] = []

    def ask(first: int, last: int) -> list[dict[str, int]]:
        asked.append((first, last))
        return [row for row in rows if first <= row["at"] <= last][:size]

    found = list(tiny(lent).windows(ask, since, 50, span=20, size=size, key="id", time=lambda row: int(row["at"])))
    assert found == [row for row in rows if row["at"] >= since]
    assert all(0 <= last - first <= 20 and last <= 50 for first, last in asked)


def test_the_next_window_is_asked_for_when_its_rows_are_wanted(lent: Lent) -> None:
    asked: list[int] = []

    def ask(first: int, last: int) -> list[dict[str, int]]:
        asked.append(first)
        return [{"id": first, "at": first}]

    rows = tiny(lent).windows(ask, 0, 1000, span=100, size=9, key="id", time=lambda row: int(row["at"]))
    assert [next(rows)["id"], next(rows)["id"]] == [0, 100]
    assert asked == [0, 100]
