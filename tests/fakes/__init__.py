"""Small exchanges on loopback: they check signatures, keep orders, and list them late when asked to.

Each speaks its exchange's documented protocol, as far as orders go. What they share is here: the accounts and their
orders, the clock, and the server. Signatures are checked with the standard library, not with the gateway's signers.

Every API key that begins with KEY is an account of its own; the other two keys are the same for all.
"""

import itertools
import json
import math
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Self

from werkzeug import Request, Response
from werkzeug.serving import make_server

KEY = "fake-key-0815"
SECRET = "ZmFrZS1zZWNyZXQtZm9yLXRlc3Rz"  # base64, for those that want it
PASSPHRASE = "fake-passphrase"
PRICE = 60000
"""The price of every trade."""
TOO_MUCH = "1000000"
"""The amount that no account has the money for."""


@dataclass(kw_only=True, slots=True)
class FakeOrder:
    """An order as it was asked for, and what became of it."""

    id: str
    account: str
    market: str
    side: str
    price: str
    amount: str
    client_id: str = ""
    position: str = ""
    money: bool = False
    """True if the amount is what to spend."""
    state: str = "open"
    made: float = field(default_factory=time.monotonic)
    lag: float = 0.0
    """Seconds from its making until look-ups know it."""

    @property
    def done(self) -> str:
        """Return the amount that was bought or sold, in base."""
        if self.state != "filled":
            return "0"
        return f"{Decimal(self.amount) / PRICE:.8f}" if self.money else self.amount


class Account:
    """One key's orders, and what else the exchange remembers of it."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.settings: dict[Any, Any] = {}
        self._orders: dict[str, FakeOrder] = {}
        self._open: dict[str, FakeOrder] = {}
        self._by_client_id: defaultdict[str, list[FakeOrder]] = defaultdict(list)

    def __len__(self) -> int:
        return len(self._orders)

    def keep(self, order: FakeOrder) -> None:
        """Add a new order."""
        self._orders[order.id] = self._open[order.id] = order
        if order.client_id:
            self._by_client_id[order.client_id].append(order)

    def uses(self, client_id: str) -> bool:
        """Return True if an open order carries a client id, be it listed or not."""
        return any(order.state == "open" for order in self._by_client_id.get(client_id, ()))

    def listed(self, **wanted: str) -> list[FakeOrder]:
        """Return the orders that are listed by now and are as wanted, oldest first."""
        now = time.monotonic()
        return [
            order
            for order in self._candidates(wanted)
            if order.made + order.lag <= now and all(getattr(order, name) == value for name, value in wanted.items())
        ]

    def _candidates(self, wanted: Mapping[str, str]) -> Collection[FakeOrder]:
        if "id" in wanted:
            return [self._orders[wanted["id"]]] if wanted["id"] in self._orders else []
        if "client_id" in wanted:
            return self._by_client_id.get(wanted["client_id"], [])
        if wanted.get("state") == "open":
            self._open = {order.id: order for order in self._open.values() if order.state == "open"}
            return self._open.values()
        return self._orders.values()


@dataclass(frozen=True)
class Call:
    """A request that was let in. ``until``: when it is too late for it, in ms by the exchange's clock."""

    answer: Callable[[Account, Mapping[str, Any]], Any]
    account: Account
    params: Mapping[str, Any]
    until: float = math.inf


class Refusal(Exception):
    """The exchange says no, by HTTP status and in its own JSON."""

    def __init__(self, status: int, answer: Any) -> None:
        super().__init__(status)
        self.status = status
        self.answer = answer


class FakeExchange:
    """An exchange, and a server for it in a thread.

    lag: seconds that an order stays unlisted, though it exists; a range gives every order its own, the same in every
    run for an account's first, second … order; a function is asked for each order. clock_ahead: seconds. orders: those
    of all accounts. asked: how often for what.
    """

    symbol: ClassVar[str]
    """FMZ's name of a market that it has."""
    routes: ClassVar[Mapping[tuple[str, str], str]]
    """Verb and resource → the name of the method that answers. The one that places orders is ``new``, and the one that
    modifies them ``modify``."""
    public: ClassVar[Collection[str]] = ("info", "time")
    """The methods that need no signature."""

    def __init__(self, lag: float | tuple[float, float] | Callable[[FakeOrder], float] = 0.0) -> None:
        self.lag = lag
        self.clock_ahead = 0.0
        self.orders: list[FakeOrder] = []
        self.asked: Counter[tuple[str, str]] = Counter()
        self._accounts: dict[str, Account] = {}
        self._numbers = itertools.count(10**16 + 1)
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._server = make_server("127.0.0.1", 0, self._serve, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.005})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    # What an exchange fills in ------------------------------------------------------------------------------------

    def key(self, request: Request) -> str:
        """Return the API key of a signed request."""
        raise NotImplementedError

    def check(self, request: Request, account: Account | None) -> Mapping[str, Any]:
        """Return a signed request's parameters. Raises Refusal when it is not signed rightly, or by no account."""
        raise NotImplementedError

    def resource(self, request: Request) -> str:
        """Return the resource that is asked for."""
        return request.path

    def until(self, request: Request, params: Mapping[str, Any]) -> float:
        """Return the time from which a signed request is too late, in ms by the exchange's clock."""
        return math.inf

    def too_late(self) -> Refusal:
        """Return the refusal of a request that is too late."""
        raise NotImplementedError

    def unknown(self, request: Request) -> Any:
        """Return the body of the refusal of an unknown resource."""
        return {"unknown": request.path}

    def order_id(self, number: int) -> str:
        """Return an order's id, made of its number."""
        return str(number)

    # Calls --------------------------------------------------------------------------------------------------------

    def places(self, request: Request) -> bool:
        """Return True if a request asks for a new order, or for another price or amount of one."""
        return self.routes.get((request.method, self.resource(request))) in ("new", "modify")

    def reply(self, request: Request) -> tuple[int, bytes]:
        """Return HTTP status and JSON text of the reply to a request."""
        try:
            return 200, json.dumps(self.perform(self.accept(request))).encode()
        except Refusal as refusal:
            return refusal.status, json.dumps(refusal.answer).encode()

    def accept(self, request: Request) -> Call:
        """Let a request in. Raises Refusal."""
        route = (request.method, self.resource(request))
        name = self.routes.get(route)
        key = self.key(request) if name and name not in self.public else ""
        with self._lock:
            self.asked[route] += 1
            account = self._accounts.setdefault(key, Account(key)) if key.startswith(KEY) else None
        if name is None:
            raise Refusal(404, self.unknown(request))
        if name in self.public:
            return Call(getattr(self, name), Account(""), dict(request.args))
        params = self.check(request, account)
        assert account is not None
        return Call(getattr(self, name), account, params, self.until(request, params))

    def perform(self, call: Call) -> Any:
        """Do what was asked for, and say so. Raises Refusal."""
        if self.now() > call.until:
            raise self.too_late()
        with self._lock:
            return call.answer(call.account, call.params)

    def now(self) -> int:
        """Return the exchange's clock, in ms since the epoch."""
        return int((time.time() + self.clock_ahead) * 1000)

    def place(self, account: Account, **asked: Any) -> FakeOrder:
        """Keep a new order."""
        order = FakeOrder(id=self.order_id(next(self._numbers)), account=account.key, **asked)
        if callable(self.lag):
            order.lag = self.lag(order)
        elif isinstance(self.lag, tuple):
            order.lag = random.Random(f"{account.key} {len(account)}").uniform(*self.lag)
        else:
            order.lag = self.lag
        account.keep(order)
        self.orders.append(order)
        return order

    def _serve(self, environ: dict[str, Any], start: Any) -> Any:
        status, text = self.reply(Request(environ))
        return Response(text, status, mimetype="application/json")(environ, start)
