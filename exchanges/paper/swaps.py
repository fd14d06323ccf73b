"""Linear swaps: long and short positions side by side, each with its own margin."""

import math
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import ClassVar

from exchanges.paper.listings import SWAPS, Listing
from exchanges.paper.matching import (
    NOTHING,
    Account,
    Fill,
    PaperOrder,
    PaperPosition,
    rounded_down,
    rounded_up,
)
from exchanges.paper.simulation import Print
from protocol.errors import ExchangeError, InsufficientFunds
from protocol.models import NewOrder, PositionSide, Side, Status
from protocol.numbers import plain

DEFAULT_LEVERAGE = 10
_MONEY = "USDT"
_OPENS = {Side.BUY: PositionSide.LONG, Side.SELL: PositionSide.SHORT}
_CLOSES = {Side.SELL: PositionSide.LONG, Side.BUY: PositionSide.SHORT}


class SwapAccount(Account):
    """An account that holds positions in contracts.

    A position can lose its margin and no more: when the market trades at its bankruptcy price, it is closed there.
    """

    exchange: ClassVar[str] = "Futures_paper"
    listings: ClassVar[Mapping[str, Listing]] = SWAPS
    opening: ClassVar[Mapping[str, Decimal]] = {_MONEY: Decimal(10_000)}
    taker: ClassVar[Decimal] = Decimal("0.0005")
    maker: ClassVar[Decimal] = Decimal("0.0002")

    def currency(self, order: PaperOrder) -> str:
        return _MONEY

    def hold(self, order: PaperOrder, price: Decimal, amount: Decimal) -> Decimal:
        if order.closes:
            return NOTHING
        value = self.listings[order.symbol].value(price, amount)
        return rounded_down(value / order.leverage) + rounded_up(value * self.taker)

    def needed(self, new: NewOrder, order: PaperOrder, held: Decimal) -> Decimal:
        if order.closes:
            position = self.positions.get(_key(order))
            side = _key(order)[1]
            owned, busy = position.amount if position else NOTHING, closing(self, order.symbol, side)
            if not owned:
                raise ExchangeError(f"{self.exchange}: the account has no {side} {order.symbol} to close")
            if order.amount > owned - busy:
                others = f", of which other orders close {plain(busy)}" if busy else ""
                raise InsufficientFunds(
                    f"{self.exchange}: the account holds only {plain(owned)} contracts of {side} {order.symbol}{others}"
                )
        # A short that sells above its limit needs more margin than at its limit.
        return max(held, self.hold(order, order.price, order.amount))

    def settle(self, order: PaperOrder, time: int, price: Decimal, amount: Decimal, rate: Decimal) -> Fill:
        value = self.listings[order.symbol].value(price, amount)
        fee, profit = rounded_up(value * rate), NOTHING
        if order.closes:
            profit, margin = self._reduce(self.positions[_key(order)], value, amount)
            fee = min(fee, margin + profit)
        else:
            margin = -rounded_down(value / order.leverage)
            position = self.positions.setdefault(_key(order), PaperPosition(symbol=order.symbol, side=_key(order)[1]))
            position.amount += amount
            position.cost += value
            position.margin -= margin
            position.leverage = order.leverage
        self.free[_MONEY] += margin + profit - fee
        return Fill(
            order=order,
            symbol=order.symbol,
            time=time,
            side=order.side,
            price=price,
            amount=amount,
            fee=fee,
            fee_currency=_MONEY,
            profit=profit,
        )

    def limits(self, symbol: str) -> tuple[list[int], list[int]]:
        bids, asks = super().limits(symbol)
        for position in self._positions(symbol):
            (bids if position.side is PositionSide.LONG else asks).append(bankruptcy(position))
        return bids, asks

    def touched(self, symbol: str, touch: Print) -> None:
        for position in self._positions(symbol):
            limit = bankruptcy(position)
            if touch.price <= limit if position.side is PositionSide.LONG else touch.price >= limit:
                self._liquidate(position, touch.time)

    def _positions(self, symbol: str) -> list[PaperPosition]:
        return [position for position in self.positions.values() if position.symbol == symbol]

    def _reduce(self, position: PaperPosition, value: Decimal, amount: Decimal) -> tuple[Decimal, Decimal]:
        """Close a part of a position at its value; return the profit, and the margin that is released."""
        cost, margin = (rounded_down(whole * amount / position.amount) for whole in (position.cost, position.margin))
        position.amount -= amount
        position.cost -= cost
        position.margin -= margin
        if not position.amount:
            del self.positions[position.symbol, position.side]
        gain = value - cost if position.side is PositionSide.LONG else cost - value
        # The book may pass the bankruptcy price before any trade does; the loss still ends there.
        return max(gain, -margin), margin

    def _liquidate(self, position: PaperPosition, time: int) -> None:
        del self.positions[position.symbol, position.side]
        side = Side.SELL if position.side is PositionSide.LONG else Side.BUY
        self.fills.append(
            Fill(
                order=None,
                symbol=position.symbol,
                time=time,
                side=side,
                price=rounded_down(_value_at_loss(position) / _size(position)),
                amount=position.amount,
                fee=NOTHING,
                fee_currency=_MONEY,
                profit=-position.margin,
            )
        )
        for order in self.open(position.symbol):
            if order.closes and order.side is side:
                order.status = Status.CANCELLED


def closing(account: Account, symbol: str, side: PositionSide) -> Decimal:
    """Return the contracts of a position that closing orders hold."""
    orders = (order for order in account.open(symbol) if order.closes and _key(order)[1] is side)
    return sum((order.left for order in orders), NOTHING)


def average(position: PaperPosition) -> Decimal:
    """Return the price at which a position was opened."""
    return rounded_down(position.cost / _size(position))


def profit(position: PaperPosition, price: Decimal) -> Decimal:
    """Return the profit of a position, before fees, if it were closed at ``price``."""
    gain = price * _size(position) - position.cost
    return gain if position.side is PositionSide.LONG else -gain


def bankruptcy(position: PaperPosition) -> int:
    """Return the first price, in ticks, at which a position's margin is lost."""
    price = Fraction(_value_at_loss(position)) / Fraction(_size(position))
    return (math.floor if position.side is PositionSide.LONG else math.ceil)(SWAPS[position.symbol].ticks(price))


def _key(order: PaperOrder) -> tuple[str, PositionSide]:
    """Return the key of the position that an order opens or closes."""
    return order.symbol, (_CLOSES if order.closes else _OPENS)[order.side]


def _size(position: PaperPosition) -> Decimal:
    """Return a position's size in base."""
    return position.amount * SWAPS[position.symbol].market.contract_value


def _value_at_loss(position: PaperPosition) -> Decimal:
    """Return the value of a position's contracts when its margin is lost."""
    return position.cost - position.margin if position.side is PositionSide.LONG else position.cost + position.margin
