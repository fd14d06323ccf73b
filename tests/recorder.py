"""A client that records what would be sent."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests

from protocol.deadline import Deadline
from transport.http import Http
from transport.reply import Reply


class Recorder(Http):
    """A client that records what would be sent, and answers, as JSON, what a function of the path and of the query
    returns."""

    def __init__(self, answer: Callable[[str, dict[str, str]], Any], status: int = 200) -> None:
        super().__init__()
        self.answer = answer
        self.status = status
        self.sent: list[requests.PreparedRequest] = []

    def send(self, exchange: str, request: requests.Request, deadline: Deadline) -> Reply:
        self.sent.append(request.prepare())
        body = json.dumps(self.answer(self.paths[-1], self.queries[-1])).encode()
        return Reply(exchange, self.status, "application/json", body)

    @property
    def paths(self) -> list[str]:
        """Return the paths that were asked for."""
        return [urlsplit(str(request.url)).path for request in self.sent]

    @property
    def queries(self) -> list[dict[str, str]]:
        """Return the queries that were asked for."""
        return [dict(parse_qsl(urlsplit(str(request.url)).query)) for request in self.sent]
