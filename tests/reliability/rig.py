"""The real service before all the exchanges, which break; both in processes of their own.

An API key says what becomes of its account's orders, so that nobody has to tell the exchanges anything, and thousands
of accounts can be served at once.
"""

import json
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import Any, Self

from database import open_state
from exchanges.kit.faults import small_bomb
from orders.journal import Journal
from tests import service
from tests.fakes import KEY, PASSPHRASE, SECRET
from tests.fakes.broken import FAULTS, Broken, Plan
from tests.fakes.exchanges import FAKES
from transport.clock import epoch_ms

THREADS = 64  # of each service
PATIENCE = 60.0  # seconds for an answer
SMALL: Mapping[str, Any] = {"lag": (0.0, 0.1), "deadline": 2}  # of a rig for small experiments

_CODES = list(FAULTS)
_KEYS = count(1)


@dataclass(frozen=True)
class Breakage:
    """The fault of an account's first orders. created: True if they come about, after ``late`` ms. times: the number of
    orders, before all goes well."""

    fault: str
    created: bool
    late: int = 0
    times: int = 1

    def new_key(self) -> str:
        """Return the API key of an account that nobody has used."""
        return f"{KEY}-f{_CODES.index(self.fault)}c{self.created:d}l{self.late}t{self.times}n{next(_KEYS)}"

    @classmethod
    def of(cls, key: str) -> Self:
        """Return the breakage that a key names."""
        fault, created, late, times = re.findall(r"\d+", key.removeprefix(KEY))[:4]
        return cls(_CODES[int(fault)], created == "1", int(late), int(times))

    def plan(self, attempt: int) -> Plan | None:
        """Return the plan of one order."""
        return Plan(self.fault, self.created, self.late / 1000) if attempt < self.times else None


@dataclass(frozen=True)
class Facts:
    """The knowledge of one exchange. orders: ids, by account. placements: the number of new orders that each account
    asked for. elsewhere: the number of connections to where redirects point."""

    orders: Mapping[str, Sequence[str]]
    placements: Mapping[str, int]
    elsewhere: int


@dataclass(frozen=True)
class Rig:
    """A service, its journal, and the process of its exchanges."""

    port: int
    journal: Journal
    exchanges: "subprocess.Popen[str]"

    def ask(
        self, exchange: str, key: str, nonce: int, order: Mapping[str, str], patience: float = PATIENCE
    ) -> dict[str, Any]:
        """Return the answer to a new order, as FMZ reads it. Raises TimeoutError after ``patience`` seconds."""
        keys = {"access_key": key, "secret_key": f"{SECRET},{PASSPHRASE}"}
        call = {**keys, "nonce": nonce, "method": "trade", "params": {"symbol": FAKES[exchange].symbol, **order}}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=patience)
        try:
            connection.request("POST", f"/{exchange}", json.dumps(call))
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return answer

    def facts(self) -> dict[str, Facts]:
        """Return the knowledge of every exchange."""
        assert self.exchanges.stdin
        assert self.exchanges.stdout
        self.exchanges.stdin.write("facts\n")
        self.exchanges.stdin.flush()
        return {name: Facts(**facts) for name, facts in json.loads(self.exchanges.stdout.readline()).items()}


@contextmanager
def rigs(count: int, lag: tuple[float, float], **settings: object) -> Iterator[list[Rig]]:
    """Yield so many rigs, each with limits, state and exchanges of its own. lag: seconds until an order is listed."""
    with ExitStack() as stack:
        yield [stack.enter_context(_rig(lag, settings)) for _ in range(count)]


@contextmanager
def crowd(size: int) -> Iterator[ThreadPoolExecutor]:
    """Yield threads that, when it ends before its time, leave undone what was not begun."""
    pool = ThreadPoolExecutor(size)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _rig(lag: tuple[float, float], settings: Mapping[str, object]) -> Iterator[Rig]:
    command = [sys.executable, "-m", "tests.reliability.rig", *map(str, lag)]
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        exchanges = stack.enter_context(
            subprocess.Popen(command, cwd=service.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        assert exchanges.stdout
        urls = {f"{name.upper()}_URL": url for name, url in json.loads(exchanges.stdout.readline()).items()}
        given = urls | {name.upper(): str(value) for name, value in settings.items()}
        started = stack.enter_context(service.running(Path(place), given, ["--threads", str(THREADS)]))
        engine = open_state(f"sqlite:///{place}/state.db")
        stack.callback(engine.dispose)
        yield Rig(started.port, Journal(engine, epoch_ms), exchanges)


def main() -> None:
    """Serve the exchanges: print their addresses, and a line of facts for every line that comes, until no more can
    come."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's is for everyone, and whoever started us ends us
    small_bomb()  # made once, so that the making is on nobody's clock
    low, high = map(float, sys.argv[1:])
    with ExitStack() as stack, suppress(BrokenPipeError):
        servers = {name: stack.enter_context(Broken(fake(lag=(low, high)))) for name, fake in FAKES.items()}
        for server in servers.values():
            server.plan = lambda key, attempt: Breakage.of(key).plan(attempt)
        _tell({name: server.url for name, server in servers.items()})
        for _ in sys.stdin:
            _tell({name: _known(server) for name, server in servers.items()})


def _tell(what: object) -> None:
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


def _known(server: Broken) -> dict[str, Any]:
    orders: dict[str, list[str]] = {}
    for order in list(server.fake.orders):
        orders.setdefault(order.account, []).append(order.id)
    return {"orders": orders, "placements": server.placements, "elsewhere": server.redirect_target.connections}


if __name__ == "__main__":
    main()
