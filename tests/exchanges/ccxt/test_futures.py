"""Swaps through ccxt: contracts, closing orders, leverage and positions, against the fake of one exchange."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exchanges.base import FuturesExchange, Market, Symbol
from exchanges.ccxt.futures import CcxtFutures
from tests.exchanges.ccxt.conftest import Call, bridged, calls
from tests.exchanges.ccxt.fakes import FullFuturesBinance
from tests.fakes import KEY, Account

SYMBOL = {"symbol": "BTC_USDT.swap"}
LIMIT = {**SYMBOL, "type": "buy", "price": "60000.5", "amount": "0.010"}

pytestmark = pytest.mark.usefixtures("unlimited")


@pytest.fixture
def fake() -> Iterator[FullFuturesBinance]:
    with FullFuturesBinance() as exchange:
        yield exchange


@pytest.fixture
def call(fake: FullFuturesBinance, tmp_path: Path) -> Iterator[Call]:
    with calls(bridged("binanceusdm", "Futures_Binance"), fake.url, tmp_path) as call:
        yield call


def test_an_orders_life(call: Call, fake: FullFuturesBinance) -> None:
    assert call("io", {"code": 2, "args": ["swap"]})["data"] is True
    order_id = call("trade", {**LIMIT, "symbol": "BTC_USDT"})["data"]["id"]
    [order] = fake.orders
    assert (order.market, order.price, order.amount) == ("BTCUSDT", "60000.5", "0.010")
    assert call("order", {**SYMBOL, "id": order_id})["data"]["status"] == "open"
    assert [row["id"] for row in call("orders", SYMBOL)["data"]] == [order_id]
    everywhere = call("orders", {"symbol": "USDT.swap"})
    assert [row["id"] for row in everywhere.get("data", [everywhere])] == [order_id]
    assert call("cancel", {**SYMBOL, "id": order_id})["data"] is True


def test_a_closing_order_only_reduces(call: Call, fake: FullFuturesBinance, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, str]] = []
    place = FullFuturesBinance.new

    def new(self: FullFuturesBinance, account: Account, params: dict[str, str]) -> Any:
        asked.append(params)
        return place(self, account, params)

    monkeypatch.setattr(FullFuturesBinance, "new", new)
    for direction, side in (("buy", "BUY"), ("closebuy", "SELL"), ("sell", "SELL"), ("closesell", "BUY")):
        assert "data" in call("trade", {**LIMIT, "type": direction, "price": "-1"}), direction
        assert asked[-1]["side"] == side
        assert (asked[-1].get("reduceOnly") == "true") is direction.startswith("close")
        assert asked[-1]["quantity"] == "0.010"


def test_leverage_is_set_before_an_order(call: Call, fake: FullFuturesBinance) -> None:
    assert call("io", {"code": 0, "args": [20]})["data"] is True
    assert not fake._accounts
    assert "data" in call("trade", LIMIT)
    assert fake._accounts[KEY].settings["leverage", "BTCUSDT"] == "20"
    assert call("io", {"code": 0, "args": [501]})["error"].startswith("INVALID_CALL leverage 501 is above ")


def test_positions(call: Call) -> None:
    [position] = call("io", {"code": 3, "args": []})["data"]
    assert {name: position[name] for name in ("symbol", "type", "amount", "price", "profit", "margin")} == {
        "symbol": "BTC_USDT.swap", "type": 1, "amount": 0.02, "price": 60000.5, "profit": 0.01, "margin": 60,
    }  # fmt: skip
    assert call("io", {"code": 3, "args": ["ETH_USDT.swap"]}).get("data", []) == []


@pytest.mark.parametrize(
    ("base", "quote", "settle", "contract"),
    [
        ("BTC", "USDT", "USDT", "swap"), ("BTC", "USD", "BTC", "swap"), ("BTC", "USD", "USDC", "BTC-X"),
        ("btc", "usdc", "USDC", "swap"),
    ],
)  # fmt: skip
def test_linear_and_inverse_swaps_are_fmzs_swap(base: str, quote: str, settle: str, contract: str) -> None:
    row = {"base": base, "quote": quote, "settle": settle, "id": "BTC-X"}
    # The name is read from the row alone, so that no exchange needs to be opened for it.
    assert CcxtFutures.symbol_in(None, row) == Symbol(base.upper(), quote.upper(), contract)  # type: ignore[arg-type]


def test_of_two_swaps_with_one_name_the_second_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def market(market_id: str) -> Market:
        return Market(symbol=Symbol("BTC", "USD", "swap"), id=market_id, tick_size=Decimal(1), lot_size=Decimal(1))

    monkeypatch.setattr("exchanges.ccxt.api.CcxtApi.markets", lambda self: [market("PF_XBTUSD"), market("PI_XBTUSD")])
    kind = bridged("krakenfutures", "Futures_KrakenFutures")
    assert issubclass(kind, FuturesExchange)
    first, second = kind.markets(object.__new__(kind))
    assert (first.id, str(first.symbol)) == ("PF_XBTUSD", "BTC_USD.swap")
    assert (second.id, str(second.symbol)) == ("PI_XBTUSD", "BTC_USD.PI_XBTUSD")
