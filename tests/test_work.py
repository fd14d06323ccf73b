"""The work that a call makes, counted and not timed: the same on every machine, however busy.

The fourth call of its kind is counted, when what is made once is made, against an exchange that keeps its connections;
that of an order takes from its limits in the database again.
A change that adds work fails here. Where it is worth that, write what the failure says into BOUNDS: the counts as they
are, and for Python functions a tenth more, because a new release of a library or of Python adds or saves a few. A
change that saves work lowers its bound: write 0, and the failure says the count.
"""

import gc
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, event
from werkzeug.test import EnvironBuilder

from database import open_state
from settings import Settings
from tests.conftest import NOW, Clock
from tests.lent import Lent
from tests.profiling import profiled
from transport.http import Http

BAR = ["64000.0", "64080.0", "63990.0", "64010.0", "148.9", 0, "9534470.1", 308, "75.8", "4855937.4", "0"]
RULES = [
    {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01"},
    {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.00000", "stepSize": "0.00001"},
]
MARKET = {"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT", "filters": RULES}
PRICES = {
    "closeTime": NOW, "bidPrice": "63999.99", "askPrice": "64000.01", "lastPrice": "64000", "highPrice": "65000",
    "lowPrice": "63000", "volume": "8913.3",
}  # fmt: skip
REPLIES: dict[str, object] = {
    "GET /api/v3/ticker/24hr": PRICES,
    "GET /api/v3/klines": [[NOW - (1000 - number) * 60_000, *BAR] for number in range(1000)],
    "GET /api/v3/exchangeInfo": {"symbols": [MARKET | {"isSpotTradingAllowed": True, "permissionSets": [["SPOT"]]}]},
    "POST /api/v3/order": {"symbol": "BTCUSDT", "orderId": 28, "status": "NEW"},
}
SYMBOL = {"symbol": "BTC_USDT"}
ORDER = {**SYMBOL, "type": "buy", "price": "60000", "amount": "0.01"}
CALLS: dict[str, tuple[str, dict[str, object]]] = {
    "ticker": ("ticker", {**SYMBOL}),
    "1,000 bars": ("records", {**SYMBOL, "period": "1", "limit": 1000}),
    "order": ("trade", {**ORDER}),
}


@dataclass(frozen=True)
class Work:
    """The work that a call makes. functions: calls of Python functions, in the thread that answers. statements: of SQL.
    transactions: of those that begin one. waits: those that wait for the disk. asked: requests to the exchange.
    connections: new ones to it."""

    functions: int = 0
    statements: int = 0
    transactions: int = 0
    waits: int = 0
    asked: int = 0
    connections: int = 0


BOUNDS = {
    "ticker": Work(functions=1_290, statements=1, asked=1),
    "1,000 bars": Work(functions=3_560, statements=1, asked=1),
    "order": Work(functions=2_490, statements=13, transactions=4, waits=1, asked=1),
}


@dataclass
class Upstream:
    """An exchange that keeps its connections, and answers each request at once with the reply to its resource."""

    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    asked: int = 0
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        """Take connections until the listener is closed."""
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                threading.Thread(target=self._answer, args=[connection], daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as requests:
            for line in requests:
                verb, target, _ = line.decode().split()
                while requests.readline() != b"\r\n":
                    pass  # everything is in the query
                self.asked += 1
                body = json.dumps(REPLIES[f"{verb} {target.partition('?')[0]}"]).encode()
                head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                connection.sendall(head.encode() + body)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    upstream = Upstream()
    thread = threading.Thread(target=upstream.serve)
    thread.start()
    yield upstream
    with suppress(OSError):
        upstream.listener.shutdown(socket.SHUT_RDWR)
    upstream.listener.close()
    thread.join()


@dataclass
class Disk:
    """The SQL that a database is sent: on each connection, whether what it commits waits for the disk."""

    statements: list[str] = field(default_factory=list)
    waits: int = 0

    def watch(self, connection: Any, _: object) -> None:
        """Count on a connection."""
        writes, waits = False, True

        def note(statement: str) -> None:
            nonlocal writes, waits
            self.statements.append(statement)
            word = statement.split()[0]
            if "synchronous" in statement:
                waits = "FULL" in statement
            elif word == "COMMIT":
                self.waits += writes and waits
                writes = False
            elif word in ("INSERT", "UPDATE", "DELETE"):
                writes = True

        connection.set_trace_callback(note)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Engine]:
    state = open_state(f"sqlite:///{tmp_path}/state.db")
    state.dispose()  # the connections that were opened are not watched
    yield state
    state.dispose()


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep out what another test may have left, and what is made now and then."""
    gc.disable()
    logging.disable()
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        gc.enable()


def functions(call: Callable[[], None]) -> int:
    """Return how many Python functions are called in this thread."""
    count = 0

    def note(frame: FrameType, kind: str, _: object) -> None:
        nonlocal count
        count += kind == "call"

    with profiled(note):
        call()
    return count


def asker(app: Flask, method: str, params: dict[str, object]) -> Callable[[int], Callable[[], None]]:
    """Return a function that returns a call with a nonce, as a server would make it."""

    def prepare(nonce: int) -> Callable[[], None]:
        asked = {"access_key": "fmz-key", "secret_key": "fmz-secret", "nonce": nonce, "method": method}
        environ = EnvironBuilder("/binance", method="POST", json={**asked, "params": params}).get_environ()

        def call() -> None:
            reply = app.wsgi_app(environ, lambda *_: lambda __: None)
            answer = b"".join(reply)
            with closing(reply):  # type: ignore[type-var]
                assert answer.startswith(b'{"data":'), answer

        return call

    return prepare


@pytest.mark.parametrize("name", CALLS)
def test_a_call_makes_no_more_work_than_before(
    name: str, state: Engine, upstream: Upstream, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transport.counters._FRESH", -1.0)  # each call looks for a ban, however soon it follows
    disk = Disk()
    event.listen(state, "connect", disk.watch)
    lent = Lent(Http(), state, now=clock, urls={"Binance": upstream.url}, measure_clocks=False)
    prepare = asker(lent.app(Settings()), *CALLS[name])  # with the console, which keeps the last calls
    with undisturbed():
        for nonce in range(1, 4):
            prepare(nonce)()
        disk.statements.clear()
        disk.waits = upstream.asked = upstream.connections = 0
        count = functions(prepare(4))
    begun = [statement for statement in disk.statements if statement.startswith("BEGIN")]
    ended = [statement for statement in disk.statements if statement in ("COMMIT", "ROLLBACK")]
    work = Work(
        functions=count,
        statements=len(disk.statements) - len(begun) - len(ended),
        transactions=len(begun),
        waits=disk.waits,
        asked=upstream.asked,
        connections=upstream.connections,
    )
    most = asdict(BOUNDS[name])
    assert not {kind: count for kind, count in asdict(work).items() if count > most[kind]}, work
