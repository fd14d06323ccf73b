"""The service: one view and its error handlers. It knows nothing about any exchange or about FMZ's formats."""

import argparse
import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from time import perf_counter

from flask import Flask, Request, Response, g, request
from flask.globals import app_ctx, request_ctx
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge
from werkzeug.serving import WSGIRequestHandler

import console
from access import admit
from console.trace import TracedHttp
from database import open_state
from delivery import Caller, Delivery
from exchanges.listing import Problems
from monitoring import calls, logs
from monitoring import pages as monitoring
from monitoring.latest import LatestCalls
from orders.desk import Desk
from orders.journal import Journal
from orders.resolver import Resolver
from orders.timeline import Timeline
from protocol import wire
from protocol.calls import read_call
from protocol.deadline import LONGEST_WAIT, Deadline
from protocol.errors import AccessDenied, Busy, GatewayError, InvalidCall, NotSent, cause
from protocol.methods import dispatch
from routes import ExchangeName, Rule
from setting_types import is_loopback
from settings import Settings, WrongSetting, in_force
from tables import DatabaseReplaced, WrongDatabase
from transport.clock import boot_id, epoch_ms, steady_ms
from transport.counters import connect_counters
from transport.credentials import Credentials
from transport.http import Http
from transport.services import Services
from transport.upstream import Upstreams

log = logging.getLogger("fmz-gateway")

MAX_BODY = 1024 * 1024  # bytes
_NOTICEABLE = 0.1  # seconds of waiting in which a caller may well have given up


def create_app(settings: Settings | None = None, upstreams: Upstreams | None = None) -> Flask:
    """Return the WSGI application. Raises WrongSetting for a wrong environment, and for a database that cannot be
    opened."""
    settings = settings or in_force() or Settings.load()
    upstreams = upstreams or open_upstreams(settings)
    services = upstreams.services
    journal = Journal(
        services.database,
        services.timeline,
        settings.retry_window,
        adopt_within=settings.adopt_within,
        strict_nonces=settings.strict_nonces,
    )
    resolver = Resolver(journal)
    for problem in settings.registry.problems:
        log.warning("%s", problem)
    app = Flask(__name__, static_folder=None)
    app.url_rule_class = Rule
    app.extensions["resolver"] = resolver
    app.extensions["standby"] = services.http.standby
    app.url_map.merge_slashes = False  # a doubled slash is neither a route nor a redirect to one
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY, PROVIDE_AUTOMATIC_OPTIONS=False)
    problems = Problems(settings.registry)
    app.register_blueprint(monitoring.pages(settings, services, journal, problems))

    app.url_map.converters["exchange"] = ExchangeName

    @app.post("/", defaults={"name": ""})
    @app.post("/<exchange:name>", strict_slashes=False)
    @app.post("/<any(ccxt):library>/<name>", strict_slashes=False)
    def gateway(name: str, library: str = "") -> Response:
        asked, known = request_ctx.request, app_ctx.g  # itself, because each look through a proxy costs time
        deadline = Deadline.of_request(settings.deadline)
        waited = settings.deadline - deadline.left()
        call = read_call(_body(asked), asked.headers.get("Http-Method", ""), asked.args.get("object", ""))
        known.call = call
        credentials = Credentials.from_fields(call.access_key, call.secret_key)
        known.scrub = credentials.scrub
        kind = settings.registry.find(f"{library}/{name}" if library else settings.exchange_at(name))
        upstream = upstreams.of(kind)
        known.exchange, known.money = kind.name, settings.registry.money(kind, testing=upstream.testing)
        logs.name_money(known.money)
        if waited > LONGEST_WAIT * settings.deadline:
            raise Busy(f"{kind.name}: too many calls wait for it; nothing was sent, it is safe to try again")
        environ = asked.environ

        @cache
        def caller() -> Caller:
            has_left = environ.get("fmz_gateway.has_left")
            return Caller(environ.get("gunicorn.socket"), environ["SERVER_PROTOCOL"], has_left)

        if waited > _NOTICEABLE and caller().has_hung_up():
            raise NotSent(f"{kind.name}: the caller closed the connection before its turn came; nothing was sent")
        exchange = kind(credentials, upstream, deadline, call.identity, call.object_name)
        exchange.max_age_ms = settings.cache_ms.get(call.name, 0)
        known.scrub = exchange.scrub
        if credentials.key:
            keys = credentials.copy()
            resolver.remember(kind.name, keys, lambda: kind(keys, upstream, Deadline.after(settings.deadline)))
        nonce = str(call.nonce or "")

        @cache
        def open_desk() -> Desk:
            return Desk(
                exchange,
                journal,
                nonce,
                hung_up=lambda: caller().has_hung_up(),
                is_connected=lambda: caller().is_connected(),
                sleep=services.sleep,
            )

        reply = _reply(dispatch(exchange, open_desk, call))
        if exchange.age_ms is not None:
            reply.headers["X-Cache-Age-Ms"] = str(exchange.age_ms)
        if open_desk.cache_info().currsize:
            reply.response = delivery = Delivery(reply.get_data(), caller())
            reply.call_on_close(lambda: open_desk().close(delivered=delivery.delivered))
        return reply

    latest = LatestCalls(services.now) if settings.console else None
    if latest:
        shown = console.Gateway(settings, upstreams, journal, latest, problems)
        app.register_blueprint(console.blueprint(shown))

    @app.before_request
    def guard() -> None:
        asked, known = request_ctx.request, app_ctx.g
        known.started = perf_counter()
        known.request_id = logs.begin_request(asked.headers.get("X-Request-Id", ""))
        if console.NAME not in asked.blueprints:  # it has a guard of its own
            admit(asked, settings)

    app.after_request(partial(calls.tell, latest))
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(GatewayError, _gateway_error)
    app.register_error_handler(SQLAlchemyError, _state_error)
    app.register_error_handler(Exception, _unexpected)
    return app


def start_threads(app: Flask) -> None:
    """Start what works beside the calls: the look-ups of unresolved orders, and the care for connections that stand by.
    Call it once, in the process that serves."""
    app.extensions["resolver"].start()
    app.extensions["standby"].start()


def open_upstreams(settings: Settings, http: Http | None = None) -> Upstreams:
    """Return the process's upstreams, one for each exchange. http: the client to ask them with, if not the usual one.
    Raises WrongSetting like ``open_database``."""
    database = open_database(settings)
    services = Services(
        http=http or TracedHttp(ca_file=settings.ca_file, proxies=settings.proxies),
        database=database,
        counters=connect_counters(settings.limits_url, database),
        timeline=open_timeline(database),
    )
    return Upstreams(
        services,
        addresses=settings.urls,
        hosts=settings.host_urls,
        testnets=settings.testnets,
        withdrawals=settings.allow_withdrawals,
        exact_orders=settings.exact_orders,
    )


def open_database(settings: Settings) -> Engine:
    """Return the engine of the gateway's database. Raises WrongSetting when the database of STATE_URL or of LIMITS_URL
    cannot be opened or used."""
    with _as_wrong("STATE_URL"):
        state = open_state(settings.state_url)
    if settings.limits_url:
        try:
            with _as_wrong("LIMITS_URL"):
                connect_counters(settings.limits_url, state).dispose()
        except WrongSetting:
            state.dispose()
            raise
    return state


def open_timeline(database: Engine) -> Timeline:
    """Return the time that orders and limits are counted by, on this machine's clocks."""
    return Timeline(database, epoch_ms, steady_ms, boot_id())


@contextmanager
def _as_wrong(setting: str) -> Iterator[None]:
    """Turn a database's failure into WrongSetting, which names this setting."""
    try:
        yield
    except WrongDatabase as error:
        raise WrongSetting(f"{setting} is wrong: {error}") from None
    except (OSError, SQLAlchemyError) as error:
        reason = " ".join(str(getattr(error, "orig", None) or error).split())
        raise WrongSetting(f"{setting} is wrong: the database cannot be opened: {reason}") from None


# Replies ----------------------------------------------------------------------------------------------------------


def _body(asked: Request) -> bytes:
    """Return the request's body. Raises InvalidCall for a broken one, HTTPException for one that is too long."""
    try:
        body = asked.get_data(cache=False)
        asked.stream.read(1)  # raises if a body without a length was cut off at MAX_BODY
    except HTTPException:
        raise
    except Exception:  # noqa: BLE001 - the server's own errors for broken chunks; their texts may quote the body
        raise InvalidCall("the body is broken off, or its chunks are wrong") from None
    return body


def _reply(reply: dict[str, object], status: int = 200) -> Response:
    return Response(wire.write(reply), status, mimetype="application/json")


def _refusal(error: GatewayError, status: int = 200) -> Response:
    g.outcome = error.label
    return _reply({"error": g.get("scrub", str)(str(error))}, status)


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
    if isinstance(error, DatabaseReplaced):
        return _refusal(GatewayError(f"{error}. Nothing was sent"))
    return _refusal(
        GatewayError("the gateway's own database cannot be used; see STATE_URL and the disk. Nothing was sent")
    )


def _unexpected(error: Exception) -> Response:
    # Log only the place, never the exception's text: that may quote a key or secret.
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    where = " > ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
    log.error("unexpected %s at %s", type(error).__name__, where)
    return _refusal(GatewayError("a bug in the gateway; its log says where"))


# Start ------------------------------------------------------------------------------------------------------------


class _PathsOnly(WSGIRequestHandler):
    """The request handler of Flask's development server; its log has no queries."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        self.log("info", "%s %s", self.path.partition("?")[0], code)


def main() -> None:
    """Run Flask's debug server, for local development."""
    parser = argparse.ArgumentParser(description="Run the gateway in Flask's debug mode, on this machine only.")
    parser.add_argument("-b", "--bind", default=None, help="address to listen on, 127.0.0.1:6666 if none is set")
    try:
        settings = Settings.load(parser.parse_args().bind)
        if not is_loopback(settings.host):
            raise WrongSetting(f"debug mode shows source code: {settings.bind} is not loopback, use gunicorn instead")
        logs.configure(settings.log_level, settings.log_format)
        app = create_app(settings)
    except WrongSetting as error:
        sys.exit(f"fmz-gateway: {error}")
    start_threads(app)
    app.run(settings.host, settings.port, debug=True, request_handler=_PathsOnly, threaded=True)  # nosec B201  # on loopback


if __name__ == "__main__":
    main()
