"""The call of a page to an exchange, which is a call of FMZ: the same view answers it, in the same process."""

from typing import Any

from flask import Blueprint, Response, current_app

from console import trace


def blueprint() -> Blueprint:
    """Return the routes for calls. An error is told as FMZ is told it."""
    calls = Blueprint("calls", __name__)

    @calls.post("/console/call/<name>")
    @calls.post("/console/call/<any(ccxt):library>/<name>")
    def call(name: str, library: str = "") -> Response:
        trace.begin()
        reply: Any = current_app.view_functions["gateway"](name=name, library=library)
        assert isinstance(reply, Response)
        return reply

    return calls
