"""BingX, which only ccxt has: https://bingx-api.github.io/docs-v3, spot, and a swap."""

import hashlib
import hmac
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from sqlalchemy import Engine

from exchanges import open_registry
from protocol import wire
from settings import Settings
from tests.conftest import client_of
from tests.exchanges.ccxt.canned import KEYS, Canned
from tests.lent import Lent

HOST = "/openApi"
SYMBOLS = {"code": 0, "msg": "", "debugMsg": "", "data": {"symbols": [{
    "symbol": "BTC-USDT", "minQty": 0.0000121, "maxQty": 0.5, "minNotional": 1, "maxNotional": 90000, "status": 1,
    "tickSize": 0.01, "stepSize": 0.000001, "apiStateSell": True, "apiStateBuy": True, "timeOnline": 0,
}]}}  # fmt: skip
TICKER = {"code": 0, "timestamp": 1700000000000, "data": [{
    "symbol": "BTC-USDT", "openPrice": 1.0, "highPrice": 61000.5, "lowPrice": 59000.25, "lastPrice": 60000.0,
    "volume": 163.25, "quoteVolume": 1.0, "openTime": 1, "closeTime": 1700000000000, "askPrice": 60000.01, "askQty": 1,
    "bidPrice": 59999.99, "bidQty": 2, "priceChange": 0, "priceChangePercent": "0%",
}]}  # fmt: skip
DEPTH = {"code": 0, "timestamp": 1700000000000, "data": {
    "bids": [["59999.99", "4.3"], ["59999.98", "1"]], "asks": [["60000.02", "2"], ["60000.01", "1.2"]], "ts": 1,
}}  # fmt: skip
KLINES = {"code": 0, "data": [
    [1700000000000 + i * 60000, 60000.1, 60010.2, 59990.3, 60005.4, 12.5, 1, 1] for i in reversed(range(2))
]}  # fmt: skip
TRADES = {"code": 0, "data": [
    {"id": 43148253, "price": 60000.1, "qty": 0.5, "time": 1700000000000, "buyerMaker": False}
]}  # fmt: skip
BALANCE = {"code": 0, "data": {"balances": [
    {"asset": "USDT", "free": "1000.5", "locked": "2"}, {"asset": "BTC", "free": "0", "locked": "0"}
]}}  # fmt: skip
ROW = {
    "symbol": "BTC-USDT", "orderId": 1735924831603391122, "price": "60000.5", "stopPrice": "0", "origQty": "0.01",
    "executedQty": "0", "cummulativeQuoteQty": "0", "status": "PENDING", "type": "LIMIT", "side": "BUY",
    "time": 1700000000000, "updateTime": 1700000000000, "origQuoteOrderQty": "0", "fee": "0", "feeAsset": "USDT",
    "clientOrderID": "",
}  # fmt: skip
ID = "1735924831603391122"
PLACED = {"code": 0, "msg": "", "debugMsg": "", "data": {**ROW, "transactTime": 1700000000000}}
NONE = {"code": 0, "msg": "", "data": []}
REPLIES: dict[str, Any] = {
    f"GET {HOST}/swap/v2/quote/contracts": NONE,
    f"GET {HOST}/cswap/v1/market/contracts": NONE,
    f"GET {HOST}/spot/v1/common/symbols": SYMBOLS,
    f"GET {HOST}/spot/v1/ticker/24hr": TICKER,
    f"GET {HOST}/spot/v1/market/depth": DEPTH,
    f"GET {HOST}/spot/v1/market/kline": KLINES,
    f"GET {HOST}/spot/v1/market/trades": TRADES,
    f"GET {HOST}/spot/v1/account/balance": BALANCE,
    f"POST {HOST}/spot/v1/trade/order": PLACED,
    f"GET {HOST}/spot/v1/trade/query": {"code": 0, "data": ROW},
    f"GET {HOST}/spot/v1/trade/openOrders": {"code": 0, "data": {"orders": [ROW]}},
    f"POST {HOST}/spot/v1/trade/cancel": {"code": 0, "data": {**ROW, "status": "CANCELED"}},
}
LIMIT = {"type": "buy", "price": "60000.50", "amount": "0.010"}

Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def http() -> Canned:
    return Canned(REPLIES)


@pytest.fixture
def ask(http: Canned, state: Engine, unlimited: None) -> Ask:
    lent = Lent(http=http, state=state, measure_clocks=False)
    client = client_of(lent.app(Settings(registry=open_registry())))

    def ask(method: str, params: Any = None, route: str = "BingX", **more: Any) -> dict[str, Any]:
        keys = {"access_key": KEYS.key, "secret_key": KEYS.secret, "nonce": 0}
        asked = {"method": method, "params": {"symbol": "BTC_USDT", **(params or {})}}
        answer: dict[str, Any] = client.post(f"/{route}", data=wire.write({**keys, **asked, **more})).get_json()
        return answer

    return ask


def test_market_data(ask: Ask, http: Canned) -> None:
    assert ask("ticker")["data"] == {
        "time": 1700000000000, "buy": 59999.99, "sell": 60000.01, "last": 60000.0, "high": 61000.5, "low": 59000.25,
        "vol": 163.25,
    }  # fmt: skip
    book = ask("depth", route="ccxt/bingx")["data"]
    assert book["asks"] == [[60000.01, 1.2], [60000.02, 2.0]]
    assert book["bids"] == [[59999.99, 4.3], [59999.98, 1.0]]
    assert [row[0] for row in ask("records", {"period": 1})["data"]] == [1700000000, 1700000060]
    assert ask("trades")["data"] == [
        {"id": "43148253", "time": 1700000000000, "price": 60000.1, "amount": 0.5, "type": "buy"}
    ]
    market = ask("markets")["data"]["BTC_USDT"]
    assert (market["Symbol"], market["TickSize"], market["AmountSize"]) == ("BTC-USDT", 0.01, 1e-06)
    assert not any("X-BX-APIKEY" in request.headers for request in http.sent), "public calls carry no key"


def test_account_and_orders(ask: Ask) -> None:
    assert ask("accounts")["data"] == [{"currency": "usdt", "free": 1000.5, "frozen": 2}]
    placed = ask("trade", LIMIT)
    assert placed["data"] == {"id": ID}
    assert placed["raw"] == PLACED
    shown = {
        "id": ID,
        "amount": 0.01,
        "price": 60000.5,
        "status": "open",
        "deal_amount": 0,
        "type": "buy",
        "avg_price": 0,
    }
    assert ask("order", {"id": ID})["data"] == shown
    assert ask("orders")["data"] == [shown]
    assert ask("cancel", {"id": ID})["data"] is True


def test_a_signed_call_is_signed_as_documented(ask: Ask, http: Canned) -> None:
    ask("trade", LIMIT)
    request = http.sent[-1]
    query, _, signature = urlsplit(str(request.url)).query.partition("&signature=")
    right = hmac.new(KEYS.secret.encode(), unquote(query).encode(), hashlib.sha256).hexdigest()
    assert signature == right
    assert request.headers["X-BX-APIKEY"] == KEYS.key
    assert "X-SOURCE-KEY" not in request.headers, "no broker's id"
    asked = http.params()
    assert (Decimal(asked["quantity"]), Decimal(asked["price"])) == (Decimal("0.01"), Decimal("60000.5"))
    assert (asked["type"], asked["side"]) == ("LIMIT", "BUY")


def test_a_market_buy_spends_quote(ask: Ask, http: Canned) -> None:
    assert "data" in ask("trade", {"type": "buy", "price": "-1", "amount": "100.50"})
    asked = http.params()
    assert (Decimal(asked["quoteOrderQty"]), asked["type"]) == (Decimal("100.5"), "MARKET")
    assert "quantity" not in asked
    assert "data" in ask("trade", {"type": "sell", "price": "-1", "amount": "0.010"})
    asked = http.params()
    assert Decimal(asked["quantity"]) == Decimal("0.01")
    assert "quoteOrderQty" not in asked


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ({"code": 100202, "msg": "Insufficient balance"}, "INSUFFICIENT_FUNDS BingX 100202 Insufficient balance"),
        ({"code": 100001, "msg": "Signature verification failed"}, "AUTHENTICATION_FAILED BingX 100001 "),
        ((429, {"msg": "slow down"}), "RATE_LIMITED BingX slow down"),
        ({"code": 100410, "msg": "The current system is busy"}, "ORDER_STATE_UNKNOWN "),
        (
            {"code": 100440, "msg": "order price deviates greatly from the market price"},
            "REFUSED BingX 100440 order price ",
        ),
        ((500, {"code": 100500, "msg": "Internal system error"}), "ORDER_STATE_UNKNOWN "),
        ({"code": 0, "data": {}}, "ORDER_STATE_UNKNOWN "),
        ({"code": 0}, "ORDER_STATE_UNKNOWN "),
    ],
)
def test_what_an_answer_to_an_order_means(reply: Any, error: str, state: Engine, unlimited: None) -> None:
    missing = {"code": 80016, "msg": "order not exist"}
    http = Canned({
        **REPLIES, f"POST {HOST}/spot/v1/trade/order": reply, f"GET {HOST}/spot/v1/trade/query": missing,
    })  # fmt: skip
    lent = Lent(http=http, state=state, measure_clocks=False, deadline=0.3)
    client = client_of(lent.app(Settings(registry=open_registry())))
    body = {"access_key": KEYS.key, "secret_key": KEYS.secret, "nonce": 0, "method": "trade"}
    answer = client.post("/BingX", data=wire.write({**body, "params": {"symbol": "BTC_USDT", **LIMIT}})).get_json()
    assert answer["error"].startswith(error), answer
    assert [request.method for request in http.sent].count("POST") == 1


def test_a_refusal_that_quotes_the_request_is_scrubbed(ask: Ask, http: Canned) -> None:
    class Quoting(Canned):
        def send(self, exchange: str, request: Any, deadline: Any) -> Any:
            reply = super().send(exchange, request, deadline)
            if "X-BX-APIKEY" not in self.sent[-1].headers:
                return reply
            words = f"bad request {self.sent[-1].url} {dict(self.sent[-1].headers)}"
            return type(reply)(exchange, 400, "application/json", json.dumps({"code": 1, "msg": words}).encode())

    # The gateway has this object already, so that only its method can be replaced.
    http.send = Quoting(REPLIES).send  # type: ignore[method-assign]
    error = ask("accounts")["error"]
    assert error.startswith("REFUSED BingX 1 bad request")
    for secret in (KEYS.key, KEYS.secret):
        assert secret[:8] not in error
    assert "signature=****" in error


def test_pass_through_takes_ccxts_names(ask: Ask, http: Canned) -> None:
    answer = ask("__api_spotV1PrivateGetTradeQuery", params={"symbol": "BTC-USDT", "orderId": "7"})
    assert answer == {"data": {"code": 0, "data": ROW}}
    assert http.params()["orderId"] == "7"
    assert ask("__api_spotV1PrivateGetNothing")["error"].startswith("INVALID_CALL BingX has no resource 'spotV1")
    for name in ("__call__", "fetch_balance", "withdraw", "load_markets"):
        assert ask(f"__api_{name}")["error"].startswith("INVALID_CALL "), name


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("walletsV1PrivatePostCapitalWithdrawApply", {}),
        ("apiV3PrivatePostGetAssetTransfer", {}),
        ("subAccountV1PrivatePostApiKeyCreate", {}),
        ("spotV1PrivateGetTradeQuery", {"action": "withdraw"}),
    ],
)
def test_what_moves_money_is_refused(name: str, params: dict[str, str], ask: Ask, http: Canned) -> None:
    assert ask(f"__api_{name}", params=params)["error"].startswith(("NOT_ALLOWED ", "INVALID_CALL "))
    assert http.sent == []
