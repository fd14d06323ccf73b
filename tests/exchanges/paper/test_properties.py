"""Whatever is done to an account, and whenever: nothing is created or lost, and looking at it changes nothing."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from database import open_state
from exchanges.paper import FuturesPaper, Paper, simulation
from exchanges.paper.adapter import PaperApi
from exchanges.paper.listings import Listing
from protocol.errors import ExchangeError
from protocol.models import NewOrder, PositionSide, Side, Symbol
from tables import METADATA
from tests.lent import Lent
from transport.credentials import Credentials

pytestmark = pytest.mark.long

START = 1_700_000_000_000  # ms
SECOND, HOUR = 1000, 3_600_000
SPOT = [Symbol.parse(text) for text in ("BTC_USDT", "ETH_USDT", "ETH_BTC")]
FUTURES = [
    Symbol.parse(text)
    for text in ("BTC_USDT.swap", "BTC_USD.swap", "BTC_USDT.this_week", "ETH_USD.next_week", "DOGE_USDT.swap")
]
OPENING = {"USDT": Decimal(10_000), "BTC": Decimal(1), "ETH": Decimal(10)}
LONG, SHORT = PositionSide.LONG, PositionSide.SHORT


@dataclass(frozen=True)
class Step:
    """One thing done to an account, ``wait`` ms after the one before. An order's price is so many hundredths of a
    percent from the last; ``size`` counts hundredths of what the account started with."""

    wait: int
    what: str
    market: int
    side: Side
    away: int | None
    size: int
    closes: bool


def scripts(*deeds: str) -> st.SearchStrategy[list[Step]]:
    """Return scripts of these deeds, of which ordering is the most frequent."""
    return st.lists(
        st.builds(
            Step,
            wait=st.sampled_from([0, 1, SECOND, 20 * SECOND, 600 * SECOND, 6 * HOUR, 48 * HOUR]),
            what=st.sampled_from(["order", "order", "order", "order", *deeds]),
            market=st.integers(0, 4),
            side=st.sampled_from(Side),
            away=st.none() | st.integers(-200, 200),
            size=st.integers(1, 60),
            closes=st.booleans(),
        ),
        min_size=1,
        max_size=25,
    )


steps = scripts("cancel", "look", "modify", "modify")
unmodified = scripts("cancel", "look")
thorough = settings(max_examples=35, deadline=None, derandomize=True, database=None)


class Trader:
    """Somebody with an account, and a clock."""

    def __init__(self, kind: type[PaperApi], lent: Lent, key: str = "") -> None:
        self.exchange = lent.open(kind, Credentials(key))
        self.database = lent.state
        self.symbols = SPOT if kind is Paper else FUTURES

    def do(self, step: Step, now: int) -> None:
        symbol = self.symbols[step.market % len(self.symbols)]
        if step.what == "look":
            self.exchange.accounts()
        elif step.what == "cancel":
            for order in self.exchange.orders(symbol)[:1]:
                assert self.exchange.cancel(symbol, str(order.id)) is True
        elif step.what == "modify":
            for order in self.exchange.orders(symbol)[:1]:
                new = self.order(step, symbol, self.listing(symbol), now)
                if new.price:
                    with suppress(ExchangeError):
                        self.exchange.modify(str(order.id), replace(new, side=order.side))
        else:
            with suppress(ExchangeError):
                self.exchange.trade(self.order(step, symbol, self.listing(symbol), now))

    def listing(self, symbol: Symbol) -> Listing:
        return self.exchange.kind.listing(self.exchange.market(symbol))

    def order(self, step: Step, symbol: Symbol, listing: Listing, now: int) -> NewOrder:
        last = next(simulation.prints_until(listing, now)).price
        price = None if step.away is None else listing.price(last + last * step.away // 10_000)
        if symbol.contract:
            money = step.size * OPENING[listing.currency] / 10  # most of it is lent
            lots = int(money / listing.value(listing.price(last), Decimal(1)))
        else:
            lots = int(listing.lots(OPENING[symbol.base])) * step.size // 100
        amount = listing.amount(lots)
        if price is None and step.side is Side.BUY and not symbol.contract:
            amount *= listing.price(last)
        closes = step.closes and bool(symbol.contract)
        return NewOrder(symbol=symbol, side=step.side, price=price, amount=amount, closes=closes)

    def rows(self, table: str) -> list[Any]:
        with self.database.connect() as connection:
            [account] = [
                row.id
                for row in connection.execute(METADATA.tables["paper_accounts"].select())
                if row.account == self.exchange.credentials.account
            ]
            found = METADATA.tables[table]
            return list(connection.execute(found.select().where(found.c.account_id == account).order_by(found.c.id)))

    def state(self) -> Any:
        """Everything about the account but the ids that the database gave."""
        balances, orders = self.exchange.accounts(), self.rows("paper_orders")
        number = {row.id: place for place, row in enumerate(orders)} | {None: None}
        fills = sorted((*row[3:], number[row.order_id]) for row in self.rows("paper_fills"))
        positions = self.exchange.positions(None) if isinstance(self.exchange, FuturesPaper) else []
        return balances, [row[2:] for row in orders], fills, positions


@contextmanager
def world() -> Iterator[tuple[Lent, list[int]]]:
    now, state = [START], open_state("sqlite:///:memory:")
    yield Lent(http=None, state=state, now=lambda: now[0]), now
    state.dispose()


@thorough
@given(steps)
def test_spot_creates_and_loses_nothing(script: list[Step]) -> None:
    with world() as (lent, now):
        trader = Trader(Paper, lent)
        for step in script:
            now[0] += step.wait
            trader.do(step, now[0])
            balances = {balance.currency: balance for balance in trader.exchange.accounts()}
            owned = defaultdict(Decimal, OPENING)
            held: dict[str, Decimal] = defaultdict(Decimal)
            filled: dict[int, Decimal] = defaultdict(Decimal)
            for fill in trader.rows("paper_fills"):
                pair, sign = Symbol.parse(fill.symbol), 1 if fill.side == Side.BUY else -1
                owned[pair.base] += sign * fill.amount
                owned[pair.quote] -= sign * fill.amount * fill.price
                owned[fill.fee_currency] -= fill.fee
                filled[fill.order_id] += fill.amount
                assert fill.fee > 0
            for order in trader.rows("paper_orders"):
                assert order.filled == filled[order.id] <= order.amount
                assert (order.status == "closed") == (order.filled == order.amount > 0)
                if order.status == "open":
                    pair, left = Symbol.parse(order.symbol), order.amount - order.filled
                    held[pair.quote if order.side == Side.BUY else pair.base] += (
                        left * order.price if order.side == Side.BUY else left
                    )
                else:
                    assert order.frozen == 0
            for currency, balance in balances.items():
                assert balance.free >= 0
                assert balance.frozen == held[currency]
                assert balance.free + balance.frozen == owned[currency]


@thorough
@given(st.sampled_from([1, 3, 10, 125]), steps)
def test_futures_create_and_lose_nothing(leverage: int, script: list[Step]) -> None:
    with world() as (lent, now):
        trader = Trader(FuturesPaper, lent)
        exchange, listing = trader.exchange, trader.exchange.kind.listing
        exchange.set_leverage(leverage, None)
        for step in script:
            now[0] += step.wait
            trader.do(step, now[0])
            balances = {balance.currency: balance for balance in exchange.accounts()}
            positions = {(exchange.market(one.symbol), one.side): one for one in exchange.positions(None)}
            closes = {row.id: row.closes for row in trader.rows("paper_orders")} | {None: True}
            contracts: dict[Any, Decimal] = defaultdict(Decimal)
            worth: dict[Any, Decimal] = defaultdict(Decimal)
            wallet = dict(OPENING)
            for fill in trader.rows("paper_fills"):
                market = listing(fill.symbol)
                assert fill.fee_currency == market.currency
                wallet[market.currency] += fill.profit - fill.fee
                assert fill.fee >= 0
                opens = not closes[fill.order_id]
                key = fill.symbol, LONG if (fill.side == Side.BUY) is opens else SHORT
                value = market.value(fill.price, fill.amount)
                if opens:
                    assert fill.profit == 0
                else:
                    cost = worth[key] * fill.amount / contracts[key]
                    gain = value - cost if (key[1] is LONG) is not market.inverse else cost - value
                    assert fill.profit == pytest.approx(max(gain, -cost / leverage), abs=Decimal("1e-6"))
                    value = -cost
                contracts[key] += fill.amount if opens else -fill.amount
                worth[key] += value
            assert {key: amount for key, amount in contracts.items() if amount} == {
                key: position.amount for key, position in positions.items()
            }
            frozen: dict[str, Decimal] = defaultdict(Decimal)
            for order in trader.rows("paper_orders"):
                frozen[listing(order.symbol).currency] += order.frozen
            for key, position in positions.items():
                frozen[listing(key[0]).currency] += position.margin
                assert 0 <= position.frozen <= position.amount
                assert position.margin > 0
                value = listing(key[0]).value(position.price, position.amount)
                assert position.margin == pytest.approx(value / leverage, rel=Decimal("1e-6"))
                assert listing(key[0]).market.is_current(now[0])
            for currency, balance in balances.items():
                assert balance.free >= 0
                assert balance.frozen == frozen[currency]
                assert balance.free + balance.frozen == wallet[currency]


def equity(exchange: FuturesPaper, delivery_ms: int) -> dict[str, Decimal]:
    """Return an account's money, with what the positions that are delivered then would gain at the last prices."""
    found = {balance.currency: balance.free + balance.frozen for balance in exchange.accounts()}
    for position in exchange.positions(None):
        listing = exchange.kind.listing(exchange.market(position.symbol))
        if listing.market.delivery_ms == delivery_ms:
            found[listing.currency] += position.profit
    return found


@thorough
@given(st.sampled_from([1, 3, 10, 50]), steps)
def test_a_delivery_changes_no_equity_but_for_its_fees(leverage: int, script: list[Step]) -> None:
    with world() as (lent, now):
        trader = Trader(FuturesPaper, lent)
        exchange = trader.exchange
        assert isinstance(exchange, FuturesPaper)
        exchange.set_leverage(leverage, None)
        for step in script:
            now[0] += step.wait
            trader.do(step, now[0])
        market = exchange.rules(Symbol.parse("BTC_USD.this_week"))
        for coin, quote, side in product(("BTC", "ETH"), ("USDT", "USD"), Side):
            with suppress(ExchangeError):
                exchange.trade(
                    NewOrder(symbol=Symbol(coin, quote, "this_week"), side=side, price=None, amount=Decimal(9))
                )
        now[0] = market.delivery_ms - 1
        exchange.accounts()
        for order in trader.rows("paper_orders"):
            if order.status == "open":  # it might be filled at that very moment
                exchange.cancel(exchange.symbol_of(order.symbol), str(order.id))
        before, fills = equity(exchange, market.delivery_ms), len(trader.rows("paper_fills"))
        now[0] += 1
        after = equity(exchange, market.delivery_ms)
        delivered = trader.rows("paper_fills")[fills:]
        assert {fill.time for fill in delivered} == {now[0]}
        assert {fill.symbol[-6:] for fill in delivered} == {market.id[-6:]}
        assert all(fill.order_id is None for fill in delivered)
        for fill in delivered:
            value = exchange.kind.listing(fill.symbol).value(fill.price, fill.amount)
            assert fill.fee == pytest.approx(value / 10_000, abs=Decimal("1e-11"))
            before[fill.fee_currency] -= fill.fee
        assert after == before


@thorough
@given(st.sampled_from([Paper, FuturesPaper]), steps, st.integers(1, 6))
def test_looking_often_changes_nothing(kind: type[PaperApi], script: list[Step], looks: int) -> None:
    with world() as (lent, now):
        often, rarely = Trader(kind, lent, "often"), Trader(kind, lent, "rarely")
        for step in script:
            start = now[0]
            for look in range(looks):
                now[0] = start + step.wait * look // looks
                often.exchange.accounts()
            now[0] = start + step.wait
            often.do(step, now[0])
            rarely.do(step, now[0])
        now[0] += 24 * HOUR
        assert often.state() == rarely.state()


@pytest.mark.parametrize("kind", [Paper, FuturesPaper])
def test_every_second_for_ten_minutes_or_once(kind: type[PaperApi]) -> None:
    with world() as (lent, now):
        often, once = Trader(kind, lent, "often"), Trader(kind, lent, "once")
        for away in (-30, -10, -6, -3, -1, 1, 2, 4, 8, 16):
            side = Side.BUY if away < 0 else Side.SELL
            step = Step(0, "order", 0, side, away, 2, closes=False)
            often.do(step, now[0])
            once.do(step, now[0])
        for _ in range(600):
            now[0] += SECOND
            often.exchange.accounts()
        assert often.state() == once.state()
        assert len(once.rows("paper_fills")) > 3


@thorough
@given(unmodified)
def test_makers_are_filled_by_what_was_traded(script: list[Step]) -> None:
    """No fill without a trade of the market at or through its price, and no more than that trade's amount."""
    with world() as (lent, now):
        trader = Trader(Paper, lent)
        for step in script:
            now[0] += step.wait
            trader.do(step, now[0])
        now[0] += HOUR
        trader.exchange.accounts()
        created = {row.id: row.created for row in trader.rows("paper_orders")}
        taken: dict[Any, Decimal] = defaultdict(Decimal)
        for fill in trader.rows("paper_fills"):
            if fill.time == created[fill.order_id]:
                continue  # it took from the book
            listing = trader.exchange.kind.listing(fill.symbol)
            print_ = next(simulation.prints_until(listing, fill.time))
            assert print_.time == fill.time > created[fill.order_id]
            price = listing.price(print_.price)
            assert price <= fill.price if fill.side == Side.BUY else price >= fill.price
            taken[fill.symbol, fill.time] += fill.amount
            assert taken[fill.symbol, fill.time] <= listing.amount(print_.amount)
