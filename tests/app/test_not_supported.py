"""A refusal of the impossible says ``not supported``, FMZ's own words, whatever the exchange, call and spelling."""

from collections.abc import Iterator
from typing import Any

import pytest
import responses
from flask.testing import FlaskClient

from exchanges import EXCHANGES
from exchanges.base import Exchange, FuturesExchange, Market
from exchanges.base.abilities import can
from protocol.methods import METHODS
from tests.app.probe import error_of

CONDITION = [
    "CreateConditionOrder", "CancelConditionOrder", "GetConditionOrder", "GetConditionOrders",
    "GetHistoryConditionOrders", "create_condition_order", "getconditionorders", "ConditionOrders",
]  # fmt: skip
PARAMS = {"symbol": "BTC_USDT", "id": "7", "type": "closebuy", "price": "1", "amount": "1", "period": "7", "code": 9}
"""Parameters of every call, such as spot exchanges cannot do: an order that closes, an operation that there is not."""
SYMBOLS = ["BTC_USDT", "btc", "BTC_USDT.swap", "BTC_USDT.quarter", "BTC_USDT.BTC-MADE-UP", "USDT.swap", "swap", "X_Y.Z"]
"""Every form of a market, a range and a contract. What some of them mean, an exchange may have to be asked for."""
OURS = {"historyorders": "history"}
"""FMZ's names of calls → our methods, where they differ."""


class Bare(Exchange):
    """Declares nothing but a name."""

    name = "Bare"
    url = "https://bare.test"


@pytest.fixture(autouse=True)
def nothing_sent(network: responses.RequestsMock) -> Iterator[None]:
    yield
    assert not network.calls


class BareFutures(FuturesExchange):
    """Has a list of markets, and nothing that it would be needed for."""

    name = "BareFutures"
    url = "https://bare.test"
    contracts = frozenset({"swap"})
    max_leverage = 10

    def markets(self) -> list[Market]:
        rows: list[Market] = self.get("markets")
        return rows


def refusal(client: FlaskClient, route: str, method: str, params: dict[str, Any]) -> str:
    keys = {"access_key": "k", "secret_key": "s", "nonce": 7}
    return error_of(client.post(f"/{route}", json={**keys, "method": method, "params": params}))


@pytest.mark.parametrize("route", EXCHANGES)
def test_orders_with_a_condition_are_not_supported(client: FlaskClient, route: str) -> None:
    for method in CONDITION:
        said = refusal(client, route, method, {"symbol": "BTC_USDT", "side": "buy", "amount": 1, "id": "7"})
        assert said.startswith("UNSUPPORTED not supported: orders with a condition. Nothing was sent. ")
        assert said.endswith("make the exchange's own call with exchange.IO")


@pytest.mark.parametrize("route", [route for route, kind in EXCHANGES.items() if not can(kind, "modify")])
def test_modifying_is_not_supported_where_the_exchange_has_no_call_for_it(client: FlaskClient, route: str) -> None:
    for method in ("ModifyOrder", "modify_order", "modifyorder"):
        said = refusal(client, route, method, {"id": "7", "side": "buy", "price": 1, "amount": 1})
        assert said.startswith(f"UNSUPPORTED not supported: {EXCHANGES[route].name} ")
        assert said.endswith(
            ". Cancel the order with CancelOrder, ask GetOrder what was filled of it, and place a new one for the rest."
            " Nothing was sent, and the order is as it was"
        )


@pytest.mark.parametrize("route", EXCHANGES)
@pytest.mark.parametrize("method", ["Withdraw", "GetTrade", "", "nonsense"])
def test_an_unknown_method_is_not_supported(client: FlaskClient, route: str, method: str) -> None:
    assert refusal(client, route, method, {}).startswith("INVALID_CALL this method is not supported; ")


@pytest.mark.parametrize("route", EXCHANGES)
def test_an_unknown_operation_is_not_supported(client: FlaskClient, route: str) -> None:
    for params in ({"code": 5}, {"code": 4}, {"code": 4, "args": ["simulate", True]}):
        assert refusal(client, route, "io", params).startswith("UNSUPPORTED not supported: ")


@pytest.mark.parametrize(
    ("route", "method"),
    [
        (route, method)
        for route, exchange in EXCHANGES.items()
        for method in METHODS
        if not can(exchange, OURS.get(method, method)) and method not in ("assets", "io")
    ],
)
def test_what_an_exchange_lacks_is_not_supported_however_it_is_asked(
    client: FlaskClient, route: str, method: str
) -> None:
    for symbol in SYMBOLS:
        assert refusal(client, route, method, PARAMS | {"symbol": symbol}).startswith("UNSUPPORTED not supported: ")


@pytest.mark.parametrize("symbol", SYMBOLS)
@pytest.mark.parametrize("method", sorted(METHODS.keys() - {"markets", "io"}))
def test_what_futures_lack_is_told_before_the_markets_are_asked_for(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, method: str, symbol: str
) -> None:
    monkeypatch.setitem(EXCHANGES, "barefutures", BareFutures)
    said = refusal(client, "barefutures", method, PARAMS | {"symbol": symbol})
    assert said.startswith("UNSUPPORTED not supported: BareFutures has no ")


def test_positions_by_operation_are_not_supported_either(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXCHANGES, "barefutures", BareFutures)
    said = refusal(client, "barefutures", "io", {"code": 3, "args": ["BTC_USDT"]})
    assert said == "UNSUPPORTED not supported: BareFutures has no list of positions"


@pytest.mark.parametrize("method", [*METHODS, "CreateOrder", "GetOrders", "__api_x"])
def test_an_adapter_that_has_nothing_supports_nothing(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setitem(EXCHANGES, "bare", Bare)
    assert refusal(client, "bare", method, PARAMS).startswith("UNSUPPORTED not supported: ")


@pytest.mark.parametrize("route", [name for name, kind in EXCHANGES.items() if not issubclass(kind, FuturesExchange)])
def test_what_is_for_futures_is_not_supported_on_spot(client: FlaskClient, route: str) -> None:
    for code, args in ((0, [3]), (1, ["buy"]), (2, ["swap"]), (3, [])):
        assert refusal(client, route, "io", {"code": code, "args": args}).startswith("UNSUPPORTED not supported: ")
    for method, params in (("ticker", {**PARAMS, "symbol": "BTC_USDT.swap"}), ("CreateOrder", PARAMS)):
        assert refusal(client, route, method, params).startswith("UNSUPPORTED not supported: ")
