"""Binance: names, what is asked once and kept, finding an order by our id, and pass-throughs."""

from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest

from exchanges.binance.api import BinanceApi
from exchanges.binance.futures import FuturesBinance
from exchanges.binance.spot import Binance
from protocol.errors import ExchangeError, OutcomeUnknown, RateLimited
from protocol.models import Symbol
from tests.exchanges.binance.recorder import BTC, FUTURES_ORDER, KEYS, SWAP, Recorder, place
from tests.lent import Lent
from transport.credentials import Credentials


@pytest.mark.parametrize(
    ("text", "name"), [("BTC_USDT", "BTCUSDT"), ("1INCH_USDT", "1INCHUSDT"), ("1000SATS_USDT", "1000SATSUSDT")]
)
def test_a_spot_market_needs_no_network(text: str, name: str, lent: Lent) -> None:
    http = Recorder()
    assert replace(lent, http=http, deadline=10.0).open(Binance, KEYS).market(Symbol.parse(text)) == name
    assert not http.sent


def test_every_contract_is_found_by_both_names_and_read_back(lent: Lent) -> None:
    exchange = replace(lent, http=Recorder(), deadline=10.0).open(FuturesBinance, KEYS)
    for name, market in exchange.listing().items():
        assert exchange.market(Symbol.parse(name)) == market.id
        by_own_name = Symbol(market.symbol.base, market.symbol.quote, market.id)
        assert exchange.market(by_own_name) == market.id
    assert set(exchange.listing()) == {
        "BTC_USDT.swap", "1000SHIB_USDT.swap", "BTC_USDT.quarter", "BTC_USDT.next_quarter",
    }  # fmt: skip


def test_the_mode_is_asked_once_a_minute_for_an_account(lent: Lent) -> None:
    http = Recorder()
    lent = replace(lent, http=http, deadline=10.0)
    for _ in range(3):
        place("BTC_USDT.swap", "buy", "9000", "1")(lent.open(FuturesBinance, KEYS))
    assert http.paths().count("/fapi/v1/positionSide/dual") == 1
    place("BTC_USDT.swap", "buy", "9000", "1")(lent.open(FuturesBinance, Credentials("another-key", "fmz-secret")))
    assert http.paths().count("/fapi/v1/positionSide/dual") == 2


def test_a_mode_that_was_changed_is_asked_again(lent: Lent) -> None:
    http = Recorder()
    lent = replace(lent, http=http, deadline=10.0)
    buy = place("BTC_USDT.swap", "buy", "9000", "1")
    buy(lent.open(FuturesBinance, KEYS))
    http.replies["/fapi/v1/order"] = {"code": -4061, "msg": "Order's position side does not match user's setting."}
    with pytest.raises(ExchangeError, match="-4061"):
        buy(lent.open(FuturesBinance, KEYS))
    assert http.paths().count("/fapi/v1/positionSide/dual") == 2, "once more, when the first answer is proved wrong"
    http.replies |= {"/fapi/v1/order": FUTURES_ORDER, "/fapi/v1/positionSide/dual": {"dualSidePosition": True}}
    lent.upstreams.of(FuturesBinance).forget_account(KEYS.account)
    buy(lent.open(FuturesBinance, KEYS))
    assert dict(parse_qsl(urlsplit(str(http.sent[-1].url)).query))["positionSide"] == "LONG"


def test_leverage_is_told_before_the_first_order_that_opens(lent: Lent) -> None:
    http = Recorder()
    lent = replace(lent, http=http, deadline=10.0)
    lent.open(FuturesBinance, KEYS).set_leverage(20, None)
    assert not http.sent
    for direction in ("closebuy", "buy", "buy"):
        place("BTC_USDT.swap", direction, "9000", "1")(lent.open(FuturesBinance, KEYS))
    assert [path for path in http.paths() if path in ("/fapi/v1/leverage", "/fapi/v1/order")] == [
        "/fapi/v1/order", "/fapi/v1/leverage", "/fapi/v1/order", "/fapi/v1/order",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "symbol", "path"), [(Binance, BTC, "/api/v3/order"), (FuturesBinance, SWAP, "/fapi/v1/order")]
)
def test_an_order_is_found_by_client_id(kind: type[BinanceApi], symbol: Symbol, path: str, lent: Lent) -> None:
    http = Recorder()
    exchange = replace(lent, http=http, deadline=10.0).open(kind, KEYS)
    for status in ("NEW", "FILLED", "CANCELED", "SOMETHING_NEW"):
        http.replies[path] = {**FUTURES_ORDER, "status": status}
        assert exchange.find(symbol, "abc") == FUTURES_ORDER["orderId"]
        assert dict(parse_qsl(urlsplit(str(http.sent[-1].url)).query))["origClientOrderId"] == "abc"
    http.status = 400
    for code in (-2013, -2026):  # unknown, and archived: it ended without a fill 90 days ago
        http.replies[path] = {"code": code, "msg": "Order does not exist."}
        assert exchange.find(symbol, "abc") is None
    for code, error in ((-1007, OutcomeUnknown), (-1003, RateLimited)):
        http.replies[path] = {"code": code, "msg": "something else"}
        with pytest.raises(error):
            exchange.find(symbol, "abc")


def test_client_ids_are_within_the_documented_pattern(lent: Lent) -> None:
    # https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api/New-Order
    rendered = lent.open(FuturesBinance, KEYS, "a request").new_client_id()
    assert 0 < len(rendered) <= 36
    assert set(rendered) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.:/_-")


@pytest.mark.parametrize(
    ("kind", "path", "signed"),
    [
        (Binance, "api/v3/ping", False),
        (Binance, "api/v3/ticker/price", False),
        (Binance, "api/v3/ticker", False),
        (Binance, "api/v3/exchangeInfo", False),
        (Binance, "api/v3/historicalTrades", False),
        (Binance, "api/v3/myTrades", True),
        (Binance, "api/v3/order", True),
        (Binance, "api/v3/depth/x", True),
        (Binance, "sapi/v1/asset/transfer", True),
        (FuturesBinance, "fapi/v1/ticker/24hr", False),
        (FuturesBinance, "fapi/v2/ticker/price", False),
        (FuturesBinance, "fapi/v1/markPriceKlines", False),
        (FuturesBinance, "fapi/v1/continuousKlines", False),
        (FuturesBinance, "fapi/v1/klines", False),
        (FuturesBinance, "futures/data/openInterestHist", False),
        (FuturesBinance, "fapi/v1/userTrades", True),
        (FuturesBinance, "fapi/v3/account", True),
    ],
)
def test_only_public_resources_go_unsigned(kind: type[BinanceApi], path: str, signed: bool, lent: Lent) -> None:
    http = Recorder()
    replace(lent, http=http, deadline=10.0).open(kind, KEYS).raw("GET", path, {"symbol": "BTCUSDT"})
    [request] = http.sent
    assert bool(http.signed()) is signed
    assert ("signature=" in str(request.url)) is signed
