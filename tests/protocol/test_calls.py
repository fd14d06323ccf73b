"""The identity of an order: one request, however FMZ's host spells it, is one order."""

import json
from typing import Any

import pytest

from protocol.calls import Call, read_call
from protocol.errors import InvalidCall

ORDER = {"symbol": "BTC_USDT", "type": "buy", "price": "1", "amount": "2"}
SIDED = {"symbol": "BTC_USDT", "side": "buy", "price": "1", "amount": "2"}


def call(method: str = "trade", params: dict[str, Any] | None = None, nonce: int = 7, name: str = "") -> Call:
    return read_call(json.dumps({"method": method, "nonce": nonce, "params": params or ORDER}).encode(), "", name)


def test_the_identity_of_a_trade_is_that_of_earlier_releases() -> None:
    """A request that is repeated after an upgrade must be the same order."""
    assert call().identity == '7 trade {"amount": "2", "price": "1", "symbol": "BTC_USDT", "type": "buy"}'
    assert call(name="first").identity == call().identity + " first"


@pytest.mark.parametrize("method", ["trade", "Trade", "CreateOrder", "createorder", "create_order", "CREATE_ORDER"])
@pytest.mark.parametrize("params", [ORDER, SIDED, {**ORDER, "side": "buy"}])
def test_one_order_has_one_identity_in_all_spellings(method: str, params: dict[str, Any]) -> None:
    assert call(method, params).identity == call().identity
    assert call(method, params).params == ORDER


@pytest.mark.parametrize(
    "other",
    [
        call(nonce=8), call(params={**ORDER, "price": "2"}), call("CreateOrder", {**SIDED, "side": "sell"}),
        call("CreateOrder", {**SIDED, "amount": "1"}), call(name="first"),
    ],
)  # fmt: skip
def test_another_order_has_another_identity(other: Call) -> None:
    assert other.identity not in ("", call("CreateOrder", SIDED).identity)


@pytest.mark.parametrize("method", ["ticker", "CancelOrder", "ModifyOrder", "GetTrades", "__api_trade", "trades", "x"])
def test_only_an_order_has_an_identity(method: str) -> None:
    assert call(method).identity == ""
    assert call("CreateOrder", nonce=0).identity == ""


@pytest.mark.parametrize("type_", ["sell", "limit", "BUY", "", None])
def test_a_type_and_a_side_that_differ_are_refused(type_: str | None) -> None:
    with pytest.raises(InvalidCall, match="type and side differ"):
        call("CreateOrder", {**SIDED, "type": type_})


def test_a_side_of_another_call_stays() -> None:
    assert call("__api_order", SIDED).params == SIDED
