"""Cancelling for sure: what an exchange accepts, refuses or leaves unclear is checked by a look at the order."""

from collections.abc import Callable

from orders.lookup import naps
from orders.venue import Venue
from protocol.errors import UNREADABLE, GatewayError, OrderFilled, OrderNotFound, OutcomeUnknown
from protocol.models import Status, Symbol

_STILL_OPEN = "the order is still open"


def cancel(exchange: Venue, symbol: Symbol, order_id: str, sleep: Callable[[float], None]) -> bool:
    """Cancel an order; True when it is cancelled, or was already.

    Raises OrderFilled, OrderNotFound when the exchange does not know it even when asked for it, and OutcomeUnknown when
    it may still be open.
    """
    gone: OrderNotFound | None = None
    why = f"{exchange.name}: the cancellation was accepted"
    try:
        if exchange.cancel(symbol, order_id):
            return True
    except OrderNotFound as error:
        gone, why = error, error.message
    except OutcomeUnknown as error:
        why = error.message
    except UNREADABLE as error:
        wrong = exchange.unreadable(error)
        if not isinstance(wrong, OutcomeUnknown):
            raise
        why = wrong.message
    pauses = naps(exchange.until)
    while against := _against(exchange, symbol, order_id, gone):
        pause = next(pauses, None)
        if pause is None or (gone and against == _STILL_OPEN):
            raise OutcomeUnknown(f"{why.rstrip('.')}; {against}. Cancel it again")
        sleep(pause)
    return True


def _against(exchange: Venue, symbol: Symbol, order_id: str, gone: OrderNotFound | None) -> str:
    """What speaks against an order's being cancelled, nothing when it is. Raises OrderFilled, and ``gone`` when the
    exchange still does not know the order."""
    try:
        order = exchange.order(symbol, order_id)
    except OrderNotFound:
        if gone:
            raise gone from None
        return "the order is not found"
    except (GatewayError, *UNREADABLE):
        return "the order could not be looked at"
    if order.status is Status.CLOSED:
        raise OrderFilled(f"{exchange.name}: order {order_id} is filled, and cannot be cancelled")
    return "" if order.status is Status.CANCELLED else _STILL_OPEN
