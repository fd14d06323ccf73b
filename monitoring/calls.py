"""Tells of each call that was answered: a line of the log, the counts, and the last calls for the console."""

import logging
from time import perf_counter
from urllib.parse import quote

from flask import Response
from flask.globals import app_ctx, request_ctx

from monitoring import logs, metrics
from monitoring.latest import LatestCalls

log = logging.getLogger("fmz-gateway")

UNKNOWN = "-"
"""The word for an exchange, its money or a method that the call was refused before it was known."""


def tell(latest: LatestCalls | None, response: Response) -> Response:
    """Log and count a request, and keep it among the latest calls if there are such; return its response, with its
    id."""
    asked, known = request_ctx.request, app_ctx.g
    # Any name that is not ours is replaced, because it may contain anything.
    method = (known.call.name or "?") if "call" in known else UNKNOWN
    exchange, money = known.get("exchange", UNKNOWN), known.get("money", UNKNOWN)
    spent = perf_counter() - known.started
    is_call = asked.blueprint is None or "call" in known  # pages are asked for all the time
    level = logging.INFO if is_call else logging.DEBUG
    path, outcome = quote(asked.path)[:40], known.get("outcome", "ok")
    fields = (exchange, money, path, method, outcome, round(spent * 1000, 1))
    extra = dict(zip(logs.CALL_FIELDS, fields, strict=True))
    # The money comes last: what people search their logs for stays as it was.
    log.log(level, "%s %s %s %.1f ms %s", path, method, outcome, spent * 1000, money, extra=extra)
    if is_call:
        label = known.get("outcome", "OK")
        metrics.count_call(exchange, method, label, spent)
        if latest:
            latest.add(method, exchange, money, label, spent)
    response.headers["X-Request-Id"] = known.request_id
    return response
