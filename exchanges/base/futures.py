"""The interface of futures exchanges, beyond that of spot: contracts, directions, leverage and positions."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar, TypeVar

from exchanges.base.exchange import Exchange
from exchanges.base.futures_settings import FuturesSettings
from exchanges.base.ranges import PERPETUAL, covers, is_range
from exchanges.base.rows import Key
from protocol.errors import GatewayError, InvalidCall, Unsupported
from protocol.models import (
    CONTRACT_CODES,
    Direction,
    Funding,
    Listing,
    Market,
    NewOrder,
    OrderId,
    Position,
    PositionSide,
    Side,
    Symbol,
)
from protocol.numbers import plain

T = TypeVar("T")

log = logging.getLogger("fmz-gateway")


class FuturesExchange(Exchange):
    """One account on one futures exchange, for the time of one call; settings that FMZ makes are stored."""

    has_contracts = True
    contracts: ClassVar[frozenset[str]]
    """The contract codes that the exchange has, of CONTRACT_CODES."""
    max_leverage: ClassVar[int]

    position_sides: ClassVar[Mapping[str, PositionSide]]
    """The exchange's words for the sides of positions."""
    position_modes: ClassVar[Mapping[str, bool]] = {}
    """The exchange's words for position modes → True if long and short positions of a market are kept apart."""

    @cached_property
    def settings(self) -> FuturesSettings:
        """Return the settings that FMZ made before, for this account or its exchange object."""
        return FuturesSettings(self.upstream.services.database, self.name, self.account, self.object_name)

    @cached_property
    def account_settings(self) -> FuturesSettings:
        """Return the leverages that are applied at the exchange, which are the account's."""
        return FuturesSettings(self.upstream.services.database, self.name, self.account)

    def open_positions(self, symbol: Symbol | None) -> list[Position]:
        """Return open positions: all, or those in markets that the symbol covers, see ``covers``."""
        raise self.lacks("list of positions")

    def fundings(self, symbol: Symbol | None) -> list[Funding]:
        raise self.lacks("funding rates")

    def market(self, symbol: Symbol) -> str:
        """Return the exchange's own name of a market. The symbol's contract may be that already, also one that is no
        longer listed."""
        if not self._is_own_name(symbol):
            return self.rules(symbol).id
        try:
            listed = self.listed()
        except GatewayError:  # the exchange knows its own names without a list
            return symbol.contract
        found = self.find_market(listed, symbol)
        return found.id if found else symbol.contract

    def set_contract(self, contract: str) -> bool:
        self._choose("contract", self._check_contract(contract))
        return True

    def set_direction(self, direction: Direction) -> bool:
        self._choose("direction", direction)
        return True

    def refuse_choice(self, name: str, given: str) -> None:
        self.settings.refuse(name, given)

    def set_leverage(self, leverage: int, symbol: Symbol | None) -> bool:
        if leverage > self.max_leverage:
            raise InvalidCall(f"leverage {leverage} is above {self.name}'s greatest, {self.max_leverage}")
        market = self.resolve(symbol) if symbol else None
        if market:
            self._apply(market, leverage)
        else:
            # Whatever was set for one market, or applied at the exchange, is overruled.
            self.settings.clear("leverage")
            self.account_settings.clear("applied")
        self.settings.put("leverage", str(leverage), str(market or ""))
        return True

    def positions(self, symbol: Symbol | None) -> list[Position]:
        found = self.open_positions(symbol)
        for position in found:
            self._note_leverage(position)
        return found

    def prepare(self, order: NewOrder) -> None:
        """Make all calls that an order needs beforehand: also set a market's leverage at the exchange before the first
        order that opens a position there, if FMZ set one for all markets."""
        super().prepare(order)
        self._check_tradable(order.symbol)
        leverage = None if order.closes else self.leverage(order.symbol)
        if leverage and self.account_settings.get("applied", self.market(order.symbol)) != str(leverage):
            self._apply(order.symbol, leverage)

    def trade(self, order: NewOrder) -> OrderId:
        """Place an order; see ``place``."""
        return self.place(order, super().trade)  # that of the API that an adapter adds to this class

    def apply_leverage(self, symbol: Symbol, leverage: int) -> None:
        """Set a market's leverage at the exchange. Does nothing if each new order carries it."""

    def find_market(self, listed: Listing, symbol: Symbol) -> Market | None:
        """Return a market of a list. Its contract may also be the exchange's own instrument name. Raises InvalidCall if
        that is of another pair: the contract may have been set for another market."""
        found = listed.by_name.get(str(symbol)) or listed.by_id.get(symbol.contract)
        if found and (found.symbol.base, found.symbol.quote) != (symbol.base, symbol.quote):
            raise InvalidCall(f"{found.id} is a contract of {found.symbol.base}_{found.symbol.quote}, not of {symbol}")
        return found

    def hedged(self) -> bool:
        """Return True if the account keeps long and short positions of a market apart, as the exchange said within the
        last minute."""
        return self.account_fact("position mode", type(self).position_mode, usual=False)

    def order_facts(self, order: NewOrder) -> tuple[object, ...]:
        return (self.hedged(),) if self.position_modes else ()

    def position_mode(self) -> bool:
        """Ask the exchange for the position mode; return True if long and short positions of a market are kept
        apart."""
        raise self.lacks("position mode")

    def position_side(self, order: NewOrder) -> PositionSide:
        """Return the side of the position that an order opens or closes."""
        return PositionSide.LONG if (order.side is Side.BUY) is not order.closes else PositionSide.SHORT

    def symbol_of(self, market: str) -> Symbol:
        """Return FMZ's name of a market by the exchange's own name, listed or not."""
        found = self.listed().by_id.get(market)
        return found.symbol if found else self.unlisted(market)

    def unlisted(self, market: str) -> Symbol:
        """Return a name for a market that is no longer listed, but may still be held: the exchange's own."""
        return Symbol(market, contract=market)

    def one(self, symbol: Symbol | None) -> str | None:
        """Return the exchange's own name of the one market that is meant, None for a pair, a range or all. Raises
        InvalidCall for a name that means none. The list is loaded in any case: it names the rows that follow."""
        self.listed()
        return self.market(symbol) if symbol and symbol.contract and not is_range(symbol) else None

    def one_market(self, symbol: Symbol | None, what: str) -> Symbol:
        market = super().one_market(None if symbol and is_range(symbol) else symbol, what)
        if not covers(symbol, market):
            raise Unsupported(f"{self.name} lists {what} of one market only: name one of {symbol}")
        return market

    def covered(self, symbol: Symbol | None, rows: Iterable[T], key: Key) -> list[T]:
        """Return the rows of the markets that are meant. key: of the exchange's market name in a row."""
        one = self.one(symbol)

        def is_meant(row: Any) -> bool:
            return row[key] == one if one else covers(symbol, self.symbol_of(row[key]))

        return [row for row in rows if is_meant(row)]

    def leverage(self, symbol: Symbol) -> int | None:
        """Return the leverage that FMZ set for a market, None if it set none."""
        value = self.settings.get("leverage", str(symbol))
        return int(value) if value else None

    def resolve(self, symbol: Symbol) -> Symbol:
        """Return FMZ's market, with the contract it names or the one set before. Raises InvalidCall without either."""
        contract = symbol.contract or self.settings.get("contract")
        if not contract:
            raise self._no_contract(symbol)
        market = replace(symbol, quote=symbol.quote or self.quote, contract=contract)
        if not self._is_own_name(market):
            self._check_contract(contract)
        return market

    def scope(self, symbol: Symbol | None) -> Symbol | None:
        """Return what a list's argument means, for ``covers`` to compare. A contract code alone is a range; a coin
        alone gets the usual quote. Raises InvalidCall for a word that is neither, and for a pair that is not listed."""
        if symbol is None or symbol.contract:
            return symbol
        code = symbol.text.lower()
        if code in CONTRACT_CODES:  # "this_week" reads like a pair
            return Symbol("", contract=code, text=symbol.text)
        pair = replace(symbol, quote=symbol.quote or self.quote)
        if not self._lists_pair(pair):
            raise InvalidCall(
                f"{self.name} lists no market of {symbol.text}: expected a contract code ({self._codes}), a coin such "
                f"as BTC, a market such as BTC_{self.quote}.{self._usual}, or a range such as "
                f"{self.quote}.{self._usual}"
            )
        return pair

    def _lists_pair(self, pair: Symbol) -> bool:
        """Return True if a contract of a pair is listed; looked up anew like a market, see ``rules``."""

        def found() -> bool:
            listed = self.listed().by_id.values()
            return any((one.symbol.base, one.symbol.quote) == (pair.base, pair.quote) for one in listed)

        try:
            return found() or (self.upstream.may_refresh_listing(younger_than=self.began) and found())
        except Unsupported:  # an exchange without a list of markets
            return True

    def new_order(self, symbol: Symbol, direction: Direction, price: Decimal | None, amount: Decimal) -> NewOrder:
        """Return the order that FMZ's parameters and the direction set before describe together. Raises InvalidCall if
        they contradict each other, as FMZ itself does."""
        meant = direction
        remembered = None if direction.closes else self.settings.get("direction")
        if remembered:
            meant = Direction(remembered)
            if meant.side is not direction.side:
                raise InvalidCall(f"direction is {meant}, invalid order type {direction}: call SetDirection first")
        elif not direction.closes and (refused := self.settings.refused("direction")) is not None:
            raise InvalidCall(
                f"no direction is chosen on {self.name}: SetDirection({refused!r}) was refused. Call it again with one "
                f"of {', '.join(Direction)}"
            )
        return NewOrder(
            symbol=self.resolve(symbol),
            side=meant.side,
            price=price,
            amount=amount,
            closes=meant.closes,
            client_id=self.new_client_id(),
        )

    def _choose(self, name: str, value: str) -> None:
        shared = not self.object_name and self.upstream.alternates(f"{self.account} {name}", value)
        if shared and self.upstream.is_new(f"{name}s in turn"):
            log.warning(
                "%s: an account's %s is set to %s and back within seconds. If two exchange objects or robots use the "
                "same key, end each one's service address with a name of its own, as in ?object=first",
                self.name, name, value,
            )  # fmt: skip
        self.settings.put(name, value)

    def _no_contract(self, symbol: Symbol) -> InvalidCall:
        """Return the error where no contract is chosen, with the name that was refused last."""
        refused = self.settings.refused("contract")
        why = "" if refused is None else f"SetContractType({refused!r}) was refused; it has {self._codes}. "
        return InvalidCall(
            f'no contract is chosen on {self.name}: {why}call exchange.SetContractType("{self._usual}") first, or name '
            f"one, as in {symbol}.{self._usual}"
        )

    def _check_tradable(self, symbol: Symbol) -> None:
        """Raise InvalidCall for a contract that takes no new orders. One that has FMZ's name for a while only, and of
        which the list does not say until when, is looked up anew."""
        try:
            market = self.rules(symbol)
            if symbol.contract in self.contracts - {PERPETUAL} and not market.delivery_ms:
                self.upstream.listing.forget()
                market = self.rules(symbol)
        except Unsupported:  # an exchange without a list of markets
            return
        if not market.tradable:
            raise InvalidCall(f"{self.name} takes no new orders of {symbol} now; nothing was sent")

    def _note_leverage(self, position: Position) -> None:
        """Take over the leverage that the exchange reports of a position, where another was applied."""
        market = self.find_market(self.listed(), position.symbol)
        applied = market and self.account_settings.get("applied", market.id)
        reported = position.leverage and plain(position.leverage.normalize())
        if market and applied and reported and applied != reported:
            self.account_settings.put("applied", reported, market.id)

    def _apply(self, symbol: Symbol, leverage: int) -> None:
        self.apart(lambda exchange: exchange.apply_leverage(symbol, leverage))
        # By the exchange's own name: FMZ's "quarter" is another contract after it rolled.
        self.account_settings.put("applied", str(leverage), self.market(symbol))

    def _check_contract(self, contract: str) -> str:
        if contract not in self.contracts and not self._is_instrument(contract):
            raise InvalidCall(f"{self.name} has no contract {contract!r}; it has {self._codes}")
        return contract

    @property
    def _usual(self) -> str:
        return PERPETUAL if PERPETUAL in self.contracts else min(self.contracts)

    @property
    def _codes(self) -> str:
        return ", ".join(sorted(self.contracts))

    def _is_instrument(self, market: str) -> bool:
        try:
            return market in self.listed().by_id
        except Unsupported:  # an exchange without a list of markets
            return False

    def _is_own_name(self, symbol: Symbol) -> bool:
        """Return True if a symbol's contract is the exchange's own name of a market: it has the name of its base."""
        return symbol.contract not in self.contracts and symbol.base in symbol.contract
