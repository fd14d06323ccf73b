"""A small exchange that answers what a test says, for what all exchanges do alike."""

import json
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar

import requests
from requests import PreparedRequest

from exchanges.base import (
    Balance,
    Candle,
    Exchange,
    FuturesExchange,
    InsufficientFunds,
    InvalidCall,
    InvalidOrder,
    Market,
    NewOrder,
    Order,
    OrderId,
    OrderNotFound,
    OutcomeUnknown,
    RateLimited,
    Side,
    Signer,
    Status,
    Symbol,
    codes,
)
from orders.desk import Desk
from orders.journal import Journal
from protocol.calls import read_call
from protocol.deadline import Deadline
from protocol.methods import dispatch
from tests.lent import Lent
from transport.credentials import Credentials
from transport.http import Http
from transport.reply import Reply

T = TypeVar("T", bound=Exchange)

MINUTE = 60_000  # ms
DAY = 24 * 60 * MINUTE
KEYS = Credentials("tiny-key", "tiny-secret")
BTC = Symbol("BTC", "USDT")
SWAP = Symbol("BTC", "USDT", "swap")
RULES = Market(symbol=BTC, id="BTC-T", tick_size=Decimal("0.10"), lot_size=Decimal("1E-8"), min_notional=Decimal(5))
ORDER = {"symbol": "BTC_USDT", "type": "buy", "price": "1", "amount": "2"}
"""The parameters of FMZ's ``trade``."""

HTML = b"<html><h1>Bad Gateway</h1></html>"
FUNDS = b'{"code": 10, "message": "too little"}'
STRANGE = b'{"code": 99, "message": "strange"}'
MAYBE = b'{"code": 12, "message": "maybe"}'
FINE = b'{"ok": {}}'


class Header(Signer):
    """Puts the key into a header, where a test can see that the request was signed."""

    def stamp(self, request: PreparedRequest) -> None:
        request.headers["X-Key"] = self.credentials.key

    def text(self, request: PreparedRequest) -> bytes:
        return b""

    @staticmethod
    def signature(text: bytes, secret: bytes) -> str:
        return ""

    def attach(self, request: PreparedRequest, signature: str) -> None:
        """Nothing."""


class Canned(Http):
    """A client that opens no connection: every request is kept, and answered with the reply set beforehand.

    bodies: by the end of a request's address, instead of the usual body.
    """

    def __init__(
        self,
        status: int = 200,
        body: bytes = FINE,
        media_type: str = "application/json",
        bodies: dict[str, bytes] | None = None,
    ) -> None:
        super().__init__()
        self.said = Reply("Tiny", status, media_type, body)
        self.bodies = bodies or {}
        self.sent: list[requests.Request] = []

    def send(self, exchange: str, request: requests.Request, deadline: Deadline) -> Reply:
        assert exchange.endswith("Tiny")
        self.sent.append(request)
        for end, body in self.bodies.items():
            if str(request.url).endswith(end):
                return Reply("Tiny", 200, "application/json", body)
        return self.said


class Tiny(Exchange):
    """``{"ok": …}`` or ``{"code": …, "message": …}``."""

    name = "Tiny"
    url = "https://tiny.test"
    futures = "FuturesTiny"
    signer = Header
    periods = {1: "1m", 60: "1h", 1440: "1d"}
    max_candles = 100
    statuses = {"new": Status.OPEN, "done": Status.CLOSED, "gone": Status.CANCELLED}
    refusals = codes({InsufficientFunds: "10", InvalidCall: "11", OutcomeUnknown: "12 13", InvalidOrder: "14"})
    refusal_texts = {"11 .*no such order": OrderNotFound, r"-\d+ ": RateLimited}

    bars: Iterable[Candle] = ()
    """The candles that ``candles`` gives."""
    asked: tuple[int, int | None] = (0, None)
    """The period and limit that ``candles`` was asked for."""

    def market(self, symbol: Symbol) -> str:
        return symbol.base + symbol.quote

    def unwrap(self, payload: Any) -> Any:
        if "ok" not in payload:
            raise self.refused(payload["code"], payload["message"])
        return payload["ok"]

    def candles(self, symbol: Symbol, period: int, limit: int | None) -> Iterable[Candle]:
        self.asked = (period, limit)
        return self.bars

    def accounts(self) -> list[Balance]:
        rows = self.signed("GET", "balances")
        return [Balance(row["name"], row["free"], Decimal(0)) for row in rows]

    def trade(self, order: NewOrder) -> OrderId:
        placed: OrderId = self.signed("POST", "orders", amount=str(order.amount))["id"]
        return placed

    def orders(self, symbol: Symbol | None) -> list[Order]:
        return []


class FuturesTiny(FuturesExchange, Tiny):
    """Tiny's futures."""

    name = "FuturesTiny"
    contracts = frozenset({"swap", "quarter"})
    max_leverage = 50

    def market(self, symbol: Symbol) -> str:
        return symbol.base + symbol.quote


class Lister:
    """An exchange's ``markets``: gives one market after the other, or raises, the last one for ever."""

    def __init__(self, *answers: Market | Exception) -> None:
        self.answers = answers
        self.asked = 0

    def __call__(self, exchange: Exchange) -> list[Market]:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if isinstance(answer, Exception):
            raise answer
        return [answer]


def tiny(lent: Lent, http: Http | None = None, keys: Credentials = KEYS, **declared: Any) -> Tiny:
    """Return a Tiny for one call, at an upstream of its own. declared: what its class has instead."""
    return _opened(Tiny, lent, http, keys, declared)


def futures(lent: Lent, http: Http | None = None, keys: Credentials = KEYS, **declared: Any) -> FuturesTiny:
    """Return a FuturesTiny for one call, at an upstream of its own. declared: what its class has instead."""
    return _opened(FuturesTiny, lent, http, keys, declared)


def _opened(kind: type[T], lent: Lent, http: Http | None, keys: Credentials, declared: dict[str, Any]) -> T:
    like: type[T] = type(kind.__name__, (kind,), declared)
    return replace(lent, http=http or Canned(), deadline=10.0).open(like, keys)


def io(exchange: Exchange, code: int, *args: Any) -> dict[str, Any]:
    """Ask as FMZ's SetMarginLevel (0), SetDirection (1), SetContractType (2) and GetPositions (3) do."""
    return ask(exchange, "io", code=code, args=args)


def ask(exchange: Exchange, method: str, **params: Any) -> dict[str, Any]:
    """Ask as FMZ does."""
    services = exchange.upstream.services
    journal = Journal(services.database, services.now)
    call = read_call(json.dumps({"method": method, "params": params}).encode(), "")
    return dispatch(exchange, lambda: Desk(exchange, journal, "", sleep=services.sleep), call)


def order(symbol: Symbol = BTC, *, closes: bool = False, price: Decimal | None = None) -> NewOrder:
    """Return an order to buy one."""
    return NewOrder(symbol=symbol, side=Side.BUY, price=price, amount=Decimal(1), closes=closes)


def series(*minutes: int) -> list[Candle]:
    """Return bars that begin at those minutes; each one's numbers tell which it is."""
    return [
        Candle(minute * MINUTE, minute + 0.25, minute + 0.75, minute + 0.0, minute + 0.5, 1.0) for minute in minutes
    ]
