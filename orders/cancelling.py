"""Cancelling: what an exchange accepts, refuses or leaves unclear is checked by asking for the order."""

from collections.abc import Callable

from orders.lookup import pauses
from orders.trader import Trader
from protocol.errors import UNREADABLE, GatewayError, OrderFilled, OrderNotFound, OutcomeUnknown
from protocol.models import Status, Symbol

_STILL_OPEN = "the order is still open"


def cancel(exchange: Trader, symbol: Symbol, order_id: str, sleep: Callable[[float], None]) -> list[bytes]:
    """Cancel an order; return the exchange's replies that say it is cancelled, or was already.

    Raises OrderFilled, OrderNotFound when the exchange does not know the order even when asked for it, and
    OutcomeUnknown when it may still be open.
    """
    not_found: OrderNotFound | None = None
    reason = f"{exchange.name}: the cancellation was accepted"
    try:
        if exchange.cancel(symbol, order_id):
            return exchange.replies
    except OrderNotFound as error:
        not_found, reason = error, error.message
    except OutcomeUnknown as error:
        reason = error.message
    except UNREADABLE as error:
        wrong = exchange.unreadable(error)
        if not isinstance(wrong, OutcomeUnknown):
            raise
        reason = wrong.message
    waits = pauses(exchange.deadline)
    while doubt := _check(asked := exchange.fresh(), symbol, order_id, not_found):
        pause = next(waits, None)
        if pause is None or (not_found and doubt == _STILL_OPEN):
            raise OutcomeUnknown(f"{reason.rstrip('.')}; {doubt}. Cancel it again")
        sleep(pause)
    return asked.replies


def _check(exchange: Trader, symbol: Symbol, order_id: str, not_found: OrderNotFound | None) -> str:
    """Ask for an order; return the reason to think that it is not cancelled, empty when it is.

    Raises OrderFilled, and ``not_found`` when the exchange still does not know the order.
    """
    try:
        order = exchange.order(symbol, order_id)
    except OrderNotFound:
        if not_found:
            raise not_found from None
        return "the order is not found"
    except (GatewayError, *UNREADABLE):
        return "the order could not be looked at"
    if order.status is Status.CLOSED:
        raise OrderFilled(f"{exchange.name}: order {order_id} is filled, and cannot be cancelled")
    return "" if order.status is Status.CANCELLED else _STILL_OPEN
