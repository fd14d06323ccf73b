"""Dated contracts: when they are delivered, what they are called, and the prices that they trade at."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from exchanges.paper import FuturesPaper, dated, simulation
from exchanges.paper.listings import SWAPS, Listing
from exchanges.paper.simulation import MINUTE, PERIODS
from protocol.errors import InvalidCall
from protocol.models import Symbol
from tests.conftest import Clock
from tests.lent import Lent
from transport.credentials import Credentials

HOUR, WEEK = 60 * MINUTE, 7 * 24 * 60 * MINUTE
NAMES = ["BTC-USDT-231117", "ETH-USDT-231124", "BTC-USD-231229", "ETH-USD-240329"]


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def contract(name: str) -> Listing:
    found = dated.listing(name)
    assert found
    return found


def swap_of(listing: Listing) -> Listing:
    return SWAPS[f"{listing.market.symbol.base}_{listing.market.symbol.quote}.swap"]


def named(now: int) -> dict[str, str]:
    """FMZ's names of the contracts of BTC_USDT at a time, and their own."""
    return {one.symbol.contract: one.id for one in dated.markets(now) if str(one.symbol).startswith("BTC_USDT.")}


@pytest.mark.parametrize(
    ("now", "days"),
    [
        ("2023-11-14 22:13", "231117 231124 231229 240329"),
        ("2023-11-17 07:59:59.999", "231117 231124 231229 240329"),
        ("2023-11-17 08:00", "231124 231201 231229 240329"),
        ("2023-12-15 07:59:59.999", "231215 231222 231229 240329"),
        ("2023-12-15 08:00", "231222 231229 240329 240628"),
        ("2023-12-22 08:00", "231229 240105 240329 240628"),
        ("2023-12-29 08:00", "240105 240112 240329 240628"),
        ("2024-02-29 12:00", "240301 240308 240329 240628"),
        ("2024-06-30 12:00", "240705 240712 240927 241227"),
        ("2027-12-31 07:59", "271231 280107 280331 280630"),
    ],
)
def test_a_name_means_the_contract_that_it_means_on_real_exchanges(now: str, days: str) -> None:
    this_week, next_week, quarter, next_quarter = (f"BTC-USDT-{day}" for day in days.split())
    assert named(ms(now)) == {
        "this_week": this_week,
        "next_week": next_week,
        "quarter": quarter,
        "next_quarter": next_quarter,
    }


def test_a_contract_stays_until_it_is_delivered() -> None:
    start = ms("2023-11-15 00:00")
    weeks = [dated.markets(start + WEEK * k) for k in range(120)]
    for before, after in pairwise(weeks):
        later = {one.id for one in after}
        gone = [one for one in before if one.id not in later]
        assert {one.symbol.contract for one in gone} == {"this_week"}
        assert len({one.id for one in before}) == len(before) == 16
    assert [min(one.delivery_ms for one in week) for week in weeks] == [
        ms("2023-11-17 08:00") + WEEK * k for k in range(120)
    ]


@pytest.mark.parametrize(
    "name", ["BTC-USDT-231116", "BTC-USDT-231317", "SOL-USDT-231117", "BTC-EUR-231117", "BTC_USDT.swap", "231117", ""]
)
def test_what_is_no_contract(name: str) -> None:
    assert dated.listing(name) is None


# Prices ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_contract_has_the_trades_of_its_swap_at_prices_of_its_own(name: str) -> None:
    listing = contract(name)
    minute = listing.market.delivery_ms // MINUTE - 3000
    for ours, theirs in zip(
        simulation.prints(listing, minute), simulation.prints(swap_of(listing), minute), strict=True
    ):
        assert ours._replace(price=0) == theirs._replace(price=0)
        assert ours.price > theirs.price


@pytest.mark.parametrize("name", NAMES)
def test_the_basis_is_small_and_goes_to_zero(name: str) -> None:
    """Measured at every block of four hours in the last hundred days."""
    listing = contract(name)
    end = listing.market.delivery_ms // MINUTE

    def basis(minute: int) -> float:
        theirs = simulation.bar(swap_of(listing), 1, minute).open
        return (simulation.bar(listing, 1, minute).open - theirs) / theirs

    measured = [basis(end - 240 * k) for k in range(600)]
    assert measured[0] == measured[1] == 0
    assert 0 < measured[6] < 0.0003  # a day
    assert 0.004 < measured[599] < 0.025
    assert all(abs(one - two) < 0.0003 for one, two in pairwise(measured))
    assert basis(end + 999) == 0


def test_the_basis_changes_its_rate() -> None:
    listing = contract("BTC-USDT-231229")
    rates = set()
    for days in range(10, 90, 8):
        minute = listing.market.delivery_ms // MINUTE - days * 1440
        theirs = simulation.bar(swap_of(listing), 1, minute).open
        rates.add(round((simulation.bar(listing, 1, minute).open / theirs - 1) / days * 365, 2))
    assert len(rates) > 2
    assert min(rates) >= 0.02
    assert max(rates) <= 0.08


@pytest.mark.parametrize("name", NAMES)
def test_bars_trades_and_book_of_a_contract_agree(name: str) -> None:
    listing = contract(name)
    end = listing.market.delivery_ms // MINUTE
    for minute in (end - 9000, end - 1440, end - 241, end - 240, end - 1):
        prices = [trade.price for trade in simulation.prints(listing, minute)]
        whole = simulation.bar(listing, 1, minute)
        assert (prices[0], max(prices), min(prices), prices[-1]) == whole[:4]
        for period, part in pairwise(PERIODS):
            count, index = period // part, minute // period
            bars = [simulation.bar(listing, part, index * count + k) for k in range(count)]
            big = simulation.bar(listing, period, index)
            assert big.open == bars[0].open
            assert big.close == bars[-1].close
            assert (big.high, big.low) == (max(one.high for one in bars), min(one.low for one in bars))
            assert big.volume == sum(one.volume for one in bars)
        last = simulation.prints(listing, minute)[-1]
        bids, asks = simulation.book(listing, last.time)
        assert last.price in (bids[0][0], asks[0][0])
        assert bids[0][0] < asks[0][0]


def test_the_next_touch_of_a_contract_is_found() -> None:
    listing = contract("BTC-USDT-231229")
    start = ms("2023-12-01 00:00")
    trades = [one for k in range(2 * 1440) for one in simulation.prints(listing, start // MINUTE + k)]
    lowest = min(trades, key=lambda one: one.price)
    assert simulation.next_touch(listing, start - 1, trades[-1].time, lowest.price, None) == lowest
    assert simulation.next_touch(listing, start - 1, trades[-1].time, lowest.price - 1, None) is None


@pytest.mark.parametrize("coin", ["BTC", "ETH"])
def test_a_dollar_is_worth_a_tether(coin: str) -> None:
    for code in ("swap", "231117"):
        linear, inverse = (
            SWAPS[f"{coin}_{quote}.swap"] if code == "swap" else contract(f"{coin}-{quote}-{code}")
            for quote in ("USDT", "USD")
        )
        minute = ms("2023-11-14 22:13") // MINUTE
        assert [one.price for one in simulation.prints(linear, minute)] == [
            one.price for one in simulation.prints(inverse, minute)
        ]


# What FMZ reads -------------------------------------------------------------------------------------------------------


def test_a_name_moves_on_at_the_delivery(lent: Lent, clock: Clock) -> None:
    exchange = lent.open(FuturesPaper, Credentials())
    this_week, next_week = Symbol.parse("BTC_USDT.this_week"), Symbol.parse("BTC_USDT.next_week")
    clock.ms = ms("2023-11-17 08:00") - 1
    delivered, following = exchange.market(this_week), exchange.market(next_week)
    own = Symbol.parse("BTC_USDT.BTC-USDT-231117")
    assert exchange.ticker(this_week) == exchange.ticker(own)
    clock.ms += 1
    assert exchange.market(this_week) == following != delivered
    assert str(exchange.symbol_of(following)) == "BTC_USDT.this_week"
    assert str(exchange.symbol_of(delivered)) == "BTC_USDT.BTC-USDT-231117"
    with pytest.raises(InvalidCall, match=r"Futures_paper lists no market BTC_USDT\.BTC-USDT-231117"):
        exchange.ticker(own)


@pytest.mark.parametrize("name", ["BTC_USDT.quarter", "ETH_USD.next_quarter", "BTC_USD.BTC-USD-231124"])
def test_ticker_book_trades_and_bars_agree(lent: Lent, name: str) -> None:
    exchange, symbol = lent.open(FuturesPaper, Credentials()), Symbol.parse(name)
    ticker, book, trades = exchange.ticker(symbol), exchange.depth(symbol), exchange.trades(symbol)
    minutes, days = exchange.records(symbol, 1, 10), exchange.records(symbol, 1440, 400)
    assert ticker.last == trades[-1].price == minutes[-1].close == days[-1].close
    assert (ticker.bid, ticker.ask) == (book.bids[0][0], book.asks[0][0])
    assert len(days) == 400
    assert ticker.low <= min(bar.low for bar in minutes)


@pytest.mark.parametrize(
    "name", ["BTC_USDT.BTC-USDT-300329", "SOL_USDT.quarter", "BTC_USD.this_month", "XYZ_USDT.swap"]
)
def test_a_contract_that_there_is_not_now(lent: Lent, name: str) -> None:
    exchange = lent.open(FuturesPaper, Credentials())
    with pytest.raises(InvalidCall):
        exchange.depth(Symbol.parse(name))
