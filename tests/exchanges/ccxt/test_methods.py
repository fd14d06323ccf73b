"""Every method of FMZ on exchanges that only ccxt has, before fakes made of their documentation: what it tells of a
success, and of a refusal."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug import Request

from tests.exchanges.ccxt.conftest import Call, bridged, calls
from tests.exchanges.ccxt.fake_xt import FakeXT
from tests.exchanges.ccxt.fakes import TIME
from tests.exchanges.ccxt.others import OTHERS
from tests.fakes import KEY, TOO_MUCH, FakeExchange

LIMIT = {"type": "buy", "price": "60000.50", "amount": "0.010"}
WRONG = "d3Jvbmctc2VjcmV0LW9mLWJhc2U2NA=="
NO_ORDER = "12345678"
SHOWN = {"amount": 0.01, "price": 60000.5, "status": "open", "deal_amount": 0, "type": "buy", "avg_price": 0}
BARS = [[TIME // 1000 + i * 60, 60000.1, 60010.2, 59990.3, 60005.4, 12.5] for i in range(2)]

pytestmark = pytest.mark.usefixtures("unlimited")


@pytest.fixture(params=OTHERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def fake(name: str) -> Iterator[FakeExchange]:
    with OTHERS[name][1]() as exchange:
        yield exchange


@pytest.fixture
def call(name: str, fake: FakeExchange) -> Iterator[Call]:
    with calls(bridged(OTHERS[name][0], name), fake.url) as call:
        yield call


# Success --------------------------------------------------------------------------------------------------------------


def test_ticker(call: Call) -> None:
    ticker = call("ticker")["data"]
    assert ticker.pop("time") >= TIME, "its own, or that of the call"
    assert ticker == {
        "buy": 59999.99, "sell": 60000.01, "last": 60000, "high": 61000.5, "low": 59000.25, "vol": 163.25,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["XT"], indirect=True)
@pytest.mark.parametrize(
    ("last", "bids", "asks", "expected"),
    [
        (None, [["1.5", "4"]], [["1.6", "1"]], (1.5, 1.6, 1.5)),
        ("1.55", [], [["1.6", "1"]], (1.55, 1.6, 1.55)),
        ("1.55", [], [], (1.55, 1.55, 1.55)),
    ],
)
def test_the_ticker_of_a_new_market_has_what_there_is(
    call: Call, monkeypatch: pytest.MonkeyPatch, last: str | None, bids: Any, asks: Any, expected: tuple[float, ...]
) -> None:
    row = FakeXT.fixed["/v4/public/ticker/24h"]["result"][0]
    book = FakeXT.fixed["/v4/public/depth"]["result"]
    for name, value in {"c": last, "h": None, "l": None, "o": None}.items():
        monkeypatch.setitem(row, name, value)
    for name, levels in {"bids": bids, "asks": asks}.items():
        monkeypatch.setitem(book, name, levels)
    ticker = call("ticker")["data"]
    assert (ticker["buy"], ticker["sell"], ticker["last"]) == expected
    assert (ticker["high"], ticker["low"]) == (expected[2], expected[2])


def test_depth(call: Call) -> None:
    assert call("depth")["data"] == {
        "time": TIME, "asks": [[60000.01, 1.2]], "bids": [[59999.99, 4.3], [59999.98, 1]],
    }  # fmt: skip


def test_trades(call: Call) -> None:
    [trade] = call("trades")["data"]
    assert trade.pop("id")
    assert trade == {"time": TIME, "price": 60000.1, "amount": 0.5, "type": "buy"}


def test_records(call: Call) -> None:
    assert call("records", {"period": 1, "limit": 2})["data"] == BARS


def test_markets(name: str, call: Call) -> None:
    market = call("markets")["data"]["BTC_USDT"]
    least = {"WhiteBIT": (1e-6, 5), "XT": (1e-6, 1), "BtcTurk": (1e-8, 10)}[name]
    assert (market["TickSize"], market["AmountSize"], market["MinNotional"]) == (0.01, *least)


def test_tickers(name: str, call: Call) -> None:
    answer = call("tickers")
    if name == "BtcTurk":
        [row] = answer["data"]
        assert (row["symbol"], row["buy"], row["sell"], row["last"]) == ("BTC_USDT", 59999.99, 60000.01, 60000)
    else:
        assert answer["error"] == (
            f"UNSUPPORTED not supported: {name} lists tickers without the best prices: ask for those of one market"
        )


def test_accounts(call: Call) -> None:
    assert call("accounts")["data"] == [{"currency": "usdt", "free": 1000.5, "frozen": 2}]


def test_an_orders_life(name: str, call: Call, fake: FakeExchange) -> None:
    order_id = call("trade", LIMIT)["data"]["id"]
    [order] = fake.orders
    assert (order.id, order.side.lower(), order.price, order.amount) == (order_id, "buy", "60000.50", "0.010")
    shown = {"id": order_id, **SHOWN}
    assert call("order", {"id": order_id})["data"] == shown
    assert call("orders")["data"] == [shown]
    assert call("orders", {"symbol": ""})["data"] == [shown]
    assert call("cancel", {"id": order_id})["data"] is True
    assert order.state == "cancelled"
    assert call("orders")["data"] == []
    later = call("order", {"id": order_id})
    if name == "WhiteBIT":  # which forgets what was cancelled without a fill
        assert later["error"] == "ORDER_NOT_FOUND WhiteBIT has no such order"
    else:
        assert later["data"] == {**shown, "status": "cancelled"}


def test_a_market_buy_spends_quote_or_is_refused(name: str, call: Call, fake: FakeExchange) -> None:
    answer = call("trade", {"type": "buy", "price": "-1", "amount": "100.50"})
    if name == "BtcTurk":
        assert answer["error"].startswith(
            "UNSUPPORTED not supported: BtcTurk: by the ccxt library, a market buy cannot name what to "
        )
        assert fake.orders == []
        return
    [order] = fake.orders
    assert (order.money, float(order.amount)) == (True, 100.5)
    bought = call("order", {"id": answer["data"]["id"]})["data"]
    assert bought == {
        "id": order.id, "amount": 0.001675, "price": 0, "status": "closed", "deal_amount": 0.001675, "type": "buy",
        "avg_price": 60000,
    }  # fmt: skip


def test_a_market_sell_and_the_history(name: str, call: Call) -> None:
    order_id = call("trade", {"type": "sell", "price": "-1", "amount": "0.010"})["data"]["id"]
    average = 0 if name == "BtcTurk" else 60000  # its lists have no average
    sold = {"id": order_id, "amount": 0.01, "price": 0, "status": "closed", "deal_amount": 0.01, "type": "sell"}
    assert call("order", {"id": order_id})["data"] == {**sold, "avg_price": average}
    assert call("historyorders")["data"] == [{**sold, "avg_price": average}]


# Failure --------------------------------------------------------------------------------------------------------------

REFUSALS: dict[str, tuple[int, Any, str]] = {
    "WhiteBIT": (
        422, {"code": 0, "message": "Validation failed", "errors": {"market": ["The market format is invalid."]}},
        "REFUSED WhiteBIT market: The market format is invalid.",
    ),
    "XT": (200, {"rc": 1, "mc": "SYMBOL_001", "ma": [], "result": None}, "REFUSED XT SYMBOL_001"),
    "BtcTurk": (
        400, {"data": None, "success": False, "message": "FAILED_LIMIT_ORDER", "code": 1125},
        "INVALID_ORDER BtcTurk 1125 FAILED_LIMIT_ORDER",
    ),
}  # fmt: skip
"""HTTP status and reply, as ccxt quotes it → what FMZ is told."""
ASKED: dict[str, dict[str, Any]] = {
    "ticker": {}, "depth": {}, "trades": {}, "records": {"period": 1}, "tickers": {}, "accounts": {}, "trade": LIMIT,
    "order": {"id": NO_ORDER}, "orders": {}, "cancel": {"id": NO_ORDER}, "historyorders": {},
}  # fmt: skip


@pytest.mark.parametrize("method", ASKED)
def test_a_refusal_is_told(
    method: str, name: str, call: Call, fake: FakeExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("markets")
    status, reply, error = REFUSALS[name]

    def refuse(self: FakeExchange, request: Request) -> tuple[int, bytes]:
        return status, json.dumps(reply).encode()

    monkeypatch.setattr(type(fake), "reply", refuse)
    told = call(method, ASKED[method])["error"]
    assert told.startswith(error), told
    assert fake.orders == []


def test_the_list_of_markets_may_be_refused(
    name: str, call: Call, fake: FakeExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, reply, error = REFUSALS[name]
    monkeypatch.setattr(type(fake), "reply", lambda self, request: (status, json.dumps(reply).encode()))
    assert call("markets")["error"].startswith(error)


def test_too_little_money(name: str, call: Call) -> None:
    assert call("trade", {**LIMIT, "amount": TOO_MUCH})["error"].startswith(f"INSUFFICIENT_FUNDS {name} ")


@pytest.mark.parametrize("method", ["accounts", "trade", "orders", "cancel"])
def test_a_wrong_secret(method: str, name: str, call: Call, fake: FakeExchange) -> None:
    told = call(method, ASKED[method], secret=WRONG)["error"]
    assert told.startswith(f"AUTHENTICATION_FAILED {name} "), told
    assert fake.orders == []


@pytest.mark.parametrize("method", ["accounts", "trade", "orders"])
def test_an_unknown_key(method: str, name: str, call: Call) -> None:
    assert call(method, ASKED[method], key="other-key")["error"].startswith(f"AUTHENTICATION_FAILED {name} ")


def test_an_order_that_is_not_there(name: str, call: Call) -> None:
    assert call("order", {"id": NO_ORDER})["error"].startswith(f"ORDER_NOT_FOUND {name} ")
    told = call("cancel", {"id": NO_ORDER})["error"]
    assert told.startswith("REFUSED BtcTurk 1037 " if name == "BtcTurk" else f"ORDER_NOT_FOUND {name} ")


def test_a_market_that_is_not_there(name: str, call: Call, fake: FakeExchange) -> None:
    for method in ("ticker", "trade"):
        told = call(method, {**ASKED[method], "symbol": "BTC_NOTHING"})["error"]
        assert told.startswith(f"INVALID_CALL {name} lists no market BTC_NOTHING"), told
    assert fake.orders == []


def test_only_exchanges_that_find_our_ids_are_given_them(name: str, call: Call, fake: FakeExchange) -> None:
    for _ in range(2):  # the same request of FMZ
        call("trade", LIMIT, nonce=7)
    [order] = fake.orders
    assert (len(order.client_id) == 22) is (name != "BtcTurk"), "ccxt gives an id of its own there"
    assert order.account == KEY
