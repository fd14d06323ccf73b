"""The real service in its own process, before exchanges that misbehave: every failure has exactly one outcome class,
told in time, in few words, and without what nobody may read."""

import http.client
import json
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import trustme

from tests.fakes import KEY, PASSPHRASE, SECRET
from tests.fakes.broken import Broken, Plan
from tests.fakes.exchanges import FAKES
from tests.faults import FaultServer, bomb, closed_port, small_bomb
from tests.servers import database
from tests.service import Service, running
from transport.reply import MAX_EXCERPT

DEADLINE = 3
SLACK = 1.5
SPOT = ("bitgo", "coinpark", "binance", "okx", "kraken")
FUTURES = ("futures_binance", "futures_okx")
ROUTES = (*SPOT, *FUTURES)
METHODS = ("ticker", "trade")

UNKNOWN = {"ticker": "NO_DEFINITE_ANSWER", "trade": "ORDER_STATE_UNKNOWN"}
NOT_SENT = dict.fromkeys(METHODS, "NOT_SENT")
REFUSED = dict.fromkeys(METHODS, "REFUSED")
VERDICTS: Mapping[str, Mapping[str, str]] = {  # fault → method → the error's first word
    "reset unread": UNKNOWN,  # the connection was made, so bytes may have left
    "reset after head": UNKNOWN,
    "reset after request": UNKNOWN,
    "close without answer": UNKNOWN,
    "hang": UNKNOWN,
    "drip head": UNKNOWN,
    "drip body": UNKNOWN,
    "endless chunks": UNKNOWN,
    "endless interim": UNKNOWN,
    "garbage": UNKNOWN,
    "200 page": UNKNOWN,
    "200 empty": UNKNOWN,
    "204": UNKNOWN,
    "502 page": UNKNOWN,
    "503 page": UNKNOWN,
    "503 json": UNKNOWN,
    "cut body": UNKNOWN,
    "cut json": UNKNOWN,
    "big body": UNKNOWN,
    "bomb": UNKNOWN,
    "small bomb": UNKNOWN,
    "wrong encoding": UNKNOWN,
    "unknown encoding": UNKNOWN,
    "redirect": UNKNOWN,
    "redirect with bomb": UNKNOWN,
    "502 echo": UNKNOWN,
    "cut echo": UNKNOWN,
    "headers that echo": UNKNOWN,
    "400 json": REFUSED,
    "400 page": REFUSED,
    "400 echo": REFUSED,
    "403 page": REFUSED,
    "401 page": dict.fromkeys(METHODS, "AUTHENTICATION_FAILED"),
}
ASKED_AGAIN = {"502 page", "503 page", "503 json", "502 echo"}  # the server failed: a read is tried three times
BEFORE_TLS = (
    "none",
    "hang on accept",
    "reset on accept",
    "reset unread",
    "talks first",
)  # "none" has a certificate nobody trusts
TICKERS = {
    "bitgo": '{"data": {"buy": 1, "sell": 2, "last": 3.5, "high": 4, "low": 0.5, "vol": 6}}',
    "coinpark": '{"result": {"buy": 1, "sell": 2, "last": 3.5, "high": 4, "low": 0.5, "vol": 6, "timestamp": 1}}',
    "binance": '{"bidPrice": "1", "askPrice": "2", "lastPrice": "3.5", "highPrice": "4", "lowPrice": "0.5",'
    ' "volume": "6", "closeTime": 1700000000000}',
    "okx": '{"code": "0", "msg": "", "data": [{"bidPx": "1", "askPx": "2", "last": "3.5", "high24h": "4",'
    ' "low24h": "0.5", "vol24h": "6", "ts": "1700000000000"}]}',
    "kraken": '{"error": [], "result": {"LTCCNY": {"b": ["1", "1", "1"], "a": ["2", "1", "1"], "c": ["3.5", "1"],'
    ' "h": ["4", "4"], "l": ["0.5", "0.5"], "v": ["6", "6"]}}}',
}
TICKERS |= {"futures_binance": TICKERS["binance"], "futures_okx": TICKERS["okx"]}
# The lists of markets, which futures are asked for first, and which are kept for a while.
MARKETS = {
    "futures_binance": '{"symbols": [{"symbol": "LTCUSDT", "contractType": "PERPETUAL", "status": "TRADING",'
    ' "baseAsset": "LTC", "quoteAsset": "USDT", "filters": []}]}',
    "futures_okx": '{"code": "0", "msg": "", "data": [{"instId": "LTC-USDT-SWAP", "alias": "", "state": "live",'
    ' "tickSz": "0.01", "lotSz": "1", "minSz": "1", "maxLmtSz": "1000", "ctVal": "1", "ctMult": "1",'
    ' "ctValCcy": "LTC"}]}',
}


@dataclass(frozen=True)
class Answer:
    """What a call was answered with, and after how many seconds; its account's key."""

    reply: dict[str, Any]
    seconds: float
    key: str


@dataclass
class Gateway:
    """A running service, and the exchanges behind it."""

    service: Service
    exchanges: Mapping[str, FaultServer]
    numbers: Iterator[int] = field(default_factory=count)

    def ask(self, route: str, method: str, key: str = "") -> Answer:
        """Ask as FMZ does; without a key, for an account that has done nothing yet."""
        number = next(self.numbers)
        key = key or f"{KEY}-{number}"
        order = {"type": "buy", "price": "200.5", "amount": "0.25"} if method == "trade" else {}
        call = {
            "access_key": key,
            "secret_key": f"{SECRET},{PASSPHRASE}",
            "nonce": number + 1,
            "method": method,
            "params": {"symbol": self.symbol(route, method, number), **order},
        }
        start = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=10)
        try:
            connection.request("POST", f"/{route}", json.dumps(call))
            response = connection.getresponse()
            answer = json.loads(response.read())
        finally:
            connection.close()
        assert (response.status, response.getheader("Content-Type")) == (200, "application/json")
        return Answer(answer, time.monotonic() - start, key)

    def symbol(self, route: str, method: str, number: int) -> str:
        """A market that the exchange behind the route has."""
        if method == "trade":
            return FAKES[NAMES[route]].symbol
        if route in FUTURES:
            return "LTC_USDT.swap"
        return f"X{number}_CNY" if route == "kraken" else "LTC_CNY"  # which limits calls by the pair

    def signs(self) -> set[str]:
        """Every signature that was sent."""
        requests = [seen for server in self.exchanges.values() for seen in server.requests]
        queries = [parse_qs(f"{seen.target.partition('?')[2]}&{seen.body.decode()}") for seen in requests]
        heads = [{name: [value] for name, value in seen.headers.items()} for seen in requests]
        names = ("sign", "signature", "ok-access-sign", "api-sign")
        return {sign for sent in (*queries, *heads) for name in names for sign in sent.get(name, [])}


NAMES = {name.lower(): name for name in FAKES}


@contextmanager
def gateway(directory: Path, exchanges: Mapping[str, FaultServer], urls: Mapping[str, str]) -> Iterator[Gateway]:
    """The service before these exchanges."""
    addresses = {f"{route.upper()}_URL": url for route, url in urls.items()}
    with database(directory) as state_url:
        settings = {"DEADLINE": str(DEADLINE), "LOG_LEVEL": "DEBUG", "STATE_URL": state_url, **addresses}
        with running(directory, settings) as service:
            yield Gateway(service, exchanges)


@contextmanager
def served(directory: Path, servers: Mapping[str, FaultServer]) -> Iterator[Gateway]:
    """The service before these servers, all of which are started and stopped."""
    with ExitStack() as stack:
        urls = {route: stack.enter_context(server).url for route, server in servers.items()}
        yield stack.enter_context(gateway(directory, servers, urls))


@pytest.fixture
def elsewhere() -> Iterator[FaultServer]:
    """A server that nobody was ever told to talk to, except by redirects."""
    with FaultServer() as server:
        yield server


@pytest.fixture
def readers(tmp_path: Path, elsewhere: FaultServer) -> Iterator[Gateway]:
    """Exchanges that fail whatever they are asked."""
    bomb(), small_bomb()  # made once, so that the making is on nobody's clock
    with served(tmp_path, {route: FaultServer() for route in ROUTES}) as started:
        for route, server in started.exchanges.items():
            server.elsewhere = elsewhere.url
            server.body = MARKETS.get(route, "{}").encode()
            started.ask(route, "markets")
        yield started


@pytest.fixture
def traders(tmp_path: Path) -> Iterator[Gateway]:
    """Exchanges that keep orders, and fail when they are asked for new ones."""
    bomb(), small_bomb()
    with served(tmp_path, {route: Broken(FAKES[NAMES[route]]()) for route in ROUTES}) as it:
        yield it


@pytest.fixture
def tls_gateway(tmp_path: Path) -> Iterator[Gateway]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with served(tmp_path, {route: FaultServer(tls=context) for route in ROUTES}) as started:
        yield started


@pytest.fixture
def cut_off_gateway(tmp_path: Path) -> Iterator[Gateway]:
    with closed_port() as closed:
        urls = dict.fromkeys(ROUTES, f"http://127.0.0.1:{closed}")
        with gateway(tmp_path, {}, urls) as started:
            yield started


def together(ask: Callable[..., Answer], *calls: Iterable[Any]) -> list[Answer]:
    """All answers, to calls at the same time."""
    with ThreadPoolExecutor(28) as pool:
        return list(pool.map(ask, *calls))


def check(answer: Answer, verdict: str, signs: Set[str] = frozenset()) -> None:
    """The answer is this verdict, came in time, and says no more than it may."""
    assert answer.reply.keys() == {"error"}
    text = answer.reply["error"]
    assert text.split()[0] == verdict, text
    assert answer.seconds < DEADLINE + SLACK
    assert len(text) <= MAX_EXCERPT + 350  # our own words around an excerpt
    assert "PAGE-TEXT-CANARY" not in text
    assert "load balancer" not in text
    assert not leaks(text, signs)


def leaks(text: str, signs: Set[str]) -> set[str]:
    """Runs of six characters of a key that are in a text, and of twelve of a signature, for six of hex are anywhere."""
    secrets = [(KEY, 6), (SECRET, 6), (PASSPHRASE, 6), *((sign, 12) for sign in signs)]
    runs = {secret[i : i + length] for secret, length in secrets for i in range(len(secret) - length + 1)}
    return {run for run in runs if run in text}


def logs_no_secret(gateway: Gateway, outcome: str) -> None:
    """The service logged this outcome, and all that libraries say, but no part of a secret."""
    log = gateway.service.log.read_text()
    assert outcome in log
    assert "urllib3" in log, "libraries, too, were asked to log"
    assert not leaks(log, gateway.signs())
    assert "Traceback" not in log
    assert "unexpected" not in log


def break_reads(readers: Gateway, fault: str) -> None:
    for server in readers.exchanges.values():
        server.fault = fault
        server.drop()


# What shares a service is one test: of pytest's processes every one that has a part would start a service of its own.


def test_tickers(readers: Gateway, elsewhere: FaultServer, subtests: pytest.Subtests) -> None:
    for fault in VERDICTS:
        with subtests.test(fault=fault):
            a_ticker_under(fault, readers, elsewhere)
    for route in ROUTES:
        with subtests.test("without a fault there is a ticker", route=route):
            a_ticker_of(route, readers)
    logs_no_secret(readers, " ticker REFUSED ")


def a_ticker_under(fault: str, readers: Gateway, elsewhere: FaultServer) -> None:
    break_reads(readers, fault)
    before = {route: server.connections for route, server in readers.exchanges.items()}
    for route, answer in zip(ROUTES, together(lambda route: readers.ask(route, "ticker"), ROUTES), strict=True):
        check(answer, VERDICTS[fault]["ticker"], readers.signs())
        asked = readers.exchanges[route].connections - before[route]
        # One ticker is made of two replies, and asks for the second where the first is JSON.
        two = route == "futures_binance" and fault == "headers that echo"
        again = range(1, 4) if route == "kraken" else (3,)  # it has one call a second, and the time may be over before
        assert asked in (again if fault in ASKED_AGAIN else (2,) if two else (1,)), route
    assert elsewhere.connections == 0, "a redirect was followed"


def a_ticker_of(route: str, readers: Gateway) -> None:
    server = readers.exchanges[route]
    server.fault, server.body = "none", TICKERS[route].encode()
    server.drop()
    for _ in range(3):
        answer = readers.ask(route, "ticker")
        assert answer.reply["data"]["last"] == 3.5
        assert answer.seconds < SLACK


@dataclass(frozen=True)
class Cell:
    """One order under a fault, and whether it comes about."""

    fault: str
    route: str
    created: bool


def cells(faults: Iterable[str]) -> Iterator[Cell]:
    """Two routes for each fault, in turn. ``tests.reliability`` has them all."""
    for fault in faults:
        number = list(VERDICTS).index(fault)
        for route in (ROUTES[number % len(ROUTES)], ROUTES[(number + 3) % len(ROUTES)]):
            yield Cell(fault, route, created=False)
            if VERDICTS[fault] is UNKNOWN:
                yield Cell(fault, route, created=True)


GROUPS = [list(VERDICTS)[start : start + 4] for start in range(0, len(VERDICTS), 4)]


def test_orders(traders: Gateway, subtests: pytest.Subtests) -> None:
    for faults in GROUPS:
        with subtests.test(faults=faults):
            an_order_under(faults, traders)
    for route in ROUTES:
        with subtests.test("without a fault there is an order", route=route):
            an_order_of(route, traders)
    logs_no_secret(traders, " trade ORDER_STATE_UNKNOWN ")
    assert traders.signs()


def an_order_under(faults: list[str], traders: Gateway) -> None:
    """It is sent once. Its outcome has one class when no order came about; and when one did, its id is found."""
    asked = list(cells(faults))
    plans: dict[tuple[str, str], Plan] = {}

    def trade(cell: Cell) -> Answer:
        key = f"{KEY}-{next(traders.numbers)}"
        plans[cell.route, key] = Plan("307" if "redirect" in cell.fault else cell.fault, cell.created)
        return traders.ask(cell.route, "trade", key)

    for route in ROUTES:
        server = traders.exchanges[route]
        assert isinstance(server, Broken)
        server.plan = lambda key, _, route=route: plans[route, key]
    for cell, answer in zip(asked, together(trade, asked), strict=True):
        server = traders.exchanges[cell.route]
        assert isinstance(server, Broken)
        orders = [order for order in server.fake.orders if order.account == answer.key]
        assert server.placements[answer.key] == 1, (cell, answer)
        assert server.elsewhere.connections == 0, "a redirect was followed"
        if cell.created:
            assert answer.reply["raw"]["found"] is True, cell
            assert [str(answer.reply["data"]["id"])] == [order.id for order in orders]
        else:
            assert orders == []
            check(answer, VERDICTS[cell.fault]["trade"], traders.signs())


def an_order_of(route: str, traders: Gateway) -> None:
    server = traders.exchanges[route]
    assert isinstance(server, Broken)
    server.plan = lambda key, attempt: None
    answer = traders.ask(route, "trade")
    assert [str(answer.reply["data"]["id"])] == [
        order.id for order in server.fake.orders if order.account == answer.key
    ]


def test_when_the_exchange_says_wait_nothing_more_is_sent(tmp_path: Path) -> None:
    with served(tmp_path, {route: FaultServer("429 page") for route in ROUTES}) as limited:
        for method in ("ticker", "trade", "ticker"):
            for answer in together(lambda route, method=method: limited.ask(route, method), SPOT):
                check(answer, "RATE_LIMITED", limited.signs())
        assert {route: limited.exchanges[route].connections for route in SPOT} == dict.fromkeys(SPOT, 1)


def test_without_tls_nothing_is_sent(tls_gateway: Gateway, subtests: pytest.Subtests) -> None:
    for fault in BEFORE_TLS:
        with subtests.test(fault=fault):
            break_reads(tls_gateway, fault)
            for method in METHODS:
                for answer in together(lambda route, method=method: tls_gateway.ask(route, method), ROUTES):
                    check(answer, "NOT_SENT")
    assert all(server.connections for server in tls_gateway.exchanges.values())
    assert not any(server.requests for server in tls_gateway.exchanges.values())


def test_without_a_connection_nothing_is_sent(cut_off_gateway: Gateway) -> None:
    for method in METHODS:
        for answer in together(lambda route, method=method: cut_off_gateway.ask(route, method), ROUTES):
            check(answer, "NOT_SENT")
