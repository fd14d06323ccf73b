"""The client that every exchange is called with, against servers that misbehave."""

import json
import logging
import socket
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
import requests
import trustme

from exchanges.kit.faults import FaultServer, closed_port, silent_port
from protocol.errors import ExchangeError, GatewayError, NotSent, OutcomeUnknown
from tests.transport.conftest import DEADLINE, FAR, Timed, get, post, speaks_tls
from transport.http import MAX_REPLY

SLACK = 0.4
VERDICTS = {  # every fault that keeps a reply from being read → the words that tell it
    "reset unread": "reset|EOF",
    "reset after head": "reset|EOF",
    "reset after request": "reset|EOF",
    "close without answer": "EOF, no reply",
    "hang on accept": r"timeout, no complete reply within 0\.[5-9] s",
    "hang": "timeout",
    "drip head": "timeout",
    "drip body": "timeout",
    "endless interim": "timeout",
    "interim flood": "interim replies, and no answer",
    "101": "the reply is not HTTP",
    "endless chunks": "timeout",
    "garbage": "the reply is not HTTP",
    "cut body": "EOF, the reply was cut off",
    "big body": f"HTTP 200: a reply of over {MAX_REPLY} bytes",
    "bomb": f"HTTP 200: a reply of over {MAX_REPLY} bytes",
    "wrong encoding": "compression is broken",
    "redirect": "HTTP 307: a redirect",
    "redirect with bomb": "HTTP 307: a redirect",
}


def seconds_until_refused(kind: type[GatewayError], http: Timed, url: str) -> float:
    """Return the seconds that a call takes to end by its deadline. Other programs may keep a thread from the processor
    for longer than that, so a call that is late, or had no time to send anything, is tried up to three times."""
    for last in (False, False, True):
        start = time.monotonic()
        with pytest.raises(GatewayError, match="timeout") as caught:
            get(http, url)
        seconds = time.monotonic() - start
        if last or (isinstance(caught.value, kind) and seconds < http.seconds + SLACK):
            break
    assert isinstance(caught.value, kind)
    return seconds


# What a failure is called -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", VERDICTS)
def test_once_bytes_left_the_outcome_is_unknown_and_nothing_is_tried_again(
    fault: str, http: Timed, server: FaultServer
) -> None:
    with FaultServer() as elsewhere:
        server.fault, server.elsewhere = fault, elsewhere.url
        start = time.monotonic()
        with pytest.raises(OutcomeUnknown, match=VERDICTS[fault]) as caught:
            post(http, f"{server.url}/certificate")
        assert time.monotonic() - start < DEADLINE + SLACK
        assert elsewhere.connections == 0
    assert server.connections == 1
    assert len(server.requests) <= 1
    assert "?" not in str(caught.value)
    assert "://" not in str(caught.value)


@pytest.mark.parametrize("status", [200, 204, 400, 401, 403, 429, 502, 503])
def test_every_other_status_is_the_adapters_to_read(status: int, http: Timed, server: FaultServer) -> None:
    server.fault = {200: "200 page", 204: "204"}.get(status, f"{status} page")
    assert get(http, server.url).status == status
    assert server.connections == 1


def test_a_refused_connection_was_never_sent(http: Timed) -> None:
    with closed_port() as port, pytest.raises(NotSent, match="connection refused; nothing was sent"):
        post(http, f"http://127.0.0.1:{port}/reset/certificate")


def test_a_reset_between_connecting_and_sending_is_one_of_the_two(http: Timed, server: FaultServer) -> None:
    """The wording depends on what the reset overtakes; urllib3 swallows it in both places."""
    server.fault = "reset on accept"
    for _ in range(50):
        with pytest.raises((NotSent, OutcomeUnknown), match=r"connection reset|EOF, no reply"):
            post(http, server.url)
    assert (server.connections, server.requests) == (50, [])


def test_a_name_nobody_knows_was_never_sent(http: Timed, monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(NotSent, match="no such host"):
        get(http, f"http://{FAR}/")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1\\@other.test/", "http://127.0.0.1:1\\.other.test/"])
def test_two_readings_of_a_host_are_not_sent(url: str, http: Timed) -> None:
    with pytest.raises(NotSent, match="another host"):
        get(http, url)


def test_a_signer_cannot_send_the_keys_to_another_host(http: Timed, server: FaultServer) -> None:
    def elsewhere(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.url = f"{server.url}/"
        return request

    with pytest.raises(NotSent, match=f"another host than {FAR}"):
        get(http, f"http://{FAR}/", auth=elsewhere)
    assert server.connections == 0


def test_a_host_may_be_written_in_capitals(http: Timed, server: FaultServer) -> None:
    assert get(http, f"http://LOCALHOST:{server.port}/").status == 200


def test_a_header_that_cannot_be_written_is_not_sent_and_not_quoted(http: Timed, server: FaultServer) -> None:
    with pytest.raises(NotSent, match="a key or parameter has characters that cannot be sent; look for line") as caught:
        get(http, server.url, headers={"X-Key": "secret\nsecret"})
    assert "secret" not in str(caught.value)
    assert "Invalid" not in str(caught.value)
    assert server.connections == 0


@pytest.mark.parametrize(("sent", "kind"), [(False, NotSent), (True, OutcomeUnknown)])
def test_a_librarys_mistake_does_not_hide_whether_bytes_left(
    sent: bool,
    kind: type[GatewayError],
    http: Timed,
    server: FaultServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def mistake(*_: Any, **__: Any) -> Any:
        raise AttributeError("None has no attribute sock")

    place = "urllib3.response.HTTPResponse.stream" if sent else "urllib3.connection.HTTPConnection.putrequest"
    monkeypatch.setattr(place, mistake)
    with pytest.raises(kind, match="Test network: a rare failure, which the gateway's log names"):
        get(http, server.url)
    assert "no words yet: AttributeError" in caplog.text


def test_what_was_handled_before_is_no_cause(http: Timed) -> None:
    try:
        raise ExchangeError("the certificate timed out: deadline")
    except ExchangeError:
        with closed_port() as port, pytest.raises(NotSent, match="Test network: connection refused; nothing was sent"):
            get(http, f"http://127.0.0.1:{port}/")


# The deadline -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["hang on accept", "drip head"])
def test_a_hang_in_the_tls_handshake_ends_in_time(fault: str, http: Timed, server: FaultServer) -> None:
    server.fault = fault  # on a plain port: drip head waits for a request that never is one
    assert seconds_until_refused(NotSent, http, f"https://127.0.0.1:{server.port}") < DEADLINE + SLACK


def test_a_hang_in_a_proxys_connect_ends_in_time(proxy: FaultServer) -> None:
    proxy.fault = "hang"
    http = Timed(deadline=DEADLINE, proxies={"Test": proxy.url})
    assert seconds_until_refused(NotSent, http, f"https://{FAR}/") < DEADLINE + SLACK


@pytest.mark.parametrize("fault", ["hang on accept", "hang"])
def test_a_hang_of_a_socks_proxy_ends_in_time(fault: str, proxy: FaultServer) -> None:
    proxy.fault = fault
    http = Timed(deadline=DEADLINE, proxies={"Test": f"socks5h://127.0.0.1:{proxy.port}"})
    assert seconds_until_refused(NotSent, http, f"http://{FAR}/") < DEADLINE + SLACK


@pytest.mark.parametrize(("scheme", "fault"), [("http", "slow tunnel"), ("socks5h", "slow socks5")])
def test_steps_that_are_each_in_time_do_not_add_up(scheme: str, fault: str, proxy: FaultServer) -> None:
    proxy.fault = fault  # 0.6 s for the proxy, then a TLS handshake that hangs
    http = Timed(deadline=0.8, proxies={"Test": f"{scheme}://127.0.0.1:{proxy.port}"})
    assert 0.8 <= seconds_until_refused(NotSent, http, f"https://{FAR}/") < 1.2


def test_addresses_that_do_not_answer_share_one_deadline(http: Timed, monkeypatch: pytest.MonkeyPatch) -> None:
    with silent_port() as port:
        address = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [address] * 4)
        assert DEADLINE <= seconds_until_refused(NotSent, http, f"http://{FAR}/") < DEADLINE + SLACK


def test_a_look_up_that_hangs_ends_in_time(http: Timed, monkeypatch: pytest.MonkeyPatch) -> None:
    released = Barrier(2)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait(10))
    try:
        assert seconds_until_refused(NotSent, http, f"http://{FAR}/") < DEADLINE + SLACK
    finally:
        released.wait(10)


# Connections ------------------------------------------------------------------------------------------------------


def test_a_connection_is_used_again(http: Timed, server: FaultServer) -> None:
    for _ in range(20):
        get(http, server.url)
    assert (server.connections, len(server.requests)) == (1, 20)


def test_after_thousands_of_calls_a_new_connection_can_be_made(server: FaultServer) -> None:
    http = Timed()
    for _ in range(1200):  # more than the interpreter's recursion limit
        get(http, server.url)
    server.together = Barrier(2)  # no answer before both have asked
    with ThreadPoolExecutor(2) as pool:
        assert [reply.status for reply in pool.map(lambda _: get(http, server.url), range(2))] == [200, 200]
    assert server.connections == 2


def test_a_connection_closed_while_idle_is_replaced(http: Timed, server: FaultServer) -> None:
    server.fault = "none, then close"
    for _ in range(5):
        assert post(http, server.url).status == 200
        server.wait_until_all_left()
    assert (server.connections, len(server.requests)) == (5, 5)


def test_connections_are_closed_when_the_server_says_so(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    close = socket.socket.close

    def close_late(sock: socket.socket) -> None:
        time.sleep(0.05)
        close(sock)

    server.fault = "none, then close"
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        monkeypatch.setattr(socket.socket, "close", close_late)
        sock.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        assert sock.recv(64 * 1024)
        server.wait_until_all_left()
        sock.setblocking(False)  # what has not come by now is an error
        while sock.recv(64 * 1024):
            pass


def test_connections_of_all_threads_are_kept(server: FaultServer, caplog: pytest.LogCaptureFixture) -> None:
    threads = 32
    http = Timed(deadline=10)
    server.together = Barrier(threads)  # no answer before all have asked, so that nobody can share

    def call(_: int) -> int:
        return get(http, server.url).status

    with caplog.at_level(logging.DEBUG), ThreadPoolExecutor(threads) as pool:
        for _ in range(3):
            assert set(pool.map(call, range(threads))) == {200}
    assert (server.connections, len(server.requests)) == (threads, 3 * threads)
    assert "discarding" not in caplog.text


def test_threads_do_not_mix_up_deadlines_and_outcomes(server: FaultServer) -> None:
    unhurried, clients = Timed(), [Timed(deadline=deadline) for deadline in (0.3, 0.6, 0.9)]
    server.fault = "by path"

    def call(number: int) -> None:
        http = clients[number % 3]
        assert json.loads(get(unhurried, f"{server.url}/who?{number}").body) == {"asked": f"/who?{number}"}
        with pytest.raises(NotSent), closed_port() as port:
            get(unhurried, f"http://127.0.0.1:{port}")
        # No thread ends before its own deadline, so none has another's; when it wakes is up to a machine that has 31
        # others to serve.
        assert http.seconds <= seconds_until_refused(OutcomeUnknown, http, f"{server.url}/hang?{number}") < 4
        with pytest.raises(OutcomeUnknown, match=r"reset|EOF"):
            get(unhurried, f"{server.url}/reset-after-request?{number}")
        assert json.loads(get(unhurried, f"{server.url}/who?again{number}").body) == {"asked": f"/who?again{number}"}

    with ThreadPoolExecutor(32) as pool:
        assert len(list(pool.map(call, range(32)))) == 32


# Nobody is given another's reply ----------------------------------------------------------------------------------


def asked(http: Timed, url: str) -> str:
    """Return what the server says it was asked for."""
    told: str = json.loads(get(http, url).body)["asked"]
    return told


@pytest.mark.parametrize("interim", ["100", "102", "103", "199", "100&x=103&x=103"])
def test_interim_replies_are_skipped(interim: str, http: Timed, server: FaultServer) -> None:
    server.fault = "hinted"
    for path in (f"/a?x={interim}", "/b", f"/c?x={interim}"):
        assert asked(http, server.url + path) == path
    assert server.connections == 1


@pytest.mark.parametrize("fault", ["surplus", "late surplus"])
@pytest.mark.parametrize("tls", [False, True])
def test_a_connection_with_bytes_that_nobody_asked_for_is_not_used_again(
    tls: bool, fault: str, server: FaultServer, authority: trustme.CA, ca_file: str
) -> None:
    server.fault, server.tls = fault, speaks_tls(authority) if tls else None
    http = Timed(ca_file=ca_file)
    for number in range(3):
        assert asked(http, f"{server.url}/{number}") == f"/{number}"
        time.sleep(0.1)  # for what comes late
    assert server.connections == 3


def test_a_server_that_speaks_before_it_is_asked_is_sent_nothing(http: Timed, server: FaultServer) -> None:
    server.fault = "talks first"
    with pytest.raises((NotSent, OutcomeUnknown), match=r"spoke before it was asked|not HTTP"):  # as it comes in time
        post(http, server.url)


def test_a_connection_of_tls_is_used_again(server: FaultServer, authority: trustme.CA, ca_file: str) -> None:
    server.tls = speaks_tls(authority)
    http = Timed(ca_file=ca_file)
    for _ in range(5):
        get(http, server.url)
    assert server.connections == 1


def test_a_connection_that_its_server_may_be_closing_is_not_used_again(
    http: Timed, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    get(http, server.url)
    monkeypatch.setattr("transport.connections._MOST_IDLE", 0.0)
    post(http, server.url)
    assert (server.connections, len(server.requests)) == (2, 2)


# What the environment and the server may not do -------------------------------------------------------------------


def test_cookies_are_never_sent_back(http: Timed, server: FaultServer) -> None:
    for _ in range(3):
        assert b"data" in get(http, server.url).body  # with a Set-Cookie beside it
    assert ["cookie" in seen.headers for seen in server.requests] == [False] * 3


def test_proxies_of_the_environment_are_ignored(
    http: Timed, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultServer("proxy") as decoy:
        decoy.upstream = ("127.0.0.1", server.port)
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, decoy.url)
            monkeypatch.setenv(name.lower(), decoy.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        assert requests.get(server.url, timeout=5).status_code == 200
        assert decoy.connections == 1, "the environment would have been obeyed"
        assert get(http, server.url).status == 200
        assert decoy.connections == 1


def test_netrc_is_ignored(http: Timed, server: FaultServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login trader password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    requests.get(server.url, timeout=5).close()
    get(http, server.url)
    assert ["authorization" in seen.headers for seen in server.requests] == [True, False]


def test_authorities_of_the_environment_are_ignored(
    http: Timed, server: FaultServer, authority: trustme.CA, ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.tls = speaks_tls(authority)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, ca_file)
    assert requests.get(server.url, timeout=5).status_code == 200
    with pytest.raises(NotSent, match="TLS: the certificate"):
        get(http, server.url)
    assert len(server.requests) == 1


# Replies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
def test_the_greatest_reply_is_read(packed: bool, http: Timed, server: FaultServer) -> None:
    server.fault = "8 MiB packed" if packed else "8 MiB"
    assert len(get(Timed(), server.url).body) == MAX_REPLY


@pytest.mark.parametrize(("fault", "said"), [("small bomb", "a reply of over"), ("redirect with bomb", "a redirect")])
def test_a_bomb_is_not_unpacked_in_memory(fault: str, said: str, server: FaultServer) -> None:
    server.fault = fault
    http = Timed()
    tracemalloc.start()
    try:
        with pytest.raises(OutcomeUnknown, match=said):
            get(http, server.url)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * MAX_REPLY


def test_what_every_request_says(http: Timed, server: FaultServer) -> None:
    get(http, server.url, headers={"X-Of-Exchange": "1"})
    [seen] = server.requests
    assert seen.headers == {
        "host": f"127.0.0.1:{server.port}",
        "accept": "application/json",
        "accept-encoding": "gzip",
        "user-agent": "fmz-gateway",
        "x-of-exchange": "1",
    }
