"""Binance: its published signatures, ccxt's signatures, its error and status lists, and what no conversation shows."""

import hashlib
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import ccxt
import pytest
import requests

from exchanges.binance.futures import FuturesBinance
from exchanges.binance.spot import Binance, BinanceApi
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
    WrongTime,
)
from protocol.models import Direction, Status, Symbol
from tests.conftest import Clock
from transport.http import Http, Reply
from transport.services import Services
from transport.signing import Credentials, HmacQuery

KEYS = Credentials("fmz-key", "fmz-secret")
DOCS_KEYS = Credentials(
    "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A",
    "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j",
)
FUTURES_DOCS_KEYS = Credentials(
    "dbefbc809e3e83c283a984c3a1459732ea7db1360ca80c5c2c8867408d28cc83",
    "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9",
)
SPOT_ORDER = {
    "orderId": 1, "side": "BUY", "price": "0.1", "origQty": "1.0", "executedQty": "0.0", "cummulativeQuoteQty": "0.0",
    "status": "NEW", "clientOrderId": "abc", "time": 1499827319559,
}  # fmt: skip
FUTURES_ORDER = {**SPOT_ORDER, "avgPrice": "0.0"}


def contract(name: str, base: str, kind: str) -> dict[str, Any]:
    filters = [
        {"filterType": "PRICE_FILTER", "tickSize": "0.10"},
        {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "1000"},
        {"filterType": "MIN_NOTIONAL", "notional": "50"},
    ]
    return {
        "symbol": name, "contractType": kind, "status": "TRADING", "baseAsset": base, "quoteAsset": "USDT",
        "filters": filters,
    }  # fmt: skip


CONTRACTS = [
    contract("BTCUSDT", "BTC", "PERPETUAL"),
    contract("1000SHIBUSDT", "1000SHIB", "PERPETUAL"),
    contract("BTCUSDT_241227", "BTC", "CURRENT_QUARTER"),
    contract("BTCUSDT_250328", "BTC", "NEXT_QUARTER"),
]


class Recorder(Http):
    """A client that opens no connection: keeps what would go out, and answers what it was given for the path."""

    def __init__(self, *, hedged: bool = False) -> None:
        super().__init__()
        self.sent: list[requests.PreparedRequest] = []
        self.status = 200
        self.replies: dict[str, Any] = {
            "/api/v3/account": {"balances": []},
            "/api/v3/order": SPOT_ORDER,
            "/fapi/v1/order": FUTURES_ORDER,
            "/fapi/v1/exchangeInfo": {"symbols": CONTRACTS},
            "/fapi/v1/positionSide/dual": {"dualSidePosition": hedged},
            "/fapi/v1/leverage": {"leverage": 20},
        }

    def send(self, exchange: str, request: requests.Request, until: float = 0.0) -> Reply:
        prepared = request.prepare()
        self.sent.append(prepared)
        body = json.dumps(self.replies.get(urlsplit(str(prepared.url)).path, []))
        return Reply(exchange, self.status, "application/json", body.encode())

    def signed(self) -> list[requests.PreparedRequest]:
        return [request for request in self.sent if HmacQuery.header in request.headers]


def place(symbol: str, direction: str, price: str | None, amount: str) -> Callable[[Any], Any]:
    def call(exchange: Any) -> Any:
        order = exchange.new_order(
            Symbol.parse(symbol), Direction(direction), Decimal(price) if price else None, Decimal(amount)
        )
        exchange.prepare(order)
        return exchange.trade(order)

    return call


# Published signatures ---------------------------------------------------------------------------------------------


ORDER = {"side": "BUY", "type": "LIMIT"}
PUBLISHED = {
    # https://developers.binance.com/docs/binance-spot-api-docs/rest-api/request-security
    "spot": (
        Binance,
        DOCS_KEYS,
        1499827319559,
        "api/v3/order",
        {"symbol": "LTCBTC", **ORDER, "timeInForce": "GTC", "quantity": "1", "price": "0.1"},
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000"
        "&timestamp=1499827319559&signature=c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
    ),
    "spot, not ASCII": (
        Binance,
        DOCS_KEYS,
        1499827319559,
        "api/v3/order",
        {"symbol": "１２３４５６", **ORDER, "timeInForce": "GTC", "quantity": "1", "price": "0.1"},
        "symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side=BUY&type=LIMIT&timeInForce=GTC"
        "&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
        "&signature=e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
    ),
    # https://developers.binance.com/docs/derivatives/usds-margined-futures/general-info
    "futures": (
        FuturesBinance,
        FUTURES_DOCS_KEYS,
        1591702613943,
        "fapi/v1/order",
        {"symbol": "BTCUSDT", **ORDER, "quantity": "1", "price": "9000", "timeInForce": "GTC"},
        "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&recvWindow=5000"
        "&timestamp=1591702613943&signature=3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9",
    ),
}


@pytest.mark.parametrize(("kind", "keys", "now", "path", "params", "query"), PUBLISHED.values(), ids=PUBLISHED)
def test_published_examples_go_out_as_published(
    kind: type[BinanceApi],
    keys: Credentials,
    now: int,
    path: str,
    params: dict[str, str],
    query: str,
    services: Services,
) -> None:
    http = Recorder()
    kind(keys, Services(http, services.state, now=Clock(now), measure_clocks=False)).raw("POST", path, params)
    [request] = http.sent
    assert request.url == f"{kind.url}/{path}?{query}"
    assert request.headers["X-MBX-APIKEY"] == keys.key
    assert not request.body


# ccxt's signatures ------------------------------------------------------------------------------------------------


BTC, SWAP = Symbol.parse("BTC_USDT"), Symbol.parse("BTC_USDT.swap")
SPOT_CALLS: dict[str, Callable[[Any], Any]] = {
    "accounts": lambda it: it.accounts(),
    "limit buy": place("BTC_USDT", "buy", "64000.10", "0.00100"),
    "limit sell": place("1INCH_USDT", "sell", "0.3", "1e-8"),
    "market buy": place("BTC_USDT", "buy", None, "100.5"),
    "market sell": place("BTC_USDT", "sell", None, "0.5"),
    "not ASCII": place("币安人生_USDT", "buy", "0.1", "1"),
    "orders": lambda it: it.orders(BTC),
    "all orders": lambda it: it.orders(None),
    "order": lambda it: it.order(BTC, "9007199254740993"),
    "find": lambda it: it.find(BTC, "abc_-XYZ019"),
    "cancel": lambda it: it.cancel(BTC, "28"),
    "history": lambda it: it.history(BTC, None, None),
    "history since": lambda it: it.history(BTC, 1499827319559, 10),
}
FUTURES_CALLS: dict[str, Callable[[Any], Any]] = {
    "accounts": lambda it: it.accounts(),
    **{
        f"{direction} at {price or 'the market'}": place("BTC_USDT.swap", direction, price, "0.010")
        for direction in ("buy", "sell", "closebuy", "closesell")
        for price in ("9000.10", None)
    },
    "quarter": place("BTC_USDT.quarter", "buy", "9000", "1"),
    "digits": place("1000SHIB_USDT.swap", "sell", None, "1000"),
    "orders": lambda it: it.orders(SWAP),
    "all orders": lambda it: it.orders(None),
    "order": lambda it: it.order(SWAP, "9007199254740993"),
    "find": lambda it: it.find(SWAP, "abc_-XYZ019"),
    "cancel": lambda it: it.cancel(SWAP, "28"),
    "history": lambda it: it.history(SWAP, 1499827319559, 10),
    "positions": lambda it: it.positions(None),
    "positions of one": lambda it: it.positions(SWAP),
    "leverage": lambda it: it.apply_leverage(SWAP, 20),
}
CALLS = [
    *(pytest.param(Binance, False, call, id=f"spot: {name}") for name, call in SPOT_CALLS.items()),
    *(
        pytest.param(FuturesBinance, hedged, call, id=f"{'hedge' if hedged else 'one-way'}: {name}")
        for hedged in (False, True)
        for name, call in FUTURES_CALLS.items()
    ),
]

# ccxt's names for the hosts and versions that we call.
SECTIONS = {"/api/v3/": "private", "/fapi/v1/": "fapiPrivate", "/fapi/v3/": "fapiPrivateV3"}
# Where ccxt writes the same thing differently, so that the signatures cannot be equal as they stand. The exchange
# takes either; each side's signature is made anew by the other over its exact bytes instead.
DIFFERENCES = {
    "order": "timestamp is the first parameter and recvWindow the last; ours end with both, as in the documentation",
    "body": "a POST's parameters travel in a form; ours are in the query, where all others are",
}


@pytest.mark.parametrize(("kind", "hedged", "call"), CALLS)
def test_signatures_agree_with_ccxt(
    kind: type[BinanceApi], hedged: bool, call: Callable[[Any], Any], services: Services, clock: Clock
) -> None:
    reference = ccxt.binance({"apiKey": KEYS.key, "secret": KEYS.secret, "options": {"recvWindow": HmacQuery.window}})
    reference.nonce = clock
    http = Recorder(hedged=hedged)
    call(kind(KEYS, Services(http, services.state, now=clock, measure_clocks=False)))
    assert http.signed()
    for request in http.signed():
        address, _, query = str(request.url).partition("?")
        prehash, _, signature = query.rpartition("&signature=")
        params = parse_qsl(prehash, strict_parsing=True)
        assert [name for name, _ in params[-2:]] == ["recvWindow", "timestamp"]
        assert len(dict(params)) == len(params)

        path = urlsplit(address).path
        [(root, section)] = [found for found in SECTIONS.items() if path.startswith(found[0])]
        theirs = reference.sign(path.removeprefix(root), [section], str(request.method), dict(params[:-2]))
        their_address, _, their_query = theirs["url"].partition("?")
        if theirs["body"]:  # DIFFERENCES["body"]
            assert request.method == "POST"
            their_query = theirs["body"]
        their_prehash, _, their_signature = their_query.rpartition("&signature=")
        assert their_address == address
        assert theirs["headers"]["X-MBX-APIKEY"] == request.headers["X-MBX-APIKEY"]
        assert sorted(parse_qsl(their_prehash)) == sorted(params)  # DIFFERENCES["order"]

        assert reference.hmac(prehash.encode(), KEYS.secret.encode(), hashlib.sha256) == signature
        assert HmacQuery.signature(their_prehash.encode(), KEYS.secret.encode()) == their_signature


# Tables -----------------------------------------------------------------------------------------------------------


def test_every_documented_status_is_known() -> None:
    # https://developers.binance.com/docs/binance-spot-api-docs/enums and, a part of these,
    # https://developers.binance.com/docs/derivatives/usds-margined-futures/common-definition
    documented = "NEW PENDING_NEW PARTIALLY_FILLED FILLED CANCELED PENDING_CANCEL REJECTED EXPIRED EXPIRED_IN_MATCH"
    assert set(BinanceApi.statuses) == set(documented.split())
    assert FuturesBinance.statuses == Binance.statuses
    assert {name for name, status in Binance.statuses.items() if status is Status.CLOSED} == {"FILLED"}


# https://developers.binance.com/docs/binance-spot-api-docs/errors: what is not here is an ExchangeError.
SPOT_REFUSALS: dict[str, type[GatewayError]] = {
    "-1000 An unknown error occurred while processing the request.": OutcomeUnknown,
    "-1001 Internal error; unable to process your request. Please try again.": OutcomeUnknown,
    "-1002 You are not authorized to execute this request.": AuthenticationFailed,
    "-1003 Too many requests queued.": RateLimited,
    "-1006 An unexpected response was received from the message bus. Execution status unknown.": OutcomeUnknown,
    "-1007 Timeout waiting for response from backend server. Send status unknown; execution status unknown.": (
        OutcomeUnknown
    ),
    "-1008 Server is currently overloaded with other requests. Please try again in a few minutes.": RateLimited,
    "-1013 Filter failure: PRICE_FILTER": InvalidOrder,
    "-1013 Filter failure: PERCENT_PRICE": InvalidOrder,
    "-1013 Filter failure: LOT_SIZE": InvalidOrder,
    "-1013 Filter failure: MIN_NOTIONAL": InvalidOrder,
    "-1013 Filter failure: NOTIONAL": InvalidOrder,
    "-1013 Filter failure: MARKET_LOT_SIZE": InvalidOrder,
    "-1013 Filter failure: MAX_POSITION": InvalidOrder,
    "-1013 Filter failure: MAX_NUM_ORDERS": InvalidOrder,
    "-1013 Market is closed.": Maintenance,
    "-1015 Too many new orders; current limit is 100 orders per 10 SECOND.": RateLimited,
    "-1016 This service is no longer available.": Maintenance,
    "-1021 Timestamp for this request is outside of the recvWindow.": WrongTime,
    "-1021 Timestamp for this request was 1000ms ahead of the server's time.": WrongTime,
    "-1022 Signature for this request is not valid.": AuthenticationFailed,
    "-1034 Too many concurrent connections; current limit is '5'.": RateLimited,
    "-1111 Parameter 'price' has too much precision.": InvalidOrder,
    "-2010 Market is closed.": Maintenance,
    "-2010 Account has insufficient balance for requested action.": InsufficientFunds,
    "-2010 Price * QTY is zero or less.": InvalidOrder,
    "-2010 Filter failure: MAX_NUM_ORDERS": InvalidOrder,
    "-2010 This action is disabled on this account.": AuthenticationFailed,
    "-2010 This account may not place or cancel orders.": AuthenticationFailed,
    "-2010 This symbol is not permitted for this account.": AuthenticationFailed,
    "-2010 This symbol is restricted for this account.": AuthenticationFailed,
    "-2011 Unknown order sent.": OrderNotFound,
    "-2011 This account may not place or cancel orders.": AuthenticationFailed,
    "-2013 Order does not exist.": OrderNotFound,
    "-2014 API-key format invalid.": AuthenticationFailed,
    "-2015 Invalid API-key, IP, or permissions for action.": AuthenticationFailed,
    # Refused for reasons of their own:
    "-1014 Unsupported order combination.": ExchangeError,
    "-1020 This operation is not supported.": ExchangeError,
    "-1100 Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,20}$'.": ExchangeError,
    "-1102 Mandatory parameter 'side' was not sent, was empty/null, or malformed.": ExchangeError,
    "-1121 Invalid symbol.": ExchangeError,
    "-2010 Duplicate order sent.": OutcomeUnknown,
    "-2010 Market orders are not supported for this symbol.": ExchangeError,
    "-2010 Order book liquidity is less than symbol minimum quantity.": ExchangeError,
    "-2011 Order was not canceled due to cancel restrictions.": ExchangeError,
    "-2016 No trading window could be found for the symbol. Try ticker/24hrs instead.": ExchangeError,
    "-2021 Order cancel-replace partially failed": ExchangeError,
    "-2022 Order cancel-replace failed.": ExchangeError,
    "-2026 Order was canceled or expired with no executed qty over 90 days ago and has been archived.": ExchangeError,
}
# https://developers.binance.com/docs/derivatives/usds-margined-futures/error-code
FUTURES_CODES: dict[type[GatewayError], list[int]] = {
    OutcomeUnknown: [1000, 1001, 1006, 1007, 4116],
    RateLimited: [1003, 1008, 1015, 4400],
    Maintenance: [1016, 4140, 4141],
    AuthenticationFailed: [1002, 1011, 1022, 1099, 2014, 2015, 2017, 4087, 4088, 4402],
    WrongTime: [1021, 5028],
    InsufficientFunds: [2018, 2019, 2024, 2028, 4050, 4051],
    InvalidOrder: [
        1013, 1111, 4001, 4002, 4003, 4004, 4005, 4013, 4014, 4016, 4023, 4024, 4164, 4183, 4184, 5029,
    ],
    OrderNotFound: [2013],
    ExchangeError: [
        1004, 1005, 1010, 1014, 1020, 1023, 1100, 1101, 1102, 1103, 1104, 1105, 1106, 1108, 1109, 1110, 1112, 1113,
        1114, 1115, 1116, 1117, 1118, 1119, 1120, 1121, 1122, 1125, 1126, 1127, 1128, 1130, 1136, 2010, 2011, 2012,
        2016, 2020, 2021, 2022, 2023, 2025, 2026, 2027, 4000, 4006, 4007, 4008, 4009, 4010, 4011, 4012, 4015, 4017,
        4018, 4019, 4020, 4021, 4022, 4025, 4026, 4027, 4028, 4029, 4030, 4031, 4032, 4033, 4044, 4045, 4046, 4047,
        4048, 4049, 4052, 4053, 4054, 4055, 4056, 4057, 4058, 4059, 4060, 4061, 4062, 4067, 4068, 4082, 4083, 4084,
        4085, 4086, 4104, 4109, 4114, 4115, 4117, 4118, 4131, 4135, 4137, 4138, 4139, 4142, 4144, 4161, 4165,
        4167, 4168, 4169, 4170, 4171, 4172, 4192, 4202, 4203, 4205, 4206, 4208, 4209, 4210, 4211, 4401, 4403, 5021,
        5022, 5024, 5025, 5026, 5027, 5037, 5038, 5039, 5040, 5041, 5043,
    ],
}  # fmt: skip


@pytest.mark.parametrize("said", SPOT_REFUSALS)
def test_spot_refusals_are_told_apart(said: str, services: Services) -> None:
    code, _, words = said.partition(" ")
    assert type(Binance(KEYS, services).refused(code, words)) is SPOT_REFUSALS[said]


@pytest.mark.parametrize(
    ("code", "expected"), [(code, expected) for expected, codes in FUTURES_CODES.items() for code in codes]
)
def test_futures_refusals_are_told_apart(code: int, expected: type[GatewayError], services: Services) -> None:
    assert type(FuturesBinance(KEYS, services).refused(-code, "words of its own")) is expected


def test_a_longer_code_is_another_code(services: Services) -> None:
    assert type(FuturesBinance(KEYS, services).refused(-10210, "longer")) is ExchangeError


# Names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name"), [("BTC_USDT", "BTCUSDT"), ("1INCH_USDT", "1INCHUSDT"), ("1000SATS_USDT", "1000SATSUSDT")]
)
def test_a_spot_market_needs_no_network(text: str, name: str, services: Services) -> None:
    http = Recorder()
    assert Binance(KEYS, Services(http, services.state, measure_clocks=False)).market(Symbol.parse(text)) == name
    assert not http.sent


def test_every_contract_is_found_by_both_names_and_read_back(services: Services) -> None:
    exchange = FuturesBinance(KEYS, Services(Recorder(), services.state, measure_clocks=False))
    for name, market in exchange.listing().items():
        assert exchange.market(Symbol.parse(name)) == market.id
        by_own_name = Symbol(market.symbol.base, market.symbol.quote, market.id)
        assert exchange.market(by_own_name) == market.id
    assert set(exchange.listing()) == {
        "BTC_USDT.swap", "1000SHIB_USDT.swap", "BTC_USDT.quarter", "BTC_USDT.next_quarter",
    }  # fmt: skip


# What is kept -----------------------------------------------------------------------------------------------------


def paths(http: Recorder) -> list[str]:
    return [urlsplit(str(request.url)).path for request in http.sent]


def test_the_mode_is_asked_once_a_minute_for_an_account(services: Services) -> None:
    http = Recorder()
    lent = Services(http, services.state, now=services.now, measure_clocks=False)
    for _ in range(3):
        place("BTC_USDT.swap", "buy", "9000", "1")(FuturesBinance(KEYS, lent))
    assert paths(http).count("/fapi/v1/positionSide/dual") == 1
    place("BTC_USDT.swap", "buy", "9000", "1")(FuturesBinance(Credentials("another-key", "fmz-secret"), lent))
    assert paths(http).count("/fapi/v1/positionSide/dual") == 2


def test_a_mode_that_was_changed_is_asked_again(services: Services) -> None:
    http = Recorder()
    lent = Services(http, services.state, now=services.now, measure_clocks=False)
    buy = place("BTC_USDT.swap", "buy", "9000", "1")
    buy(FuturesBinance(KEYS, lent))
    http.replies["/fapi/v1/order"] = {"code": -4061, "msg": "Order's position side does not match user's setting."}
    with pytest.raises(ExchangeError, match="-4061"):
        buy(FuturesBinance(KEYS, lent))
    http.replies |= {"/fapi/v1/order": FUTURES_ORDER, "/fapi/v1/positionSide/dual": {"dualSidePosition": True}}
    buy(FuturesBinance(KEYS, lent))
    assert paths(http).count("/fapi/v1/positionSide/dual") == 2
    assert dict(parse_qsl(urlsplit(str(http.sent[-1].url)).query))["positionSide"] == "LONG"


def test_leverage_is_told_before_the_first_order_that_opens(services: Services) -> None:
    http = Recorder()
    lent = Services(http, services.state, now=services.now, measure_clocks=False)
    FuturesBinance(KEYS, lent).set_leverage(20, None)
    assert not http.sent
    for direction in ("closebuy", "buy", "buy"):
        place("BTC_USDT.swap", direction, "9000", "1")(FuturesBinance(KEYS, lent))
    assert [path for path in paths(http) if path in ("/fapi/v1/leverage", "/fapi/v1/order")] == [
        "/fapi/v1/order", "/fapi/v1/leverage", "/fapi/v1/order", "/fapi/v1/order",
    ]  # fmt: skip


# Finding an order by our id ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "symbol", "path"), [(Binance, BTC, "/api/v3/order"), (FuturesBinance, SWAP, "/fapi/v1/order")]
)
def test_an_order_is_found_by_client_id(kind: type[BinanceApi], symbol: Symbol, path: str, services: Services) -> None:
    http = Recorder()
    exchange = kind(KEYS, Services(http, services.state, measure_clocks=False))
    for status in ("NEW", "FILLED", "CANCELED", "SOMETHING_NEW"):
        http.replies[path] = {**FUTURES_ORDER, "status": status}
        assert exchange.find(symbol, "abc") == FUTURES_ORDER["orderId"]
        assert dict(parse_qsl(urlsplit(str(http.sent[-1].url)).query))["origClientOrderId"] == "abc"
    http.status = 400
    http.replies[path] = {"code": -2013, "msg": "Order does not exist."}
    assert exchange.find(symbol, "abc") is None
    for code, error in ((-1007, OutcomeUnknown), (-2026, ExchangeError), (-1003, RateLimited)):
        http.replies[path] = {"code": code, "msg": "something else"}
        with pytest.raises(error):
            exchange.find(symbol, "abc")


def test_client_ids_are_within_the_documented_pattern(services: Services) -> None:
    # https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api/New-Order
    rendered = FuturesBinance(KEYS, services, "a request").new_client_id()
    assert 0 < len(rendered) <= 36
    assert set(rendered) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.:/_-")


# Pass-through -----------------------------------------------------------------------------------------------------


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
def test_only_public_resources_go_unsigned(kind: type[BinanceApi], path: str, signed: bool, services: Services) -> None:
    http = Recorder()
    kind(KEYS, Services(http, services.state, measure_clocks=False)).raw("GET", path, {"symbol": "BTCUSDT"})
    [request] = http.sent
    assert bool(http.signed()) is signed
    assert ("signature=" in str(request.url)) is signed
