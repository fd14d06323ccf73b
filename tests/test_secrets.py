"""Canaries in both of FMZ's key fields, through every method and the worst an exchange can say: not six characters of
them, nor of a signature, in any log, error, representation, traceback or file."""

import json
import logging
import random
import string
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, quote_plus

import pytest

from app import create_app
from exchanges import EXCHANGES, find
from exchanges.http import Http
from exchanges.services import Services
from exchanges.signing import Credentials
from exchanges.state import open_state
from protocol.errors import GatewayError
from protocol.methods import METHODS, answer, read_call
from settings import Settings
from tests.conftest import Clock
from tests.faults import FaultServer

CANARIES: Mapping[str, tuple[str, str]] = {
    "plain": ("kanarie-4711-0815", "zeisig-ABCDEFGHIJKLMNOP"),
    "with a passphrase": ("kanarie-4711-0815", "zeisig-ABCDEFGH,stieglitz-IJKLMNOP"),
    "commas": ("kana,rie-47,11", "zei,sig-ABCD,EFGH,IJKL"),
    "quotes": ("kana'rie\"47\\11", "zei\"sig'AB\\CD,stieg'li\"tz"),
    "percent": ("kana%41rie%2B47", "zei%sig+AB/CD=EF&GH,stieg%20litz"),
    "lines": ("kanarie\n4711\r\n0815", "zeisig\nABCDEFGH,stieglitz\tIJ\nKLMN"),
    "unicode": ("kanariéé-中文中文中文", "zeisig-ßßßßßßß-😀😀😀😀😀😀,stieglitz-éèéèéè"),
    "long": tuple("".join(random.Random(seed).choices(string.ascii_letters + string.digits, k=900)) for seed in (1, 2)),
}
QUOTING = (  # an exchange that quotes the whole request back
    "400 echo",
    "200 echo",
    "502 echo",
    "cut echo",
    "text echo",
)
FAILING = (
    "none",
    "headers that echo",
    "location that echoes",
    "502 page",
    "reset after request",
    "close without answer",
    "cut body",
    "wrong encoding",
    "hang",
)
FORMS: tuple[Callable[[str], str], ...] = (
    str,
    quote,
    quote_plus,
    lambda value: quote(value, safe=""),
    lambda value: json.dumps(value)[1:-1],
    lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    lambda value: repr(value)[1:-1],
)
PARAMS: Mapping[str, Mapping[str, Any]] = {
    "records": {"period": 60},
    "trade": {"type": "buy", "price": "20000", "amount": "0.01"},
    "order": {"id": "4711"},
    "cancel": {"id": "4711"},
}
CALLS: list[tuple[str, dict[str, Any]]] = [
    *((name, {"symbol": "BTC_USDT", **PARAMS.get(name, {})}) for name in METHODS if name != "io"),
    ("io", {"code": 0, "args": [10, "BTC_USDT.swap"]}),
    ("io", {"code": 1, "args": ["buy"]}),
    ("io", {"code": 2, "args": ["swap"]}),
    ("io", {"code": 3, "args": ["BTC_USDT.swap"]}),
    ("__api_transfer/assets", {"select": "1"}),
    ("__api_mdata", {"cmd": "ticker"}),
    ("nonsense", {}),
]


def runs(text: str) -> set[str]:
    """Every six characters in a row."""
    return {text[start : start + 6] for start in range(len(text) - 5)}


def shapes(*secrets: str) -> set[str]:
    """Every six characters of the secrets, in every form they could be quoted in."""
    return {run for secret in secrets for form in FORMS for run in runs(form(secret))}


def signs(server: FaultServer) -> set[str]:
    """Every signature that was sent."""
    sent = [f"{seen.target.partition('?')[2]}&{seen.body.decode()}" for seen in server.requests]
    return {sign for text in sent for sign in parse_qs(text).get("sign", [])}


def bodies(key: str, secret: str) -> Iterator[bytes]:
    """Every call of FMZ's host, and two that are malformed."""
    for method, params in CALLS:
        yield json.dumps(
            {"access_key": key, "secret_key": secret, "nonce": 1, "method": method, "params": params}
        ).encode()
    yield json.dumps({"method": "ticker", "params": {"access_key": key, "secret_key": [secret]}}).encode()
    yield json.dumps({"access_key": key, "secret_key": secret}).encode()[:-3]


def routes(fault: str) -> list[str]:
    """All exchanges, or those that a fault can happen to."""
    return [route for route, exchange in EXCHANGES.items() if exchange.url or fault == "none"]


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture
def services(server: FaultServer, clock: Clock, tmp_path: Path) -> Iterator[Services]:
    state = open_state(f"sqlite:///{tmp_path}/state.db")
    urls = {exchange.name: server.url for exchange in EXCHANGES.values() if exchange.url}
    yield Services(http=Http(deadline=0.1), state=state, urls=urls, now=clock)
    state.dispose()


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Every logger there is, at DEBUG."""
    loggers = [logging.getLogger(name) for name in ("", "urllib3", *logging.root.manager.loggerDict)]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    with caplog.at_level(logging.DEBUG):
        yield caplog
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def state_of(directory: Path) -> str:
    return "".join(
        path.read_bytes().decode("latin-1") + path.read_bytes().decode("utf-8", "replace")
        for path in directory.iterdir()
    )


@pytest.mark.parametrize(
    ("fault", "canary"),
    [*((fault, canary) for fault in QUOTING for canary in CANARIES), *((fault, "percent") for fault in FAILING)],
)
def test_nothing_told_logged_or_kept_has_a_secret(
    fault: str,
    canary: str,
    server: FaultServer,
    services: Services,
    everything_logged: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    key, secret = CANARIES[canary]
    server.fault = fault
    client = create_app(Settings(), services).test_client()
    errors = []
    for route in routes(fault):
        for body in bodies(key, secret):
            reply = client.post(f"/{route}", data=body).get_data(as_text=True)
            errors += [reply, json.loads(reply)["error"]] if "error" in json.loads(reply) else []
    told, logged, kept = "\n".join(errors), everything_logged.text, state_of(tmp_path)
    assert server.requests
    assert "urllib3.connectionpool" in logged
    assert "ORDER_STATE_UNKNOWN" in told or "REFUSED" in told
    assert kept
    secrets = shapes(key, secret, *signs(server))
    assert not secrets & runs(told)
    assert not secrets & runs(logged)
    assert not secrets & runs(kept)


@pytest.mark.parametrize("fault", [*FAILING, *QUOTING])
def test_no_traceback_has_a_secret(fault: str, server: FaultServer, services: Services) -> None:
    key, secret = CANARIES["percent"]
    server.fault = fault
    tracebacks = []
    for route in routes(fault):
        for body in bodies(key, secret):
            try:
                call = read_call(body, "")
                answer(find(route)(Credentials.from_fields(call.access_key, call.secret_key), services), call)
            except GatewayError as error:
                tracebacks.append("".join(traceback.format_exception(error)))
    text = "\n".join(tracebacks)
    assert "exchanges/base.py" in text
    assert not shapes(key, secret, *signs(server)) & runs(text)


@pytest.mark.parametrize("canary", CANARIES)
def test_no_representation_has_a_secret(canary: str, services: Services) -> None:
    key, secret = CANARIES[canary]
    credentials = Credentials.from_fields(key, secret)
    exchanges = [exchange(credentials, services) for exchange in EXCHANGES.values()]
    settings = Settings(
        token=key, state_url=f"postgresql://trader:{quote(key)}@db/state", proxies={"BitGo": f"http://a:{secret}@b:1"}
    )
    calls = [read_call(body, "") for body in list(bodies(key, secret))[:-2]]
    things = [credentials, *exchanges, settings, services, services.http, *calls, *(vars(each) for each in exchanges)]
    shown = [form(thing) for thing in things for form in (repr, str, "{}".format)]
    assert all(shown)
    assert not shapes(key, secret) & runs("\n".join(shown))
