"""An exchange that does what a test says, and a robot that trades on it through order desks."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, ClassVar, Self

import pytest

from orders.desk import Desk
from orders.journal import Journal
from protocol.deadline import Deadline
from protocol.errors import OrderNotFound, OrderStateUnknown, OutcomeUnknown
from protocol.models import Direction, NewOrder, Order, OrderId, Side, Status, Symbol
from tests.conftest import Clock

SECOND = 1000  # ms
BTC = Symbol.parse("BTC_USDT")
UNCLEAR = OutcomeUnknown("Shop network: timeout")


@dataclass
class Market:
    """The exchange's own knowledge, for every account.

    orders: by id. sent: the new orders that were asked for. creates: True if an order comes into being. error: raised
    instead of the new order's id. lists: True if look-ups know the orders. lookup_error: raised by look-ups.
    lookup_count: how many there were. on_order: called when an order arrives, before it comes into being.
    modified: what orders were to become, by id. modify_error: raised instead.
    """

    orders: dict[str, Order] = field(default_factory=dict)
    sent: list[NewOrder] = field(default_factory=list)
    creates: bool = True
    error: Exception | None = None
    lists: bool = True
    lookup_error: Exception | None = None
    lookup_count: int = 0
    on_order: Callable[[], object] = lambda: None
    modified: list[tuple[str, NewOrder]] = field(default_factory=list)
    modify_error: Exception | None = None

    def add(self, order: NewOrder, status: Status = Status.OPEN) -> Order:
        """Create an order; return it."""
        created = Order(
            id=len(self.orders) + 1,
            side=order.side,
            price=order.price or Decimal(0),
            amount=order.amount,
            filled=Decimal(0),
            average=Decimal(0),
            status=status,
            client_id=order.client_id,
        )
        self.orders[str(created.id)] = created
        return created

    def look(self) -> list[Order]:
        """Return the orders that a look-up finds."""
        self.lookup_count += 1
        if self.lookup_error:
            raise self.lookup_error
        return list(self.orders.values()) if self.lists else []


class Shop:
    """An account on an exchange that takes client ids."""

    name: ClassVar[str] = "Shop"
    client_id: ClassVar[Any] = True
    absent_after: ClassVar[float] = 15.0
    has_contracts: ClassVar[bool] = False
    secret_digest = "digest"

    def __init__(self, market: Market, request: str, account: str, deadline: Deadline) -> None:
        self.books = market
        self.request = request
        self.account = account
        self.deadline = deadline
        self.replies: list[bytes] = []
        self.urgent = False
        self.last_check: Callable[[], None] = lambda: None

    def fresh(self, deadline: Deadline | None = None) -> Self:
        return type(self)(self.books, self.request, self.account, deadline or self.deadline)

    def resolve(self, symbol: Symbol) -> Symbol:
        return symbol

    def market(self, symbol: Symbol) -> str:
        return str(symbol)

    def new_client_id(self) -> str:
        return f"{self.name}{self.account}{self.request}"

    def new_order(self, symbol: Symbol, direction: Direction, price: Decimal | None, amount: Decimal) -> NewOrder:
        side = Side(direction)
        return NewOrder(symbol=symbol, side=side, price=price, amount=amount, client_id=self.new_client_id())

    def prepare(self, order: NewOrder) -> None:
        """Do nothing."""

    def fit(self, order: NewOrder) -> NewOrder:
        return order

    def trade(self, order: NewOrder) -> OrderId:
        self.books.sent.append(order)
        self.books.on_order()
        created = self.books.add(order) if self.books.creates else None
        if self.books.error:
            raise self.books.error
        assert created
        self.replies.append(f'{{"id": {created.id}}}'.encode())
        return created.id

    def orders(self, symbol: Symbol | None) -> list[Order]:
        return [order for order in self.books.look() if order.status is Status.OPEN]

    def order(self, symbol: Symbol, order_id: str) -> Order:
        for order in self.books.look():
            if str(order.id) == order_id:
                self.replies.append(b'{"order": true}')
                return order
        raise OrderNotFound("Shop has no such order")

    def find(self, symbol: Symbol, client_id: str) -> OrderId | None:
        found = [order.id for order in self.books.look() if order.client_id == client_id]
        self.replies.append(b'{"looked": "up"}')
        return found[0] if found else None

    def modify(self, order_id: str, order: NewOrder) -> OrderId:
        self.last_check()
        self.books.modified.append((order_id, order))
        if self.books.modify_error:
            raise self.books.modify_error
        before = self.books.orders[order_id]
        assert order.price
        self.books.orders[order_id] = replace(before, price=order.price, amount=order.amount)
        self.replies.append(b'{"modified": true}')
        return before.id

    def cancel(self, symbol: Symbol, order_id: str) -> bool:
        raise NotImplementedError

    def explain(self, order: NewOrder) -> str:
        return "the market's rules"

    def unreadable(self, error: Exception) -> Exception:
        return OutcomeUnknown(f"Shop: unreadable ({type(error).__name__})") if self.replies else error

    def scrub(self, text: str) -> str:
        return text.replace("secret", "******")


class OldShop(Shop):
    """An account on an exchange without client ids."""

    name = "OldShop"
    client_id = None


@dataclass
class Robot:
    """A strategy on one account: it places orders through desks of its own, one for each call.

    is_listening: True if it is connected when an answer goes out; None if the gateway dies before that. has_hung_up:
    True once it has closed the connection of the call under way. is_connected: True if it surely has not, as far as
    other calls can see. sleeps: the seconds of each pause; they pass at once.
    """

    market: Market
    journal: Journal
    clock: Clock
    kind: type[Shop] = Shop
    account: str = "a"
    is_listening: bool | None = True
    has_hung_up: bool = False
    is_connected: bool = False
    sleeps: list[float] = field(default_factory=list)
    desk: Desk | None = None

    def __post_init__(self) -> None:
        self.sleep: Callable[[float], None] = self.doze

    def doze(self, seconds: float) -> None:
        """Move the clock instead of waiting."""
        self.sleeps.append(seconds)
        self.clock.ms += round(seconds * 1000)

    def open_desk(self, nonce: str, *, seconds: float = 10.0) -> Desk:
        """Return the desk of one call with this nonce."""
        # Without a nonce no two requests are the same.
        request = nonce or f"none{len(self.market.sent)}{self.market.lookup_count}"
        self.has_hung_up = False
        kind = self.kind(self.market, request, self.account, Deadline.after(seconds))
        self.desk = Desk(
            kind,
            self.journal,
            nonce,
            hung_up=lambda: self.has_hung_up,
            is_connected=lambda: self.is_connected,
            sleep=self.sleep,
        )
        return self.desk

    def buy(
        self, nonce: str, price: str | None = "100", amount: str = "1", *, symbol: Symbol = BTC, seconds: float = 10.0
    ) -> OrderId:
        """Buy, and take the answer; return the order's id."""
        limit = None if price is None else Decimal(price)
        desk = self.open_desk(nonce, seconds=seconds)
        order_id = desk.place(symbol, Direction.BUY, limit, Decimal(amount))
        if self.is_listening is not None:
            desk.close(delivered=self.is_listening)
        return order_id

    def buy_unclear(self, nonce: str = "1", **asked: Any) -> str:
        """Buy, and check that the outcome stays unknown; return the order's client id."""
        with pytest.raises(OrderStateUnknown) as raised:
            self.buy(nonce, **asked)
        assert str(raised.value).startswith("ORDER_STATE_UNKNOWN ")
        return raised.value.message.split()[0]

    def die_while_sending(self, nonce: str) -> None:
        """Have the gateway write the intent of an order, and die."""

        class Dies(Shop):
            def trade(self, order: NewOrder) -> OrderId:
                raise SystemExit

        self.kind = Dies
        with pytest.raises(SystemExit):
            self.buy(nonce)
        self.kind = Shop

    def sell(self, nonce: str) -> OrderId:
        """Sell; return the order's id."""
        return self.open_desk(nonce).place(BTC, Direction.SELL, Decimal(100), Decimal(1))

    @property
    def marks(self) -> dict[str, object]:
        """Return the marks of the last call's reply."""
        assert self.desk
        return self.desk.marks
