"""Modifying: an open order gets another price or amount, by one request that is never sent again.

The order is asked for first, so what is sent is the whole new state, price and whole amount: the same call once more
changes nothing more.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from orders.failures import explained
from orders.trader import Trader
from protocol.errors import (
    UNREADABLE,
    InvalidCall,
    InvalidOrder,
    OrderFilled,
    OrderNotFound,
    OrderStateUnknown,
    OutcomeUnknown,
    before_sending,
    reading,
)
from protocol.models import Direction, NewOrder, Order, OrderId, Status, Symbol
from protocol.numbers import plain


@dataclass(frozen=True, slots=True)
class Change:
    """A change of an order, as it was asked for. direction: of the order. price, amount: None to leave it as it is;
    the amount is the whole order's, what is filled of it included."""

    direction: Direction
    price: Decimal | None
    amount: Decimal | None


@dataclass(frozen=True, slots=True)
class Modified:
    """A modified order. before: as it was. after: its new price and amount. order_id: its id, mostly the same. replies:
    the exchange's replies that say so."""

    before: Order
    after: NewOrder
    order_id: OrderId
    replies: list[bytes]

    @property
    def has_new_id(self) -> bool:
        """Return True if the exchange has given it another id."""
        return str(self.order_id) != str(self.before.id)

    def marks(self, change: Change) -> dict[str, object]:
        """Return the price and amount that were sent, if they differ from those that were asked for."""
        wanted = {"price": change.price, "amount": change.amount}
        sent: dict[str, object] = {"price": self.after.price, "amount": self.after.amount}
        differs = any(number is not None and number != sent[name] for name, number in wanted.items())
        return {"sent": sent} if differs else {}


def modify(exchange: Trader, symbol: Symbol, order_id: str, change: Change, last_check: Callable[[], None]) -> Modified:
    """Modify an open order of a market. last_check: see Trader.

    Raises OrderNotFound, OrderFilled, InvalidCall and InvalidOrder before anything is sent, NotSent if it was not sent,
    OrderStateUnknown if the order may have been modified, else the exchange's own error.
    """
    look = exchange.fresh()
    with before_sending("the modification"):
        with reading(look.unreadable):
            order = look.order(symbol, order_id)
        _check(exchange, order, change)
        new = _new_state(exchange, symbol, order, change)
    if (new.price, new.amount) == (order.price, order.amount):
        return Modified(order, new, order.id, look.replies)
    sender = exchange.fresh()
    sender.last_check = last_check
    try:
        modified = sender.modify(order_id, new)
    except OutcomeUnknown as error:
        raise _unknown(order_id, error) from None
    except InvalidOrder as error:
        raise explained(exchange, error, new) from None
    except UNREADABLE as error:
        wrong = sender.unreadable(error)
        raise (_unknown(order_id, wrong) if isinstance(wrong, OutcomeUnknown) else wrong) from None
    return Modified(order, new, modified, sender.replies)


def _check(exchange: Trader, order: Order, change: Change) -> None:
    """Raise the error for an order that cannot be modified like this."""
    if order.status is Status.CLOSED:
        raise OrderFilled(f"{exchange.name}: order {order.id} is filled, and cannot be modified; nothing was sent")
    if order.status is Status.CANCELLED:
        raise OrderNotFound(
            f"{exchange.name}: order {order.id} is cancelled, and cannot be modified: place a new one; nothing was sent"
        )
    if order.side is not change.direction.side or (change.direction.closes and not exchange.has_contracts):
        raise InvalidCall(
            f"order {order.id} is a {order.side} and not a {change.direction}: a modified order keeps its side; "
            "nothing was sent"
        )
    if not order.price:
        raise InvalidCall(f"order {order.id} is a market order, and cannot be modified; nothing was sent")
    _check_amount(order, order.amount if change.amount is None else change.amount)


def _check_amount(order: Order, amount: Decimal) -> None:
    """Raise InvalidCall for a whole amount that leaves nothing of an order."""
    if amount <= order.filled:
        raise InvalidCall(
            f"{plain(order.filled)} of order {order.id} is filled, and a whole amount of {plain(amount)} leaves "
            "nothing: call CancelOrder to end it; nothing was sent"
        )


def _new_state(exchange: Trader, symbol: Symbol, order: Order, change: Change) -> NewOrder:
    """Return an order as it is to become. What changes is on the market's steps; what stays is as it is."""
    asked = NewOrder(
        symbol=symbol,
        side=order.side,
        price=order.price if change.price is None else change.price,
        amount=order.amount if change.amount is None else change.amount,
        closes=change.direction.closes,
    )
    fitted = exchange.fit(asked)
    new = replace(
        asked,
        price=order.price if change.price is None else fitted.price,
        amount=order.amount if change.amount is None else fitted.amount,
    )
    _check_amount(order, new.amount)
    return new


def _unknown(order_id: str, error: OutcomeUnknown) -> OrderStateUnknown:
    """Return the error for an order that may have been modified."""
    return OrderStateUnknown(
        f"{error.message.rstrip('.')}. Order {order_id} may have the old or the new price and amount: ask GetOrder, "
        "then call ModifyOrder again if it still has the old ones",
        code=error.code,
    )
