"""Events around an order while it is under way: a clock is set, a contract rolls over, a caller hangs up, a
server fails with a code that is known, an interim reply comes first. ``python -m tests.reliability surprises``"""

import json
import random
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection
from itertools import count, cycle
from pathlib import Path
from typing import Any, cast

from flask import Flask

import transport.clock
from app import create_app, open_upstreams
from exchanges import find
from exchanges.kit.faults.visit import Visit, head
from settings import Settings
from tests.conftest import client_of
from tests.fakes import KEY, PASSPHRASE, SECRET, FakeExchange
from tests.fakes.binance import FakeFuturesBinance
from tests.fakes.broken import Broken, Fault, Plan
from tests.fakes.exchanges import FAKES
from tests.reliability.outcome import Outcome
from tests.reliability.rig import crowd
from tests.service import running

COMMAND = "python -m tests.reliability surprises"
STEPS = [sign * seconds for seconds in (60, 3600, 172_800) for sign in (1, -1)]
WITH_IDS = ("Binance", "OKX", "Kraken")
FUTURES = ("Futures_Binance", "Futures_OKX")
NEXT = {"symbol": "BTC_USDT.next_quarter", "type": "buy", "price": "59000", "amount": "0.01"}
"""An order of a dated contract."""
UNCLEAR = "ORDER_STATE_UNKNOWN"
TOO_EARLY = ("NOT_SENT", "RATE_LIMITED", "BUSY")
"""The labels of orders that were not sent, to be tried again."""
PATIENCE = 90.0  # seconds of a robot
LONGEST_WAIT = 15.0  # seconds for a limit of an exchange; a clock that was set back would make it the step
CROWD = 16  # requests at once
HANGS_UP = 1.5  # seconds that a hasty caller waits
NOTICED = 0.25  # seconds after which a caller that has left is noticed

nonces = count(time.time_ns())
_keys = count(1)


@dataclass
class Tally:
    """The requests of an experiment, and what became of them. broken: the promises that were not kept."""

    requests: int = 0
    told: int = 0
    unclear: int = 0
    orders: int = 0
    broken: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, answer: Mapping[str, Any]) -> None:
        """Count an answer to a new order."""
        with self._lock:
            self.requests += 1
            self.told += "data" in answer
            self.unclear += answer.get("error", "").startswith(UNCLEAR)

    def outcome(self, name: str, seconds: float) -> Outcome:
        """Return the outcome."""
        figures = {
            "requests": self.requests,
            "orders": self.orders,
            "id told": self.told,
            "unclear": self.unclear,
            "broken": self.broken,
        }
        return Outcome(name, COMMAND, figures, not self.broken, round(seconds, 1))


class Gateway:
    """The real service in this process, on a database of its own, before fakes that break as planned."""

    def __init__(self, state_url: str, urls: Mapping[str, str], deadline: float) -> None:
        self.settings = Settings(state_url=state_url, urls=urls, deadline=deadline)
        self.start()

    def start(self) -> None:
        """Start it, or start it again on its database."""
        self.upstreams = open_upstreams(self.settings)
        self.app: Flask = create_app(self.settings, self.upstreams)

    def stop(self) -> None:
        """End it."""
        self.upstreams.services.database.dispose()

    def ask(
        self, tally: Tally, exchange: str, key: str, params: Mapping[str, str], method: str = "trade", nonce: int = 0
    ) -> dict[str, Any]:
        """Return the answer to a call, which takes it, and count it."""
        call = {"access_key": key, "secret_key": f"{SECRET},{PASSPHRASE}", "nonce": nonce or next(nonces)}
        reply = client_of(self.app).post(f"/{exchange}", json={**call, "method": method, "params": params})
        answer: dict[str, Any] = reply.get_json()
        if method == "trade":
            tally.count(answer)
        return answer


@dataclass
class World:
    """A gateway and its exchanges, by name."""

    gateway: Gateway
    servers: Mapping[str, Broken]

    def send(self, tally: Tally, name: str, key: str, order: Mapping[str, str], nonce: int = 0) -> dict[str, Any]:
        """Return the answer to an order that was sent, asking again while a limit or the machine was in the way."""
        end = time.monotonic() + PATIENCE
        while True:
            answer = self.gateway.ask(tally, name, key, order, nonce=nonce)
            if not answer.get("error", "").startswith(TOO_EARLY) or time.monotonic() > end:
                return answer
            time.sleep(0.3)

    def orders(self, name: str, key: str) -> list[Any]:
        """Return an account's orders at an exchange."""
        return [order for order in list(self.servers[name].fake.orders) if order.account == key]

    def plan(self, name: str, plans: Mapping[str, Plan]) -> None:
        """Let the first order of each account meet its plan."""
        self.servers[name].plan = lambda key, attempt: plans.get(key) if attempt == 0 else None


@contextmanager
def world(fakes: Mapping[str, Callable[[], FakeExchange]], deadline: float = 1.5) -> Iterator[World]:
    """Yield a gateway before these exchanges."""
    with ExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory())
        servers = {name: stack.enter_context(Broken(fake())) for name, fake in fakes.items()}
        gateway = Gateway(f"sqlite:///{place}/state.db", {name: one.url for name, one in servers.items()}, deadline)
        stack.callback(gateway.stop)
        yield World(gateway, servers)


def new_key() -> str:
    """Return the API key of an account that nobody has used."""
    return f"{KEY}-s{next(_keys)}"


def order_on(exchange: str, side: str = "buy") -> dict[str, str]:
    """Return the parameters of a limit order."""
    amount = "3" if exchange == "Futures_OKX" else "0.01"
    return {"symbol": FAKES[exchange].symbol, "type": side, "price": "59000", "amount": amount}


# A wall clock that is set ---------------------------------------------------------------------------------------------


def clock_steps(steps: list[int], each: int, *, created: tuple[bool, ...], deadline: float = 5.0) -> Outcome:
    """Set the clock while orders are unclear, at run time and across a restart; robots then try again until they have
    an id, with a pause as long as a call: exactly one order each, and no call is told that it comes too early."""
    tally, begun = Tally(), time.monotonic()
    for step in steps:
        for restarts in (False, True):
            with world({name: partial(FAKES[name], lag=1.5 * deadline) for name in WITH_IDS}, deadline) as one:
                robots = [(name, new_key()) for name in WITH_IDS for _ in created for _ in range(each)]
                makes = dict(zip((key for _, key in robots), cycle(created), strict=False))
                for name in WITH_IDS:
                    one.plan(name, {key: Plan("close", makes[key]) for at, key in robots if at == name})
                with crowd(CROWD) as pool:
                    list(pool.map(partial(_first, one, tally), *zip(*robots, strict=True)))
                    with _clock_set_by(step):
                        if restarts:
                            one.gateway.stop()
                            one.gateway.start()
                        what = f"{step:+} s, {'restarted' if restarts else 'running'}"
                        list(pool.map(partial(_until_id, one, tally, what, deadline), *zip(*robots, strict=True)))
    return tally.outcome("the clock is set by ±60 s, ±1 h, ±2 days, while it runs and before a restart", _since(begun))


@contextmanager
def _clock_set_by(seconds: int) -> Iterator[None]:
    clock = cast(Any, transport.clock)
    right = clock._wall_ns
    clock._wall_ns = lambda: right() + seconds * 10**9
    try:
        yield
    finally:
        clock._wall_ns = right


def _first(
    one: World, tally: Tally, name: str, key: str, nonce: int = 0, *, order: Mapping[str, str] | None = None
) -> None:
    answer = one.send(tally, name, key, order or order_on(name), nonce)
    if not answer.get("error", "").startswith(UNCLEAR):
        tally.broken.append(f"{name}: the first order should be unclear: {answer}")


def _until_id(one: World, tally: Tally, what: str, pause: float, name: str, key: str) -> None:
    listed = one.gateway.ask(tally, name, key, {"symbol": FAKES[name].symbol}, "orders")
    waits = re.search(r"retry_after=([0-9.]+) seconds", listed.get("error", ""))
    if waits and float(waits[1]) > LONGEST_WAIT:
        tally.broken.append(f"{name}, {what}: orders cannot be listed: {listed}")
    end = time.monotonic() + PATIENCE
    answer: dict[str, Any] = {}
    while "data" not in answer and time.monotonic() < end:
        answer = one.gateway.ask(tally, name, key, order_on(name))
        time.sleep(pause)
    orders = one.orders(name, key)
    tally.orders += len(orders)
    if len(orders) != 1 or str(answer.get("data", {}).get("id")) != orders[0].id:
        tally.broken.append(f"{name}, {what}: {len(orders)} orders, and told {answer}")


# Callers that hang up while their orders wait for a limit -------------------------------------------------------------


def hang_ups(callers: int) -> Outcome:
    """Let many callers place an order each at once, more than the exchange's limit takes, and hang up after a while:
    none of their orders goes out later."""
    tally, begun = Tally(), time.monotonic()
    left: dict[str, float] = {}

    def call(port: int, price: str) -> None:
        keys = {"access_key": KEY, "secret_key": SECRET, "nonce": next(nonces)}
        params = {"symbol": "BTC_USDT", "type": "buy", "price": price, "amount": "0.01"}
        connection = HTTPConnection("127.0.0.1", port, timeout=HANGS_UP)
        try:
            connection.request("POST", "/Binance", json.dumps({**keys, "method": "trade", "params": params}))
            tally.count(json.loads(connection.getresponse().read()))
        except TimeoutError:
            pass
        finally:
            connection.close()
            left[price] = time.monotonic()

    with tempfile.TemporaryDirectory() as place, FAKES["Binance"]() as fake:
        with running(Path(place), {"BINANCE_URL": fake.url}) as service, crowd(callers) as pool:
            list(pool.map(partial(call, service.port), (str(30000 + 300 * number) for number in range(callers))))
            time.sleep(2 * HANGS_UP)
        tally.requests, tally.orders = callers, len(fake.orders)
        late = [order.made - left[order.price] for order in fake.orders]
        tally.broken = [f"an order {seconds:.1f} s after its caller left" for seconds in late if seconds > NOTICED]
        if len(fake.orders) == callers:
            tally.broken.append("no order had to wait")
    return tally.outcome("callers hang up while their orders wait for a limit", _since(begun))


# A contract that rolls over -------------------------------------------------------------------------------------------


class Quarters(FakeFuturesBinance):
    """Two dated contracts, of which the later one becomes the earlier one's successor."""

    rolled = False

    def info(self, account: Any, params: Mapping[str, str]) -> Any:
        [swap] = super().info(account, params)["symbols"]
        names = ["BTCUSDT_240628", "BTCUSDT_240927"] if self.rolled else ["BTCUSDT_240329", "BTCUSDT_240628"]
        kinds = ("CURRENT_QUARTER", "NEXT_QUARTER")
        dated = [{**swap, "symbol": name, "contractType": kind} for name, kind in zip(names, kinds, strict=True)]
        return {"symbols": [swap, *dated]}


def rollover(accounts: int, rounds: int = 1) -> Outcome:
    """Let next_quarter become another contract while orders of it are unclear: a repeat is answered with the first, the
    next order goes to the new contract, and the first is shown where it was sent. Each round has the exchange's limits
    for itself."""
    tally, begun = Tally(), time.monotonic()
    for _ in range(rounds):
        with world({FUTURES[0]: lambda: Quarters(lag=2.5)}) as one, crowd(CROWD) as pool:
            keys = {new_key(): next(nonces) for _ in range(accounts)}
            one.plan(FUTURES[0], dict.fromkeys(keys, Plan("close", created=True)))
            list(pool.map(partial(_first, one, tally, FUTURES[0], order=NEXT), keys, keys.values()))
            cast(Quarters, one.servers[FUTURES[0]].fake).rolled = True
            list(pool.map(partial(_rolled, one, tally), keys, keys.values()))
    return tally.outcome("next_quarter becomes another contract while an order of it is unclear", _since(begun))


def _rolled(one: World, tally: Tally, key: str, nonce: int) -> None:
    ask = partial(one.gateway.ask, tally, FUTURES[0], key)
    end, first = time.monotonic() + PATIENCE, dict[str, Any]()
    while "data" not in first and time.monotonic() < end:
        first = ask(NEXT, nonce=nonce)
    second = one.send(tally, FUTURES[0], key, NEXT)
    shown = ask({"symbol": NEXT["symbol"], "id": str(first.get("data", {}).get("id"))}, "order")
    orders = one.orders(FUTURES[0], key)
    tally.orders += len(orders)
    told = [str(answer.get("data", {}).get("id")) for answer in (first, second)]
    went = list(zip(told, ("BTCUSDT_240628", "BTCUSDT_240927"), strict=True))
    if [(order.id, order.market) for order in orders] != went or "data" not in shown:
        tally.broken.append(f"{orders}: told {first}, {second}, shown {shown}")


# Closing beside opening -----------------------------------------------------------------------------------------------


def closing_beside_opening(accounts: int, rounds: int = 1) -> Outcome:
    """Send an order that opens right after an unclear one that closes, and the other way round: each is an order. Each
    round has the exchanges' limits for itself."""
    tally, begun = Tally(), time.monotonic()
    pairs = (("closebuy", "sell"), ("sell", "closebuy"), ("closesell", "buy"), ("buy", "closesell"))
    for _ in range(rounds):
        with world({name: partial(FAKES[name], lag=2.5) for name in FUTURES}) as one, crowd(CROWD) as pool:
            robots = [(name, new_key(), pair) for name in FUTURES for pair in pairs for _ in range(accounts)]
            for name in FUTURES:
                one.plan(name, {key: Plan("close", created=True) for at, key, _ in robots if at == name})
            list(pool.map(partial(_both, one, tally), *zip(*robots, strict=True)))
    return tally.outcome("an order that opens after an unclear one that closes, and the reverse", _since(begun))


def _both(one: World, tally: Tally, name: str, key: str, pair: tuple[str, str]) -> None:
    answers = [one.send(tally, name, key, order_on(name, word)) for word in pair]
    orders = one.orders(name, key)
    tally.orders += len(orders)
    if len(orders) != 2 or str(answers[1].get("data", {}).get("id")) != orders[1].id:
        tally.broken.append(f"{name}, {pair}: {len(orders)} orders, told {answers}")


# Servers that fail with a code that is known --------------------------------------------------------------------------

BODIES: Mapping[str, Callable[[str], str]] = {
    "Binance": lambda code: f'{{"code": {code}, "msg": "it failed"}}',
    "OKX": lambda code: f'{{"code": "{code}", "msg": "it failed", "data": []}}',
    "Kraken": lambda code: f'{{"error": ["{code}"]}}',
}


def server_errors(share: float) -> Outcome:
    """Answer orders that come about with HTTP 500 and 503 and every code of the exchange's tables: none is told to have
    failed, except by a code that is documented to mean it."""
    tally, begun = Tally(), time.monotonic()
    chance = random.Random(5)
    with world({name: FAKES[name] for name in BODIES}, 5.0) as one, crowd(CROWD) as pool:
        robots = []
        for name, body in BODIES.items():
            codes = sorted(find(name).refusals)
            plans = {}
            for code in chance.sample(codes, max(1, round(share * len(codes)))):
                for status in ("500 Internal Server Error", "503 Service Unavailable"):
                    key = new_key()
                    plans[key] = Plan(_answers(body(code), status), created=code not in find(name).nothing_done)
                    robots.append((name, key, code, status))
            one.plan(name, plans)

        def trade(robot: tuple[str, str, str, str]) -> None:
            name, key, code, status = robot
            answer = one.send(tally, name, key, order_on(name))
            orders = one.orders(name, key)
            tally.orders += len(orders)
            failed = "data" not in answer and not answer["error"].startswith(UNCLEAR)
            if len(orders) > 1 or (orders and failed) or ("data" in answer and not orders):
                tally.broken.append(f"{name}, {status} with {code}: {len(orders)} orders, told {answer}")

        list(pool.map(trade, robots))
    return tally.outcome("HTTP 500 and 503 with every code of Binance, OKX and Kraken", _since(begun))


def _answers(body: str, status: str) -> Fault:
    return lambda visit, reply: visit.reply(body.encode(), status)


# Interim replies ------------------------------------------------------------------------------------------------------

INTERIM = {
    "102 first": (b"HTTP/1.1 102 Processing\r\n\r\n",),
    "103 with headers first": (b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n",),
    "three first": (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n", b"HTTP/1.1 199 X\r\n\r\n"),
}


def interim_replies(accounts: int) -> Outcome:
    """Send interim replies before the real one, to many accounts over the same connections: each is told its own
    order."""
    tally, begun = Tally(), time.monotonic()
    with world({name: FAKES[name] for name in WITH_IDS}, 5.0) as one, crowd(CROWD) as pool:
        robots = [(name, new_key(), fault) for name in WITH_IDS for fault in INTERIM for _ in range(accounts)]
        for name in one.servers:
            one.plan(name, {key: Plan(_after(INTERIM[fault]), created=True) for at, key, fault in robots if at == name})

        def trade(robot: tuple[str, str, str]) -> None:
            name, key, fault = robot
            for _ in range(2):
                answer = one.send(tally, name, key, order_on(name))
                orders = one.orders(name, key)
                is_unclear = answer.get("error", "").startswith(UNCLEAR)
                if not is_unclear and (not orders or str(answer.get("data", {}).get("id")) != orders[-1].id):
                    tally.broken.append(f"{name}, {fault}: {orders}, told {answer}")
            tally.orders += len(one.orders(name, key))

        list(pool.map(trade, robots))
    return tally.outcome("interim replies before the answer", _since(begun))


def _after(replies: tuple[bytes, ...]) -> Fault:
    def answer(visit: Visit, reply: bytes) -> None:
        visit.request()
        for interim in replies:
            visit.sock.sendall(interim)
            time.sleep(0.02)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(reply)), "Connection": "close"}
        visit.sock.sendall(head("200 OK", headers) + reply)

    return answer


def _since(begun: float) -> float:
    return time.monotonic() - begun


def outcomes(quick: bool) -> Iterator[Outcome]:
    """Yield the outcome of each surprise."""
    if quick:
        yield clock_steps([-3600], 1, created=(True,), deadline=0.4)
        yield hang_ups(40)
        yield rollover(4)
        yield closing_beside_opening(1)
        yield server_errors(0.05)
        yield interim_replies(2)
        return
    yield clock_steps(STEPS, 4, created=(True, False))
    yield hang_ups(120)
    yield rollover(10, rounds=5)
    yield closing_beside_opening(2, rounds=5)
    yield server_errors(1.0)
    yield interim_replies(30)
