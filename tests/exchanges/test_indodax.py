"""Indodax: signatures by the standard library, the two hosts, refusals by their texts, pages of past orders."""

import hashlib
import hmac
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from exchanges.indodax import Indodax
from protocol.errors import (
    AuthenticationFailed,
    ExchangeError,
    GatewayError,
    InsufficientFunds,
    InvalidOrder,
    Maintenance,
    OrderNotFound,
    OutcomeUnknown,
    RateLimited,
    Unsupported,
    WrongTime,
)
from protocol.models import NewOrder, Side, Status, Symbol
from tests.conftest import NOW
from tests.lent import Lent
from tests.recorder import Recorder
from transport.credentials import Credentials

KEYS = Credentials("fmz-key", "fmz-secret")
BTC_IDR = Symbol("BTC", "IDR")
WEEK = 7 * 24 * 60 * 60_000  # ms
# The secret, and the text, of the documentation's example; the signature printed with it is that of neither.
PUBLISHED_SECRET = "f60617a68fcce028f0a90bc9eb765d17379eb548cc935c01a7ee3186eecf870e9b68f27a31bcfe8d"
PUBLISHED_TEXT = "symbol=btcidr&limit=100&timestamp=1578304294000&recvWindow=1578303937000"


Open = Callable[..., tuple[Indodax, Recorder]]


@pytest.fixture
def open_with(lent: Lent) -> Open:
    def open_with(answer: Any, status: int = 200) -> tuple[Indodax, Recorder]:
        http = Recorder(lambda _, query: answer(query) if callable(answer) else answer, status)
        own = Lent(http, lent.state, now=lent.now, sleep=lent.sleep, deadline=5.0, measure_clocks=False)
        return own.open(Indodax, KEYS), http

    return open_with


# Signatures -------------------------------------------------------------------------------------------------------


def test_an_order_is_signed_over_its_form(open_with: Open) -> None:
    exchange, http = open_with({"orderId": 7})
    order = NewOrder(symbol=BTC_IDR, side=Side.BUY, price=None, amount=Decimal(100000), client_id="fmz-1")
    assert exchange.trade(order) == 7
    [sent] = http.sent
    text = (
        "symbol=BTCIDR&side=BUY&type=MARKET&quoteOrderQty=100000&newClientOrderId=fmz-1"
        "&timestamp=1700000000000&recvWindow=5000"
    )
    signature = "917986cf88eafe6e2807a6bed5293070ae3a0dd2e9ee942ad5b18c1cd8c4058b"
    assert hmac.new(b"fmz-secret", text.encode(), hashlib.sha256).hexdigest() == signature
    assert (sent.url, sent.body, sent.headers["Sign"]) == ("https://api.indodax.com/api/v2/order", text, signature)
    assert sent.headers["X-APIKEY"] == "fmz-key"
    assert sent.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert sent.headers["Content-Length"] == str(len(text))


def test_the_documentations_text_is_signed() -> None:
    right = hmac.new(PUBLISHED_SECRET.encode(), PUBLISHED_TEXT.encode(), hashlib.sha256).hexdigest()
    assert Indodax.signer.signature(PUBLISHED_TEXT.encode(), PUBLISHED_SECRET.encode()) == right
    assert right == "eeb688c782ef4cad36908b54ab4ff8fa259a44c40f7e573529f9d88c1070ae66"


@pytest.mark.parametrize("verb", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("params", [{}, {"symbol": "币&=%+ #", "note": "a b"}], ids=["none", "awkward"])
def test_what_is_signed_is_what_goes_out(verb: str, params: dict[str, str], open_with: Open) -> None:
    exchange, http = open_with({})
    exchange.raw(verb, "api/v2/openOrders", params)
    [sent] = http.sent
    text = sent.body or urlsplit(str(sent.url)).query
    assert isinstance(text, str)
    assert dict(parse_qsl(text)) == {**params, "timestamp": str(NOW), "recvWindow": "5000"}
    assert bool(sent.body) is (verb in ("POST", "PUT"))
    assert sent.headers["Sign"] == hmac.new(b"fmz-secret", text.encode(), hashlib.sha256).hexdigest()


# Hosts ------------------------------------------------------------------------------------------------------------


def test_public_calls_have_a_host_of_their_own_and_no_key(open_with: Open) -> None:
    exchange, http = open_with({"server_time": NOW})
    assert exchange.time() == NOW
    exchange.raw("GET", "tradingview/history_v2", {})
    exchange.raw("POST", "tapi", {"method": "getInfo"})
    assert {urlsplit(str(sent.url)).netloc for sent in http.sent} == {"indodax.com"}
    assert not any(name in sent.headers for sent in http.sent for name in ("X-APIKEY", "Sign"))


def test_another_address_takes_the_place_of_both(lent: Lent) -> None:
    http = Recorder(lambda *_: {"server_time": NOW, "balances": []})
    url = "http://127.0.0.1:9"
    own = Lent(http, lent.state, urls={"Indodax": url}, now=lent.now, sleep=lent.sleep, measure_clocks=False)
    exchange = own.open(Indodax, KEYS)
    exchange.time()
    exchange.accounts()
    assert [str(sent.url).partition("?")[0] for sent in http.sent] == [
        f"{url}/api/server_time",
        f"{url}/api/v2/account",
    ]


# Refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "text", "status", "kind"), [
    (-1002, "You are not authorized to execute this request.", 401, AuthenticationFailed),
    (-2014, "API-key format invalid.", 400, AuthenticationFailed),
    (-2015, "Invalid API-key, IP, or permissions for action.", 403, AuthenticationFailed),
    (-1022, "Signature for this request is not valid.", 400, AuthenticationFailed),
    (-1021, "Timestamp for this request is outside of the recvWindow.", 400, WrongTime),
    (-2010, "Insufficient balance.", 400, InsufficientFunds),
    (-2010, "Account has insufficient balance for requested action.", 400, InsufficientFunds),
    (-2010, "Minimum order 10000 IDR", 400, InvalidOrder),
    (-2010, "Minimum price 0.5", 400, InvalidOrder),
    (-2010, "Filter failure: MIN_NOTIONAL", 400, InvalidOrder),
    (-1111, "Precision is over the maximum defined for this asset.", 400, InvalidOrder),
    (-1130, "Data sent for parameter 'price' is not valid.", 400, InvalidOrder),
    (-2010, "client order id X already exists", 400, OutcomeUnknown),
    (-2010, "Duplicate order sent.", 400, OutcomeUnknown),
    (-2010, "Market is closed.", 400, Maintenance),
    (-2010, "NEW_ORDER_REJECTED", 400, ExchangeError),
    (-1121, "Invalid symbol.", 400, ExchangeError),
    (-1099, "Unknown path.", 404, ExchangeError),
    (-2013, "Order does not exist.", 404, OrderNotFound),
    (-1003, "Too many requests queued.", 429, RateLimited),
    (-1016, "This service is no longer available.", 400, Maintenance),
    (-1001, "Internal error; unable to process your request.", 500, OutcomeUnknown),
    (-1006, "Execution status unknown.", 400, OutcomeUnknown),
    (-2010, "Insufficient balance.", 500, OutcomeUnknown),  # with HTTP 5xx nothing is sure
    (-1016, "This service is no longer available.", 503, OutcomeUnknown),
])  # fmt: skip
def test_refusals_of_an_order(code: int, text: str, status: int, kind: type[GatewayError], open_with: Open) -> None:
    exchange, _ = open_with({"code": code, "msg": text}, status)
    with pytest.raises(GatewayError) as error:
        exchange.trade(NewOrder(symbol=BTC_IDR, side=Side.BUY, price=Decimal(5), amount=Decimal(1), client_id="x"))
    assert type(error.value) is kind


# Orders -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("symbol", "side", "amount"), [
    (Symbol("BTC", "USDT"), Side.BUY, "10"), (Symbol("BTC", "USDT"), Side.SELL, "1"), (BTC_IDR, Side.BUY, "10000.5"),
])  # fmt: skip
def test_market_orders_that_cannot_be_are_not_sent(symbol: Symbol, side: Side, amount: str, open_with: Open) -> None:
    exchange, http = open_with({})
    with pytest.raises(Unsupported):
        exchange.prepare(NewOrder(symbol=symbol, side=side, price=None, amount=Decimal(amount)))
    assert not http.sent


@pytest.mark.parametrize(("quote", "limit_only"), [("idr", False), ("usdt", True)])
def test_markets_of_other_quotes_take_limit_orders_only(quote: str, limit_only: bool, open_with: Open) -> None:
    exchange, _ = open_with({})
    row = {"symbol": f"BTC{quote.upper()}", "base_currency": quote, "ticker_id": "x"}
    least = {"trade_min_traded_currency": 0.0001, "trade_min_base_currency": 1}
    assert exchange.read_market({**row, **least}, {"x": "1"}).limit_only is limit_only


def test_every_documented_state_is_known() -> None:
    # https://github.com/btcid/indodax-official-api-docs/blob/237886e/tapi-v2/enums.md
    assert Indodax.statuses.keys() == {"NEW", "PARTIALLY_FILLED", "FILLED", "CANCELLED", "REJECTED"}


class Past:
    """An exchange with past orders, made at these times, in ms."""

    def __init__(self, *times: int) -> None:
        self.rows: list[dict[str, Any]] = [
            {"orderId": f"btcidr-limit-{number}", "clientOrderId": "", "side": "BUY", "type": "LIMIT"}
            | {"status": "FILLED", "price": "5", "oriQty": "1", "executedQty": "1", "submitTime": time}
            for number, time in enumerate(times)
        ]
        self.asked: list[tuple[int, int]] = []

    def __call__(self, query: dict[str, str]) -> Any:
        start, end = int(query["startTime"]), int(query["endTime"])
        assert end - start <= WEEK
        self.asked.append((start, end))
        rows = [row for row in self.rows if start <= row["submitTime"] <= end]
        rows.sort(key=lambda row: row["submitTime"], reverse=query["sort"] == "desc")
        return {"data": rows[: int(query["limit"])]}


def ids(past: Past, open_with: Open, since: int | None, limit: int | None = None) -> list[int]:
    exchange, _ = open_with(past)
    orders = exchange.history(BTC_IDR, since, limit)
    assert {order.status for order in orders} <= {Status.CLOSED}
    return [int(str(order.id).rpartition("-")[2]) for order in orders]


def test_past_orders_are_asked_for_week_by_week(open_with: Open) -> None:
    since = NOW - 2 * WEEK - 5
    past = Past(since - 1, since, since + WEEK, since + WEEK + 1, NOW)
    assert ids(past, open_with, since) == [1, 2, 3, 4]
    assert [start for start, _ in past.asked] == [since, since + WEEK, since + 2 * WEEK]
    assert ids(past, open_with, since, limit=1) == [1]
    assert len(past.asked) == 4
    assert ids(past, open_with, None) == [4]


def test_a_week_of_more_orders_than_a_reply_has_is_read_whole(open_with: Open) -> None:
    begin = NOW - WEEK
    past = Past(*(begin + number // 2 for number in range(2345)))
    assert ids(past, open_with, begin) == list(range(2345))
    assert ids(past, open_with, None, limit=3) == [2342, 2343, 2344]
