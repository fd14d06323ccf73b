"""The errors of an order's request that are not the exchange's own, and what is added to those that are."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from orders.intents import Intent
from orders.trader import Trader
from protocol.errors import GatewayError, InvalidOrder, NotSent, OrderStateUnknown, cause
from protocol.models import NewOrder
from tables import DatabaseReplaced

log = logging.getLogger("fmz-gateway")


def order_unknown(intent: Intent, why: str, *, has_client_ids: bool, window: float) -> OrderStateUnknown:
    """Return the error for an order that may exist. window: seconds in which the next order waits for it."""
    if has_client_ids:
        then = (
            f"The gateway goes on looking for it; within {window:g} s the next order of this symbol and side is "
            "answered with it, if it exists"
        )
    else:
        then = (
            f"{intent.exchange} cannot be asked for it: look at your orders there, then say `fmz-gateway orders "
            f"resolve {intent.client_id}`; until then orders of this symbol and side wait, at most {window:g} s"
        )
    return OrderStateUnknown(f"{intent.client_id} {why}. The order may exist. {then}")


def earlier_in_progress(exchange: str, order: NewOrder) -> NotSent:
    """Return the error for an order whose time ended while it waited for an earlier one."""
    return NotSent(
        f"{exchange}: an earlier order of {order.symbol} {order.side} is still in progress; nothing was sent, it is "
        "safe to try again"
    )


def explained(exchange: Trader, error: GatewayError, order: NewOrder) -> GatewayError:
    """Return the error of a refused order, with the market's rules added if it broke one."""
    if not isinstance(error, InvalidOrder):
        return error
    return InvalidOrder("; ".join(filter(None, (error.message, exchange.explain(order)))), code=error.code)


@contextmanager
def journal_required() -> Iterator[None]:
    """Turn a failure of the database into NotSent: an order that cannot be written is not sent."""
    try:
        yield
    except DatabaseReplaced as error:
        log.error("%s", error)
        raise NotSent(f"{error}. No order is sent without its journal; nothing was sent") from None
    except SQLAlchemyError as error:
        log.error("the journal cannot be used: %s", cause(error))
        raise NotSent(
            "the gateway's journal cannot be written, and no order is sent without it: check STATE_URL and the disk. "
            "Nothing was sent"
        ) from None
