"""Replies instead of a network, and a market instead of a list of markets, for exchanges that have no fake."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from exchanges.base import Exchange
from exchanges.ccxt.library import Engine
from protocol.deadline import Deadline
from tests.lent import Lent
from transport.credentials import Credentials
from transport.http import Http
from transport.reply import Reply

KEYS = Credentials("canned-key-0815", "canned-secret-4711", "canned-password")


class Canned(Http):
    """An HTTP client that gives fixed replies, by verb and path, and keeps the requests. A list is given one by one."""

    def __init__(self, replies: Mapping[str, Any]) -> None:
        super().__init__()
        self.replies = {name: list(reply) if isinstance(reply, list) else [reply] for name, reply in replies.items()}
        self.sent: list[requests.PreparedRequest] = []

    def send(self, exchange: str, request: requests.Request, deadline: Deadline) -> Reply:
        prepared = request.prepare()
        self.sent.append(prepared)
        name = f"{request.method} {urlsplit(str(request.url)).path}"
        assert name in self.replies, name
        replies = self.replies[name]
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        status, body = reply if isinstance(reply, tuple) else (200, reply)
        return Reply(exchange, status, "application/json", json.dumps(body).encode())

    def params(self, number: int = -1) -> dict[str, Any]:
        """Return the parameters of a request, in its query and its body."""
        request = self.sent[number]
        body = request.body.decode() if isinstance(request.body, bytes) else str(request.body or "")
        inside = json.loads(body) if body.startswith("{") else dict(parse_qsl(body))
        query: dict[str, Any] = dict(parse_qsl(urlsplit(str(request.url)).query))
        return {**query, **inside}


def give_market(monkeypatch: pytest.MonkeyPatch, market_id: str, *, swap: bool = False) -> None:
    """Have every ccxt exchange list one market, BTC against USDT."""
    kind = {
        "spot": not swap,
        "swap": swap,
        "contract": swap,
        "linear": swap or None,
        "inverse": False if swap else None,
    }

    def load(engine: Any, instance: Any) -> Any:
        market = instance.safe_market_structure({
            "id": market_id, "symbol": "BTC/USDT:USDT" if swap else "BTC/USDT", "base": "BTC", "quote": "USDT",
            "baseId": "BTC", "quoteId": "USDT", "type": "swap" if swap else "spot", "active": True, "margin": False,
            "settle": "USDT" if swap else None, "settleId": "USDT" if swap else None, **kind,
            "contractSize": 1.0 if swap else None, "precision": {"amount": 0.00001, "price": 0.01},
            "info": {"orderTypes": ["LIMIT", "MARKET"]},
        })  # fmt: skip
        instance.set_markets([market])
        return engine.share(instance)

    monkeypatch.setattr(Engine, "load", load)


def open_exchange(lent: Lent, kind: type[Exchange]) -> Exchange:
    """Return an exchange for one call."""
    return lent.open(kind, KEYS.copy())
