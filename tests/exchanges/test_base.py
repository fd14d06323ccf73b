"""The pipeline that every exchange's call takes, seen through an exchange of ten lines."""

import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from itertools import groupby
from typing import Any

import pytest
import requests
from hypothesis import given, settings, strategies
from requests import PreparedRequest
from sqlalchemy import Engine

from database import open_state
from exchanges.base.candles import merge
from exchanges.base.exchange import ClientId, Exchange
from exchanges.base.futures import FuturesExchange, covers
from orders.desk import Desk
from orders.journal import Journal
from protocol.errors import (
    AuthenticationFailed,
    ExchangeError,
    ExchangeFailed,
    GatewayError,
    InsufficientFunds,
    InvalidCall,
    InvalidOrder,
    NotSent,
    OrderNotFound,
    OrderStateUnknown,
    OutcomeUnknown,
    RateLimited,
    Unsupported,
)
from protocol.methods import answer, read_call
from protocol.models import (
    Balance,
    Candle,
    Depth,
    Direction,
    Market,
    NewOrder,
    Order,
    OrderId,
    Position,
    Side,
    Symbol,
    Ticker,
    Trade,
)
from tests.conftest import Clock
from transport.http import Http, Reply
from transport.services import Services
from transport.signing import Credentials, Signer

MINUTE = 60_000
DAY = 24 * 60 * MINUTE
KEYS = Credentials("tiny-key", "tiny-secret")


class Header(Signer):
    """Puts the key into a header, where a test can see that the request was signed."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["X-Key"] = self.credentials.key
        return request


class Canned(Http):
    """A client that opens no connection: every request is kept, and answered with the reply set beforehand."""

    def __init__(self, status: int = 200, body: bytes = b'{"ok":{}}', media_type: str = "application/json") -> None:
        super().__init__()
        self.said = Reply("Tiny", status, media_type, body)
        self.sent: list[requests.Request] = []

    def send(self, exchange: str, request: requests.Request, until: float = 0.0) -> Reply:
        assert exchange in ("Tiny", "FuturesTiny")
        self.sent.append(request)
        return self.said


class Tiny(Exchange):
    """``{"ok": …}`` or ``{"code": …, "message": …}``."""

    name = "Tiny"
    url = "https://tiny.test"
    futures = "FuturesTiny"
    signer = Header
    periods = {1: "1m", 60: "1h", 1440: "1d"}
    max_candles = 100
    statuses = {}
    refusals = {
        "10 ": InsufficientFunds,
        "11 .*no such order": OrderNotFound,
        "11 ": InvalidCall,
        "14 ": InvalidOrder,
        "12|13": OutcomeUnknown,
        r"-\d+ ": RateLimited,
    }
    bars: Iterable[Candle] = ()
    asked: tuple[int, int | None] = (0, None)

    def market(self, symbol: Symbol) -> str:
        return symbol.base + symbol.quote

    def unwrap(self, payload: Any) -> Any:
        if "ok" not in payload:
            raise self.refused(payload["code"], payload["message"])
        return payload["ok"]

    def ticker(self, symbol: Symbol) -> Ticker:
        raise NotImplementedError

    def depth(self, symbol: Symbol) -> Depth:
        raise NotImplementedError

    def trades(self, symbol: Symbol) -> list[Trade]:
        raise NotImplementedError

    def candles(self, symbol: Symbol, period: int, limit: int | None) -> Iterable[Candle]:
        self.asked = (period, limit)
        return self.bars

    def accounts(self) -> list[Balance]:
        rows = self.call("GET", "/balances", signed=True)
        return [Balance(row["name"], row["free"], Decimal(0)) for row in rows]

    def trade(self, order: NewOrder) -> OrderId:
        reply = self.call("POST", "/orders", params={"amount": str(order.amount)}, signed=True)
        return self.made(reply)

    made: Callable[[Any], OrderId] = staticmethod(lambda reply: reply["id"])

    def orders(self, symbol: Symbol | None) -> list[Order]:
        return []

    def order(self, symbol: Symbol, order_id: str) -> Order:
        raise NotImplementedError

    def cancel(self, symbol: Symbol, order_id: str) -> bool:
        raise NotImplementedError


class FuturesTiny(FuturesExchange, Tiny):
    """Tiny's futures."""

    name = "FuturesTiny"
    contracts = frozenset({"swap", "quarter"})
    max_leverage = 50

    def positions(self, symbol: Symbol | None) -> list[Position]:
        raise NotImplementedError


def tiny(services: Services, http: Http | None = None, keys: Credentials = KEYS) -> Tiny:
    return Tiny(keys, Services(http or Canned(), services.state, now=services.now, sleep=services.sleep))


def series(*minutes: int) -> list[Candle]:
    """Bars that begin at those minutes; each one's numbers tell which it is."""
    return [
        Candle(minute * MINUTE, minute + 0.25, minute + 0.75, minute + 0.0, minute + 0.5, 1.0) for minute in minutes
    ]


BTC = Symbol("BTC", "USDT")


# Records ----------------------------------------------------------------------------------------------------------


def test_records_ascend_and_are_unique(services: Services) -> None:
    exchange = tiny(services)
    exchange.bars = iter(series(3, 1, 2, 3, 1))
    assert exchange.records(BTC, 1, None) == series(1, 2, 3)
    assert exchange.asked == (1, None)


def test_the_later_of_two_rows_of_one_bar_counts(services: Services) -> None:
    exchange = tiny(services)
    [bar] = series(5)
    exchange.bars = [bar, bar._replace(close=9.0)]
    assert exchange.records(BTC, 1, None) == [bar._replace(close=9.0)]


def test_the_live_bar_is_kept(services: Services) -> None:
    exchange = tiny(services)
    now = services.now() // MINUTE
    exchange.bars = series(now - 1, now)
    assert exchange.records(BTC, 1, None)[-1].time == now * MINUTE


@pytest.mark.parametrize(
    ("period", "limit", "asked"),
    [
        (1, None, (1, None)), (1, 5, (1, 5)), (1, 500, (1, 100)), (60, 1, (60, 1)), (5, None, (1, 100)),
        (5, 3, (1, 20)), (5, 19, (1, 100)), (5, 10**40, (1, 100)), (120, 2, (60, 6)), (90, 1, (1, 100)),
        (4320, 1, (1440, 6)), (10080, 2, (1440, 21)), (1440, 7, (1440, 7)),
    ],
)  # fmt: skip
def test_the_longest_period_that_divides_is_asked_for_as_often_as_needed(
    services: Services, period: int, limit: int | None, asked: tuple[int, int | None]
) -> None:
    exchange = tiny(services)
    exchange.records(BTC, period, limit)
    assert exchange.asked == asked


def test_limit_leaves_the_latest(services: Services) -> None:
    exchange = tiny(services)
    exchange.bars = series(*range(10))
    assert exchange.records(BTC, 1, 3) == series(7, 8, 9)
    assert exchange.records(BTC, 1, 10**40) == series(*range(10))
    assert [bar.time for bar in exchange.records(BTC, 5, 1)] == [5 * MINUTE]


def test_a_period_that_nothing_divides_is_unsupported(services: Services) -> None:
    exchange = tiny(services)
    exchange.periods = {5: "5m", 60: "1h"}  # type: ignore[misc]
    with pytest.raises(Unsupported, match="Tiny has no bars that 7 minutes could be built from"):
        exchange.records(BTC, 7, None)
    assert exchange.asked == (0, None)


def test_two_hours_are_built_exactly_from_one(services: Services) -> None:
    exchange = tiny(services)
    exchange.bars = [
        Candle(0 * 60 * MINUTE, 10.0, 12.0, 9.0, 11.0, 1.5),
        Candle(1 * 60 * MINUTE, 11.0, 11.5, 8.0, 8.5, 2.5),
        Candle(2 * 60 * MINUTE, 8.5, 20.0, 8.5, 19.0, 4.0),
    ]
    assert exchange.records(BTC, 120, None) == [
        Candle(0, 10.0, 12.0, 8.0, 8.5, 4.0),
        Candle(120 * MINUTE, 8.5, 20.0, 8.5, 19.0, 4.0),
    ]


def test_a_first_bucket_without_its_start_is_left_out(services: Services) -> None:
    exchange = tiny(services)
    exchange.bars = series(3, 4, 5, 6, 7, 8, 9, 10)
    assert [(bar.time // MINUTE, bar.volume) for bar in exchange.records(BTC, 5, None)] == [(5, 5), (10, 1)]


@pytest.mark.parametrize(
    ("period", "first", "starts"),
    [
        (3 * 1440, 0, [0, 3, 6, 9]),  # days since the epoch
        (1440 * 7, 4, [4, 11, 18]),  # 5 January 1970 was a Monday
        (1440 * 7, 0, [4, 11, 18]),  # the days before it are no whole week
        (1440 * 14, 4, [4, 18]),
    ],
)
def test_days_count_from_the_epoch_and_weeks_begin_on_mondays(period: int, first: int, starts: list[int]) -> None:
    days = series(*(day * 1440 for day in range(first, starts[-1] + 1)))
    assert [bar.time // DAY for bar in merge(days, period)] == starts


def test_nothing_merges_into_nothing() -> None:
    assert merge([], 5) == []


bars = strategies.builds(
    lambda minute, numbers, volume: Candle(minute * MINUTE, numbers[0], max(numbers), min(numbers), numbers[1], volume),
    strategies.integers(0, 400),
    strategies.lists(strategies.integers(1, 1000).map(float), min_size=2, max_size=4),
    strategies.integers(0, 100).map(float),
)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(strategies.lists(bars, max_size=40, unique_by=lambda bar: bar.time), strategies.sampled_from([2, 5, 60, 120]))
def test_merging_is_grouping(given: list[Candle], period: int) -> None:
    given.sort()
    groups = [
        (start, list(group)) for start,
        group in groupby(given, lambda bar: bar.time // (period * MINUTE) * period * MINUTE)
    ]  # fmt: skip
    expected = [
        Candle(
            start,
            group[0].open,
            max(bar.high for bar in group),
            min(bar.low for bar in group),
            group[-1].close,
            sum(bar.volume for bar in group),
        )
        for start, group in groups
    ]
    if groups and groups[0][0] != given[0].time:
        expected = expected[1:]
    assert merge(given, period) == expected


# One call ---------------------------------------------------------------------------------------------------------


def test_a_call_goes_to_the_exchanges_own_address(services: Services) -> None:
    http = Canned(body=b'{"ok": [1.10]}')
    exchange = tiny(services, http)
    assert exchange.call("GET", "/time", params={"a": "1"}) == [1.1]
    [request] = http.sent
    assert (request.method, request.url, request.params, request.auth) == (
        "GET",
        "https://tiny.test/time",
        {"a": "1"},
        None,
    )
    assert exchange.reply == b'{"ok": [1.10]}'


def test_an_address_of_the_settings_wins(services: Services) -> None:
    http = Canned()
    exchange = Tiny(KEYS, Services(http, services.state, urls={"Tiny": "http://127.0.0.1:1"}))
    exchange.call("GET", "/time")
    assert http.sent[0].url == "http://127.0.0.1:1/time"


def test_signed_replies_are_exact_and_public_ones_doubles(services: Services) -> None:
    exchange = tiny(services, Canned(body=b'{"ok": 0.10000000000000000001}'))
    assert exchange.call("GET", "/x", signed=True) == Decimal("0.10000000000000000001")
    assert type(exchange.call("GET", "/x")) is float


def test_a_pass_through_is_signed_and_below_the_exchanges_host(services: Services) -> None:
    http = Canned()
    tiny(services, http).raw("DELETE", "api/v1/x", {"a": "1"})
    [request] = http.sent
    assert (request.method, request.url, request.params) == ("DELETE", "https://tiny.test/api/v1/x", {"a": "1"})
    assert request.auth is not None
    assert request.prepare().headers["X-Key"] == "tiny-key"


@pytest.mark.parametrize(
    "keys", [Credentials(), Credentials("key"), Credentials("", "secret")], ids=["none", "key", "secret"]
)
def test_missing_keys_fail_before_anything_is_sent(services: Services, keys: Credentials) -> None:
    http = Canned()
    exchange = tiny(services, http, keys)
    with pytest.raises(AuthenticationFailed, match="Tiny needs both an access key and a secret key; nothing was sent"):
        exchange.accounts()
    with pytest.raises(AuthenticationFailed):
        exchange.raw("GET", "time", {})
    assert http.sent == []
    exchange.call("GET", "/time")
    assert len(http.sent) == 1


HTML = b"<html><h1>Bad Gateway</h1></html>"
FUNDS = b'{"code": 10, "message": "too little"}'
STRANGE = b'{"code": 99, "message": "strange"}'
MAYBE = b'{"code": 12, "message": "maybe"}'
FINE = b'{"ok": {}}'


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        # A page, an empty body, JSON of another shape or cut off: only the status tells.
        *((200, body, OutcomeUnknown) for body in (HTML, b"", b"[]", b"null", b"1", b'{"code": 10}', b"{", b"\xff")),
        (201, HTML, OutcomeUnknown), (204, b"", OutcomeUnknown), (400, HTML, ExchangeError), (400, b"", ExchangeError),
        (401, HTML, AuthenticationFailed), (403, HTML, ExchangeError), (404, b"[]", ExchangeError),
        (408, HTML, OutcomeUnknown), (418, HTML, RateLimited), (429, b"", RateLimited), (451, HTML, ExchangeError),
        (499, HTML, ExchangeError),
        *((status, body, ExchangeFailed) for status in (500, 502, 503, 504, 520, 599) for body in (HTML, b"", b"{}")),
        # A code that is in the table says more than the status.
        *((status, FUNDS, InsufficientFunds) for status in (200, 400, 401, 403, 404, 408, 418, 429, 500, 503)),
        *((status, MAYBE, OutcomeUnknown) for status in (200, 400, 401, 429, 500)),
        # One that is not says less.
        (200, STRANGE, ExchangeError), (400, STRANGE, ExchangeError), (401, STRANGE, AuthenticationFailed),
        (403, STRANGE, ExchangeError), (408, STRANGE, OutcomeUnknown), (418, STRANGE, RateLimited),
        (429, STRANGE, RateLimited), (500, STRANGE, ExchangeFailed), (503, STRANGE, ExchangeFailed),
        # Good news under a bad status is none.
        (400, FINE, ExchangeError), (401, FINE, AuthenticationFailed), (429, FINE, RateLimited),
        (500, FINE, ExchangeFailed),
    ],
)  # fmt: skip
@pytest.mark.parametrize("signed", [True, False], ids=["signed", "public"])
def test_what_a_reply_means(
    services: Services, status: int, body: bytes, kind: type[GatewayError], signed: bool
) -> None:
    exchange = tiny(services, Canned(status, body))
    with pytest.raises(GatewayError) as refused:
        exchange.call("POST", "/x", signed=signed)
    assert type(refused.value) is kind
    assert refused.value.message.startswith("Tiny ")


def test_the_text_names_code_and_words_or_status_and_size(services: Services) -> None:
    def told(status: int, body: bytes, media_type: str = "text/html") -> str:
        with pytest.raises(GatewayError) as refused:
            tiny(services, Canned(status, body, media_type)).call("GET", "/x")
        return str(refused.value)

    assert told(400, FUNDS) == "INSUFFICIENT_FUNDS Tiny 10 too little"
    assert told(400, STRANGE) == "REFUSED Tiny 99 strange"
    assert told(500, STRANGE) == "NO_DEFINITE_ANSWER Tiny 99 strange"
    assert told(502, HTML) == "NO_DEFINITE_ANSWER Tiny HTTP 502: not the expected JSON but 33 bytes of text/html"
    assert told(404, b"") == "REFUSED Tiny HTTP 404: an empty reply"
    assert told(429, b"slow\n down", "text/plain") == "RATE_LIMITED Tiny HTTP 429: 10 bytes of text/plain: slow down"
    assert len(told(404, b"x" * 10_000, "text/plain")) < 400


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (10, "x", InsufficientFunds), ("10", "x", InsufficientFunds), (100, "x", ExchangeError),
        (110, "x", ExchangeError), (11, "there is no such order", OrderNotFound), (11, "else", InvalidCall),
        (12, "", OutcomeUnknown), (13, "x", OutcomeUnknown), (133, "x", OutcomeUnknown), (-7, "x", RateLimited),
        ("a -7", "x", ExchangeError), ("", "10 x", InsufficientFunds), (None, None, ExchangeError),
        ("", "", ExchangeError),
    ],
)  # fmt: skip
def test_the_first_pattern_that_the_words_begin_with_counts(
    services: Services, code: Any, message: Any, kind: type[GatewayError]
) -> None:
    error = tiny(services).refused(code, message)
    assert type(error) is kind


def test_an_exchanges_words_are_one_line_of_bounded_length(services: Services) -> None:
    error = tiny(services).refused(99, " two\r\n\tlines " + "x" * 10_000)
    assert error.message.startswith("Tiny 99 two lines xxx")
    assert len(error.message) == len("Tiny ") + 300


# What a reader cannot read ----------------------------------------------------------------------------------------


def ask(exchange: Exchange, method: str, **params: str) -> Any:
    """Ask as FMZ does."""
    journal = Journal(exchange.services.state, exchange.services.now)
    desk = Desk(exchange, journal, "", sleep=exchange.services.sleep)
    return answer(exchange, desk, read_call(json.dumps({"method": method, "params": params}).encode(), ""))


ORDER = {"symbol": "BTC_USDT", "type": "buy", "price": "1", "amount": "2"}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"ok": [{"name": "btc"}]}', "it lacks 'free'"), (b'{"ok": [1]}', "TypeError"), (b'{"ok": 5}', "TypeError"),
        (b'{"ok": {"name": 1}}', "TypeError"),
    ],
)  # fmt: skip
def test_an_undocumented_reply_has_no_definite_answer(services: Services, body: bytes, why: str) -> None:
    with pytest.raises(OutcomeUnknown) as refused:
        ask(tiny(services, Canned(body=body)), "accounts")
    assert type(refused.value) is OutcomeUnknown
    assert refused.value.message == f"Tiny: the reply is not as its documentation says ({why})"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b'{"ok": {}}'), (200, b'{"ok": 1}'), (200, b'{"ok": null}'), (200, HTML), (200, b""), (200, MAYBE),
        (408, b""), (500, STRANGE), (502, HTML),
    ],
)  # fmt: skip
def test_an_order_without_a_definite_answer_says_so(services: Services, status: int, body: bytes) -> None:
    http = Canned(status, body)
    with pytest.raises(OrderStateUnknown, match="Tiny cannot be asked for it: look at your orders there") as refused:
        ask(tiny(services, http), "trade", **ORDER)
    assert str(refused.value).startswith("ORDER_STATE_UNKNOWN ")
    assert len(http.sent) == 1


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, FUNDS, InsufficientFunds),
        (400, STRANGE, ExchangeError),
        (404, HTML, ExchangeError),
        (429, b"", RateLimited),
    ],
)
def test_an_order_that_was_refused_says_that(
    services: Services, status: int, body: bytes, kind: type[GatewayError]
) -> None:
    with pytest.raises(GatewayError) as refused:
        ask(tiny(services, Canned(status, body)), "trade", **ORDER)
    assert type(refused.value) is kind


def test_our_own_mistake_before_any_reply_stays_one(services: Services) -> None:
    mistake = KeyError("ours")
    exchange = tiny(services)
    assert exchange.unreadable(mistake) is mistake
    exchange.accounts = lambda: {}["ours"]  # type: ignore[method-assign]
    with pytest.raises(KeyError, match="ours"):
        ask(exchange, "accounts")


def test_an_order_is_answered_with_its_id_and_the_exchanges_reply(services: Services) -> None:
    http = Canned(body=b'{"ok": {"id": 7}}')
    reply = ask(tiny(services, http), "trade", **ORDER)
    assert reply["data"] == {"id": 7}
    assert reply["raw"] is not None
    assert http.sent[0].params == {"amount": "2"}


# Client ids ---------------------------------------------------------------------------------------------------------

HEX = ClientId(32, "0123456789abcdef")


@pytest.mark.parametrize("number", [0, 1, 2**64, 2**128 - 1])
@pytest.mark.parametrize("kind", [HEX, ClientId(36, "abcXYZ-_"), ClientId(18, "01"), ClientId(64, "0123456789")])
def test_a_client_id_is_as_long_as_it_can_be_and_in_its_alphabet(kind: ClientId, number: int) -> None:
    text = kind.render(number)
    assert len(text) == min(kind.length, math.ceil(128 / math.log2(len(kind.alphabet))))
    assert set(text) <= set(kind.alphabet)


@given(strategies.integers(0, 2**128 - 1), strategies.integers(0, 2**128 - 1))
@settings(derandomize=True, deadline=None)
def test_other_numbers_have_other_client_ids(one: int, other: int) -> None:
    assert (HEX.render(one) == HEX.render(other)) is (one == other)


def identified(services: Services, request: str, key: str = "key") -> str:
    exchange = Tiny(Credentials(key, "secret"), services, request)
    exchange.client_id = HEX  # type: ignore[misc]
    return exchange.new_order(BTC, Direction.BUY, None, Decimal(1)).client_id


def test_the_same_request_has_the_same_client_id_and_every_other_another(services: Services) -> None:
    assert identified(services, "1 trade {}") == identified(services, "1 trade {}")
    ids = {identified(services, request, key) for request in ("1 trade {}", "2 trade {}") for key in ("a", "b")}
    assert len(ids) == 4


def test_requests_that_cannot_be_told_apart_have_random_client_ids(services: Services) -> None:
    assert identified(services, "") != identified(services, "")


def test_where_no_client_id_is_taken_the_journal_still_has_one(services: Services) -> None:
    one, same, other = (
        Tiny(KEYS, services, request).new_order(BTC, Direction.BUY, None, Decimal(1)).client_id for request in "112"
    )
    assert one == same != other
    assert re.fullmatch("[A-Za-z0-9]{22}", one)


@pytest.mark.parametrize("nonce", [0, "", None, "0"])
def test_a_call_without_a_nonce_has_no_identity(nonce: Any) -> None:
    assert read_call(json.dumps({"method": "trade", "nonce": nonce}).encode(), "").identity == ""


def test_the_order_of_params_is_no_part_of_a_calls_identity() -> None:
    calls = ({"a": "1", "b": 2}, {"b": 2, "a": "1"}, {"a": "1", "b": 3})
    one, same, other = (
        read_call(json.dumps({"method": "trade", "nonce": 5, "params": params}).encode(), "").identity
        for params in calls
    )
    assert one == same != other


# The list of markets ------------------------------------------------------------------------------------------------

RULES = Market(symbol=BTC, id="BTC-T", tick_size=Decimal("0.10"), lot_size=Decimal("1E-8"), min_notional=Decimal(5))
STEP = b'{"code": 14, "message": "bad step"}'


def listed(exchange: Tiny, *answers: Any) -> list[int]:
    """Let ``exchange`` list markets, or raise; the list that is returned grows with every time it is asked."""
    asked: list[int] = []

    def markets() -> list[Market]:
        asked.append(1)
        answer = answers[min(len(asked), len(answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return [answer]

    exchange.markets = markets  # type: ignore[method-assign]
    return asked


def test_markets_are_asked_for_once_an_hour(services: Services) -> None:
    exchange = tiny(services)
    asked = listed(exchange, RULES)
    assert exchange.rules(BTC) is exchange.rules(BTC) is RULES
    assert len(asked) == 1


def test_a_failure_is_not_kept(services: Services) -> None:
    exchange = tiny(services)
    listed(exchange, OutcomeUnknown("busy"), RULES)
    with pytest.raises(OutcomeUnknown):
        exchange.rules(BTC)
    assert exchange.rules(BTC) is RULES


def test_a_market_that_is_not_listed_is_an_invalid_call(services: Services) -> None:
    exchange = tiny(services)
    listed(exchange, RULES)
    with pytest.raises(InvalidCall, match="Tiny lists no market ETH_USDT"):
        exchange.rules(Symbol.parse("ETH_USDT"))


def test_a_refusal_by_a_markets_rule_says_the_rule(services: Services) -> None:
    exchange = tiny(services, Canned(400, STEP))
    listed(exchange, RULES)
    with pytest.raises(InvalidOrder) as refused:
        ask(exchange, "trade", **ORDER)
    assert str(refused.value) == (
        "INVALID_ORDER Tiny 14 bad step; BTC_USDT has price step 0.10, amount step 0.00000001, least amount 0, "
        "least value 5"
    )


def test_a_refusal_by_a_rule_that_cannot_be_had_stands_alone(services: Services) -> None:
    exchange = tiny(services, Canned(400, STEP))
    listed(exchange, NotSent("no network"))
    with pytest.raises(InvalidOrder) as refused:
        ask(exchange, "trade", **ORDER)
    assert str(refused.value) == "INVALID_ORDER Tiny 14 bad step"


# Where parameters travel --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sends", "verb", "place"),
    [
        ("query", "POST", "params"), ("form", "POST", "data"), ("json", "POST", "json"), ("json", "PUT", "json"),
        ("json", "GET", "params"), ("form", "DELETE", "params"),
    ],
)  # fmt: skip
def test_parameters_travel_where_the_exchange_wants_them(services: Services, sends: Any, verb: str, place: str) -> None:
    http = Canned()
    exchange = tiny(services, http)
    exchange.sends = sends  # type: ignore[misc]
    exchange.call(verb, "/x", params={"a": "1"})
    places = {name: getattr(http.sent[0], name) for name in ("params", "data", "json")}
    assert {name: value for name, value in places.items() if value} == {place: {"a": "1"}}


def test_test_money_is_asked_for_in_the_head(services: Services) -> None:
    for testnets in (frozenset[str](), frozenset({"Tiny"})):
        http = Canned()
        exchange = Tiny(KEYS, Services(http, services.state, testnets=testnets))
        exchange.testnet_headers = {"X-Test": "1"}  # type: ignore[misc]
        exchange.call("GET", "/x")
        assert ("X-Test" in http.sent[0].headers) is bool(testnets)


# Spot -------------------------------------------------------------------------------------------------------------


def test_a_market_without_a_quote_gets_the_usual_one(services: Services) -> None:
    exchange = tiny(services)
    assert exchange.resolve(Symbol.parse("btc")) == BTC
    assert exchange.resolve(Symbol.parse("eth_btc")) == Symbol("ETH", "BTC")
    assert exchange.scope(None) is None
    assert exchange.scope(Symbol.parse("btc")) == BTC


FUTURES_ONLY: dict[str, Callable[[Exchange], Any]] = {
    "BTC_USDT.swap": lambda exchange: exchange.resolve(Symbol.parse("BTC_USDT.swap")),
    "SetContractType": lambda exchange: exchange.set_contract("swap"),
    "SetDirection": lambda exchange: exchange.set_direction(Direction.BUY),
    "SetMarginLevel": lambda exchange: exchange.set_leverage(5, None),
    "GetPositions": lambda exchange: exchange.positions(None),
    "an order of type closebuy": lambda exchange: exchange.new_order(BTC, Direction.CLOSE_BUY, None, Decimal(1)),
}


@pytest.mark.parametrize(("what", "call"), FUTURES_ONLY.items(), ids=FUTURES_ONLY)
def test_what_is_for_futures_is_refused_with_the_way_there(services: Services, what: str, call: Any) -> None:
    http = Canned()
    with pytest.raises(Unsupported) as refused:
        call(tiny(services, http))
    hint = "set the service address's path to /FuturesTiny"
    assert refused.value.message == f"Tiny is a spot exchange and {what} is for futures: {hint}"
    assert http.sent == []


def test_an_exchange_without_futures_says_that(services: Services) -> None:
    exchange = tiny(services)
    exchange.futures = ""  # type: ignore[misc]
    with pytest.raises(Unsupported, match="SetDirection is for futures: it has no futures"):
        exchange.set_direction(Direction.BUY)


def test_looking_an_order_up_by_client_id_is_no_exchanges_duty(services: Services) -> None:
    with pytest.raises(Unsupported, match="Tiny cannot look an order up by client id"):
        tiny(services).find(BTC, "x")


@pytest.mark.parametrize("direction", [Direction.BUY, Direction.SELL])
def test_a_spot_order_is_what_it_says(services: Services, direction: Direction) -> None:
    order = tiny(services).new_order(Symbol.parse("btc"), direction, Decimal(5), Decimal(2))
    assert replace(order, client_id="") == NewOrder(
        symbol=BTC, side=Side(direction), price=Decimal(5), amount=Decimal(2)
    )


# Futures ----------------------------------------------------------------------------------------------------------


def futures(state: Engine, key: str = "key", kind: type[FuturesTiny] = FuturesTiny) -> FuturesTiny:
    return kind(Credentials(key, "secret"), Services(Canned(), state, now=Clock()))


class OtherTiny(FuturesTiny):
    """Another exchange."""

    name = "OtherTiny"


def test_what_fmz_sets_is_remembered_by_exchange_and_account_and_across_a_restart(services: Services) -> None:
    state = services.state
    set_up = futures(state)
    assert (
        set_up.set_contract("quarter")
        is set_up.set_direction(Direction.CLOSE_BUY)
        is set_up.set_leverage(7, None)
        is True
    )
    again = open_state(str(state.url))
    for exchange in (futures(state), futures(again)):
        assert exchange.resolve(Symbol.parse("btc")) == Symbol("BTC", "USDT", "quarter")
        assert exchange.new_order(BTC, Direction.SELL, None, Decimal(1)).closes
        assert exchange.leverage(Symbol.parse("BTC_USDT.quarter")) == 7
    again.dispose()
    for stranger in (futures(state, key="other"), futures(state, kind=OtherTiny)):
        with pytest.raises(InvalidCall, match="no contract is chosen"):
            stranger.resolve(Symbol.parse("btc"))
        assert not stranger.new_order(Symbol.parse("BTC_USDT.swap"), Direction.SELL, None, Decimal(1)).closes
        assert stranger.leverage(Symbol.parse("BTC_USDT.swap")) is None


def test_without_a_contract_the_way_to_one_is_told(services: Services) -> None:
    with pytest.raises(InvalidCall) as refused:
        futures(services.state).resolve(Symbol.parse("BTC_USDT"))
    assert refused.value.message == (
        'no contract is chosen on FuturesTiny: call exchange.SetContractType("swap") first, '
        "or name one, as in BTC_USDT.swap"
    )


def test_a_contract_in_the_market_wins_over_the_one_set(services: Services) -> None:
    exchange = futures(services.state)
    exchange.set_contract("quarter")
    assert exchange.resolve(Symbol.parse("BTC_USD.swap")) == Symbol("BTC", "USD", "swap")


@pytest.mark.parametrize("contract", ["", "SWAP", "this_week", "swap ", "swap\n", "' OR 1=1 --"])
def test_a_contract_that_it_has_not_is_refused_and_not_remembered(services: Services, contract: str) -> None:
    exchange = futures(services.state)
    with pytest.raises(InvalidCall, match=r"has no contract .*; it has quarter, swap") as refused:
        exchange.set_contract(contract)
    assert refused.value.message.isprintable()
    assert exchange.settings.get("contract") is None


def test_leverage_is_one_markets_or_all_markets(services: Services) -> None:
    exchange = futures(services.state)
    exchange.set_leverage(20, Symbol.parse("btc_usdt.swap"))
    exchange.set_leverage(5, None)
    assert exchange.leverage(Symbol.parse("BTC_USDT.swap")) == 20
    assert exchange.leverage(Symbol.parse("ETH_USDT.swap")) == 5


def test_leverage_has_a_limit(services: Services) -> None:
    exchange = futures(services.state)
    exchange.set_leverage(50, None)
    with pytest.raises(InvalidCall, match="leverage 51 is above FuturesTiny's greatest, 50"):
        exchange.set_leverage(51, None)
    assert exchange.leverage(BTC) == 50


@pytest.mark.parametrize(
    ("remembered", "word", "side", "closes"),
    [
        (None, "buy", Side.BUY, False), (None, "sell", Side.SELL, False), ("buy", "buy", Side.BUY, False),
        ("sell", "sell", Side.SELL, False), ("closesell", "buy", Side.BUY, True), ("closebuy", "sell", Side.SELL, True),
        # FMZ's newer calls name the closing words themselves, whatever was set.
        *((remembered, "closebuy", Side.SELL, True) for remembered in (None, "buy", "sell", "closebuy", "closesell")),
        *((remembered, "closesell", Side.BUY, True) for remembered in (None, "buy", "sell", "closebuy", "closesell")),
    ],
)  # fmt: skip
def test_what_an_order_means_on_futures(
    services: Services, remembered: str | None, word: str, side: Side, closes: bool
) -> None:
    exchange = futures(services.state)
    if remembered:
        exchange.set_direction(Direction(remembered))
    order = exchange.new_order(Symbol.parse("BTC_USDT.swap"), Direction(word), None, Decimal(3))
    assert (order.side, order.closes, order.symbol.contract, order.amount) == (side, closes, "swap", 3)


@pytest.mark.parametrize(
    ("remembered", "word"), [("buy", "sell"), ("closesell", "sell"), ("sell", "buy"), ("closebuy", "buy")]
)
def test_a_direction_that_does_not_fit_is_refused_in_fmzs_words(services: Services, remembered: str, word: str) -> None:
    exchange = futures(services.state)
    exchange.set_direction(Direction(remembered))
    with pytest.raises(InvalidCall, match=f"direction is {remembered}, invalid order type {word}"):
        exchange.new_order(Symbol.parse("BTC_USDT.swap"), Direction(word), None, Decimal(3))


@pytest.mark.parametrize(
    ("asked", "scope"),
    [
        ("swap", "swap"),
        ("USDT.swap", "USDT.swap"),
        ("BTC_USDT", "BTC_USDT"),
        ("BTC_USDT.swap", "BTC_USDT.swap"),
        ("btc", "BTC_USDT"),
    ],
)
def test_the_scope_of_positions_is_as_fmz_wrote_it(services: Services, asked: str, scope: str) -> None:
    exchange = futures(services.state)
    found = exchange.scope(Symbol.parse(asked))
    assert found == Symbol.parse(scope)
    assert exchange.scope(None) is None


MARKETS = ("BTC_USDT.swap", "BTC_USDT.quarter", "ETH_USDT.swap", "BTC_USD.swap")


@pytest.mark.parametrize(
    ("wanted", "covered"),
    [
        (None, MARKETS),
        ("swap", ("BTC_USDT.swap", "ETH_USDT.swap", "BTC_USD.swap")),
        ("quarter", ("BTC_USDT.quarter",)),
        ("USDT.swap", ("BTC_USDT.swap", "ETH_USDT.swap")),
        ("USD.swap", ("BTC_USD.swap",)),
        ("BTC.swap", ("BTC_USDT.swap", "BTC_USD.swap")),
        ("BTC_USDT", ("BTC_USDT.swap", "BTC_USDT.quarter")),
        ("BTC_USDT.swap", ("BTC_USDT.swap",)),
        ("btc_usdt.swap", ("BTC_USDT.swap",)),
        ("BTC_USDT.next_week", ()),
        ("SWAP", ()),
        ("DOGE", ()),
        ("USDT.quarter", ("BTC_USDT.quarter",)),
        ("USDT.futures", ("BTC_USDT.quarter",)),
        ("USD.futures", ()),
    ],
)
def test_what_a_range_covers(wanted: str | None, covered: tuple[str, ...]) -> None:
    symbol = Symbol.parse(wanted) if wanted else None
    assert tuple(market for market in MARKETS if covers(symbol, Symbol.parse(market))) == covered


# Leverage at the exchange -------------------------------------------------------------------------------------------

SWAP = Symbol.parse("BTC_USDT.swap")


class Levered(FuturesTiny):
    """Keeps the leverages that the exchange was told."""

    told: list[tuple[str, int]]

    def apply_leverage(self, symbol: Symbol, leverage: int) -> None:
        self.told.append((str(symbol), leverage))


def levered(state: Engine) -> Levered:
    exchange = Levered(KEYS, Services(Canned(), state, now=Clock()))
    exchange.told = []
    return exchange


def order(closes: bool = False, symbol: Symbol = SWAP) -> NewOrder:
    return NewOrder(symbol=symbol, side=Side.BUY, price=None, amount=Decimal(1), closes=closes)


def test_one_markets_leverage_is_told_at_once(services: Services) -> None:
    exchange = levered(services.state)
    exchange.set_leverage(20, SWAP)
    exchange.prepare(order())
    assert exchange.told == [("BTC_USDT.swap", 20)]


def test_all_markets_leverage_is_told_before_the_first_order_that_opens_in_each(services: Services) -> None:
    exchange = levered(services.state)
    exchange.set_leverage(20, None)
    exchange.prepare(order(closes=True))
    assert exchange.told == []
    exchange.prepare(order())
    again = levered(services.state)  # another worker
    again.prepare(order())
    again.prepare(order(symbol=Symbol.parse("ETH_USDT.swap")))
    assert (exchange.told, again.told) == ([("BTC_USDT.swap", 20)], [("ETH_USDT.swap", 20)])


def test_a_leverage_that_the_exchange_refused_is_told_again(services: Services) -> None:
    exchange = levered(services.state)
    exchange.set_leverage(20, None)
    exchange.apply_leverage = lambda symbol, leverage: exchange.call("POST", "/x")["no"]  # type: ignore[method-assign]
    with pytest.raises(KeyError):
        exchange.prepare(order())
    again = levered(services.state)
    again.prepare(order())
    assert again.told == [("BTC_USDT.swap", 20)]


def test_an_order_without_a_leverage_tells_none(services: Services) -> None:
    exchange = levered(services.state)
    exchange.prepare(order())
    assert exchange.told == []


def test_the_exchanges_own_name_of_an_instrument_is_a_contract(services: Services) -> None:
    exchange = levered(services.state)
    listed(exchange, replace(RULES, symbol=Symbol.parse("BTC_USDT.quarter"), id="BTC-270326"))
    assert exchange.set_contract("BTC-270326")
    resolved = exchange.resolve(Symbol.parse("BTC_USDT"))
    assert (str(resolved), exchange.rules(resolved).id) == ("BTC_USDT.BTC-270326", "BTC-270326")


def test_an_instrument_is_of_its_own_pair_only(services: Services) -> None:
    exchange = levered(services.state)
    listed(exchange, replace(RULES, symbol=Symbol.parse("BTC_USDT.quarter"), id="BTC-270326"))
    exchange.set_contract("BTC-270326")
    with pytest.raises(InvalidCall, match="BTC-270326 is a contract of BTC_USDT, not of ETH_USDT"):
        exchange.rules(exchange.resolve(Symbol.parse("ETH_USDT")))


def test_a_contract_that_has_moved_on_is_told_the_leverage_again(services: Services) -> None:
    exchange = levered(services.state)
    exchange.set_leverage(20, None)
    for name in ("BTC-270326", "BTC-270326", "BTC-270625"):
        exchange.market = lambda symbol, name=name: name  # type: ignore[misc]
        exchange.prepare(order())
    assert exchange.told == [("BTC_USDT.swap", 20)] * 2
