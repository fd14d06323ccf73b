"""Orders whose outcome is unknown are looked for in the background, with the keys of earlier calls."""

import threading
import time
from dataclasses import replace
from functools import partial

import pytest

from orders.intents import OPEN, State
from orders.journal import Journal
from orders.resolver import Resolver
from protocol.deadline import Deadline
from protocol.errors import NotSent, OrderStateUnknown, OutcomeUnknown
from protocol.models import OrderId, Symbol
from tests.conftest import Clock
from tests.orders.shop import SECOND, UNCLEAR, Market, Robot, Shop


@pytest.fixture
def resolver(journal: Journal) -> Resolver:
    """Return a resolver, which is not started."""
    return Resolver(journal)


def remember(resolver: Resolver, market: Market, account: str = "a") -> None:
    """Have the resolver remember an account's keys."""
    resolver.remember("Shop", account, partial(Shop, market, "", account, Deadline.after(5.0)))


def leave_unclear(robot: Robot) -> None:
    """Buy; the outcome stays unknown."""
    robot.market.error, listed, robot.market.lists = UNCLEAR, robot.market.lists, False
    with pytest.raises(OrderStateUnknown):
        robot.buy("1", seconds=0.01)
    robot.market.error, robot.market.lists = None, listed


def state(journal: Journal, client_id: str = "Shopa1") -> State:
    """Return the state of an order in the journal."""
    intent = journal.get(client_id)
    assert intent
    return intent.state


def test_an_order_that_is_listed_late_is_found(
    robot: Robot, market: Market, journal: Journal, resolver: Resolver, clock: Clock
) -> None:
    market.lists = False
    leave_unclear(robot)
    remember(resolver, market)
    assert resolver.run_once("Shop") == 0
    market.lists = True
    clock.ms += 3 * SECOND
    assert resolver.run_once("Shop") == 1
    assert state(journal) is State.ACCEPTED
    assert robot.buy("2") == 1
    assert robot.marks == {"adopted": True}
    assert len(market.sent) == 1


def test_an_order_that_never_came_about_is_no_longer_looked_for(
    robot: Robot, market: Market, journal: Journal, resolver: Resolver, clock: Clock
) -> None:
    market.creates = False
    leave_unclear(robot)
    remember(resolver, market)
    clock.ms += 20 * SECOND
    assert resolver.run_once("Shop") == 1
    assert state(journal) is State.ABSENT
    clock.ms += 100 * SECOND
    market.lookup_count = 0
    assert resolver.run_once("Shop") == 0
    assert market.lookup_count == 0
    with pytest.raises(NotSent, match="has no order Shopa1"):
        robot.buy("1")


def test_it_looks_less_and_less_often(robot: Robot, market: Market, resolver: Resolver, clock: Clock) -> None:
    market.lookup_error = OutcomeUnknown("down")
    leave_unclear(robot)
    remember(resolver, market)
    market.lookup_count = 0
    for _ in range(600):
        resolver.run_once("Shop")
        clock.ms += SECOND
    assert 12 <= market.lookup_count <= 18
    market.lookup_error = None
    clock.ms += 60 * SECOND
    assert resolver.run_once("Shop") == 1


def test_an_order_under_way_is_left_alone(
    robot: Robot, market: Market, journal: Journal, resolver: Resolver, clock: Clock
) -> None:
    remember(resolver, market)

    def on_order() -> None:
        clock.ms += 5 * SECOND
        assert resolver.run_once("Shop") == 0
        assert market.lookup_count == 0

    market.on_order = on_order
    assert robot.buy("1") == 1


def test_the_order_of_a_killed_worker_is_found(
    robot: Robot, market: Market, journal: Journal, resolver: Resolver, clock: Clock
) -> None:
    def die() -> None:
        market.add(market.sent[-1])
        raise SystemExit

    market.on_order = die
    with pytest.raises(SystemExit):
        robot.buy("1")
    remember(resolver, market)
    assert resolver.run_once("Shop") == 0
    clock.ms += 13 * SECOND
    assert resolver.run_once("Shop") == 1
    assert state(journal) is State.ACCEPTED


def test_without_keys_an_order_waits(robot: Robot, market: Market, journal: Journal, resolver: Resolver) -> None:
    leave_unclear(robot)
    remember(resolver, market, account="b")
    assert resolver.run_once("Shop") == 0
    assert state(journal) in OPEN
    remember(resolver, market)
    assert resolver.run_once("Shop") == 1


def test_it_remembers_only_so_many_accounts(resolver: Resolver, market: Market, robot: Robot) -> None:
    leave_unclear(robot)
    remember(resolver, market)
    for number in range(1000):
        remember(resolver, market, account=str(number))
    assert resolver.run_once("Shop") == 0


def test_the_thread_survives_whatever_happens(
    robot: Robot, market: Market, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orders.resolver._ROUND", 0.01)
    leave_unclear(robot)
    resolver, seen = Resolver(journal), threading.Event()
    asked = [0]

    def connect() -> Shop:
        asked[0] += 1
        if asked[0] == 1:
            raise RuntimeError("a mistake")
        seen.set()
        return Shop(market, "", "a", Deadline.after(5.0))

    resolver.remember("Shop", "a", connect)
    journal.now = lambda: robot.clock.ms + asked[0] * 10 * SECOND
    resolver.start()
    assert seen.wait(5)
    resolver.stop()


@pytest.mark.parametrize("first", [True, False], ids=["started first", "met first"])
def test_an_exchange_that_hangs_keeps_no_others_orders_waiting(
    first: bool, robot: Robot, market: Market, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orders.resolver._ROUND", 0.01)
    leave_unclear(robot)
    resolver, hangs, over = Resolver(journal), threading.Event(), threading.Event()

    class Hanging(Shop):
        name = "Hanging"

        def find(self, symbol: Symbol, client_id: str) -> OrderId | None:
            hangs.set()
            over.wait(30)
            return None

    intent = journal.get("Shopa1")
    assert intent
    assert journal.begin(replace(intent, client_id="Hanging1", exchange="Hanging", order_id=None)) is None
    if first:
        resolver.start()
    resolver.remember("Hanging", "a", partial(Hanging, market, "", "a", Deadline.after(5.0)))
    if not first:
        resolver.start()
    assert hangs.wait(5)
    remember(resolver, market)
    for _ in range(500):
        if state(journal) is State.ACCEPTED:
            break
        time.sleep(0.01)
    over.set()
    resolver.stop()
    assert state(journal) is State.ACCEPTED
    assert state(journal, "Hanging1") in OPEN


def test_old_decided_rows_are_deleted_and_open_ones_kept(
    robot: Robot, market: Market, journal: Journal, clock: Clock
) -> None:
    robot.buy("0")
    leave_unclear(robot)
    clock.ms += 31 * 24 * 3600 * SECOND
    robot.buy("2", seconds=0.01)
    journal.delete_old()
    assert journal.get("Shopa0") is None
    assert state(journal) in OPEN
    assert state(journal, "Shopa2") is State.ACCEPTED
    assert [intent.client_id for intent in journal.list_orders()] == ["Shopa1"]


def test_old_rows_are_deleted_once_an_hour_by_the_clock_that_counts_their_age(
    resolver: Resolver, journal: Journal, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, cleaned = clock.ms, list[int]()
    monkeypatch.setattr(journal, "delete_old", lambda: cleaned.append((clock.ms - began) // (60 * SECOND)))
    for minutes in (0, 59, 60, 61, 119, 120):
        clock.ms = began + minutes * 60 * SECOND
        resolver.clean()
    assert cleaned == [0, 60, 120]
