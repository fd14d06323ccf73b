"""The exchange's clock: measured, used, refreshed, corrected at once after a refusal; and what counts by it."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from sqlalchemy import Engine

from exchanges.base.exchange import Exchange
from exchanges.binance.futures import FuturesBinance
from exchanges.binance.spot import Binance
from exchanges.coinpark import CoinPark
from exchanges.hotcoin import Hotcoin
from exchanges.kraken.spot import Kraken
from exchanges.okx.futures import FuturesOKX
from exchanges.okx.spot import OKX
from protocol.deadline import Deadline
from protocol.errors import AuthenticationFailed, NotSent, OutcomeUnknown, WrongTime
from protocol.models import NewOrder, Side, Symbol
from tests.conftest import NOW, Clock
from tests.lent import Lent
from transport import clock as module
from transport.clock import Offset, epoch_ms
from transport.credentials import Credentials
from transport.limits import Limits
from transport.reply import Reply
from transport.upstream import Upstream

HOUR = 3_600_000  # ms
KEYS = Credentials("fmz-key", "ZmFrZS1zZWNyZXQtZm9yLXRlc3Rz", "fmz-pass")
ORDER = NewOrder(
    symbol=Symbol("BTC", "USDT"), side=Side.BUY, price=Decimal(1), amount=Decimal(2), client_id="da8e4ad59b78481c93e5"
)

# How each tells its time, and what it says to a request that is late or early.
TIMES: dict[type[Exchange], tuple[str, Callable[[int], Any]]] = {
    Binance: ("/api/v3/time", lambda ms: {"serverTime": ms}),
    FuturesBinance: ("/fapi/v1/time", lambda ms: {"serverTime": ms}),
    OKX: ("/api/v5/public/time", lambda ms: {"code": "0", "msg": "", "data": [{"ts": str(ms)}]}),
    FuturesOKX: ("/api/v5/public/time", lambda ms: {"code": "0", "msg": "", "data": [{"ts": str(ms)}]}),
    Kraken: ("/0/public/Time", lambda ms: {"error": [], "result": {"unixtime": ms // 1000, "rfc1123": "…"}}),
    Hotcoin: ("/v1/trade", lambda ms: {"code": 200, "msg": "success", "time": ms, "data": {"trades": []}}),
}
LATE: dict[type[Exchange], Any] = {
    Binance: {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."},
    FuturesBinance: {"code": -5028, "msg": "The timestamp of this request is outside of the ME recvWindow."},
    OKX: {"code": "50102", "msg": "Timestamp request expired", "data": []},
    FuturesOKX: {"code": "50112", "msg": "Invalid OK-ACCESS-TIMESTAMP", "data": []},
    Hotcoin: {"code": 1000, "msg": "Timestamp out of range", "time": NOW, "data": None},
}
# A signed call that reads, and what it is answered with.
READS: dict[type[Exchange], tuple[str, str, Any]] = {
    Binance: ("GET", "api/v3/account", {"balances": []}),
    FuturesBinance: ("GET", "fapi/v3/account", {"assets": []}),
    OKX: ("GET", "api/v5/account/balance", {"code": "0", "msg": "", "data": []}),
    FuturesOKX: ("GET", "api/v5/account/balance", {"code": "0", "msg": "", "data": []}),
    Hotcoin: ("GET", "v3/balance", {"code": 200, "msg": "success", "time": NOW, "data": {"assets": []}}),
}


class Server:
    """An exchange, in place of a client: its clock is ahead of ours by ``ahead`` ms, and a request takes ``trip`` ms of
    our clock's time there and as much back. ``fails`` says what happens to the question for its time."""

    def __init__(self, kind: type[Exchange], clock: Clock) -> None:
        self.kind = kind
        self.ahead = 0
        self.trip = 0
        self.fails: Callable[[], Reply] | None = None
        self.deadlines: list[Deadline] = []
        self.sent: list[requests.PreparedRequest] = []
        self.questions = 0
        self._clock = clock

    def send(self, exchange: str, request: requests.Request, deadline: Deadline) -> Reply:
        prepared = request.prepare()
        self._clock.ms += self.trip
        now = self._clock.ms + self.ahead
        path, told = TIMES[self.kind]
        if urlsplit(str(prepared.url)).path == path:
            self.questions += 1
            self.deadlines.append(deadline)
            answer, status = told(now), 200
            if self.fails:
                self._clock.ms += self.trip
                return self.fails()
        elif str(prepared.url).endswith("/account/config"):  # asked before an order, once a minute
            answer, status = {"code": "0", "msg": "", "data": [{"acctLv": "1"}]}, 200
        else:
            self.sent.append(prepared)
            late = abs(stamp(prepared) - now) > 1000
            answer, status = (LATE[self.kind], 400) if late else (self.answer(prepared), 200)
        self._clock.ms += self.trip
        return Reply(exchange, status, "application/json", json.dumps(answer).encode())

    def answer(self, request: requests.PreparedRequest) -> Any:
        if request.method == "POST":
            row = {"orderId": 7, "code": "0", "msg": "", "data": [{"ordId": "7", "sCode": "0"}]}
            return row | {"error": [], "result": {"txid": ["A-B-C"]}}
        return READS[self.kind][2]


def stamp(request: requests.PreparedRequest) -> int:
    """The time that a request says it was made at."""
    if "OK-ACCESS-TIMESTAMP" in request.headers:
        return int(datetime.fromisoformat(str(request.headers["OK-ACCESS-TIMESTAMP"])).timestamp() * 1000)
    if "API-Sign" in request.headers:
        form = dict(parse_qsl(str(request.body)))
        return int(datetime.fromisoformat(form["deadline"]).timestamp() * 1000) - 5000
    query = dict(parse_qsl(urlsplit(str(request.url)).query))
    if "Timestamp" in query:
        return int(datetime.fromisoformat(query["Timestamp"]).timestamp() * 1000)
    return int(query["timestamp"])


Setting = tuple[Any, Server]


@pytest.fixture
def elapsed(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that freshness is counted with, in seconds; it moves only when told to."""
    watch = Clock(0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=watch))
    return watch


@pytest.fixture
def set_up(lent: Lent, clock: Clock, elapsed: Clock) -> Callable[[type[Exchange]], Setting]:
    def set_up(kind: type[Exchange]) -> Setting:
        server = Server(kind, clock)
        return lend(server, lent.state, clock).open(kind, KEYS), server

    return set_up


def lend(http: Any, state: Engine, clock: Callable[[], int]) -> Lent:
    return Lent(http=http, state=state, now=clock, sleep=lambda seconds: None)


@pytest.fixture(params=READS, ids=lambda kind: kind.name)
def setting(request: pytest.FixtureRequest, set_up: Callable[[type[Exchange]], Setting]) -> Setting:
    """An exchange whose signatures hold its time, and its server."""
    return set_up(request.param)


def read(exchange: Any) -> Any:
    verb, path, _ = READS[type(exchange)]
    return exchange.call(verb, f"/{path}", signed=True)


# Measured and used ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead", [HOUR, -HOUR, 1500, 0])
def test_signed_calls_carry_the_exchanges_time(ahead: int, setting: Setting, clock: Clock) -> None:
    exchange, server = setting
    server.ahead = ahead
    for _ in range(3):
        read(exchange)
        clock.ms += 5000
    assert [stamp(request) - NOW - ahead for request in server.sent] == [0, 5000, 10000]
    assert server.questions == 1


def test_half_of_the_round_trip_is_added(setting: Setting) -> None:
    exchange, server = setting
    server.ahead, server.trip = HOUR, 200
    read(exchange)
    assert [stamp(request) for request in server.sent] == [NOW + 400 + HOUR]


def test_public_calls_do_not_ask_for_the_time(set_up: Callable[[type[Exchange]], Setting]) -> None:
    exchange, server = set_up(Binance)
    server.answer = lambda request: {"price": "1"}  # type: ignore[method-assign]
    with pytest.raises(KeyError):
        exchange.raw("GET", "api/v3/avgPrice", {"symbol": "BTCUSDT"})  # it has no timestamp
    assert server.questions == 0


def test_the_answer_to_the_call_is_what_fmz_is_shown(setting: Setting) -> None:
    exchange, _ = setting
    read(exchange)
    assert exchange.replies == [json.dumps(READS[type(exchange)][2]).encode()]


class Hosts:
    """Several servers, in place of a client."""

    def __init__(self, servers: Mapping[str, Server]) -> None:
        self.servers = servers

    def send(self, exchange: str, request: requests.Request, deadline: Deadline) -> Reply:
        return self.servers[urlsplit(str(request.url)).netloc].send(exchange, request, deadline)


def test_exchanges_and_addresses_have_clocks_of_their_own(lent: Lent, clock: Clock, elapsed: Clock) -> None:
    servers = {
        "api.binance.com": Server(Binance, clock),
        "testnet.example": Server(Binance, clock),
        "fapi.binance.com": Server(FuturesBinance, clock),
    }
    aheads = (HOUR, -HOUR, 2 * HOUR)
    for server, ahead in zip(servers.values(), aheads, strict=True):
        server.ahead = ahead
    process = lend(Hosts(servers), lent.state, clock)
    testnet = Upstream(Binance, process.upstreams.services, address="https://testnet.example")
    for _ in range(2):
        read(process.open(Binance, KEYS))
        read(Binance(KEYS, testnet, Deadline.after(10.0)))
        read(process.open(FuturesBinance, KEYS))
    for server, ahead in zip(servers.values(), aheads, strict=True):
        assert [stamp(request) for request in server.sent] == [NOW + ahead] * 2
        assert server.questions == 1


def test_an_exchange_whose_time_need_not_be_known_is_not_asked(lent: Lent, clock: Clock) -> None:
    assert lend(None, lent.state, clock).open(CoinPark, KEYS).now() == NOW


def test_our_clock_is_the_machines() -> None:
    assert abs(epoch_ms() - time.time() * 1000) < 5000


# Refreshed --------------------------------------------------------------------------------------------------------


def test_it_is_measured_again_after_ten_minutes_and_not_before(setting: Setting, elapsed: Clock) -> None:
    exchange, server = setting
    read(exchange)
    server.ahead = 900  # still near enough
    elapsed.ms = 599
    read(exchange)
    assert server.questions == 1
    elapsed.ms = 600
    read(exchange)
    assert server.questions == 2
    assert [stamp(request) - NOW for request in server.sent] == [0, 0, 900]


def test_a_refusal_of_a_read_corrects_it_at_once(setting: Setting) -> None:
    exchange, server = setting
    read(exchange)
    server.ahead = HOUR
    read(exchange)
    assert [stamp(request) - NOW for request in server.sent] == [0, 0, HOUR]
    assert server.questions == 2


def test_a_refusal_that_goes_on_is_told(setting: Setting) -> None:
    exchange, server = setting
    server.fails = lambda: Reply("", 500, "", b"")
    server.ahead = HOUR
    with pytest.raises(WrongTime) as refused:
        read(exchange)
    assert isinstance(refused.value, AuthenticationFailed)
    assert str(refused.value).startswith("AUTHENTICATION_FAILED ")
    assert len(server.sent) == 3


@pytest.mark.parametrize("kind", [Binance, OKX])
def test_a_refusal_of_an_order_is_told_and_the_next_call_is_right(
    kind: type[Exchange], set_up: Callable[[type[Exchange]], Setting]
) -> None:
    exchange, server = set_up(kind)
    read(exchange)
    server.ahead = HOUR
    with pytest.raises(WrongTime) as refused:
        exchange.trade(ORDER)
    assert str(refused.value).startswith("AUTHENTICATION_FAILED ")
    assert len(server.sent) == 2
    assert exchange.trade(ORDER) in (7, "7")
    assert [stamp(request) - NOW for request in server.sent] == [0, 0, HOUR]


def test_an_order_learns_the_time_beforehand(set_up: Callable[[type[Exchange]], Setting]) -> None:
    for kind in (Binance, OKX, Kraken):
        exchange, server = set_up(kind)
        exchange.prepare(ORDER)
        assert (server.questions, server.sent) == (1, [])
        exchange.trade(ORDER)
        assert (server.questions, len(server.sent)) == (1, 1)


# Not measured -----------------------------------------------------------------------------------------------------


def not_sent() -> Reply:
    raise NotSent("Binance network: refused")


def unclear() -> Reply:
    raise OutcomeUnknown("Binance network: timeout")


FAILURES: dict[str, Callable[[], Reply]] = {
    "not sent": not_sent,
    "no answer": unclear,
    "HTTP 500": lambda: Reply("", 500, "text/html", b"<html>"),
    "a page": lambda: Reply("", 200, "text/html", b"<html>"),
    "without the field": lambda: Reply("", 200, "application/json", b'{"code": "0", "msg": "", "data": [{}]}'),
    "no time": lambda: Reply(
        "", 200, "application/json", b'{"code": "0", "serverTime": "soon", "data": [{"ts": "-1"}]}'
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_measurement_that_fails_fails_no_call(failure: str, setting: Setting, clock: Clock, elapsed: Clock) -> None:
    exchange, server = setting
    server.fails = FAILURES[failure]
    read(exchange)
    assert [stamp(request) for request in server.sent] == [NOW]
    assert exchange.replies == [json.dumps(READS[type(exchange)][2]).encode()]
    assert server.questions == 1, "it is asked once"
    clock.ms, elapsed.ms = NOW + 29_000, 29
    read(exchange)
    assert server.questions == 1, "not at every call"
    clock.ms, elapsed.ms = NOW + 30_000, 30
    server.fails, server.ahead = None, 700
    read(exchange)
    assert (server.questions, stamp(server.sent[-1])) == (2, NOW + 30_700)


def test_the_last_measurement_is_used_when_the_next_one_fails(setting: Setting, elapsed: Clock) -> None:
    exchange, server = setting
    server.ahead = HOUR
    read(exchange)
    server.fails = not_sent
    for seconds in (600, 629, 630):
        elapsed.ms = seconds
        read(exchange)
    assert server.questions == 3
    assert {stamp(request) for request in server.sent} == {NOW + HOUR}


def test_what_was_refused_is_not_used_when_the_next_measurement_fails(setting: Setting) -> None:
    exchange, server = setting
    server.ahead = HOUR
    read(exchange)
    server.fails, server.ahead = not_sent, 0
    read(exchange)
    assert [stamp(request) - NOW for request in server.sent] == [HOUR, HOUR, 0]


@pytest.mark.parametrize(("left", "given"), [(10.0, 2.0), (1.0, 0.5)])
def test_a_measurement_takes_little_of_the_calls_time(left: float, given: float, setting: Setting) -> None:
    exchange, server = setting
    begun = time.monotonic()
    exchange.deadline = deadline = Deadline(begun + left)
    read(exchange)
    assert given - 0.2 < server.deadlines[0].at - begun < given + 0.2
    assert exchange.deadline == deadline


# Many threads -----------------------------------------------------------------------------------------------------


def test_one_thread_measures_and_the_others_wait_for_it(lent: Lent) -> None:
    server = Server(Binance, Clock())
    server.ahead = HOUR
    told = TIMES[Binance][1](NOW + HOUR)

    def slow() -> Reply:
        time.sleep(0.05)
        return Reply("", 200, "application/json", json.dumps(told).encode())

    server.fails = slow
    process = lend(server, lent.state, lambda: NOW)
    together = threading.Barrier(32)

    def call() -> None:
        exchange = process.open(Binance, KEYS)
        together.wait()
        read(exchange)

    threads = [threading.Thread(target=call) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.questions == 1
    assert [stamp(request) for request in server.sent] == [NOW + HOUR] * 32


@pytest.fixture
def offset(elapsed: Clock) -> Offset:
    offset = Offset()
    assert offset.get(lambda: 5) == 5
    elapsed.ms = 600
    return offset


def test_nobody_waits_for_a_refresh(offset: Offset) -> None:
    def measure() -> int:
        assert offset.get(lambda: pytest.fail("two measure")) == 5
        return 6

    thread_saw: list[int] = []

    def measured_meanwhile() -> int:
        thread = threading.Thread(target=lambda: thread_saw.append(offset.get(lambda: 7)))
        thread.start()
        thread.join(5)
        return measure()

    assert offset.get(measured_meanwhile) == 6
    assert thread_saw == [5]


def test_a_mistake_while_measuring_does_not_end_it(offset: Offset) -> None:
    with pytest.raises(ZeroDivisionError):
        offset.get(lambda: 1 // 0)
    assert offset.get(lambda: 8) == 8


# Windows ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("waited", [0, 4000])
def test_an_orders_window_begins_when_it_is_sent(
    waited: int, set_up: Callable[[type[Exchange]], Setting], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five seconds by the exchange's clock, after whatever it waited for."""
    for kind, window in WINDOWS.items():
        exchange, server = set_up(kind)
        server.ahead = HOUR
        exchange.prepare(ORDER)
        with monkeypatch.context() as patch:
            patch.setattr(Limits, "take", lambda *args, **options: setattr(clock, "ms", clock.ms + waited))
            exchange.trade(ORDER)
        [request] = server.sent
        assert window(request) == clock.ms + HOUR + 5000


WINDOWS: dict[type[Exchange], Callable[[requests.PreparedRequest], int]] = {
    Binance: lambda request: stamp(request) + int(dict(parse_qsl(str(request.url)))["recvWindow"]),
    OKX: lambda request: int(request.headers["expTime"]),
    Kraken: lambda request: stamp(request) + 5000,
}
