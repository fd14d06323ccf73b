"""Small exchanges on loopback: they check signatures, keep orders, and list them late when told to.

Each speaks its exchange's documented protocol, as far as orders go. What they share is here: the server, the orders,
and the account's one pair of keys. Signatures are checked with the standard library, not with the gateway's signers.
"""

import itertools
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Self

from werkzeug import Request, Response
from werkzeug.serving import make_server

KEY = "fake-key-0815"
SECRET = "ZmFrZS1zZWNyZXQtZm9yLXRlc3Rz"  # base64, for those that want it
PASSPHRASE = "fake-passphrase"


@dataclass
class FakeOrder:
    """An order as it was asked for, and what became of it."""

    id: str
    client_id: str
    market: str
    side: str
    price: str
    amount: str
    state: str = "open"
    filled: Decimal = Decimal(0)
    made: float = field(default_factory=time.monotonic)


class Refusal(Exception):
    """The exchange says no, by HTTP status and in its own JSON."""

    def __init__(self, status: int, answer: Any) -> None:
        super().__init__(status)
        self.status = status
        self.answer = answer


class FakeExchange:
    """A server in a thread. ``lag`` is how many seconds an order stays unlisted, though it exists."""

    routes: ClassVar[Mapping[tuple[str, str], str]]
    """Verb and path → the name of the method that answers."""

    def __init__(self, lag: float = 0.0) -> None:
        self.lag = lag
        self.orders: list[FakeOrder] = []
        self.asked: list[tuple[str, str]] = []
        self._numbers = itertools.count(10**16 + 1)
        self._lock = threading.Lock()
        self._server = make_server("127.0.0.1", 0, self._serve, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.port}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    # What an exchange fills in

    def check(self, request: Request) -> Mapping[str, str]:
        """The request's parameters, if it need not be signed or is signed rightly. Raises Refusal."""
        raise NotImplementedError

    def unknown(self, request: Request) -> Any:
        """What it says to a path that it does not have."""
        return {"unknown": request.path}

    # Orders

    def place(self, **asked: str) -> FakeOrder:
        """Keep a new order."""
        with self._lock:
            order = FakeOrder(id=str(next(self._numbers)), **asked)
            self.orders.append(order)
            return order

    def listed(self, **wanted: str) -> list[FakeOrder]:
        """The orders that are listed by now and are as wanted."""
        late = time.monotonic() - self.lag
        return [
            order
            for order in self.orders
            if order.made <= late and all(getattr(order, name) == value for name, value in wanted.items())
        ]

    def _serve(self, environ: dict[str, Any], start: Any) -> Any:
        request = Request(environ)
        self.asked.append((request.method, request.path))
        try:
            answer = self.routes.get((request.method, request.path))
            params = self.check(request)
            told, status = (getattr(self, answer)(params), 200) if answer else (self.unknown(request), 404)
        except Refusal as refusal:
            told, status = refusal.answer, refusal.status
        return Response(json.dumps(told), status, mimetype="application/json")(environ, start)
