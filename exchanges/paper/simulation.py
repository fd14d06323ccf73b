"""The simulated market: its trades, as a pure function of the market and the time. No state, no clock.

A day's bar is hashed from its date, and splits, down to the minute, into bars that add up to it exactly; a minute
splits into its trades. So ticker, book, bars and trades agree, in every process and after every restart, and any moment
of any year is reached in six steps. Prices are whole ticks, amounts whole lots, times milliseconds.

Accounts trade at these prices without moving them.
"""

from collections.abc import Iterator, Sequence
from decimal import Context, Decimal
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from exchanges.paper.basis import BLOCK, basis
from exchanges.paper.chance import numbers
from exchanges.paper.listings import Listing
from protocol.models import Side

PERIODS = (1440, 240, 60, 15, 5, 1)
"""The periods of bars, in minutes, each a multiple of the next."""

MINUTE = 60_000  # ms
WINDOW = 1440  # minutes that a ticker covers, the live one included

_PARTS = {period: (part, period // part) for period, part in pairwise(PERIODS)}
_FEWEST_TRADES, _MOST_TRADES = 6, 12  # in a minute
_IDS = 64  # trade ids set aside for a minute
_LEVELS = 40  # on either side of the book
_EXACT = Context(prec=28)

# The distance of a price's logarithm from its anchor: days between turning points, and the greatest distance.
_OCTAVES = ((512, 0.3), (128, 0.15), (32, 0.08), (8, 0.04), (2, 0.02), (1, 0.01))
_NUMERAIRE = "USDT"
_DOLLAR = "USD"  # worth one USDT here, always


class Bar(NamedTuple):
    """The trades of a period: prices in ticks, the volume in lots."""

    open: int
    high: int
    low: int
    close: int
    volume: int


class Print(NamedTuple):
    """One public trade; ids grow with time, and no two trades of a market share a millisecond."""

    id: int
    time: int
    price: int
    amount: int
    side: Side


class Book(NamedTuple):
    """An order book: levels ``(price, amount)``, best first."""

    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]


# Market data ----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=16_384)
def bar(listing: Listing, period: int, index: int) -> Bar:
    """Return a whole bar, the ``index``-th of ``period`` minutes since the epoch, also before it is over."""
    if listing.underlying:
        return _moved_bar(listing, listing.underlying, period, index)
    if period == PERIODS[0]:
        return _day(listing, index)
    parent = PERIODS[PERIODS.index(period) - 1]
    return _split(listing, parent, index * period // parent)[index % (parent // period)]


def bar_until(listing: Listing, first: int, now: int) -> Bar:
    """Return the bar of the trades from the first millisecond of minute ``first`` until ``now``."""
    minute = now // MINUTE
    traded = [trade for trade in prints(listing, minute) if trade.time <= now]
    live = [Bar(trade.price, trade.price, trade.price, trade.price, trade.amount) for trade in traded]
    return _join([_span(listing, first, minute), *live] if first < minute else live)


@lru_cache(maxsize=4096)
def prints(listing: Listing, minute: int) -> tuple[Print, ...]:
    """Return all trades of a minute, oldest first. The first is at its first millisecond, so a live bar is never
    empty."""
    if listing.underlying:
        away = _basis(listing, listing.underlying, minute // BLOCK)
        return tuple(one._replace(price=one.price + away) for one in prints(listing.underlying, minute))
    whole = bar(listing, 1, minute)
    count, top, bottom, *hashed = numbers(3 + 3 * _MOST_TRADES, *_pair(listing), "trades", minute)
    count = _FEWEST_TRADES + count % (_MOST_TRADES - _FEWEST_TRADES + 1)
    top = 1 + top % (count - 2)
    bottom = 1 + (top + bottom % (count - 3)) % (count - 2)
    turns = sorted({0: whole.open, top: whole.high, bottom: whole.low, count - 1: whole.close}.items())
    amounts = _shares(whole.volume, 1, hashed[:count])
    slot = MINUTE // count
    found: list[Print] = []
    price = whole.open
    for k, (how_far, when) in enumerate(zip(hashed[count : 2 * count], hashed[2 * count :], strict=False)):
        at, goal = next(turn for turn in turns if turn[0] >= k)
        last, price = price, goal if at == k else price + ((goal - price) * how_far >> 32)
        rises = price > last if price != last else when & 1
        time = minute * MINUTE + k * slot + (when % slot if k else 0)
        found.append(Print(minute * _IDS + k, time, price, amounts[k], Side.BUY if rises else Side.SELL))
    return tuple(found)


def prints_until(listing: Listing, now: int) -> Iterator[Print]:
    """Yield all trades until ``now``, the latest first."""
    minute = now // MINUTE
    while True:
        yield from (trade for trade in reversed(prints(listing, minute)) if trade.time <= now)
        minute -= 1


def book(listing: Listing, now: int) -> Book:
    """Return the order book after the latest trade, which took from the best ask or bid."""
    return _book(listing, next(prints_until(listing, now)))


def next_touch(
    listing: Listing, after: int, until: int, at_or_below: int | None, at_or_above: int | None
) -> Print | None:
    """Return the first trade later than ``after``, and not later than ``until``, at or beyond one of two prices."""
    floor = -1 if at_or_below is None else at_or_below

    def touches(low: int, high: int) -> bool:
        return low <= floor or (at_or_above is not None and high >= at_or_above)

    def search(period: int, index: int) -> Print | None:
        start = index * period * MINUTE
        if start > until or start + period * MINUTE <= after:
            return None
        whole = bar(listing, period, index)
        if not touches(whole.low, whole.high):
            return None
        if period == 1:
            traded = (trade for trade in prints(listing, index) if after < trade.time <= until)
            return next((trade for trade in traded if touches(trade.price, trade.price)), None)
        part, count = _PARTS[period]
        below = (search(part, index * count + k) for k in range(count))
        return next((trade for trade in below if trade), None)

    day = PERIODS[0] * MINUTE
    found = (search(PERIODS[0], index) for index in range(after // day, until // day + 1))
    return next((trade for trade in found if trade), None)


# Internals ------------------------------------------------------------------------------------------------------------


def _pair(listing: Listing) -> tuple[str, str]:
    quote = listing.market.symbol.quote
    return listing.market.symbol.base, _NUMERAIRE if quote == _DOLLAR else quote


@lru_cache(maxsize=8192)
def _basis(listing: Listing, underlying: Listing, block: int) -> int:
    market, price = listing.market, bar(underlying, BLOCK, block).open
    return basis(market.symbol.base, market.delivery_ms // MINUTE, block, price)


def _moved_bar(listing: Listing, underlying: Listing, period: int, index: int) -> Bar:
    """Return a bar of a dated contract: that of its market, moved by its basis."""
    if period > BLOCK:
        count = period // BLOCK
        return _join([bar(listing, BLOCK, index * count + k) for k in range(count)])
    away, whole = _basis(listing, underlying, index * period // BLOCK), bar(underlying, period, index)
    first, high, low, last = (price + away for price in whole[:4])
    return Bar(first, high, low, last, whole.volume)


@lru_cache(maxsize=8192)
def _turning_point(asset: str, days: int, index: int) -> float:
    return numbers(1, asset, days, index)[0] / 2**31 - 1


def _level(asset: str, day: int) -> float:
    """Return the logarithm of an asset's value in the numeraire against its anchor: smooth noise of several octaves."""
    level = 0.0
    for days, reach in _OCTAVES if asset != _NUMERAIRE else ():
        index, past = divmod(day, days)
        left, right = _turning_point(asset, days, index), _turning_point(asset, days, index + 1)
        x = past / days
        level += reach * (left + (right - left) * x * x * (3 - 2 * x))
    return level


@lru_cache(maxsize=8192)
def _midnight(listing: Listing, day: int) -> int:
    """Return the price at which a day begins. Pairs of the same assets agree: ETH_BTC is ETH_USDT by BTC_USDT."""
    base, quote = _pair(listing)
    # Decimal's exponential is correctly rounded; a platform's own may differ in its last bit.
    return int(listing.anchor * Decimal(_level(base, day) - _level(quote, day)).exp(_EXACT))


def _day(listing: Listing, day: int) -> Bar:
    first, last = _midnight(listing, day), _midnight(listing, day + 1)
    up, down, busy = numbers(3, *_pair(listing), "day", day)
    reach = max(first, last) // 50
    volume = listing.turnover // 2 + (listing.turnover * busy >> 32)
    return Bar(first, max(first, last) + (reach * up >> 32), min(first, last) - (reach * down >> 32), last, volume)


@lru_cache(maxsize=8192)
def _split(listing: Listing, period: int, index: int) -> tuple[Bar, ...]:
    """Return the bars of the next smaller period that a bar is made of: a random bridge from its open to its close."""
    whole = bar(listing, period, index)
    part, count = _PARTS[period]
    hashed = numbers(4 * count, *_pair(listing), period, index)
    reach = whole.high - whole.low
    volumes = _shares(whole.volume, part * _MOST_TRADES, hashed[:count])

    walk = [0]
    for step in hashed[count : 2 * count]:
        walk.append(walk[-1] + ((step - 2**31) * reach >> 31))
    drift = whole.close - whole.open - walk[-1]
    ends = [_within(whole, whole.open + walk[k] + drift * k // count) for k in range(count + 1)]
    bodies = list(pairwise(ends))
    wicks = [reach * wick // 5 >> 32 for wick in hashed[2 * count :]]
    highs = [min(whole.high, max(body) + wick) for body, wick in zip(bodies, wicks, strict=False)]
    lows = [max(whole.low, min(body) - wick) for body, wick in zip(bodies, wicks[count:], strict=False)]
    highs[highs.index(max(highs))] = whole.high
    lows[lows.index(min(lows))] = whole.low
    return tuple(
        Bar(body[0], high, low, body[1], volume)
        for body, high, low, volume in zip(bodies, highs, lows, volumes, strict=True)
    )


def _within(whole: Bar, price: int) -> int:
    """Return a price, folded back into a bar's range."""
    reach = whole.high - whole.low
    past = (price - whole.low) % (2 * reach) if reach else 0
    return whole.low + min(past, 2 * reach - past)


def _shares(total: int, least: int, hashed: Sequence[int]) -> list[int]:
    """Return ``total`` in as many parts as there are numbers, each at least ``least``, which add up to it."""
    weights = [2**30 + number for number in hashed]
    spare, sum_of_weights = total - least * len(weights), sum(weights)
    shares, given, weighed = [], 0, 0
    for weight in weights:
        weighed += weight
        upto = spare * weighed // sum_of_weights
        shares.append(least + upto - given)
        given = upto
    return shares


def _join(bars: Sequence[Bar]) -> Bar:
    return Bar(
        bars[0].open,
        max(bar.high for bar in bars),
        min(bar.low for bar in bars),
        bars[-1].close,
        sum(bar.volume for bar in bars),
    )


@lru_cache(maxsize=512)
def _span(listing: Listing, first: int, end: int) -> Bar:
    """Return the bar of the minutes from ``first`` up to, not including, ``end``, from the largest bars that fit."""
    bars = []
    while first < end:
        period = next(period for period in PERIODS if first % period == 0 and first + period <= end)
        bars.append(bar(listing, period, first // period))
        first += period
    return _join(bars)


@lru_cache(maxsize=512)
def _book(listing: Listing, last: Print) -> Book:
    gap = max(1, last.price // 20_000)
    spread, *hashed = numbers(1 + 4 * _LEVELS, *_pair(listing), "book", last.id)
    usual = listing.turnover * 2 // (PERIODS[0] * (_FEWEST_TRADES + _MOST_TRADES))  # the size of a trade
    ask = last.price if last.side is Side.BUY else last.price + 1 + spread % gap
    bid = last.price if last.side is Side.SELL else last.price - 1 - spread % gap

    def levels(best: int, away: int, steps: Sequence[int], sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
        price = best
        for k, (step, size) in enumerate(zip(steps, sizes, strict=True)):
            yield price, 1 + (usual * (10 + k) * size >> 35)
            price += away * (1 + step % gap)

    steps, sizes = hashed[: 2 * _LEVELS], hashed[2 * _LEVELS :]
    return Book(
        tuple(levels(bid, -1, steps[:_LEVELS], sizes[:_LEVELS])),
        tuple(levels(ask, 1, steps[_LEVELS:], sizes[_LEVELS:])),
    )
