"""Looking for an order whose outcome is not known: it is never sent again."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from sqlalchemy.exc import SQLAlchemyError

from orders.journal import OPEN, Intent, Journal, State
from orders.venue import Venue
from protocol.errors import UNREADABLE, GatewayError, NotSent
from protocol.models import OrderId

log = logging.getLogger("fmz-gateway")

_FIRST_NAP, _LONGEST_NAP = 0.1, 1.0  # seconds between two looks at the exchange, whose limits count them
_FIRST_BLINK = 0.002  # seconds between two looks at the journal
_MAX_ANSWER = 64 * 1024  # characters of a reply that are kept


def naps(until: float, first: float = _FIRST_NAP) -> Iterator[float]:
    """Seconds to sleep between two looks, ever longer; not more in all than there are until a time in
    ``time.monotonic()`` seconds."""
    left, nap = until - time.monotonic(), first
    while nap <= left and time.monotonic() + nap <= until:
        yield nap
        left, nap = left - nap, min(2 * nap, _LONGEST_NAP)


class Lookup:
    """Looks for orders of one account on one exchange. sleep: waits for seconds."""

    def __init__(self, exchange: Venue, journal: Journal, sleep: Callable[[float], None]) -> None:
        self._exchange = exchange
        self._journal = journal
        self._sleep = sleep

    def resolve(self, intent: Intent, *, own: bool = False) -> Intent:
        """Look until it is known what became of an order, or the call's time is over; the intent as it is then.

        ``own``: the order is this very call's. Somebody else's is left to them for as long as they are at work on it.
        """
        pauses = naps(self._exchange.until)
        while intent.state in OPEN:
            if own or intent.left_alone(self._journal.now()):
                intent = self.look(intent, own=own)
            pause = next(pauses, None)
            if intent.state not in OPEN or pause is None:
                break
            self._sleep(pause)
            intent = intent if own else self._journal.get(intent.client_id) or intent
        return intent

    def answered(self, intent: Intent) -> Intent:
        """Wait until an accepted order's own caller has been given its id, or cannot be any more, or the call's time is
        over; the intent as it is then."""
        for pause in naps(self._exchange.until, first=_FIRST_BLINK):
            if intent.answered_as or intent.left_alone(self._journal.now()):
                break
            self._sleep(pause)
            intent = self._journal.get(intent.client_id) or intent
        return intent

    def look(self, intent: Intent, *, own: bool = False) -> Intent:
        """Look once, and write what was found; the intent as it is then."""
        try:
            found = self._find(intent)
        except (GatewayError, *UNREADABLE):
            return intent
        if found is not None:
            resolved = replace(intent, state=State.ACCEPTED, order_id=found, reply=self.answer())
        elif self._exchange.client_id and self._journal.now() > self._end(intent):
            said = (
                f"{intent.exchange} has no order {intent.client_id}, which was looked for when it could no longer come "
                "about; it is safe to try again"
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

    def answer(self) -> str | None:
        """The exchange's last reply in JSON, to be kept without what nobody may read; None when it cannot be."""
        reply = self._exchange.scrub((self._exchange.reply or b"").decode())
        try:
            json.loads(reply)
        except ValueError:
            return None
        return reply if len(reply) <= _MAX_ANSWER else None

    def _end(self, intent: Intent) -> int:
        """When, in ms, an order that is not found does not exist."""
        return (intent.unclear_since_ms or intent.expires_ms) + round(self._exchange.settled * 1000)

    def _find(self, intent: Intent) -> OrderId | None:
        if self._exchange.client_id:
            return self._exchange.find(intent.symbol, intent.client_id)
        # An exchange without client ids: one new order like it, and of nobody else's.
        if self._journal.overtaken(intent):
            return None
        terms = (intent.side, intent.price, intent.amount)
        new = [
            order.id
            for order in self._exchange.orders(intent.symbol)
            if (order.side, order.price, order.amount) == terms
            and str(order.id) not in (intent.open_before or ())
            and not self._journal.claims(intent, order.id)
        ]
        return new[0] if len(new) == 1 else None
