"""The ground of every test: a clock that stands still, a database of its own, and no network but loopback."""

import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from database import open_state
from exchanges.kit import gateway
from exchanges.kit.databases import lent_state
from tests.lent import Lent
from tests.servers import STATE_URL, database, empty_redis
from transport.http import Http

pytest_plugins = ["pytester"]

NOW = gateway.NOW
Ask = gateway.Ask


MEMORY = "/dev/shm"  # a file system in the machine's memory, where there is one
ROOM = 2 * 1024**3  # bytes

# Thousands of databases are made, and whoever writes into one waits for the disk.
with suppress(OSError):
    if "TMPDIR" not in os.environ and shutil.disk_usage(MEMORY).free > ROOM and os.access(MEMORY, os.W_OK):
        os.environ["TMPDIR"] = tempfile.tempdir = MEMORY


# A shell that runs the tests in the background has them ignore Ctrl-C, and with them every program that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass
class Clock:
    """A clock that moves only when told to; milliseconds since the epoch."""

    ms: int = NOW

    def __call__(self) -> int:
        return self.ms


class Hurrying(Clock):
    """Ten minutes on whenever it is read, so that no limit of an exchange is ever reached."""

    def __call__(self) -> int:
        self.ms += 600_000
        return self.ms


@pytest.hookimpl(trylast=True)  # the shares are of the tests that are selected
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The few tests that wait for long begin the shares of all workers but one, which has the processor meanwhile: a
    share is a run of neighbours, and what one worker has in the end everyone waits for."""
    workers: int = getattr(config, "workerinput", {}).get("workercount", 1)
    waiting = [item for item in items if item.path.name == "test_faults.py"]
    others = [item for item in items if item.path.name != "test_faults.py"]
    waiters, size = max(1, workers - 1), len(items) // workers
    for i in range(waiters):
        others[i * size : i * size] = waiting[i::waiters]
    items[:] = others


def pytest_collection_finish() -> None:
    """Let the garbage collector spare what lasts: all modules and tests, which each full collection would look through,
    in an eighth of the suite's processor time."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state_url(tmp_path: Path) -> Iterator[str]:
    """An empty database."""
    with database(tmp_path) as url:
        yield url


@pytest.fixture
def redis_url() -> Iterator[str]:
    """An empty Redis database, one for each of pytest's workers; skips where there is no server."""
    with empty_redis() as url:
        yield url


@pytest.fixture
def state(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine on an empty database: on that of ``state_url`` where a test has it too."""
    if STATE_URL or "state_url" in request.fixturenames:
        engine = open_state(request.getfixturevalue("state_url"))
        yield engine
        engine.dispose()
        return
    with lent_state() as engine:
        yield engine


@pytest.fixture
def lent(clock: Clock, state: Engine) -> Lent:
    return Lent(http=Http(), state=state, deadline=0.045, now=clock, sleep=lambda seconds: None, measure_clocks=False)


class Client(FlaskClient):
    """Closes every reply, as a server does when it has sent it."""

    def open(self, *args: Any, **options: Any) -> Any:
        return super().open(*args, **{**options, "buffered": True})


def client_of(app: Flask) -> FlaskClient:
    """A client of the service, in this process."""
    app.test_client_class = Client
    return app.test_client()


@pytest.fixture
def client(lent: Lent) -> FlaskClient:
    return client_of(lent.app())


@pytest.fixture
def ask(client: FlaskClient) -> Ask:
    """Ask the gateway as FMZ's host does, every order with a nonce of its own, and read its answer exactly."""
    return gateway.asker(client)
