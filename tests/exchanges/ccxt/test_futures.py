"""Swaps through ccxt: contracts, closing orders, leverage and positions, against the fake of one exchange."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from exchanges.base import Funding, FuturesExchange, Market, Symbol, Unsupported
from exchanges.ccxt.futures import CcxtFutures
from tests.exchanges.ccxt.canned import Canned, give_market, open_exchange
from tests.exchanges.ccxt.conftest import Call, bridged
from tests.exchanges.ccxt.fakes import TIME, FullFuturesBinance
from tests.fakes import KEY, Account, Refusal
from tests.lent import Lent
from tests.tiny import ask

SYMBOL = {"symbol": "BTC_USDT.swap"}
LIMIT = {**SYMBOL, "type": "buy", "price": "60000.5", "amount": "0.010"}

pytestmark = pytest.mark.usefixtures("unlimited")


def test_an_orders_life(call_swaps: Call, swaps: FullFuturesBinance) -> None:
    assert call_swaps("io", {"code": 2, "args": ["swap"]})["data"] is True
    order_id = call_swaps("trade", {**LIMIT, "symbol": "BTC_USDT"})["data"]["id"]
    [order] = swaps.orders
    assert (order.market, order.price, order.amount) == ("BTCUSDT", "60000.5", "0.010")
    assert call_swaps("order", {**SYMBOL, "id": order_id})["data"]["status"] == "open"
    assert [row["id"] for row in call_swaps("orders", SYMBOL)["data"]] == [order_id]
    everywhere = call_swaps("orders", {"symbol": "USDT.swap"})
    assert [row["id"] for row in everywhere.get("data", [everywhere])] == [order_id]
    assert call_swaps("cancel", {**SYMBOL, "id": order_id})["data"] is True


def test_an_order_is_modified_in_place(call_swaps: Call, swaps: FullFuturesBinance) -> None:
    order_id = call_swaps("trade", LIMIT)["data"]["id"]
    [order] = swaps.orders
    asked = {**SYMBOL, "id": order_id, "type": "buy", "price": "59000.50", "amount": "0.020"}
    assert call_swaps("modify", asked)["data"]["id"] == order_id
    assert (order.price, order.amount) == ("59000.50", "0.020")
    assert swaps.asked["PUT", "/fapi/v1/order"] == 1
    assert call_swaps("modify", {**asked, "amount": "0.1234567890123456789"})["error"].startswith(
        "INVALID_ORDER Futures_Binance: 0.1234567890123456789 has too many digits for ccxt; nothing was sent"
    )
    assert swaps.asked["PUT", "/fapi/v1/order"] == 1


def test_an_order_that_is_cancelled_instead_is_told(
    call_swaps: Call, swaps: FullFuturesBinance, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = call_swaps("trade", LIMIT)["data"]["id"]
    monkeypatch.setattr(FullFuturesBinance, "modify", FullFuturesBinance.cancel)
    asked = {**SYMBOL, "id": order_id, "type": "buy", "price": "59000.5", "amount": "-1"}
    said = call_swaps("modify", asked)["error"]
    assert said.startswith(f"ORDER_NOT_FOUND Futures_Binance cancelled order {order_id} instead of modifying it: ")


def test_an_unclear_modification_is_told_and_sent_once(
    call_swaps: Call, swaps: FullFuturesBinance, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = call_swaps("trade", LIMIT)["data"]["id"]
    right = FullFuturesBinance.modify

    def fail(self: FullFuturesBinance, account: Account, params: dict[str, str]) -> Any:
        right(self, account, params)
        raise Refusal(502, "bad gateway")

    monkeypatch.setattr(FullFuturesBinance, "modify", fail)
    asked = {**SYMBOL, "id": order_id, "type": "buy", "price": "59000.5", "amount": "-1"}
    assert call_swaps("modify", asked)["error"].startswith("ORDER_STATE_UNKNOWN ")
    assert swaps.asked["PUT", "/fapi/v1/order"] == 1
    assert call_swaps("modify", asked)["data"]["id"] == order_id, "it was done"
    assert swaps.asked["PUT", "/fapi/v1/order"] == 1


def test_a_closing_order_only_reduces(
    call_swaps: Call, swaps: FullFuturesBinance, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, str]] = []
    place = FullFuturesBinance.new

    def new(self: FullFuturesBinance, account: Account, params: dict[str, str]) -> Any:
        asked.append(params)
        return place(self, account, params)

    monkeypatch.setattr(FullFuturesBinance, "new", new)
    for direction, side in (("buy", "BUY"), ("closebuy", "SELL"), ("sell", "SELL"), ("closesell", "BUY")):
        assert "data" in call_swaps("trade", {**LIMIT, "type": direction, "price": "-1"}), direction
        assert asked[-1]["side"] == side
        assert (asked[-1].get("reduceOnly") == "true") is direction.startswith("close")
        assert asked[-1]["quantity"] == "0.010"


def test_leverage_is_set_before_an_order(call_swaps: Call, swaps: FullFuturesBinance) -> None:
    assert call_swaps("io", {"code": 0, "args": [20]})["data"] is True
    assert not swaps._accounts
    assert "data" in call_swaps("trade", LIMIT)
    assert swaps._accounts[KEY].settings["leverage", "BTCUSDT"] == "20"
    assert call_swaps("io", {"code": 0, "args": [501]})["error"].startswith("INVALID_CALL leverage 501 is above ")


def test_positions(call_swaps: Call) -> None:
    [position] = call_swaps("io", {"code": 3, "args": []})["data"]
    assert {name: position[name] for name in ("symbol", "type", "amount", "price", "profit", "margin")} == {
        "symbol": "BTC_USDT.swap", "type": 1, "amount": 0.02, "price": 60000.5, "profit": 0.01, "margin": 60,
    }  # fmt: skip
    assert call_swaps("io", {"code": 3, "args": ["ETH_USDT.swap"]}).get("data", []) == []


def test_one_markets_positions_are_asked_for_alone_from_the_first_call_on(
    state: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_market(monkeypatch, "BTC-USDT", swap=True)
    http = Canned({"GET /v5/position/list": {"retCode": 0, "result": {"list": []}, "time": TIME}})
    exchange = open_exchange(Lent(http=http, state=state, measure_clocks=False), bridged("bybit", "Futures_Bybit"))
    assert exchange.positions(Symbol.parse("BTC_USDT.swap")) == []
    assert http.params()["symbol"] == "BTC-USDT"


def test_fundings(call_swaps: Call) -> None:
    for asked in ({}, {"symbol": "swap"}, {"symbol": "USDT.swap"}, SYMBOL):
        answer = call_swaps("fundings", {"symbol": "", **asked})
        [funding] = answer["data"]
        assert {name: funding[name] for name in ("symbol", "time", "rate", "interval")} == {
            "symbol": "BTC_USDT.swap", "time": TIME, "rate": 0.00012345, "interval": 0,
        }  # fmt: skip
    assert call_swaps("fundings", {"symbol": "ETH_USDT.swap"})["error"].startswith("INVALID_CALL ")


HOUR = 3_600_000  # ms


@pytest.mark.parametrize(
    ("row", "time", "rate", "interval"),
    [
        ({"fundingTimestamp": TIME + 5, "nextFundingTimestamp": TIME + 8 * HOUR, "interval": "8h"}, TIME + 5, 1e-4, 8),
        ({"fundingTimestamp": None, "nextFundingTimestamp": TIME + 7, "interval": "4h"}, TIME + 7, 1e-4, 4),
        # The first one is over: what comes is the second, at its own rate where that is known.
        (
            {"fundingTimestamp": TIME, "nextFundingTimestamp": TIME + HOUR, "nextFundingRate": -2e-4}, TIME + HOUR,
            -2e-4, 0,
        ),
        ({"fundingTimestamp": TIME - 9, "nextFundingTimestamp": TIME + HOUR}, TIME + HOUR, 1e-4, 0),
        ({"fundingTimestamp": None, "nextFundingTimestamp": None, "interval": "undefinedh"}, 0, 1e-4, 0),
    ],
)  # fmt: skip
def test_the_funding_that_comes_next_is_told(
    row: dict[str, Any], time: int, rate: float, interval: int, state: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_market(monkeypatch, "BTC-USDT", swap=True)
    lent = Lent(http=Canned({}), state=state, measure_clocks=False, now=lambda: TIME)
    exchange = open_exchange(lent, bridged("binanceusdm", "Futures_Binance"))
    assert isinstance(exchange, CcxtFutures)
    exchange.listed()
    whole = {"symbol": "BTC/USDT:USDT", "fundingRate": 1e-4, "nextFundingRate": None, "interval": None, **row}
    assert exchange.read_funding(whole) == Funding(
        symbol=Symbol("BTC", "USDT", "swap"), time=time, rate=rate, interval=interval * HOUR
    )


def test_an_exchange_that_lists_one_funding_at_a_time_wants_a_market(
    state: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_market(monkeypatch, "BTC-USDT", swap=True)
    row = {"instId": "BTC-USDT", "fundingRate": "0.00012345", "fundingTime": str(TIME)}
    http = Canned({"GET /api/v1/market/funding-rate": {"code": "0", "msg": "success", "data": [row]}})
    lent = Lent(http=http, state=state, measure_clocks=False)
    exchange = open_exchange(lent, bridged("blofin", "Futures_BloFin"))
    [funding] = exchange.fundings(Symbol.parse("BTC_USDT.swap"))
    assert (str(funding.symbol), funding.time, funding.rate) == ("BTC_USDT.swap", TIME, 0.00012345)
    for asked in (None, Symbol.parse("USDT.swap")):
        with pytest.raises(Unsupported, match="lists funding rates of one market only: name it"):
            exchange.fundings(asked)
    assert len(http.sent) == 1


def test_an_exchange_without_fundings_says_so(state: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    give_market(monkeypatch, "BTC-USDT", swap=True)
    http = Canned({})
    exchange = open_exchange(Lent(http=http, state=state, measure_clocks=False), bridged("bitrue", "Futures_Bitrue"))
    with pytest.raises(Unsupported, match=r"has no funding rates in the ccxt library \(fetchFundingRate\); nothing"):
        exchange.fundings(None)
    assert http.sent == []


@pytest.mark.parametrize("symbol", ["BTC_USDT", "btc", "BTC_USDT.swap", "USDT.swap", "BTC_USDT.BTC-X"])
def test_what_ccxt_lacks_is_told_before_the_markets_are_asked_for(state: Engine, symbol: str) -> None:
    http = Canned({})
    exchange = open_exchange(Lent(http=http, state=state, measure_clocks=False), bridged("bitrue", "Futures_Bitrue"))
    with pytest.raises(Unsupported, match=r"has no funding rates in the ccxt library \(fetchFundingRate\); nothing"):
        ask(exchange, "fundings", symbol=symbol)
    assert http.sent == []


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
