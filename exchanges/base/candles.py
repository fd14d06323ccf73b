"""Bars of a period that an exchange lacks, from smaller ones that it has."""

from itertools import groupby

from protocol.models import Candle
from protocol.numbers import exact

_WEEK = 7 * 24 * 60
_MONDAY = 4 * 24 * 60 * 60_000  # ms; the epoch was a Thursday, weeks begin on Mondays


def merge(bars: list[Candle], period: int) -> list[Candle]:
    """Return bars of ``period`` minutes from ascending smaller ones, exactly; the first is left out when its start
    is."""
    length = period * 60_000
    shift = _MONDAY if period % _WEEK == 0 else 0
    merged = []
    for start, parts in groupby(bars, lambda bar: (bar.time - shift) // length * length + shift):
        _, opens, highs, lows, closes, volumes = zip(*parts, strict=True)
        volume = sum(map(exact, volumes))  # doubles would add up to 114.51006000000001
        merged.append(Candle(start, opens[0], max(highs), min(lows), closes[-1], float(volume)))
    return merged[1:] if bars and bars[0].time != merged[0].time else merged
