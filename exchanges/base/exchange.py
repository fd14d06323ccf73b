"""The interface of an exchange.

An adapter declares tables (intervals, statuses, error codes), says how it writes a market's name and where the useful
part of a reply is, and reads replies into models. Everything else is here or in ``pipeline``, once.
"""

import re
import string
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from math import ceil, log2
from typing import Any, ClassVar

from exchanges.base.candles import merge
from exchanges.base.guard import moves
from protocol.errors import GatewayError, InvalidCall, NotAllowed, Unsupported
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
from transport.pipeline import Pipeline

_HOUR = 3600.0  # seconds that a list of markets is good for
_MAX_NAMED = 80  # characters of a path that an error quotes


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


_OURS = ClientId(22, string.ascii_letters + string.digits)


class Exchange(Pipeline):
    """One account on one spot exchange, for the time of one call."""

    quote: ClassVar[str] = "USDT"
    """The quote of a market that FMZ names by its base alone."""
    futures: ClassVar[str] = ""
    """The route of its futures twin, for the hint that sends a trader there."""
    proof: ClassVar[str] = ""
    """What its signatures were compared with; empty where there are none."""
    periods: ClassVar[Mapping[int, str]]
    """FMZ's minutes → its interval."""
    max_candles: ClassVar[int] = 1000
    """The most bars it gives in one reply."""
    statuses: ClassVar[Mapping[str, Status]]
    """Its order states, all of them: an unknown one is an error, never a guess."""
    client_id: ClassVar[ClientId | None] = None
    """How it takes a client order id, or that it takes none."""
    limit_only: ClassVar[str] = ""
    """Why it takes no market orders; empty where it does."""
    moves: ClassVar[str] = ""
    """A pattern of its own words, in small letters and digits alone, for resources that move money out of the account
    or manage its keys; those that all exchanges use are in ``guard``."""
    harmless: ClassVar[str] = ""
    """A pattern of whole calls, as ``verb path``, that do no such thing, whatever their names say."""
    settled: ClassVar[float] = 15.0
    """Seconds after which an order that was sent, and that its own look-ups do not know, does not exist: the window in
    which a signed order is accepted, and some patience for lists that are late."""

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
        """Cancel an order: True when it is cancelled, False when that was only accepted. Raises OrderNotFound."""

    def find(self, symbol: Symbol, client_id: str) -> OrderId | None:
        """The id of the order that carries our client id, open or not; None when there is none. Only the id is read: an
        order whose status is in no table exists all the same."""
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
        return self.call(verb, f"/{path}", params=params, signed=True, safe=False)

    def pass_through(self, verb: str, path: str, params: Mapping[str, Any]) -> Any:
        """``raw``, for a strategy. Raises NotAllowed for what moves money out of the account or manages its keys,
        unless the settings let it through."""
        allowed = self.services.withdrawals or re.fullmatch(self.harmless, f"{verb} {path}")
        if not allowed and moves(path, self.moves):
            raise NotAllowed(
                f"{self.name}: {verb} {path[:_MAX_NAMED]} may withdraw, transfer or manage keys, which strategies are "
                "not allowed to do here; nothing was sent. If it is meant, start the gateway with ALLOW_WITHDRAWALS=1"
            )
        return self.raw(verb, path, params)

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

    # A hook -----------------------------------------------------------------------------------------------------------

    @abstractmethod
    def market(self, symbol: Symbol) -> str:
        """The exchange's own name of a market."""

    # What all exchanges do alike -----------------------------------------------------------------------------------

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
        """The client id of this request's order, the same when the request is repeated; where the exchange takes none,
        only the journal knows it."""
        return (self.client_id or _OURS).render(self.credentials.fingerprint(self.name, self.request))

    def prepare(self, order: NewOrder) -> None:
        """Ask and tell the exchange all that an order needs beforehand, so that ``trade`` sends the order and nothing
        else: a failure here is not an unclear order. Raises Unsupported for a market order where there are none."""
        if order.price is None and self.limit_only:
            raise Unsupported(f"{self.name} {self.limit_only}. Give a price; nothing was sent")
        self.market(order.symbol)
        self._offset()

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

    def _spot_only(self, what: str) -> Unsupported:
        where = f"set the service address's path to /{self.futures}" if self.futures else "it has no futures"
        return Unsupported(f"{self.name} is a spot exchange and {what} is for futures: {where}")
