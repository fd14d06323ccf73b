"""An account in memory: its orders, and how they are matched with the market. ``spot`` and ``futures`` say what a fill
does."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar

from exchanges.paper import simulation
from exchanges.paper.listings import Listing
from exchanges.paper.money import NOTHING, trimmed
from protocol.errors import ExchangeError, InsufficientFunds, InvalidCall, InvalidOrder, OrderFilled
from protocol.models import NewOrder, PositionSide, Side, Status
from protocol.numbers import plain


@dataclass(slots=True, kw_only=True)
class PaperOrder:
    """An order; ``symbol`` is the exchange's own name of its market, ``price`` 0 means market, ``cost`` is the value of
    its fills in quote (of inverse contracts in base), ``frozen`` is the money it holds: quote or base on spot, margin
    and fee on futures, nothing when it closes a position."""

    id: int = 0
    symbol: str
    side: Side
    price: Decimal
    amount: Decimal
    closes: bool
    leverage: int
    client_id: str
    created: int
    filled: Decimal = NOTHING
    cost: Decimal = NOTHING
    frozen: Decimal = NOTHING
    status: Status = Status.OPEN

    @property
    def left(self) -> Decimal:
        """Return the amount that is not filled."""
        return self.amount - self.filled


@dataclass(slots=True, kw_only=True)
class PaperPosition:
    """An open position: contracts, their value when opened, and the margin that is left for them."""

    symbol: str
    side: PositionSide
    amount: Decimal = NOTHING
    cost: Decimal = NOTHING
    margin: Decimal = NOTHING
    leverage: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """A movement of money, ``order`` None for a liquidation or a delivery; ``profit`` is that of a closed part of a
    position."""

    order: PaperOrder | None
    symbol: str
    time: int
    side: Side
    price: Decimal
    amount: Decimal
    fee: Decimal
    fee_currency: str
    profit: Decimal = NOTHING

    @classmethod
    def of(
        cls, order: PaperOrder, time: int, price: Decimal, amount: Decimal, fee: Decimal, fee_currency: str
    ) -> "Fill":
        """Return a fill of an order."""
        return cls(
            order=order,
            symbol=order.symbol,
            time=time,
            side=order.side,
            price=price,
            amount=amount,
            fee=fee,
            fee_currency=fee_currency,
        )


@dataclass
class Account(ABC):
    """An account: free money by currency, orders by id (those that were open when it was loaded, and later ones),
    positions, and the fills since it was loaded."""

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

    def limits(self, symbol: str) -> tuple[list[int], list[int]]:
        """Return the prices, in ticks, at or below which something happens, and those at or above which."""
        ticks, orders = self.listing(symbol).ticks, self.open(symbol)
        return (
            [int(ticks(order.price)) for order in orders if order.side is Side.BUY],
            [int(ticks(order.price)) for order in orders if order.side is Side.SELL],
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
        book = simulation.book(listing, now)
        _check(self.exchange, listing, new, listing.price(book.bids[0][0]))
        taken = list(_crossing(listing, new, book.asks if new.side is Side.BUY else book.bids))
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
        rest = order.price, order.amount - sum(amount for _, amount in taken)
        needed = self.needed(new, order, sum((self.hold(order, *part) for part in [*taken, rest]), NOTHING))
        free = self.free[self.currency(order)]
        if needed > free:
            raise InsufficientFunds(
                f"{self.exchange}: the order needs {_text(needed)} {self.currency(order)}; {_text(free)} is free"
            )
        for price, amount in taken:
            self._fill(order, now, price, amount, self.taker)
        if new.price is None:
            order.status = Status.CLOSED if order.filled and not order.left else Status.CANCELLED
        elif order.left:
            order.frozen = self.hold(order, order.price, order.left)
            self.free[self.currency(order)] -= order.frozen
        return order

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
        markets = {order.symbol for order in self.open()} | {symbol for symbol, _ in self.positions}
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
            bids, asks = self.limits(symbol)
            touch = simulation.next_touch(listing, time, until, max(bids, default=None), min(asks, default=None))
            if touch is None:
                break
            self._match(symbol, touch)
            self.touched(symbol, touch)
            time = touch.time

    def _match(self, symbol: str, touch: simulation.Print) -> None:
        """Fill orders that a trade reached, at their own prices, up to its amount; the best price and oldest first."""
        listing = self.listing(symbol)
        price, left = listing.price(touch.price), listing.amount(touch.amount)
        reached = [order for order in self.open(symbol) if _reaches(order.side, order.price, price)]
        for order in sorted(reached, key=lambda order: order.price * (-1 if order.side is Side.BUY else 1)):
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


def _reaches(side: Side, limit: Decimal, price: Decimal) -> bool:
    return limit >= price if side is Side.BUY else limit <= price


def _check(exchange: str, listing: Listing, new: NewOrder, price: Decimal) -> None:
    """Raise InvalidOrder if an order breaks the market's rules."""
    rules = listing.market

    def refused(what: str, number: Decimal, rule: str, limit: Decimal) -> InvalidOrder:
        return InvalidOrder(f"{exchange}: {what} {_text(number)} is {rule} {_text(limit)}")

    if new.price is not None and listing.ticks(new.price).denominator != 1:
        raise refused("price", new.price, "not a multiple of the price step", rules.tick_size)
    if not new.spends:
        if listing.lots(new.amount).denominator != 1:
            raise refused("amount", new.amount, "not a multiple of the amount step", rules.lot_size)
        if new.amount < rules.min_amount:
            raise refused("amount", new.amount, "below the least amount", rules.min_amount)
    value = new.amount if new.spends else listing.notional(price if new.price is None else new.price, new.amount)
    if value < rules.min_notional:
        raise refused(f"a value in {rules.symbol.quote} of", value, "below the least value", rules.min_notional)


def _crossing(
    listing: Listing, new: NewOrder, levels: tuple[tuple[int, int], ...]
) -> Iterator[tuple[Decimal, Decimal]]:
    """Yield the prices and amounts that a new order takes from the levels of a book."""
    left = new.amount
    for ticks, lots in levels:
        price, amount = listing.price(ticks), listing.amount(lots)
        if new.price is not None and not _reaches(new.side, new.price, price):
            return
        if not new.spends:
            amount = min(amount, left)
            left -= amount
        else:
            if price * amount > left:
                amount = left // (price * listing.market.lot_size) * listing.market.lot_size
            left -= price * amount
        if not amount:
            return
        yield price, amount


def _text(number: Decimal) -> str:
    return plain(trimmed(number))
