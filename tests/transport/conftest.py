"""The ground of the tests of the transport: workers with nothing but limits, and a server that misbehaves."""

import re
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from sqlalchemy import Engine

from exchanges.kit.faults import FaultServer, bomb, small_bomb
from protocol.deadline import Deadline
from protocol.errors import RateLimited
from tests.conftest import Clock
from tests.servers import empty_redis
from transport.counters import Counters, SqlCounters, connect_counters
from transport.credentials import Credentials
from transport.http import Http
from transport.limit import Limit
from transport.limits import Limits
from transport.reply import Reply
from transport.services import Services
from transport.upstream import Upstream
from transport.vendor import Vendor

ROOT = Path(__file__).parents[2]
DAY = 86_400_000  # ms
ADDRESS = "https://tiny.test"
KEYS = Credentials("limits-key", "bGltaXRzLXNlY3JldA==", "limits-passphrase")
PER_SECOND = Limit("calls", 10, 1.0, default=1)
PER_MINUTE = Limit("calls a minute", 300, 60.0, default=1)
DEADLINE = 0.5  # seconds
FAR = "exchange.test"  # resolves nowhere: only a proxy can reach it


# Limits -------------------------------------------------------------------------------------------------------------


@dataclass
class Sleeper:
    """A clock that is moved by sleeping."""

    clock: Clock
    slept: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.ms += round(seconds * 1000)


def vendor(
    *limits: Limit, name: str = "Tiny", url: str = ADDRESS, cancels: tuple[str, ...] = ("DELETE *",)
) -> type[Vendor]:
    """An exchange that declares nothing but limits."""
    return type(name, (Vendor,), {"name": name, "url": url, "limits": limits, "cancels": cancels})


@dataclass
class Worker:
    """A process, as far as limits are concerned."""

    state: Engine
    counters: Counters
    now: Callable[[], int]
    sleep: Callable[[float], None]

    def limits(self, *limits: Limit, address: str = "", **declared: Any) -> Limits:
        """The limits of an exchange. address: from the settings. declared: see ``vendor``."""
        services = Services(Http(), self.state, self.counters, self.now, self.now, self.sleep)
        return Upstream(vendor(*limits, **declared), services, address=address).limits


Start = Callable[[], Worker]


@pytest.fixture
def sleeper(clock: Clock) -> Sleeper:
    return Sleeper(clock)


@pytest.fixture(params=["sql", "sql without credits", "redis"])
def start(
    request: pytest.FixtureRequest,
    state: Engine,
    clock: Clock,
    sleeper: Sleeper,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Start]:
    """Start another worker, each time."""
    if request.param == "sql without credits":
        monkeypatch.setattr("transport.credits._AHEAD_US", 0)
    if request.param != "redis":
        yield lambda: Worker(state, SqlCounters(state), clock, sleeper)
        return
    with empty_redis() as url:
        yield lambda: Worker(state, connect_counters(url, state), clock, sleeper)


@pytest.fixture
def worker(start: Start) -> Worker:
    return start()


@pytest.fixture
def start_sql(state: Engine, clock: Clock, sleeper: Sleeper) -> Start:
    """Start another worker that counts in the database, each time."""
    return lambda: Worker(state, SqlCounters(state), clock, sleeper)


def take(
    limits: Limits, asked: str = "GET /x", *, patience: float = 0.0, keys: Credentials = KEYS, **params: Any
) -> float:
    """Seconds until the call may be made: 0 when it may be now, or could be after waiting."""
    try:
        limits.take(asked, params, keys, patience)
    except RateLimited as error:
        refusal = error.message
    else:
        return 0.0
    [seconds] = re.findall(r"^Tiny: .+, retry_after=([0-9]+\.[0-9]) seconds; nothing was sent$", refusal)
    return float(seconds)


def until_denied(limits: Limits, asked: str = "GET /x", **params: Any) -> int:
    """Return how many calls may be made at once."""
    return next(count for count in range(10_000) if take(limits, asked, **params))


# HTTP ---------------------------------------------------------------------------------------------------------------


class Timed(Http):
    """The client, giving every call the same time, in seconds."""

    def __init__(self, *, deadline: float = 10, **options: Any) -> None:
        super().__init__(**options)
        self.seconds = deadline

    def send(self, exchange: str, request: requests.Request, deadline: Deadline | None = None) -> Reply:
        return super().send(exchange, request, deadline or Deadline.after(self.seconds))


@pytest.fixture
def http() -> Timed:
    return Timed(deadline=DEADLINE)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    bomb(), small_bomb()  # made once, so that the making is on nobody's clock
    with FaultServer() as server:
        yield server


@pytest.fixture
def proxy(server: FaultServer) -> Iterator[FaultServer]:
    with FaultServer("proxy") as proxy:
        proxy.upstream = ("127.0.0.1", server.port)
        yield proxy


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


def speaks_tls(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def get(http: Timed, url: str, **options: Any) -> Reply:
    return http.send("Test", requests.Request("GET", url, **options))


def post(http: Timed, url: str) -> Reply:
    return http.send("Test", requests.Request("POST", url, params={"q": "timeout"}, data={"cmds": "x" * 100}))
