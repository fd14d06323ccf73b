"""Look-ups of an order whose outcome is unknown: it is looked up, never sent again."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace

from sqlalchemy.exc import SQLAlchemyError

from orders.failures import order_unknown
from orders.intents import OPEN, Intent, State
from orders.journal import Journal
from orders.trader import Trader
from protocol.deadline import Deadline
from protocol.errors import UNREADABLE, GatewayError, NotSent, OrderStateUnknown
from protocol.models import OrderId

log = logging.getLogger("fmz-gateway")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0  # seconds between two look-ups at the exchange, whose limits count them
_FIRST_JOURNAL_PAUSE = 0.002  # seconds between two look-ups in the journal
_MAX_REPLY = 64 * 1024  # characters of a reply that are kept


def pauses(deadline: Deadline, first: float = _FIRST_PAUSE) -> Iterator[float]:
    """Yield the seconds to sleep between two look-ups, growing, in total no more than are left until the deadline."""
    left, pause = deadline.left(), first
    while pause <= left and pause <= deadline.left():
        yield pause
        left, pause = left - pause, min(2 * pause, _LONGEST_PAUSE)


def stored_reply(exchange: Trader) -> str | None:
    """Return the exchange's last reply to this object, scrubbed, in JSON; None when it is too long or not JSON."""
    reply = exchange.scrub((exchange.replies or [b""])[-1].decode())
    try:
        json.loads(reply)
    except ValueError:
        return None
    return reply if len(reply) <= _MAX_REPLY else None


class Lookup:
    """The look-ups of orders of one account on one exchange. sleep: waits for seconds."""

    def __init__(self, exchange: Trader, journal: Journal, sleep: Callable[[float], None]) -> None:
        self._exchange = exchange
        self._journal = journal
        self._sleep = sleep

    def resolve(self, intent: Intent, *, own: bool = False) -> Intent:
        """Look an order up until its outcome is known or the call's deadline is near; return the intent as it is then.

        own: the order is this call's. Another request's order is left to that request until it has ended.
        """
        waits = pauses(self._exchange.deadline)
        while intent.state in OPEN:
            if own or intent.is_abandoned(self._journal.now()):
                intent = self.look(intent, own=own)
            pause = next(waits, None)
            if intent.state not in OPEN or pause is None:
                break
            self._sleep(pause)
            intent = intent if own else self._journal.get(intent.client_id) or intent
        return intent

    def wait_delivered(self, intent: Intent) -> Intent:
        """Wait until an accepted order's own caller has been given its id, or its request has ended, or the call's
        deadline is near; return the intent as it is then."""
        for pause in pauses(self._exchange.deadline, first=_FIRST_JOURNAL_PAUSE):
            if intent.answered_as or intent.is_abandoned(self._journal.now()):
                break
            self._sleep(pause)
            intent = self._journal.get(intent.client_id) or intent
        return intent

    def look(self, intent: Intent, *, own: bool = False) -> Intent:
        """Look once, and write what was found; return the intent as it is then."""
        exchange = self._exchange.fresh()
        exchange.urgent = True  # or other calls use up the limits, and the order stays unknown
        try:
            found = self._find(exchange, intent)
        except (GatewayError, SQLAlchemyError, *UNREADABLE):  # the order stays unknown
            return intent
        if found is not None:
            resolved = replace(intent, state=State.ACCEPTED, order_id=found, reply=stored_reply(exchange))
        elif self._exchange.client_id and self._is_too_late(intent):
            said = (
                f"{intent.exchange} has no order {intent.client_id}, and it is too late for it to appear; it is safe "
                "to try again"
            )
            resolved = replace(intent, state=State.ABSENT, reply=str(NotSent(said)))
        else:
            return intent
        if not own:
            resolved = replace(resolved, told_ms=intent.told_ms or intent.expires_ms)
        log.warning("order %s on %s: looked for, and %s", intent.client_id, intent.exchange, resolved.state)
        try:
            self._journal.decide(resolved)
        except SQLAlchemyError as error:
            log.error("the journal could not be written: %s", type(error).__name__)
        return resolved

    @property
    def unknown_for(self) -> float:
        """Return the seconds after an unknown order in which the next one waits for it: as many as the window has, and
        no fewer than it takes until an order that is not found does not exist."""
        return max(self._journal.window, self._exchange.absent_after if self._exchange.client_id else 0.0)

    def unknown(self, intent: Intent, why: str) -> OrderStateUnknown:
        """Return the error for an order that may exist."""
        has_client_ids = bool(self._exchange.client_id)
        return order_unknown(intent, why, has_client_ids=has_client_ids, window=self.unknown_for)

    def _is_too_late(self, intent: Intent) -> bool:
        """Return True once an order that is not found does not exist."""
        now = self._journal.now()
        if now <= self._absent_after_ms(intent):
            return False
        try:  # its times may have been moved since it was read
            return now > self._absent_after_ms(self._journal.get(intent.client_id) or intent)
        except SQLAlchemyError:
            return False

    def _absent_after_ms(self, intent: Intent) -> int:
        """Return the time, in ms, after which an order that is not found does not exist."""
        return (intent.unclear_since_ms or intent.expires_ms) + round(self._exchange.absent_after * 1000)

    def _find(self, exchange: Trader, intent: Intent) -> OrderId | None:
        if exchange.client_id:
            return exchange.find(intent.sent_to, intent.client_id)
        # An exchange without client ids: the only new order with the same terms that belongs to no other request.
        if self._journal.has_later_twin(intent):
            return None
        terms = (intent.side, intent.price, intent.amount)
        new = [
            order.id
            for order in exchange.orders(intent.sent_to)
            if (order.side, order.price, order.amount) == terms
            and str(order.id) not in (intent.open_before or ())
            and not self._journal.belongs_to_other(intent, order.id)
        ]
        return new[0] if len(new) == 1 else None
