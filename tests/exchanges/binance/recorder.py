"""Binance in place of the network: it keeps what is sent, and answers by the path."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import requests

from exchanges.binance.api import BinanceApi
from protocol.deadline import Deadline
from protocol.models import Direction, OrderId, Symbol
from transport.credentials import Credentials
from transport.http import Http
from transport.reply import Reply

KEYS = Credentials("fmz-key", "fmz-secret")
BTC, SWAP = Symbol.parse("BTC_USDT"), Symbol.parse("BTC_USDT.swap")
SPOT_ORDER = {
    "orderId": 1, "side": "BUY", "price": "0.1", "origQty": "1.0", "executedQty": "0.0", "cummulativeQuoteQty": "0.0",
    "status": "NEW", "clientOrderId": "abc", "time": 1499827319559,
}  # fmt: skip
FUTURES_ORDER = {**SPOT_ORDER, "avgPrice": "0.0"}


def contract(name: str, base: str, kind: str) -> dict[str, Any]:
    """Return a contract as Binance describes it."""
    filters = [
        {"filterType": "PRICE_FILTER", "tickSize": "0.10"},
        {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "1000"},
        {"filterType": "MIN_NOTIONAL", "notional": "50"},
    ]
    return {
        "symbol": name, "contractType": kind, "status": "TRADING", "baseAsset": base, "quoteAsset": "USDT",
        "filters": filters,
    }  # fmt: skip


CONTRACTS = [
    contract("BTCUSDT", "BTC", "PERPETUAL"),
    contract("1000SHIBUSDT", "1000SHIB", "PERPETUAL"),
    contract("BTCUSDT_241227", "BTC", "CURRENT_QUARTER"),
    contract("BTCUSDT_250328", "BTC", "NEXT_QUARTER"),
]


class Recorder(Http):
    """A client that opens no connection: keeps what would go out, and answers what it was given for the path."""

    def __init__(self, *, hedged: bool = False) -> None:
        super().__init__()
        self.sent: list[requests.PreparedRequest] = []
        self.status = 200
        self.replies: dict[str, Any] = {
            "/api/v3/account": {"balances": []},
            "/api/v3/order": SPOT_ORDER,
            "/fapi/v3/account": {"assets": []},
            "/fapi/v1/order": FUTURES_ORDER,
            "/fapi/v1/exchangeInfo": {"symbols": CONTRACTS},
            "/fapi/v1/positionSide/dual": {"dualSidePosition": hedged},
            "/fapi/v1/leverage": {"leverage": 20},
        }

    def send(self, exchange: str, request: requests.Request, deadline: Deadline) -> Reply:
        prepared = request.prepare()
        self.sent.append(prepared)
        body = json.dumps(self.replies.get(urlsplit(str(prepared.url)).path, []))
        return Reply(exchange, self.status, "application/json", body.encode())

    def paths(self) -> list[str]:
        """Return the paths of the requests."""
        return [urlsplit(str(request.url)).path for request in self.sent]

    def signed(self) -> list[requests.PreparedRequest]:
        """Return the requests that carry a key."""
        return [request for request in self.sent if "X-MBX-APIKEY" in request.headers]


Call = Callable[[Any], object]
"""The requests to an exchange."""


def place(symbol: str, direction: str, price: str | None, amount: str) -> Call:
    """Return the placing of an order, with what is asked before."""

    def call(exchange: BinanceApi) -> OrderId:
        order = exchange.new_order(
            Symbol.parse(symbol), Direction(direction), Decimal(price) if price else None, Decimal(amount)
        )
        exchange.prepare(order)
        return exchange.trade(order)

    return call
