"""Orders through the real service against exchanges on loopback that check signatures and keep orders."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app import create_app
from exchanges import find
from exchanges.http import Http
from exchanges.services import Services
from exchanges.signing import Credentials
from exchanges.state import open_state
from protocol import wire
from protocol.models import Symbol
from settings import Settings
from tests.fakes import KEY, PASSPHRASE, SECRET, FakeExchange
from tests.fakes.binance import FakeBinance
from tests.fakes.kraken import FakeKraken
from tests.fakes.okx import FakeOKX

FAKES: dict[str, type[FakeExchange]] = {"Binance": FakeBinance, "OKX": FakeOKX, "Kraken": FakeKraken}
SYMBOL = "BTC_USDT"
LIMIT = {"symbol": SYMBOL, "type": "buy", "price": "60000.50", "amount": "0.010"}

Call = Callable[..., dict[str, Any]]


@pytest.fixture(params=FAKES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def fake(name: str) -> Iterator[FakeExchange]:
    with FAKES[name]() as exchange:
        yield exchange


@pytest.fixture
def services(name: str, fake: FakeExchange) -> Iterator[Services]:
    state = open_state("sqlite://")
    yield Services(http=Http(deadline=5), state=state, urls={name: fake.url})
    state.dispose()


@pytest.fixture
def call(name: str, services: Services) -> Call:
    client = create_app(Settings(), services).test_client()

    def call(method: str, params: Any = None, secret: str = SECRET, key: str = KEY, nonce: int = 0) -> dict[str, Any]:
        keys = {"access_key": key, "secret_key": f"{secret},{PASSPHRASE}", "nonce": nonce}
        answer: dict[str, Any] = client.post(
            f"/{name}", data=wire.write({**keys, "method": method, "params": params or {}})
        ).get_json()
        return answer

    return call


def test_an_orders_life(call: Call, fake: FakeExchange) -> None:
    order_id = call("trade", LIMIT)["data"]["id"]
    [order] = fake.orders
    assert (order.price, order.amount) == ("60000.50", "0.010")
    shown = call("order", {"symbol": SYMBOL, "id": order_id})["data"]
    assert (shown["status"], shown["type"], shown["amount"], shown["price"]) == ("open", "buy", 0.01, 60000.5)
    assert [row["id"] for row in call("orders", {"symbol": SYMBOL})["data"]] == [order_id]
    assert call("cancel", {"symbol": SYMBOL, "id": order_id})["data"] is True
    assert call("order", {"symbol": SYMBOL, "id": order_id})["data"]["status"] == "cancelled"
    assert call("orders", {"symbol": SYMBOL})["data"] == []
    assert call("cancel", {"symbol": SYMBOL, "id": order_id})["error"].startswith("ORDER_NOT_FOUND ")


def test_a_market_order_is_filled(call: Call) -> None:
    order_id = call("trade", {**LIMIT, "price": "-1", "amount": "100"})["data"]["id"]
    assert call("order", {"symbol": SYMBOL, "id": order_id})["data"]["status"] == "closed"


def test_a_wrong_secret_and_a_wrong_key_are_told(call: Call, fake: FakeExchange) -> None:
    wrong = "d3Jvbmctc2VjcmV0LW9mLWJhc2U2NA=="
    assert call("trade", LIMIT, secret=wrong)["error"].startswith("AUTHENTICATION_FAILED ")
    assert call("accounts", key="other-key")["error"].startswith("AUTHENTICATION_FAILED ")
    assert fake.orders == []


def test_too_little_money_is_told(call: Call, fake: FakeExchange) -> None:
    assert call("trade", {**LIMIT, "amount": "1000000"})["error"].startswith("INSUFFICIENT_FUNDS ")
    assert fake.orders == []


def test_an_order_is_found_by_its_client_id_open_filled_or_cancelled(
    name: str, call: Call, fake: FakeExchange, services: Services
) -> None:
    exchange = find(name)(Credentials(KEY, SECRET, PASSPHRASE), services)
    symbol = Symbol.parse(SYMBOL)
    order_id = call("trade", LIMIT, nonce=1)["data"]["id"]
    [order] = fake.orders
    for state, status in (("open", "open"), ("filled", "closed"), ("cancelled", "cancelled")):
        order.state = state
        found = exchange.find(symbol, order.client_id)
        assert found is not None
        assert (str(found.id), found.status) == (str(order_id), status)
    assert exchange.find(symbol, order.client_id[:-1] + "0") is None or order.client_id.endswith("0")


def test_an_order_that_is_listed_late_is_found_then(
    name: str, call: Call, fake: FakeExchange, services: Services
) -> None:
    exchange = find(name)(Credentials(KEY, SECRET, PASSPHRASE), services)
    fake.lag = 0.3
    call("trade", LIMIT, nonce=1)
    [order] = fake.orders
    assert exchange.find(Symbol.parse(SYMBOL), order.client_id) is None
    time.sleep(0.35)
    assert exchange.find(Symbol.parse(SYMBOL), order.client_id) is not None


def test_every_order_has_a_client_id_of_its_own(call: Call, fake: FakeExchange) -> None:
    for nonce in (1, 2, 0, 0):
        call("trade", LIMIT, nonce=nonce)
    ids = {order.client_id for order in fake.orders}
    assert len(ids) == 4
    assert "" not in ids
