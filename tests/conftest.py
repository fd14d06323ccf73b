"""What every test stands on: a clock that stands still, a database of its own, and no network but loopback."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

import exchanges.clock as nonces
from app import create_app
from exchanges.http import Http
from exchanges.services import Services
from exchanges.state import open_state
from protocol import wire
from settings import Settings

NOW = 1_700_000_000_000  # ms; 2023-11-14 22:13:20 UTC


@dataclass
class Clock:
    """A clock that moves only when told to; milliseconds since the epoch."""

    ms: int = NOW

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def _first_nonces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nonces begin anew with every test, so that the order of tests does not matter."""
    monkeypatch.setattr(nonces, "_last", {})


@pytest.fixture
def services(clock: Clock, tmp_path: Path) -> Any:
    engine = open_state(f"sqlite:///{tmp_path}/state.db")
    yield Services(http=Http(deadline=5), state=engine, now=clock)
    engine.dispose()


@pytest.fixture
def client(services: Services) -> FlaskClient:
    return create_app(Settings(), services).test_client()


Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(client: FlaskClient) -> Ask:
    """Ask the gateway as FMZ's host does, and read its answer exactly."""

    def ask(route: str, method: str, params: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        verb = {"Http-Method": more.pop("verb")} if "verb" in more else {}
        keys = {"access_key": "fmz-key", "secret_key": "fmz-secret", "nonce": "1500793319499"}
        body = {**keys, "method": method, "params": params or {}, **more}
        reply = client.post(f"/{route}", data=wire.write(body), headers=verb)
        assert reply.status_code == 200
        answer: dict[str, Any] = json.loads(reply.get_data(), parse_float=Decimal)
        assert len(answer.keys() & {"data", "error"}) == 1
        return answer

    return ask
