"""Guards: the Host, the Origin, the token and the address of a caller."""

import base64
from ipaddress import ip_network

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.app.conftest import Serve
from tests.app.probe import TICKER, answer_of, error_of
from tests.app.streams import CountedStream, post_stream


def from_host(client: FlaskClient, host: str) -> TestResponse:
    return client.post("/probe", json=TICKER, headers={"Host": host})


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:6666",
        "localhost",
        "LOCALHOST:80",
        "127.9.9.9:1",
        "[::1]",
        "[::1]:6666",
        "Gateway.lan",
        "gateway.lan:8080",
    ],
)
def test_a_host_of_this_machine_is_let_in(serve: Serve, host: str) -> None:
    assert "data" in answer_of(from_host(serve(allowed_hosts=("gateway.lan",)), host))


FOREIGN = [
    "evil.example", "evil.example:6666", "127.0.0.1.evil.example", "localhost.evil.example", "evil.example#127.0.0.1",
    "10.0.0.1", "0.0.0.0", "2130706433", "0x7f.1", "127.1", "127.0.0.1@evil.example", "evil.example?localhost",
    "evil.example/localhost", "[::2]", "[", "[::1", "]", "::1", ":", ":6666", "@", "", " ", "localhost.",
    "sub.gateway.lan", "gateway.lan.evil", "ⓛocalhost", "%00",
]  # fmt: skip


@pytest.mark.parametrize("host", FOREIGN, ids=ascii)
def test_another_host_is_refused(serve: Serve, host: str) -> None:
    text = error_of(from_host(serve(allowed_hosts=("gateway.lan",)), host.encode().decode("latin-1")), 403)
    assert text == "ACCESS_DENIED the Host header names no address of this gateway; add it to ALLOWED_HOSTS"


def test_a_missing_host_is_refused(client: FlaskClient) -> None:
    body = CountedStream(b"", most=0)
    assert error_of(post_stream(client, body, HTTP_HOST=""), 403).startswith("ACCESS_DENIED the Host header ")


@pytest.mark.parametrize("host", ["10.0.0.7:6666", "192.168.1.1", "[2001:db8::1]:6666", "0.0.0.0", "127.0.0.1"])
def test_behind_a_public_address_any_address_is_ours_and_no_name_is(serve: Serve, host: str) -> None:
    client = serve(host="0.0.0.0", token="x" * 16)
    assert "data" in answer_of(client.post("/probe?token=" + "x" * 16, json=TICKER, headers={"Host": host}))
    assert error_of(from_host(client, "evil.example"), 403).startswith("ACCESS_DENIED the Host ")


def test_the_name_that_is_bound_is_ours(serve: Serve) -> None:
    assert "data" in answer_of(from_host(serve(host="gateway.lan"), "gateway.lan:6666"))


@pytest.mark.parametrize(
    "origin",
    [
        "null", "", "https://evil.example", "http://127.0.0.1:6666", "http://localhost", "https://www.fmz.com",
        "https://dash.lan:1", "https://dash.lan.evil", "nonsense",
    ],
)  # fmt: skip
def test_a_web_page_is_refused(serve: Serve, origin: str) -> None:
    client = serve(allowed_origins=("https://dash.lan",))
    text = error_of(client.post("/probe", json=TICKER, headers={"Origin": origin}), 403)
    assert text == "ACCESS_DENIED requests from web pages are refused; add the page's origin to ALLOWED_ORIGINS"


@pytest.mark.parametrize("origin", ["https://dash.lan", "HTTPS://Dash.lan"])
def test_an_allowed_page_is_let_in(serve: Serve, origin: str) -> None:
    client = serve(allowed_origins=("https://dash.lan",))
    assert "data" in answer_of(client.post("/probe", json=TICKER, headers={"Origin": origin}))


TOKEN = "a/right+token-of~30_characters="


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("query", "authorization"),
    [
        ({"token": TOKEN}, None), ({}, f"Bearer {TOKEN}"), ({}, f"bearer {TOKEN}"), ({}, basic("anyone", TOKEN)),
        ({}, basic("", TOKEN)), ({"token": "wrong"}, f"Bearer {TOKEN}"), ({"token": TOKEN}, "Bearer wrong"),
        ({"token": TOKEN}, "Nonsense"),
    ],
)  # fmt: skip
def test_the_token_is_taken_from_three_places(serve: Serve, query: dict[str, str], authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    assert "data" in answer_of(serve(token=TOKEN).post("/probe", json=TICKER, query_string=query, headers=headers))


@pytest.mark.parametrize(
    ("query", "authorization"),
    [
        ({}, None), ({"token": ""}, None), ({"token": TOKEN[:-1]}, None), ({"token": TOKEN + "x"}, None),
        ({"token": TOKEN.upper()}, None), ({"Token": TOKEN}, None), ({"token": "é" * 31}, None), ({}, TOKEN),
        ({}, "Bearer"), ({}, "Bearer "), ({}, f"Bearer {TOKEN}x"), ({}, basic(TOKEN, "")),
        ({}, basic(TOKEN, "x")), ({}, "Basic !!!"), ({}, "Basic"), ({}, f"Basic {TOKEN}"), ({}, "Bearer \xff\xff"),
    ],
)  # fmt: skip
def test_a_wrong_token_is_refused(serve: Serve, query: dict[str, str], authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    reply = serve(token=TOKEN).post("/probe", json=TICKER, query_string=query, headers=headers)
    assert (
        error_of(reply, 403)
        == "ACCESS_DENIED the token is missing or wrong; end the service address with ?token=<TOKEN>"
    )


CLIENTS = (ip_network("10.1.0.0/16"), ip_network("192.168.0.7/32"), ip_network("2001:db8::/32"))


@pytest.mark.parametrize("address", ["10.1.0.1", "10.1.255.255", "192.168.0.7", "2001:db8::5", "::ffff:10.1.2.3"])
def test_an_allowed_client_is_let_in(serve: Serve, address: str) -> None:
    reply = serve(allowed_clients=CLIENTS).post("/probe", json=TICKER, environ_overrides={"REMOTE_ADDR": address})
    assert "data" in answer_of(reply)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.2.0.1", "192.168.0.8", "2001:db9::1", "::1", "::ffff:10.2.0.1", "", "nonsense"]
)
def test_another_client_is_refused_whatever_it_says_of_itself(serve: Serve, address: str) -> None:
    headers = {"X-Forwarded-For": "10.1.0.1", "X-Real-Ip": "10.1.0.1", "Forwarded": "for=10.1.0.1"}
    client = serve(allowed_clients=CLIENTS)
    reply = client.post("/probe", json=TICKER, headers=headers, environ_overrides={"REMOTE_ADDR": address})
    assert error_of(reply, 403) == "ACCESS_DENIED this address is not in ALLOWED_CLIENTS"


@pytest.mark.parametrize("path", ["/probe", "/nope", "/a/b"])
@pytest.mark.parametrize("verb", ["GET", "POST", "OPTIONS"])
def test_guards_stand_before_every_path(serve: Serve, path: str, verb: str) -> None:
    assert error_of(serve(token=TOKEN).open(path, method=verb, json=TICKER), 403).startswith("ACCESS_DENIED ")
