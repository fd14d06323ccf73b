"""A market that trades as a test tells it, for numbers that can be worked out by hand."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import pytest

from exchanges.paper import FuturesPaper, Paper, simulation
from exchanges.paper.listings import Listing
from exchanges.paper.simulation import Book, Print
from protocol.models import Side
from tests.lent import Lent
from transport.credentials import Credentials

Levels = list[tuple[str, str]]


@dataclass
class Tape:
    """The tape of every market: what it shows and trades, in quote and base."""

    bids: Levels
    asks: Levels
    trades: list[tuple[int, str, str]]

    def trade(self, time: int, price: str, amount: str) -> None:
        """Let a trade happen at ``time``, in ms."""
        self.trades.append((time, price, amount))

    def book(self, listing: Listing, now: int) -> Book:
        bids, asks = (
            tuple((_whole(listing.ticks(Decimal(p))), _whole(listing.lots(Decimal(a)))) for p, a in levels)
            for levels in (self.bids, self.asks)
        )
        return Book(bids, asks)

    def prints_until(self, listing: Listing, now: int) -> Iterator[Print]:
        for time, price, amount in reversed(self.trades):
            if time <= now:
                ticks, lots = _whole(listing.ticks(Decimal(price))), _whole(listing.lots(Decimal(amount)))
                yield Print(time, time, ticks, lots, Side.BUY)

    def next_touch(
        self, listing: Listing, after: int, until: int, at_or_below: int | None, at_or_above: int | None
    ) -> Print | None:
        for trade in reversed(list(self.prints_until(listing, until))):
            low = at_or_below is not None and trade.price <= at_or_below
            high = at_or_above is not None and trade.price >= at_or_above
            if trade.time > after and (low or high):
                return trade
        return None


def _whole(number: Decimal | Fraction) -> int:
    assert int(number) == number
    return int(number)


@pytest.fixture
def tape(monkeypatch: pytest.MonkeyPatch) -> Tape:
    """Bids of 1 at 100 and 2 at 99, asks of 1 at 101 and 2 at 102, and one trade, long ago."""
    tape = Tape(bids=[("100", "1"), ("99", "2")], asks=[("101", "1"), ("102", "2")], trades=[(0, "101", "1")])
    for name in ("book", "prints_until", "next_touch"):
        monkeypatch.setattr(simulation, name, getattr(tape, name))
    return tape


@pytest.fixture
def spot(lent: Lent, tape: Tape) -> Paper:
    return lent.open(Paper, Credentials())


@pytest.fixture
def swaps(lent: Lent, tape: Tape) -> FuturesPaper:
    return lent.open(FuturesPaper, Credentials())
