"""A gateway, a shell and an FMZ host for the documents' blocks."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from sqlalchemy import Engine

from tests.documents.gateway import Service, open_service
from tests.documents.plugin import Plugin
from tests.documents.shell import Shell


@pytest.fixture
def service(state: Engine, state_url: str) -> Iterator[Service]:
    """Yield a gateway with a database of its own, at the documents' time."""
    with open_service(state, state_url) as service:
        yield service


@pytest.fixture
def shell(service: Service, tmp_path: Path) -> Shell:
    """Return a shell in an empty home, whose commands find the gateway where the documents have theirs."""
    home = tmp_path / "home"
    home.mkdir()
    return Shell(home, service.address, service.state_url)


@pytest.fixture
def plugin(httpserver: HTTPServer) -> Plugin:
    """Return a plugin that answers what a test says."""
    plugin = Plugin(httpserver.url_for("/plugin"))
    httpserver.expect_request("/plugin").respond_with_handler(plugin)
    return plugin
