"""Ten thousand bodies through the real application: whatever comes in, what goes out is one answer in strict JSON."""

import json
import socket
import string
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, NoReturn

import pytest
from flask.testing import FlaskClient

from database import open_state
from exchanges import EXCHANGES
from tests.conftest import NOW, Hurrying, client_of
from tests.lent import Lent
from tests.servers import database
from transport.http import Http

pytestmark = pytest.mark.long

KEY, SECRET, PASSPHRASE = "qZ7mK2xW9vLp4Rt8", "hN3cB6yJ1sDf5GaQ", "uE8oT0iV4kXz7MwP"
ROUTES = [*EXCHANGES, "", "exchange", "nope"]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """Yield the application, whose real exchanges are a port of this machine where nobody listens."""
    with socket.socket() as nobody, database(tmp_path_factory.mktemp("state")) as url:
        state = open_state(url)
        nobody.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        urls = {exchange.name: address for exchange in EXCHANGES.values() if exchange.url}
        lent = Lent(Http(), state, urls=urls, now=Hurrying(NOW), sleep=lambda seconds: None, measure_clocks=False)
        yield client_of(lent.app())
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
LETTERS = string.printable + "\0\x7f\xa0éßЖ中😀\u2028\u202e\ufeff\uffff\U0010ffff\ud800\udfff"


def text(dice: Random, most: int = 20) -> str:
    """Return any text."""
    return "".join(dice.choices(LETTERS, k=dice.randint(0, most)))


def number(dice: Random) -> int | float:
    """Return any number, small ones as often as those that no double or no machine word holds."""
    size: int = 10 ** dice.randint(0, 40)
    return dice.choice([dice.randint(-size, size), dice.uniform(-size, size), dice.random() / size])


def value(dice: Random, depth: int = 3) -> Any:
    """Return any JSON."""
    scalars: list[Callable[[], Any]] = [lambda: dice.choice([None, True, False]), lambda: number(dice)]
    nested: list[Callable[[], Any]] = [
        lambda: [value(dice, depth - 1) for _ in range(dice.randint(0, 3))],
        lambda: {text(dice): value(dice, depth - 1) for _ in range(dice.randint(0, 3))},
    ]
    return dice.choice([*scalars, lambda: text(dice), *(nested if depth else [])])()


def literal(dice: Random) -> str:
    """Return the JSON text of a value, or something nasty in its place."""
    return dice.choice(NASTY) if dice.random() < 0.5 else json.dumps(value(dice))


ENVELOPE = {"access_key": f'"{KEY}"', "secret_key": f'"{SECRET},{PASSPHRASE}"'}
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
    ("modify", MARKET | {"id": '"1"', "type": '"buy"', "price": '"1100"', "amount": "-1"}),
    ("modify", {"id": '"BTC_USDT,1"', "side": '"buy"', "price": "-1", "amount": '"0.02"'}),
    ("cancel", MARKET | {"id": '"1"'}),
    ("io", {"code": "0", "args": '["BTC_USDT.swap", 5]'}),
    ("io", {"code": "1", "args": '["buy"]'}),
    ("io", {"code": "2", "args": '["swap"]'}),
    ("io", {"code": "3", "args": "[]"}),
    ("__api_balance/x", {"a": '"1"', "b": '"2"'}),
]


def written(items: Any) -> str:
    """Return an object of names and literals."""
    return "{" + ", ".join(f"{json.dumps(name)}: {literal}" for name, literal in items) + "}"


def mutated(dice: Random) -> bytes:
    """Return a plausible call with one thing changed: a value, a name, one thing more, or one less."""
    method, params = dice.choice(CALLS)
    outer = [*ENVELOPE.items(), ("nonce", str(dice.randrange(10**13))), ("method", json.dumps(method)), ("params", "")]
    inner = [*params.items()]
    target = dice.choice([outer, inner, inner]) or outer
    place = dice.randrange(len(target))
    name = dice.choice([*ENVELOPE, "nonce", "symbol", "id", "x", "a\ud800", text(dice, 5)])
    change = dice.choice(["value"] * 6 + ["name", "more", "twice", "less"])
    if change == "value":
        target[place] = (target[place][0], literal(dice))
    elif change == "name":
        target[place] = (name, target[place][1])
    elif change == "more":
        target.insert(place, (name, literal(dice)))
    elif change == "twice":
        target.insert(place, target[place])
    else:
        del target[place]
    items = ((name, written(inner)) if given == "" and name == "params" else (name, given) for name, given in outer)
    return written(items).encode(errors="surrogatepass")


# Which bodies there are is drawn, the same in every run: a library that draws them takes thrice as long as the gateway
# that reads them, and one that fails stands in the report as it is.


def test_bytes(gateway: FlaskClient) -> None:
    dice = Random(1)
    for _ in range(1000):
        check(gateway, dice.choice(ROUTES), dice.randbytes(dice.randrange(200)))


def test_json(gateway: FlaskClient) -> None:
    dice = Random(2)
    for _ in range(1500):
        method, params = literal(dice), literal(dice)
        body = params if dice.random() < 0.5 else written({**ENVELOPE, "method": method, "params": params}.items())
        check(gateway, dice.choice(ROUTES), body.encode(errors="surrogatepass"))


@pytest.mark.parametrize("route", EXCHANGES)
def test_calls_with_one_thing_wrong(gateway: FlaskClient, route: str) -> None:
    dice = Random(f"3 {route}")
    for _ in range(700):
        check(gateway, route, mutated(dice))


def test_calls_with_a_byte_wrong(gateway: FlaskClient) -> None:
    dice = Random(4)
    for _ in range(1200):
        body = mutated(dice)
        place = dice.randrange(len(body))
        wrong = dice.randbytes(dice.randint(0, 3))
        check(gateway, dice.choice(ROUTES), body[:place] + wrong + body[place + dice.randint(0, 2) :])


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


VERBS: Sequence[str] = ["", "GET", "post", "DELETE", "HEAD", "X Y", "\xff"]


def test_pass_throughs(gateway: FlaskClient) -> None:
    dice = Random(5)
    for _ in range(1000):
        resource = dice.choice([*RESOURCES, text(dice)])
        params = {dice.choice([*NAMES, text(dice)]): literal(dice) for _ in range(dice.randint(0, 3))}
        method = json.dumps(f"__api_{resource}")
        body = written({**ENVELOPE, "method": method, "params": written(params.items())}.items())
        check(gateway, dice.choice(ROUTES), body.encode(errors="surrogatepass"), dice.choice(VERBS))
