"""The client's connections through TLS and through proxies: what fails there was never sent."""

from pathlib import Path

import pytest
import trustme

from exchanges.kit.faults import FaultServer, closed_port
from protocol.errors import NotSent, OutcomeUnknown
from tests.transport.conftest import DEADLINE, FAR, Timed, get, post, speaks_tls

# TLS --------------------------------------------------------------------------------------------------------------


def test_a_ca_file_is_trusted(server: FaultServer, authority: trustme.CA, ca_file: str) -> None:
    server.tls = speaks_tls(authority)
    assert get(Timed(ca_file=ca_file), server.url).status == 200


def test_authorities_are_read_once(server: FaultServer, authority: trustme.CA, ca_file: str) -> None:
    http = Timed(ca_file=ca_file)
    server.tls = speaks_tls(authority)
    get(http, server.url)
    Path(ca_file).unlink()
    with FaultServer() as other:
        other.tls = speaks_tls(authority)
        assert get(http, other.url).status == 200
    with FaultServer() as false:
        false.tls = speaks_tls(trustme.CA())
        with pytest.raises(NotSent, match="TLS: the certificate"):
            post(http, false.url)
        assert false.requests == []


def test_authorities_are_not_read_where_nothing_is_verified(server: FaultServer, tmp_path: Path) -> None:
    assert get(Timed(ca_file=str(tmp_path / "none")), server.url).status == 200


def test_authorities_that_cannot_be_read_are_looked_for_again(
    server: FaultServer, authority: trustme.CA, ca_file: str
) -> None:
    server.tls = speaks_tls(authority)
    content = Path(ca_file).read_bytes()
    Path(ca_file).unlink()
    http = Timed(ca_file=ca_file)
    with pytest.raises(NotSent, match="nothing was sent"):
        post(http, server.url)
    Path(ca_file).write_bytes(content)
    assert post(http, server.url).status == 200


@pytest.mark.parametrize("why", ["another authority", "another host", "no TLS at all", "reset in the handshake"])
def test_a_handshake_that_fails_was_never_sent(
    why: str, server: FaultServer, authority: trustme.CA, ca_file: str
) -> None:
    match why:
        case "another authority":
            server.tls = speaks_tls(trustme.CA())
        case "another host":
            server.tls = speaks_tls(authority, "other.test")
        case "no TLS at all":
            server.fault = "talks first"
        case "reset in the handshake":
            server.fault = "reset unread"
    with pytest.raises(NotSent, match=r"reset|EOF" if "reset" in why else "TLS"):
        post(Timed(ca_file=ca_file), f"https://127.0.0.1:{server.port}/")
    assert (server.connections, server.requests) == (1, [])


# Proxies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "fault", "target"),
    [
        ("http", "proxy", "http"),
        ("http", "proxy", "https"),
        ("https", "tls proxy", "https"),
        ("socks5h", "socks5", "http"),
        ("socks5h", "socks5", "https"),
    ],
)
def test_an_exchanges_proxy_resolves_its_name(
    scheme: str, fault: str, target: str, server: FaultServer, proxy: FaultServer, authority: trustme.CA, ca_file: str
) -> None:
    proxy.fault, proxy.tls = fault, speaks_tls(authority) if scheme == "https" else None
    server.tls = speaks_tls(authority, FAR) if target == "https" else None
    http = Timed(ca_file=ca_file, proxies={"Test": f"{scheme}://127.0.0.1:{proxy.port}"})
    for _ in range(2):
        assert get(http, f"{target}://{FAR}:7777/x").status == 200
    tunnelled = scheme == "socks5h" or target == "https"
    assert proxy.requests[0].target == (f"{FAR}:7777" if tunnelled else f"{target}://{FAR}:7777/x")
    assert [seen.target.endswith("/x") for seen in server.requests] == [True, True]
    assert [seen.headers["host"] for seen in server.requests] == [f"{FAR}:7777"] * 2
    assert (proxy.connections, server.connections) == (1, 1)


def test_a_proxy_is_used_by_its_exchange_only(server: FaultServer, proxy: FaultServer) -> None:
    assert get(Timed(proxies={"Other": proxy.url}), server.url).status == 200
    assert (proxy.connections, server.connections) == (0, 1)


def test_the_far_certificate_is_checked_through_a_proxy(
    server: FaultServer, proxy: FaultServer, authority: trustme.CA, ca_file: str
) -> None:
    server.tls = speaks_tls(authority, "other.test")
    with pytest.raises(NotSent, match="TLS"):
        get(Timed(ca_file=ca_file, proxies={"Test": proxy.url}), f"https://{FAR}/")
    assert server.requests == []


@pytest.mark.parametrize("why", ["another authority", "another host"])
def test_the_certificate_of_a_proxy_is_checked(
    why: str, proxy: FaultServer, authority: trustme.CA, ca_file: str
) -> None:
    proxy.fault = "tls proxy"
    proxy.tls = speaks_tls(trustme.CA()) if why == "another authority" else speaks_tls(authority, "other.test")
    http = Timed(ca_file=ca_file, proxies={"Test": f"https://127.0.0.1:{proxy.port}"})
    with pytest.raises(NotSent, match="TLS: the certificate"):
        post(http, f"https://{FAR}/")
    assert proxy.requests == []


@pytest.mark.parametrize(
    ("scheme", "fault"),
    [
        ("http", "proxy refuses"),
        ("http", "reset on accept"),
        ("http", "reset unread"),
        ("http", "close without answer"),
        ("http", "garbage"),
        ("socks5h", "socks5 refuses"),
        ("socks5h", "reset on accept"),
        ("socks5h", "talks first"),
    ],
)
def test_a_proxy_that_fails_never_sent(scheme: str, fault: str, proxy: FaultServer) -> None:
    proxy.fault = fault
    http = Timed(deadline=DEADLINE, proxies={"Test": f"{scheme}://trader:hunter2@127.0.0.1:{proxy.port}"})
    with pytest.raises(NotSent, match=r"the proxy failed|connection reset|EOF|not HTTP") as caught:
        post(http, f"https://{FAR}/")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["http", "https", "socks5h"])
def test_a_proxy_that_is_not_there_never_sent(scheme: str) -> None:
    with closed_port() as port, pytest.raises(NotSent, match="the proxy failed"):
        get(Timed(proxies={"Test": f"{scheme}://127.0.0.1:{port}"}), f"https://{FAR}/")


def test_a_plain_request_that_a_proxy_took_may_have_been_passed_on(proxy: FaultServer) -> None:
    proxy.fault = "close without answer"
    with pytest.raises(OutcomeUnknown):
        post(Timed(proxies={"Test": proxy.url}), f"http://{FAR}/")
