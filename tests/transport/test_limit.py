"""One limit: never exceeded, in any window, and a part of it kept for cancels; and what each call costs."""

from typing import Any

import pytest
from hypothesis import example, given, settings, strategies

from database import open_state
from exchanges import EXCHANGES
from tables import METADATA
from tests.conftest import NOW, Clock
from tests.transport.conftest import ADDRESS, Worker, take
from transport.counters import SqlCounters
from transport.limit import Cost, Limit, Weights, by_limit, without_symbol
from transport.vendor import Vendor

# What a limit lets through ------------------------------------------------------------------------------------------

CALLS = strategies.lists(
    strategies.tuples(
        strategies.sampled_from([0, 0, 0, 1, 7, 50, 400, 3000]),  # ms since the one before
        strategies.integers(1, 5),  # weight
        strategies.booleans(),  # whether it cancels
    ),
    min_size=1,
    max_size=60,
)
MEMORY = open_state("sqlite://")
HEAVY = {"GET heavy": 5}


def admitted(limit: Limit, calls: list[tuple[int, int, bool]], waits: bool) -> list[tuple[int, int, bool]]:
    """The calls that may be made: ms, weight, whether it cancels. With ``waits`` each one waits until it may."""
    counters, now, through = SqlCounters(MEMORY), NOW, []
    with MEMORY.begin() as connection:
        connection.execute(METADATA.tables["limits"].delete())
    for gap, weight, cancels in calls:
        now += gap
        charge = limit.charge(weight, ADDRESS, "", {}, urgent=cancels)
        wait = counters.take(ADDRESS, [charge], now)
        if wait and waits:
            assert counters.take(ADDRESS, [charge], now + wait.ms - 1)
            now += wait.ms
            wait = counters.take(ADDRESS, [charge], now)
            assert not wait
        if not wait:
            through.append((now, weight, cancels))
    return through


@settings(max_examples=40, derandomize=True, deadline=None, database=None)
@given(CALLS, strategies.integers(11, 200), strategies.sampled_from([0.5, 1.0, 2.0, 7.0]), strategies.booleans())
@example([(0, 5, False)] * 60, 100, 1.0, True)
@example([(0, 1, False)] * 60, 11, 2.0, True)
def test_no_window_of_any_beginning_holds_more_than_is_allowed(
    calls: list[tuple[int, int, bool]], amount: int, seconds: float, waits: bool
) -> None:
    limit = Limit("weight", amount, seconds, costs=HEAVY, default=1)
    through = admitted(limit, calls, waits)
    for begun, _, _ in through:
        window = [weight for time, weight, _ in through if begun <= time <= begun + seconds * 1000]
        assert sum(window) <= amount


@settings(max_examples=25, derandomize=True, deadline=None, database=None)
@given(CALLS, strategies.integers(6, 60), strategies.integers(1, 500), strategies.booleans())
def test_a_decaying_counter_stays_below_its_mark(
    calls: list[tuple[int, int, bool]], burst: int, refill: int, waits: bool
) -> None:
    limit = Limit("counter", refill, 100.0, burst=burst, costs=HEAVY, default=1)
    height, last = 0.0, NOW
    for now, weight, _ in admitted(limit, calls, waits):
        height = max(0.0, height - (now - last) * refill / 100_000) + weight
        last = now
        assert height <= burst + 1e-6


@settings(max_examples=20, derandomize=True, deadline=None, database=None)
@given(CALLS, strategies.integers(30, 300))
def test_what_ordinary_calls_leave_is_there_for_cancels(calls: list[tuple[int, int, bool]], amount: int) -> None:
    limit = Limit("weight", amount, 60.0, costs=HEAVY, default=1)
    ordinary = [(gap, weight, False) for gap, weight, _ in calls]
    through = admitted(limit, [*ordinary, (0, 1, True)], waits=False)
    assert through[-1][2]


def test_a_limit_is_used_to_three_quarters(worker: Worker, clock: Clock) -> None:
    limits, sent = worker.limits(Limit("calls", 100, 60.0, default=1)), 0
    while clock.ms < NOW + 180_000:
        assert take(limits, patience=1.0) == 0
        sent += 1
    assert 0.75 * 300 <= sent <= 300


@pytest.mark.parametrize("amount", [1, 0])
def test_a_limit_that_nothing_fits_into_is_a_mistake(amount: int) -> None:
    with pytest.raises(ValueError, match="the limit x is too small"):
        Limit("x", amount, 1.0, default=1)


@pytest.mark.parametrize(
    "cost", [9, by_limit({10: 1, 20: 9}, rows=10), without_symbol(9, one=1), Cost(1, having={"id": 9}), Cost(9)]
)
def test_a_limit_that_its_heaviest_call_does_not_fit_into_is_a_mistake(cost: int | Cost) -> None:
    with pytest.raises(ValueError, match="the limit x is too small for a call of weight 9"):
        Limit("x", 100, 1.0, burst=8, costs={"GET y": cost})


# What a call costs --------------------------------------------------------------------------------------------------


class Sample(Vendor):
    """An exchange whose table has one cost of each kind."""

    name = "Sample"
    root = "/v1/"
    limits = (
        Limit(
            "weight", 1000, 60.0, default=2,
            costs={
                "GET a*": 8,
                "GET ab*": 3,
                "GET *": 7,
                "GET book": by_limit({100: 1, 500: 5, 1000: 9}, rows=200),
                "GET day": without_symbol(40, one=2),
                "GET order": Cost(1, having={"client_id": 3}),
                "GET /other/root": 6,
                "POST a?": 4,
                "PUT b/*": by_limit({10: 1, 20: 5}, rows=20),
            },
        ),
    )  # fmt: skip


def weigh(asked: str, **params: Any) -> int:
    [limit] = Sample.limits
    return Weights(limit, Sample.path).of(asked, params)


@pytest.mark.parametrize(
    ("limit", "weight"),
    [
        (1, 1), (100, 1), ("100", 1), (101, 5), (500, 5), (501, 9), (1000, 9), (1001, 9), ("5000", 9), (10**20, 9),
        (0, 1), ("", 9), ("many", 9), ("-1", 9), ("1e2", 9), ("²", 9), ("٣", 9), ("1" * 5000, 9),
    ],
)  # fmt: skip
def test_the_rows_asked_for_decide(limit: int | str, weight: int) -> None:
    assert weigh("GET /v1/book", limit=limit) == weight


def test_where_no_rows_are_asked_for_the_usual_number_counts() -> None:
    assert weigh("GET /v1/book") == 5


def test_a_call_about_all_markets_and_one_about_one() -> None:
    assert (weigh("GET /v1/day"), weigh("GET /v1/day", symbol="X"), weigh("GET /v1/day", pair="X")) == (40, 2, 40)


def test_a_parameter_decides_by_being_there() -> None:
    assert (weigh("GET /v1/order"), weigh("GET /v1/order", client_id=""), weigh("GET /v1/order", id="x")) == (1, 3, 1)


@pytest.mark.parametrize(
    ("asked", "weight"),
    [
        ("GET /v1/order", 1), ("GET /other/root", 6), ("GET /other/root/below", 7), ("GET /v1/orders", 7),
        ("GET /v1/made/up", 7), ("GET /v2/order", 7), ("GET /v1/abc", 8), ("GET /v1/a/b", 8), ("GET /abc", 7),
        ("POST /v1/ab", 4), ("POST /v1/abc", 2), ("POST /v1/order", 2), ("PUT /v1/b/c", 5), ("PUT /v1/b", 2),
        ("get /v1/order", 2), ("GET /V1/order", 7), ("GET /v1/order\n", 7), ("GETS /v1/order", 2),
    ],
)  # fmt: skip
def test_a_whole_name_decides_before_one_with_a_star_and_of_those_the_first(asked: str, weight: int) -> None:
    assert weigh(asked) == weight


# The names of its counters --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "address", "is_own"),
    [
        (Limit("calls", 10, 1.0), ADDRESS, True),
        (Limit("calls", 10, 1.0), f"{ADDRESS}0", False),
        (Limit("call", 10, 1.0), ADDRESS, False),
        (Limit("calls", 11, 1.0), ADDRESS, False),
        (Limit("calls", 10, 2.0), ADDRESS, False),
    ],
)
def test_a_limit_knows_its_counters_of_every_account_and_market(limit: Limit, address: str, is_own: bool) -> None:
    calls = Limit("calls", 10, 1.0, by="pair")
    for account, params in (("", {}), ("an-account", {"pair": "BTC-USDT"}), ("", {"pair": "x y'\""})):
        charge = calls.charge(1, ADDRESS, account, params, urgent=False)
        assert limit.owns(charge.key, address) is is_own


# The declared tables ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", EXCHANGES)
def test_every_limit_of_an_exchange_has_its_own_name(route: str) -> None:
    names = [limit.name for limit in EXCHANGES[route].limits]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("route", EXCHANGES)
def test_every_cost_of_an_exchange_can_be_read(route: str) -> None:
    for name, cost in [named for limit in EXCHANGES[route].limits for named in limit.costs.items()]:
        verb, space, resource = name.partition(" ")
        assert verb in ("GET", "POST", "PUT", "DELETE"), name
        assert space, name
        assert resource, name
        assert not set(resource) & set(" []()|\\^$"), f"{name} is no regular expression"
        rows = list(cost.by_limit) if isinstance(cost, Cost) else []
        assert rows == sorted(rows), f"{name}: the first that fits decides"
