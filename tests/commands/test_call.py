"""``fmz-gateway call`` and ``health``: the running gateway, asked from the command line."""

import json
import re
import socket
import subprocess
import threading

import pytest
from flask.testing import FlaskClient

from protocol.calls import read_call
from protocol.host import is_public, read_params, write_call
from protocol.methods import METHODS
from tests.commands.conftest import TOKEN, Command
from tests.lent import Lent
from tests.servers import renamed

KEYS = {"ACCESS_KEY": "my-access-key", "SECRET_KEY": "my-secret-key"}
ORDER = ("trade", "symbol=BTC_USDT", "type=buy", "price=100", "amount=0.1")


def test_an_answer_is_json_on_standard_output(command: Command, gateway: str) -> None:
    done = command("call", "paper", "ticker", "symbol=BTC_USDT", "--url", gateway, TOKEN=TOKEN)
    assert (done.exit_code, done.stderr) == (0, "")
    assert json.loads(done.stdout)["data"].keys() >= {"buy", "sell"}


def test_an_error_goes_to_standard_error(command: Command, gateway: str) -> None:
    done = command("call", "paper", "ticker", "symbol=NO_SUCH", "--url", gateway, TOKEN=TOKEN)
    assert (done.exit_code, done.stdout) == (1, "")
    assert re.match(r"fmz-gateway: [A-Z_]+ paper", done.stderr)


def test_a_token_that_is_missing_is_told(command: Command, gateway: str) -> None:
    done = command("call", "paper", "ticker", "--url", gateway)
    assert done.exit_code == 1
    assert done.stderr.startswith("fmz-gateway: ACCESS_DENIED ")


def test_each_key_has_an_account_of_its_own(command: Command, gateway: str) -> None:
    def orders(key: str) -> int:
        done = command("call", "paper", "GetOrders", "--url", gateway, TOKEN=TOKEN, ACCESS_KEY=key)
        return len(json.loads(done.stdout)["data"])

    assert "id" in json.loads(command("call", "paper", *ORDER, "--url", gateway, TOKEN=TOKEN, **KEYS).stdout)["data"]
    assert (orders(KEYS["ACCESS_KEY"]), orders("another")) == (1, 0)


def test_lists_and_exchange_objects_are_sent(command: Command, gateway: str) -> None:
    def io(code: int, *args: object, name: str = "one") -> object:
        words = ("io", f"code={code}", f"args={json.dumps(args)}", "--object", name)
        done = command("call", "Futures_paper", *words, "--url", gateway, TOKEN=TOKEN, **KEYS)
        return json.loads(done.stdout)["data"] if done.stdout else done.stderr

    assert io(2, "swap") is True
    assert io(3) == []
    order = ("trade", "symbol=BTC_USDT", "type=buy", "price=-1", "amount=1")
    for name, works in (("one", True), ("two", False)):
        done = command("call", "Futures_paper", *order, "--object", name, "--url", gateway, TOKEN=TOKEN, **KEYS)
        assert bool(done.stdout) is works, done.stderr


@pytest.mark.parametrize("words", [["x"], ["=x"], ["args=[1"], ["a={"]])
def test_a_parameter_that_is_none_is_told(command: Command, words: list[str]) -> None:
    done = command("call", "paper", "ticker", *words)
    assert done.exit_code == 1
    assert done.stderr.startswith("fmz-gateway: ")


def test_no_gateway_is_told(command: Command) -> None:
    done = command("call", "paper", "ticker", "--url", "http://127.0.0.1:1")
    said = "fmz-gateway: no gateway answers at http://127.0.0.1:1; start it with fmz-gateway, or set --url\n"
    assert (done.exit_code, done.stderr) == (1, said)


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-"]
)
def test_an_order_without_an_answer_is_not_called_unsent(command: Command, said: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(said)

        thread = threading.Thread(target=answer)
        thread.start()
        done = command("call", "paper", *ORDER, "--url", f"http://127.0.0.1:{server.getsockname()[1]}", **KEYS)
        thread.join()
    assert (done.exit_code, done.stdout) == (1, "")
    assert "may have been done" in done.stderr
    assert "start it" not in done.stderr


@pytest.mark.parametrize("url", ["http://gateway.example", "http://10.0.0.1:6666"])
def test_nothing_is_sent_in_the_clear(command: Command, url: str) -> None:
    done = command("call", "paper", *ORDER, "--url", url, **KEYS)
    assert done.exit_code == 1
    assert "would go in the clear" in done.stderr


def test_keys_are_no_arguments(command: Command) -> None:
    shown = command("call", "--help").stdout
    assert "--access-key" not in shown
    assert "--secret-key" not in shown


# As a curl --------------------------------------------------------------------------------------------------------


def test_a_curl_is_printed_without_keys(command: Command) -> None:
    done = command("call", "paper", "ticker", "symbol=it's", "--curl", TOKEN=TOKEN, **KEYS)
    assert done.exit_code == 0
    assert TOKEN not in done.stdout
    assert "my-" not in done.stdout
    assert '-H "Authorization: Bearer $TOKEN"' in done.stdout


def test_a_shell_that_runs_the_curl_sends_the_keys(command: Command, client: FlaskClient) -> None:
    shown = command("call", "paper", *ORDER, "--verb", "GET", "--object", "a b", "--curl").stdout
    script = f"curl() {{ printf '%s\\0' \"$@\"; }}\n{shown}"
    words = subprocess.run(["/bin/sh", "-c", script], env=KEYS, capture_output=True, text=True, check=True).stdout
    silent, url, option, header, data, body = words.rstrip("\0").split("\0")
    assert (silent, url) == ("-s", "http://127.0.0.1:6666/paper?object=a+b")
    assert (option, header, data) == ("-H", "Http-Method: GET", "-d")
    call = read_call(body.encode(), "")
    assert (call.access_key, call.secret_key, call.name) == ("my-access-key", "my-secret-key", "trade")
    assert client.post("/paper", data=body).get_json()["data"]["id"] == 1


# The pieces -------------------------------------------------------------------------------------------------------


def test_a_call_is_written_as_it_is_read() -> None:
    call = read_call(
        write_call("GetTicker", read_params(["symbol=BTC_USDT", "x=1", 'y=["a"]']), ("k", "s")).encode(), ""
    )
    assert (call.name, call.access_key, call.secret_key) == ("ticker", "k", "s")
    assert call.params == {"symbol": "BTC_USDT", "x": "1", "y": ["a"]}


def test_what_places_orders_or_reads_accounts_needs_keys() -> None:
    needing = {"accounts", "trade", "order", "orders", "modify", "cancel", "assets", "historyorders", "positions", "io"}
    assert {name for name in METHODS if not is_public(name)} == needing
    assert is_public("GetTicker")
    assert not is_public("__api_order")


# Health -----------------------------------------------------------------------------------------------------------


def test_health_is_told_and_is_the_exit_status(command: Command, gateway: str, lent: Lent) -> None:
    done = command("health", "--url", gateway, TOKEN=TOKEN)
    assert done.exit_code == 0
    assert dict(line.split(maxsplit=1) for line in done.stdout.splitlines())["journal"] == "ok"
    with renamed(lent.state, "fmz_gateway_version"):
        done = command("health", "--url", gateway, TOKEN=TOKEN)
    assert done.exit_code == 1
    assert "see STATE_URL" in done.stdout
    assert command("health", "--url", gateway).exit_code == 1, "without the token"
