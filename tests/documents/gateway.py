"""A gateway on a free port whose time is told by its callers, and which may lose answers to orders on the way."""

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING

from sqlalchemy import Engine
from werkzeug.serving import WSGIRequestHandler, make_server

from exchanges import EXCHANGES
from exchanges.registry import Registry
from settings import Settings
from tests.conftest import Clock
from tests.lent import Lent
from tests.serving import served
from transport.http import Http

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

NOW = 1_795_353_166_700
"""The time at which the documents show what the simulated market says, in ms: 2026-11-22 13:12:46 UTC."""
SIMULATED = {route: kind for route, kind in EXCHANGES.items() if not kind.url}
"""The exchanges that the documents may ask: no other can be reached."""


@dataclass
class Service:
    """A running gateway. lost: the answers to orders that are still to be lost. is_noticed: True if the gateway sees
    that they are."""

    address: str
    state_url: str
    clock: Clock
    lost: int = 0
    is_noticed: bool = True


class Line:
    """A WSGI application around the gateway's: the way between it and its callers."""

    def __init__(self, app: "WSGIApplication", service: Service) -> None:
        self._app = app
        self._service = service

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        service = self._service
        service.clock.ms = max(service.clock.ms, int(environ.get("HTTP_X_CLOCK_MS", 0)))
        connection = environ["gunicorn.socket"] = environ["werkzeug.socket"]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        answer = self._app(environ | {"wsgi.input": BytesIO(body)}, start_response)
        if not service.lost or b'"method":"trade"' not in body:
            return answer
        service.lost -= 1
        if service.is_noticed:
            connection.shutdown(socket.SHUT_RDWR)
        for _ in answer:
            pass
        if not service.is_noticed:
            connection.shutdown(socket.SHUT_RDWR)
        answer.close()  # type: ignore[attr-defined] # Flask's answers have it, WSGI's need not
        return []


class _Silent(WSGIRequestHandler):
    """A request handler without a log."""

    def log(self, type: str, message: str, *args: object) -> None:
        return


@contextmanager
def open_service(state: Engine, state_url: str) -> Iterator[Service]:
    """Start a gateway with the simulated exchanges, and stop it in the end."""
    clock = Clock(NOW)
    lent = Lent(Http(), state, now=clock, sleep=lambda seconds: None, exact_orders=False, measure_clocks=False)
    service = Service("", state_url, clock)
    app = lent.app(replace(Settings(console=False), registry=Registry(SIMULATED), state_url=state_url))
    server = make_server("127.0.0.1", 0, Line(app, service), threaded=True, request_handler=_Silent)
    with served(server) as service.address:
        yield service
