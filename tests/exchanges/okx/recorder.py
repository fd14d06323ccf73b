"""OKX in place of the network: it keeps what is sent, and answers from a table."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests

from exchanges.okx.api import OKXApi
from protocol.deadline import Deadline
from protocol.models import Direction, OrderId, Symbol
from transport.credentials import Credentials
from transport.http import Http
from transport.reply import Reply

KEYS = Credentials("fmz-key", "fmz-secret", "fmz-pass")
SPOT, SWAP, QUARTER = (Symbol.parse(name) for name in ("BTC_USDT", "BTC_USDT.swap", "BTC_USD.quarter"))


class Recorder(Http):
    """A client that sends nothing: it keeps every request as it would go out, and answers from a table."""

    def __init__(self, mode: str = "net_mode") -> None:
        super().__init__()
        self.sent: list[requests.PreparedRequest] = []
        self.answers: dict[str, Any] = {
            "/public/instruments": lambda query: [listed(query["instType"])],
            "/account/config": [{"acctLv": "1", "posMode": mode}],
            "/account/balance": [{"details": []}],
            "/trade/order": [{**ORDER, "sCode": "0", "sMsg": ""}],
            "/trade/cancel-order": [{"sCode": "0", "sMsg": ""}],
        }

    def send(self, exchange: str, request: requests.Request, deadline: Deadline) -> Reply:
        prepared = request.prepare()
        self.sent.append(prepared)
        parts = urlsplit(str(prepared.url))
        answer = self.answers.get(parts.path.removeprefix("/api/v5"), [])
        rows = answer(dict(parse_qsl(parts.query))) if callable(answer) else answer
        payload = rows if isinstance(rows, dict) else {"code": "0", "msg": "", "data": rows}
        return Reply(exchange, 200, "application/json", json.dumps(payload).encode())

    def paths(self) -> list[str]:
        """Return the verbs and paths of the requests."""
        return [f"{request.method} {urlsplit(str(request.url)).path}" for request in self.sent]

    def signed(self) -> list[requests.PreparedRequest]:
        """Return the requests that are signed."""
        return [request for request in self.sent if "OK-ACCESS-SIGN" in request.headers]


ORDER = {
    "ordId": "680800019749904384", "clOrdId": "b15", "instId": "BTC-USDT", "side": "buy", "px": "1", "sz": "2",
    "accFillSz": "0", "avgPx": "", "tgtCcy": "", "state": "live", "cTime": "1699999000000",
}  # fmt: skip


def listed(kind: str) -> dict[str, str]:
    """Return an instrument as OKX describes it."""
    dated = kind == "FUTURES"
    return {
        "instId": "BTC-USD-231229" if dated else "BTC-USDT-SWAP", "alias": "quarter" if dated else "", "state": "live",
        "tickSz": "0.1", "lotSz": "1", "minSz": "1", "maxLmtSz": "1000", "ctVal": "100", "ctMult": "1",
        "ctValCcy": "USD", "baseCcy": "BTC", "quoteCcy": "USDT",
    }  # fmt: skip


Ask = Callable[[Any], object]
"""The requests to an exchange."""


def placed(symbol: Symbol, direction: Direction, price: str | None) -> Ask:
    """Return the placing of an order, with what is asked before."""

    def place(exchange: OKXApi) -> OrderId:
        order = exchange.new_order(symbol, direction, Decimal(price) if price else None, Decimal("0.0000001"))
        exchange.prepare(order)
        return exchange.trade(order)

    return place


def asks(method: str, *args: Any) -> Ask:
    """Return the call of a method."""
    return lambda exchange: getattr(exchange, method)(*args)


def body_of(request: requests.PreparedRequest) -> str:
    """Return the body of a request."""
    return request.body.decode() if isinstance(request.body, bytes) else str(request.body or "")
