"""What futures exchanges have beyond the interface in ``base``: contracts, directions, leverage and positions."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cached_property
from typing import ClassVar, TypeVar

from exchanges.base.exchange import Exchange
from exchanges.base.futures_settings import FuturesSettings
from exchanges.base.rows import Key
from protocol.errors import GatewayError, InvalidCall, Unsupported
from protocol.models import Direction, Market, NewOrder, Position, PositionSide, Side, Symbol

T = TypeVar("T")

DATED = "futures"
"""FMZ's word, in a range such as ``USD.futures``, for every contract that ends."""


class FuturesExchange(Exchange):
    """One account on one futures exchange, for the time of one call; what FMZ sets beforehand is remembered."""

    contracts: ClassVar[frozenset[str]]
    """The contract codes it has."""
    max_leverage: ClassVar[int]

    position_sides: ClassVar[Mapping[str, PositionSide]]
    """Its words for the sides of positions."""

    @cached_property
    def settings(self) -> FuturesSettings:
        """What FMZ set beforehand."""
        return FuturesSettings(self.upstream.services.database, self.name, self.account)

    @abstractmethod
    def positions(self, symbol: Symbol | None) -> list[Position]:
        """Return open positions: all, or those that ``covers(symbol, …)``."""

    def market(self, symbol: Symbol) -> str:
        return self.rules(symbol).id

    def set_contract(self, contract: str) -> bool:
        self.settings.put("contract", self._checked(contract))
        return True

    def set_direction(self, direction: Direction) -> bool:
        self.settings.put("direction", direction)
        return True

    def set_leverage(self, leverage: int, symbol: Symbol | None) -> bool:
        if leverage > self.max_leverage:
            raise InvalidCall(f"leverage {leverage} is above {self.name}'s greatest, {self.max_leverage}")
        market = self.resolve(symbol) if symbol else None
        if market:
            self._apply(market, leverage)
        self.settings.put("leverage", str(leverage), str(market or ""))
        return True

    def prepare(self, order: NewOrder) -> None:
        """Have the exchange set the leverage that FMZ set for all markets, before the first order that opens in one."""
        super().prepare(order)
        leverage = None if order.closes else self.leverage(order.symbol)
        if leverage and self.settings.get("applied", self.market(order.symbol)) != str(leverage):
            self._apply(order.symbol, leverage)

    def apply_leverage(self, symbol: Symbol, leverage: int) -> None:
        """Set a market's leverage at the exchange; nothing where a new order says it."""

    def rules(self, symbol: Symbol) -> Market:
        """Return a market's rules; its contract may also be the exchange's own instrument name, but of no other pair:
        the contract may have been set for another market."""
        listing = self.listing()
        # The list is searched only for what is not in it under FMZ's name.
        named = listing.get(str(symbol)) or next((one for one in listing.values() if one.id == symbol.contract), None)
        if named is None:
            return super().rules(symbol)
        if (named.symbol.base, named.symbol.quote) != (symbol.base, symbol.quote):
            raise InvalidCall(f"{named.id} is a contract of {named.symbol.base}_{named.symbol.quote}, not of {symbol}")
        return named

    def hedged(self) -> bool:
        """Return True where the account keeps long and short positions of a market apart, as the exchange said within
        the last minute."""
        return self.upstream.position_modes.get(lambda: self.apart(type(self).position_mode), self.account)

    def position_mode(self) -> bool:
        """Ask the exchange whether the account keeps long and short positions of a market apart."""
        raise Unsupported(f"{self.name} has one position mode")

    def forget_position_mode(self) -> None:
        """Ask for the position mode anew next time."""
        self.upstream.position_modes.forget(self.account)

    def position_side(self, order: NewOrder) -> PositionSide:
        """Return the side of the position that an order opens or closes."""
        return PositionSide.LONG if (order.side is Side.BUY) is not order.closes else PositionSide.SHORT

    def symbol_of(self, market: str) -> Symbol:
        """Return FMZ's name of a market by the exchange's own, listed or not."""
        return self.symbols().get(market) or self.unlisted(market)

    def unlisted(self, market: str) -> Symbol:
        """Return the name of a market that is no longer listed, but may still be held: the exchange's own."""
        return Symbol(market, contract=market)

    def names_one(self, symbol: Symbol) -> bool:
        """Return True where one market is meant, not a range such as ``USDT.swap``, which has a contract and no quote,
        unless that is an instrument's own name."""
        return bool(symbol.contract) and (bool(symbol.quote) or symbol.contract not in self.contracts | {DATED})

    def one(self, symbol: Symbol | None) -> Market | None:
        """Return the rules of the one market that is meant, None for a range or all. Raises InvalidCall when the
        exchange does not list it. The list is asked for in any case: it names the rows that follow."""
        self.listing()
        return self.rules(symbol) if symbol and self.names_one(symbol) else None

    def covered(self, symbol: Symbol | None, rows: Iterable[T], key: Key) -> list[T]:
        """Return the rows of the markets that are meant. key: where the exchange's name of the market is in a row."""
        one = self.one(symbol)
        wanted = one.symbol if one else symbol
        return [row for row in rows if covers(wanted, self.symbol_of(row[key]))]  # type: ignore[index]

    def leverage(self, symbol: Symbol) -> int | None:
        """Return the leverage set for a market, None where none was."""
        value = self.settings.get("leverage", str(symbol))
        return int(value) if value else None

    def resolve(self, symbol: Symbol) -> Symbol:
        """Return the market FMZ means, with the contract it names or the one set before. Raises InvalidCall without
        either."""
        contract = symbol.contract or self.settings.get("contract")
        if not contract:
            usual = "swap" if "swap" in self.contracts else min(self.contracts)
            raise InvalidCall(
                f'no contract is chosen on {self.name}: call exchange.SetContractType("{usual}") first, '
                f"or name one, as in {symbol}.{usual}"
            )
        return replace(symbol, quote=symbol.quote or self.quote, contract=self._checked(contract))

    def scope(self, symbol: Symbol | None) -> Symbol | None:
        """Return the symbol as FMZ wrote it, for ``covers`` to compare; only a base alone gets the usual quote."""
        if symbol is None or symbol.quote or symbol.contract or symbol.text in self.contracts:
            return symbol
        return replace(symbol, quote=self.quote)

    def new_order(self, symbol: Symbol, direction: Direction, price: Decimal | None, amount: Decimal) -> NewOrder:
        """Return the order that FMZ's words and the direction set before mean together. Raises InvalidCall on a
        mismatch, as FMZ itself does."""
        meant = direction
        remembered = None if direction.closes else self.settings.get("direction")
        if remembered:
            meant = Direction(remembered)
            if meant.side is not direction.side:
                raise InvalidCall(f"direction is {meant}, invalid order type {direction}: call SetDirection first")
        return NewOrder(
            symbol=self.resolve(symbol),
            side=meant.side,
            price=price,
            amount=amount,
            closes=meant.closes,
            client_id=self.new_client_id(),
        )

    def _apply(self, symbol: Symbol, leverage: int) -> None:
        self.apart(lambda exchange: exchange.apply_leverage(symbol, leverage))
        self.settings.put("applied", str(leverage), self.market(symbol))  # the exchange's name: a quarter moves on

    def _checked(self, contract: str) -> str:
        if contract not in self.contracts and contract not in self._instruments():
            raise InvalidCall(f"{self.name} has no contract {contract!r}; it has {', '.join(sorted(self.contracts))}")
        return contract

    def _instruments(self) -> set[str]:
        try:
            return set(self.symbols())
        except GatewayError:  # none can be asked for
            return set()


def covers(wanted: Symbol | None, market: Symbol) -> bool:
    """Return True where a futures market is meant by GetPositions' or GetOrders' argument: nothing (all), a contract
    code (``swap``), a range (``USDT.swap``, ``USD.futures``) or a market (``BTC_USDT.swap``)."""
    if wanted is None or wanted == market:
        return True
    if wanted.quote:
        return not wanted.contract and (wanted.base, wanted.quote) == (market.base, market.quote)
    if wanted.contract:
        dated = wanted.contract == DATED and market.contract != "swap"
        return (dated or wanted.contract == market.contract) and wanted.base in (market.base, market.quote)
    return wanted.text == market.contract
