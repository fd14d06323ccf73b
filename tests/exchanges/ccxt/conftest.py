"""Exchanges that the gateway has itself, bridged: with their own names, so that their answers can be compared."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from exchanges.base import Exchange
from exchanges.ccxt.bridge import bridge
from exchanges.kit.databases import lent_state
from exchanges.registry import Registry
from protocol import wire
from settings import Settings
from tests.conftest import client_of
from tests.exchanges.ccxt.fakes import FullFuturesBinance
from tests.fakes import KEY, PASSPHRASE, SECRET
from tests.lent import Lent
from transport.http import Http
from transport.limits import Limits

Call = Callable[..., dict[str, Any]]


@cache
def bridged(exchange_id: str, name: str) -> type[Exchange]:
    """Return the class of ccxt's exchange under the name of ours."""
    return bridge(exchange_id, name, futures=name.startswith("Futures_"))


def registry_of(*kinds: type[Exchange]) -> Registry:
    """Return a registry with these exchanges only."""
    return Registry({kind.name.lower(): kind for kind in kinds})


@pytest.fixture
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """No call waits for limits, which have a test of their own."""
    monkeypatch.setattr(Limits, "take", lambda *_, **__: None)


@contextmanager
def calls(kind: type[Exchange], url: str, deadline: float = 10.0) -> Iterator[Call]:
    """Yield a function that asks a gateway for one exchange, at another address."""
    with lent_state() as state:
        lent = Lent(http=Http(), state=state, urls={kind.name: url}, measure_clocks=False, deadline=deadline)
        client = client_of(lent.app(Settings(registry=registry_of(kind))))

        def call(
            method: str, params: Any = None, key: str = KEY, secret: str = SECRET, nonce: int = 0
        ) -> dict[str, Any]:
            keys = {
                "access_key": key,
                "secret_key": f"{secret},{PASSPHRASE}" if "OKX" in kind.name else secret,
                "nonce": nonce,
            }
            asked = {"method": method, "params": {"symbol": "BTC_USDT", **(params or {})}}
            answer: dict[str, Any] = client.post(f"/{kind.name}", data=wire.write({**keys, **asked})).get_json()
            return answer

        yield call


def run_apart(script: str, folder: Path) -> str:
    """Run a script in a process of its own and return what it prints. Its first argument is the URL of a database."""
    done = subprocess.run(
        [sys.executable, "-c", script, f"sqlite:///{folder}/state.db"], cwd=Path(__file__).parents[3],
        capture_output=True, text=True, timeout=60, check=False, env={"PATH": "", "HOME": str(folder)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def swaps() -> Iterator[FullFuturesBinance]:
    """A fake exchange of swaps."""
    with FullFuturesBinance() as exchange:
        yield exchange


@pytest.fixture
def call_swaps(swaps: FullFuturesBinance) -> Iterator[Call]:
    """Asks a gateway for that exchange, bridged."""
    with calls(bridged("binanceusdm", "Futures_Binance"), swaps.url) as call:
        yield call
