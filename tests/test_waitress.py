"""The service behind waitress: an order goes out at most once, and is delivered only if its caller was there."""

import json
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine

import exchanges
from delivery import Caller, Delivery
from orders.intents import Intent, State
from orders.journal import Journal
from protocol.deadline import Deadline
from settings import Settings
from tests.conftest import client_of
from tests.lent import Lent
from tests.service import INSTALLED, ROOT, Service, running, until
from tests.tiny import Canned, Tiny
from transport.reply import Reply
from waitress_server import open_server

pytestmark = pytest.mark.long

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HAS_LEFT = "fmz_gateway.has_left"
BARE = """
import select, socket, sys
sys.modules.update(dict.fromkeys(["fcntl", "grp", "gunicorn", "pwd", "resource", "termios"]))
del select.poll, socket.MSG_DONTWAIT
from cli import main
main()
"""
ORDER = {"symbol": "BTC_USDT", "type": "buy", "price": "100", "amount": "0.1"}


def trade(nonce: int) -> bytes:
    return json.dumps(
        {"access_key": "key", "secret_key": "secret", "nonce": nonce, "method": "trade", "params": ORDER}
    ).encode()


def request(path: str, body: bytes) -> bytes:
    return b"POST /%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (path.encode(), len(body)) + body


def ask(port: int, path: str, body: bytes) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", body, timeout=10) as reply:
        return json.load(reply)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("waitress"), {"SERVER": "waitress"}, command=INSTALLED) as service:
        yield service


class TestProcess:
    """``SERVER=waitress fmz-gateway serve``."""

    def test_an_order_is_placed_and_its_repeat_is_not(self, service: Service) -> None:
        first, again = (ask(service.port, "paper", trade(1)) for _ in range(2))
        assert first["data"] == again["data"]
        assert again["raw"]["replayed"] is True
        orders = json.dumps({"access_key": "key", "method": "orders", "params": {"symbol": "BTC_USDT"}}).encode()
        assert [order["id"] for order in ask(service.port, "paper", orders)["data"]] == [first["data"]["id"]]

    def test_two_orders_are_two(self, service: Service) -> None:
        assert ask(service.port, "paper", trade(11))["data"] != ask(service.port, "paper", trade(12))["data"]

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems show it later")
    def test_who_has_only_ended_its_sending_has_its_order(self, service: Service) -> None:
        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as sock:
            sock.sendall(request("paper", trade(20)))
            sock.shutdown(socket.SHUT_WR)
            assert b'"id":' in b"".join(iter(lambda: sock.recv(65536), b""))

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems show it later")
    def test_who_has_left_has_no_order(self, service: Service) -> None:
        with closing(sqlite3.connect(service.log.parent / "state.db", isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")  # no order is written into the journal until its caller has left
            with socket.create_connection(("127.0.0.1", service.port), timeout=10) as sock:
                sock.sendall(request("paper", trade(21)))
        until(lambda: " trade NOT_SENT " in service.log.read_text())

    def test_a_caller_behind_a_proxy_is_not_taken_for_this_machine(self, service: Service) -> None:
        there = urllib.request.Request(
            f"http://127.0.0.1:{service.port}/console/market", headers={"X-Forwarded-For": "203.0.113.7"}
        )
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(there, timeout=10)


def test_it_needs_nothing_that_windows_lacks(tmp_path: Path) -> None:
    """Check that an order is placed, and not sent for who has left, without the modules and names that are missing
    there. Whether Windows itself differs elsewhere is not known by this."""
    with running(tmp_path, {"SERVER": "waitress"}, command=(sys.executable, "-c", BARE, "serve")) as service:
        assert "id" in ask(service.port, "paper", trade(1))["data"]
        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as sock:
            sock.sendall(request("paper", trade(2)))
        until(lambda: " trade NOT_SENT " in service.log.read_text())


def test_a_stop_ends_it_in_order(tmp_path: Path) -> None:
    with running(tmp_path, {"SERVER": "waitress"}, command=INSTALLED) as service:
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(10) == 0


def test_a_stop_answers_what_has_begun(tmp_path: Path) -> None:
    ticker = json.dumps({"method": "ticker", "params": {"symbol": "BTC_USDT"}}).encode()
    with socket.create_server(("127.0.0.1", 0)) as exchange:
        exchange.settimeout(10)
        settings = {"SERVER": "waitress", "BITGO_URL": f"http://127.0.0.1:{exchange.getsockname()[1]}"}
        with (
            running(tmp_path, settings, command=INSTALLED) as service,
            socket.create_connection(("127.0.0.1", service.port), timeout=10) as sock,
        ):
            sock.sendall(request("BitGo", ticker))
            asked, _ = exchange.accept()
            service.process.send_signal(signal.SIGTERM)
            with pytest.raises(subprocess.TimeoutExpired):
                service.process.wait(0.5)
            exchange.close()
            asked.close()
            assert b'{"error":"' in b"".join(iter(lambda: sock.recv(65536), b""))
            assert service.process.wait(10) == 0


def test_gunicorns_options_are_refused(tmp_path: Path) -> None:
    env = {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "SERVER": "waitress"}
    done = subprocess.run(
        [*INSTALLED, "--workers", "2"], env=env, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 1
    assert done.stderr == "fmz-gateway: --workers 2 is for gunicorn; with waitress, BIND says where to listen\n"


class Slow(Canned):
    """An exchange that answers when it is told to."""

    def __init__(self) -> None:
        super().__init__(body=b'{"ok": {"id": 7}}')
        self.asked = threading.Event()
        self.may_answer = threading.Event()

    def send(self, exchange: str, request: Any, deadline: Deadline) -> Reply:
        self.asked.set()
        assert self.may_answer.wait(10)
        return super().send(exchange, request, deadline)


@contextmanager
def serving(app: "WSGIApplication") -> Iterator[int]:
    """Serve an application in this process; yield the port."""
    server = open_server(app, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield server.effective_port
    server.task_dispatcher.shutdown()
    server.trigger.pull_trigger(lambda: server.asyncore.close_all(server._map))  # in its own thread
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize(("size", "is_delivered"), [(100, True), (32 * 1024 * 1024, False)])
def test_what_the_server_still_holds_is_not_delivered(size: int, is_delivered: bool) -> None:
    ended, deliveries = threading.Event(), []

    def app(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", str(size))])
        caller = Caller(environ["gunicorn.socket"], "HTTP/1.1", environ[HAS_LEFT])
        deliveries.append(Delivery(b"x" * size, caller))
        yield from deliveries[0]
        ended.set()

    with serving(app) as port:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
            sock.sendall(request("paper", b""))
            if not is_delivered:  # the server waits with so much until its caller reads some
                sock.recv(size - 8 * 1024 * 1024, socket.MSG_WAITALL)
            assert ended.wait(10)
        assert deliveries[0].delivered is is_delivered


class TestDelivery:
    """The service in this process, before an exchange that takes its time."""

    @pytest.fixture
    def http(self) -> Slow:
        return Slow()

    @pytest.fixture
    def lent(self, http: Slow, state: Engine, monkeypatch: pytest.MonkeyPatch) -> Lent:
        monkeypatch.setitem(exchanges.EXCHANGES, "tiny", Tiny)
        return Lent(http, state, measure_clocks=False)

    @pytest.fixture
    def port(self, lent: Lent) -> Iterator[int]:
        with serving(lent.app(Settings(console=False))) as port:
            yield port

    @pytest.fixture
    def journal(self, lent: Lent) -> Journal:
        return Journal(lent.state, lent.now)

    def kept(self, journal: Journal) -> Intent:
        [intent] = journal.list_orders(everything=True)
        return intent

    def test_an_order_whose_answer_the_server_still_holds_is_the_answer_to_the_next(
        self, http: Slow, lent: Lent
    ) -> None:
        http.may_answer.set()
        client = client_of(lent.app(Settings(console=False)))
        for nonce, adopted in [(1, None), (2, True)]:
            with client.post("/tiny", data=trade(nonce), environ_overrides={HAS_LEFT: lambda: False}) as reply:
                assert reply.get_json()["raw"].get("adopted") is adopted
        assert len(http.sent) == 1

    @pytest.mark.parametrize("stays", [True, False])
    def test_an_answer_is_delivered_if_its_caller_is_there(
        self, http: Slow, port: int, journal: Journal, stays: bool
    ) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
            sock.sendall(request("tiny", trade(1)))
            assert http.asked.wait(10)
            if stays:
                http.may_answer.set()
                answer = sock.recv(65536)
                while b'"id":7' not in answer:
                    answer += sock.recv(65536) or pytest.fail("closed")
        http.may_answer.set()
        until(lambda: self.kept(journal).state is State.ACCEPTED)
        if stays:
            until(lambda: self.kept(journal).answered_as == self.kept(journal).client_id)
        else:
            again = ask(port, "tiny", trade(2))
            assert again["raw"]["adopted"] is True
            assert len(http.sent) == 1
