"""An account in memory: its orders, and how they are matched with the market. ``spot`` and ``futures`` say what a fill
does."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import ClassVar

from exchanges.paper import simulation
from exchanges.paper.listings import Listing
from exchanges.paper.money import NOTHING, shown
from exchanges.paper.records import Fill, PaperOrder, PaperPosition
from exchanges.paper.rules import check, crossing, reaches
from protocol.errors import ExchangeError, InsufficientFunds, InvalidCall, InvalidOrder, OrderFilled, OrderNotFound
from protocol.models import NewOrder, PositionSide, Side, Status

Reach = tuple[int | None, int | None]
"""The price at or below which something happens in a market, and the one at or above which, in ticks; None where there
is no such."""


@dataclass
class Account(ABC):
    """An account: free money by currency, orders by id, positions, and the fills since it was loaded.

    stored: the markets whose open orders are not among ``orders`` yet, with the prices at which they are filled. load:
    returns a market's open orders when they are needed.
    """

    exchange: ClassVar[str]
    """The route, which begins every error text."""
    listings: ClassVar[Mapping[str, Listing]]
    opening: ClassVar[Mapping[str, Decimal]]
    """The money that an account starts with, every currency named."""
    taker: ClassVar[Decimal]
    """The fee of orders that trade at once, as a fraction of what is traded."""
    maker: ClassVar[Decimal]
    """The fee of orders that rested in the book, as a fraction of what is traded."""

    free: dict[str, Decimal]
    orders: dict[int, PaperOrder] = field(default_factory=dict)
    positions: dict[tuple[str, PositionSide], PaperPosition] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    stored: dict[str, Reach] = field(default_factory=dict)
    load: Callable[[str], Iterable[PaperOrder]] = lambda market: ()

    # Different for spot and futures ---------------------------------------------------------------------------------

    @abstractmethod
    def currency(self, order: PaperOrder) -> str:
        """Return the currency of the money that an order holds."""

    @abstractmethod
    def hold(self, order: PaperOrder, price: Decimal, amount: Decimal) -> Decimal:
        """Return the money that ``amount`` of an order holds at ``price``."""

    @abstractmethod
    def needed(self, new: NewOrder, order: PaperOrder, held: Decimal) -> Decimal:
        """Return the money that a new order needs. Raises ExchangeError. held: the money that its immediate fills and
        its rest would hold."""

    @abstractmethod
    def settle(self, order: PaperOrder, time: int, price: Decimal, amount: Decimal, rate: Decimal) -> Fill:
        """Move the money of a fill out of, and into, the free money; return the fill."""

    def reach(self, symbol: str) -> Reach:
        """Return the prices at which an order is filled, or a position lost."""
        if symbol in self.stored:
            return self.stored[symbol]
        ticks, orders = self.listing(symbol).ticks, self.open(symbol)
        return (
            max((int(ticks(order.price)) for order in orders if order.side is Side.BUY), default=None),
            min((int(ticks(order.price)) for order in orders if order.side is Side.SELL), default=None),
        )

    @abstractmethod
    def touched(self, symbol: str, touch: simulation.Print) -> None:
        """Apply the further effects of a trade of the market, after it has filled orders."""

    def deliver(self, symbol: str) -> None:
        """End a contract: cancel its orders."""
        for order in self.open(symbol):
            self.cancel(order)

    # Orders -----------------------------------------------------------------------------------------------------------

    @classmethod
    def listing(cls, market: str) -> Listing:
        """Return a market by the exchange's own name. Raises InvalidCall."""
        listing = cls.listings.get(market)
        if listing is None:
            raise InvalidCall(f"{cls.exchange} has no market {market}; it has {', '.join(cls.listings)}")
        return listing

    def open(self, symbol: str | None = None) -> list[PaperOrder]:
        """Return open orders, oldest first."""
        for market in tuple(self.stored) if symbol is None else (symbol,):
            if self.stored.pop(market, None):
                self.orders = {order.id: order for order in self.load(market)} | self.orders
        return [
            order
            for _, order in sorted(self.orders.items())
            if order.status is Status.OPEN and symbol in (None, order.symbol)
        ]

    def frozen(self, currency: str) -> Decimal:
        """Return the money of a currency that orders and positions hold."""
        held = sum((order.frozen for order in self.open() if self.currency(order) == currency), NOTHING)
        margins = (one.margin for one in self.positions.values() if self.listing(one.symbol).currency == currency)
        return held + sum(margins, NOTHING)

    def positions_of(self, symbol: str) -> list[PaperPosition]:
        """Return the positions in a market."""
        return [position for position in self.positions.values() if position.symbol == symbol]

    def place(self, new: NewOrder, leverage: int, now: int) -> PaperOrder:
        """Return a new order: the part that crosses the book is filled at once, and the rest of a limit order waits.

        Its amount is in base, or contracts; that of a market buy, which names quote, becomes what it bought. A market
        order that the book cannot fill is cancelled. Raises InvalidOrder, InsufficientFunds, and ExchangeError for a
        contract that was delivered and for more contracts to close than are held.
        """
        listing = self.listing(new.market_name)
        if not listing.market.is_current(now):
            raise ExchangeError(
                f"{self.exchange}: {new.market_name} was delivered, and takes no more orders; choose the next one"
            )
        taken = self._crossed(new, new.amount, now)
        order = PaperOrder(
            symbol=new.market_name,
            side=new.side,
            price=new.price or NOTHING,
            amount=sum((amount for _, amount in taken), NOTHING) if new.spends else new.amount,
            closes=new.closes,
            leverage=leverage,
            client_id=new.client_id,
            created=now,
        )
        self._enter(order, new, taken, now)
        return order

    def modify(self, order: PaperOrder, new: NewOrder, now: int) -> None:
        """Give an open order the price and the whole amount of another one. It keeps its id and what is filled of it,
        and begins to wait anew: the part that crosses the book is filled at once, and the money for the rest is put
        aside. Raises like ``place``, and OrderFilled, OrderNotFound; the account is of no use then."""
        if order.status is Status.CLOSED:
            raise OrderFilled(f"{self.exchange}: order {order.id} is filled, and cannot be modified")
        if order.status is Status.CANCELLED:
            raise OrderNotFound(f"{self.exchange}: order {order.id} is cancelled, and cannot be modified")
        if new.amount <= order.filled:
            raise InvalidOrder(f"{self.exchange}: {shown(order.filled)} of order {order.id} is filled already")
        taken = self._crossed(new, new.amount - order.filled, now)
        self.cancel(order)  # its money, or its part of a position, is free for it again
        order.price, order.amount, order.created = new.price or NOTHING, new.amount, now
        self._enter(order, replace(new, amount=order.left), taken, now)

    def _crossed(self, new: NewOrder, amount: Decimal, now: int) -> list[tuple[Decimal, Decimal]]:
        """Return the prices and amounts that so much of an order takes from the book. Raises InvalidOrder if the order
        breaks its market's rules."""
        listing = self.listing(new.market_name)
        book = simulation.book(listing, now)
        check(self.exchange, listing, new, listing.price(book.bids[0][0]))
        return list(crossing(listing, replace(new, amount=amount), book.asks if new.side is Side.BUY else book.bids))

    def _enter(self, order: PaperOrder, new: NewOrder, taken: list[tuple[Decimal, Decimal]], now: int) -> None:
        """Fill what an order takes from the book, and put aside the money for the rest. new: as which it is asked for.
        Raises InsufficientFunds."""
        rest = order.price, order.left - sum(amount for _, amount in taken)
        needed = self.needed(new, order, sum((self.hold(order, *part) for part in [*taken, rest]), NOTHING))
        free = self.free[self.currency(order)]
        if needed > free:
            raise InsufficientFunds(
                f"{self.exchange}: the order needs {shown(needed)} {self.currency(order)}; {shown(free)} is free"
            )
        order.status = Status.OPEN
        for price, amount in taken:
            self._fill(order, now, price, amount, self.taker)
        if new.price is None:
            order.status = Status.CLOSED if order.filled and not order.left else Status.CANCELLED
        elif order.left:
            order.frozen = self.hold(order, order.price, order.left)
            self.free[self.currency(order)] -= order.frozen

    def cancel(self, order: PaperOrder) -> None:
        """Cancel an order, if it is open. Raises OrderFilled."""
        if order.status is Status.CLOSED:
            raise OrderFilled(f"{self.exchange}: order {order.id} is filled, and cannot be cancelled")
        if order.status is Status.OPEN:
            self.free[self.currency(order)] += order.frozen
            order.frozen = NOTHING
            order.status = Status.CANCELLED

    # Time -------------------------------------------------------------------------------------------------------------

    def advance(self, since: int, until: int) -> None:
        """Apply the market's trades and deliveries later than ``since``, up to ``until``. At once or in steps, the
        outcome is the same."""
        markets = {*self.stored, *(order.symbol for order in self.orders.values())}
        markets |= {symbol for symbol, _ in self.positions}
        for symbol in sorted(markets):
            market = self.listing(symbol).market
            if market.is_current(until):
                self._apply_trades(symbol, since, until)
            else:
                self._apply_trades(symbol, since, market.delivery_ms - 1)
                self.deliver(symbol)

    def _apply_trades(self, symbol: str, since: int, until: int) -> None:
        listing, time = self.listing(symbol), since
        while True:
            touch = simulation.next_touch(listing, time, until, *self.reach(symbol))
            if touch is None:
                break
            self._match(symbol, touch)
            self.touched(symbol, touch)
            time = touch.time

    def _match(self, symbol: str, touch: simulation.Print) -> None:
        """Fill orders that a trade reached, at their own prices, up to its amount; the best price and oldest first."""
        listing = self.listing(symbol)
        price, left = listing.price(touch.price), listing.amount(touch.amount)
        reached = [order for order in self.open(symbol) if reaches(order.side, order.price, price)]
        for order in sorted(reached, key=_place_in_queue):
            amount = min(left, order.left)
            if not amount:
                break
            left -= amount
            held = order.frozen
            order.frozen = self.hold(order, order.price, order.left - amount)
            self.free[self.currency(order)] += held - order.frozen
            self._fill(order, touch.time, order.price, amount, self.maker)

    def _fill(self, order: PaperOrder, time: int, price: Decimal, amount: Decimal, rate: Decimal) -> None:
        self.fills.append(self.settle(order, time, price, amount, rate))
        order.filled += amount
        order.cost += self.listing(order.symbol).value(price, amount)
        if not order.left:
            order.status = Status.CLOSED


def _place_in_queue(order: PaperOrder) -> tuple[Decimal, int, int]:
    """Return what sorts orders of one side: the best price first, and the one that has waited longest."""
    return order.price * (-1 if order.side is Side.BUY else 1), order.created, order.id
