"""An exchange that does what a test says, and an order desk in front of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Self

import pytest
from sqlalchemy import Engine

from orders.desk import Desk
from orders.journal import Journal
from protocol.deadline import Deadline
from protocol.errors import OrderNotFound, OutcomeUnknown
from protocol.models import Direction, NewOrder, Order, OrderId, Side, Status, Symbol
from tests.conftest import NOW, Clock

BTC = Symbol.parse("BTC_USDT")
UNCLEAR = OutcomeUnknown("Shop network: timeout")


@dataclass
class Market:
    """The exchange's own knowledge, for every account.

    made: an order comes about. fails: the error that sending it ends with, instead of its id. listed: look-ups know it.
    silent: the error that look-ups end with.
    """

    kept: dict[str, Order] = field(default_factory=dict)
    sent: list[NewOrder] = field(default_factory=list)
    made: bool = True
    fails: Exception | None = None
    listed: bool = True
    silent: Exception | None = None
    looks: int = 0
    during: Callable[[], None] = lambda: None

    def add(self, order: NewOrder, status: Status = Status.OPEN) -> Order:
        kept = Order(
            id=len(self.kept) + 1,
            side=order.side,
            price=order.price or Decimal(0),
            amount=order.amount,
            filled=Decimal(0),
            average=Decimal(0),
            status=status,
            client_id=order.client_id,
        )
        self.kept[str(kept.id)] = kept
        return kept

    def look(self) -> list[Order]:
        self.looks += 1
        if self.silent:
            raise self.silent
        return list(self.kept.values()) if self.listed else []


class Shop:
    """An account on an exchange that takes client ids."""

    name: ClassVar[str] = "Shop"
    client_id: ClassVar[Any] = True
    absent_after: ClassVar[float] = 15.0

    def __init__(self, market: Market, request: str, account: str, deadline: Deadline) -> None:
        self.market = market
        self.request = request
        self.account = account
        self.deadline = deadline
        self.replies: list[bytes] = []

    def fresh(self, deadline: Deadline | None = None) -> Self:
        return type(self)(self.market, self.request, self.account, deadline or self.deadline)

    def resolve(self, symbol: Symbol) -> Symbol:
        return symbol

    def new_client_id(self) -> str:
        return f"{self.name}{self.account}{self.request}"

    def new_order(self, symbol: Symbol, direction: Direction, price: Decimal | None, amount: Decimal) -> NewOrder:
        side = Side(direction)
        return NewOrder(symbol=symbol, side=side, price=price, amount=amount, client_id=self.new_client_id())

    def prepare(self, order: NewOrder) -> None:
        """Nothing is needed beforehand."""

    def trade(self, order: NewOrder) -> OrderId:
        self.market.sent.append(order)
        self.market.during()
        made = self.market.add(order) if self.market.made else None
        if self.market.fails:
            raise self.market.fails
        assert made
        self.replies.append(b'{"id": %d}' % made.id)
        return made.id

    def orders(self, symbol: Symbol | None) -> list[Order]:
        return [order for order in self.market.look() if order.status is Status.OPEN]

    def order(self, symbol: Symbol, order_id: str) -> Order:
        for order in self.market.look():
            if str(order.id) == order_id:
                self.replies.append(b'{"order": true}')
                return order
        raise OrderNotFound("Shop has no such order")

    def find(self, symbol: Symbol, client_id: str) -> OrderId | None:
        found = [order.id for order in self.market.look() if order.client_id == client_id]
        self.replies.append(b'{"looked": "up"}')
        return found[0] if found else None

    def cancel(self, symbol: Symbol, order_id: str) -> bool:
        raise NotImplementedError

    def explain(self, symbol: Symbol) -> str:
        return "the market's rules"

    def unreadable(self, error: Exception) -> Exception:
        return OutcomeUnknown(f"Shop: unreadable ({type(error).__name__})") if self.replies else error

    def scrub(self, text: str) -> str:
        return text.replace("secret", "******")


class OldShop(Shop):
    """An account on an exchange that takes none."""

    name = "OldShop"
    client_id = None


@dataclass
class Robot:
    """A strategy on one account: it places orders through desks of its own, one for each call.

    hears: whether it is there when an answer goes out; None when the gateway dies before that.
    """

    market: Market
    journal: Journal
    clock: Clock
    kind: type[Shop] = Shop
    account: str = "a"
    hears: bool | None = True
    gone: bool = False
    slept: list[float] = field(default_factory=list)
    desk: Desk | None = None

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.ms += round(seconds * 1000)

    def opened(self, nonce: str, *, seconds: float = 10.0) -> Desk:
        # Without a nonce no two requests are the same.
        request = nonce or f"none{len(self.market.sent)}{self.market.looks}"
        self.gone = False
        kind = self.kind(self.market, request, self.account, Deadline.after(seconds))
        self.desk = Desk(kind, self.journal, nonce, hung_up=lambda: self.gone, sleep=self.sleep)
        return self.desk

    def buy(
        self, nonce: str, price: str | None = "100", amount: str = "1", *, symbol: Symbol = BTC, seconds: float = 10.0
    ) -> OrderId:
        limit = None if price is None else Decimal(price)
        desk = self.opened(nonce, seconds=seconds)
        order_id = desk.place(symbol, Direction.BUY, limit, Decimal(amount))
        if self.hears is not None:
            desk.close(delivered=self.hears)
        return order_id

    def sell(self, nonce: str) -> OrderId:
        return self.opened(nonce).place(BTC, Direction.SELL, Decimal(100), Decimal(1))

    @property
    def marks(self) -> dict[str, bool]:
        assert self.desk
        return self.desk.marks


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def journal(state: Engine, clock: Clock) -> Journal:
    return Journal(state, clock)


@pytest.fixture
def market() -> Market:
    return Market()


@pytest.fixture
def robot(market: Market, journal: Journal, clock: Clock) -> Robot:
    return Robot(market, journal, clock)


@pytest.fixture
def old(market: Market, journal: Journal, clock: Clock) -> Robot:
    """A robot on an exchange without client ids."""
    return Robot(market, journal, clock, OldShop)
