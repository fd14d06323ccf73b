"""The real service in its own process, before exchanges that misbehave: every failure has exactly one outcome class,
told in time, in few words, and without what nobody may read."""

import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import trustme

from exchanges.http import MAX_EXCERPT
from tests.faults import FaultServer, bomb, closed_port, small_bomb

ROOT = Path(__file__).parents[1]
DEADLINE = 1
SLACK = 0.5
KEY, SECRET, PASSPHRASE = "kanarie-4711-0815", "emVpc2lnLUFCQ0RFRkdISUpLTE1OT1A=", "losung-hunter-42"
PARAMS = {
    "ticker": {"symbol": "LTC_CNY"},
    "trade": {"symbol": "LTC_CNY", "type": "buy", "price": "200.5", "amount": "0.25"},
}
SPOT = ("bitgo", "coinpark", "binance", "okx", "kraken")
FUTURES = ("futures_binance", "futures_okx")
ROUTES = (*SPOT, *FUTURES)
CALLS = [(route, method) for route in ROUTES for method in PARAMS]

UNKNOWN = {"ticker": "NO_DEFINITE_ANSWER", "trade": "ORDER_STATE_UNKNOWN"}
NOT_SENT = dict.fromkeys(PARAMS, "NOT_SENT")
REFUSED = dict.fromkeys(PARAMS, "REFUSED")
VERDICTS: Mapping[str, Mapping[str, str]] = {  # fault → method → the error's first word
    "reset unread": UNKNOWN,  # the connection was made, so bytes may have left
    "reset after head": UNKNOWN,
    "reset after request": UNKNOWN,
    "close without answer": UNKNOWN,
    "hang": UNKNOWN,
    "drip head": UNKNOWN,
    "drip body": UNKNOWN,
    "endless chunks": UNKNOWN,
    "endless interim": UNKNOWN,
    "garbage": UNKNOWN,
    "200 page": UNKNOWN,
    "200 empty": UNKNOWN,
    "204": UNKNOWN,
    "502 page": UNKNOWN,
    "503 page": UNKNOWN,
    "503 json": UNKNOWN,
    "cut body": UNKNOWN,
    "cut json": UNKNOWN,
    "big body": UNKNOWN,
    "bomb": UNKNOWN,
    "small bomb": UNKNOWN,
    "wrong encoding": UNKNOWN,
    "unknown encoding": UNKNOWN,
    "redirect": UNKNOWN,
    "redirect with bomb": UNKNOWN,
    "502 echo": UNKNOWN,
    "cut echo": UNKNOWN,
    "headers that echo": UNKNOWN,
    "400 json": REFUSED,
    "400 page": REFUSED,
    "400 echo": REFUSED,
    "403 page": REFUSED,
    "401 page": dict.fromkeys(PARAMS, "AUTHENTICATION_FAILED"),
    "429 page": dict.fromkeys(PARAMS, "RATE_LIMITED"),
}
_ROW = '"buy": 1, "sell": 2, "last": 3.5, "high": 4, "low": 0.5, "vol": 6, "timestamp": 1700000000000'
ANSWERS = {
    "bitgo": {"ticker": f'{{"data": {{{_ROW}}}}}'.encode(), "trade": b'{"code": 200, "orderId": 7}'},
    "coinpark": {"ticker": f'{{"result": {{{_ROW}}}}}'.encode(), "trade": b'{"result": [{"result": 7}]}'},
    "binance": {
        "ticker": b'{"bidPrice": "1", "askPrice": "2", "lastPrice": "3.5", "highPrice": "4", "lowPrice": "0.5",'
        b' "volume": "6", "closeTime": 1700000000000}',
        "trade": b'{"orderId": 7}',
    },
    "okx": {
        "ticker": b'{"code": "0", "msg": "", "data": [{"bidPx": "1", "askPx": "2", "last": "3.5", "high24h": "4",'
        b' "low24h": "0.5", "vol24h": "6", "ts": "1700000000000"}]}',
        "trade": b'{"code": "0", "msg": "", "data": [{"ordId": "7", "sCode": "0", "sMsg": ""}]}',
    },
    "kraken": {
        "ticker": b'{"error": [], "result": {"LTCCNY": {"b": ["1", "1", "1"], "a": ["2", "1", "1"], "c": ["3.5", "1"],'
        b' "h": ["4", "4"], "l": ["0.5", "0.5"], "v": ["6", "6"]}}}',
        "trade": b'{"error": [], "result": {"txid": ["7"]}}',
    },
}
ANSWERS |= {"futures_binance": ANSWERS["binance"], "futures_okx": ANSWERS["okx"]}
# What is asked before an order, and kept for a while: the list of markets, and the account's position mode (with which
# the order that asked for it is answered as well).
LEARNED: Mapping[str, list[tuple[str, bytes]]] = {
    "futures_binance": [
        (
            "markets",
            b'{"symbols": [{"symbol": "LTCUSDT", "contractType": "PERPETUAL", "status": "TRADING", "baseAsset": "LTC",'
            b' "quoteAsset": "USDT", "filters": []}]}',
        ),
        ("trade", b'{"dualSidePosition": false}'),
    ],
    "futures_okx": [
        (
            "markets",
            b'{"code": "0", "msg": "", "data": [{"instId": "LTC-USDT-SWAP", "alias": "", "state": "live",'
            b' "tickSz": "0.01", "lotSz": "1", "minSz": "1", "maxLmtSz": "1000", "ctVal": "1",'
            b' "ctMult": "1", "ctValCcy": "LTC"}]}',
        ),
        ("trade", b'{"code": "0", "msg": "", "data": [{"posMode": "net_mode"}]}'),
    ],
}
BEFORE_TLS = (
    "none",
    "hang on accept",
    "reset on accept",
    "reset unread",
    "talks first",
)  # "none" has a certificate nobody trusts


@dataclass
class Gateway:
    """A running service, the exchanges behind it, and the place its log goes to."""

    port: int
    log: Path
    exchanges: Mapping[str, FaultServer]
    answers: dict[tuple[str, str, str], tuple[dict[str, Any], float]] = field(default_factory=dict)
    connections: dict[str, int] = field(default_factory=dict)

    def ask(self, route: str, method: str) -> tuple[dict[str, Any], float]:
        """The answer to a call, and the seconds it took."""
        keys = {"access_key": KEY, "secret_key": f"{SECRET},{PASSPHRASE}"}
        market = {"symbol": "LTC_USDT.swap"} if route in FUTURES else {}
        params = {**PARAMS[method], **market} if method in PARAMS else {}
        call = {**keys, "nonce": 1, "method": method, "params": params}
        start = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("POST", f"/{route}", json.dumps(call))
            response = connection.getresponse()
            answer = json.loads(response.read())
        finally:
            connection.close()
        assert (response.status, response.getheader("Content-Type")) == (200, "application/json")
        return answer, time.monotonic() - start

    def under(self, fault: str, route: str, method: str) -> tuple[dict[str, Any], float]:
        """The answer under a fault. All four calls are asked at the same time, and only once."""
        if (fault, route, method) not in self.answers:
            self.warm()
            for server in self.exchanges.values():
                server.fault = fault
                server.drop()
            before = self._accepted()
            with ThreadPoolExecutor(len(CALLS)) as pool:
                for call, answer in zip(CALLS, pool.map(lambda call: self.ask(*call), CALLS), strict=True):
                    self.answers[fault, *call] = answer
            self.connections[fault] = self._accepted() - before
        return self.answers[fault, route, method]

    def warm(self) -> None:
        """Let the service learn what an order on futures depends on, so that the order itself meets the fault."""
        for route, told in LEARNED.items():
            server = self.exchanges[route]
            server.fault = "none"
            server.drop()
            for method, body in told:
                server.body = body
                self.ask(route, method)

    def _accepted(self) -> int:
        return sum(server.connections for server in self.exchanges.values())

    def signs(self) -> set[str]:
        """Every signature that was sent."""
        requests = [seen for server in self.exchanges.values() for seen in server.requests]
        queries = [parse_qs(f"{seen.target.partition('?')[2]}&{seen.body.decode()}") for seen in requests]
        heads = [{name: [value] for name, value in seen.headers.items()} for seen in requests]
        names = ("sign", "signature", "ok-access-sign", "api-sign")
        return {sign for sent in (*queries, *heads) for name in names for sign in sent.get(name, [])}


@contextmanager
def running(directory: Path, urls: Mapping[str, str]) -> Iterator[tuple[int, Path]]:
    """The service under gunicorn, as ``make run`` starts it but with no settings of this machine's: port and log."""
    log = directory / "log"
    settings = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOME": str(directory),
        "STATE_URL": f"sqlite:///{directory}/state.db",
        "DEADLINE": str(DEADLINE),
        "LOG_LEVEL": "DEBUG",
        **{f"{route.upper()}_URL": url for route, url in urls.items()},
    }
    command = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py"), "wsgi:app"]
    for _ in range(3):  # somebody may take the free port before we do
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        env = settings | {"BIND": f"127.0.0.1:{port}"}
        with log.open("wb") as stderr:
            process = subprocess.Popen(command, env=env, cwd=directory, stdout=subprocess.PIPE, stderr=stderr)
        with process:
            assert process.stdout
            try:
                if any(b"is ready" in line for line in process.stdout):
                    yield port, log
                    return
            finally:
                process.terminate()
    pytest.fail(f"the service does not start: {log.read_text()}")


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[FaultServer]:
    """A server that nobody was ever told to talk to, except by redirects."""
    with FaultServer() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, elsewhere: FaultServer) -> Iterator[Gateway]:
    bomb(), small_bomb()  # made once, so that the making is on nobody's clock
    with ExitStack() as stack:
        servers = {route: stack.enter_context(FaultServer()) for route in ROUTES}
        for server in servers.values():
            server.elsewhere = elsewhere.url
        urls = {route: server.url for route, server in servers.items()}
        port, log = stack.enter_context(running(tmp_path_factory.mktemp("gateway"), urls))
        yield Gateway(port, log, servers)


@pytest.fixture(scope="module")
def tls_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with ExitStack() as stack:
        servers = {route: stack.enter_context(FaultServer(tls=context)) for route in ROUTES}
        urls = {route: server.url for route, server in servers.items()}
        port, log = stack.enter_context(running(tmp_path_factory.mktemp("tls"), urls))
        yield Gateway(port, log, servers)


@pytest.fixture(scope="module")
def cut_off_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with closed_port() as closed:
        urls = dict.fromkeys(ROUTES, f"http://127.0.0.1:{closed}")
        with running(tmp_path_factory.mktemp("cut-off"), urls) as (port, log):
            yield Gateway(port, log, {})


def check(answer: tuple[dict[str, Any], float], verdict: str, signs: Set[str] = frozenset()) -> None:
    """The answer is this verdict, came in time, and says no more than it may."""
    reply, seconds = answer
    assert reply.keys() == {"error"}
    text = reply["error"]
    assert text.split()[0] == verdict
    assert seconds < DEADLINE + SLACK
    assert len(text) <= MAX_EXCERPT + 250  # our own words around an excerpt
    assert "PAGE-TEXT-CANARY" not in text
    assert "load balancer" not in text
    assert not leaks(text, {KEY, SECRET, PASSPHRASE, *signs})


def leaks(text: str, secrets: Set[str]) -> set[str]:
    """Runs of six characters of a secret that are in a text."""
    return {run for secret in secrets for run in (secret[i : i + 6] for i in range(len(secret) - 5)) if run in text}


@pytest.mark.parametrize(("route", "method"), CALLS)
@pytest.mark.parametrize("fault", VERDICTS)
def test_a_fault_has_one_outcome(fault: str, route: str, method: str, gateway: Gateway, elsewhere: FaultServer) -> None:
    check(gateway.under(fault, route, method), VERDICTS[fault][method], gateway.signs())
    assert elsewhere.connections == 0, "a redirect was followed"


@pytest.mark.parametrize("fault", VERDICTS)
def test_whatever_happens_is_asked_once(fault: str, gateway: Gateway) -> None:
    gateway.under(fault, *CALLS[0])
    # One ticker is made of two replies, and asks for the second where the first is JSON.
    assert gateway.connections[fault] - len(CALLS) in ({0, 1} if fault == "headers that echo" else {0})


@pytest.mark.parametrize(("route", "method"), CALLS)
@pytest.mark.parametrize("fault", BEFORE_TLS)
def test_without_tls_nothing_is_sent(fault: str, route: str, method: str, tls_gateway: Gateway) -> None:
    check(tls_gateway.under(fault, route, method), "NOT_SENT")
    assert tls_gateway.connections[fault] == len(CALLS)
    assert not any(server.requests for server in tls_gateway.exchanges.values())


@pytest.mark.parametrize(("route", "method"), CALLS)
def test_without_a_connection_nothing_is_sent(route: str, method: str, cut_off_gateway: Gateway) -> None:
    check(cut_off_gateway.ask(route, method), "NOT_SENT")


@pytest.mark.parametrize(("route", "method"), CALLS)
def test_without_a_fault_there_is_an_answer(route: str, method: str, gateway: Gateway) -> None:
    gateway.warm()
    server = gateway.exchanges[route]
    server.fault, server.body = "none", ANSWERS[route][method]
    server.drop()
    for _ in range(3):
        answer, seconds = gateway.ask(route, method)
        assert str(answer["data"]["id"]) == "7" if method == "trade" else answer["data"]["last"] == 3.5
        assert seconds < SLACK


def test_the_log_of_all_this_tells_no_secret(gateway: Gateway) -> None:
    for fault in VERDICTS:
        gateway.under(fault, *CALLS[0])
    log = gateway.log.read_text()
    unknown = sum(verdict is UNKNOWN for verdict in VERDICTS.values())
    assert log.count(" trade ORDER_STATE_UNKNOWN ") >= len(ROUTES) * unknown
    assert "urllib3" in log, "libraries, too, were asked to log"
    assert len(gateway.signs()) >= 2
    assert not leaks(log, {KEY, SECRET, PASSPHRASE, *gateway.signs()})
    assert "Traceback" not in log
    assert "unexpected" not in log
