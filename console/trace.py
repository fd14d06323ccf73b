"""The requests that a call of the console makes to an exchange, as a page may show them."""

import json
from collections.abc import Iterable
from time import perf_counter
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from flask import g, has_app_context

from protocol.deadline import Deadline
from transport.http import Http
from transport.reply import Reply

MOST = 30  # requests that a page shows of one call
_LONGEST = 200  # characters of a path


class TracedHttp(Http):
    """The process's HTTP client, which notes the requests of a call of the console: verb, host, path, and the names of
    the parameters. Values, headers and bodies are never noted, nor is anything that signing adds afterwards."""

    def send(self, exchange: str, request: requests.Request, deadline: Deadline) -> Reply:
        sent: list[dict[str, Any]] | None = g.get("sent") if has_app_context() else None
        if sent is None or len(sent) >= MOST:
            return super().send(exchange, request, deadline)
        noted = _noted(request)
        sent.append(noted)
        begun = perf_counter()
        try:
            reply = super().send(exchange, request, deadline)
            noted["status"] = reply.status
        finally:
            noted["ms"] = round((perf_counter() - begun) * 1000, 1)
        return reply


def begin() -> None:
    """Note the requests of this call from now on."""
    g.sent = []
    g.sent_since = perf_counter()


def text() -> str:
    """Return what was noted of this call, as JSON in ASCII, without any part of its keys; empty if nothing is noted."""
    if "sent" not in g:
        return ""
    scrub = g.get("scrub", str)
    shown = [
        {**one, "path": scrub(one["path"])[:_LONGEST], "names": [scrub(name) for name in one["names"]]}
        for one in g.sent
    ]
    return json.dumps({"ms": round((perf_counter() - g.sent_since) * 1000, 1), "sent": shown})


def _noted(request: requests.Request) -> dict[str, Any]:
    parts = urlsplit(str(request.url))
    names = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
    names += [name for values in (request.params, request.data, request.json) for name in _names(values)]
    return {"verb": str(request.method), "host": parts.netloc, "path": parts.path, "names": names, "status": None}


def _names(values: Any) -> Iterable[str]:
    """Return the names of parameters, in whatever form they go out."""
    if isinstance(values, bytes):
        values = values.decode(errors="replace")
    if isinstance(values, str):
        try:
            values = json.loads(values) if values.startswith("{") else dict(parse_qsl(values, keep_blank_values=True))
        except ValueError:
            return []
    return [str(name) for name in values] if isinstance(values, dict) else []
