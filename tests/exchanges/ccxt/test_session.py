"""The gateway's network in ccxt's hands: what it may do with it, and what it leaves behind."""

import logging
from decimal import Decimal
from typing import Any

import ccxt as ccxt_errors
import pytest
from sqlalchemy import Engine

from exchanges.base import AuthenticationFailed, NotSent, OrderNotFound, RateLimited, Status, Symbol, Unsupported
from exchanges.ccxt import keys
from exchanges.ccxt.calls import CcxtCalls
from exchanges.ccxt.refusals import code_and_words
from exchanges.ccxt.session import Session
from protocol.errors import ExchangeFailed, OutcomeUnknown
from protocol.models import Direction, Side
from tests.exchanges.ccxt.canned import KEYS, Canned, give_market, open_exchange
from tests.exchanges.ccxt.conftest import bridged
from tests.lent import Lent
from transport.credentials import Credentials
from transport.limits import Limits

BALANCE = {"code": 0, "data": {"balances": []}}


def opened(http: Canned, state: Engine, **more: Any) -> CcxtCalls:
    exchange = open_exchange(Lent(http=http, state=state, measure_clocks=False, **more), bridged("bingx", "BingX"))
    assert isinstance(exchange, CcxtCalls)
    return exchange


@pytest.mark.usefixtures("unlimited")
@pytest.mark.parametrize(
    "url",
    [
        "https://evil.test/openApi", "http://open-api.bingx.com/openApi", "https://open-api.bingx.com.evil.test/",
        "https://open-api.bingx.com@evil.test/", "https://open-api.bingx.com:444/",
    ],
)  # fmt: skip
def test_only_declared_hosts_are_asked(url: str, state: Engine) -> None:
    http = Canned({})
    exchange = opened(http, state)
    session = Session(exchange, exchange.engine)
    with pytest.raises(NotSent):
        session.request("GET", url, data=None, headers={})
    assert http.sent == []


def test_hosts_of_single_kinds_of_markets_are_declared_too(state: Engine) -> None:
    exchange = open_exchange(Lent(http=Canned({}), state=state), bridged("htx", "Futures_HTX"))
    assert isinstance(exchange, CcxtCalls)
    assert exchange.engine.hosts == {"https://api.huobi.pro", "https://api.hbdm.vn"}


@pytest.mark.usefixtures("unlimited")
def test_nothing_is_sent_twice_in_one_change(state: Engine) -> None:
    http = Canned({"POST /openApi/spot/v1/trade/order": {"code": 0, "data": {}}})
    exchange = opened(http, state)

    def twice(ccxt: Any) -> None:
        for _ in range(2):
            ccxt.spotV1PrivatePostTradeOrder({"symbol": "BTC-USDT"})

    with pytest.raises(OutcomeUnknown):  # the first one may have done it
        exchange.change(twice)
    assert len(http.sent) == 1


@pytest.mark.usefixtures("unlimited")
def test_what_ends_a_call_before_it_goes_out_leaves_nothing(state: Engine) -> None:
    http = Canned({})
    exchange = opened(http, state)

    def hung_up() -> None:
        raise NotSent("the caller has gone; nothing was sent")

    exchange.last_check = hung_up
    with pytest.raises(NotSent, match="the caller has gone"):
        exchange.change(lambda ccxt: ccxt.spotV1PrivatePostTradeOrder({}))
    assert http.sent == []


def test_a_used_up_limit_leaves_nothing(state: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise RateLimited("BingX: its limit of calls is used up; nothing was sent")

    monkeypatch.setattr(Limits, "take", refuse)
    http = Canned({})
    with pytest.raises(RateLimited):
        opened(http, state).change(lambda ccxt: ccxt.spotV1PrivatePostTradeOrder({}))
    assert http.sent == []


def test_without_time_for_the_limits_to_ask_again_the_first_failure_is_told(
    state: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    http = Canned({"GET /openApi/spot/v1/account/balance": (503, {"code": 1, "msg": "down"})})

    def refuse_the_second(*_: Any, **__: Any) -> None:
        if http.sent:
            raise RateLimited("BingX: its limit of calls is used up; nothing was sent")

    monkeypatch.setattr(Limits, "take", refuse_the_second)
    exchange = opened(http, state, sleep=lambda seconds: None)
    with pytest.raises(ExchangeFailed, match="down"):
        exchange.read(lambda ccxt: ccxt.spotV1PrivateGetAccountBalance())
    assert len(http.sent) == 1
    with pytest.raises(RateLimited):
        exchange.read(lambda ccxt: ccxt.spotV1PrivateGetAccountBalance())


@pytest.mark.usefixtures("unlimited")
def test_what_ccxt_itself_says_of_a_success_is_no_refusal(state: Engine) -> None:
    http = Canned({"POST /openApi/spot/v1/trade/order": {"code": 0, "data": {}}})
    exchange = opened(http, state)

    def lost(ccxt: Any) -> None:
        ccxt.spotV1PrivatePostTradeOrder({"symbol": "BTC-USDT"})
        raise ccxt_errors.OrderNotFound("bingx https://open-api.bingx.com/?signature=secret")

    with pytest.raises(OutcomeUnknown) as unknown:
        exchange.change(lost)
    assert "secret" not in unknown.value.message


@pytest.mark.usefixtures("unlimited")
def test_an_order_that_ccxt_searches_for_in_vain_is_not_found(state: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    give_market(monkeypatch, "BTC_USDT")
    http = Canned({"POST /api/v4/orders": [[]], "POST /api/v4/trade-account/order/history": {}})
    exchange = open_exchange(Lent(http=http, state=state, measure_clocks=False), bridged("whitebit", "WhiteBIT"))
    with pytest.raises(OrderNotFound, match="WhiteBIT has no such order"):
        exchange.order(Symbol("BTC", "USDT"), "7")


@pytest.mark.usefixtures("unlimited")
def test_no_key_stays_behind(state: Engine) -> None:
    http = Canned({"GET /openApi/spot/v1/account/balance": BALANCE})
    exchange = opened(http, state)
    seen: list[Any] = []

    def look(ccxt: Any) -> None:
        seen.append(ccxt)
        ccxt.options["token of the account"] = KEYS.secret
        ccxt.headers["X-Token"] = KEYS.secret
        ccxt.spotV1PrivateGetAccountBalance()

    exchange.read(look)
    assert vars(seen[0]) == {}
    prototype = exchange.engine._prototype
    assert KEYS.secret not in repr(vars(prototype))
    assert (prototype.apiKey, prototype.secret) == (None, None)


@pytest.mark.usefixtures("unlimited")
def test_nothing_of_a_request_is_logged(state: Engine, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    http = Canned({"GET /openApi/spot/v1/account/balance": (500, {"code": 1, "msg": "x"})})
    with pytest.raises(OutcomeUnknown):
        opened(http, state, sleep=lambda seconds: None).read(lambda ccxt: ccxt.spotV1PrivateGetAccountBalance())
    assert KEYS.key not in caplog.text
    assert len(http.sent) == 3, "a read is tried three times where the server failed"


@pytest.mark.usefixtures("unlimited")
def test_a_market_buy_that_cannot_name_its_cost_is_refused(state: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    give_market(monkeypatch, "btc_idr")
    http = Canned({})
    exchange = open_exchange(Lent(http=http, state=state, measure_clocks=False), bridged("bitstamp", "Bitstamp"))
    order = exchange.new_order(Symbol("BTC", "USDT"), Direction.BUY, None, Decimal("100.5"))
    assert order.side is Side.BUY
    with pytest.raises(Unsupported, match="a market buy cannot name what to spend"):
        exchange.prepare(order)
    assert http.sent == []


@pytest.mark.usefixtures("unlimited")
def test_test_money_has_its_own_hosts_and_headers(state: Engine) -> None:
    http = Canned({"GET /api/v5/account/balance": {"code": "0", "data": []}})
    lent = Lent(http=http, state=state, measure_clocks=False, testnets=frozenset({"BingX", "OKX"}))
    bingx, okx = (open_exchange(lent, bridged(name.lower(), name)) for name in ("BingX", "OKX"))
    assert isinstance(bingx, CcxtCalls)
    assert isinstance(okx, CcxtCalls)
    assert bingx.engine.hosts == {"https://open-api-vst.bingx.com"}
    okx.read(lambda ccxt: ccxt.privateGetAccountBalance())
    assert http.sent[-1].headers["x-simulated-trading"] == "1"


@pytest.mark.usefixtures("unlimited")
def test_real_money_is_never_asked_as_test_money(state: Engine) -> None:
    http = Canned({"GET /api/v5/account/balance": {"code": "0", "data": []}})
    okx = open_exchange(Lent(http=http, state=state, measure_clocks=False), bridged("okx", "OKX"))
    assert isinstance(okx, CcxtCalls)
    okx.read(lambda ccxt: ccxt.privateGetAccountBalance())
    assert "x-simulated-trading" not in http.sent[-1].headers


@pytest.mark.usefixtures("unlimited")
def test_an_order_without_a_state_has_that_of_the_list_it_is_in(state: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    give_market(monkeypatch, "BTC_USDT")
    row = {"market": "BTC_USDT", "price": "60000.5", "side": "buy", "type": "limit", "amount": "0.01", "dealStock": "0"}
    http = Canned({
        "POST /api/v2/orders": {"success": True, "result": [{**row, "orderId": 7, "timestamp": 1700000000.5}]},
        "POST /api/v2/account/order_history": {
            "success": True, "result": {"BTC_USDT": [{**row, "id": 8, "ctime": 1700000000.5, "dealStock": "0.01"}]},
        },
    })  # fmt: skip
    lent = Lent(http=http, state=state, measure_clocks=False, sleep=lambda seconds: None, now=lambda: 1700000001000)
    symbol = Symbol("BTC", "USDT")
    for order_id, status in (("7", Status.OPEN), ("8", Status.CLOSED)):
        assert open_exchange(lent, bridged("p2b", "P2B")).order(symbol, order_id).status is status
    [opened] = open_exchange(lent, bridged("p2b", "P2B")).orders(symbol)
    assert opened.status is Status.OPEN
    [past] = open_exchange(lent, bridged("p2b", "P2B")).history(symbol, None, 5)
    assert (past.id, past.status) == ("8", Status.CLOSED)


# Keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("required", "secret", "found"),
    [
        (["apiKey", "secret"], "s", {"apiKey": "k", "secret": "s"}),
        (["apiKey", "secret"], "s,with,commas", {"apiKey": "k", "secret": "s,with,commas"}),
        (["apiKey", "secret", "password"], "s,p,q", {"apiKey": "k", "secret": "s", "password": "p,q"}),
        (["apiKey", "secret", "uid"], "s,u", {"apiKey": "k", "secret": "s", "uid": "u"}),
        (["secret", "uid"], "s", {"uid": "k", "secret": "s"}),
        (["privateKey", "walletAddress"], "p", {"walletAddress": "k", "privateKey": "p"}),
        (["privateKey"], "p", {"privateKey": "p"}),
        (
            ["apiKey", "secret", "uid", "login", "password"], "s,p,u,l",
            {"apiKey": "k", "secret": "s", "password": "p", "uid": "u", "login": "l"},
        ),
    ],
)  # fmt: skip
def test_keys_are_packed_behind_commas(required: list[str], secret: str, found: dict[str, str]) -> None:
    assert keys.unpack("X", required, Credentials.from_fields("k", secret)) == found


@pytest.mark.parametrize("secret", ["", "s", "s,", ",p"])
def test_a_missing_key_is_explained(secret: str) -> None:
    with pytest.raises(AuthenticationFailed) as refused:
        keys.unpack("WEEX", ["apiKey", "secret", "password"], Credentials.from_fields("k", secret))
    assert refused.value.message == (
        "WEEX needs as access key apiKey, and as secret key secret,password (with the commas); nothing was sent"
    )


# Words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "found"),
    [
        ({"code": 100202, "msg": "Insufficient balance"}, ("100202", "Insufficient balance")),
        ({"code": "1", "msg": "All failed", "data": [{"sCode": "51008", "sMsg": "poor"}]}, ("51008", "poor")),
        ({"error": ["EOrder:Insufficient funds"]}, ("", "EOrder:Insufficient funds")),
        ({"rc": 1, "mc": "ORDER_002", "ma": [], "result": None}, ("ORDER_002", "")),
        ({"code": 0, "message": "Validation failed", "errors": {"amount": ["too small"]}}, ("", "amount: too small")),
        ({"status": "error", "error": {"code": 7, "message": "no"}}, ("7", "no")),
        ({"success": 0, "error": "invalid pair", "error_code": "bad_pair"}, ("bad_pair", "invalid pair")),
        ({}, ("", "")),
        ([], ("", "")),
        ("text", ("", "")),
        (7, ("", "")),
    ],
)
def test_the_exchange_s_own_code_and_words(payload: Any, found: tuple[str, str]) -> None:
    assert code_and_words(payload) == found
