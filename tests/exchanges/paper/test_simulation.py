"""The simulated market agrees with itself: at every time, in every process, from every side it is looked at."""

import os
import random
import subprocess
import sys
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from exchanges.base.candles import merge
from exchanges.paper import FuturesPaper, Paper, simulation
from exchanges.paper.listings import SPOT, SWAPS, Listing
from exchanges.paper.simulation import MINUTE, PERIODS, Bar, Print
from protocol.errors import InvalidCall
from protocol.models import Side, Symbol, Trade
from tests.conftest import Clock
from tests.lent import Lent
from transport.credentials import Credentials

LISTINGS = {**SPOT, **SWAPS}
ROOT = Path(__file__).parents[3]
DAY = 1440 * MINUTE
# The minute bars of 2023-11-14 22:13 UTC.
PINNED = [
    [5630167, 5630489, 5629749, 5630291, 382476],
    [293753, 293788, 293487, 293497, 739563],
    [15707, 15718, 15702, 15717, 195976],
    [9270, 9275, 9270, 9273, 32300],
    [19236, 19239, 19236, 19239, 131600],
    [7098, 7099, 7098, 7099, 461060],
    [37109, 37124, 37109, 37121, 121040],
    [24726, 24737, 24674, 24677, 114289],
    [7769, 7771, 7769, 7770, 238097],
    [13919, 13919, 13916, 13917, 25753],
    [4466, 4468, 4458, 4459, 49751],
    [17281, 17281, 17279, 17280, 333976],
    [49176, 49177, 49174, 49177, 99108],
    [52706, 52718, 52704, 52716, 53329],
    [16624, 16630, 16613, 16614, 140450],
    [5630167, 5630489, 5629749, 5630291, 6370],
    [293753, 293788, 293487, 293497, 11081],
    [15707, 15718, 15702, 15717, 299],
    [9270, 9275, 9270, 9273, 413],
    [19236, 19239, 19236, 19239, 1762],
    [7098, 7099, 7098, 7099, 9230],
    [37109, 37124, 37109, 37121, 2418],
    [24726, 24737, 24674, 24677, 2287],
    [7769, 7771, 7769, 7770, 3973],
    [13919, 13919, 13916, 13917, 440],
    [4466, 4468, 4458, 4459, 1006],
    [17281, 17281, 17279, 17280, 5346],
    [49176, 49177, 49174, 49177, 19825],
    [5630167, 5630489, 5629749, 5630291, 3821],
    [293753, 293788, 293487, 293497, 22175],
]


def times(name: str, count: int = 12) -> list[int]:
    """Moments from 2015 to 2035, among them the ends and beginnings of days and minutes; ms."""
    chance = random.Random(name)
    some = [chance.randrange(1_420_000_000_000, 2_050_000_000_000) for _ in range(count)]
    midnight = some[0] // DAY * DAY
    return [*some, midnight - 1, midnight, midnight + 1, midnight + MINUTE - 1, midnight + MINUTE]


def bar_of(trades: list[Print]) -> Bar:
    prices = [trade.price for trade in trades]
    return Bar(prices[0], max(prices), min(prices), prices[-1], sum(trade.amount for trade in trades))


def joined(bars: list[Bar]) -> Bar:
    return Bar(
        bars[0].open,
        max(bar.high for bar in bars),
        min(bar.low for bar in bars),
        bars[-1].close,
        sum(bar.volume for bar in bars),
    )


def traded(listing: Listing, first: int, last: int) -> list[Print]:
    """All trades from ``first`` to ``last``, both included; ms."""
    minutes = range(first // MINUTE, last // MINUTE + 1)
    return [trade for minute in minutes for trade in simulation.prints(listing, minute) if first <= trade.time <= last]


def exact(number: float) -> Decimal:
    return Decimal(repr(number))


@pytest.mark.parametrize("name", LISTINGS)
def test_a_minute_is_its_trades(name: str) -> None:
    listing = LISTINGS[name]
    for time in times(name):
        minute = time // MINUTE
        trades = list(simulation.prints(listing, minute))
        assert bar_of(trades) == simulation.bar(listing, 1, minute)
        assert 6 <= len(trades) <= 12
        assert min(trade.price for trade in trades) > 0
        assert min(trade.amount for trade in trades) > 0
        assert trades[0].time == minute * MINUTE
        assert trades[-1].time < (minute + 1) * MINUTE
        assert trades[-1].id < simulation.prints(listing, minute + 1)[0].id < 2**53
        assert sorted({trade.time for trade in trades}) == [trade.time for trade in trades]
        assert sorted({trade.id for trade in trades}) == [trade.id for trade in trades]


@pytest.mark.parametrize("name", LISTINGS)
def test_a_bar_is_the_smaller_bars_in_it(name: str) -> None:
    listing = LISTINGS[name]
    for time in times(name):
        for period, part in pairwise(PERIODS):
            index = time // MINUTE // period
            count = period // part
            parts = [simulation.bar(listing, part, index * count + k) for k in range(count)]
            assert joined(parts) == simulation.bar(listing, period, index)
            assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in parts)
            following = simulation.bar(listing, period, index + 1)
            assert following.open == parts[-1].close


@pytest.mark.parametrize("name", LISTINGS)
def test_a_live_bar_is_what_has_been_traded(name: str) -> None:
    listing = LISTINGS[name]
    for time in times(name, 4):
        for period in (1, 5, 60, 240):
            first = time // MINUTE // period * period
            assert simulation.bar_until(listing, first, time) == bar_of(traded(listing, first * MINUTE, time))


@pytest.mark.parametrize("name", LISTINGS)
def test_the_book_is_as_the_latest_trade_left_it(name: str) -> None:
    listing = LISTINGS[name]
    for time in times(name):
        bids, asks = simulation.book(listing, time)
        last = next(simulation.prints_until(listing, time))
        assert last.time <= time
        assert not traded(listing, last.time + 1, time)
        assert last.price == (asks if last.side is Side.BUY else bids)[0][0]
        for levels, away in ((bids, -1), (asks, 1)):
            prices = [price * away for price, _ in levels]
            assert prices == sorted(set(prices))
            assert 20 <= len(levels) <= 50
        assert 0 < bids[-1][0] < bids[0][0] < asks[0][0]
        assert min(amount for _, amount in (*bids, *asks)) > 0
        assert asks[0][0] - bids[0][0] <= max(1, last.price // 20_000)


@pytest.mark.parametrize("name", LISTINGS)
def test_what_fmz_reads_agrees(name: str, lent: Lent, clock: Clock) -> None:
    kind, listing = (Paper, LISTINGS[name]) if name in SPOT else (FuturesPaper, LISTINGS[name])
    exchange, symbol = lent.open(kind, Credentials()), listing.market.symbol
    for clock.ms, count in zip(times(name)[10:14], (1000, 60, 60, 60), strict=True):
        ticker, depth, trades = exchange.ticker(symbol), exchange.depth(symbol), exchange.trades(symbol)
        minutes, hours, days = (exchange.records(symbol, period, count) for period in (1, 60, 1440))
        last = trades[-1]
        assert (ticker.time, depth.time) == (clock.ms, clock.ms)
        assert ticker.last == last.price == minutes[-1].close == hours[-1].close == days[-1].close
        assert (ticker.bid, ticker.ask) == (depth.bids[0][0], depth.asks[0][0])
        assert ticker.last == (ticker.ask if last.side is Side.BUY else ticker.bid)
        assert len(minutes) == len(hours) == len(days) == count
        assert minutes[-1].time == clock.ms // MINUTE * MINUTE

        live = [trade for trade in trades if trade.time >= minutes[-1].time]
        assert sum(exact(trade.amount) for trade in live) == exact(minutes[-1].volume)
        assert live[0].price == minutes[-1].open

        for period, bars in ((60, hours), (1440, days)):
            smaller = [bar for bar in (minutes if period == 60 else hours) if bar.time >= bars[-1].time]
            [built] = merge(smaller, period)
            assert built[:5] == bars[-1][:5]
            assert sum(exact(bar.volume) for bar in smaller) == exact(bars[-1].volume)

        first = clock.ms // MINUTE - simulation.WINDOW + 1
        window = joined(
            [
                *(simulation.bar(listing, 1, minute) for minute in range(first, first + simulation.WINDOW - 1)),
                simulation.bar_until(listing, clock.ms // MINUTE, clock.ms),
            ]
        )
        assert exact(ticker.high) == listing.price(window.high)
        assert exact(ticker.low) == listing.price(window.low)
        assert exact(ticker.volume) == listing.amount(window.volume)


def test_every_period_comes_from_the_same_trades(lent: Lent, clock: Clock) -> None:
    exchange, symbol = lent.open(Paper, Credentials()), Symbol.parse("ETH_BTC")
    minutes = exchange.records(symbol, 1, 1000)
    for period in (3, 5, 15, 30, 60, 120, 240):
        bars = exchange.records(symbol, period, 3)
        assert len(bars) == 3
        assert [bar[:5] for bar in merge(minutes, period)[-3:]] == [bar[:5] for bar in bars]
    assert len(exchange.records(symbol, 1440, None)) == 500
    [before, week] = exchange.records(symbol, 10080, 2)
    assert week.time - before.time == 7 * DAY
    assert week.time % (7 * DAY) == 4 * DAY  # a Monday


def test_trades_are_the_latest_hundred(lent: Lent, clock: Clock) -> None:
    trades = lent.open(Paper, Credentials()).trades(Symbol.parse("SOL_USDT"))
    expected = [
        Trade(one.id, one.time, one.price / 100, one.amount / 1000, one.side)
        for one in traded(SPOT["SOL_USDT"], clock.ms - 20 * MINUTE, clock.ms)
    ]
    assert trades == expected[-100:]


@pytest.mark.parametrize("name", SWAPS)
def test_a_swap_trades_at_the_prices_of_its_spot_market(name: str) -> None:
    spot = SPOT[f"{SWAPS[name].market.symbol.base}_USDT"]
    for time in times(name, 4):
        swap_prices, spot_prices = (
            [(trade.id, trade.time, trade.price, trade.side) for trade in traded(listing, time - MINUTE, time)]
            for listing in (SWAPS[name], spot)
        )
        assert swap_prices == spot_prices


def test_pairs_of_the_same_assets_agree_at_midnight() -> None:
    for day in range(16_000, 24_000, 97):
        dollars = [simulation.bar(SPOT[name], 1440, day).open / SPOT[name].anchor for name in ("ETH_USDT", "BTC_USDT")]
        cross = simulation.bar(SPOT["ETH_BTC"], 1440, day).open / SPOT["ETH_BTC"].anchor
        assert cross == pytest.approx(dollars[0] / dollars[1], rel=1e-3)


@pytest.mark.long
def test_prices_stay_within_reason() -> None:
    for listing in LISTINGS.values():
        bars = [simulation.bar(listing, 1440, day) for day in range(16_000, 24_000, 7)]
        assert min(bar.low for bar in bars) > listing.anchor / 6
        assert max(bar.high for bar in bars) < listing.anchor * 6
        assert all((bar.high - bar.low) / bar.open < 0.15 for bar in bars)


def test_an_unknown_market_is_refused_with_the_list(lent: Lent) -> None:
    with pytest.raises(InvalidCall, match=r"no market XYZ_USDT; it has BTC_USDT, .*, LTC_BTC$"):
        lent.open(Paper, Credentials()).ticker(Symbol.parse("XYZ_USDT"))
    with pytest.raises(InvalidCall, match=r"Futures_paper lists no market ETH_BTC\.swap$"):
        lent.open(FuturesPaper, Credentials()).depth(Symbol.parse("ETH_BTC.swap"))


SAMPLE = """
import json
from exchanges.paper import simulation
from exchanges.paper.listings import SPOT, SWAPS
for name, listing in {**SPOT, **SWAPS}.items():
    for time in (1_420_070_399_999, 1_700_000_000_000, 1_999_999_999_999):
        minute = time // 60_000
        seen = simulation.prints(listing, minute), simulation.book(listing, time)
        print(json.dumps([name, time, seen, simulation.bar_until(listing, minute - 1439, time)]))
"""


@pytest.mark.long
def test_another_process_sees_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    fresh = subprocess.run(
        [sys.executable, "-c", SAMPLE],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    exec(SAMPLE, {})
    ours = capsys.readouterr().out
    assert fresh.stdout == ours
    assert len(ours.splitlines()) == 3 * len(LISTINGS)


def test_another_release_sees_the_same() -> None:
    """Should this fail, every account's history has changed under it."""
    assert [list(simulation.bar(listing, 1, 28_333_333)) for listing in LISTINGS.values()] == PINNED


def test_the_next_touch_is_the_one_a_search_of_all_trades_finds() -> None:
    chance = random.Random(5)
    listing = SPOT["BTC_USDT"]
    start = 1_700_000_000_000 // DAY * DAY
    trades = traded(listing, start, start + DAY)
    found = 0
    for _ in range(400):
        after = start + chance.randrange(DAY)
        until = after + chance.choice([1, MINUTE // 2, 7 * MINUTE, 300 * MINUTE])
        price = chance.choice(trades).price
        below, above = chance.choice([(price, None), (None, price), (price - 9000, price + 9000), (None, None)])
        if until > start + DAY:
            continue
        expected = next(
            (
                trade
                for trade in trades
                if after < trade.time <= until
                and ((below is not None and trade.price <= below) or (above is not None and trade.price >= above))
            ),
            None,
        )
        assert simulation.next_touch(listing, after, until, below, above) == expected
        found += expected is not None
    assert found > 50


def test_the_next_touch_at_the_very_edges() -> None:
    listing = SPOT["BTC_USDT"]
    [first, second, *_] = simulation.prints(listing, 28_333_333)
    anything = {"at_or_below": 10**12, "at_or_above": None}
    assert simulation.next_touch(listing, first.time - 1, first.time, **anything) == first
    assert simulation.next_touch(listing, first.time, second.time, **anything) == second
    assert simulation.next_touch(listing, first.time, second.time - 1, **anything) is None
    assert simulation.next_touch(listing, first.time, first.time - 1, **anything) is None
    assert simulation.next_touch(listing, first.time, first.time - DAY, **anything) is None


def test_a_touch_years_away_is_found() -> None:
    listing, start = SPOT["BTC_USDT"], 1_600_000_000_000
    lowest = min(simulation.bar(listing, 1440, day).low for day in range(start // DAY + 1, start // DAY + 1500))
    touch = simulation.next_touch(listing, start, start + 1500 * DAY, lowest, None)
    assert touch is not None
    assert touch.price == lowest
