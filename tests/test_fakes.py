"""Orders through the real service against exchanges on loopback that check signatures and keep orders."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from exchanges import find
from exchanges.base.abilities import can
from exchanges.base.exchange import Exchange
from protocol import wire
from protocol.errors import ExchangeError, OrderFilled, OrderNotFound, OutcomeUnknown
from protocol.models import NewOrder, OrderId, Side, Symbol
from tests.conftest import client_of
from tests.fakes import KEY, PASSPHRASE, SECRET, TOO_MUCH, Account, FakeExchange
from tests.fakes.broken import Broken
from tests.fakes.exchanges import FAKES
from tests.fakes.kraken import FakeKraken
from tests.fakes.okx import FakeFuturesOKX, FakeOKX
from tests.lent import Lent
from transport.credentials import Credentials
from transport.http import Http

with_client_ids = pytest.mark.parametrize("name", [name for name in FAKES if find(name).client_id])
with_modified_orders = pytest.mark.parametrize("name", [name for name in FAKES if can(find(name), "modify")])
with_market_orders = pytest.mark.parametrize("name", [name for name in FAKES if not find(name).limit_only])
LIMIT_ONLY = [name for name in FAKES if find(name).limit_only]
ORDER = {"market": "BTCUSDT", "side": "BUY", "price": "60000", "amount": "1"}
LIMIT = {"type": "buy", "price": "60000.50", "amount": "0.010"}

Call = Callable[..., dict[str, Any]]


@pytest.fixture(params=FAKES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def fake(name: str) -> Iterator[FakeExchange]:
    with FAKES[name]() as exchange:
        yield exchange


@pytest.fixture
def lent(name: str, fake: FakeExchange, state: Engine) -> Lent:
    return Lent(http=Http(), state=state, urls={name: fake.url}, measure_clocks=False)


@pytest.fixture
def exchange(name: str, lent: Lent) -> Exchange:
    return lent.open(find(name), Credentials(KEY, SECRET, PASSPHRASE))


@pytest.fixture
def call(name: str, fake: FakeExchange, lent: Lent) -> Call:
    client = client_of(lent.app())

    def call(method: str, params: Any = None, secret: str = SECRET, key: str = KEY, nonce: int = 0) -> dict[str, Any]:
        keys = {"access_key": key, "secret_key": f"{secret},{PASSPHRASE}", "nonce": nonce}
        asked = {"method": method, "params": {"symbol": fake.symbol, **(params or {})}}
        answer: dict[str, Any] = client.post(f"/{name}", data=wire.write({**keys, **asked})).get_json()
        return answer

    return call


def order_with(exchange: Exchange, fake: FakeExchange, client_id: str) -> OrderId:
    """Place an order that carries a client id."""
    symbol = exchange.resolve(Symbol.parse(fake.symbol))
    return exchange.trade(
        NewOrder(symbol=symbol, side=Side.BUY, price=Decimal(60000), amount=Decimal("0.01"), client_id=client_id)
    )


def test_an_orders_life(call: Call, fake: FakeExchange, exchange: Exchange) -> None:
    order_id = call("trade", LIMIT)["data"]["id"]
    [order] = fake.orders
    assert (order.account, order.price, order.amount) == (KEY, "60000.50", "0.010")
    shown = call("order", {"id": order_id})["data"]
    assert (shown["status"], shown["type"], shown["amount"], shown["price"]) == ("open", "buy", 0.01, 60000.5)
    assert [row["id"] for row in call("orders")["data"]] == [order_id]
    assert call("cancel", {"id": order_id})["data"] is True
    assert call("order", {"id": order_id})["data"]["status"] == "cancelled"
    assert call("orders")["data"] == []
    with pytest.raises(ExchangeError):
        exchange.cancel(exchange.resolve(Symbol.parse(fake.symbol)), str(order_id))


@with_modified_orders
def test_a_modified_order(call: Call, fake: FakeExchange) -> None:
    order_id = call("trade", LIMIT)["data"]["id"]
    [order] = fake.orders
    asked = {"id": order_id, "type": "buy", "price": "59000.50", "amount": "0.020"}
    assert call("modify", asked)["data"]["id"] == order_id
    assert (order.price, order.amount) == ("59000.50", "0.020")
    assert call("modify", {**asked, "price": "-1", "amount": "0.03"})["data"]["id"] == order_id
    assert (order.price, order.amount) == ("59000.50", "0.03"), "as the exchange shows it"
    sent = sum(fake.asked.values())
    assert call("modify", {**asked, "price": "59000.5", "amount": "-1"})["data"]["id"] == order_id
    assert sum(fake.asked.values()) == sent + 1, "it was looked at, and is so already"
    shown = call("order", {"id": order_id})["data"]
    assert (shown["status"], shown["price"], shown["amount"]) == ("open", 59000.5, 0.03)
    assert call("modify", {**asked, "amount": TOO_MUCH})["error"].startswith("INSUFFICIENT_FUNDS ")
    assert call("trade", LIMIT, nonce=0)["data"]["id"] != order_id
    order.state = "filled"
    assert call("modify", asked)["error"].startswith("ORDER_FILLED ")
    order.state = "cancelled"
    assert call("modify", asked)["error"].startswith("ORDER_NOT_FOUND ")


@with_modified_orders
@pytest.mark.parametrize(("end", "label"), [("filled", "ORDER_FILLED "), ("cancelled", "ORDER_NOT_FOUND ")])
def test_an_order_that_ends_while_it_is_modified(
    call: Call, fake: FakeExchange, exchange: Exchange, end: str, label: str
) -> None:
    """The exchange's own word; where it has one for both, it is that of an order that is not there."""
    order_id = call("trade", LIMIT)["data"]["id"]
    [order] = fake.orders
    order.state = end
    symbol = exchange.resolve(Symbol.parse(fake.symbol))
    new = NewOrder(symbol=symbol, side=Side.BUY, price=Decimal(59000), amount=Decimal(1))
    with pytest.raises((OrderFilled, OrderNotFound)) as raised:
        exchange.modify(str(order_id), new)
    assert str(raised.value).startswith((label, "ORDER_NOT_FOUND "))


@with_market_orders
def test_a_market_order_is_filled(call: Call) -> None:
    order_id = call("trade", {**LIMIT, "price": "-1", "amount": "100"})["data"]["id"]
    assert call("order", {"id": order_id})["data"]["status"] == "closed"


@pytest.mark.parametrize("name", LIMIT_ONLY)
def test_a_market_order_is_not_sent_where_there_is_none(call: Call, fake: FakeExchange) -> None:
    assert call("trade", {**LIMIT, "price": "-1"})["error"].startswith("UNSUPPORTED ")
    assert not fake.asked


@pytest.mark.parametrize("name", ["OKX"])
def test_a_spot_order_is_paid_as_the_accounts_level_wants_it(call: Call, fake: FakeExchange) -> None:
    assert isinstance(fake, FakeOKX)
    for number, level in enumerate("1432", 1):  # the second finds what was kept of the first wrong, and so on
        fake.level = level
        call("trade", LIMIT, nonce=number)
        assert len(fake.orders) == number, level


@pytest.mark.parametrize("name", ["Futures_OKX"])
@pytest.mark.parametrize("mode", ["net_mode", "long_short_mode"])
def test_an_isolated_position_can_be_closed(call: Call, fake: FakeExchange, mode: str) -> None:
    assert isinstance(fake, FakeFuturesOKX)
    call("__api_api/v5/account/set-position-mode", {"posMode": mode})
    closing = {**LIMIT, "type": "closesell"}
    assert "id" in call("trade", closing, nonce=1)["data"]
    fake.isolated = {"short": "3"}
    assert "id" in call("trade", closing, nonce=2)["data"]
    assert "id" in call("trade", {**LIMIT, "type": "sell"}, nonce=3)["data"]
    assert [order.side for order in fake.orders] == ["buy", "buy", "sell"]


@pytest.mark.parametrize(("name", "amount"), [("Binance", "0.01000"), ("OKX", "0.01"), ("Kraken", "0.01000000")])
def test_an_orders_first_request_is_for_the_rules_of_its_market(
    name: str, amount: str, fake: FakeExchange, lent: Lent
) -> None:
    exact = {**LIMIT, "amount": "0.010000000001"}
    client = client_of(replace(lent, exact_orders=False).app())
    keys = {"access_key": KEY, "secret_key": f"{SECRET},{PASSPHRASE}", "nonce": 1}
    params = {"symbol": fake.symbol, **exact}
    answer = client.post(f"/{name}", data=wire.write({**keys, "method": "trade", "params": params})).get_json()
    assert answer["data"]["id"]
    assert [order.amount for order in fake.orders] == [amount]
    assert fake.routes[next(iter(fake.asked))] == "info"


@pytest.mark.parametrize("name", ["Kraken"])
def test_a_key_with_a_second_factor_sends_its_password(call: Call, fake: FakeExchange) -> None:
    assert isinstance(fake, FakeKraken)
    fake.password = PASSPHRASE
    order_id = call("trade", LIMIT)["data"]["id"]
    assert [row["id"] for row in call("orders")["data"]] == [order_id]
    fake.password = "another"
    assert call("orders")["error"].startswith("AUTHENTICATION_FAILED ")


def test_a_wrong_secret_and_a_wrong_key_are_reported(name: str, call: Call, fake: FakeExchange) -> None:
    # Where no codes are known, all refusals are the same to the gateway.
    label = "AUTHENTICATION_FAILED " if find(name).refusals else "REFUSED "
    wrong = "d3Jvbmctc2VjcmV0LW9mLWJhc2U2NA=="
    assert call("trade", LIMIT, secret=wrong)["error"].startswith(label)
    assert call("accounts", key="other-key")["error"].startswith(label)
    assert fake.orders == []


def test_too_little_money_is_reported(name: str, call: Call, fake: FakeExchange) -> None:
    label = "INSUFFICIENT_FUNDS " if find(name).refusals else "REFUSED "
    assert call("trade", {**LIMIT, "amount": TOO_MUCH})["error"].startswith(label)
    assert fake.orders == []


def test_money_is_shown(call: Call) -> None:
    [row] = [row for row in call("accounts")["data"] if row["free"]]
    assert row["free"] == 1000


def test_every_key_is_an_account_of_its_own(call: Call, fake: FakeExchange) -> None:
    mine, other = KEY, f"{KEY}-17"
    order_id = call("trade", LIMIT, key=mine)["data"]["id"]
    assert "error" in call("order", {"id": order_id}, key=other)
    assert "error" in call("cancel", {"id": order_id}, key=other)
    assert call("orders", key=other)["data"] == []
    other_id = call("trade", LIMIT, key=other)["data"]["id"]
    assert [row["id"] for row in call("orders", key=other)["data"]] == [other_id]
    assert [row["id"] for row in call("orders", key=mine)["data"]] == [order_id]
    assert [(order.account, order.state) for order in fake.orders] == [(mine, "open"), (other, "open")]


@with_client_ids
def test_an_order_is_found_by_its_client_id_open_filled_or_cancelled(
    call: Call, fake: FakeExchange, exchange: Exchange
) -> None:
    symbol = exchange.resolve(Symbol.parse(fake.symbol))
    order_id = call("trade", LIMIT, nonce=1)["data"]["id"]
    [order] = fake.orders
    for state in ("open", "filled", "cancelled"):
        order.state = state
        assert str(exchange.find(symbol, order.client_id)) == str(order_id)
    assert exchange.find(symbol, order.client_id[:-1] + "0") is None or order.client_id.endswith("0")


@with_client_ids
def test_a_client_id_is_free_again_when_its_order_is_done(fake: FakeExchange, exchange: Exchange) -> None:
    fake.lag = 60  # the exchange knows what it does not list yet
    client_id = "a1" * 16
    order_with(exchange, fake, client_id)
    for state, count in (("filled", 2), ("cancelled", 3)):
        with pytest.raises(OutcomeUnknown):  # an order has this id: which, a look-up tells
            order_with(exchange, fake, client_id)
        fake.orders[-1].state = state
        order_with(exchange, fake, client_id)
        assert len(fake.orders) == count
    assert {order.client_id for order in fake.orders} == {client_id}


@with_client_ids
def test_an_order_that_is_listed_late_is_found_then(call: Call, fake: FakeExchange, exchange: Exchange) -> None:
    symbol = exchange.resolve(Symbol.parse(fake.symbol))
    fake.lag = 60
    call("trade", LIMIT, nonce=1)
    [order] = fake.orders
    assert exchange.find(symbol, order.client_id) is None
    order.lag = 0
    assert exchange.find(symbol, order.client_id) is not None


def test_no_list_and_no_look_up_knows_an_order_that_is_listed_late(call: Call, fake: FakeExchange) -> None:
    fake.lag = 60
    order_id = call("trade", LIMIT)["data"]["id"]
    [order] = fake.orders
    assert call("orders")["data"] == []
    assert "error" in call("order", {"id": order_id})
    assert "error" in call("cancel", {"id": order_id})
    order.lag = 0
    assert call("order", {"id": order_id})["data"]["status"] == "open"


def test_an_order_is_listed_when_its_lag_is_over() -> None:
    account = Account(KEY)
    order = FakeExchange(0.05).place(account, **ORDER)
    assert account.listed() == account.listed(id=order.id) == account.listed(state="open") == []
    time.sleep(0.06)
    assert account.listed() == account.listed(id=order.id) == account.listed(state="open") == [order]


def test_every_order_can_have_a_lag_of_its_own() -> None:
    def lags(lag: Any) -> list[float]:
        exchange, accounts = FakeExchange(lag), (Account(KEY), Account(f"{KEY}-2"))
        return [exchange.place(account, **ORDER).lag for account in accounts for _ in range(3)]

    assert len(set(lags((1, 3)))) == 6
    assert all(1 <= lag <= 3 for lag in lags((1, 3)))
    assert lags((1, 3)) == lags((1, 3))
    assert lags(lambda order: 2.0 if order.account == KEY else 0.5) == [2.0] * 3 + [0.5] * 3
    assert lags(0.25) == [0.25] * 6


def test_look_ups_among_many_orders_take_no_longer() -> None:
    exchange, account = FakeExchange(), Account(KEY)
    orders = [exchange.place(account, client_id=f"id-{number}", state="filled", **ORDER) for number in range(20_000)]
    begun = time.monotonic()
    for order in orders[:2000]:
        assert account.listed(id=order.id) == account.listed(client_id=order.client_id) == [order]
        assert account.listed(state="open") == []
        assert not account.uses(order.client_id)
    assert time.monotonic() - begun < 1


def test_the_gateway_trades_through_the_transport_that_can_spoil_replies(name: str, state: Engine) -> None:
    with Broken(FAKES[name]()) as server:
        lent = Lent(http=Http(), state=state, urls={name: server.url}, measure_clocks=False)
        exchange = lent.open(find(name), Credentials(KEY, SECRET, PASSPHRASE))
        order_id = order_with(exchange, server.fake, "b2" * 16)
        assert [str(order_id)] == [order.id for order in server.fake.orders]


@with_client_ids
def test_every_order_has_a_client_id_of_its_own(call: Call, fake: FakeExchange) -> None:
    for nonce in (1, 2, 0, 0):
        call("trade", LIMIT, nonce=nonce)
    ids = {order.client_id for order in fake.orders}
    assert len(ids) == 4
    assert "" not in ids
