"""The console of the service, with Probe beside the exchanges, and no network."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import exchanges
from settings import Settings
from tests.app.probe import Probe
from tests.conftest import client_of
from tests.lent import Lent

TOKEN = "a token of the tests"
ORIGIN = "http://localhost"
Serve = Callable[..., FlaskClient]


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> type[Probe]:
    """Return Probe, for one test in the registry."""
    monkeypatch.setitem(exchanges.EXCHANGES, "probe", Probe)
    return Probe


@pytest.fixture
def serve(lent: Lent) -> Serve:
    """Return a function that returns a browser before the service under some settings."""
    return lambda **settings: client_of(lent.app(Settings(**settings)))


@pytest.fixture
def browser(serve: Serve) -> FlaskClient:
    """Return a browser before the service."""
    return serve()


def csrf_of(browser: FlaskClient, path: str = "/") -> str:
    """Return the token in a page, as its script reads it."""
    return csrf_in(browser.get(path, follow_redirects=True).text)


def csrf_in(page: str) -> str:
    """Return the token in the text of a page."""
    [found] = re.findall(r'<meta name="csrf" content="([\w-]+)">', page)
    assert isinstance(found, str)
    return found


def call(browser: FlaskClient, exchange: str, body: object, **headers: str) -> TestResponse:
    """Ask an exchange as the page does. headers: others than the page's, with a line for each hyphen."""
    given = {"Origin": ORIGIN, "X-CSRF-Token": csrf_of(browser), **{k.replace("_", "-"): v for k, v in headers.items()}}
    return browser.post(f"/console/call/{exchange}", json=body, headers={k: v for k, v in given.items() if v})


def sign_in(browser: FlaskClient, token: str = TOKEN, **form: Any) -> TestResponse:
    """Send the form that asks for the token."""
    given = {"csrf": csrf_of(browser), "token": token, **form}
    return browser.post("/console/sign-in", data=given, headers={"Origin": ORIGIN})
