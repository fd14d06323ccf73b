"""The same request from many threads to many gateways at once: one order. ``python -m tests.reliability storms``"""

import http.client
import json
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, nullcontext
from pathlib import Path
from typing import Any

from tests.fakes import KEY, PASSPHRASE, SECRET, FakeExchange
from tests.fakes.exchanges import FAKES
from tests.reliability.outcome import Outcome
from tests.service import running
from transport.credentials import Credentials

COMMAND = "python -m tests.reliability storms"
NAMES = ("paper", "Binance", "OKX", "Kraken", "BitGo")
PATIENCE = 30.0  # seconds until a client gives up
KINDS = {(False, False): "neither", (True, False): "first", (True, True): "replayed"}


def outcomes(quick: bool) -> Iterator[Outcome]:
    """Yield one outcome an exchange."""
    for name in ("paper", "OKX") if quick else NAMES:
        yield storm(name, lent=2, threads=20, rounds=1) if quick else storm(name)


def storm(name: str, *, lent: int = 4, threads: int = 50, rounds: int = 20) -> Outcome:
    """Make the same request in so many threads at each of so many gateways on one database, round after round; return
    the outcome."""
    begun = time.monotonic()
    broken: list[str] = []
    marks: Counter[str] = Counter()
    orders = 0
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        fake = stack.enter_context(FAKES[name]() if name in FAKES else nullcontext())
        settings = {"STATE_URL": f"sqlite:///{directory}/state.db", "LOG_LEVEL": "ERROR"}
        settings |= {f"{name.upper()}_URL": fake.url} if fake else {}
        ports = _start(stack, directory, settings, lent)
        pool = stack.enter_context(ThreadPoolExecutor(lent * threads))
        for number in range(rounds):
            key = f"{KEY}-{number}"
            replies = _ask_all(pool, ports * threads, name, _body(key, fake))
            answers = {reply.get("error") or json.dumps(reply["data"]) for reply in replies}
            kinds = [KINDS["data" in reply, _is_marked(reply, "replayed")] for reply in replies]
            marks.update(kinds)
            made = kept(directory / "state.db", fake, key)
            orders += len(made)
            if len(answers) > 1 or [json.dumps({"id": order_id}) for order_id in made] != list(answers):
                broken.append(f"round {number}: {len(made)} orders, told {sorted(answers)[:3]}")
            elif kinds.count("first") != 1:
                broken.append(f"round {number}: {kinds.count('first')} replies without a mark")
    return Outcome(
        name=f"{threads} threads x {lent} processes with the same request, {name}",
        command=COMMAND,
        figures={
            "rounds": rounds,
            "requests": rounds * lent * threads,
            "orders": orders,
            "answered with it first": marks["first"],
            "answered with it again, and marked so": marks["replayed"],
            "answered otherwise": marks["neither"],
            "broken": broken,
        },
        passed=not broken,
        seconds=round(time.monotonic() - begun, 1),
    )


def _start(stack: ExitStack, directory: Path, settings: dict[str, str], count: int) -> list[int]:
    """Return the ports of so many lent, started together."""

    def start(number: int) -> int:
        home = directory / str(number)
        home.mkdir()
        return stack.enter_context(running(home, settings)).port

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(start, range(count)))


def _body(key: str, fake: FakeExchange | None) -> bytes:
    params = {"symbol": fake.symbol if fake else "BTC_USDT", "type": "buy", "price": "100.5", "amount": "0.1"}
    secret = f"{SECRET},{PASSPHRASE}"
    call = {"access_key": key, "method": "trade", "nonce": time.time_ns(), "params": params, "secret_key": secret}
    return json.dumps(call).encode()


def _ask_all(pool: ThreadPoolExecutor, ports: Sequence[int], name: str, body: bytes) -> list[dict[str, Any]]:
    """Return every port's answer to one request; they are connected first, and then ask at once."""
    together = threading.Barrier(len(ports))

    def ask(port: int) -> dict[str, Any]:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
            connection.connect()
            together.wait(PATIENCE)
            connection.request("POST", f"/{name}", body)
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
        return answer

    return list(pool.map(ask, ports))


def _is_marked(reply: dict[str, Any], mark: str) -> bool:
    raw = reply.get("raw")
    return isinstance(raw, dict) and raw.get(mark) is True


def kept(database: Path, fake: FakeExchange | None, key: str) -> list[Any]:
    """Return the ids of an account's orders at the exchange, as the gateway writes them."""
    if fake:
        return [order.id for order in list(fake.orders) if order.account == key]
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        wanted = (
            "SELECT o.id FROM paper_orders o JOIN paper_accounts a ON o.account_id = a.id"
            " WHERE a.account = ? AND a.exchange = 'paper'"
        )
        return [row[0] for row in connection.execute(wanted, (Credentials(key).account,))]
