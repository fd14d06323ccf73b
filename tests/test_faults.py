"""The real service in its own process, before exchanges that misbehave: every failure has exactly one outcome class,
reported in time, in few words, and without what nobody may read."""

import http.client
import json
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import trustme
from sqlalchemy import Engine, select

from database import open_state
from exchanges import EXCHANGES
from exchanges.base.abilities import can
from exchanges.kit.faults import ORDERS, FaultServer, bomb, closed_port, market, small_bomb
from tables import METADATA
from tests.fakes import KEY, PASSPHRASE, SECRET
from tests.fakes.broken import Broken, Plan
from tests.fakes.exchanges import FAKES
from tests.servers import database
from tests.service import Service, running
from tests.shown import (
    FUTURES,
    ROUTES,
    SPOT,
    markets,
    names_its_market,
    replies,
    signatures,
    ticker,
    ticker_requests,
)
from transport.reply import MAX_EXCERPT

pytestmark = pytest.mark.long

DEADLINE = 3
SLACK = 1.5
CROWD = 20  # calls at once
THREADS = 96  # of the service: with fewer, calls would wait for each other, and have less time
BY_MARKET = tuple(filter(names_its_market, ROUTES))
METHODS = ("ticker", "trade")
MODIFYING = tuple(route for route in ROUTES if can(EXCHANGES[route], "modify"))

READ = {"ORDER_STATE_UNKNOWN": "NO_DEFINITE_ANSWER"}  # a ticker changes nothing
VERDICTS: Mapping[str, Mapping[str, str]] = {  # fault → method → the error's first word
    fault: {"ticker": READ.get(label, label), "trade": label} for fault, label in ORDERS.items()
}
ASKED_AGAIN = {"502 page", "503 page", "503 json", "502 echo"}  # the server failed: a read is tried three times
BEFORE_TLS = (
    "none",
    "hang on accept",
    "reset on accept",
    "reset unread",
    "talks first",
)  # "none" has a certificate nobody trusts
BASES = ("BTC", *map(market, VERDICTS))


@dataclass(frozen=True)
class Answer:
    """The reply to a call, the seconds that it took, and its account's key."""

    reply: dict[str, Any]
    seconds: float
    key: str


@dataclass
class Gateway:
    """A running service, and the exchanges behind it."""

    service: Service
    exchanges: Mapping[str, FaultServer]
    state: Engine
    numbers: Iterator[int] = field(default_factory=count)
    plans: dict[str, Plan] = field(default_factory=dict)

    def ask(
        self, route: str, method: str, key: str = "", base: str = "", symbol: str = "", order_id: str = ""
    ) -> Answer:
        """Ask as FMZ does; without a key, for an account that has done nothing yet. base, symbol: whose ticker.
        order_id: of the order to modify."""
        number = next(self.numbers)
        key = key or f"{KEY}-{number}"
        order = {"type": "buy", "price": "200.5", "amount": "0.25"} if method == "trade" else {}
        if order_id:
            order = {"type": "buy", "price": "201.5", "amount": "0.5", "id": order_id}
        call = {
            "access_key": key,
            "secret_key": f"{SECRET},{PASSPHRASE}",
            "nonce": number + 1,
            "method": method,
            "params": {"symbol": symbol or self.symbol(route, method, number, base), **order},
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

    def symbol(self, route: str, method: str, number: int, base: str) -> str:
        """Return a market that the exchange behind the route has."""
        if method in ("trade", "modify"):
            return FAKES[NAMES[route]].symbol
        if route in FUTURES:
            return f"{base or 'BTC'}_USDT.swap"
        return f"{base or f'X{number}'}_CNY"  # another one each time: there may be a limit for each market

    def rest(self, route: str = "") -> None:
        """Let the limits of the exchange, or of all, be as after a long pause, which nobody need wait for."""
        limits = METADATA.tables["limits"]
        mine = limits.c.name.startswith(f"{self.exchanges[route].url} " if route else "")
        in_order = select(limits.c.name).where(mine).order_by(limits.c.name).with_for_update()  # as the service locks
        with self.state.begin() as connection:
            connection.execute(limits.delete().where(limits.c.name.in_(in_order)))

    def signs(self) -> set[str]:
        """Return every signature that was sent."""
        return {sign for route in self.exchanges for sign in self.signs_of(route)}

    def signs_of(self, route: str) -> set[str]:
        """Return every signature that was sent to one exchange."""
        return {sign for seen in self.exchanges[route].requests for sign in signatures(route, seen)}


NAMES = {name.lower(): name for name in FAKES}


@contextmanager
def gateway(directory: Path, exchanges: Mapping[str, FaultServer], urls: Mapping[str, str]) -> Iterator[Gateway]:
    """Yield the service before these exchanges."""
    addresses = {f"{route.upper()}_URL": url for route, url in urls.items()}
    with database(directory) as state_url:
        settings = {"DEADLINE": str(DEADLINE), "LOG_LEVEL": "DEBUG", "STATE_URL": state_url, **addresses}
        with running(directory, settings, ["--threads", str(THREADS)]) as service:
            state = open_state(state_url)
            yield Gateway(service, exchanges, state)
            state.dispose()


@contextmanager
def served(directory: Path, servers: Mapping[str, FaultServer]) -> Iterator[Gateway]:
    """Yield the service before these servers, all of which are started and stopped."""
    with ExitStack() as stack:
        urls = {route: stack.enter_context(server).url for route, server in servers.items()}
        yield stack.enter_context(gateway(directory, servers, urls))


@pytest.fixture
def elsewhere() -> Iterator[FaultServer]:
    """Yield a server that nobody was ever told to talk to, except by redirects."""
    with FaultServer() as server:
        yield server


@pytest.fixture
def readers(tmp_path: Path, elsewhere: FaultServer) -> Iterator[Gateway]:
    """Yield exchanges that fail as the market says which they are asked for."""
    bomb(), small_bomb()  # made once, so that the making is on nobody's clock
    with served(tmp_path, {route: FaultServer("by market") for route in ROUTES}) as started:
        for route, server in started.exchanges.items():
            server.elsewhere = elsewhere.url
            if route in FUTURES:
                server.bodies = markets(route, BASES)
                started.ask(route, "markets")
                server.drop()
        yield started


@pytest.fixture
def traders(tmp_path: Path) -> Iterator[Gateway]:
    """Yield exchanges that keep orders, and fail when they are asked for new ones."""
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
    """Return all answers, to calls at the same time."""
    with ThreadPoolExecutor(CROWD) as pool:
        return list(pool.map(ask, *calls))


def check(answer: Answer, verdict: str, signs: Set[str] = frozenset()) -> None:
    """Check that an answer is this verdict, came in time, and says no more than it may."""
    assert answer.reply.keys() == {"error"}
    text = answer.reply["error"]
    assert text.split()[0] == verdict, text
    assert answer.seconds < DEADLINE + SLACK
    assert len(text) <= MAX_EXCERPT + 350  # our own words around an excerpt
    assert "PAGE-TEXT-CANARY" not in text
    assert "load balancer" not in text
    assert not leaks(text, signs)


def leaks(text: str, signs: Set[str]) -> set[str]:
    """Return the runs of six characters of a key that are in a text, and of twelve of a signature, for six of hex are
    anywhere."""
    secrets = [(KEY, 6), (SECRET, 6), (PASSPHRASE, 6), *((sign, 12) for sign in signs)]
    runs = {secret[i : i + length] for secret, length in secrets for i in range(len(secret) - length + 1)}
    return {run for run in runs if run in text}


def logs_no_secret(gateway: Gateway, outcome: str) -> None:
    """Check that the service logged this outcome, and all that libraries say, but no part of a secret."""
    log = gateway.service.log.read_text()
    assert outcome in log
    assert "urllib3" in log, "libraries, too, were asked to log"
    assert not leaks(log, gateway.signs())
    assert "Traceback" not in log
    assert "unexpected" not in log


# What shares a service is one test: of pytest's processes every one that has a part would start a service of its own.


def test_tickers(readers: Gateway, elsewhere: FaultServer, subtests: pytest.Subtests) -> None:
    before = {route: server.connections for route, server in readers.exchanges.items()}
    answers = tickers_under_faults(readers)
    signs = readers.signs()
    for fault in VERDICTS:
        with subtests.test(fault=fault):
            for route in BY_MARKET:
                check(answers[route, fault], VERDICTS[fault]["ticker"], signs)
                assert readers.exchanges[route].visits[fault] in tries(route, fault), route
    with subtests.test("nobody else was asked"):
        for route, server in readers.exchanges.items():
            assert server.connections - before[route] == sum(server.visits[fault] for fault in VERDICTS), route
        assert elsewhere.connections == 0, "a redirect was followed"
    for route in ROUTES:
        with subtests.test("without a fault there is a ticker", route=route):
            a_ticker_of(route, readers)
    logs_no_secret(readers, " ticker REFUSED ")


def tries(route: str, fault: str) -> Iterable[int]:
    """Return the numbers of times that a ticker may be asked for."""
    if fault in ASKED_AGAIN:
        is_slow = any(limit.burst == 1 for limit in EXCHANGES[route].limits)  # the time may be over before
        return range(1, 4) if is_slow else (3,)
    # A ticker may be made of several replies: the next is asked for where the one before is JSON.
    return range(1, len(ticker_requests(route)) + 1) if fault == "headers that echo" else (1,)


def tickers_under_faults(readers: Gateway) -> dict[tuple[str, str], Answer]:
    """Return the answers under every fault, by route and fault. An exchange is asked for the next ticker once it has
    received the request for the last one, for it limits them, or once that is answered, where it is asked for again."""
    once = [fault for fault in VERDICTS if fault not in ASKED_AGAIN]

    def start_all(route: str) -> dict[tuple[str, str], Future[Answer]]:
        return {(route, fault): start(route, fault) for fault in (*once, *sorted(ASKED_AGAIN))}

    def start(route: str, fault: str) -> Future[Answer]:
        readers.rest(route)
        asked = calls.submit(readers.ask, route, "ticker", base=market(fault))
        while not asked.done() and (fault in ASKED_AGAIN or not readers.exchanges[route].visits[fault]):
            time.sleep(0.005)
        return asked

    with ThreadPoolExecutor(CROWD) as calls, ThreadPoolExecutor(len(BY_MARKET)) as starters:
        started = [each for of_route in starters.map(start_all, BY_MARKET) for each in of_route.items()]
        return {place: asked.result() for place, asked in started}


def a_ticker_of(route: str, readers: Gateway) -> None:
    server = readers.exchanges[route]
    case = ticker(route)
    server.bodies = replies(case)
    for _ in range(3):
        answer = readers.ask(route, "ticker", symbol=case.asked["params"]["symbol"])
        assert answer.reply["data"]["last"] == float(case.answered["data"]["last"])
        assert answer.seconds < SLACK


@dataclass(frozen=True)
class Cell:
    """One order under a fault, and whether it comes about."""

    fault: str
    route: str
    created: bool


def cells(faults: Iterable[str]) -> Iterator[Cell]:
    """Yield two routes for each fault, in turn. ``tests.reliability`` has them all."""
    for fault in faults:
        number = list(VERDICTS).index(fault)
        for route in (ROUTES[number % len(ROUTES)], ROUTES[(number + 3) % len(ROUTES)]):
            yield Cell(fault, route, created=False)
            if ORDERS[fault] == "ORDER_STATE_UNKNOWN":
                yield Cell(fault, route, created=True)


def test_orders(traders: Gateway, subtests: pytest.Subtests) -> None:
    asked = list(cells(VERDICTS))
    answers = dict(zip(asked, orders_under_faults(asked, traders), strict=True))
    signs = traders.signs()
    for route in ROUTES:
        assert traders.signs_of(route), f"add where the signature is, {{signature}}, to `requests` of {route}'s cases"
    for fault in VERDICTS:
        with subtests.test(fault=fault):
            for cell in cells([fault]):
                an_order_under(cell, answers[cell], traders, signs)
    for route in ROUTES:
        with subtests.test("without a fault there is an order", route=route):
            an_order_of(route, traders)
    for server in traders.exchanges.values():
        assert isinstance(server, Broken)
        assert set(server.placements.values()) == {1}, "an order that is asked for again is another account's"
    logs_no_secret(traders, " trade ORDER_STATE_UNKNOWN ")


def orders_under_faults(asked: Iterable[Cell], traders: Gateway) -> list[Answer]:
    """Return the answers in every cell, each for an account of its own, whose key says what becomes of its orders.

    A busy machine may not find an order before its time ends, which says nothing of the fault: that order is asked for
    again, by itself.
    """
    plans: dict[str, Plan] = {}

    def trade(cell: Cell) -> Answer:
        key = f"{KEY}-{next(traders.numbers)}"
        plans[key] = Plan("307" if "redirect" in cell.fault else cell.fault, cell.created)
        return traders.ask(cell.route, "trade", key)

    for server in traders.exchanges.values():
        assert isinstance(server, Broken)
        server.plan = lambda key, _: plans[key]
    asked = list(asked)
    answers = together(trade, asked)
    return [
        trade(cell) if cell.created and is_unclear(answer) and answer.seconds >= DEADLINE else answer
        for cell, answer in zip(asked, answers, strict=True)
    ]


def is_unclear(answer: Answer) -> bool:
    return str(answer.reply.get("error", "")).startswith("ORDER_STATE_UNKNOWN ")


def an_order_under(cell: Cell, answer: Answer, traders: Gateway, signs: Set[str]) -> None:
    """Check that an order is sent once. Its outcome has one class when no order came about; and when one did, its id is
    found."""
    server = traders.exchanges[cell.route]
    assert isinstance(server, Broken)
    orders = [order for order in server.fake.orders if order.account == answer.key]
    assert server.placements[answer.key] == 1, (cell, answer)
    assert server.redirect_target.connections == 0, "a redirect was followed"
    if cell.created:
        assert answer.reply["raw"]["found"] is True, cell
        assert [str(answer.reply["data"]["id"])] == [order.id for order in orders]
    else:
        assert orders == []
        check(answer, VERDICTS[cell.fault]["trade"], signs)


def an_order_of(route: str, traders: Gateway) -> None:
    server = traders.exchanges[route]
    assert isinstance(server, Broken)
    server.plan = lambda key, attempt: None
    answer = traders.ask(route, "trade")
    assert [str(answer.reply["data"]["id"])] == [
        order.id for order in server.fake.orders if order.account == answer.key
    ]


def test_modified_orders(traders: Gateway, subtests: pytest.Subtests) -> None:
    asked = [Cell(fault, MODIFYING[number % len(MODIFYING)], created) for number, (fault, created) in enumerate(FATES)]
    with ThreadPoolExecutor(CROWD) as pool:
        answers = dict(zip(asked, pool.map(lambda cell: modified_under(cell, traders), asked), strict=True))
    signs = traders.signs()
    for cell, (answer, order_id) in answers.items():
        with subtests.test(fault=cell.fault, route=cell.route, modified=cell.created):
            a_modified_order_under(cell, answer, order_id, traders, signs)
    logs_no_secret(traders, " modify ORDER_STATE_UNKNOWN ")


FATES = [
    (fault, created)
    for fault, label in ORDERS.items()
    for created in ((False, True) if label == "ORDER_STATE_UNKNOWN" else (False,))
]
"""Faults, and whether the order was modified when its exchange failed."""


def modified_under(cell: Cell, traders: Gateway) -> tuple[Answer, str]:
    """Return the answer to an order of a new account that is modified under a fault, and the order's id."""
    server = traders.exchanges[cell.route]
    assert isinstance(server, Broken)
    server.plan = lambda key, attempt: traders.plans.get(key) if attempt else None
    key = f"{KEY}-{next(traders.numbers)}"
    traders.plans[key] = Plan("307" if "redirect" in cell.fault else cell.fault, cell.created)
    traders.rest(cell.route)  # each account is asked for its position mode, which costs much
    placed = traders.ask(cell.route, "trade", key).reply
    assert "data" in placed, placed
    order_id = str(placed["data"]["id"])
    return traders.ask(cell.route, "modify", key, order_id=order_id), order_id


def a_modified_order_under(cell: Cell, answer: Answer, order_id: str, traders: Gateway, signs: Set[str]) -> None:
    """Check that a modification is sent once, that its outcome has one class, whether it was done or not, and that the
    same call once more makes the order what it was to be."""
    server = traders.exchanges[cell.route]
    assert isinstance(server, Broken)
    check(answer, VERDICTS[cell.fault]["trade"], signs)
    assert server.placements[answer.key] == 2, "the order, and its modification"
    assert server.redirect_target.connections == 0, "a redirect was followed"
    [order] = [order for order in server.fake.orders if order.account == answer.key]
    assert (Decimal(order.price), Decimal(order.amount)) == (NEW if cell.created else OLD)
    traders.plans.pop(answer.key)
    traders.rest(cell.route)
    again = traders.ask(cell.route, "modify", answer.key, order_id=order_id)
    assert str(again.reply["data"]["id"]) == order_id
    assert server.placements[answer.key] == (2 if cell.created else 3)
    assert (Decimal(order.price), Decimal(order.amount)) == NEW


OLD, NEW = (Decimal("200.5"), Decimal("0.25")), (Decimal("201.5"), Decimal("0.5"))


def test_when_the_exchange_says_wait_nothing_more_is_sent(tmp_path: Path) -> None:
    with served(tmp_path, {route: FaultServer("429 page") for route in ROUTES}) as limited:
        for method in ("ticker", "trade", "ticker"):
            for answer in together(lambda route, method=method: limited.ask(route, method), SPOT):
                check(answer, "RATE_LIMITED", limited.signs())
        assert {route: limited.exchanges[route].connections for route in SPOT} == dict.fromkeys(SPOT, 1)


def test_without_tls_nothing_is_sent(tls_gateway: Gateway, subtests: pytest.Subtests) -> None:
    for fault in BEFORE_TLS:
        with subtests.test(fault=fault):
            for server in tls_gateway.exchanges.values():
                server.fault = fault
                server.drop()
            nothing_is_sent(tls_gateway)
    assert all(server.connections for server in tls_gateway.exchanges.values())
    assert not any(server.requests for server in tls_gateway.exchanges.values())


def test_without_a_connection_nothing_is_sent(cut_off_gateway: Gateway) -> None:
    nothing_is_sent(cut_off_gateway)


def nothing_is_sent(gateway: Gateway) -> None:
    """Check that no route sends anything, whatever it is asked for."""
    for method in METHODS:  # one after the other: Kraken lets both together ask for its markets once a second
        gateway.rest()
        for answer in together(lambda route, method=method: gateway.ask(route, method), ROUTES):
            check(answer, "NOT_SENT")
