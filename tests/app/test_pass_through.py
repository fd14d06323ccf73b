"""Pass-through calls: the verb is in the head, and a hostile resource reaches no exchange."""

import json
from typing import Any

import pytest
import responses
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.app.probe import TICKER, answer_of, error_of


def pass_through(client: FlaskClient, resource: str, verb: str | None = None, route: str = "/probe") -> TestResponse:
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
    assert answer_of(pass_through(client, "/api/v1/x", header)) == {"data": {"n": 1}}
    assert [call.request.method for call in network.calls] == [verb]


@pytest.mark.parametrize(
    "verb", ["HEAD", "OPTIONS", "CONNECT", "TRACE", "GETX", "G ET", "GET,POST", "GET /evil", "\xe9", "0"]
)
@pytest.mark.parametrize("route", ["/probe", "/bitgo"])
def test_a_wrong_verb_is_refused(client: FlaskClient, network: responses.RequestsMock, verb: str, route: str) -> None:
    text = error_of(pass_through(client, "x", verb, route))
    assert text == "INVALID_CALL Http-Method must be one of GET, POST, PUT, DELETE, PATCH"
    assert not network.calls


def test_the_verb_matters_to_a_pass_through_only(client: FlaskClient) -> None:
    assert "data" in answer_of(client.post("/probe", json=TICKER, headers={"Http-Method": "NONSENSE"}))


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
    assert answer_of(pass_through(client, resource)) == {"data": {}}
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
    assert error_of(pass_through(client, resource, "GET", route)).startswith("INVALID_CALL ")
    assert not network.calls


def io(client: FlaskClient, *args: Any) -> TestResponse:
    """Ask as FMZ's operation 4 does."""
    body = {"access_key": "k", "secret_key": "s", "method": "io", "params": {"code": 4, "args": args}}
    return client.post("/probe", data=json.dumps(body))


@pytest.mark.parametrize("resource", HOSTILE, ids=ascii)
def test_a_hostile_resource_of_operation_4_is_refused_and_nothing_is_sent(
    client: FlaskClient, network: responses.RequestsMock, resource: str
) -> None:
    assert error_of(io(client, "api", "GET", resource, "a=1")).startswith("INVALID_CALL ")
    assert not network.calls


@pytest.mark.parametrize("resource", ["https://probe.test/v1/x", "HTTPS://Probe.Test/v1/x", "/v1/x", "v1/x"])
def test_a_resource_may_have_the_exchanges_own_host(
    client: FlaskClient, network: responses.RequestsMock, resource: str
) -> None:
    network.get("https://probe.test/v1/x", json={"n": 1})
    assert answer_of(io(client, "api", "GET", resource)) == answer_of(pass_through(client, resource, "GET"))
    assert [str(call.request.url).partition("?")[0] for call in network.calls] == ["https://probe.test/v1/x"] * 2


@pytest.mark.parametrize(
    "resource",
    [
        "https://probe.test.evil.example/x", "https://probe.test@evil.example/x", "https://probe.test:80/x",
        "http://probe.test/x", "https://evil.example/https://probe.test/x", "https://probe.test", "https://probe.test//x",
        "https://probe.test/../x", "//probe.test/x",
    ],
)  # fmt: skip
def test_any_other_address_is_refused(client: FlaskClient, network: responses.RequestsMock, resource: str) -> None:
    for reply in (io(client, "api", "GET", resource), pass_through(client, resource, "GET")):
        assert error_of(reply).startswith("INVALID_CALL a resource is a plain path on the exchange's own host")
    assert not network.calls


@pytest.mark.parametrize("resource", ["v1/withdraw", "https://probe.test/v1/with-draw", "/V1/Transfer"])
def test_what_moves_money_is_not_sent_by_operation_4(
    client: FlaskClient, network: responses.RequestsMock, resource: str
) -> None:
    assert error_of(io(client, "api", "POST", resource)).startswith("NOT_ALLOWED Probe: POST ")
    assert not network.calls


def test_a_pass_through_without_keys_sends_nothing(client: FlaskClient, network: responses.RequestsMock) -> None:
    assert error_of(client.post("/probe", json={"method": "__api_x"})).startswith("AUTHENTICATION_FAILED ")
    assert not network.calls


@pytest.mark.parametrize("params", [{"\ud800": "1"}, {"a": "\ud800"}, {"a": [1.5]}, {"a": {}}, {"a": None}], ids=ascii)
def test_parameters_that_cannot_be_sent_are_refused(
    client: FlaskClient, network: responses.RequestsMock, params: dict[str, Any]
) -> None:
    body = {"access_key": "k", "secret_key": "s", "method": "__api_x", "params": params}
    assert error_of(client.post("/probe", data=json.dumps(body))).startswith("INVALID_CALL ")
    assert not network.calls


@pytest.mark.parametrize(
    "method", ["", "Tickr", "ticker ", "__api", "_api_x", "__API_x", "GetTrade", "__class__", "é", "x" * 10**5]
)
def test_an_unknown_method_is_refused_with_those_there_are(client: FlaskClient, method: str) -> None:
    text = error_of(client.post("/probe", json={"method": method}))
    assert text.startswith(
        "INVALID_CALL this method is not supported; this gateway answers ticker, depth, records, trades, accounts, "
    )
    assert len(text) < 300
