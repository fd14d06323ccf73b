"""Envelopes: every host's dialect is the same call, as the request to the exchange shows."""

import json
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
import responses
from flask.testing import FlaskClient

from protocol.models import Order, Symbol
from tests.app.probe import Probe, answer_of


@pytest.fixture
def bitgo(network: responses.RequestsMock) -> responses.RequestsMock:
    network.post(
        "https://www.bitgo.cn/appApi.html", json={"code": 200, "data": {"free": {}, "frozen": {}}, "orderId": 7}
    )
    return network


def query_of(request: requests.PreparedRequest) -> dict[str, str]:
    """Return a request's query."""
    return dict(parse_qsl(urlsplit(str(request.url)).query, keep_blank_values=True))


def sent(network: responses.RequestsMock) -> dict[str, str]:
    """Return the query of the one request that went out."""
    [call] = network.calls
    return query_of(call.request)


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
    assert answer_of(client.post("/bitgo", data=json.dumps(dict([*call.items()][::order]))))["data"] == []
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
    assert answer_of(client.post("/bitgo", data=body))["data"] == {"id": 7}
    _open_orders, order = bitgo.calls
    assert query_of(order.request).items() >= {"price": "1000.50", "amount": "0.10", "type": "0", "symbol": "1"}.items()


def quoted(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


@pytest.mark.parametrize(("top", "key"), [("top", "inner"), ("", "inner"), (None, "inner")])
def test_keys_in_params_win(client: FlaskClient, bitgo: responses.RequestsMock, top: Any, key: str) -> None:
    call = {"access_key": top, "secret_key": top, "method": "accounts"}
    params = {"access_key": key, "secret_key": "inner-secret"}
    answer_of(client.post("/bitgo", json={**call, "params": params}))
    assert sent(bitgo)["api_key"] == key


def test_keys_are_no_parameters_of_a_pass_through(client: FlaskClient, network: responses.RequestsMock) -> None:
    network.post("https://probe.test/x", json={})
    params = {"access_key": "inner", "secret_key": "inner-secret", "a": "1"}
    answer_of(client.post("/probe", json={"method": "__api_x", "params": params}))
    assert sent(network).keys() == {"a", "api_key", "sign"}


def test_orders_are_listed_of_all_markets_when_none_is_named(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Symbol | None] = []

    def orders(self: Probe, symbol: Symbol | None) -> list[Order]:
        asked.append(symbol)
        return []

    monkeypatch.setattr(Probe, "orders", orders)
    assert answer_of(client.post("/probe", json={"method": "orders"})) == {"data": []}
    assert asked == [None]


@pytest.mark.parametrize(
    ("method", "name", "number"),
    [("historyorders", "since", 2**63), ("historyorders", "limit", str(2**63)), ("records", "period", 10**30)],
)
def test_a_number_that_no_database_takes_is_an_invalid_call(
    method: str, name: str, number: object, client: FlaskClient
) -> None:
    call = {"method": method, "params": {"symbol": "BTC_USDT", name: number}}
    assert client.post("/paper", json=call).get_json()["error"].startswith(f"INVALID_CALL {name} must be ")
