"""A connection that stands by: the first call after a pause finds it open, and young."""

import threading
import time
from collections.abc import Iterator
from typing import NoReturn

import pytest
import trustme

from exchanges.kit.faults import FaultServer, closed_port
from protocol.errors import NotSent
from tests.service import until
from tests.transport.conftest import Timed, get, post, speaks_tls
from transport.standby import Standby


class Client(Timed):
    """A client whose connections are looked at when a test says so."""

    def look(self, seconds: float) -> None:
        """Look at them as after so many seconds."""
        self.standby.look(time.monotonic() + seconds)


@pytest.fixture
def client(ca_file: str) -> Client:
    return Client(ca_file=ca_file)


@pytest.fixture(params=["http", "https"])
def server(request: pytest.FixtureRequest, authority: trustme.CA) -> Iterator[FaultServer]:
    with FaultServer(tls=speaks_tls(authority) if request.param == "https" else None) as server:
        yield server


@pytest.mark.parametrize("ended", [False, True])
def test_an_old_connection_is_replaced_before_a_call_meets_it(ended: bool, client: Client, server: FaultServer) -> None:
    get(client, server.url)
    client.look(15)
    assert server.connections == 1
    if ended:
        server.drop()
    client.look(25)
    until(lambda: server.connections == 2)
    post(client, server.url)
    assert (server.connections, len(server.requests)) == (2, 2)


def test_an_exchange_that_closes_early_is_left_alone(client: Client, server: FaultServer) -> None:
    get(client, server.url)
    server.drop()
    client.look(10)
    client.look(299)
    assert server.connections == 1, "another one would be closed as soon, and just when an order is sent over it"
    post(client, server.url)
    assert server.connections == 2


def test_what_is_not_called_any_more_is_left_alone(client: Client, server: FaultServer) -> None:
    get(client, server.url)
    client.look(301)
    assert server.connections == 1


def test_a_connection_in_use_is_left_alone(client: Client, server: FaultServer) -> None:
    get(client, server.url)
    server.together = threading.Barrier(2)
    thread = threading.Thread(target=get, args=[client, server.url])
    thread.start()
    until(lambda: len(server.requests) == 2)
    client.look(25)
    server.together.wait(10)
    thread.join()
    assert server.connections == 1
    server.together = None
    get(client, server.url)
    assert server.connections == 1


def test_nothing_is_opened_ahead_of_the_first_call(client: Client) -> None:
    with closed_port() as port, pytest.raises(NotSent):
        get(client, f"http://127.0.0.1:{port}/")
    client.look(25)


def test_an_exchange_that_is_gone_is_tried_again_later(
    client: Client, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def dial(host: str, *_: object) -> NoReturn:
        tries.append(host)
        raise OSError("no route")

    get(client, server.url)
    with monkeypatch.context() as patched:
        patched.setattr("transport.connections._dial", dial)
        for seconds, tried in ((25, 1), (34, 1), (36, 2)):
            client.look(seconds)
            assert len(tries) == tried
    post(client, server.url)
    assert (server.connections, len(server.requests)) == (2, 2)


def test_a_proxy_is_left_alone(server: FaultServer, proxy: FaultServer, ca_file: str) -> None:
    client = Client(ca_file=ca_file, proxies={"Test": proxy.url})
    get(client, server.url)
    before = proxy.connections
    client.look(25)
    assert (proxy.connections, server.connections) == (before, 1)


def test_it_looks_every_second_in_a_thread(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = threading.Event()
    monkeypatch.setattr("transport.standby._ROUND", 0.001)
    monkeypatch.setattr(Standby, "look", lambda standby, now: looked.set())
    client.standby.start()
    try:
        assert looked.wait(10)
    finally:
        client.standby.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "standby"]
