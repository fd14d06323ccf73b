"""The interface of futures exchanges, beyond that of spot and the names of contracts: directions and leverage."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from typing import ClassVar

from exchanges.base.abilities import WORDS
from exchanges.base.contracts import Contracts
from exchanges.base.futures_settings import FuturesSettings
from exchanges.base.ranges import PERPETUAL
from protocol.errors import InvalidCall, Unsupported
from protocol.models import Direction, Funding, NewOrder, OrderId, Position, PositionSide, Side, Symbol
from protocol.numbers import plain


class FuturesExchange(Contracts):
    """One account on one futures exchange, for the time of one call; settings that FMZ makes are stored."""

    max_leverage: ClassVar[int]

    position_sides: ClassVar[Mapping[str, PositionSide]]
    """The exchange's words for the sides of positions."""
    position_modes: ClassVar[Mapping[str, bool]] = {}
    """The exchange's words for position modes → True if long and short positions of a market are kept apart."""

    @cached_property
    def account_settings(self) -> FuturesSettings:
        """Return the leverages that are applied at the exchange, which are the account's."""
        return FuturesSettings(self.upstream.services.database, self.name, self.account)

    def open_positions(self, symbol: Symbol | None) -> list[Position]:
        """Return open positions: all, or those in markets that the symbol covers, see ``covers``."""
        raise self.lacks(WORDS["positions"])

    def fundings(self, symbol: Symbol | None) -> list[Funding]:
        raise self.lacks(WORDS["fundings"])

    def set_direction(self, direction: Direction) -> bool:
        self._choose("direction", direction)
        return True

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
        self._check_market(order)
        leverage = None if order.closes else self.leverage(order.symbol)
        if leverage and self.account_settings.get("applied", self.market(order.symbol)) != str(leverage):
            self._apply(order.symbol, leverage)

    def trade(self, order: NewOrder) -> OrderId:
        """Place an order; see ``place``."""
        return self.place(order, super().trade)  # that of the API that an adapter adds to this class

    def apply_leverage(self, symbol: Symbol, leverage: int) -> None:
        """Set a market's leverage at the exchange. Does nothing if each new order carries it."""

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

    def leverage(self, symbol: Symbol) -> int | None:
        """Return the leverage that FMZ set for a market, None if it set none."""
        value = self.settings.get("leverage", str(symbol))
        return int(value) if value else None

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

    def _check_market(self, order: NewOrder) -> None:
        """Raise InvalidCall for a contract that takes no new orders, Unsupported for one that takes none at the market.
        A contract that has FMZ's name for a while only, and of which the list does not say until when, is looked up
        anew."""
        symbol = order.symbol
        try:
            market = self.rules(symbol)
            if symbol.contract in self.contracts - {PERPETUAL} and not market.delivery_ms:
                self.upstream.listing.forget()
                market = self.rules(symbol)
        except Unsupported:  # an exchange without a list of markets
            return
        if not market.tradable:
            raise InvalidCall(f"{self.name} takes no new orders of {symbol} now; nothing was sent")
        self._check_kind(order, market)

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
