"""OKX: its signatures against ccxt's for the same bytes, its tables against its documentation, lists over many pages,
and what is asked beforehand."""

import json
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import ccxt
import pytest
import requests

from exchanges import EXCHANGES
from exchanges.base.exchange import Exchange
from exchanges.okx.futures import FuturesOKX
from exchanges.okx.spot import OKX
from protocol.errors import (
    AuthenticationFailed,
    ExchangeError,
    InsufficientFunds,
    InvalidOrder,
    Maintenance,
    OrderNotFound,
    OutcomeUnknown,
    RateLimited,
    Unsupported,
    WrongTime,
)
from protocol.models import Direction, NewOrder, Status, Symbol
from tests.conftest import NOW
from transport.http import Reply
from transport.services import Services
from transport.signing import Credentials, HmacHeaders

KEYS = Credentials("fmz-key", "fmz-secret", "fmz-pass")
SPOT, SWAP, QUARTER = (Symbol.parse(name) for name in ("BTC_USDT", "BTC_USDT.swap", "BTC_USD.quarter"))


class Recorder:
    """A client that sends nothing: it keeps every request as it would go out, and answers from a table."""

    def __init__(self, mode: str = "net_mode") -> None:
        self.sent: list[requests.PreparedRequest] = []
        self.answers: dict[str, Any] = {
            "/public/instruments": lambda query: [listed(query["instType"])],
            "/account/config": [{"posMode": mode}],
            "/account/balance": [{"details": []}],
            "/trade/order": [{**ORDER, "sCode": "0", "sMsg": ""}],
            "/trade/cancel-order": [{"sCode": "0", "sMsg": ""}],
        }

    def send(self, exchange: str, request: requests.Request, until: float = 0.0) -> Reply:
        prepared = request.prepare()
        self.sent.append(prepared)
        parts = urlsplit(str(prepared.url))
        answer = self.answers.get(parts.path.removeprefix("/api/v5"), [])
        rows = answer(dict(parse_qsl(parts.query))) if callable(answer) else answer
        payload = rows if isinstance(rows, dict) else {"code": "0", "msg": "", "data": rows}
        return Reply(exchange, 200, "application/json", json.dumps(payload).encode())

    def paths(self) -> list[str]:
        return [f"{request.method} {urlsplit(str(request.url)).path}" for request in self.sent]

    def signed(self) -> list[requests.PreparedRequest]:
        return [request for request in self.sent if "OK-ACCESS-SIGN" in request.headers]


ORDER = {
    "ordId": "680800019749904384", "clOrdId": "b15", "instId": "BTC-USDT", "side": "buy", "px": "1", "sz": "2",
    "accFillSz": "0", "avgPx": "", "tgtCcy": "", "state": "live", "cTime": "1699999000000",
}  # fmt: skip


def listed(kind: str) -> dict[str, str]:
    dated = kind == "FUTURES"
    return {
        "instId": "BTC-USD-231229" if dated else "BTC-USDT-SWAP", "alias": "quarter" if dated else "", "state": "live",
        "tickSz": "0.1", "lotSz": "1", "minSz": "1", "maxLmtSz": "1000", "ctVal": "100", "ctMult": "1",
        "ctValCcy": "USD", "baseCcy": "BTC", "quoteCcy": "USDT",
    }  # fmt: skip


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


Make = Callable[..., Any]
Ask = Callable[[Any], Any]


@pytest.fixture
def make(services: Services, recorder: Recorder) -> Make:
    """An exchange whose client is the recorder."""

    def make(kind: type[Exchange], **options: Any) -> Exchange:
        keys = options.pop("keys", KEYS)
        with_recorder = Services(
            http=recorder,  # type: ignore[arg-type]
            state=services.state,
            now=services.now,
            cache=services.cache,
            deadline=60.0,
            sleep=services.sleep,
            measure_clocks=False,
            **options,
        )
        return kind(keys, with_recorder, "1500793319499")

    return make


# Signatures -------------------------------------------------------------------------------------------------------


def test_signature_is_the_known_vector() -> None:
    """OKX publishes none; this is ccxt's."""
    prehash = b"2023-11-14T22:13:20.000ZGET/api/v5/account/balance?ccy=BTC"
    assert HmacHeaders.signature(prehash, b"fmz-secret") == "TviUbmWhfjtuKP3U6lCKNfT5ulwCr6SrdupoBYvTQzg="
    url = "https://www.okx.com/api/v5/account/balance?ccy=BTC"
    request = requests.Request("GET", url, auth=HmacHeaders(KEYS, lambda: NOW)).prepare()
    assert request.headers["OK-ACCESS-SIGN"] == "TviUbmWhfjtuKP3U6lCKNfT5ulwCr6SrdupoBYvTQzg="


def placed(symbol: Symbol, direction: Direction, price: str | None) -> Ask:
    def place(exchange: Any) -> Any:
        order = exchange.new_order(symbol, direction, Decimal(price) if price else None, Decimal("0.0000001"))
        exchange.prepare(order)
        return exchange.trade(order)

    return place


def asks(method: str, *args: Any) -> Ask:
    return lambda exchange: getattr(exchange, method)(*args)


CALLS: dict[str, tuple[type[Exchange], Ask]] = {
    **{
        f"{kind.name} {name}": (kind, call)
        for kind, symbol in ((OKX, SPOT), (FuturesOKX, SWAP), (FuturesOKX, QUARTER))
        for name, call in {
            "accounts": asks("accounts"),
            f"order {symbol}": asks("order", symbol, "680800019749904384"),
            f"find {symbol}": asks("find", symbol, "b15"),
            f"cancel {symbol}": asks("cancel", symbol, "680800019749904384"),
            f"orders {symbol}": asks("orders", symbol),
            "orders": asks("orders", None),
            f"history {symbol}": asks("history", symbol, NOW, 10),
            "history": asks("history", None, None, None),
            "raw GET": asks("raw", "GET", "api/v5/account/bills", {"ccy": "BTC,ETH", "type": "1"}),
            "raw GET of nothing": asks("raw", "GET", "api/v5/account/config", {}),
            "raw POST": asks("raw", "POST", "api/v5/asset/transfer", {"ccy": "USDT é", "amt": "1"}),
        }.items()
    },
    **{
        f"{kind.name} {direction} {price or 'market'} {symbol}": (kind, placed(symbol, direction, price))
        for kind, symbol, directions in (
            (OKX, SPOT, (Direction.BUY, Direction.SELL)),
            (FuturesOKX, SWAP, tuple(Direction)),
            (FuturesOKX, QUARTER, tuple(Direction)),
        )
        for direction in directions
        for price in ("0.00000001", "12345678901234567890.5", None)
    },
    "Futures_OKX positions": (FuturesOKX, asks("positions", None)),
    "Futures_OKX positions of one": (FuturesOKX, asks("positions", SWAP)),
    "Futures_OKX leverage": (FuturesOKX, asks("set_leverage", 10, SWAP)),
}

# What we send otherwise than ccxt does, and why: its signature is then made over ours.
DIFFERENT = {"body": "ccxt writes JSON without spaces; what it says is the same"}
# The headers that ccxt does not send, and why.
BEYOND = {
    "expTime": "a new order is refused when it arrives late; headers are not signed",
    "Content-Length": "it comes from the body",
}


@pytest.fixture(scope="module")
def reference() -> Any:
    exchange = ccxt.okx({"apiKey": "fmz-key", "secret": "fmz-secret", "password": "fmz-pass"})
    exchange.milliseconds = lambda: NOW
    return exchange


@pytest.mark.parametrize("mode", ["net_mode", "long_short_mode"])
@pytest.mark.parametrize("call", CALLS)
def test_every_signed_call_is_as_ccxt_signs_it(
    call: str, mode: str, make: Make, recorder: Recorder, reference: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, ask = CALLS[call]
    recorder.answers["/account/config"] = [{"posMode": mode}]
    ask(make(kind))
    assert recorder.signed()
    for request in recorder.signed():
        ours = {"url": request.url, "method": request.method, "body": body_of(request) or None}
        parts = urlsplit(str(request.url))
        params = json.loads(body_of(request)) if request.body else dict(parse_qsl(parts.query))
        asked = (parts.path.removeprefix("/api/v5/"), ["private"], request.method, params)
        theirs = reference.sign(*asked)
        assert {name for name in ours if ours[name] != theirs[name]} <= DIFFERENT.keys()
        monkeypatch.setattr(reference, "json", partial(_ours, body_of(request)))
        headers = reference.sign(*asked)["headers"]
        monkeypatch.undo()
        assert headers.keys() >= {f"OK-ACCESS-{name}" for name in ("KEY", "SIGN", "TIMESTAMP", "PASSPHRASE")}
        assert {name: request.headers.get(name) for name in headers} == headers
        assert set(request.headers) - set(headers) <= BEYOND.keys()
        places = (request.method, parts.path) == ("POST", "/api/v5/trade/order")
        assert request.headers.get("expTime") == (str(NOW + 5000) if places else None)


def body_of(request: requests.PreparedRequest) -> str:
    return request.body.decode() if isinstance(request.body, bytes) else str(request.body or "")


def _ours(text: str, params: dict[str, Any]) -> str:
    assert json.loads(text) == params
    return text


# Tables -----------------------------------------------------------------------------------------------------------

# https://www.okx.com/docs-v5/en/#order-book-trading-trade-get-order-details
STATES = {
    "live": Status.OPEN,
    "partially_filled": Status.OPEN,
    "filled": Status.CLOSED,
    "canceled": Status.CANCELLED,
    "mmp_canceled": Status.CANCELLED,
}

# https://www.okx.com/docs-v5/en/#error-code-rest-api-public: every code that says why keys were refused, that money or
# an order was missing, that an order breaks its market's rules, that there were too many calls, or that it is closed.
CODES: dict[type[Exception], str] = {
    AuthenticationFailed: """
        50030 50035 50041 50100 50101 50103 50104 50105 50106 50107 50108 50109 50110 50111 50113 50114 50118 50119
        50120 50121""",
    WrongTime: "50036 50102 50112",
    InsufficientFunds: "51008 51127 51131 51502",
    OrderNotFound: "51063 51400 51401 51402 51405 51503 51509 51510 51603",
    InvalidOrder: """
        50122 51005 51006 51007 51020 51031 51033 51101 51116 51120 51121 51122 51135 51136 51137 51138 51150 51185
        51201 51202 51203""",
    RateLimited: "50011 50040 50061 51113",
    Maintenance: "50005 50013 50046 50062 51021 51022 51028 51029 51030",
    OutcomeUnknown: "50001 50004 50026 51016 51054 51149 51410 51412",
    # Its own words say it best: none of the above.
    ExchangeError: """
        1 50000 50002 50006 50007 50008 50009 50010 50012 50014 50015 50016 50017 50018 50019 50020 50021 50022 50023
        50024 50025 50027 50028 50029 50032 50033 50037 50038 50039 50042 50044 50047 50051 50052 50053 50059
        50060 50063 50064 50067 50069 50071 50072 50075 50076 50077 50115 50116 51000 51001 51002 51003 51004 51009
        51010 51011 51012 51014 51015 51017 51023 51024 51025 51026 51027 51032 51034 51035 51037 51038 51039
        51041 51043 51056 51087 51102 51103 51104 51105 51106 51107 51108 51109 51110 51111 51112 51115 51117 51123
        51124 51128 51129 51130 51132 51134 51139 51140 51143 51144 51148 51155 51169 51170 51174 51186 51187 51204
        51205 51206 51403 51404 51406 51407 51408 51409 51411 51413 51416 51600 51601 51602""",
}


@pytest.mark.parametrize("kind", [OKX, FuturesOKX])
def test_states_are_all_that_are_documented(kind: type[Exchange]) -> None:
    assert kind.statuses == STATES


@pytest.mark.parametrize("kind", [OKX, FuturesOKX])
@pytest.mark.parametrize(("error", "code"), [(error, code) for error, codes in CODES.items() for code in codes.split()])
def test_codes_are_told_by_their_kind(kind: type[Exchange], error: type[Exception], code: str, make: Make) -> None:
    assert type(make(kind).refused(code, "Words.")) is error
    assert type(make(kind).refused(f"{code}_1000", "Words.")) is error  # as the documentation writes its sub-codes


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("Parameter px error", InvalidOrder),
        ("Parameter sz error", InvalidOrder),
        ("Parameter posSide error", ExchangeError),
        ("Parameter szx error", ExchangeError),
    ],
)
def test_a_wrong_parameter_is_the_orders_when_it_is_price_or_amount(
    said: str, error: type[Exception], make: Make
) -> None:
    assert type(make(OKX).refused("51000", said)) is error


def test_client_ids_are_letters_and_digits() -> None:
    assert OKX.client_id
    for number in (0, 1, 2**128 - 1):
        text = OKX.client_id.render(number)
        assert text.isascii()
        assert text.isalnum()
        assert 0 < len(text) <= 32


def test_both_are_registered_and_spot_names_its_twin() -> None:
    assert (EXCHANGES["okx"], EXCHANGES["futures_okx"]) == (OKX, FuturesOKX)
    assert OKX.futures == FuturesOKX.name


# Names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "market"), [("BTC_USDT", "BTC-USDT"), ("1inch_usdt", "1INCH-USDT"), ("ETH", "ETH-USDT")]
)
def test_spot_markets_are_named_without_asking(text: str, market: str, make: Make, recorder: Recorder) -> None:
    exchange = make(OKX)
    symbol = exchange.resolve(Symbol.parse(text))
    assert exchange.market(symbol) == market
    assert exchange.names([market]) == {market: symbol}
    assert not recorder.sent


@pytest.mark.parametrize(
    ("instrument", "alias", "name"),
    [
        ("BTC-USDT-SWAP", "", "BTC_USDT.swap"),
        ("BTC-USD-SWAP", "", "BTC_USD.swap"),
        ("1INCH-USDT-SWAP", "", "1INCH_USDT.swap"),
        ("BTC-USD-231229", "quarter", "BTC_USD.quarter"),
        ("BTC-USD-231229", "third_quarter", "BTC_USD.third_quarter"),
        ("BTC-USD-231229", "", "BTC_USD.BTC-USD-231229"),
        ("BTC-USD-231229", "some_day", "BTC_USD.BTC-USD-231229"),
        ("BTC-USD_UM-SWAP", "", "BTC_USD.BTC-USD_UM-SWAP"),
        ("ETH-USD_UM_XPERP-310404", "quarter", "ETH_USD.ETH-USD_UM_XPERP-310404"),
    ],
)
def test_contracts_have_one_name_and_it_can_be_asked_for(
    instrument: str, alias: str, name: str, make: Make, recorder: Recorder
) -> None:
    row = {**listed("SWAP"), "instId": instrument, "alias": alias}
    recorder.answers["/public/instruments"] = lambda query: [row] if query["instType"] == "SWAP" else []
    exchange = make(FuturesOKX)
    assert [str(market.symbol) for market in exchange.markets()] == [name]
    assert exchange.market(exchange.resolve(Symbol.parse(name))) == instrument
    assert exchange.names([instrument]) == {instrument: Symbol.parse(name)}


# Lists ------------------------------------------------------------------------------------------------------------


def paged(count: int) -> Callable[[dict[str, str]], list[dict[str, str]]]:
    """So many orders, newest first, a hundred a page."""

    def rows(query: dict[str, str]) -> list[dict[str, str]]:
        last = int(query.get("after", count + 1))
        return [
            {**ORDER, "ordId": str(n), "cTime": str(NOW + n), "state": "filled"} for n in range(last - 1, 0, -1)[:100]
        ]

    return rows


@pytest.mark.parametrize(("count", "pages"), [(0, 1), (1, 1), (99, 1), (100, 2), (250, 3)])
def test_open_orders_are_read_to_the_last_page(count: int, pages: int, make: Make, recorder: Recorder) -> None:
    recorder.answers["/trade/orders-pending"] = paged(count)
    assert [order.id for order in make(OKX).orders(None)] == [str(n) for n in range(count, 0, -1)]
    assert len(recorder.sent) == pages


@pytest.mark.parametrize(
    ("since", "limit", "found", "pages"),
    [
        (None, None, range(151, 251), 1),  # the latest page
        (None, 3, range(248, 251), 1),
        (None, 150, range(101, 251), 2),
        (NOW, None, range(1, 251), 3),
        (NOW, 3, range(1, 4), 3),  # the first three since then are on the last page
    ],
)
def test_past_orders_come_oldest_first(
    since: int | None, limit: int | None, found: range, pages: int, make: Make, recorder: Recorder
) -> None:
    recorder.answers["/trade/orders-history"] = paged(250)
    assert [order.id for order in make(OKX).history(SPOT, since, limit)] == [str(n) for n in found]
    assert len(recorder.sent) == pages


def test_a_list_without_end_is_given_up(make: Make, recorder: Recorder) -> None:
    recorder.answers["/trade/orders-history"] = paged(10_000)
    with pytest.raises(Unsupported, match="over 5000 orders"):
        make(OKX).history(SPOT, NOW, 1)


@pytest.mark.parametrize(("code", "found"), [("51603", None), ("50011", RateLimited), ("50004", OutcomeUnknown)])
def test_an_order_is_found_by_client_id_or_surely_not_there(
    code: str, found: type[Exception] | None, make: Make, recorder: Recorder
) -> None:
    exchange = make(OKX)
    assert exchange.find(SPOT, "b15") == "680800019749904384"
    assert str(recorder.sent[-1].url).endswith("/api/v5/trade/order?instId=BTC-USDT&clOrdId=b15")
    recorder.answers["/trade/order"] = {"code": code, "msg": "no", "data": []}
    if found is None:
        assert exchange.find(SPOT, "b15") is None
    else:
        with pytest.raises(found):
            exchange.find(SPOT, "b15")


# What is asked beforehand -----------------------------------------------------------------------------------------


def opening(exchange: Any, direction: Direction = Direction.BUY) -> NewOrder:
    order: NewOrder = exchange.new_order(SWAP, direction, Decimal(1), Decimal(1))
    exchange.prepare(order)
    exchange.trade(order)
    return order


def test_the_position_mode_is_asked_once_a_minute_for_each_account(make: Make, recorder: Recorder) -> None:
    for keys in (KEYS, KEYS, Credentials("other", "fmz-secret", "fmz-pass")):
        opening(make(FuturesOKX, keys=keys))
    assert recorder.paths() == [
        "GET /api/v5/account/config",
        "GET /api/v5/public/instruments",
        "GET /api/v5/public/instruments",
        "POST /api/v5/trade/order",
        "POST /api/v5/trade/order",
        "GET /api/v5/account/config",
        "POST /api/v5/trade/order",
    ]


def test_leverage_for_all_is_set_before_a_markets_first_order(make: Make, recorder: Recorder) -> None:
    make(FuturesOKX).set_leverage(20, None)
    assert not recorder.sent
    opening(make(FuturesOKX), Direction.CLOSE_BUY)
    opening(make(FuturesOKX))
    opening(make(FuturesOKX))
    posts = [request for request in recorder.sent if request.method == "POST"]
    assert [str(request.url).rpartition("/")[2] for request in posts] == ["order", "set-leverage", "order", "order"]
    assert json.loads(body_of(posts[1])) == {"instId": "BTC-USDT-SWAP", "lever": "20", "mgnMode": "cross"}


@pytest.mark.parametrize("kind", [OKX, FuturesOKX])
def test_test_money_is_asked_for_in_every_head(kind: type[Exchange], make: Make, recorder: Recorder) -> None:
    make(kind).accounts()
    make(kind).listing()
    assert all("x-simulated-trading" not in request.headers for request in recorder.sent)
    recorder.sent.clear()
    testing = make(kind, testnets=frozenset({kind.name}))
    testing.accounts()
    testing.markets()
    assert len(recorder.sent) > 1
    assert all(request.headers["x-simulated-trading"] == "1" for request in recorder.sent)
    assert all(str(request.url).startswith("https://www.okx.com/") for request in recorder.sent)


@pytest.mark.parametrize("ask", [asks("accounts"), placed(SWAP, Direction.BUY, "1")])
def test_without_a_passphrase_nothing_is_sent(ask: Ask, make: Make, recorder: Recorder) -> None:
    with pytest.raises(AuthenticationFailed, match="behind the secret key, after a comma"):
        ask(make(FuturesOKX, keys=Credentials("fmz-key", "fmz-secret")))
    assert not recorder.sent
