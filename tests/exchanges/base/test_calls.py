"""One HTTP call: where it goes, how it is signed, and where its parameters travel."""

from dataclasses import replace
from decimal import Decimal

import pytest

from protocol.errors import AuthenticationFailed
from tests.lent import Lent
from tests.tiny import Canned, tiny
from transport.credentials import Credentials


def test_a_call_goes_to_the_exchanges_own_address(lent: Lent) -> None:
    http = Canned(body=b'{"ok": [1.10]}')
    exchange = tiny(lent, http)
    assert exchange.call("GET", "/time", params={"a": "1"}) == [1.1]
    [request] = http.sent
    assert (request.method, request.url, request.params, request.auth) == (
        "GET",
        "https://tiny.test/time",
        {"a": "1"},
        None,
    )
    assert exchange.replies == [b'{"ok": [1.10]}']


def test_an_address_of_the_settings_wins(lent: Lent) -> None:
    http = Canned()
    exchange = tiny(replace(lent, urls={"Tiny": "http://127.0.0.1:1"}), http)
    exchange.call("GET", "/time")
    assert http.sent[0].url == "http://127.0.0.1:1/time"


def test_signed_replies_are_exact_and_public_ones_doubles(lent: Lent) -> None:
    exchange = tiny(lent, Canned(body=b'{"ok": 0.10000000000000000001}'))
    assert exchange.call("GET", "/x", signed=True) == Decimal("0.10000000000000000001")
    assert type(exchange.call("GET", "/x")) is float


def test_a_pass_through_is_signed_and_below_the_exchanges_host(lent: Lent) -> None:
    http = Canned()
    tiny(lent, http).raw("DELETE", "api/v1/x", {"a": "1"})
    [request] = http.sent
    assert (request.method, request.url, request.params) == ("DELETE", "https://tiny.test/api/v1/x", {"a": "1"})
    assert request.auth is not None
    assert request.prepare().headers["X-Key"] == "tiny-key"


@pytest.mark.parametrize(
    "keys", [Credentials(), Credentials("key"), Credentials("", "secret")], ids=["none", "key", "secret"]
)
def test_missing_keys_fail_before_anything_is_sent(lent: Lent, keys: Credentials) -> None:
    http = Canned()
    exchange = tiny(lent, http, keys)
    with pytest.raises(AuthenticationFailed, match="Tiny needs both an access key and a secret key; nothing was sent"):
        exchange.accounts()
    with pytest.raises(AuthenticationFailed):
        exchange.raw("GET", "time", {})
    assert http.sent == []
    exchange.call("GET", "/time")
    assert len(http.sent) == 1


@pytest.mark.parametrize(
    ("sends", "verb", "place"),
    [
        ("query", "POST", "params"), ("form", "POST", "data"), ("json", "POST", "json"), ("json", "PUT", "json"),
        ("json", "GET", "params"), ("form", "DELETE", "params"),
    ],
)  # fmt: skip
def test_parameters_travel_where_the_exchange_wants_them(lent: Lent, sends: str, verb: str, place: str) -> None:
    http = Canned()
    exchange = tiny(lent, http, sends=sends)
    exchange.call(verb, "/x", params={"a": "1"})
    places = {name: getattr(http.sent[0], name) for name in ("params", "data", "json")}
    assert {name: value for name, value in places.items() if value} == {place: {"a": "1"}}


def test_test_money_is_asked_for_in_the_head(lent: Lent) -> None:
    for testnets in (frozenset[str](), frozenset({"Tiny"})):
        http = Canned()
        exchange = tiny(replace(lent, testnets=testnets), http, testnet_headers={"X-Test": "1"})
        exchange.call("GET", "/x")
        assert ("X-Test" in http.sent[0].headers) is bool(testnets)
