"""A modified order is read in every spelling that a host may send."""

import json
from decimal import Decimal
from typing import Any

import pytest

from protocol.calls import read_call
from protocol.errors import InvalidCall
from protocol.models import Direction, Symbol
from protocol.schemas import ModifyParams

CHANGE = {"side": "buy", "price": 77, "amount": 2}
ID = "1547130415509278720"
ETH, SWAP = Symbol("ETH", "USDT"), Symbol("ETH", "USDT", "swap")


def read(**params: Any) -> Any:
    """Return the parameters of a call of ModifyOrder, as they are read."""
    body = json.dumps({"method": "ModifyOrder", "nonce": 7, "params": params}).encode()
    return ModifyParams().read(read_call(body, "").params)


@pytest.mark.parametrize("name", ["id", "orderId", "order_id", "orderid", "OrderId"])
@pytest.mark.parametrize(
    ("given", "symbol", "order_id"),
    [
        (f"ETH_USDT,{ID}", ETH, ID),
        (f"eth_usdt,{ID}", ETH, ID),
        (f"ETH_USDT.swap,{ID}", SWAP, ID),
        (f"ETH-USDT,{ID}", None, ID),
        (f"ETHUSDT,{ID}", None, ID),
        (ID, None, ID),
        (int(ID), None, ID),
        ("OUF4EM-FRGI2-MQMWZD", None, "OUF4EM-FRGI2-MQMWZD"),
    ],
)
def test_an_id_may_have_the_market_before_it(name: str, given: Any, symbol: Symbol | None, order_id: str) -> None:
    found = read(**{name: given}, **CHANGE)
    assert (found["symbol"], found["order_id"]) == (symbol, order_id)


def test_the_market_in_the_id_is_the_orders_own() -> None:
    assert read(id=f"ETH_USDT,{ID}", symbol="BTC_USDT", **CHANGE)["symbol"] == ETH
    assert read(id=f"ETH-USDT,{ID}", symbol="BTC_USDT", **CHANGE)["symbol"] == Symbol("BTC", "USDT")
    assert read(id=ID, symbol="", **CHANGE)["symbol"] is None


def test_numbers_are_exact_and_minus_one_leaves_one_as_it_is() -> None:
    found = read(id=ID, side="closesell", price="0.10", amount=-1)
    assert found["direction"] is Direction.CLOSE_SELL
    assert (found["price"], found["amount"]) == (Decimal("0.10"), None)
    assert str(found["price"]) == "0.10"
    assert read(id=ID, type="BUY", price=-1.0, amount="5")["price"] is None


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"price": -1, "amount": "-1.0"}, "price and amount are both -1, so nothing would be modified"),
        ({"price": 0}, "price must be a plain decimal number above zero, or -1"),
        ({"price": -2}, "price must be"),
        ({"price": "1e99"}, "price must be"),
        ({"price": "0." + "1" * 50}, "price must be"),
        ({"price": ""}, "price must be"),
        ({"price": None}, "price must be"),
        ({"amount": 0}, "amount must be a plain decimal number above zero, or -1"),
        ({"amount": "-0.5"}, "amount must be"),
        ({"amount": True}, "amount must be"),
        ({"side": "hold"}, "type must be buy, sell, closebuy or closesell"),
        ({"side": 'buy;{"priceMatch":"QUEUE_20"}'}, "type must be"),
        ({"side": "buy;priceMatch=QUEUE_20"}, "type must be"),
        ({"type": "sell"}, "type and side differ"),
        ({"id": "ETH_USDT,"}, "id must be an order's id"),
        ({"id": ["7"]}, "id must be an order's id"),
        ({"orderId": "8"}, "id and orderId differ, and it is not clear which order is meant; nothing was sent"),
    ],
)
def test_what_is_wrong_is_told(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidCall, match=words):
        read(**{"id": ID, **CHANGE, **wrong})


@pytest.mark.parametrize("missing", ["id", "side", "price", "amount"])
def test_nothing_may_be_missing(missing: str) -> None:
    with pytest.raises(InvalidCall, match=f"{'type' if missing == 'side' else missing} is missing"):
        read(**{name: value for name, value in {"id": ID, **CHANGE}.items() if name != missing})
