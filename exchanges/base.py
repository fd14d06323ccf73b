"""The interface of an exchange, and the pipeline that every call takes.

An adapter declares tables (intervals, statuses, error codes), says how it writes a market's name and where the useful
part of a reply is, and reads replies into models. Everything else is here, once.
"""

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import groupby
from types import MappingProxyType
from typing import Any, ClassVar

import requests
from sqlalchemy import Engine

from exchanges.http import MAX_EXCERPT, Http, Reply
from exchanges.signing import Credentials, Signer
from protocol.errors import (
    UNREADABLE,
    AuthenticationFailed,
    ExchangeError,
    GatewayError,
    OutcomeUnknown,
    RateLimited,
    Unsupported,
)
from protocol.models import (
    Balance,
    Candle,
    Depth,
    Direction,
    NewOrder,
    Order,
    OrderId,
    Position,
    Status,
    Symbol,
    Ticker,
    Trade,
)
from protocol.numbers import exact

_WEEK = 7 * 24 * 60
_MONDAY = 4 * 24 * 60 * 60_000  # ms; the epoch was a Thursday, weeks begin on Mondays


@dataclass(frozen=True, slots=True)
class ClientId:
    """How an exchange takes a client order id: its greatest length, and the characters allowed in it."""

    length: int
    alphabet: str


def epoch_ms() -> int:
    """Milliseconds since the epoch, by this machine's clock."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Services:
    """What the process lends to every exchange.

    urls: exchange's name → address to use instead of its own. now: the clock, in milliseconds since the epoch.
    """

    http: Http
    state: Engine
    urls: Mapping[str, str] = field(default_factory=dict)
    now: Callable[[], int] = epoch_ms


class Exchange(ABC):
    """One account on one spot exchange, for the time of one call."""

    name: ClassVar[str]
    """Its route, and the prefix of its errors."""
    url: ClassVar[str] = ""
    """Scheme and host."""
    headers: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """What it wants in every request's head."""
    quote: ClassVar[str] = "USDT"
    """The quote of a market that FMZ names by its base alone."""
    futures: ClassVar[str] = ""
    """The route of its futures twin, for the hint that sends a trader there."""
    signer: ClassVar[type[Signer]]
    periods: ClassVar[Mapping[int, str]]
    """FMZ's minutes → its interval."""
    max_candles: ClassVar[int] = 1000
    """The most bars it gives in one reply."""
    statuses: ClassVar[Mapping[str, Status]]
    """Its order states, all of them: an unknown one is an error, never a guess."""
    refusals: ClassVar[Mapping[str, type[GatewayError]]] = MappingProxyType({})
    """Patterns that its ``code message`` begins with → our errors."""
    client_id: ClassVar[ClientId | None] = None
    """How it takes a client order id, or that it takes none."""

    def __init__(self, credentials: Credentials, services: Services) -> None:
        self.credentials = credentials
        self.services = services
        self.reply: bytes | None = None
        """The JSON text of the exchange's last answer in this call."""

    # What FMZ asks ------------------------------------------------------------------------------------------------

    @abstractmethod
    def ticker(self, symbol: Symbol) -> Ticker:
        """The market's last 24 hours."""

    @abstractmethod
    def depth(self, symbol: Symbol) -> Depth:
        """The market's order book."""

    @abstractmethod
    def candles(self, symbol: Symbol, period: int, limit: int | None) -> Iterable[Candle]:
        """Bars of a period in ``periods``, in any order; ``records`` makes the rest of them."""

    @abstractmethod
    def trades(self, symbol: Symbol) -> list[Trade]:
        """The market's latest public trades."""

    @abstractmethod
    def accounts(self) -> list[Balance]:
        """All balances."""

    @abstractmethod
    def trade(self, order: NewOrder) -> OrderId:
        """Place an order, once."""

    @abstractmethod
    def orders(self, symbol: Symbol | None) -> list[Order]:
        """Open orders, of one market or of all."""

    @abstractmethod
    def order(self, symbol: Symbol, order_id: str) -> Order:
        """One order, open or not. Raises OrderNotFound."""

    @abstractmethod
    def cancel(self, symbol: Symbol, order_id: str) -> bool:
        """Cancel an order. Raises OrderNotFound."""

    def find(self, symbol: Symbol, client_id: str) -> Order | None:
        """The order that carries our client id, open or not."""
        raise Unsupported(f"{self.name} cannot look an order up by client id")

    def records(self, symbol: Symbol, period: int, limit: int | None) -> list[Candle]:
        """Bars of ``period`` minutes, oldest first, the live one last; built from smaller ones where the exchange has
        no such interval. Raises Unsupported when nothing it has divides the period."""
        source = max((minutes for minutes in self.periods if period % minutes == 0), default=None)
        if source is None:
            raise Unsupported(f"{self.name} has no bars that {period} minutes could be built from")
        ratio = period // source
        wanted = limit
        if ratio > 1:  # one bar more, for the first may be cut off
            wanted = (limit + 1) * ratio if limit else self.max_candles
        bars = self.candles(symbol, source, min(wanted, self.max_candles) if wanted else None)
        series = sorted({bar.time: bar for bar in bars}.values())
        if ratio > 1:
            series = merge(series, period)
        return series[-limit:] if limit else series

    def raw(self, verb: str, path: str, params: Mapping[str, Any]) -> Any:
        """Any resource of the exchange, signed: ``path`` below its host, with ``params`` in the query. FMZ is given the
        whole reply, as it came."""
        return self.call(verb, f"/{path}", params=params, signed=True)

    # What FMZ asks of futures ---------------------------------------------------------------------------------------

    def set_contract(self, contract: str) -> bool:
        """Remember the contract of markets named without one."""
        raise self._spot_only("SetContractType")

    def set_direction(self, direction: Direction) -> bool:
        """Remember what Buy and Sell mean."""
        raise self._spot_only("SetDirection")

    def set_leverage(self, leverage: int, symbol: Symbol | None) -> bool:
        """Set the leverage of one market, or of all."""
        raise self._spot_only("SetMarginLevel")

    def positions(self, symbol: Symbol | None) -> list[Position]:
        """Open positions: all, or those that ``covers(symbol, …)``."""
        raise self._spot_only("GetPositions")

    # Two hooks --------------------------------------------------------------------------------------------------------

    @abstractmethod
    def market(self, symbol: Symbol) -> str:
        """The exchange's own name of a market."""

    @abstractmethod
    def unwrap(self, payload: Any) -> Any:
        """The useful part of a reply, or raise ``self.refused(code, message)``."""

    # The pipeline -----------------------------------------------------------------------------------------------------

    def resolve(self, symbol: Symbol) -> Symbol:
        """The market FMZ means: the usual quote filled in. Raises Unsupported for a contract."""
        if symbol.contract:
            raise self._spot_only(symbol.text or str(symbol))
        return symbol if symbol.quote else replace(symbol, quote=self.quote)

    def scope(self, symbol: Symbol | None) -> Symbol | None:
        """The market, or the range of markets, that open orders or positions are asked of; None means all."""
        return self.resolve(symbol) if symbol else None

    def new_order(self, symbol: Symbol, direction: Direction, price: Decimal | None, amount: Decimal) -> NewOrder:
        """The order that FMZ's words mean. Raises Unsupported for closing directions."""
        if direction.closes:
            raise self._spot_only(f"an order of type {direction}")
        return NewOrder(symbol=self.resolve(symbol), side=direction.side, price=price, amount=amount)

    def call(
        self,
        verb: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, str] | None = None,
        signed: bool = False,
    ) -> Any:
        """One HTTP call, and the useful part of its reply.

        Signed replies keep their numbers exact; public ones are read as doubles. Raises AuthenticationFailed for
        missing keys before anything is sent, else what ``http`` and ``unwrap`` raise.
        """
        if signed and not (self.credentials.key and self.credentials.secret):
            raise AuthenticationFailed(f"{self.name} needs both an access key and a secret key; nothing was sent")
        request = requests.Request(
            verb,
            self.services.urls.get(self.name, self.url) + path,
            headers=self.headers,
            params=params,
            data=data,
            auth=self.signer(self.credentials) if signed else None,
        )
        return self._read(self.services.http.send(self.name, request), exact=signed)

    def _read(self, reply: Reply, *, exact: bool) -> Any:
        refusal = _REFUSAL_BY_STATUS.get(reply.status) or (
            ExchangeError if 400 <= reply.status < 500 else OutcomeUnknown
        )
        try:
            useful = self.unwrap(reply.json(exact=exact))
            self.reply = reply.body
        except ExchangeError as error:
            # A code that is in no table says less than the HTTP status.
            raise refusal(error.message) if type(error) is ExchangeError and reply.status >= 400 else error from None
        except UNREADABLE:
            raise refusal(f"{self.name} HTTP {reply.status}: {reply.excerpt()}") from None
        if reply.status >= 400:
            raise refusal(f"{self.name} HTTP {reply.status}: {reply.excerpt()}")
        return useful

    def refused(self, code: object, message: object) -> GatewayError:
        """The error for the exchange's own code and words."""
        said = f"{code} {message}".strip()
        kind = next((kind for pattern, kind in self.refusals.items() if re.match(pattern, said)), ExchangeError)
        return kind(f"{self.name} {' '.join(said.split())[:MAX_EXCERPT]}")

    def unreadable(self, error: Exception) -> Exception:
        """The error for a reply that a reader could not make sense of; our own mistakes stay what they are."""
        if self.reply is None:
            return error
        missing = f"it lacks {error}" if isinstance(error, KeyError) else type(error).__name__
        return OutcomeUnknown(f"{self.name}: the reply is not as its documentation says ({missing})")

    def _spot_only(self, what: str) -> Unsupported:
        where = f"set the service address's path to /{self.futures}" if self.futures else "it has no futures"
        return Unsupported(f"{self.name} is a spot exchange and {what} is for futures: {where}")


_REFUSAL_BY_STATUS: Mapping[int, type[GatewayError]] = {
    401: AuthenticationFailed,
    408: OutcomeUnknown,
    418: RateLimited,
    429: RateLimited,
}


def merge(bars: list[Candle], period: int) -> list[Candle]:
    """Bars of ``period`` minutes from ascending smaller ones, exactly; the first is left out when its start is."""
    length = period * 60_000
    shift = _MONDAY if period % _WEEK == 0 else 0
    merged = []
    for start, parts in groupby(bars, lambda bar: (bar.time - shift) // length * length + shift):
        _, opens, highs, lows, closes, volumes = zip(*parts, strict=True)
        volume = sum(map(exact, volumes))  # doubles would add up to 114.51006000000001
        merged.append(Candle(start, opens[0], max(highs), min(lows), closes[-1], float(volume)))
    return merged[1:] if bars and bars[0].time != merged[0].time else merged
