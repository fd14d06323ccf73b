"""Exchange objects of FMZ with one key have a contract, direction and leverage of their own by ``?object=<name>``."""

import logging
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient

from exchanges.base import FuturesExchange
from protocol.errors import InvalidCall
from protocol.models import Direction, Symbol
from tests.conftest import client_of
from tests.lent import Lent
from tests.tiny import BTC, SWAP, FuturesTiny, futures


def named(exchange: FuturesTiny, name: str) -> FuturesTiny:
    """Return the same account by another exchange object."""
    return type(exchange)(
        exchange.credentials, exchange.upstream, exchange.deadline, exchange.request, object_name=name
    )


def test_objects_have_contracts_directions_and_leverages_of_their_own(lent: Lent) -> None:
    plain = futures(lent)
    first, second = named(plain, "first"), named(plain, "second " * 1000 + "\0\ud800")
    for exchange, contract, direction, leverage in (
        (plain, "swap", Direction.BUY, 3), (first, "quarter", Direction.SELL, 5), (second, "swap", Direction.SELL, 7),
    ):  # fmt: skip
        exchange.set_contract(contract)
        exchange.set_direction(direction)
        exchange.set_leverage(leverage, None)
    for exchange, contract, direction, leverage in (
        (plain, "swap", Direction.BUY, 3), (first, "quarter", Direction.SELL, 5), (second, "swap", Direction.SELL, 7),
    ):  # fmt: skip
        again = exchange.fresh()
        assert again.resolve(BTC).contract == contract
        assert again.settings.get("direction") == direction
        assert again.leverage(SWAP) == leverage
    with pytest.raises(InvalidCall, match="no contract is chosen"):
        named(plain, "third").resolve(BTC)


def test_what_is_applied_at_the_exchange_is_the_accounts(lent: Lent) -> None:
    applied: list[int] = []

    def apply_leverage(self: FuturesExchange, symbol: Symbol, leverage: int) -> None:
        applied.append(leverage)

    plain = futures(lent, apply_leverage=apply_leverage)
    first, second = named(plain, "first"), named(plain, "second")
    first.set_leverage(5, None)
    second.set_leverage(7, None)
    for exchange in (first, first, second, first):
        order = exchange.new_order(SWAP, Direction.BUY, None, Decimal(1))
        exchange.prepare(order)
    assert applied == [5, 7, 5]


def trade(client: FlaskClient, path: str, **changes: Any) -> dict[str, Any]:
    params = {"symbol": "BTC_USDT.swap", "type": "sell", "price": "90000", "amount": "1"}
    body = {"access_key": "key", "secret_key": "s", "nonce": 7, "method": "trade", "params": params}
    answer: dict[str, Any] = client.post(path, json=body | changes).get_json()
    return answer


def test_one_nonce_of_two_objects_is_two_orders(lent: Lent) -> None:
    client = client_of(lent.app())
    io = {"method": "io", "params": {"code": 1, "args": ["closebuy"]}}
    assert trade(client, "/Futures_paper?object=second", **io) == {"data": True}
    first = trade(client, "/Futures_paper?object=first")
    assert trade(client, "/Futures_paper?object=first")["data"] == first["data"], "a repeat"
    assert "has no long BTC_USDT.swap to close" in trade(client, "/Futures_paper?object=second")["error"]


def test_directions_of_two_objects_do_not_meet(lent: Lent) -> None:
    client = client_of(lent.app())
    for name, direction in (("first", "sell"), ("second", "buy")):
        io = {"method": "io", "params": {"code": 1, "args": [direction]}}
        assert trade(client, f"/Futures_paper?object={name}", **io) == {"data": True}
    assert "data" in trade(client, "/Futures_paper?object=first")
    assert "direction is buy, invalid order type sell" in trade(client, "/Futures_paper?object=second")["error"]


@pytest.mark.parametrize(
    ("values", "warned"),
    [
        ("swap quarter swap", True), ("swap swap quarter quarter swap", True), ("swap swap swap", False),
        ("swap quarter", False), ("swap quarter quarter", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["", "first"])
def test_contracts_that_are_set_in_turn_are_warned_of_once(
    lent: Lent, caplog: pytest.LogCaptureFixture, values: str, name: str, *, warned: bool
) -> None:
    exchange = named(futures(lent), name)
    with caplog.at_level(logging.WARNING):
        for _ in range(1 + warned):
            for value in values.split():
                exchange.set_contract(value)
    assert caplog.text.count("end each one's service address with a name of its own") == (warned and not name)


def test_contracts_that_are_set_in_turn_slowly_are_not_warned_of(
    lent: Lent, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("transport.upstream.time.monotonic", lambda: now[0])
    exchange = futures(lent)
    for contract in ("swap", "quarter", "swap"):
        exchange.set_contract(contract)
        now[0] += 11
    assert caplog.text == ""
    exchange.set_contract("quarter")
    assert caplog.text == ""


def test_accounts_are_not_taken_for_one_another(lent: Lent, caplog: pytest.LogCaptureFixture) -> None:
    one = futures(lent)
    other = type(one)(replace(one.credentials, key="other"), one.upstream, one.deadline)
    for exchange, direction in ((one, Direction.BUY), (other, Direction.SELL), (one, Direction.BUY)):
        exchange.set_direction(direction)
    assert caplog.text == ""
