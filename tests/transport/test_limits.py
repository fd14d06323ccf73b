"""Limits: never exceeded, in any window, by any number of workers; a part kept for cancels; bans obeyed."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given, settings, strategies
from redis import Redis
from sqlalchemy import Engine

from database import METADATA, open_state
from exchanges import EXCHANGES
from protocol.errors import RateLimited
from tests.conftest import NOW, Clock
from tests.exchanges.test_base import Canned, Tiny
from tests.servers import empty_redis
from transport.clock import epoch_ms
from transport.counters import SqlCounters
from transport.limits import Limit, Limits
from transport.services import Services
from transport.signing import Credentials

ROOT = Path(__file__).parents[2]
DAY = 86_400_000  # ms
KEYS = Credentials("limits-key", "bGltaXRzLXNlY3JldA==", "limits-passphrase")
PER_SECOND = Limit("calls", 10, 1.0, default=1)
PER_MINUTE = Limit("calls a minute", 300, 60.0, default=1)


def asker(*limits: Limit, **more: Any) -> Any:
    """As much of an exchange as limits look at."""
    services = SimpleNamespace(urls=more.pop("urls", {}))
    told = {"name": "Tiny", "url": "https://tiny.test", "account": "a", "cancels": "DELETE ", "bans": {}, **more}
    return SimpleNamespace(limits=limits, services=services, **told)


@dataclass
class Sleeper:
    """A clock that is moved by sleeping."""

    clock: Clock
    slept: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.ms += round(seconds * 1000)


@pytest.fixture
def sleeper(clock: Clock) -> Sleeper:
    return Sleeper(clock)


Make = Callable[[], Limits]


@pytest.fixture(params=["sql", "redis"])
def make(request: pytest.FixtureRequest, state: Engine, clock: Clock, sleeper: Sleeper) -> Iterator[Make]:
    """Another worker's limits, each time."""
    if request.param == "sql":
        yield lambda: Limits(state, clock, sleeper)
        return
    worker = getattr(request.config, "workerinput", {}).get("workerid", "")
    with empty_redis(worker) as url:
        yield lambda: Limits(state, clock, sleeper, url)


@pytest.fixture
def limits(make: Make) -> Limits:
    return make()


def take(limits: Limits, exchange: Any, asked: str = "GET /x", patience: float = 0.0, **params: Any) -> float:
    """Seconds until the call may be sent: 0 when it has had its turn."""
    try:
        limits.take(exchange, asked, params, patience)
    except RateLimited as error:
        told = error.message
    else:
        return 0.0
    [seconds] = re.findall(r"^Tiny: .+, retry_after=([0-9]+\.[0-9]) seconds; nothing was sent$", told)
    return float(seconds)


def until_denied(limits: Limits, exchange: Any, asked: str = "GET /x", **params: Any) -> int:
    """How many calls have their turn at once."""
    return next(taken for taken in range(10_000) if take(limits, exchange, asked, **params))


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


def admitted(limit: Limit, calls: list[tuple[int, int, bool]], waits: bool) -> list[tuple[int, int, bool]]:
    """The calls that have their turn: ms, weight, whether it cancels. With ``waits`` each one waits for it."""
    counters, now, through = SqlCounters(MEMORY), NOW, []
    with MEMORY.begin() as connection:
        connection.execute(METADATA.tables["limits"].delete())
    for gap, weight, cancels in calls:
        now += gap
        charge = limit.charge(weight, "https://tiny.test", "a", {}, cancels=cancels)
        wait = counters.take("https://tiny.test", [charge], now)
        if wait and waits:
            assert counters.take("https://tiny.test", [charge], now + wait.ms - 1)
            now += wait.ms
            wait = counters.take("https://tiny.test", [charge], now)
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
    limit = Limit("weight", amount, seconds, costs={"heavy": 5}, default=1)
    through = admitted(limit, calls, waits)
    for begun, _, _ in through:
        window = [weight for time, weight, _ in through if begun <= time <= begun + seconds * 1000]
        assert sum(window) <= amount


@settings(max_examples=25, derandomize=True, deadline=None, database=None)
@given(CALLS, strategies.integers(6, 60), strategies.integers(1, 500), strategies.booleans())
def test_a_decaying_counter_stays_below_its_mark(
    calls: list[tuple[int, int, bool]], burst: int, refill: int, waits: bool
) -> None:
    limit = Limit("counter", refill, 100.0, burst=burst, costs={"heavy": 5}, default=1)
    height, last = 0.0, NOW
    for now, weight, _ in admitted(limit, calls, waits):
        height = max(0.0, height - (now - last) * refill / 100_000) + weight
        last = now
        assert height <= burst + 1e-6


@settings(max_examples=20, derandomize=True, deadline=None, database=None)
@given(CALLS, strategies.integers(30, 300))
def test_what_ordinary_calls_leave_is_there_for_cancels(calls: list[tuple[int, int, bool]], amount: int) -> None:
    limit = Limit("weight", amount, 60.0, costs={"heavy": 5}, default=1)
    ordinary = [(gap, weight, False) for gap, weight, _ in calls]
    through = admitted(limit, [*ordinary, (0, 1, True)], waits=False)
    assert through[-1][2]


def test_a_limit_is_used_to_three_quarters(limits: Limits, clock: Clock, sleeper: Sleeper) -> None:
    exchange, sent = asker(Limit("calls", 100, 60.0, default=1)), 0
    while clock.ms < NOW + 180_000:
        assert take(limits, exchange, patience=1.0) == 0
        sent += 1
    assert 0.75 * 300 <= sent <= 300


@pytest.mark.parametrize("amount", [1, 0])
def test_a_limit_that_nothing_fits_into_is_a_mistake(amount: int) -> None:
    with pytest.raises(ValueError, match="the limit x is too small"):
        Limit("x", amount, 1.0, default=1)
    with pytest.raises(ValueError, match="the limit x is too small for a call of weight 9"):
        Limit("x", 100, 1.0, burst=8, costs={"y": 9})


# Waiting ------------------------------------------------------------------------------------------------------------


def test_several_limits_count_at_once(limits: Limits, clock: Clock) -> None:
    exchange, sent = asker(PER_SECOND, PER_MINUTE), 0
    for seconds, allowed in ((4, 4 * 8), (60, 48 + 225)):  # first the one is in the way, then the other
        while clock.ms < NOW + seconds * 1000:
            sent += take(limits, exchange) == 0
            clock.ms += 25
        assert sent == pytest.approx(allowed, abs=1)


def test_a_call_waits_its_turn(limits: Limits, sleeper: Sleeper) -> None:
    exchange = asker(PER_SECOND)
    assert until_denied(limits, exchange) == 1  # of two at once one is a cancel's
    assert sleeper.slept == []
    assert take(limits, exchange, patience=0.2) == 0
    assert sleeper.slept == [0.125]  # 8 a second


def test_a_call_whose_turn_is_too_late_is_told_so_at_once(limits: Limits, sleeper: Sleeper, clock: Clock) -> None:
    exchange = asker(Limit("private calls", 33, 100.0, burst=14, default=1))
    assert until_denied(limits, exchange) == 12
    with pytest.raises(RateLimited) as refused:
        limits.take(exchange, "GET /x", {}, 3.0)
    assert str(refused.value) == (
        "RATE_LIMITED Tiny: its limit of private calls is used up, retry_after=3.1 seconds; nothing was sent"
    )
    assert sleeper.slept == []
    clock.ms += 100
    assert take(limits, exchange, patience=2.9) == 3.0  # 2.93, rounded up
    assert take(limits, exchange, patience=2.94) == 0
    assert sum(sleeper.slept) == pytest.approx(2.931)


def test_a_call_that_loses_the_race_waits_on_but_no_longer_than_it_may(make: Make, clock: Clock) -> None:
    rival, exchange = make(), asker(Limit("calls", 10, 10.0, burst=1, default=1))
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.ms += round(seconds * 1000)
        rival.take(exchange, "GET /x", {}, 0.0)

    slow = make()
    slow._sleep = sleep
    assert take(slow, exchange) == 0
    assert take(slow, exchange, patience=2.5) == 1.0
    assert slept == [1.0, 1.0]


def test_what_was_slept_has_passed_even_if_the_clock_stands_still(state: Engine, clock: Clock) -> None:
    slept: list[float] = []
    limits, exchange = Limits(state, clock, slept.append), asker(Limit("calls", 10, 10.0, burst=1, default=1))
    assert take(limits, exchange) == 0
    assert take(limits, exchange, patience=1.5) == 0
    assert slept == [1.0]


def test_a_counter_that_denies_costs_the_others_nothing(limits: Limits) -> None:
    weight = Limit("weight", 30, 60.0, default=1, reserve=0)
    orders = Limit("orders", 10, 60.0, costs={"POST /order": 1}, reserve=0)
    exchange = asker(weight, orders)
    assert until_denied(limits, exchange, "POST /order") == 2
    for _ in range(50):
        assert take(limits, exchange, "POST /order")
    assert until_denied(limits, exchange, "GET /x") == 6 - 2


def test_all_workers_share_a_limit(make: Make) -> None:
    exchange, workers = asker(Limit("weight", 500, 60.0, default=1, reserve=0)), [make() for _ in range(5)]
    assert sum(take(worker, exchange) == 0 for _ in range(100) for worker in workers) == 100


def test_cancels_have_their_share(limits: Limits) -> None:
    exchange = asker(Limit("weight", 100, 60.0, default=1))
    assert until_denied(limits, exchange, "GET /x") == 16
    assert until_denied(limits, exchange, "DELETE /order") == 4
    own = asker(Limit("weight", 100, 60.0, default=1), name="Tiny", url="https://own.test", cancels="POST /cancel")
    assert until_denied(limits, own, "DELETE /order") == 16
    assert until_denied(limits, own, "POST /cancel-order") == 4


def test_a_clock_that_is_set_back_delays_nobody_for_long(state: Engine, clock: Clock, sleeper: Sleeper) -> None:
    exchange = asker(PER_SECOND)
    assert until_denied(Limits(state, clock, sleeper), exchange) == 1
    clock.ms -= DAY
    assert take(Limits(state, clock, sleeper), exchange) <= 0.3


# Who is counted with whom -------------------------------------------------------------------------------------------


def test_limits_of_an_address_of_an_account_and_of_a_market(limits: Limits) -> None:
    def full(limit: Limit, **more: Any) -> bool:
        return take(limits, asker(limit, **more.pop("who", {})), **more) > 0

    address = Limit("address", 10, 60.0, default=1)
    account = Limit("account", 10, 60.0, default=1, per="account")
    market = Limit("market", 10, 60.0, default=1, per="account", by="pair")
    for limit in (address, account, market):
        assert not full(limit, pair="X")
    assert full(address, who={"account": "b"}, pair="Y")
    assert full(account, pair="Y")
    assert not full(account, who={"account": "b"}, pair="X")
    assert full(market, pair="X")
    assert not full(market, pair="Y")
    assert not full(market, who={"account": "b"}, pair="X")
    assert not full(market)
    assert full(market)
    assert full(market, pair=None)


def test_twins_on_one_host_share_and_another_host_does_not(limits: Limits) -> None:
    limit = Limit("weight", 10, 60.0, default=1)
    assert until_denied(limits, asker(limit, name="Tiny")) == 1
    assert take(limits, asker(limit, name="Tiny: Futures_"[:4]))
    assert not take(limits, asker(limit, urls={"Tiny": "https://testnet.test"}))
    assert not take(limits, asker(Limit("weight", 11, 60.0, default=1)))  # as published since


def test_no_key_is_kept(services: Services) -> None:
    for route in ("binance", "okx", "kraken"):
        exchange = EXCHANGES[route](KEYS, services)
        for asked in ("POST /api/v3/order", "POST /api/v5/trade/order", "POST /0/private/AddOrder"):
            services.limits.take(exchange, asked, {"instId": "BTC-USDT"}, 60.0)
    with services.state.connect() as connection:
        names = [row.name for row in connection.execute(METADATA.tables["limits"].select())]
    assert any(KEYS.account in name for name in names)
    assert not any(secret in name for name in names for secret in (KEYS.key, KEYS.secret, KEYS.passphrase))


def test_any_names_are_taken(limits: Limits) -> None:
    exchange = asker(Limit("market", 10, 60.0, default=1, by="pair"), url=f"https://{'x' * 240}.test")
    assert not take(limits, exchange, pair="y" * 10_000)
    assert not take(limits, exchange, pair="\x00")
    assert not take(limits, exchange, pair="\ud800")
    assert take(limits, exchange, pair="\ud800")
    assert not take(limits, exchange, time=lambda: "when it is sent")
    assert take(limits, exchange, time=lambda: "when it is sent")


# The published tables -----------------------------------------------------------------------------------------------

B, F, O = "GET /api/v3/", "GET /fapi/v1/", "GET /api/v5/"  # noqa: E741
SYMBOL = {"symbol": "BTCUSDT"}
WEIGHTS: list[tuple[str, str, Mapping[str, Any], dict[str, int]]] = [
    ("binance", B + "ticker/24hr", SYMBOL, {"weight": 2}),
    ("binance", B + "ticker/24hr", {}, {"weight": 80}),
    ("binance", B + "ticker/24hr", {"symbol": None}, {"weight": 80}),
    ("binance", B + "ticker/24hr", {"symbols": "[…]", "type": "FULL"}, {"weight": 80}),
    ("binance", B + "ticker", {"type": "MINI", **SYMBOL}, {"weight": 4}),
    ("binance", B + "ticker/bookTicker", {}, {"weight": 4}),
    ("binance", B + "ticker/price", SYMBOL, {"weight": 2}),
    ("binance", B + "depth", {"limit": 100, **SYMBOL}, {"weight": 5}),
    ("binance", B + "depth", {"limit": 50, **SYMBOL}, {"weight": 5}),
    ("binance", B + "depth", {"limit": 1000, **SYMBOL}, {"weight": 250}),  # 50, but 250 above
    ("binance", B + "depth", {"limit": "5000", **SYMBOL}, {"weight": 250}),
    ("binance", B + "trades", SYMBOL, {"weight": 25}),
    ("binance", B + "klines", {"interval": "1m", **SYMBOL}, {"weight": 2}),
    ("binance", B + "uiKlines", SYMBOL, {"weight": 2}),
    ("binance", B + "exchangeInfo", {}, {"weight": 20}),
    ("binance", B + "account", {}, {"weight": 20}),
    ("binance", B + "order", SYMBOL, {"weight": 4}),
    ("binance", B + "openOrders", SYMBOL, {"weight": 6}),
    ("binance", B + "openOrders", {}, {"weight": 80}),
    ("binance", B + "allOrders", SYMBOL, {"weight": 20}),
    ("binance", B + "rateLimit/order", {}, {"weight": 40}),
    ("binance", B + "time", {}, {"weight": 1}),
    ("binance", B + "made/up", {}, {"weight": 20}),
    ("binance", "POST /api/v3/order", SYMBOL, {"weight": 1, "orders": 1, "orders a day": 1}),
    ("binance", "POST /api/v3/orderList/oco", SYMBOL, {"weight": 1, "orders": 3, "orders a day": 3}),
    ("binance", "POST /api/v3/order/test", SYMBOL, {"weight": 20}),
    ("binance", "DELETE /api/v3/order", SYMBOL, {"weight": 1}),
    ("futures_binance", F + "ticker/24hr", SYMBOL, {"weight": 1}),
    ("futures_binance", F + "ticker/24hr", {}, {"weight": 40}),
    ("futures_binance", F + "ticker/bookTicker", SYMBOL, {"weight": 2}),
    ("futures_binance", F + "ticker/bookTicker", {}, {"weight": 5}),
    ("futures_binance", F + "depth", {"limit": 100, **SYMBOL}, {"weight": 5}),
    ("futures_binance", F + "depth", SYMBOL, {"weight": 10}),
    ("futures_binance", F + "depth", {"limit": 20, **SYMBOL}, {"weight": 2}),
    ("futures_binance", F + "depth", {"limit": 1000, **SYMBOL}, {"weight": 20}),
    ("futures_binance", F + "klines", {"limit": 99, **SYMBOL}, {"weight": 1}),
    ("futures_binance", F + "klines", {"limit": 499, **SYMBOL}, {"weight": 2}),
    ("futures_binance", F + "klines", {"limit": 500, **SYMBOL}, {"weight": 5}),
    ("futures_binance", F + "continuousKlines", {"limit": 1500, "pair": "BTCUSDT"}, {"weight": 10}),
    ("futures_binance", F + "klines", SYMBOL, {"weight": 5}),
    ("futures_binance", F + "premiumIndex", {}, {"weight": 10}),
    ("futures_binance", F + "premiumIndex", SYMBOL, {"weight": 1}),
    ("futures_binance", F + "fundingInfo", {}, {"funding rates": 1}),
    ("futures_binance", "GET /futures/data/basis", {}, {"statistics": 1}),
    ("futures_binance", F + "openOrders", {}, {"weight": 40}),
    ("futures_binance", F + "openOrders", SYMBOL, {"weight": 1}),
    ("futures_binance", F + "positionSide/dual", {}, {"weight": 30}),
    ("futures_binance", "GET /fapi/v3/balance", {}, {"weight": 5}),
    ("futures_binance", "GET /fapi/v3/positionRisk", SYMBOL, {"weight": 5}),
    ("futures_binance", "POST /fapi/v1/order", SYMBOL, {"weight": 1, "orders": 1, "orders a minute": 1}),
    ("futures_binance", "POST /fapi/v1/batchOrders", {}, {"weight": 5, "orders": 5, "orders a minute": 5}),
    ("futures_binance", "DELETE /fapi/v1/order", SYMBOL, {"weight": 1}),
    ("okx", O + "market/ticker", {"instId": "BTC-USDT"}, {"GET market/ticker": 1}),
    ("okx", O + "market/tickers", {"instType": "SPOT"}, {"GET market/tickers": 1}),
    ("futures_okx", O + "account/config", {}, {"GET account/config": 1}),
    ("okx", O + "trade/order", {"instId": "BTC-USDT"}, {"GET trade/order": 1}),
    ("okx", "POST /api/v5/trade/order", {"instId": "BTC-USDT"}, {"POST trade/order": 1, "orders": 1}),
    ("okx", "POST /api/v5/trade/cancel-order", {"instId": "BTC-USDT"}, {"POST trade/cancel-order": 1}),
    ("okx", O + "finance/made-up", {"x": "1"}, {"other calls": 1}),
    ("kraken", "GET /0/public/Ticker", {"pair": "XBTUSDT"}, {"public calls": 1}),
    ("kraken", "GET /0/public/OHLC", {"pair": "XBTUSDT"}, {"candles and trades of this market": 1}),
    ("kraken", "POST /0/private/BalanceEx", {}, {"private calls": 1}),
    ("kraken", "POST /0/private/ClosedOrders", {}, {"private calls": 2}),
    ("kraken", "POST /0/private/AddOrder", {"pair": "XBTUSDT"}, {"orders of this market": 1}),
    ("kraken", "POST /0/private/CancelOrder", {"txid": "x"}, {}),
    ("kraken", "POST /0/private/CancelAll", {}, {"private calls": 1}),
    ("bitgo", "POST /appApi.html", {"action": "trade"}, {}),
]


@pytest.mark.parametrize(("route", "asked", "params", "costs"), WEIGHTS)
def test_a_call_costs_what_is_published(
    route: str, asked: str, params: Mapping[str, Any], costs: dict[str, int]
) -> None:
    known = "&".join(f"{name}={value}" for name, value in sorted(params.items()) if value is not None)
    weights = {limit.name: limit.weight(f"{asked}?{known}") for limit in EXCHANGES[route].limits}
    assert {name: weight for name, weight in weights.items() if weight} == costs
    if not known:
        assert {limit.name: limit.weight(asked) for limit in EXCHANGES[route].limits} == weights


@pytest.mark.parametrize("route", EXCHANGES)
def test_every_limit_of_an_exchange_has_its_own_name(route: str) -> None:
    names = [limit.name for limit in EXCHANGES[route].limits]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("route", "asked", "cancels"),
    [
        ("binance", "DELETE /api/v3/order", True), ("binance", "POST /api/v3/order", False),
        ("futures_binance", "DELETE /fapi/v1/order", True), ("futures_binance", "GET /fapi/v1/order", False),
        ("okx", "POST /api/v5/trade/cancel-order", True), ("okx", "POST /api/v5/trade/mass-cancel", True),
        ("okx", "POST /api/v5/trade/order", False), ("kraken", "POST /0/private/CancelOrder", True),
        ("kraken", "POST /0/private/CancelAll", True), ("kraken", "POST /0/private/AddOrder", False),
    ],
)  # fmt: skip
def test_which_calls_cancel(route: str, asked: str, cancels: bool) -> None:
    assert bool(re.match(EXCHANGES[route].cancels, asked)) is cancels


# Bans ---------------------------------------------------------------------------------------------------------------

IN_AN_HOUR = format_datetime(datetime.fromtimestamp(NOW / 1000, UTC) + timedelta(hours=1), usegmt=True)
BANNED = "-1003 Way too much request weight used; IP banned until {}. Please use WebSocket Streams."
BANS: list[tuple[str, int, str, str, float]] = [  # seconds; absolute times end one later, for clocks that differ
    ("binance", 429, "", "HTTP 429: an empty reply", 10.0),
    ("binance", 418, "120", "", 120.0),
    ("binance", 429, " 7 ", "-1015 Too many new orders; current limit is 100 orders per 10 SECOND.", 7.0),
    ("binance", 429, "2.5", "", 2.5),
    ("binance", 429, "0", "", 10.0),
    ("binance", 429, "soon", "", 10.0),
    ("binance", 429, "-5", "", 10.0),
    ("binance", 429, IN_AN_HOUR, "", 3601.0),
    ("binance", 429, IN_AN_HOUR.replace("GMT", "-0000"), "", 3601.0),
    ("binance", 429, "Mon, 01 Jan 2001 00:00:00 GMT", "", 10.0),
    ("binance", 429, "Mon, 99 Jan 2001 00:00:00 GMT", "", 10.0),
    ("binance", 429, "99999999", "", 259_200.0),
    ("binance", 429, "9" * 400, "", 10.0),
    ("binance", 418, "", BANNED.format(NOW + 90_000), 91.0),
    ("binance", 418, "20", BANNED.format(NOW + 90_000), 91.0),
    ("binance", 418, "100", BANNED.format(NOW + 90_000), 100.0),
    ("binance", 400, "", BANNED.format(NOW + 90_000), 91.0),
    ("binance", 418, "", BANNED.format(NOW - 90_000), 60.0),
    ("binance", 418, "", BANNED.format("9999999999999"), 60.0),
    ("binance", 200, "", "-1003 Too many requests queued.", 60.0),
    ("okx", 429, "", "50011 Rate limit reached.", 2.0),
    ("okx", 429, "", "50013 System is busy, please try again later.", 10.0),
    ("okx", 200, "", "50011 Rate limit reached.", 2.0),
    ("kraken", 200, "", f"EService:Throttled: {NOW // 1000 + 30}", 31.0),
    ("kraken", 200, "", "EService:Throttled", 10.0),
    ("kraken", 200, "", "EGeneral:Temporary lockout", 300.0),
    ("kraken", 200, "", "EAPI:Rate limit exceeded", 5.0),
    ("kraken", 200, "", "EGeneral:Too many requests", 5.0),
]
NO_BANS = [
    ("binance", 400, "-1015 Too many new orders; current limit is 100 orders per 10 SECOND."),
    ("binance", 503, "-1008 Server is currently overloaded with other requests."),
    ("binance", 400, "-2010 Account has insufficient balance for requested action."),
    ("okx", 200, "50061 The order rate limit of the sub-account was exceeded."),
    ("kraken", 200, "EOrder:Orders limit exceeded"),
    ("kraken", 200, "EOrder:Rate limit exceeded"),
    ("kraken", 200, "EAPI:Invalid key"),
]


@pytest.mark.parametrize(("route", "status", "retry_after", "words", "seconds"), BANS)
def test_a_ban_lasts_as_long_as_it_says(
    services: Services, clock: Clock, route: str, status: int, retry_after: str, words: str, seconds: float
) -> None:
    exchange = EXCHANGES[route](KEYS, services)
    other = Limits(services.state, clock, services.sleep)  # another worker
    services.limits.heed(exchange, status, retry_after, f"{exchange.name} {words}")
    for limits in (services.limits, other):
        with pytest.raises(RateLimited) as refused:
            limits.take(exchange, "DELETE /anything", {}, 1.0)
        assert str(refused.value) == (
            f"RATE_LIMITED {exchange.name}: it told us to stay away, retry_after={seconds} seconds; nothing was sent"
        )
    clock.ms += round(seconds * 1000)
    for limits in (services.limits, other):
        limits.take(exchange, "DELETE /anything", {}, 1.0)


@pytest.mark.parametrize(("route", "status", "words"), NO_BANS)
def test_a_refusal_of_one_kind_of_call_is_no_ban(services: Services, route: str, status: int, words: str) -> None:
    exchange = EXCHANGES[route](KEYS, services)
    services.limits.heed(exchange, status, "", f"{exchange.name} {words}")
    services.limits.take(exchange, "GET /anything", {}, 0.0)


def test_a_ban_is_shared_waited_for_and_never_shortened(make: Make, clock: Clock, sleeper: Sleeper) -> None:
    one, other, exchange = make(), make(), asker(PER_SECOND)
    twin, stranger = asker(name="Tiny"), asker(url="https://other.test")
    one.heed(exchange, 418, "60", "")
    other.heed(exchange, 429, "5", "")
    for limits in (one, other, make()):
        assert take(limits, exchange, patience=59.0) == 60.0
        assert take(limits, twin, patience=59.0) == 60.0
        assert take(limits, stranger) == 0
    assert sleeper.slept == []
    assert take(other, exchange, patience=61.0) == 0
    assert sleeper.slept == [60.0]
    assert take(make(), twin) == 0


def test_after_a_ban_nothing_is_sent(services: Services) -> None:
    http = Canned(429, b"", "")
    services = Services(http, services.state, now=services.now, sleep=services.sleep, deadline=5.0)
    with pytest.raises(RateLimited, match="HTTP 429"):
        Tiny(KEYS, services).call("GET", "/x")
    http.said = Canned().said
    for verb in ("GET", "POST", "DELETE"):
        with pytest.raises(RateLimited, match=r"it told us to stay away, retry_after=10\.0 seconds; nothing was sent"):
            Tiny(KEYS, services).call(verb, "/y")
    assert len(http.sent) == 1


# When the counters cannot be used -----------------------------------------------------------------------------------


def test_calls_go_on_without_the_database(
    state: Engine, clock: Clock, sleeper: Sleeper, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits, exchange = Limits(state, clock, sleeper), asker(PER_SECOND)
    with state.begin() as connection:
        METADATA.tables["limits"].drop(connection)
    now = [1000.0]
    monkeypatch.setattr("database.time.monotonic", lambda: now[0])
    for _ in range(50):
        assert take(limits, exchange) == 0
        assert take(limits, asker()) == 0
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "see LIMITS_URL" in caplog.text
    now[0] += 61
    assert take(limits, exchange) == 0
    assert len(caplog.records) == 2
    # A ban that this process was told is obeyed all the same.
    limits.heed(exchange, 418, "60", "")
    assert take(limits, exchange) == 60.0
    assert take(limits, asker()) == 60.0
    METADATA.create_all(state)


def test_calls_go_on_without_redis(
    state: Engine, clock: Clock, sleeper: Sleeper, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Redis, "ping", lambda self: True)  # it is there when the service starts
    limits, exchange = Limits(state, clock, sleeper, "redis://127.0.0.1:9"), asker(PER_SECOND)
    for _ in range(20):
        assert take(limits, exchange) == 0
    limits.heed(exchange, 418, "60", "")
    assert take(limits, exchange) == 60.0
    assert [record.message for record in caplog.records] == [
        "the limits cannot be counted (ConnectionError), calls are sent without; see LIMITS_URL",
        "Tiny told us to stay away for 60 s",
    ]


def test_a_wrong_address_is_told_at_the_start(state: Engine, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"127\.0\.0\.1:9"):
        Limits(state, lambda: NOW, lambda seconds: None, "redis://127.0.0.1:9")
    with pytest.raises(OSError, match="exists"):
        Limits(state, lambda: NOW, lambda seconds: None, f"sqlite:///{__file__}/limits.db")
    (tmp_path / "none").write_text("no database " * 200)
    with pytest.raises(Exception, match="not a database"):
        Limits(state, lambda: NOW, lambda seconds: None, f"sqlite:///{tmp_path}/none")


def test_a_database_of_their_own(state: Engine, clock: Clock, sleeper: Sleeper, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/limits.db"
    services = [Services(Canned(), state, now=clock, sleep=sleeper, limits_url=url) for _ in range(2)]
    exchange = asker(PER_SECOND)
    assert until_denied(services[0].limits, exchange) == 1
    assert take(services[1].limits, exchange) > 0
    assert until_denied(Limits(state, clock, sleeper), exchange) == 1
    for one in services:
        one.limits._counters.dispose()


def test_what_nobody_used_for_a_day_is_cleared_away(
    state: Engine, clock: Clock, sleeper: Sleeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transport.counters._SWEEP", 20)
    table = METADATA.tables["limits"]
    limits = Limits(state, clock, sleeper)
    limits.heed(asker(), 429, "1", "")
    for url in ("https://a.test", "https://b.test"):
        assert take(limits, asker(PER_SECOND, url=url)) == 0
        clock.ms += DAY // 2 + 10_000
    for _ in range(25):
        take(limits, asker(PER_SECOND, url="https://c.test"))
        clock.ms += 200
    with state.connect() as connection:
        names = sorted(row.name.split()[0] for row in connection.execute(table.select()))
    assert names == ["https://b.test", "https://c.test"]


def test_counters_do_not_wait_for_the_disk_and_all_else_does(tmp_path: Path) -> None:
    engine = open_state(f"sqlite:///{tmp_path}/state.db")
    for fleeting, pace in ((False, 2), (True, 1), (False, 2)):  # FULL and NORMAL, on one kept connection
        with engine.execution_options(fleeting=fleeting).begin() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == pace
    engine.dispose()


def test_a_worker_that_makes_a_counter_at_the_same_time_is_no_trouble(
    state: Engine, clock: Clock, sleeper: Sleeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast, slow, exchange = Limits(state, clock, sleeper), Limits(state, clock, sleeper), asker(PER_SECOND)
    assert take(fast, exchange) == 0
    look, looked = SqlCounters._locked.__globals__["_times"], []

    def blind(
        *args: Any, **options: Any
    ) -> Any:  # the first time, as where a transaction takes no lock at its beginning
        looked.append(1)
        return look(*args, **options) if len(looked) > 1 else {}

    monkeypatch.setattr("transport.counters._times", blind)
    assert take(slow, exchange) == 0.2
    assert len(looked) == 2


# Several processes --------------------------------------------------------------------------------------------------

WORKER = """
import sys, time
from types import SimpleNamespace
from transport.clock import epoch_ms
from transport.limits import Limit, Limits
from database import open_state
from protocol.errors import RateLimited

read = []
def clock():
    read.append(epoch_ms())
    return read[-1]

limits = Limits(open_state(sys.argv[1]), clock, time.sleep, sys.argv[2])
limit = Limit("weight", 100, 1.0, default=1, reserve=0)
exchange = SimpleNamespace(
    name="Tiny", url="https://tiny.test", account="a", cancels="DELETE ", bans={}, limits=(limit,),
    services=SimpleNamespace(urls={}),
)
print("ready", flush=True)
until = int(sys.stdin.readline())
while epoch_ms() < until:
    try:
        limits.take(exchange, "GET /x", {}, 0.0)
    except RateLimited:
        time.sleep(0.002)
    else:
        print(read[-1])
"""


def race(*urls: str) -> None:
    """Four processes send what they may for a second and a half, of a hundred a second."""
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, *urls],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(4)
    ]  # fmt: skip
    for worker in workers:
        assert worker.stdout
        assert worker.stdout.readline() == "ready\n"
    until = epoch_ms() + 1500
    for worker in workers:
        assert worker.stdin
        worker.stdin.write(f"{until}\n")
        worker.stdin.flush()
    said = [worker.communicate(timeout=60) for worker in workers]
    assert [errors for _, errors in said] == [""] * 4
    sent = [int(line) for lines, _ in said for line in lines.split()]
    assert all(sum(begun <= time <= begun + 1000 for time in sent) <= 100 for begun in sent)
    assert len(sent) > 60


def test_four_processes_together_stay_within_a_limit(state_url: str) -> None:
    race(state_url, "")


def test_four_processes_with_redis_stay_within_a_limit(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    with empty_redis(getattr(request.config, "workerinput", {}).get("workerid", "")) as url:
        race(f"sqlite:///{tmp_path}/state.db", url)
