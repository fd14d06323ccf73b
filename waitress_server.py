"""The service behind waitress, for systems without gunicorn. docs/OPERATIONS.md says what is missing then."""

import logging
import signal
import sys
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from waitress.server import create_server

from app import MAX_BODY, create_app, start_threads
from monitoring import logs
from settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_THREADS = 64  # as many as with gunicorn; they cost little while they wait for an exchange
_CONNECTIONS = 256  # at once; Windows watches 512 sockets at most, those to exchanges included
_KEPT = 75  # seconds that a connection without a request stays open: FMZ's host calls again soon


def serve(settings: Settings) -> None:
    """Serve FMZ's calls until the process is told to stop, and answer those that have begun before it ends."""
    logs.configure(settings.log_level, settings.log_format)
    app = create_app(settings)
    server = open_server(app.wsgi_app, settings.host, settings.port)
    start_threads(app)
    dispatcher = server.task_dispatcher
    dispatcher.shutdown = partial(dispatcher.shutdown, timeout=settings.deadline + 5)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # the server's loop then ends in order, as with Ctrl-C
    logs.announce(f"http://{settings.bind}/{settings.default_exchange}", settings.log_format)
    server.run()


def open_server(app: "WSGIApplication", host: str, port: int) -> Any:
    """Return a server that listens, and gives the application requests that have arrived whole."""
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a call that waits for a thread is no fault
    return create_server(
        with_callers(app),
        host=host,
        port=port,
        threads=_THREADS,
        connection_limit=_CONNECTIONS,
        channel_timeout=_KEPT,
        max_request_body_size=MAX_BODY,
        clear_untrusted_proxy_headers=False,  # by them the console knows that a caller is not on this machine
        log_socket_errors=False,
        ident=None,
    )


def with_callers(app: "WSGIApplication") -> "WSGIApplication":
    """Return an application that is also given its caller's connection, and whether an answer has left for it."""

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        channel = environ["waitress.client_disconnected"].__self__
        environ["gunicorn.socket"] = channel.socket
        environ["fmz_gateway.has_left"] = partial(_has_left, channel)
        return app(environ, start_response)

    return application


def _has_left(channel: Any) -> bool:
    """Return True if all that was written to a connection has been given to the system, as gunicorn waits for. waitress
    keeps the rest, or all of it where the caller is gone, and says nothing."""
    return bool(channel.connected and not channel.will_close and not channel.total_outbufs_len)
