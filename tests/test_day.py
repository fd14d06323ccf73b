"""A robot's whole day against the service as a trader starts it: ``make run``, then plain HTTP."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).parent.parent

Post = Callable[..., Any]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def service(state_url: str) -> Iterator[tuple[str, str]]:
    """Yield the service's address, and what it printed when it was ready."""
    address = f"127.0.0.1:{_free_port()}"
    environment = {**os.environ, "BIND": address, "STATE_URL": state_url}
    command = ["make", "--no-print-directory", "run", f"VENV={sys.prefix}"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout
        printed = ""
        while "curl" not in printed:
            line = process.stdout.readline()
            assert line, f"the service did not start: {printed}"
            printed += line
        try:
            yield f"http://{address}", printed
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.communicate(timeout=20)


@pytest.fixture
def robot(service: tuple[str, str]) -> Post:
    """Call a method as FMZ's host does; the answer's data."""

    nonces = count(1730275031047002000)

    def call(route: str, method: str, **params: Any) -> Any:
        body = json.dumps(
            {"access_key": "robot", "method": method, "nonce": next(nonces), "params": params, "secret_key": "x"}
        )
        request = urllib.request.Request(f"{service[0]}/{route}", body.encode())
        with urllib.request.urlopen(request, timeout=20) as reply:
            answer = json.load(reply)
        assert "data" in answer, answer
        return answer["data"]

    return call


def test_the_address_to_paste_and_a_curl_to_try_are_printed(service: tuple[str, str]) -> None:
    address, printed = service
    assert f"\n    {address}/paper\n" in printed
    [curl] = [line.strip() for line in printed.splitlines() if line.strip().startswith("curl")]
    answer = json.loads(subprocess.run(["sh", "-c", curl], capture_output=True, check=True, timeout=20).stdout)
    assert answer["data"]["buy"] < answer["data"]["sell"]


def test_a_day_on_spot(robot: Post) -> None:
    ticker = robot("paper", "ticker", symbol="BTC_USDT")
    depth = robot("paper", "depth", symbol="btc_usdt")
    bars = robot("paper", "records", symbol="BTC_USDT", period="60", limit=24)
    trades = robot("paper", "trades", symbol="BTC_USDT")
    assert ticker["buy"] < ticker["sell"]
    assert depth["bids"][0][0] < depth["asks"][0][0]
    assert len(bars) == 24
    assert bars == sorted(bars)
    assert trades == sorted(trades, key=lambda trade: trade["time"])

    start = _balances(robot("paper", "accounts"))
    far = str(round(ticker["buy"] * 0.5, 2))
    bought = robot("paper", "trade", symbol="BTC_USDT", type="buy", price=far, amount="0.01")["id"]
    order = robot("paper", "order", symbol="BTC_USDT", id=str(bought))
    assert (order["status"], order["type"], order["deal_amount"]) == ("open", "buy", 0)
    assert [row["id"] for row in robot("paper", "orders", symbol="BTC_USDT")] == [bought]
    assert _balances(robot("paper", "accounts"))["usdt"][1] > 0
    assert robot("paper", "cancel", symbol="BTC_USDT", id=str(bought)) is True
    assert robot("paper", "order", symbol="BTC_USDT", id=str(bought))["status"] == "cancelled"
    assert _balances(robot("paper", "accounts")) == start

    sold = robot("paper", "trade", symbol="BTC_USDT", type="sell", price="-1", amount="0.01")["id"]
    order = robot("paper", "order", symbol="BTC_USDT", id=sold)
    assert order["status"] == "closed"
    assert order["deal_amount"] == pytest.approx(0.01)
    end = _balances(robot("paper", "accounts"))
    assert end["btc"][0] == pytest.approx(start["btc"][0] - 0.01)
    assert end["usdt"][0] == pytest.approx(start["usdt"][0] + 0.01 * order["avg_price"] * 0.999)  # less the fee


def test_a_day_on_swaps(robot: Post) -> None:
    robot("Futures_paper", "io", code=2, args=["swap"])
    robot("Futures_paper", "io", code=0, args=[10])
    robot("Futures_paper", "io", code=1, args=["sell"])
    robot("Futures_paper", "trade", symbol="BTC_USDT", type="sell", price="-1", amount="5")
    [position] = robot("Futures_paper", "io", code=3, args=[])
    assert (position["Type"], position["Amount"], position["MarginLevel"]) == (1, 5, 10)
    assert position["ContractType"] == "swap"
    robot("Futures_paper", "io", code=1, args=["closesell"])
    robot("Futures_paper", "trade", symbol="BTC_USDT", type="buy", price="-1", amount="5")
    assert robot("Futures_paper", "io", code=3, args=["swap"]) == []
    balances = _balances(robot("Futures_paper", "accounts"))
    assert balances.keys() == {"btc", "eth", "usdt"}
    assert {frozen for _, frozen in balances.values()} == {0}


def _balances(rows: list[dict[str, Any]]) -> dict[str, tuple[float, float]]:
    return {row["currency"]: (row["free"], row["frozen"]) for row in rows}
