"""The interface of an exchange, and the pipeline that every call takes.

An adapter declares tables (intervals, statuses, error codes), says how it writes a market's name and where the useful
part of a reply is, and reads replies into models. Everything else is here, once.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from math import ceil, log2
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import requests

from exchanges.candles import merge
from exchanges.http import MAX_EXCERPT, Reply
from exchanges.services import Services
from exchanges.signing import Credentials, Signer
from protocol.errors import (
    UNREADABLE,
    AuthenticationFailed,
    ExchangeError,
    GatewayError,
    InvalidCall,
    OutcomeUnknown,
    RateLimited,
    Unsupported,
)
from protocol.models import (
    Balance,
    Candle,
    Depth,
    Direction,
    Funding,
    Market,
    NewOrder,
    Order,
    OrderId,
    Position,
    Status,
    Symbol,
    Ticker,
    Trade,
)
from protocol.numbers import plain

_HOUR = 3600.0  # seconds that a list of markets is good for


@dataclass(frozen=True, slots=True)
class ClientId:
    """How an exchange takes a client order id: its greatest length, and the characters allowed in it."""

    length: int
    alphabet: str

    def render(self, number: int) -> str:
        """A number of 128 bits in this alphabet, its lowest digit first: as long as such numbers can be, or as the
        length allows."""
        digits = []
        for _ in range(min(self.length, ceil(128 / log2(len(self.alphabet))))):
            number, digit = divmod(number, len(self.alphabet))
            digits.append(self.alphabet[digit])
        return "".join(digits)


class Exchange(ABC):
    """One account on one spot exchange, for the time of one call."""

    name: ClassVar[str]
    """Its route, and the prefix of its errors."""
    url: ClassVar[str] = ""
    """Scheme and host."""
    testnet: ClassVar[str] = ""
    """Scheme and host for test money, where there are some; they may be the same as for real money."""
    headers: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """What it wants in every request's head."""
    testnet_headers: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """What it wants there as well when it is asked for test money."""
    sends: ClassVar[Literal["query", "form", "json"]] = "query"
    """Where the parameters of a POST or PUT travel; those of other verbs are in the query."""
    quote: ClassVar[str] = "USDT"
    """The quote of a market that FMZ names by its base alone."""
    futures: ClassVar[str] = ""
    """The route of its futures twin, for the hint that sends a trader there."""
    signer: ClassVar[type[Signer]]
    proof: ClassVar[str] = ""
    """What its signatures were compared with; empty where there are none."""
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

    def __init__(self, credentials: Credentials, services: Services, request: str = "") -> None:
        """``request`` tells one request of FMZ from another, for the client id of its order; empty when it cannot."""
        self.credentials = credentials
        self.services = services
        self.request = request
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

    def markets(self) -> list[Market]:
        """All markets that can be traded, with their rules."""
        raise Unsupported(f"{self.name} has no list of markets")

    def tickers(self) -> list[tuple[Symbol, Ticker]]:
        """The last 24 hours of all markets."""
        raise Unsupported(f"{self.name} has no list of tickers")

    def history(self, symbol: Symbol | None, since: int | None, limit: int | None) -> list[Order]:
        """Orders that are no longer open, oldest first, from ``since`` (ms) on."""
        raise Unsupported(f"{self.name} has no list of past orders")

    def raw(self, verb: str, path: str, params: Mapping[str, Any]) -> Any:
        """Any resource of the exchange, signed: ``path`` below its host. FMZ is given the whole reply, as it came."""
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

    def fundings(self, symbol: Symbol | None) -> list[Funding]:
        """Funding rates of perpetual contracts: all, or those that ``covers(symbol, …)``."""
        raise self._spot_only("GetFundings")

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
        return NewOrder(
            symbol=self.resolve(symbol),
            side=direction.side,
            price=price,
            amount=amount,
            client_id=self.new_client_id(),
        )

    def new_client_id(self) -> str:
        """The client id of this request's order, the same when the request is repeated; empty where none is taken."""
        return self.client_id.render(self.credentials.fingerprint(self.name, self.request)) if self.client_id else ""

    def prepare(self, order: NewOrder) -> None:
        """Ask and tell the exchange all that an order needs beforehand, so that ``trade`` sends the order and nothing
        else: a failure here is not an unclear order."""
        self.market(order.symbol)

    def listing(self) -> Mapping[str, Market]:
        """All markets by FMZ's name, as the exchange listed them within the last hour."""
        key = (self.name, self.services.urls.get(self.name))
        found: Mapping[str, Market] = self.services.cache.get(
            key, _HOUR, lambda: {str(market.symbol): market for market in self.markets()}
        )
        return found

    def symbols(self) -> dict[str, Symbol]:
        """FMZ's names of the listed markets, by the exchange's own."""
        return {market.id: market.symbol for market in self.listing().values()}

    def rules(self, symbol: Symbol) -> Market:
        """A market's rules. Raises InvalidCall when the exchange does not list it."""
        market = self.listing().get(str(symbol))
        if market is None:
            raise InvalidCall(f"{self.name} lists no market {symbol}")
        return market

    def explain(self, symbol: Symbol) -> str:
        """A market's rules as a sentence, empty where they cannot be had."""
        try:
            market = self.rules(symbol)
        except GatewayError:
            return ""
        return (
            f"{symbol} has price step {plain(market.tick_size)}, amount step {plain(market.lot_size)}, "
            f"least amount {plain(market.min_amount)}, least value {plain(market.min_notional)}"
        )

    def call(
        self,
        verb: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        signed: bool = False,
    ) -> Any:
        """One HTTP call, and the useful part of its reply.

        Signed replies keep their numbers exact; public ones are read as doubles. Raises AuthenticationFailed for
        missing keys before anything is sent, else what ``http`` and ``unwrap`` raise.
        """
        if signed and not (self.credentials.key and self.credentials.secret):
            raise AuthenticationFailed(f"{self.name} needs both an access key and a secret key; nothing was sent")
        carries = self.sends if verb in ("POST", "PUT", "PATCH") else "query"
        request = requests.Request(
            verb,
            self.services.urls.get(self.name, self.url) + path,
            headers={**self.headers, **(self.testnet_headers if self.name in self.services.testnets else {})},
            params=params if carries == "query" else None,
            data=dict(params or {}) if carries == "form" else None,
            json=params if carries == "json" else None,
            auth=self.signer(self.credentials, self.services.now) if signed else None,
        )
        return self._read(self.services.http.send(self.name, request), exact=signed)

    def _read(self, reply: Reply, *, exact: bool) -> Any:
        refusal = _REFUSAL_BY_STATUS.get(reply.status) or (
            ExchangeError if 400 <= reply.status < 500 else OutcomeUnknown
        )
        try:
            useful = self.unwrap(reply.json(exact=exact))
        except ExchangeError as error:
            # A code that is in no table says less than the HTTP status.
            raise refusal(error.message) if type(error) is ExchangeError and reply.status >= 400 else error from None
        except UNREADABLE:
            pass
        else:
            if reply.status < 400:
                self.reply = reply.body
                return useful
        raise refusal(self.credentials.scrub(f"{self.name} HTTP {reply.status}: {reply.excerpt()}"))

    def refused(self, code: object, message: object) -> GatewayError:
        """The error for the exchange's own code and words."""
        said = self.credentials.scrub(f"{code} {message}".strip())
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
