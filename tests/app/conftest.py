"""The service with Probe as its default exchange, and no network."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import responses
from flask.testing import FlaskClient

import exchanges
from exchanges.kit.gateway import SENDER
from settings import Settings
from tests.app.probe import Probe
from tests.conftest import client_of
from tests.lent import Lent

Serve = Callable[..., FlaskClient]


@pytest.fixture(autouse=True)
def probe(monkeypatch: pytest.MonkeyPatch) -> type[Probe]:
    """Return Probe, for one test in the registry."""
    monkeypatch.setitem(exchanges.EXCHANGES, "probe", Probe)
    return Probe


@pytest.fixture
def serve(lent: Lent) -> Serve:
    """Return a function that returns a client of the service under some settings."""

    def serve(**settings: Any) -> FlaskClient:
        return client_of(lent.app(Settings(**{"default_exchange": "Probe", "console": False, **settings})))

    return serve


@pytest.fixture
def client(serve: Serve) -> FlaskClient:
    """Return a client of the service."""
    return serve()


@pytest.fixture
def network() -> Iterator[responses.RequestsMock]:
    """Yield the network, where a request that no test has announced fails."""
    with responses.RequestsMock(assert_all_requests_are_fired=False, target=SENDER) as mock:
        yield mock
