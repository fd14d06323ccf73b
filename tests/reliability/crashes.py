"""The gateway is killed (SIGKILL) at every instant of an order, while strategies go on as published ones do, ``while
(!id) id = Buy(…)``: no order is lost, none is made twice. ``python -m tests.reliability crashes``

Most gateways here are processes forked from one that has everything imported: the real application, asked as gunicorn
asks it, over a socket. They are killed at named instants and at random ones. The last experiment kills gunicorn itself.
"""

import gc
import http.client
import json
import os
import random
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NoReturn

from werkzeug import Request, Response
from werkzeug.test import EnvironBuilder
from werkzeug.wsgi import ClosingIterator

from app import create_app
from database import open_state
from exchanges import find
from orders.journal import Journal
from orders.lookup import Lookup
from settings import Settings
from tests.fakes import KEY, PASSPHRASE, SECRET, Call, FakeExchange, Refusal
from tests.fakes.exchanges import FAKES
from tests.reliability.outcome import Outcome
from tests.reliability.storms import kept
from tests.service import ROOT, Service, running
from transport.credentials import Credentials

COMMAND = "python -m tests.reliability crashes"
NAMES = ("paper", "Binance", "OKX", "Kraken")
PLAIN = "BitGo"  # takes no client ids: what was not sent for sure waits for a person
DEADLINE = 1.0  # seconds
ORDERS = 2  # that each robot means to make
PAUSE = 0.3  # seconds from one try to the next
PATIENCE = 100.0  # seconds until a robot is stuck
RESOLVED = 40.0  # seconds that the journal has to become clear
TOGETHER = 32  # robots at once
GROUP = 4  # robots that share an exchange and a database
AGAIN_TOLD = "killed just after the answer, and the next order taken for it"
EXPECTED = ("ORDER_STATE_UNKNOWN", "NOT_SENT", "RATE_LIMITED", "BUSY")

# The instants of an order ------------------------------------------------------------------------------------------

IN_GATEWAY: Mapping[str, tuple[type, str, bool]] = {  # name → what is called, and whether it has returned
    "before the journal": (Journal, "begin", False),
    "journalled": (Journal, "begin", True),
    "before the decision": (Journal, "decide", False),
    "decided": (Journal, "decide", True),
    "before a look": (Lookup, "look", False),
    "before the adoption": (Journal, "adopt", False),
    "adopted": (Journal, "adopt", True),
}
DURING: Mapping[str, tuple[type, str]] = {  # at a random time soon after it was called: while SQLite writes
    "while journalling": (Journal, "begin"),
    "while deciding": (Journal, "decide"),
}
AROUND_THE_ANSWER = ("before the answer", "answered")
AT_THE_EXCHANGE = ("received, made later", "received, never made", "made", "replied")
RANDOM = "at random"

ONCE: tuple[str, ...] = (
    "before the journal",
    "while journalling",
    "journalled",
    *AT_THE_EXCHANGE,
    "before the decision",
    "while deciding",
    "decided",
    *AROUND_THE_ANSWER,
)
AGAIN: tuple[str, ...] = (
    "before a look",
    "before the decision",
    "while deciding",
    "before the adoption",
    "adopted",
    "before the answer",
)
"""The instants at which a gateway started after a kill is killed, while it resolves the orders of the first one."""


def plans(quick: bool) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each robot's exchange, and the instants at which its gateways are killed, one after the other."""
    if quick:
        for instant in ("journalled", "received, made later", "made", "replied", "decided"):
            yield "Binance", (instant,)
        for instant in ("before the adoption", "adopted"):
            yield "Binance", ("made", instant)
        for instant in ("before the decision", "while deciding", "before the answer"):
            yield "paper", (instant,)
        return
    for name in NAMES:
        for instant in ONCE:
            if name in FAKES or instant not in AT_THE_EXCHANGE:
                yield from [(name, (instant,))] * 3
        first = "made" if name in FAKES else "before the decision"
        for instant in AGAIN:
            yield from [(name, (first, instant))] * 2
        yield name, (first, "before a look", "before the adoption", "before the answer")
        yield from [(name, (RANDOM,))] * 12
        yield from [(name, (RANDOM, RANDOM))] * 4
    for instant in ("journalled", "made", "replied", "before the decision", "decided", "before the answer"):
        yield PLAIN, (instant,)


def outcomes(quick: bool) -> Iterator[Outcome]:
    """Yield the outcomes of kills of single processes, then of gunicorn."""
    yield kills(list(plans(quick)), absent_after=0.5 if quick else None)
    yield restarts(1, ("Binance",), 1, instant="made") if quick else restarts(20, NAMES, 2)


# A gateway in a process of its own ---------------------------------------------------------------------------------


@dataclass
class Gateway:
    """A forked gateway."""

    pid: int
    channel: socket.socket

    def __post_init__(self) -> None:
        self._process = os.pidfd_open(self.pid)  # so that nobody else is killed who has its number later

    def ask(self, name: str, body: bytes) -> dict[str, Any] | None:
        """Return the gateway's answer, None when it died."""
        try:
            self.channel.send(name.encode() + b" " + body)
            answer = self.channel.recv(1 << 20)
        except OSError:
            return None
        return dict(json.loads(answer)) if answer else None

    def kill(self) -> None:
        """Kill it, and return when it is dead."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._process, signal.SIGKILL)
        _wait_for(self._process)

    def close(self) -> None:
        """Kill it if it lives, and let go of it."""
        self.kill()
        os.close(self._process)
        self.channel.close()


class Nursery:
    """The process that gateways are forked from. They end when they are let go of, and when it or we end."""

    def __init__(self, log: Path) -> None:
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "tests.reliability.crashes", str(theirs.fileno())]
        with theirs, log.open("ab") as stderr:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env={"PATH": os.environ["PATH"]}, stderr=stderr, pass_fds=[theirs.fileno()]
            )

    def __enter__(self) -> "Nursery":
        return self

    def __exit__(self, *_: object) -> None:
        self._control.close()
        self._process.wait()

    def fork(self, job: Mapping[str, Any]) -> Gateway:
        """Return a new gateway."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, self._lock:
            socket.send_fds(self._control, [json.dumps(job).encode()], [theirs.fileno()])
            return Gateway(int(self._control.recv(100)), ours)


def nurse(control: socket.socket) -> None:
    """Fork a gateway for each job that comes."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are buried by the system
    gc.freeze()
    while True:
        job, [*channels], _, _ = socket.recv_fds(control, 1 << 16, 1)
        if not job:
            return
        pid = os.fork()
        if pid == 0:
            control.close()
            try:
                serve(json.loads(job), socket.socket(fileno=channels[0]))
            except BaseException:
                traceback.print_exc()
                raise
            finally:
                os._exit(0)
        os.close(channels[0])
        control.send(str(pid).encode())


def serve(job: Mapping[str, Any], channel: socket.socket) -> None:
    """Serve as a gateway, until it is killed or let go of."""
    if job["absent_after"] is not None:
        find(job["name"]).absent_after = job["absent_after"]
    app = create_app(Settings(state_url=job["state"], deadline=DEADLINE, urls=job["urls"]))
    app.extensions["resolver"].start()
    _arm(job["instant"], job["after"])
    while asked := channel.recv(1 << 16):
        name, _, body = asked.partition(b" ")
        if job["instant"] == RANDOM:
            _die_after(job["after"])
        environ = EnvironBuilder(path=f"/{name.decode()}", method="POST", data=body).get_environ()
        reply = app(environ, lambda status, headers, error=None: lambda data: None)
        assert isinstance(reply, ClosingIterator)
        for text in reply:  # one: what is done after it is done when gunicorn has sent it
            placed = text.startswith(b'{"data"')
            if placed and job["instant"] == "before the answer":
                _die()
            channel.send(text)
            if placed and job["instant"] == "answered":
                _die()
        reply.close()


def _arm(instant: str, after: float) -> None:
    """Have this process die at an instant."""
    if instant in IN_GATEWAY:
        owner, name, returned = IN_GATEWAY[instant]
        method = getattr(owner, name)

        def dying(*args: Any, **options: Any) -> Any:
            if not _matters(name, args):
                return method(*args, **options)
            if not returned:
                _die()
            result = method(*args, **options)
            if result is None or result is True:  # of begin: it is written; of adopt: it is done
                _die()
            return result

        setattr(owner, name, dying)
    elif instant in DURING:
        owner, name = DURING[instant]
        method = getattr(owner, name)

        def doomed(*args: Any, **options: Any) -> Any:
            if _matters(name, args):
                _die_after(after)
            return method(*args, **options)

        setattr(owner, name, doomed)


def _matters(name: str, args: Sequence[Any]) -> bool:
    """Return True if a call is about an order that exists, where it could be about one that does not."""
    return name != "decide" or args[1].state == "accepted"


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("dead")


def _die_after(seconds: float) -> None:
    timer = threading.Timer(seconds, _die)
    timer.daemon = True
    timer.start()


# Exchanges that stop at an instant ---------------------------------------------------------------------------------


class Stopping(FakeExchange):
    """Calls back, once, when it comes to an instant of an account's order."""

    def __init__(self) -> None:
        super().__init__()
        self.stops: dict[tuple[str, str], Callable[[], None]] = {}

    def perform(self, call: Call) -> Any:
        if call.answer != getattr(self, "new", None):
            return super().perform(call)
        self._reach(call.account.key, "received, made later")
        if self._reach(call.account.key, "received, never made"):
            raise Refusal(503, {})
        answer = super().perform(call)
        self._reach(call.account.key, "made")
        return answer

    def _serve(self, environ: dict[str, Any], start: Any) -> Any:
        request = Request(environ)
        status, text = self.reply(request)
        response = Response(text, status, mimetype="application/json")
        if self.places(request):
            response.call_on_close(lambda: self._reach(self.key(request), "replied"))
        return response(environ, start)

    def _reach(self, key: str, instant: str) -> bool:
        stop = self.stops.pop((key, instant), None)
        if stop:
            stop()
        return stop is not None


def stopping(name: str) -> Stopping | None:
    """Return the fake of that name, None for an exchange that needs none."""
    return type(f"Stopping{name}", (Stopping, FAKES[name]), {})() if name in FAKES else None


# Strategies --------------------------------------------------------------------------------------------------------


@dataclass
class Robot:
    """A strategy on an account of its own that wants an order, asks until it has one, and then wants the next."""

    name: str
    key: str
    fake: FakeExchange | None
    database: Path
    ask: Callable[[str, bytes], dict[str, Any] | None]
    ids: list[str] = field(default_factory=list)
    marks: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    waited: float = 0.0
    """Seconds for the order that took longest."""
    uncertain: int = 0
    """The number of times that its gateway died between an order's answer and its next request. Nobody who comes later
    can know if the answer had been given: the next order may be answered with the same one."""

    def buy(self) -> bool:
        """Ask until there is an order; return False if there is none in time."""
        begun = time.monotonic()
        first = True
        while time.monotonic() < begun + PATIENCE:
            answer = self.ask(self.name, self._body())
            self.uncertain += bool(first and self.ids and answer is None)
            first = False
            if answer and "data" in answer:
                self.ids.append(str(answer["data"]["id"]))
                self.marks.update(mark for mark in ("adopted", "found", "replayed") if answer["raw"].get(mark) is True)
                self.waited = max(self.waited, time.monotonic() - begun)
                return True
            self.errors[answer["error"].split()[0] if answer else "no answer"] += 1
            time.sleep(PAUSE)
        return False

    def wait_until_clear(self) -> None:
        """Wait until no order of the account is unresolved, or it is no use."""
        until = time.monotonic() + RESOLVED
        while self._open() and time.monotonic() < until:
            if self.name == PLAIN:
                return
            self.ask(self.name, self._body("accounts"))  # it goes on living, and so does its gateway
            time.sleep(0.5)

    def problems(self, meant: int) -> list[str]:
        """Return the promises that were not kept. meant: the number of orders that it wanted."""
        rows, made = self._rows(), self._kept()
        by_id = {str(json.loads(row["order_id"])) for row in rows if row["state"] == "accepted"}
        orders = {row["client_id"]: row["order_id"] for row in rows}
        unexpected = sorted(self.errors.keys() - {"no answer", *EXPECTED})
        wrong = {
            "stuck": len(self.ids) < meant,
            "duplicate": len(made) > meant,
            "lost": self.repeated() > self.uncertain,
            "orphan": bool(set(made) - set(self.ids)),
            "invented": bool(set(self.ids) - set(made)),
            "unknown to the journal": bool(set(made) - by_id),
            "left open": self.name != PLAIN and bool(self._open()),
            "wrongly adopted": any(
                row["answered_as"] and orders[row["answered_as"]] != row["order_id"] for row in rows
            ),
            f"unexpected {', '.join(unexpected)}": bool(unexpected),
        }
        return [name for name, is_so in wrong.items() if is_so]

    def repeated(self) -> int:
        """Return the number of orders that were answered with one that it had been given before."""
        return len(self.ids) - len(set(self.ids))

    def states(self) -> Counter[str]:
        """Return the number of its orders in each state of the journal."""
        return Counter(row["state"] for row in self._rows())

    def _body(self, method: str = "trade") -> bytes:
        symbol = self.fake.symbol if self.fake else "BTC_USDT"
        params = {"symbol": symbol, "type": "buy", "price": "100", "amount": "0.1"} if method == "trade" else {}
        call = {"access_key": self.key, "secret_key": f"{SECRET},{PASSPHRASE}", "nonce": time.time_ns()}
        return json.dumps({**call, "method": method, "params": params}).encode()

    def _open(self) -> list[sqlite3.Row]:
        return [row for row in self._rows() if row["state"] in ("sending", "unknown")]

    def _rows(self) -> list[sqlite3.Row]:
        wanted = "SELECT * FROM orders WHERE account = ? AND exchange = ?"
        with closing(sqlite3.connect(self.database, timeout=30)) as connection:
            connection.row_factory = sqlite3.Row
            return list(connection.execute(wanted, (Credentials(self.key).account, self.name)))

    def _kept(self) -> list[str]:
        return [str(order_id) for order_id in kept(self.database, self.fake, self.key)]


class Mortal:
    """One robot's gateways: each is forked when the one before is dead, and dies at the next instant of the plan."""

    def __init__(
        self,
        nursery: Nursery,
        job: Mapping[str, Any],
        key: str,
        fake: Stopping | None,
        plan: Sequence[str],
        dice: random.Random,
    ) -> None:
        self._nursery = nursery
        self._job = job
        self._key = key
        self._fake = fake
        self.left = list(plan)
        self._dice = dice
        self._gateway: Gateway | None = None
        self.died: list[str] = []

    def ask(self, name: str, body: bytes) -> dict[str, Any] | None:
        """Return the gateway's answer, None when it died."""
        if self._gateway is None:
            self._gateway = self._fork(self.left[0] if self.left else "")
        answer = self._gateway.ask(name, body)
        if answer is None:
            self._bury()
        return answer

    def close(self) -> None:
        """Let go of the gateway."""
        if self._gateway:
            self._gateway.close()
            self._gateway = None

    def _fork(self, instant: str) -> Gateway:
        after = self._dice.uniform(0, self._job["span"] if instant == RANDOM else 0.004)
        gateway = self._nursery.fork({**self._job, "instant": instant, "after": after})
        if self._fake and instant in AT_THE_EXCHANGE:
            self._fake.stops[self._key, instant] = gateway.kill
        return gateway

    def _bury(self) -> None:
        assert self._gateway
        self._gateway.close()
        self._gateway = None
        self.died.append(self.left.pop(0) if self.left else "unplanned")


def kills(
    planned: Sequence[tuple[str, tuple[str, ...]]], *, absent_after: float | None = None, seed: int = 7
) -> Outcome:
    """Run a robot for each plan, many at a time; return the outcome. absent_after: seconds instead of the exchanges'
    own."""
    begun = time.monotonic()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        log = directory / "log"
        nursery = stack.enter_context(Nursery(log))
        robots = []
        groups: defaultdict[str, list[tuple[Path, Stopping | None]]] = defaultdict(list)
        counts: Counter[str] = Counter()
        for number, (name, plan) in enumerate(planned):
            if counts[name] % GROUP == 0:
                fake = stopping(name)
                database = directory / f"{name}-{counts[name]}.db"
                _make(database)
                groups[name].append((database, stack.enter_context(fake) if fake else None))
            counts[name] += 1
            database, fake = groups[name][-1]
            job = {
                "name": name,
                "state": f"sqlite:///{database}",
                "urls": {name: fake.url} if fake else {},
                "absent_after": absent_after,
                "span": 0.12,
            }
            key = f"{KEY}-{number}"
            mortal = Mortal(nursery, job, key, fake, plan, random.Random(f"{seed} {number}"))
            stack.callback(mortal.close)
            robots.append((Robot(name, key, fake, database, mortal.ask), mortal))

        def run(robot: Robot, mortal: Mortal) -> None:
            if all(robot.buy() for _ in range(ORDERS)):
                robot.wait_until_clear()
            mortal.close()

        with ThreadPoolExecutor(TOGETHER) as pool:
            list(pool.map(run, *zip(*robots, strict=True)))
        broken: Counter[str] = Counter()
        for robot, mortal in robots:
            if found := robot.problems(ORDERS):
                broken[f"{robot.name}, {' / '.join(mortal.died) or 'not killed'}: {' and '.join(found)}"] += 1
        for database, _ in (group for found in groups.values() for group in found):
            with closing(sqlite3.connect(database)) as connection:
                if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                    broken["a database is damaged"] += 1
        mistakes = [line for line in log.read_text().splitlines() if "unexpected" in line or "Traceback" in line]
        broken.update(mistakes[:10])
        states = sum((robot.states() for robot, _ in robots), Counter[str]())
        died = Counter(instant for _, mortal in robots for instant in mortal.died)
        return Outcome(
            name=f"{died.total()} kills of a gateway at every instant of an order",
            command=COMMAND,
            figures={
                "robots": len(robots),
                "orders meant": ORDERS * len(robots),
                "orders made": sum(len(robot._kept()) for robot, _ in robots),
                "kills": died.total(),
                "kills by instant": dict(sorted(died.items())),
                "planned instants that never came": sum(len(mortal.left) for _, mortal in robots),
                "adopted": sum(robot.marks["adopted"] for robot, _ in robots),
                "journal": dict(states),
                "left for a person (no client ids)": sum(
                    len(robot._open()) for robot, _ in robots if robot.name == PLAIN
                ),
                AGAIN_TOLD: sum(robot.repeated() for robot, _ in robots),
                "longest wait, s": round(max(robot.waited for robot, _ in robots), 1),
                "errors told": dict(sum((robot.errors for robot, _ in robots), Counter[str]())),
                "broken": dict(sorted(broken.items())),
            },
            passed=not broken,
            seconds=round(time.monotonic() - begun, 1),
        )


def _make(database: Path) -> None:
    """Make a database's tables: hundreds of robots are to wait for one another's orders, not for that."""
    open_state(f"sqlite:///{database}").dispose()


# gunicorn ----------------------------------------------------------------------------------------------------------


class Restarted:
    """gunicorn, which is killed and started again on the same database."""

    port = 0

    def ask(self, name: str, body: bytes) -> dict[str, Any] | None:
        """Return the gateway's answer, None when it died."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with closing(connection), suppress(OSError, http.client.HTTPException, ValueError):
            connection.request("POST", f"/{name}", body)
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
            return answer
        return None


def restarts(count: int, names: Sequence[str], robots_each: int, *, instant: str = RANDOM, seed: int = 7) -> Outcome:
    """Kill gunicorn's master and its worker so many times, each time under the load of new robots; those of earlier
    times go on until they have their order. Return the outcome. instant: of the first order at an exchange, or any."""
    begun = time.monotonic()
    dice = random.Random(seed)
    service = Restarted()
    robots: list[Robot] = []
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        fakes = {name: stack.enter_context(fake) for name in names if (fake := stopping(name))}
        urls = {f"{name.upper()}_URL": fake.url for name, fake in fakes.items()}
        settings = {"DEADLINE": str(DEADLINE), "LOG_LEVEL": "WARNING", **urls}
        pool = stack.enter_context(ThreadPoolExecutor(count * len(names) * robots_each))
        done = []
        for number in range(count):
            stop = threading.Event()
            with running(directory, settings) as started:
                service.port = started.port
                for name, one in product(names, range(robots_each)):
                    robot = Robot(name, f"{KEY}-{number}-{one}", fakes.get(name), directory / "state.db", service.ask)
                    if instant != RANDOM:
                        fakes[name].stops[robot.key, instant] = partial(kill_all, started)
                    robots.append(robot)
                    done.append(pool.submit(_trade_until, stop, robot))
                if instant == RANDOM:
                    time.sleep(dice.uniform(0.3, 1.5))
                    kill_all(started)
                started.process.wait()
                stop.set()
        with running(directory, settings) as started:
            service.port = started.port
            for future in done:
                future.result()
            list(pool.map(Robot.wait_until_clear, robots))
        checked = [(robot, robot.problems(len(robot.ids))) for robot in robots]
        broken = Counter(f"{robot.name}: {' and '.join(found)}" for robot, found in checked if found)
        log = (directory / "log").read_text()
        broken.update(line for line in log.splitlines() if "unexpected" in line or "Traceback" in line)
    return Outcome(
        name=f"{count} kills of gunicorn, master and worker, under load",
        command=COMMAND,
        figures={
            "kills": count,
            "robots": len(robots),
            "orders told": sum(len(robot.ids) for robot in robots),
            "adopted": sum(robot.marks["adopted"] for robot in robots),
            AGAIN_TOLD: sum(robot.repeated() for robot in robots),
            "requests without an answer": sum(robot.errors["no answer"] for robot in robots),
            "longest wait, s": round(max(robot.waited for robot in robots), 1),
            "broken": dict(sorted(broken.items())),
        },
        passed=not broken,
        seconds=round(time.monotonic() - begun, 1),
    )


def kill_all(service: Service) -> None:
    """Kill gunicorn's master and its worker; they are dead on return."""
    processes = [os.pidfd_open(pid) for pid in (service.process.pid, *service.workers)]
    for process in processes:
        signal.pidfd_send_signal(process, signal.SIGKILL)
    for process in processes:
        _wait_for(process)
        os.close(process)


def _wait_for(process: int) -> None:
    """Return when the process of a pidfd is dead."""
    poll = select.poll()
    poll.register(process, select.POLLIN)
    poll.poll()


def _trade_until(stop: threading.Event, robot: Robot) -> None:
    while robot.buy() and not stop.is_set():
        pass


def main() -> None:
    """Run the nursery."""
    nurse(socket.socket(fileno=int(sys.argv[1])))


if __name__ == "__main__":
    main()
