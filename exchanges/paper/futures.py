"""Futures accounts: long and short positions side by side, each with its own margin, until they are closed, lost or
delivered."""

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

from exchanges.paper import dated, simulation
from exchanges.paper.listings import SWAPS, Listing
from exchanges.paper.matching import Account, Reach
from exchanges.paper.money import NOTHING, rounded_down, rounded_up, share
from exchanges.paper.positions import bankruptcy, gain, value_at_loss
from exchanges.paper.records import Fill, PaperOrder, PaperPosition
from exchanges.paper.simulation import Print
from protocol.errors import ExchangeError, InsufficientFunds
from protocol.models import NewOrder, PositionSide, Side, Status
from protocol.numbers import plain

DEFAULT_LEVERAGE = 10
_OPENS = {Side.BUY: PositionSide.LONG, Side.SELL: PositionSide.SHORT}
_CLOSES = {Side.SELL: PositionSide.LONG, Side.BUY: PositionSide.SHORT}
_CLOSING_SIDE = {position: side for side, position in _CLOSES.items()}


class FuturesAccount(Account):
    """An account that holds positions in contracts.

    A position can lose its margin and no more: when the market trades at its bankruptcy price, it is closed there.
    """

    exchange: ClassVar[str] = "Futures_paper"
    listings: ClassVar[Mapping[str, Listing]] = SWAPS
    opening: ClassVar[Mapping[str, Decimal]] = {"USDT": Decimal(10_000), "BTC": Decimal(1), "ETH": Decimal(10)}
    taker: ClassVar[Decimal] = Decimal("0.0005")
    maker: ClassVar[Decimal] = Decimal("0.0002")
    delivery: ClassVar[Decimal] = Decimal("0.0001")
    """The fee of a delivery, as a fraction of what is delivered."""

    @classmethod
    def listing(cls, market: str) -> Listing:
        return cls.listings.get(market) or dated.listing(market) or super().listing(market)

    def hold(self, order: PaperOrder, price: Decimal, amount: Decimal) -> Decimal:
        if order.closes:
            return NOTHING
        value = self.listing(order.symbol).value(price, amount)
        return rounded_down(value / order.leverage) + rounded_up(value * self.taker)

    def currency(self, order: PaperOrder) -> str:
        return self.listing(order.symbol).currency

    def needed(self, new: NewOrder, order: PaperOrder, held: Decimal) -> Decimal:
        if order.closes:
            position = self.positions.get(_key(order))
            side = _key(order)[1]
            owned, busy = position.amount if position else NOTHING, closing(self, order.symbol, side)
            if not owned:
                raise ExchangeError(f"{self.exchange}: the account has no {side} {order.symbol} to close")
            if order.left > owned - busy:
                others = f", of which other orders close {plain(busy)}" if busy else ""
                raise InsufficientFunds(
                    f"{self.exchange}: the account holds only {plain(owned)} contracts of {side} {order.symbol}{others}"
                )
        # One that trades at a better price than its limit may need more margin than at its limit, or less.
        return max(held, self.hold(order, order.price, order.left))

    def settle(self, order: PaperOrder, time: int, price: Decimal, amount: Decimal, rate: Decimal) -> Fill:
        if order.closes:
            return self._close(self.positions[_key(order)], order, time, price, amount, rate)
        listing = self.listing(order.symbol)
        value = listing.value(price, amount)
        margin, fee = rounded_down(value / order.leverage), rounded_up(value * rate)
        position = self.positions.setdefault(_key(order), PaperPosition(symbol=order.symbol, side=_key(order)[1]))
        position.amount += amount
        position.cost += value
        position.margin += margin
        position.leverage = order.leverage
        self.free[listing.currency] -= margin + fee
        return Fill.of(order, time, price, amount, fee, listing.currency)

    def reach(self, symbol: str) -> Reach:
        low, high = super().reach(symbol)
        for position in self.positions_of(symbol):
            limit = bankruptcy(self.listing(symbol), position)
            if limit is None:
                continue
            if position.side is PositionSide.LONG:
                low = limit if low is None else max(low, limit)
            else:
                high = limit if high is None else min(high, limit)
        return low, high

    def touched(self, symbol: str, touch: Print) -> None:
        for position in self.positions_of(symbol):
            limit = bankruptcy(self.listing(symbol), position)
            if limit is None:
                continue
            if touch.price <= limit if position.side is PositionSide.LONG else touch.price >= limit:
                self._liquidate(position, touch.time)

    def deliver(self, symbol: str) -> None:
        """Cancel a contract's orders, and settle its positions at the price of the last trade before its delivery."""
        super().deliver(symbol)
        listing = self.listing(symbol)
        time = listing.market.delivery_ms
        price = listing.price(next(simulation.prints_until(listing, time - 1)).price)
        for position in self.positions_of(symbol):
            self.fills.append(self._close(position, None, time, price, position.amount, self.delivery))

    def _close(
        self,
        position: PaperPosition,
        order: PaperOrder | None,
        time: int,
        price: Decimal,
        amount: Decimal,
        rate: Decimal,
    ) -> Fill:
        """Close a part of a position, and move its money."""
        listing = self.listing(position.symbol)
        value = listing.value(price, amount)
        cost = share(position.cost, amount, position.amount)
        margin = rounded_down(share(position.margin, amount, position.amount))
        position.amount -= amount
        position.cost -= cost
        position.margin -= margin
        if not position.amount:
            del self.positions[position.symbol, position.side]
        # The book may pass the bankruptcy price before any trade does; the loss still ends there.
        profit = max(gain(listing, position.side, cost, value), -margin)
        fee = min(rounded_up(value * rate), margin + profit)
        self.free[listing.currency] += margin + profit - fee
        return Fill(
            order=order,
            symbol=position.symbol,
            time=time,
            side=_CLOSING_SIDE[position.side],
            price=price,
            amount=amount,
            fee=fee,
            fee_currency=listing.currency,
            profit=profit,
        )

    def _liquidate(self, position: PaperPosition, time: int) -> None:
        del self.positions[position.symbol, position.side]
        listing, side = self.listing(position.symbol), _CLOSING_SIDE[position.side]
        self.fills.append(
            Fill(
                order=None,
                symbol=position.symbol,
                time=time,
                side=side,
                price=listing.average(value_at_loss(listing, position), position.amount),
                amount=position.amount,
                fee=NOTHING,
                fee_currency=listing.currency,
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


def _key(order: PaperOrder) -> tuple[str, PositionSide]:
    """Return the key of the position that an order opens or closes."""
    return order.symbol, (_CLOSES if order.closes else _OPENS)[order.side]
