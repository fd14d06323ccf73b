"""A plugin of FMZ's General Protocol that answers what a test says, in the gateway's place."""

import json
from typing import Any

from werkzeug import Request, Response


class Plugin:
    """A plugin. answers: method → the texts of its answers, the last one for ever; all others are true. bodies,
    headers: those of the calls that it was sent."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.answers: dict[str, list[str]] = {}
        self.bodies: list[str] = []
        self.headers: list[dict[str, str]] = []

    def __call__(self, request: Request) -> Response:
        body = request.get_data(as_text=True)
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        answers = self.answers.get(json.loads(body)["method"], ['{"data":true}'])
        return Response(answers.pop(0) if len(answers) > 1 else answers[0], mimetype="application/json")

    @property
    def asked(self) -> list[tuple[str, Any]]:
        """Return the methods that were called, with their parameters."""
        return [(call["method"], call["params"]) for call in map(json.loads, self.bodies)]
