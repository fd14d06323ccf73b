"""Bars: in order, each once, and those of a period that the exchange lacks."""

from itertools import groupby

import pytest
from hypothesis import given, settings, strategies

from exchanges.base.candles import merge
from protocol.errors import Unsupported
from protocol.models import Candle
from tests.lent import Lent
from tests.tiny import BTC, DAY, MINUTE, series, tiny


def test_records_ascend_and_are_unique(lent: Lent) -> None:
    exchange = tiny(lent)
    exchange.bars = iter(series(3, 1, 2, 3, 1))
    assert exchange.records(BTC, 1, None) == series(1, 2, 3)
    assert exchange.asked == (1, None)


def test_the_later_of_two_rows_of_one_bar_counts(lent: Lent) -> None:
    exchange = tiny(lent)
    [bar] = series(5)
    exchange.bars = [bar, bar._replace(close=9.0)]
    assert exchange.records(BTC, 1, None) == [bar._replace(close=9.0)]


def test_the_live_bar_is_kept(lent: Lent) -> None:
    exchange = tiny(lent)
    now = lent.now() // MINUTE
    exchange.bars = series(now - 1, now)
    assert exchange.records(BTC, 1, None)[-1].time == now * MINUTE


@pytest.mark.parametrize(
    ("period", "limit", "asked"),
    [
        (1, None, (1, None)), (1, 5, (1, 5)), (1, 500, (1, 100)), (60, 1, (60, 1)), (5, None, (1, 100)),
        (5, 3, (1, 20)), (5, 19, (1, 100)), (5, 10**40, (1, 100)), (120, 2, (60, 6)), (90, 1, (1, 100)),
        (4320, 1, (1440, 6)), (10080, 2, (1440, 21)), (1440, 7, (1440, 7)),
    ],
)  # fmt: skip
def test_the_longest_period_that_divides_is_asked_for_as_often_as_needed(
    lent: Lent, period: int, limit: int | None, asked: tuple[int, int | None]
) -> None:
    exchange = tiny(lent)
    exchange.records(BTC, period, limit)
    assert exchange.asked == asked


def test_limit_leaves_the_latest(lent: Lent) -> None:
    exchange = tiny(lent)
    exchange.bars = series(*range(10))
    assert exchange.records(BTC, 1, 3) == series(7, 8, 9)
    assert exchange.records(BTC, 1, 10**40) == series(*range(10))
    assert [bar.time for bar in exchange.records(BTC, 5, 1)] == [5 * MINUTE]


def test_a_period_that_nothing_divides_is_unsupported(lent: Lent) -> None:
    exchange = tiny(lent, periods={5: "5m", 60: "1h"})
    with pytest.raises(Unsupported, match="Tiny has no bars that 7 minutes could be built from"):
        exchange.records(BTC, 7, None)
    assert exchange.asked == (0, None)


def test_two_hours_are_built_exactly_from_one(lent: Lent) -> None:
    exchange = tiny(lent)
    exchange.bars = [
        Candle(0 * 60 * MINUTE, 10.0, 12.0, 9.0, 11.0, 1.5),
        Candle(1 * 60 * MINUTE, 11.0, 11.5, 8.0, 8.5, 2.5),
        Candle(2 * 60 * MINUTE, 8.5, 20.0, 8.5, 19.0, 4.0),
    ]
    assert exchange.records(BTC, 120, None) == [
        Candle(0, 10.0, 12.0, 8.0, 8.5, 4.0),
        Candle(120 * MINUTE, 8.5, 20.0, 8.5, 19.0, 4.0),
    ]


def test_a_first_bucket_without_its_start_is_left_out(lent: Lent) -> None:
    exchange = tiny(lent)
    exchange.bars = series(3, 4, 5, 6, 7, 8, 9, 10)
    assert [(bar.time // MINUTE, bar.volume) for bar in exchange.records(BTC, 5, None)] == [(5, 5), (10, 1)]


@pytest.mark.parametrize(
    ("period", "first", "starts"),
    [
        (3 * 1440, 0, [0, 3, 6, 9]),  # days since the epoch
        (1440 * 7, 4, [4, 11, 18]),  # 5 January 1970 was a Monday
        (1440 * 7, 0, [4, 11, 18]),  # the days before it are no whole week
        (1440 * 14, 4, [4, 18]),
    ],
)
def test_days_count_from_the_epoch_and_weeks_begin_on_mondays(period: int, first: int, starts: list[int]) -> None:
    days = series(*(day * 1440 for day in range(first, starts[-1] + 1)))
    assert [bar.time // DAY for bar in merge(days, period)] == starts


def test_nothing_merges_into_nothing() -> None:
    assert merge([], 5) == []


bars = strategies.builds(
    lambda minute, numbers, volume: Candle(minute * MINUTE, numbers[0], max(numbers), min(numbers), numbers[1], volume),
    strategies.integers(0, 400),
    strategies.lists(strategies.integers(1, 1000).map(float), min_size=2, max_size=4),
    strategies.integers(0, 100).map(float),
)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(strategies.lists(bars, max_size=40, unique_by=lambda bar: bar.time), strategies.sampled_from([2, 5, 60, 120]))
def test_merging_is_grouping(given: list[Candle], period: int) -> None:
    given.sort()
    groups = [
        (start, list(group)) for start,
        group in groupby(given, lambda bar: bar.time // (period * MINUTE) * period * MINUTE)
    ]  # fmt: skip
    expected = [
        Candle(
            start,
            group[0].open,
            max(bar.high for bar in group),
            min(bar.low for bar in group),
            group[-1].close,
            sum(bar.volume for bar in group),
        )
        for start, group in groups
    ]
    if groups and groups[0][0] != given[0].time:
        expected = expected[1:]
    assert merge(given, period) == expected
