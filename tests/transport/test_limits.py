"""The wait that limits ask of a call: how long, by whom it is shared, and who is counted with whom."""

from typing import Any

import pytest

from exchanges import EXCHANGES
from protocol.errors import RateLimited
from tables import METADATA
from tests.conftest import NOW, Clock
from tests.lent import Lent
from tests.tiny import Canned, Tiny
from tests.transport.conftest import (
    DAY,
    KEYS,
    PER_MINUTE,
    PER_SECOND,
    Sleeper,
    Start,
    Worker,
    take,
    until_denied,
)
from transport.credentials import Credentials
from transport.limit import Limit

OTHER = Credentials("another-key", "another-secret")

# Waiting ------------------------------------------------------------------------------------------------------------


def test_several_limits_count_at_once(worker: Worker, clock: Clock) -> None:
    limits, sent = worker.limits(PER_SECOND, PER_MINUTE), 0
    for seconds, allowed in ((4, 4 * 8), (60, 48 + 225)):  # first the one is in the way, then the other
        while clock.ms < NOW + seconds * 1000:
            sent += take(limits) == 0
            clock.ms += 25
        assert sent == pytest.approx(allowed, abs=1)


def test_a_call_waits_until_it_may_be_made(worker: Worker, sleeper: Sleeper) -> None:
    limits = worker.limits(PER_SECOND)
    assert until_denied(limits) == 1  # of two at once one is a cancel's
    assert sleeper.slept == []
    assert take(limits, patience=0.2) == 0
    assert sleeper.slept == [0.125]  # 8 a second


def test_a_call_that_would_wait_for_too_long_is_refused_at_once(worker: Worker, sleeper: Sleeper, clock: Clock) -> None:
    limits = worker.limits(Limit("private calls", 33, 100.0, burst=14, default=1))
    assert until_denied(limits) == 12
    with pytest.raises(RateLimited) as refused:
        limits.take("GET /x", {}, KEYS, 3.0)
    assert str(refused.value) == (
        "RATE_LIMITED Tiny: its limit of private calls is used up, retry_after=3.1 seconds; nothing was sent"
    )
    assert sleeper.slept == []
    clock.ms += 100
    assert take(limits, patience=2.9) == 3.0  # 2.93, rounded up
    assert take(limits, patience=2.94) == 0
    assert sum(sleeper.slept) == pytest.approx(2.931)


def test_a_call_that_loses_the_race_waits_on_but_no_longer_than_it_may(start: Start, clock: Clock) -> None:
    limit = Limit("calls", 10, 10.0, burst=1, default=1)
    rival = start().limits(limit)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.ms += round(seconds * 1000)
        rival.take("GET /x", {}, KEYS, 0.0)

    worker = start()
    worker.sleep = sleep
    slow = worker.limits(limit)
    assert take(slow) == 0
    assert take(slow, patience=2.5) == 1.0
    assert slept == [1.0, 1.0]


def test_what_was_slept_has_passed_even_if_the_clock_stands_still(start_sql: Start) -> None:
    slept: list[float] = []
    worker = start_sql()
    worker.sleep = slept.append
    limits = worker.limits(Limit("calls", 10, 10.0, burst=1, default=1))
    assert take(limits) == 0
    assert take(limits, patience=1.5) == 0
    assert slept == [1.0]


def test_a_counter_that_denies_costs_the_others_nothing(worker: Worker) -> None:
    weight = Limit("weight", 30, 60.0, default=1, reserve=0)
    orders = Limit("orders", 10, 60.0, costs={"POST order": 1}, reserve=0)
    limits = worker.limits(weight, orders)
    assert until_denied(limits, "POST /order") == 2
    for _ in range(50):
        assert take(limits, "POST /order")
    assert until_denied(limits, "GET /x") == 6 - 2


def test_all_workers_share_a_limit(start: Start) -> None:
    limit = Limit("weight", 500, 60.0, default=1, reserve=0)
    workers = [start().limits(limit) for _ in range(5)]
    assert sum(take(limits) == 0 for _ in range(100) for limits in workers) == 100


def test_cancels_have_their_share(worker: Worker) -> None:
    limit = Limit("weight", 100, 60.0, default=1)
    limits = worker.limits(limit)
    assert until_denied(limits, "GET /x") == 16
    assert until_denied(limits, "DELETE /order") == 4
    own = worker.limits(limit, url="https://own.test", cancels=("POST cancel*",))
    assert until_denied(own, "DELETE /order") == 16
    assert until_denied(own, "POST /cancel-order") == 4


def test_an_urgent_call_has_the_share_of_cancels(worker: Worker) -> None:
    limits = worker.limits(Limit("weight", 100, 60.0, default=1))
    assert until_denied(limits, "GET /x") == 16
    for _ in range(4):
        limits.take("GET /x", {}, KEYS, 0.0, urgent=True)
    with pytest.raises(RateLimited, match="its limit of weight is used up"):
        limits.take("GET /x", {}, KEYS, 0.0, urgent=True)


def test_a_clock_that_is_set_back_delays_nobody_for_long(start_sql: Start, clock: Clock) -> None:
    assert until_denied(start_sql().limits(PER_SECOND)) == 1
    clock.ms -= DAY
    assert take(start_sql().limits(PER_SECOND)) <= 0.3


# Who is counted with whom -------------------------------------------------------------------------------------------


def test_limits_of_an_address_of_an_account_and_of_a_market(worker: Worker) -> None:
    def full(limit: Limit, **more: Any) -> bool:
        return take(worker.limits(limit), **more) > 0

    address = Limit("address", 10, 60.0, default=1)
    account = Limit("account", 10, 60.0, default=1, per="account")
    market = Limit("market", 10, 60.0, default=1, per="account", by="pair")
    for limit in (address, account, market):
        assert not full(limit, pair="X")
    assert full(address, keys=OTHER, pair="Y")
    assert full(account, pair="Y")
    assert not full(account, keys=OTHER, pair="X")
    assert full(market, pair="X")
    assert not full(market, pair="Y")
    assert not full(market, keys=OTHER, pair="X")
    assert not full(market)
    assert full(market)


@pytest.mark.parametrize("pair", [None, lambda: "known when it is sent"])
def test_a_market_that_is_not_known_yet_is_none(lent: Lent, pair: Any) -> None:
    class Limited(Tiny):
        limits = (Limit("market", 10, 60.0, default=1, by="pair"),)

    http = Canned()
    lent = Lent(http, lent.state, now=lent.now, sleep=lent.sleep, deadline=0.01, measure_clocks=False)
    lent.open(Limited, KEYS).call("POST", "/x")
    for _ in range(2):
        with pytest.raises(RateLimited, match="its limit of market is used up"):
            lent.open(Limited, KEYS).call("POST", "/x", params={"pair": pair})
    lent.open(Limited, KEYS).call("POST", "/x", params={"pair": "X"})
    assert len(http.sent) == 2


def test_twins_on_one_host_share_and_another_host_does_not(worker: Worker) -> None:
    limit = Limit("weight", 10, 60.0, default=1)
    assert until_denied(worker.limits(limit, name="Tiny")) == 1
    assert take(worker.limits(limit, name="Tiny: Futures"))
    assert not take(worker.limits(limit, address="https://testnet.test"))
    assert not take(worker.limits(Limit("weight", 11, 60.0, default=1)))  # as published since


def test_no_key_is_kept(lent: Lent) -> None:
    for route in ("binance", "okx", "kraken"):
        limits = lent.upstreams.of(EXCHANGES[route]).limits
        for asked in ("POST /api/v3/order", "POST /api/v5/trade/order", "POST /0/private/AddOrder"):
            limits.take(asked, {"instId": "BTC-USDT"}, KEYS, 60.0)
    with lent.state.connect() as connection:
        names = [row.name for row in connection.execute(METADATA.tables["limits"].select())]
    assert any(KEYS.account in name for name in names)
    assert not any(secret in name for name in names for secret in (KEYS.key, KEYS.secret, KEYS.passphrase))


def test_any_names_are_taken(worker: Worker) -> None:
    limits = worker.limits(Limit("market", 10, 60.0, default=1, by="pair"), url=f"https://{'x' * 240}.test")
    assert not take(limits, pair="y" * 10_000)
    assert not take(limits, pair="\x00")
    assert not take(limits, pair="\ud800")
    assert take(limits, pair="\ud800")
    assert not take(limits, time="when it is sent")
    assert take(limits, time="when it is sent")
