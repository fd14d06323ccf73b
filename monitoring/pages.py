"""The pages about the gateway: is it alive, can it take orders, what has it done, and how is it called."""

import logging
from collections import Counter
from collections.abc import Callable

from flask import Blueprint, Response
from sqlalchemy.exc import SQLAlchemyError

from exchanges.listing import Problems
from monitoring import metrics
from orders.intents import State
from orders.journal import Journal
from protocol import wire
from protocol.errors import cause
from settings import Settings
from tables import DatabaseReplaced, check_version
from transport.services import Services

log = logging.getLogger("fmz-gateway")

NAME = "monitoring"
"""The name of the blueprint, whose requests are no calls of FMZ."""

NAMES = ("metrics", "openapi.json")
"""The pages whose paths are one word, which could be an exchange's name."""

_APART_MS = 5000  # between the two clocks; who sets the wall clock by hand is further off
_MOST = 10_000  # unclear orders that are counted
_OK = "ok"


def pages(settings: Settings, services: Services, journal: Journal, problems: Problems) -> Blueprint:
    """Return the pages; ``/metrics`` only where the setting has it."""
    found = Blueprint(NAME, __name__)

    @found.get("/health/live")
    def live() -> Response:
        return _json({"status": _OK})

    @found.get("/health/ready")
    def ready() -> Response:
        needed = {"database": _state_of(lambda: _read(services)), "journal": _state_of(journal.check)}
        is_ready = all(state == _OK for state in needed.values())
        said = {
            "ready": is_ready,
            **needed,
            "clock": _clock(services),
            "adapters": "; ".join(problems.sentences) or _OK,
        }
        return _json(said, 200 if is_ready else 503)

    @found.get("/openapi.json")
    def openapi() -> Response:
        from protocol.openapi import document  # imported here: it takes a tenth of a second, and few ask for it

        return _json(document())

    if settings.metrics:
        metrics.meters()  # made here, before there are threads

        @found.get("/metrics")
        def counts() -> Response:
            unclear = Counter[str]()
            try:
                open_orders = journal.list_orders(limit=_MOST)
                unclear.update(order.exchange for order in open_orders if order.state is State.UNKNOWN)
            except SQLAlchemyError as error:
                log.warning("the unclear orders cannot be counted: %s", cause(error))
            return Response(metrics.page(unclear), content_type=metrics.CONTENT_TYPE)

    return found


def _read(services: Services) -> None:
    with services.database.connect().execution_options(reading=True) as connection:
        check_version(connection)


def _state_of(check: Callable[[], None]) -> str:
    try:
        check()
    except DatabaseReplaced as error:
        return str(error)
    except SQLAlchemyError as error:
        log.warning("not ready: the database failed: %s", cause(error))
        return "the gateway's own database cannot be used; see STATE_URL and the disk"
    return _OK


def _clock(services: Services) -> str:
    """Return a sentence where the wall clock was set since the gateways on this database began to count; orders do not
    depend on it, but signatures do where an exchange's clock cannot be asked for."""
    ahead = services.now() - services.timeline()
    if abs(ahead) <= _APART_MS:
        return _OK
    way = "ahead of" if ahead > 0 else "behind"
    return f"the wall clock is {abs(ahead) // 1000} s {way} the time that was counted; see that NTP runs"


def _json(said: dict[str, object], status: int = 200) -> Response:
    return Response(wire.write(said), status, mimetype="application/json")
