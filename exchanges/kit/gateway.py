"""The gateway in this process, with one exchange, asked as FMZ's host asks it."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from decimal import Decimal
from functools import partial
from itertools import count
from typing import Any, Self
from unittest.mock import patch

from flask.testing import FlaskClient

from app import create_app
from exchanges.base import Exchange, Symbol
from exchanges.kit.databases import lent_state
from exchanges.registry import Registry
from protocol import wire
from protocol.deadline import Deadline, clock
from protocol.errors import UNREADABLE, GatewayError
from protocol.names import method_name
from settings import Settings
from transport import signing
from transport.charges import Charge, Wait
from transport.clock import Offset
from transport.counters import Counters
from transport.credentials import Credentials
from transport.http import Http
from transport.services import Services
from transport.upstream import Upstreams

NOW = 1_700_000_000_000
"""The time in every conversation, in ms: 2023-11-14 22:13:20 UTC."""
KEYS = {"access_key": "fmz-key", "secret_key": "fmz-secret"}  # nosec B105  # made up
"""The keys of a conversation that has none of its own."""
FIND = "find"
"""The method of a conversation that is no call of FMZ: an order is looked up by its client id."""
FIT = "fit"
"""The name of the conversations whose orders go out on the steps of their markets; all others are sent to the digit."""

SENDER = "transport.connections.Adapter.send"
"""The function that sends every request, which the library responses takes the place of."""

_FIRST_NONCE = 1_500_793_319_499  # as FMZ's look: ms since the epoch

Ask = Callable[..., dict[str, Any]]
"""A function that asks the gateway: ``ask(route, method=…, params=…, **call)`` returns the answer, its fractions as
Decimal."""


class NoOffset(Offset):
    """The clock of an exchange that is not asked for its time, and is never ahead of ours."""

    def get(self, measure: Callable[[], int | None]) -> int:
        return 0


class NoLimits(Counters):
    """Counters that count nothing: in a conversation no time passes between two calls. Bans are kept."""

    failures = ()

    def take(self, address: str, charges: Sequence[Charge], now: int, patience: int = 0) -> Wait | None:
        return None

    def close(self, address: str, expires_ms: int) -> None:
        """Do nothing: there is no other process."""

    def dispose(self) -> None:
        """Do nothing: nothing is open."""


class _Pauses:
    """A clock, in seconds, that only pauses move on: a busy machine takes no time from a conversation's calls."""

    def __init__(self) -> None:
        self._now = time.monotonic()

    def __call__(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let these seconds pass at once."""
        self._now += seconds


class Gateway(AbstractContextManager["Gateway"]):
    """The gateway with one exchange, its clock standing still at NOW, and a database of its own.

    http: the client to ask the exchange with. url: the exchange's address, if not its own; with one, real time passes.
    deadline: seconds of each call, by default too few for a second try or look-up. exact_orders: True to send orders to
    the digit.
    """

    def __init__(
        self,
        kind: type[Exchange],
        *,
        http: Http | None = None,
        url: str = "",
        deadline: float = 0.045,
        exact_orders: bool = True,
    ) -> None:
        self._kind = kind
        pauses = _Pauses()
        with ExitStack() as opened:  # closed again if what follows fails
            state = opened.enter_context(lent_state())
            services = Services(
                http or Http(), state, NoLimits(), timeline=lambda: NOW, now=lambda: NOW, sleep=pauses.sleep
            )
            self._upstreams = Upstreams(
                services, addresses={kind.name: url} if url else {}, exact_orders=exact_orders, clock=NoOffset
            )
            settings = replace(
                Settings(), registry=Registry({kind.name.lower(): kind}), deadline=deadline, console=False
            )
            ask = asker(create_app(settings, self._upstreams).test_client(), find=self._find)
            self.ask: Ask = ask if url else partial(_timed, pauses, ask)
            self._opened = opened.pop_all()

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def _find(self, access_key: str, secret_key: str, params: dict[str, str]) -> dict[str, Any]:
        """Look an order up by its client id, as the gateway does when an answer was lost."""
        keys = Credentials.from_fields(access_key, secret_key)
        exchange = self._kind(keys, self._upstreams.of(self._kind), Deadline.after(10.0))
        try:
            return {"data": exchange.find(exchange.resolve(Symbol.parse(params["symbol"])), params["client_id"])}
        except UNREADABLE as error:
            return {"error": str(exchange.unreadable(error))}
        except GatewayError as error:
            return {"error": exchange.scrub(str(error))}


def _timed(seconds: Callable[[], float], ask: Ask, *args: Any, **more: Any) -> dict[str, Any]:
    """Ask with deadlines that are measured by this clock."""
    token = clock.set(seconds)
    try:
        return ask(*args, **more)
    finally:
        clock.reset(token)


@contextmanager
def steady_nonces() -> Iterator[None]:
    """Let the random parts of signed requests be the same in every conversation."""
    with patch.object(signing, "token_hex", lambda size: "0123456789abcdef" * (size // 8)):
        yield


def asker(client: FlaskClient, find: Callable[..., dict[str, Any]] | None = None) -> Ask:
    """Return a function that asks through a client as FMZ's host does, every order with a nonce of its own.

    find: answers the conversations with the method FIND.
    """
    nonces = count(_FIRST_NONCE)

    def ask(route: str, method: str, params: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        verb = {"Http-Method": more.pop("verb")} if "verb" in more else {}
        if method == FIND and find:
            keys = KEYS | more
            return find(keys["access_key"], keys["secret_key"], params or {})
        nonce = str(next(nonces)) if method_name(method) == "trade" else "1"
        body = {**KEYS, "nonce": nonce, "method": method, "params": params or {}, **more}
        # Every reply is closed, as a server closes it when it was sent.
        reply = client.post(f"/{route}", data=wire.write(body), headers=verb, buffered=True)
        assert reply.status_code == 200
        answer: dict[str, Any] = json.loads(reply.get_data(), parse_float=Decimal)
        assert len(answer.keys() & {"data", "error"}) == 1
        return answer

    return ask
