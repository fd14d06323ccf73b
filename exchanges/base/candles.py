"""Bars of a period that an exchange lacks, built from smaller ones that it has."""

from itertools import groupby

from protocol.models import Candle
from protocol.numbers import exact

_WEEK = 7 * 24 * 60
_DAY_MS = 24 * 60 * 60_000

MONDAY, THURSDAY = 4, 0
"""Days that weeks begin on, counted from the epoch, a Thursday."""


def merge(bars: list[Candle], period: int, week: int = MONDAY) -> list[Candle]:
    """Return bars of ``period`` minutes, built exactly from smaller ones in ascending order. A first bar whose
    beginning is missing is left out. week: the day that weeks, and multiples of them, begin on."""
    length = period * 60_000
    shift = week * _DAY_MS if period % _WEEK == 0 else 0
    merged = []
    for start, parts in groupby(bars, lambda bar: (bar.time - shift) // length * length + shift):
        _, opens, highs, lows, closes, volumes = zip(*parts, strict=True)
        volume = sum(map(exact, volumes))  # doubles would add up to 114.51006000000001
        merged.append(Candle(start, opens[0], max(highs), min(lows), closes[-1], float(volume)))
    return merged[1:] if bars and bars[0].time != merged[0].time else merged
