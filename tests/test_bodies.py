"""Ten thousand bodies through the real application: whatever comes in, what goes out is one answer in strict JSON."""

import json
import socket
import string
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings, strategies
from hypothesis.strategies import SearchStrategy

from app import create_app
from exchanges import EXCHANGES
from exchanges.http import Http
from exchanges.services import Services
from exchanges.state import open_state
from settings import Settings
from tests.conftest import Clock, client_of
from tests.servers import database

KEY, SECRET, PASSPHRASE = "qZ7mK2xW9vLp4Rt8", "hN3cB6yJ1sDf5GaQ", "uE8oT0iV4kXz7MwP"
ROUTES = [*EXCHANGES, "", "exchange", "nope"]


def several(examples: int) -> Any:
    """So many examples, the same in every run."""
    return settings(
        max_examples=examples, derandomize=True, deadline=None, database=None, suppress_health_check=[*HealthCheck]
    )


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """The application, whose real exchanges are a port of this machine where nobody listens."""
    with socket.socket() as nobody, database(tmp_path_factory.mktemp("state")) as url:
        state = open_state(url)
        nobody.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        urls = {exchange.name: address for exchange in EXCHANGES.values() if exchange.url}
        lent = Services(Http(), state, urls=urls, now=Clock(), sleep=lambda seconds: None, measure_clocks=False)
        yield client_of(create_app(Settings(), lent))
        state.dispose()


def refuse(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} is no JSON")


def check(gateway: FlaskClient, route: str, body: bytes, verb: str = "") -> None:
    """Ask, and hold the answer to all that is promised of every answer."""
    reply = gateway.post(f"/{route}", data=body, headers={"Http-Method": verb})
    assert (reply.status_code, reply.mimetype) == (200, "application/json")
    text = reply.get_data().decode()
    answer = json.loads(text, parse_constant=refuse)
    assert len(answer.keys() & {"data", "error"}) == 1
    assert answer.keys() <= {"data", "error", "raw"}
    assert "Traceback" not in text
    assert not any(secret in text for secret in (KEY, SECRET, PASSPHRASE))
    if "error" in answer:
        label, _, sentence = answer["error"].partition(" ")
        assert set(label) <= {*string.ascii_uppercase, "_"}
        assert label != "INTERNAL_ERROR", answer["error"]
        assert sentence.strip()


# Literals are JSON texts, or what somebody may take for one.
NASTY = [
    "null", "true", "false", "0", "-0", "1", "-1", "0.1", "1e3", "1e-8", "1e400", "1e5000", "1e999999999",
    "-1e-999999999", "0e999", "9007199254740993", "9223372036854775808", "9" * 50, "9" * 5000, "0." + "1" * 500,
    "NaN", "Infinity", "-Infinity", "01", "1_000", "１", '""', '" "', '"0"', '"-1"', '"1e5000"', '"1E-7"', '"NaN"',
    '"Infinity"', '"1_000"', '"１２"', '"٣"', '"0x10"', '"' + "9" * 5000 + '"', '"BTC_USDT"', '"btc"',
    '"BTC_USDT.swap"', '"swap"', '"USDT.swap"', '"buy"', '"CloseSell"', '"closebuy"', '"1440"', '"7"', '"100000"',
    r'"\ud800"', r'"\udfff\ud800"', r'"\u0000"', r'"\r\nX: y"', r'"\u001b[2J"', r'"\u202e"', '"\x07"', '"ｂuy"', '"é"',
    '"😀"', r'"\""', '"' + "x" * 10_000 + '"', f'"{KEY}"', f'"{SECRET}"', f'"{SECRET},{PASSPHRASE}"', f'"x{KEY}x"',
    "[]", "[[]]", "{}", '{"a": {"a": []}}', "[null]", '["swap"]', "[12]", '["BTC_USDT.swap", 5]', "[1, 2, 3]",
    "[1.5]", '[{"a": 1e400}]', '{"a": 1, "a": 1}', "[" * 500 + "]" * 500, "[" * 100_000,
    '{"a":' * 2000 + "1" + "}" * 2000, "", "'1'", "undefined", '"', "/**/1", "{", "]", "\\",
]  # fmt: skip
texts = strategies.text(max_size=20)
scalars = strategies.none() | strategies.booleans() | strategies.integers() | strategies.floats() | texts
values = strategies.recursive(
    scalars,
    lambda inner: strategies.lists(inner, max_size=3) | strategies.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
literals: SearchStrategy[str] = strategies.sampled_from(NASTY) | values.map(json.dumps)

ENVELOPE = {"access_key": f'"{KEY}"', "secret_key": f'"{SECRET},{PASSPHRASE}"', "nonce": '"1500793319499"'}
MARKET = {"symbol": '"BTC_USDT"'}
CALLS = [
    ("ticker", MARKET),
    ("depth", MARKET),
    ("trades", MARKET),
    ("records", MARKET | {"period": '"60"', "limit": "5"}),
    ("accounts", {}),
    ("trade", MARKET | {"type": '"buy"', "price": '"1000"', "amount": '"0.01"'}),
    ("trade", MARKET | {"type": '"sell"', "price": '"-1"', "amount": '"0.01"'}),
    ("trade", {"symbol": '"BTC_USDT.swap"', "type": '"buy"', "price": "-1", "amount": "1"}),
    ("order", MARKET | {"id": '"1"'}),
    ("orders", MARKET),
    ("cancel", MARKET | {"id": '"1"'}),
    ("io", {"code": "0", "args": '["BTC_USDT.swap", 5]'}),
    ("io", {"code": "1", "args": '["buy"]'}),
    ("io", {"code": "2", "args": '["swap"]'}),
    ("io", {"code": "3", "args": "[]"}),
    ("__api_balance/x", {"a": '"1"', "b": '"2"'}),
]


def written(items: Any) -> str:
    """An object of names and literals."""
    return "{" + ", ".join(f"{json.dumps(name)}: {literal}" for name, literal in items) + "}"


@strategies.composite
def mutated(draw: Any) -> bytes:
    """A plausible call with one thing changed: a value, a name, one thing more, or one less."""
    method, params = draw(strategies.sampled_from(CALLS))
    outer = [*ENVELOPE.items(), ("method", json.dumps(method)), ("params", "")]
    inner = [*params.items()]
    target = draw(strategies.sampled_from([outer, inner, inner])) or outer
    place = draw(strategies.integers(0, len(target) - 1))
    name = draw(strategies.sampled_from([*ENVELOPE, "symbol", "id", "x", "a\ud800"]) | strategies.text(max_size=5))
    change = draw(strategies.sampled_from(["value"] * 6 + ["name", "more", "twice", "less"]))
    if change == "value":
        target[place] = (target[place][0], draw(literals))
    elif change == "name":
        target[place] = (name, target[place][1])
    elif change == "more":
        target.insert(place, (name, draw(literals)))
    elif change == "twice":
        target.insert(place, target[place])
    else:
        del target[place]
    text = written(
        (name, literal or written(inner)) if name == "params" else (name, literal) for name, literal in outer
    )
    return text.encode(errors="surrogatepass")


@several(1500)
@given(strategies.sampled_from(ROUTES), strategies.binary(max_size=200))
def test_bytes(gateway: FlaskClient, route: str, body: bytes) -> None:
    check(gateway, route, body)


@several(1500)
@given(strategies.sampled_from(ROUTES), literals, literals, strategies.booleans())
def test_json(gateway: FlaskClient, route: str, method: str, params: str, bare: bool) -> None:
    body = params if bare else written({**ENVELOPE, "method": method, "params": params}.items())
    check(gateway, route, body.encode(errors="surrogatepass"))


@pytest.mark.parametrize("route", EXCHANGES)
@several(1200)
@given(mutated())
def test_calls_with_one_thing_wrong(gateway: FlaskClient, route: str, body: bytes) -> None:
    check(gateway, route, body)


@several(1200)
@given(strategies.data(), strategies.sampled_from(ROUTES), mutated())
def test_calls_with_a_byte_wrong(gateway: FlaskClient, data: Any, route: str, body: bytes) -> None:
    place = data.draw(strategies.integers(0, max(len(body) - 1, 0)))
    wrong = data.draw(strategies.binary(max_size=3))
    check(gateway, route, body[:place] + wrong + body[place + data.draw(strategies.integers(0, 2)) :])


RESOURCES = [
    "userinfo",
    "/api/v1/x",
    "..",
    "//evil.example",
    "@evil.example",
    "a?b=c",
    "a\r\nb",
    "\ud800",
    "%2e%2e",
    KEY,
]
NAMES = ["a", "sign", "action", "\ud800", KEY]


@several(1000)
@given(
    strategies.sampled_from(ROUTES),
    strategies.sampled_from(RESOURCES) | texts,
    strategies.dictionaries(strategies.sampled_from(NAMES) | texts, literals, max_size=3),
    strategies.sampled_from(["", "GET", "post", "DELETE", "HEAD", "X Y", "\xff"]),
)
def test_pass_throughs(gateway: FlaskClient, route: str, resource: str, params: dict[str, str], verb: str) -> None:
    body = written({**ENVELOPE, "method": json.dumps(f"__api_{resource}"), "params": written(params.items())}.items())
    check(gateway, route, body.encode(errors="surrogatepass"), verb)
