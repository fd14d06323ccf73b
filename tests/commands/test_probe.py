"""``fmz-gateway probe``: what it records, what it never does, and the robot."""

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import requests

from commands.probe import open_recorder, robot
from protocol import shapes
from tests.commands.conftest import Command
from tests.programs import program
from tests.serving import served

KEY, SECRET = "my-Access.key_0123", "S3cret/with+all=,passphrase7"
KEYS = {"access_key": KEY, "secret_key": SECRET}
NONCE = 1_730_275_031_047_002_000


class Recorder:
    """A recorder on loopback, and what it has written."""

    def __init__(self, port: int, out: StringIO) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.out = out

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Return the record."""
        return [json.loads(line) for line in self.out.getvalue().splitlines()]

    def ask(self, path: str, call: object, **options: Any) -> Any:
        """Send a request; return its answer."""
        body = call if isinstance(call, str | bytes) else json.dumps(call)
        return requests.post(self.address + path, data=body, timeout=10, **options).json()


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    """Yield a recorder."""
    out = StringIO()
    server = open_recorder("127.0.0.1", 0, tmp_path, out)
    with served(server):
        yield Recorder(server.port, out)


def test_a_call_is_recorded_by_its_names_and_types(recorder: Recorder) -> None:
    params = {"symbol": "BTC_USDT", "Period": "60", "limit": 5}
    answer = recorder.ask(
        "/paper?object=one", {**KEYS, "method": "records", "nonce": NONCE, "params": params},
        headers={"Http-Method": "get", "X-lower-Case": "value"},
    )  # fmt: skip
    assert answer["error"].startswith("INVALID_CALL period is missing")
    [line] = recorder.lines
    headers = line.pop("headers")
    assert {"Http-Method", "X-lower-Case", "Host", "Content-Length"} <= set(headers)
    assert line == {
        "method": "records",
        "known": True,
        "body": {
            "access_key": "string",
            "secret_key": "string",
            "method": "string aaaaaaa",
            "nonce": "integer 9999999999999999999",
            "params": {"symbol": "string AAA_AAAA", "Period": "string 99", "limit": "integer 9"},
        },
        "verb": "POST",
        "protocol": "HTTP/1.1",
        "path": "/paper",
        "query": ["object"],
        "http_method": "GET",
        "answer": "INVALID_CALL",
    }


def test_a_robot_goes_on(recorder: Recorder) -> None:
    order = {"symbol": "BTC_USDT", "type": "buy", "price": "100", "amount": "0.1"}
    assert recorder.ask("/paper", {**KEYS, "method": "trade", "params": order})["data"]["id"] == 1
    assert recorder.ask("/paper", {**KEYS, "method": "orders", "params": {}})["data"][0]["id"] == 1
    assert recorder.ask("/Futures_paper", {**KEYS, "method": "io", "params": {"code": 2, "args": ["swap"]}})["data"]
    assert recorder.ask("/paper", {**KEYS, "method": "GetSomethingNew", "params": {"a": [None, True, 1.5]}})["error"]
    assert [(line["method"], line["known"], line["answer"]) for line in recorder.lines] == [
        ("trade", True, "OK"),
        ("orders", True, "OK"),
        ("io", True, "OK"),
        ("GetSomethingNew", False, "INVALID_CALL"),
    ]
    assert recorder.lines[2]["body"]["params"] == {"code": "integer 9", "args": ["string aaaa"]}
    assert recorder.lines[3]["body"]["params"] == {"a": ["null", "boolean", "number 9.9"]}


def test_no_exchange_is_reached(recorder: Recorder) -> None:
    for name in ("Binance", "ccxt/bingx", "Kraken"):
        answer = recorder.ask(f"/{name}", {**KEYS, "method": "ticker", "params": {"symbol": "BTC_USDT"}})
        assert answer["error"].startswith("INVALID_CALL no exchange of that name")


@pytest.mark.parametrize(
    "call",
    [
        {**KEYS, "method": "ticker", "params": {"symbol": KEY, SECRET: "x", "a": [SECRET], "b": {KEY: {"c": SECRET}}}},
        {**KEYS, "method": KEY, "params": {}},
        {**KEYS, "method": f"__api_{SECRET}", "params": {"x": SECRET.split(",")[1]}},
        {"method": "ticker", "params": {**KEYS, "symbol": "x"}},
        {"Access_Key": KEY, "SecretKey": SECRET, "method": "ticker", "params": {"passphrase": SECRET}},
        {"method": "x", "params": {"deep": {"deep": {"deep": {"deep": {"apiKey": KEY, "symbol": KEY}}}}}},
        [KEY, SECRET],
        f"access_key={KEY}&secret_key={SECRET}",
        KEY,
    ],
    ids=str,
)
def test_no_key_and_no_secret_is_recorded(recorder: Recorder, call: object) -> None:
    body = call if isinstance(call, str) else json.dumps(call)
    named = {KEY: "x"} if isinstance(call, dict) else {}  # where the body says what a key is, it is no name either
    headers = {"Authorization": f"Bearer {SECRET}", "X-Key": KEY, **named}
    path = f"/{KEY}" if named else "/paper"
    query = {"token": KEY, "x": SECRET, **named}
    requests.post(recorder.address + path, body, params=query, headers=headers, timeout=10)
    [line] = recorder.lines
    assert "Authorization" in line["headers"]
    for part in (KEY, SECRET, *SECRET.split(",")):
        assert part not in recorder.out.getvalue()


def test_a_body_in_chunks_is_recorded(recorder: Recorder) -> None:
    call = json.dumps({"method": "ticker", "params": {"symbol": "BTC_USDT"}}).encode()
    reply = requests.post(f"{recorder.address}/paper", data=iter([call[:9], call[9:]]), timeout=10)
    assert "data" in reply.json()
    assert "Transfer-Encoding" in recorder.lines[0]["headers"]


@pytest.mark.parametrize("body", [b"", b"no json", b"[1]", b"{", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_call_is_recorded(recorder: Recorder, body: bytes) -> None:
    assert recorder.ask("/paper", body)["error"].startswith("INVALID_CALL ")
    [line] = recorder.lines
    assert line["bytes"] == len(body)


def test_a_form_has_no_letter_or_digit_of_a_value() -> None:
    body = json.dumps({"method": "x", "params": {"a": "Bitte 12.50 €\n" + "y" * 100}}).encode()
    assert shapes.describe(body)["body"]["params"] == {"a": "string Aaaaa 99.99 ?\n" + "a" * 46}


# The command, and the robot ---------------------------------------------------------------------------------------

FUNCTIONS = {
    "GetName", "GetCurrency", "SetCurrency", "GetTicker", "GetDepth", "GetTrades", "GetRecords", "GetMarkets",
    "GetTickers", "GetAccount", "GetAssets", "Buy", "Sell", "CreateOrder", "GetOrder", "GetOrders", "GetHistoryOrders",
    "ModifyOrder", "CancelOrder", "CreateConditionOrder", "GetConditionOrder", "GetConditionOrders",
    "GetHistoryConditionOrders", "CancelConditionOrder", "IO", "GetRawJSON", "SetContractType", "SetMarginLevel",
    "SetDirection", "GetPosition", "GetPositions", "GetFundings",
}  # fmt: skip
"""The functions of FMZ's exchange objects that may reach an exchange."""


def test_the_robot_is_printed_alone(command: Command) -> None:
    done = command("probe", "--robot", "--bind", "127.0.0.1:7777")
    assert done.exit_code == 0
    assert done.stdout.rstrip() == robot("http://127.0.0.1:7777").rstrip()
    assert "http://127.0.0.1:7777/paper\n" in done.stdout
    assert "http://127.0.0.1:7777/Futures_paper\n" in done.stdout


@pytest.mark.parametrize("bind", ["6667", "127.0.0.1:", ":6667", "127.0.0.1:70000", "127.0.0.1:http"])
def test_a_wrong_address_is_told(command: Command, bind: str) -> None:
    done = command("probe", "--bind", bind)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("fmz-gateway: --bind is wrong: ")


def test_each_function_is_called(node: Callable[[str], str]) -> None:
    """FMZ's objects are stood in for by some that only write down what is called."""
    marks = json.loads(
        node(
            """
            var called = [], ORDER_CONDITION_TYPE_SL = 2, PERIOD_H1 = 3600, PERIOD_D1 = 86400
            function Log() {} function Sleep() {} function SetErrorFilter() {}
            var object = new Proxy({}, {get: (_, name) => (...args) => { called.push([name, args]); return 7 }})
            var exchanges = [object, object]
            """
            + robot("http://127.0.0.1:6667")
            + "\nmain(); console.log(JSON.stringify(called))"
        )
    )
    named = [args[2].removeprefix("mark/") for name, args in marks[::2] if name == "IO"]
    assert len(named) == len(set(named)) == len(marks) // 2, "a mark before each call"
    assert [name for name, _ in marks[1::2]] == [name.partition("-")[0] for name in named]
    assert {name for name, _ in marks[1::2]} == FUNCTIONS


@pytest.fixture
def node() -> Callable[[str], str]:
    """Return a function that returns what a program in JavaScript prints."""
    path = program("node")

    def run(program: str) -> str:
        return subprocess.run([path, "-e", program], capture_output=True, text=True, check=True).stdout

    return run


@pytest.mark.long
def test_the_command_records_until_it_is_stopped(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [
        str(Path(sys.executable).with_name("fmz-gateway")),
        "probe",
        "--bind",
        f"127.0.0.1:{port}",
        "--out",
        "record",
    ]
    with subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        assert any("recording at" in line for line in process.stderr)
        requests.post(f"http://127.0.0.1:{port}/paper", data="{}", timeout=10)
        process.send_signal(signal.SIGINT)
    lines = (tmp_path / "record").read_text().splitlines()
    assert [re.sub('"headers.*', "", line) for line in lines] == [
        '{"method": "None", "known": false, "body": {}, "verb": "POST", "protocol": "HTTP/1.1", "path": "/paper", '
        '"query": [], '
    ]
