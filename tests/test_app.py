"""The service as its callers see it: routes, bodies, headers, guards and failures."""

import base64
import io
import json
import logging
from collections.abc import Callable, Iterator
from decimal import Decimal
from ipaddress import ip_network
from typing import Any

import pytest
import responses
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError
from werkzeug.test import EnvironBuilder, run_wsgi_app

import exchanges
from app import MAX_BODY
from database import METADATA
from exchanges.base.exchange import Exchange
from exchanges.base.futures_settings import FuturesSettings
from exchanges.bitgo import BitGo
from protocol.errors import ExchangeError
from protocol.models import Balance, Order, Symbol, Ticker
from settings import Settings
from tests.conftest import NOW, client_of
from tests.lent import Lent

TICKER = {"method": "ticker", "params": {"symbol": "BTC_USDT"}}


class Probe(BitGo):
    """An exchange that needs no network for its ticker, and passes any resource through."""

    name = "Probe"
    url = "https://probe.test"
    raw = Exchange.raw

    def unwrap(self, payload: Any) -> Any:
        return payload

    def ticker(self, symbol: Symbol) -> Ticker:
        return Ticker(time=NOW, bid=1.0, ask=2.0, last=1.5, high=2.0, low=1.0, volume=7.0)


@pytest.fixture(autouse=True)
def probe(monkeypatch: pytest.MonkeyPatch) -> type[Probe]:
    """Probe, for one test in the registry."""
    monkeypatch.setitem(exchanges.EXCHANGES, "probe", Probe)  # type: ignore[arg-type]
    return Probe


Serve = Callable[..., FlaskClient]


@pytest.fixture
def serve(lent: Lent) -> Serve:
    """A client of the service under some settings, with Probe as the default exchange."""

    def serve(**settings: Any) -> FlaskClient:
        return client_of(lent.app(Settings(**{"default_exchange": "Probe", **settings})))

    return serve


@pytest.fixture
def client(serve: Serve) -> FlaskClient:
    return serve()


@pytest.fixture
def network() -> Iterator[responses.RequestsMock]:
    """Where requests to exchanges end; one that no test has announced fails and is counted."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def told(reply: Any, status: int = 200) -> Any:
    """The answer in a reply, which is JSON with either data or an error."""
    assert reply.status_code == status
    assert reply.mimetype == "application/json"
    answer = json.loads(reply.get_data(), parse_float=Decimal)
    assert len(answer.keys() & {"data", "error"}) == 1
    return answer


def error(reply: Any, status: int = 200) -> str:
    """The error text in a reply."""
    text = told(reply, status)["error"]
    assert isinstance(text, str)
    return text


# Routes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/probe", "/Probe", "/PROBE", "/probe/", "/probe?x=1", "/", "/?x=1", "/exchange", "/Exchange/", "/DigitalAsset",
        "/digitalasset/", "/DIGITALASSET",
    ],
)  # fmt: skip
def test_a_route_names_an_exchange_or_the_default_one(client: FlaskClient, path: str) -> None:
    assert told(client.post(path, json=TICKER))["data"]["vol"] == 7


def test_the_default_exchange_is_a_setting(serve: Serve) -> None:
    client = serve(default_exchange="BitGo")
    params = {"symbol": "BTC_USDT.swap"}
    for path in ("/", "/exchange", "/DigitalAsset"):
        assert error(client.post(path, json={**TICKER, "params": params})).startswith("UNSUPPORTED BitGo ")


@pytest.mark.parametrize(
    "path", ["/nope", "/nope/", "/bit-go", "/probe%00", "/%70robe2", "/..", "/é", "/" + "x" * 5000]
)
def test_an_unknown_exchange_is_an_invalid_call(client: FlaskClient, path: str) -> None:
    text = error(client.post(path, json=TICKER))
    assert text.startswith("INVALID_CALL no exchange of that name; there are ")
    assert text.endswith(", Probe")


@pytest.mark.parametrize("verb", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "NONSENSE"])
@pytest.mark.parametrize("path", ["/", "/probe", "/probe/", "/nope"])
def test_another_verb_is_405_in_json(client: FlaskClient, verb: str, path: str) -> None:
    reply = client.open(path, method=verb, json=TICKER)
    text = error(reply, 405)
    assert reply.headers["Allow"] == "POST"
    assert text.startswith("INVALID_CALL HTTP 405 Method Not Allowed: send FMZ's request as POST /<exchange>")


def test_head_is_405_without_a_body(client: FlaskClient) -> None:
    reply = client.head("/probe")
    assert (reply.status_code, reply.mimetype, reply.get_data()) == (405, "application/json", b"")


@pytest.mark.parametrize("verb", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/probe/x", "/static/app.py", "/probe/../x", "/a/b/c", "/.well-known/x"])
def test_another_path_is_404_in_json(client: FlaskClient, verb: str, path: str) -> None:
    assert error(client.open(path, method=verb, json=TICKER), 404).startswith("INVALID_CALL HTTP 404 Not Found: ")


# Bodies -----------------------------------------------------------------------------------------------------------


def padded(size: int) -> bytes:
    """A right call of so many bytes."""
    body = json.dumps({**TICKER, "padding": ""}).encode()
    return body[:-2] + b"x" * (size - len(body)) + body[-2:]


class Watched(io.RawIOBase):
    """A body that never ends, and counts what is read of it."""

    taken = 0

    def __init__(self, body: bytes, *, most: int) -> None:
        super().__init__()
        self._body = body
        self._most = most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = self._body[self.taken : self.taken + len(buffer)].ljust(len(buffer), b" ")
        self.taken += len(chunk)
        assert self.taken <= self._most, "read beyond what is allowed"
        buffer[: len(chunk)] = chunk
        return len(chunk)


def post_stream(client: FlaskClient, body: Watched, **environ: Any) -> Any:
    """The reply to a body that only the server knows."""
    builder = EnvironBuilder(path="/probe", method="POST", base_url="http://127.0.0.1:6666")
    asked = {**builder.get_environ(), "wsgi.input": body, **environ}
    builder.close()
    chunks, status, headers = run_wsgi_app(client.application, asked)
    return client.application.response_class(b"".join(chunks), status, headers)


def test_a_body_of_a_mebibyte_is_read(client: FlaskClient) -> None:
    assert "data" in told(client.post("/probe", data=padded(MAX_BODY)))


@pytest.mark.parametrize("size", [MAX_BODY + 1, MAX_BODY * 2, 10**15])
def test_a_larger_body_is_refused_before_it_is_read(client: FlaskClient, size: int) -> None:
    body = Watched(b"", most=0)
    reply = post_stream(client, body, CONTENT_LENGTH=str(size))
    assert error(reply) == "INVALID_CALL the body is over 1048576 bytes"
    assert reply.headers["Connection"] == "close"
    assert body.taken == 0


def test_of_a_body_without_a_length_no_more_is_read_than_is_allowed(client: FlaskClient) -> None:
    body = Watched(b"", most=MAX_BODY + 64 * 1024)
    environ = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    reply = post_stream(client, body, **environ)
    assert error(reply) == "INVALID_CALL the body is over 1048576 bytes"
    assert reply.headers["Connection"] == "close"


def test_no_more_is_read_than_the_length_says(client: FlaskClient) -> None:
    call = json.dumps(TICKER).encode()
    body = Watched(call, most=len(call))
    assert "data" in told(post_stream(client, body, CONTENT_LENGTH=str(len(call))))
    assert body.taken == len(call)


@pytest.mark.parametrize("length", ["", "x", "-5"])
def test_without_a_length_nothing_is_read(client: FlaskClient, length: str) -> None:
    body = Watched(json.dumps(TICKER).encode(), most=0)
    assert error(post_stream(client, body, CONTENT_LENGTH=length)).startswith("INVALID_CALL the body is empty")


def test_a_stranger_is_refused_before_the_body_is_read(serve: Serve) -> None:
    body = Watched(b"", most=0)
    reply = post_stream(serve(token="x" * 16), body, CONTENT_LENGTH="100")
    assert error(reply, 403).startswith("ACCESS_DENIED")


@pytest.mark.parametrize(
    "media_type",
    [
        None, "application/json", "application/json; charset=utf-8", "application/json; charset=utf-16", "text/plain",
        "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "multipart/form-data", "nonsense",
        ";", "",
    ],
)  # fmt: skip
def test_the_content_type_does_not_matter(client: FlaskClient, media_type: str | None) -> None:
    headers = {} if media_type is None else {"Content-Type": media_type}
    assert "data" in told(client.post("/probe", data=json.dumps(TICKER).encode(), headers=headers))


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"method=ticker", b"\xff", b'{"method": NaN}', b"[" * 100_000, b'"' * 1000]
)
def test_what_is_no_call_is_an_invalid_one(client: FlaskClient, body: bytes) -> None:
    assert error(client.post("/probe", data=body)).startswith("INVALID_CALL ")


# Dialects, seen in what is signed ---------------------------------------------------------------------------------


@pytest.fixture
def bitgo(network: responses.RequestsMock) -> responses.RequestsMock:
    network.post(
        "https://www.bitgo.cn/appApi.html", json={"code": 200, "data": {"free": {}, "frozen": {}}, "orderId": 7}
    )
    return network


def sent(network: responses.RequestsMock) -> dict[str, str]:
    """The query of the one request that went out."""
    [call] = network.calls
    return dict(call.request.params)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "envelope",
    [
        {"nonce": "1500793319499"}, {"nonce": 1500793319499}, {"nonce": 1623307269528738000},
        {"nonce": "1502345965295519602"}, {"nonce": None}, {"nonce": ""}, {}, {"params": None}, {"params": {}},
        {"label": "x", "session": {"a": [1]}},
    ],
)  # fmt: skip
@pytest.mark.parametrize("order", [1, -1], ids=["as given", "reversed"])
def test_every_hosts_envelope_is_the_same_call(
    client: FlaskClient, bitgo: responses.RequestsMock, envelope: dict[str, Any], order: int
) -> None:
    call = {"access_key": "the-key", "secret_key": "the-secret", "method": "accounts", "params": {}} | envelope
    assert told(client.post("/bitgo", data=json.dumps(dict([*call.items()][::order]))))["data"] == []
    assert sent(bitgo) == {"action": "userinfo", "api_key": "the-key", "sign": "5FC4D5729FBFC4C3694E30E917F8F4E5"}


@pytest.mark.parametrize(
    ("price", "amount"), [("1000.50", "0.10"), (Decimal("1000.50"), Decimal("0.10")), ("1000.50", Decimal("0.10"))]
)
def test_numbers_are_taken_as_text_and_as_numbers(
    client: FlaskClient, bitgo: responses.RequestsMock, price: Any, amount: Any
) -> None:
    body = (
        '{"access_key":"k","secret_key":"s","method":"trade","params":'
        f'{{"symbol":"btc_cny","type":"BUY","price":{quoted(price)},"amount":{quoted(amount)}}}}}'
    )
    bitgo.replace("POST", "https://www.bitgo.cn/appApi.html", json={"code": 200, "data": [], "orderId": 7})
    assert told(client.post("/bitgo", data=body))["data"] == {"id": 7}
    _open_orders, order = bitgo.calls
    assert order.request.params.items() >= {"price": "1000.50", "amount": "0.10", "type": "0", "symbol": "1"}.items()


def quoted(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


@pytest.mark.parametrize(("top", "key"), [("top", "inner"), ("", "inner"), (None, "inner")])
def test_keys_in_params_win(client: FlaskClient, bitgo: responses.RequestsMock, top: Any, key: str) -> None:
    call = {"access_key": top, "secret_key": top, "method": "accounts"}
    params = {"access_key": key, "secret_key": "inner-secret"}
    told(client.post("/bitgo", json={**call, "params": params}))
    assert sent(bitgo)["api_key"] == key


def test_keys_are_no_parameters_of_a_pass_through(client: FlaskClient, network: responses.RequestsMock) -> None:
    network.post("https://probe.test/x", json={})
    params = {"access_key": "inner", "secret_key": "inner-secret", "a": "1"}
    told(client.post("/probe", json={"method": "__api_x", "params": params}))
    assert sent(network).keys() == {"a", "api_key", "sign"}


# Pass-through -----------------------------------------------------------------------------------------------------


def pass_through(client: FlaskClient, resource: str, verb: str | None = None, route: str = "/probe") -> Any:
    headers = {} if verb is None else {"Http-Method": verb}
    body = {"access_key": "k", "secret_key": "s", "method": f"__api_{resource}", "params": {}}
    return client.post(route, json=body, headers=headers)


@pytest.mark.parametrize(
    ("header", "verb"),
    [
        (None, "POST"), ("", "POST"), ("GET", "GET"), ("get", "GET"), ("POST", "POST"), ("PUT", "PUT"),
        ("Delete", "DELETE"), ("PATCH", "PATCH"),
    ],
)  # fmt: skip
def test_the_verb_is_in_the_head(
    client: FlaskClient, network: responses.RequestsMock, header: str | None, verb: str
) -> None:
    network.add(verb, "https://probe.test/api/v1/x", json={"n": 1})
    assert told(pass_through(client, "/api/v1/x", header)) == {"data": {"n": 1}}
    assert [call.request.method for call in network.calls] == [verb]


@pytest.mark.parametrize(
    "verb", ["HEAD", "OPTIONS", "CONNECT", "TRACE", "GETX", "G ET", "GET,POST", "GET /evil", "\xe9", "0"]
)
@pytest.mark.parametrize("route", ["/probe", "/bitgo"])
def test_a_wrong_verb_is_refused(client: FlaskClient, network: responses.RequestsMock, verb: str, route: str) -> None:
    text = error(pass_through(client, "x", verb, route))
    assert text == "INVALID_CALL Http-Method must be one of GET, POST, PUT, DELETE, PATCH"
    assert not network.calls


def test_the_verb_matters_to_a_pass_through_only(client: FlaskClient) -> None:
    assert "data" in told(client.post("/probe", json=TICKER, headers={"Http-Method": "NONSENSE"}))


@pytest.mark.parametrize(
    ("resource", "path"),
    [
        ("cancel_borrow", "/cancel_borrow"), ("/api/v1/getAccount", "/api/v1/getAccount"),
        ("api/v3/order", "/api/v3/order"), ("_x", "/_x"), ("__x", "/__x"), ("__api_x", "/__api_x"),
        ("/_a/_b_/c_", "/_a/_b_/c_"), ("v2/balance/", "/v2/balance/"), ("a.b/c-d,e:f", "/a.b/c-d,e:f"), ("0", "/0"),
        ("evil.example:80/x", "/evil.example:80/x"), ("a..b", "/a..b"),
        ("https:/evil.example", "/https:/evil.example"),
    ],
)  # fmt: skip
def test_exactly_six_characters_are_cut_off_a_resource(
    client: FlaskClient, network: responses.RequestsMock, resource: str, path: str
) -> None:
    network.post(f"https://probe.test{path}", json={})
    assert told(pass_through(client, resource)) == {"data": {}}
    assert [str(call.request.url).partition("?")[0] for call in network.calls] == [f"https://probe.test{path}"]


HOSTILE = [
    "", "/", "//", "@evil.example", "/@evil.example", "//evil.example", "///evil.example", "////", "\\evil.example",
    "\\\\evil.example", "/\\evil.example", "\\/evil.example", "a\\..\\b", "%2e%2e", "%2e%2e/x", "/%2E%2e/x",
    "a/%2f/b", "%00", "%", "a%20b", "..", "../x", "/..", "a/..", "a/../b", "./a", ".", "/.git", "a/./b", "a//b",
    "a/b//", "https://evil.example", "http://evil.example/x", "https:evil.example/@",
    "HTTPS://EVIL.EXAMPLE", "ftp://evil.example", "file:///etc/passwd", "user:password@evil.example", "a@b", ":80",
    ":80/x", "@evil.example:80", "[::1]", "/[::1]:80", "a\r\nHost: evil.example", "a\nb", "a\r", "a\n", "\na", "\ta",
    "a\tb", "\x0ba", "a\x00b", " a", "a ", "a b", "a?b=c", "?", "a?", "#", "a#b", ";a", "a;b", "a&b", "a=b", "é", "а",
    "ａ", "／evil", "a∕b", "。。/x", "a\u2028b", "a\u202eb", "\ufeffa", "\ud800", "{a}", "a|b", "a<b", "~a", "a*",
    "a$b", "'a'", '"a"', "-a", ",a", "a/-b",
]  # fmt: skip


@pytest.mark.parametrize("resource", HOSTILE, ids=ascii)
@pytest.mark.parametrize("route", ["/probe", "/bitgo"])
def test_a_hostile_resource_is_refused_and_nothing_is_sent(
    client: FlaskClient, network: responses.RequestsMock, resource: str, route: str
) -> None:
    assert error(pass_through(client, resource, "GET", route)).startswith("INVALID_CALL ")
    assert not network.calls


def test_a_pass_through_without_keys_sends_nothing(client: FlaskClient, network: responses.RequestsMock) -> None:
    assert error(client.post("/probe", json={"method": "__api_x"})).startswith("AUTHENTICATION_FAILED ")
    assert not network.calls


@pytest.mark.parametrize("params", [{"\ud800": "1"}, {"a": "\ud800"}, {"a": [1.5]}, {"a": {}}, {"a": None}], ids=ascii)
def test_parameters_that_cannot_be_sent_are_refused(
    client: FlaskClient, network: responses.RequestsMock, params: dict[str, Any]
) -> None:
    body = {"access_key": "k", "secret_key": "s", "method": "__api_x", "params": params}
    assert error(client.post("/probe", data=json.dumps(body))).startswith("INVALID_CALL ")
    assert not network.calls


@pytest.mark.parametrize(
    "method", ["", "Ticker", "ticker ", "__api", "_api_x", "__API_x", "GetTicker", "__class__", "x" * 10**5]
)
def test_an_unknown_method_is_refused_with_those_there_are(client: FlaskClient, method: str) -> None:
    text = error(client.post("/probe", json={"method": method}))
    assert text.startswith(
        "INVALID_CALL no such method; this gateway answers ticker, depth, records, trades, accounts, "
    )
    assert len(text) < 300


# Guards -----------------------------------------------------------------------------------------------------------


def from_host(client: FlaskClient, host: str) -> Any:
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
    assert "data" in told(from_host(serve(allowed_hosts=("gateway.lan",)), host))


FOREIGN = [
    "evil.example", "evil.example:6666", "127.0.0.1.evil.example", "localhost.evil.example", "evil.example#127.0.0.1",
    "10.0.0.1", "0.0.0.0", "2130706433", "0x7f.1", "127.1", "127.0.0.1@evil.example", "evil.example?localhost",
    "evil.example/localhost", "[::2]", "[", "[::1", "]", "::1", ":", ":6666", "@", "", " ", "localhost.",
    "sub.gateway.lan", "gateway.lan.evil", "ⓛocalhost", "%00",
]  # fmt: skip


@pytest.mark.parametrize("host", FOREIGN, ids=ascii)
def test_another_host_is_refused(serve: Serve, host: str) -> None:
    text = error(from_host(serve(allowed_hosts=("gateway.lan",)), host.encode().decode("latin-1")), 403)
    assert text == "ACCESS_DENIED the Host header names no address of this gateway; add it to ALLOWED_HOSTS"


def test_a_missing_host_is_refused(client: FlaskClient) -> None:
    body = Watched(b"", most=0)
    assert error(post_stream(client, body, HTTP_HOST=""), 403).startswith("ACCESS_DENIED the Host header ")


@pytest.mark.parametrize("host", ["10.0.0.7:6666", "192.168.1.1", "[2001:db8::1]:6666", "0.0.0.0", "127.0.0.1"])
def test_behind_a_public_address_any_address_is_ours_and_no_name_is(serve: Serve, host: str) -> None:
    client = serve(host="0.0.0.0", token="x" * 16)
    assert "data" in told(client.post("/probe?token=" + "x" * 16, json=TICKER, headers={"Host": host}))
    assert error(from_host(client, "evil.example"), 403).startswith("ACCESS_DENIED the Host ")


def test_the_name_that_is_bound_is_ours(serve: Serve) -> None:
    assert "data" in told(from_host(serve(host="gateway.lan"), "gateway.lan:6666"))


@pytest.mark.parametrize(
    "origin",
    [
        "null", "", "https://evil.example", "http://127.0.0.1:6666", "http://localhost", "https://www.fmz.com",
        "https://dash.lan:1", "https://dash.lan.evil", "nonsense",
    ],
)  # fmt: skip
def test_a_web_page_is_refused(serve: Serve, origin: str) -> None:
    client = serve(allowed_origins=("https://dash.lan",))
    text = error(client.post("/probe", json=TICKER, headers={"Origin": origin}), 403)
    assert text == "ACCESS_DENIED requests from web pages are refused; add the page's origin to ALLOWED_ORIGINS"


@pytest.mark.parametrize("origin", ["https://dash.lan", "HTTPS://Dash.lan"])
def test_an_allowed_page_is_let_in(serve: Serve, origin: str) -> None:
    client = serve(allowed_origins=("https://dash.lan",))
    assert "data" in told(client.post("/probe", json=TICKER, headers={"Origin": origin}))


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
    assert "data" in told(serve(token=TOKEN).post("/probe", json=TICKER, query_string=query, headers=headers))


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
        error(reply, 403) == "ACCESS_DENIED the token is missing or wrong; end the service address with ?token=<TOKEN>"
    )


CLIENTS = (ip_network("10.1.0.0/16"), ip_network("192.168.0.7/32"), ip_network("2001:db8::/32"))


@pytest.mark.parametrize("address", ["10.1.0.1", "10.1.255.255", "192.168.0.7", "2001:db8::5", "::ffff:10.1.2.3"])
def test_an_allowed_client_is_let_in(serve: Serve, address: str) -> None:
    reply = serve(allowed_clients=CLIENTS).post("/probe", json=TICKER, environ_overrides={"REMOTE_ADDR": address})
    assert "data" in told(reply)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.2.0.1", "192.168.0.8", "2001:db9::1", "::1", "::ffff:10.2.0.1", "", "nonsense"]
)
def test_another_client_is_refused_whatever_it_says_of_itself(serve: Serve, address: str) -> None:
    headers = {"X-Forwarded-For": "10.1.0.1", "X-Real-Ip": "10.1.0.1", "Forwarded": "for=10.1.0.1"}
    client = serve(allowed_clients=CLIENTS)
    reply = client.post("/probe", json=TICKER, headers=headers, environ_overrides={"REMOTE_ADDR": address})
    assert error(reply, 403) == "ACCESS_DENIED this address is not in ALLOWED_CLIENTS"


@pytest.mark.parametrize("path", ["/probe", "/nope", "/a/b"])
@pytest.mark.parametrize("verb", ["GET", "POST", "OPTIONS"])
def test_guards_stand_before_every_path(serve: Serve, path: str, verb: str) -> None:
    assert error(serve(token=TOKEN).open(path, method=verb, json=TICKER), 403).startswith("ACCESS_DENIED ")


# Failures ---------------------------------------------------------------------------------------------------------

SECRETS = {"access_key": "KEY-8f3a91c07d", "secret_key": "SECRET-5b1e77aa02,PASSPHRASE-c4d9"}
PARTS = ("8f3a91c07d", "5b1e77aa02", "PASSPHRASE-c4d9")


def failing(monkeypatch: pytest.MonkeyPatch, raised: Exception) -> None:
    def ticker(self: Probe, symbol: Symbol) -> Ticker:
        raise raised

    monkeypatch.setattr(Probe, "ticker", ticker)


@pytest.mark.parametrize(
    "kind", [RuntimeError, ValueError, KeyError, TypeError, RecursionError, AssertionError, OSError, MemoryError]
)
def test_a_mistake_of_ours_is_told_without_its_words(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: type[Exception]
) -> None:
    failing(monkeypatch, kind("words that quote SECRET-5b1e77aa02"))
    text = error(client.post("/probe", json={**TICKER, **SECRETS}))
    assert text == f"INTERNAL_ERROR a mistake of the gateway ({kind.__name__}); its log says where"
    [record] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert f"unexpected {kind.__name__} at " in record.getMessage()
    assert "test_app.py:" in record.getMessage()
    assert not record.exc_info
    assert "words that quote" not in caplog.text


def test_a_lost_database_is_told(
    lent: Lent, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def ticker(self: Probe, symbol: Symbol) -> Ticker:
        FuturesSettings(self.upstream.services.database, "Probe", "SECRET-5b1e77aa02").put("contract", "swap")
        raise AssertionError("unreachable")

    monkeypatch.setattr(Probe, "ticker", ticker)
    METADATA.drop_all(lent.state)
    text = error(client.post("/probe", json={**TICKER, **SECRETS}))
    assert text.startswith("INTERNAL_ERROR the gateway's own database cannot be used; see STATE_URL")
    assert "the database failed: " in caplog.text
    assert "SECRET" not in caplog.text


def test_a_database_errors_statement_is_not_told(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failing(monkeypatch, OperationalError("SELECT 'statement'", {"key": "parameter"}, Exception("cause")))
    text = error(client.post("/probe", json=TICKER))
    assert not any(word in text + caplog.text for word in ("statement", "parameter", "cause"))


@pytest.mark.parametrize(
    "words",
    [
        "bad key {access_key}", "{secret_key}", "sign mismatch: secret_key={secret_key}&x",
        "…{access_key}…{secret_key}…",
    ],
)  # fmt: skip
def test_an_exchanges_words_are_scrubbed(client: FlaskClient, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    failing(monkeypatch, ExchangeError(words.format(**SECRETS)))
    text = error(client.post("/probe", json={**TICKER, **SECRETS}))
    assert text.startswith("REFUSED ")
    assert "******" in text
    assert not any(part in text for part in PARTS)


def test_words_that_are_no_unicode_are_told_all_the_same(client: FlaskClient, network: responses.RequestsMock) -> None:
    network.post("https://www.bitgo.cn/appApi.html", body=b'{"code": 1, "msg": "odd \\ud800 words"}')
    call = {**SECRETS, "method": "accounts"}
    assert error(client.post("/bitgo", json=call)).startswith(
        "NO_DEFINITE_ANSWER BitGo HTTP 200: 38 bytes of text/plain"
    )


def test_a_reply_of_ours_that_has_no_json_form_is_a_mistake_of_ours(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def accounts(self: Probe) -> list[Balance]:
        return [Balance("\ud800", Decimal(1), Decimal(0))]

    monkeypatch.setattr(Probe, "accounts", accounts)
    assert error(client.post("/probe", json={"method": "accounts"})).startswith("INTERNAL_ERROR ")


def test_orders_are_listed_of_all_markets_when_none_is_named(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Symbol | None] = []

    def orders(self: Probe, symbol: Symbol | None) -> list[Order]:
        asked.append(symbol)
        return []

    monkeypatch.setattr(Probe, "orders", orders)
    assert told(client.post("/probe", json={"method": "orders"})) == {"data": []}
    assert asked == [None]


# The log ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "call", "line"),
    [
        ("/probe", TICKER, "/probe ticker ok "),
        ("/Probe/?token=hidden-token", TICKER, "/Probe/ ticker ok "),
        ("/nope", TICKER, "/nope ticker INVALID_CALL "),
        ("/probe", {"method": "hidden-method"}, "/probe ? INVALID_CALL "),
        ("/probe", {"method": "__api_hidden/resource"}, "/probe __api_ AUTHENTICATION_FAILED "),
        ("/probe", [], "/probe - INVALID_CALL "),
        ("/x%0d%0a2026-01-01 ERROR forged", TICKER, "/x%0D%0A2026-01-01%20ERROR%20forged ticker INVALID_CALL "),
        ("/" + "x" * 500, TICKER, "/" + "x" * 39 + " ticker INVALID_CALL "),
    ],
)
def test_a_call_is_one_line_of_the_log_without_its_contents(
    client: FlaskClient, caplog: pytest.LogCaptureFixture, path: str, call: Any, line: str
) -> None:
    caplog.set_level(logging.INFO, "fmz-gateway")
    client.post(path, json=call)
    [message] = [record.getMessage() for record in caplog.records if record.name == "fmz-gateway"]
    assert message.startswith(line)
    assert message.endswith(" ms")
    assert message.isprintable()
    assert "hidden" not in message
