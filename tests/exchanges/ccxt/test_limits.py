"""The limit that ccxt's rate stands for, kept by many threads, and nonces that grow however many call at once."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from werkzeug import Request

from exchanges.base import Exchange
from exchanges.ccxt.bridge import bridge, limit
from exchanges.ccxt.calls import CcxtCalls
from tests.exchanges.ccxt.conftest import bridged, calls
from tests.exchanges.ccxt.fakes import FullKraken, FullOKX

THREADS = 32


class Watched(FullOKX):
    """Notes when each request arrives, and with which key."""

    def __init__(self) -> None:
        super().__init__()
        self.arrivals: list[float] = []
        self.keys: list[str] = []

    def reply(self, request: Request) -> tuple[int, bytes]:
        with self._lock:
            self.arrivals.append(time.monotonic())
            self.keys.append(self.key(request))
        return super().reply(request)


@pytest.mark.parametrize("rate_limit_ms", [1.0, 3.333, 8.334, 50, 1000, 3000])
def test_the_limit_is_one_call_of_cost_1_in_so_many_ms(rate_limit_ms: float) -> None:
    made = limit(rate_limit_ms)
    assert made.burst == made.costs["POST /10"] == 10
    assert made.amount / made.seconds == pytest.approx(10 / (rate_limit_ms / 1000))


def test_threads_keep_the_limit_together() -> None:
    kind = bridge("okx", "OKX", futures=False)
    assert issubclass(kind, CcxtCalls)
    kind.limits = (limit(20),)
    with Watched() as fake, calls(kind, fake.url) as call:
        call("markets")
        fake.arrivals.clear()
        begun = time.monotonic()  # not the first arrival, which a busy machine delays
        with ThreadPoolExecutor(THREADS) as pool:
            answers = list(pool.map(lambda _: call("accounts"), range(THREADS)))
        assert all("data" in answer for answer in answers)
        spent = max(fake.arrivals) - begun
    assert len(fake.arrivals) == THREADS
    cost = float(kind.library.sample.api["private"]["get"]["account/balance"]["cost"])
    assert spent >= (THREADS - 1) * 0.020 * cost * 0.9


def test_threads_of_two_accounts_never_see_each_others_keys(unlimited: None) -> None:
    with Watched() as fake, calls(bridged("okx", "OKX"), fake.url) as call:
        call("markets")
        fake.keys.clear()
        keys = [f"fake-key-0815-{number % 8}" for number in range(THREADS)]
        with ThreadPoolExecutor(THREADS) as pool:
            answers = list(pool.map(lambda key: call("orders", key=key), keys))
        assert all(answer.get("data") == [] for answer in answers)
    assert sorted(fake.keys) == sorted(keys)


def test_nonces_grow_for_all_threads_of_a_key(unlimited: None) -> None:
    kind: type[Exchange] = bridged("kraken", "Kraken")
    with FullKraken() as fake, calls(kind, fake.url) as call:
        call("markets")
        with ThreadPoolExecutor(THREADS) as pool:
            answers: list[dict[str, Any]] = list(pool.map(lambda _: call("accounts"), range(THREADS)))
    assert all("data" in answer for answer in answers), answers
    assert fake.asked["POST", "/0/private/BalanceEx"] == THREADS, "none was refused for its nonce, and asked again"
    assert threading.active_count() < 100
