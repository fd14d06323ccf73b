"""The service: one view, its guards and its error handlers. Nothing about any exchange or about FMZ's formats."""

import argparse
import logging
import socket
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from secrets import compare_digest
from time import perf_counter
from urllib.parse import quote, urlsplit

from flask import Flask, Request, Response, g, request
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge
from werkzeug.serving import WSGIRequestHandler

from database import WrongDatabase, open_state
from exchanges import find
from orders import cli
from orders.desk import Desk
from orders.journal import Journal
from orders.resolver import Resolver
from protocol import wire
from protocol.errors import AccessDenied, GatewayError, InvalidCall, cause
from protocol.methods import answer, known_name, read_call
from settings import Settings, WrongSetting, configure_logging, is_loopback
from transport import counters
from transport.clock import epoch_ms
from transport.http import Http
from transport.services import Services
from transport.signing import Credentials

log = logging.getLogger("fmz-gateway")

MAX_BODY = 1024 * 1024  # bytes
_DEFAULT_NAMES = ("", "exchange", "digitalasset")  # the article's own example paths


def create_app(settings: Settings | None = None, services: Services | None = None) -> Flask:
    """The WSGI application. Raises WrongSetting for a wrong environment, and for a database that cannot be opened."""
    settings = settings or Settings.load()
    services = services or open_services(settings)
    journal = Journal(services.state, services.now, settings.retry_window)
    resolver = Resolver(journal)
    app = Flask(__name__, static_folder=None)
    app.extensions["resolver"] = resolver
    app.url_map.merge_slashes = False  # a doubled slash is no route, nor a redirect to one
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY, PROVIDE_AUTOMATIC_OPTIONS=False)

    @app.post("/", defaults={"name": ""})
    @app.post("/<name>", strict_slashes=False)
    def gateway(name: str) -> Response:
        body = request.get_data(cache=False)
        request.stream.read(1)  # raises where a body without a length was cut off at the cap
        call = read_call(body, request.headers.get("Http-Method", ""))
        g.call = call
        g.credentials = credentials = Credentials.from_fields(call.access_key, call.secret_key)
        kind = find(settings.default_exchange if name.lower() in _DEFAULT_NAMES else name)
        exchange = kind(g.credentials, services, call.identity)
        if credentials.key:
            resolver.remember(kind.name, exchange.account, lambda: kind(replace(credentials), services))
        connection = request.environ.get("gunicorn.socket")
        nonce = str(call.nonce or "")
        desk = Desk(exchange, journal, nonce, hung_up=lambda: _hung_up(connection), sleep=services.sleep)
        reply = _reply(answer(exchange, desk, call))
        reply.response = told = _Told(reply.get_data(), connection)
        reply.call_on_close(lambda: desk.close(delivered=told.heard))
        return reply

    @app.before_request
    def guard() -> None:
        g.started = perf_counter()
        admit(request, settings)

    app.after_request(_log)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(GatewayError, _gateway_error)
    app.register_error_handler(SQLAlchemyError, _state_error)
    app.register_error_handler(Exception, _unexpected)
    return app


def open_services(settings: Settings) -> Services:
    """What the process lends to every exchange. Raises WrongSetting like ``open_database``."""
    return Services(
        http=Http(ca_file=settings.ca_file, proxies=settings.proxies),
        state=open_database(settings),
        deadline=settings.deadline,
        urls=settings.urls,
        testnets=settings.testnets,
        limits_url=settings.limits_url,
        withdrawals=settings.allow_withdrawals,
    )


def open_database(settings: Settings) -> Engine:
    """The gateway's database. Raises WrongSetting when it, or the limits' own, cannot be opened or used."""
    with _as_wrong("STATE_URL"):
        state = open_state(settings.state_url)
    if settings.limits_url:
        try:
            with _as_wrong("LIMITS_URL"):
                counters.opened(settings.limits_url, state).dispose()
        except WrongSetting:
            state.dispose()
            raise
    return state


@contextmanager
def _as_wrong(setting: str) -> Iterator[None]:
    """Turn the failure of a database into WrongSetting of the setting that names it."""
    try:
        yield
    except WrongDatabase as error:
        raise WrongSetting(f"{setting} is wrong: {error}") from None
    except (OSError, SQLAlchemyError) as error:
        reason = " ".join(str(getattr(error, "orig", None) or error).split())
        raise WrongSetting(f"{setting} is wrong: the database cannot be opened: {reason}") from None


# Who may call -----------------------------------------------------------------------------------------------------


def admit(asked: Request, settings: Settings) -> None:
    """Let a request in. Raises AccessDenied: browser pages must not reach the gateway, nor strangers."""
    if settings.allowed_clients and not _is_client(asked.remote_addr, settings):
        raise AccessDenied("this address is not in ALLOWED_CLIENTS")
    if not _is_host(asked.headers.get("Host", ""), settings):
        raise AccessDenied("the Host header names no address of this gateway; add it to ALLOWED_HOSTS")
    origin = asked.headers.get("Origin")
    if origin is not None and origin.lower() not in settings.allowed_origins:
        raise AccessDenied("requests from web pages are refused; add the page's origin to ALLOWED_ORIGINS")
    if settings.token and not any(compare_digest(settings.token, given) for given in _tokens(asked)):
        raise AccessDenied("the token is missing or wrong; end the service address with ?token=<TOKEN>")


def _is_client(address: str | None, settings: Settings) -> bool:
    if not address or not _is_address(address):  # a Unix socket's peer has none
        return False
    client = ip_address(address)
    client = getattr(client, "ipv4_mapped", None) or client  # how a socket on [::] names IPv4 peers
    return any(client in network for network in settings.allowed_clients)


def _is_host(header: str, settings: Settings) -> bool:
    try:
        name = urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return False
    if name in settings.allowed_hosts or name == settings.host or is_loopback(name):
        return True
    # A page that rebinds a name onto us sends that name; an address cannot be rebound.
    return not is_loopback(settings.host) and _is_address(name)


def _is_address(name: str) -> bool:
    try:
        return bool(ip_address(name))
    except ValueError:
        return False


def _tokens(asked: Request) -> list[str]:
    """The tokens a request carries: in the query, as a bearer, or as the password of ``http://user:token@host``."""
    given = [asked.args.get("token")]
    if asked.authorization:
        given += [asked.authorization.token, asked.authorization.password]
    return [token for token in given if token and token.isascii()]


# What is answered -------------------------------------------------------------------------------------------------


def _reply(reply: dict[str, object], status: int = 200) -> Response:
    return Response(wire.write(reply), status, mimetype="application/json")


class _Told:
    """An answer on its way. heard: whether its caller was there when it went out, and all of it could be sent.

    What the connection looks like afterwards says nothing: who has read an answer may close it at once.
    """

    def __init__(self, body: bytes, connection: socket.socket | None) -> None:
        self._body = body
        self._connection = connection
        self.heard = False

    def __iter__(self) -> Iterator[bytes]:
        there = not _hung_up(self._connection)
        yield self._body
        self.heard = there  # the server comes back here when it has sent it


def _hung_up(connection: socket.socket | None) -> bool:
    """Whether the caller has closed its connection, as far as the server lets us see it. FMZ's host does when its own
    timeout is the shorter one; its strategy then knows of no order."""
    if connection is None:
        return False
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True


def _refusal(error: GatewayError, status: int = 200) -> Response:
    text = str(error)
    g.outcome = error.label
    return _reply({"error": g.credentials.scrub(text) if "credentials" in g else text}, status)


def _gateway_error(error: GatewayError) -> Response:
    return _refusal(error, 403 if isinstance(error, AccessDenied) else 200)


def _http_error(error: HTTPException) -> Response:
    if isinstance(error, RequestEntityTooLarge) and request.url_rule is not None:
        response = _refusal(InvalidCall(f"the body is over {MAX_BODY} bytes"))
        response.headers["Connection"] = "close"  # the body is still unread
        return response
    hint = "send FMZ's request as POST /<exchange>"
    response = _refusal(InvalidCall(f"HTTP {error.code} {error.name}: {hint}"), error.code or 500)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(error.valid_methods)
    return response


def _state_error(error: SQLAlchemyError) -> Response:
    log.error("the database failed: %s", cause(error))
    return _refusal(
        GatewayError("the gateway's own database cannot be used; see STATE_URL and the disk. Nothing was sent")
    )


def _unexpected(error: Exception) -> Response:
    # Only where, never with which words: an exception's text may quote what a key or secret was compared with.
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    where = " > ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
    log.error("unexpected %s at %s", type(error).__name__, where)
    return _refusal(GatewayError(f"a mistake of the gateway ({type(error).__name__}); its log says where"))


def _log(response: Response) -> Response:
    method = known_name(g.call.method) if "call" in g else "-"
    spent = (perf_counter() - g.started) * 1000
    log.info("%s %s %s %.1f ms", quote(request.path)[:40], method, g.get("outcome", "ok"), spent)
    return response


# How it is started ------------------------------------------------------------------------------------------------


def serve() -> None:
    """Run gunicorn in this process: what ``fmz-gateway`` and ``make run`` do. Takes gunicorn's own options, or
    ``orders`` and what ``orders.cli`` understands."""
    if sys.argv[1:2] == ["orders"]:
        try:
            settings = Settings.load()
            journal = Journal(open_database(settings), epoch_ms, settings.retry_window)
        except WrongSetting as error:
            sys.exit(f"fmz-gateway: {error}")
        sys.exit(cli.main(journal, sys.argv[2:]))
    from gunicorn.app.wsgiapp import run  # not there on Windows, where debug mode still works

    places = (Path(__file__).parent, Path(sys.prefix) / "share" / "fmz-gateway")
    [config, *_] = [place / "gunicorn.conf.py" for place in places if (place / "gunicorn.conf.py").exists()]
    sys.argv[1:1] = ["--config", str(config), "wsgi:app"]
    run(prog="fmz-gateway")


class _PathsOnly(WSGIRequestHandler):
    """Flask's development server, without queries in its log."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        self.log("info", "%s %s", self.path.partition("?")[0], code)


def main() -> None:
    """Flask's debug server, for local development."""
    parser = argparse.ArgumentParser(description="Run the gateway in Flask's debug mode, on this machine only.")
    parser.add_argument("-b", "--bind", default=None, help="address to listen on, 127.0.0.1:6666 if none is set")
    try:
        settings = Settings.load(parser.parse_args().bind)
        if not is_loopback(settings.host):
            raise WrongSetting(f"debug mode shows source code: {settings.bind} is not loopback, use gunicorn instead")
        configure_logging(settings.log_level)
        app = create_app(settings)
    except WrongSetting as error:
        sys.exit(f"fmz-gateway: {error}")
    app.extensions["resolver"].start()
    app.run(settings.host, settings.port, debug=True, request_handler=_PathsOnly, threaded=True)


if __name__ == "__main__":
    main()
