"""The wall clock is set: no second order is sent, and nothing waits for longer than it would anyway."""

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from app import open_upstreams
from exchanges.paper import Paper
from orders.cli import Book, list_orders, show
from orders.intents import Intent, State
from orders.journal import Journal
from orders.lookup import Lookup
from orders.table import ORDERS, to_row
from orders.timeline import TIMELINE, Timeline
from protocol.deadline import Deadline
from protocol.errors import OrderStateUnknown, OutcomeUnknown
from protocol.models import Direction
from settings import Settings
from tests.conftest import NOW, Clock
from tests.lent import Lent
from tests.orders.shop import BTC, SECOND, UNCLEAR, Market, OldShop, Robot, Shop
from tests.tiny import KEYS
from transport.http import Http

HOUR, DAY = 3600 * SECOND, 86_400 * SECOND
STEPS = [sign * step for step in (5 * SECOND, 60 * SECOND, HOUR, 2 * DAY) for sign in (1, -1)]
DOWN = OutcomeUnknown("Shop network: down")


@dataclass
class World:
    """A machine whose clocks a test moves, and the gateway that runs on it."""

    engine: Engine
    wall: Clock = field(default_factory=lambda: Clock(NOW))
    steady: Clock = field(default_factory=lambda: Clock(1000))
    boot: str = "first"
    market: Market = field(default_factory=Market)
    timeline: Timeline = field(init=False)
    journal: Journal = field(init=False)
    robot: Robot = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Start the gateway again."""
        self.timeline = Timeline(self.engine, self.wall, self.steady, self.boot)
        self.journal = Journal(self.engine, self.timeline)
        self.robot = Robot(self.market, self.journal, Clock())
        self.robot.sleep = self.sleep

    def reboot(self) -> None:
        """Start the machine again."""
        self.boot, self.steady.ms = f"{self.boot} again", 7
        self.restart()

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.robot.sleeps.append(seconds)
        for clock in (self.wall, self.steady):
            clock.ms += round(seconds * 1000)

    def step(self, ms: int, how: str) -> None:
        """Set the wall clock."""
        self.wall.ms += ms
        {"running": lambda: None, "restarted": self.restart, "rebooted": self.reboot}[how]()

    @contextmanager
    def unclear(self, *, creates: bool) -> Iterator[None]:
        """Check that the outcome of an order stays unknown, while look-ups do not find it."""
        self.market.error, self.market.creates, self.market.lists = UNCLEAR, creates, False
        with pytest.raises(OrderStateUnknown):
            yield
        self.market.error, self.market.creates = None, True


@pytest.fixture
def world(state: Engine) -> World:
    return World(state)


each_step = pytest.mark.parametrize("step", STEPS, ids=lambda ms: f"{ms // 1000:+} s")
each_way = pytest.mark.parametrize("how", ["running", "restarted", "rebooted"])


@each_step
@each_way
def test_an_order_that_is_listed_late_is_no_second_order(world: World, step: int, how: str) -> None:
    with world.unclear(creates=True):
        world.robot.buy("1", seconds=2)
    world.step(step, how)
    with pytest.raises(OrderStateUnknown):
        world.robot.buy("2", seconds=2)
    world.market.lists = True
    assert world.robot.buy("3") == 1
    assert world.robot.marks == {"adopted": True}
    assert len(world.market.sent) == 1


@each_step
@each_way
def test_an_order_that_does_not_exist_holds_the_next_one_no_longer(world: World, step: int, how: str) -> None:
    with world.unclear(creates=False):
        world.robot.buy("1", seconds=2)
    world.market.lists = True
    world.step(step, how)
    world.sleep(16)
    assert world.robot.buy("2") == 1
    assert world.robot.marks == {}


@each_step
@each_way
def test_the_window_is_as_long_as_ever(world: World, step: int, how: str) -> None:
    with world.unclear(creates=True):
        world.robot.buy("1", seconds=2)
    world.market.lookup_error = DOWN
    world.sleep(30)
    with pytest.raises(OrderStateUnknown):  # and the time is written, in case the machine starts again
        world.robot.buy("2", seconds=0.01)
    world.step(step, how)
    world.sleep(29)
    with pytest.raises(OrderStateUnknown):
        world.robot.buy("3", seconds=0.01)
    world.sleep(2)
    assert world.robot.buy("4", seconds=0.01) == 2


@each_step
@each_way
def test_an_order_of_a_killed_process_is_left_alone_until_its_call_has_ended(world: World, step: int, how: str) -> None:
    def die() -> None:
        world.market.add(world.market.sent[-1])
        raise SystemExit

    world.market.on_order = die
    with pytest.raises(SystemExit):
        world.robot.buy("1")
    world.market.on_order = lambda: None
    world.step(step, how)
    with pytest.raises(OrderStateUnknown):
        world.robot.buy("2", seconds=1)
    assert world.market.lookup_count == 0
    world.sleep(13)
    assert world.robot.buy("3") == 1
    assert world.robot.marks == {"adopted": True}
    assert len(world.market.sent) == 1


@each_step
@each_way
def test_an_order_whose_caller_was_gone_is_the_answer_to_the_next(world: World, step: int, how: str) -> None:
    world.robot.is_listening = False
    assert world.robot.buy("1") == 1
    world.step(step, how)
    world.robot.is_listening = True
    assert world.robot.buy("2") == 1
    assert world.robot.marks == {"adopted": True}
    world.sleep(1)
    assert world.robot.buy("3") == 2


@each_step
def test_a_step_within_the_call_makes_no_order_absent(world: World, step: int) -> None:
    def sleep(seconds: float) -> None:
        world.sleep(seconds)
        world.wall.ms += step
        world.market.lists = sum(world.robot.sleeps) > 4

    world.robot.sleep = sleep
    world.market.error, world.market.lists = UNCLEAR, False
    assert world.robot.buy("1") == 1
    assert world.robot.marks == {"found": True}


@each_step
def test_the_resolver_looks_as_often(world: World, step: int) -> None:
    with world.unclear(creates=True):
        world.robot.buy("1", seconds=0.01)
    world.sleep(1)
    world.wall.ms += step
    [due] = world.journal.list_due("Shop")
    world.journal.count_look(due)
    assert world.journal.list_due("Shop") == []
    world.wall.ms -= 2 * step
    world.sleep(2.1)
    assert len(world.journal.list_due("Shop")) == 1


def test_an_order_is_no_later_twin_of_itself(world: World) -> None:
    """Check time that passes between the request and its row, on an exchange without client ids."""

    class Slow(Journal):
        def begin(self, intent: Intent, unknown_for: float = 0.0, beside: Collection[str] = ()) -> Intent | None:
            world.sleep(0.005)
            return super().begin(intent, unknown_for, beside)

    world.robot.journal, world.robot.kind = Slow(world.engine, world.timeline), OldShop
    world.market.error = UNCLEAR
    assert world.robot.buy("1") == 1
    assert world.robot.marks == {"found": True}


# The timeline ---------------------------------------------------------------------------------------------------------


def test_it_begins_at_the_wall_clock_and_goes_on_by_the_steady_one(world: World) -> None:
    assert world.timeline() == NOW
    world.wall.ms += DAY
    world.steady.ms += SECOND
    assert world.timeline() == NOW + SECOND
    world.restart()
    assert world.timeline() == NOW + SECOND


def write_the_time(world: World) -> None:
    world.sleep(1)
    world.robot.buy("written")


@pytest.mark.parametrize("step", [HOUR, 2 * DAY])
def test_after_a_step_back_the_latest_time_goes_on(world: World, step: int) -> None:
    write_the_time(world)
    world.wall.ms -= step
    world.reboot()
    assert world.timeline() == NOW + SECOND
    world.sleep(5)
    assert world.timeline() == NOW + 6 * SECOND


def test_after_a_start_of_the_machine_it_is_the_date_again(world: World) -> None:
    write_the_time(world)
    world.wall.ms += DAY
    world.reboot()
    assert world.timeline() == world.wall.ms


def test_processes_of_one_machine_agree_to_the_millisecond(world: World) -> None:
    world.wall.ms -= HOUR
    assert Timeline(world.engine, world.wall, world.steady, world.boot)() == world.timeline()


def test_processes_that_start_at_once_begin_one_count(state: Engine) -> None:
    together, found = threading.Barrier(8), set()

    def start(wall: int) -> None:
        together.wait()
        found.add(Timeline(state, Clock(wall), Clock(0), "one")())

    threads = [threading.Thread(target=start, args=(NOW + number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 1


def start_another_host(world: World, ahead: int) -> Journal:
    """Start a gateway on another machine, whose wall clock is ahead."""
    return Journal(world.engine, Timeline(world.engine, Clock(world.wall.ms + ahead), Clock(0), "another"))


def test_a_host_that_is_behind_follows_and_counts_nothing_twice(world: World) -> None:
    with world.unclear(creates=False):
        world.robot.buy("1", seconds=0.01)
    theirs = start_another_host(world, HOUR)
    assert theirs.now() == world.wall.ms + HOUR
    world.market.lookup_error = DOWN
    for nonce in ("2", "3"):
        with pytest.raises(OrderStateUnknown):
            world.robot.buy(nonce, seconds=0.01)
    assert abs(world.timeline() - theirs.now()) < 2 * SECOND
    world.market.lookup_error, world.market.lists = None, True
    with pytest.raises(OrderStateUnknown):
        world.robot.buy("4", seconds=1)
    world.sleep(16)
    assert world.robot.buy("5", seconds=1) == 1


def test_a_host_that_moves_times_waits_for_those_that_are_being_written(world: World) -> None:
    with world.unclear(creates=True):
        world.robot.buy("1", seconds=0.01)
    intent = world.journal.get("Shopa1")
    assert intent
    other = threading.Thread(target=start_another_host, args=(world, HOUR))
    with world.engine.begin() as connection:
        now = world.timeline.stamp(connection)
        other.start()
        other.join(0.1)
        assert other.is_alive()
        written = replace(intent, client_id="late", expires_ms=now, unclear_since_ms=now, told_ms=0)
        connection.execute(ORDERS.insert().values(to_row(written)))
    other.join()
    moved = world.journal.get("late")
    assert moved
    assert (moved.unclear_since_ms, moved.expires_ms, moved.told_ms) == (now + HOUR, now + HOUR, 0)


def test_an_order_that_is_found_after_its_time_was_moved_is_adopted(world: World) -> None:
    """Check that a look-up that began before writes no earlier time over it."""
    with world.unclear(creates=True):
        world.robot.buy("1", seconds=0.01)
    before = world.journal.get("Shopa1")
    assert before
    start_another_host(world, HOUR)
    world.market.lists = True
    exchange = Shop(world.market, "", "a", Deadline.after(5))
    assert Lookup(exchange, world.journal, world.sleep).look(before).state is State.ACCEPTED
    assert world.robot.buy("2") == 1
    assert world.robot.marks == {"adopted": True}


def test_a_look_up_asks_the_journal_before_it_says_that_there_is_no_order(world: World) -> None:
    with world.unclear(creates=True):
        world.robot.buy("1", seconds=0.01)
    intent = world.journal.get("Shopa1")
    assert intent
    older = replace(intent, unclear_since_ms=intent.unclear_since_ms - HOUR)
    exchange = Shop(world.market, "", "a", Deadline.after(5))
    assert Lookup(exchange, world.journal, world.sleep).look(older).state is State.UNKNOWN


def test_a_count_that_is_taken_back_moves_no_clock(world: World) -> None:
    """Check that a process is not ahead of the times that its transaction would have moved."""
    start_another_host(world, HOUR)
    with world.engine.connect() as connection:  # closed without a commit
        assert world.timeline.stamp(connection) == NOW + HOUR
    assert world.timeline() == NOW
    with world.engine.begin() as connection:
        world.timeline.stamp(connection)
    with world.engine.begin() as connection:
        world.timeline.stamp(connection)
    assert world.timeline() == NOW + HOUR


@pytest.mark.parametrize("ahead", [HOUR, 2 * DAY])
def test_orders_of_an_older_release_that_lie_in_the_future_wait_no_longer(
    state: Engine, ahead: int, market: Market
) -> None:
    """Check what a release without a timeline wrote while its clock was ahead."""
    old = Clock(NOW + ahead)
    market.error, market.creates = UNCLEAR, False
    Robot(market, Journal(state, old), old).buy_unclear("1", seconds=0.01)
    market.error, market.creates = None, True
    with state.begin() as connection:
        connection.execute(TIMELINE.delete())
    world = World(state, market=market)
    with pytest.raises(OrderStateUnknown):
        world.robot.buy("2", seconds=1)
    world.sleep(16)
    assert world.robot.buy("3") == 1


def test_an_old_order_without_a_caller_is_not_taken_for_a_new_one(world: World) -> None:
    """Check that a start of the machine makes nothing younger than it was."""
    world.robot.is_listening = None
    assert world.robot.buy("1") == 1
    world.sleep(600)
    world.robot.is_listening = True
    assert world.robot.buy("2") == 2
    world.wall.ms += DAY
    world.reboot()
    assert world.robot.buy("3") == 3


def test_dates_are_shown_by_the_wall_clock(world: World) -> None:
    world.wall.ms -= DAY
    with world.unclear(creates=True):
        world.robot.buy("1", seconds=0.01)
    book = Book(world.journal, world.timeline() - world.wall())
    assert "2023-11-13 22:13:20" in CliRunner().invoke(list_orders, obj=book).output
    assert CliRunner().invoke(show, ["Shopa1"], obj=book).output.count("2023-11-13 22:13:20") == 2


def test_the_service_counts_by_its_databases_timeline(state_url: str) -> None:
    services = open_upstreams(Settings(state_url=state_url)).services
    assert isinstance(services.timeline, Timeline)
    assert abs(services.timeline() - services.now()) < 5 * SECOND
    services.database.dispose()


# The simulated exchange -----------------------------------------------------------------------------------------------


@each_step
def test_a_simulated_account_goes_on_whatever_the_clock_does(state: Engine, step: int) -> None:
    clock = Clock(NOW)
    exchange = Lent(Http(), state, now=clock, measure_clocks=False).open(Paper, KEYS)
    exchange.raw("POST", "reset", {})
    clock.ms += step
    order = replace(exchange.new_order(BTC, Direction.BUY, None, Decimal(100)), market_name=exchange.market(BTC))
    with exchange.ledger() as ledger:
        assert ledger.now == clock.ms
        assert ledger.place(order, 1).created == clock.ms
    clock.ms += HOUR
    with exchange.ledger() as ledger:
        assert ledger.now == clock.ms
