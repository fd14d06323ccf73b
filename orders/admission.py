"""Admission of an order: it may be sent, or an earlier order answers its request."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from orders.failures import earlier_in_progress, journal_required
from orders.intents import OPEN, Intent, State
from orders.journal import Journal
from orders.lookup import Lookup
from orders.queue import Ticket
from orders.trader import Trader
from protocol.errors import NotSent, before_sending
from protocol.models import NewOrder, OrderId

log = logging.getLogger("fmz-gateway")

_CLOCK_SKEW_MS = 2000  # the clocks of hosts may differ by this


@dataclass(frozen=True, slots=True)
class Proceed:
    """The decision to send the order: its intent is written."""

    intent: Intent


@dataclass(frozen=True, slots=True)
class Replay:
    """The decision to send nothing: the same request was made before, or, if nonces are strict, another one with its
    nonce."""

    stored: Intent


@dataclass(frozen=True, slots=True)
class Adopt:
    """The decision to send nothing: an earlier order, whose id no caller was given, exists and answers this request."""

    intent: Intent
    order_id: OrderId
    reply: str | None


class Admission:
    """The admission of one call's order. nonce: of FMZ's request. hung_up: returns True when its caller has closed the
    connection."""

    def __init__(
        self, exchange: Trader, journal: Journal, lookup: Lookup, nonce: str, hung_up: Callable[[], bool]
    ) -> None:
        self._exchange = exchange
        self._journal = journal
        self._lookup = lookup
        self._nonce = nonce
        self._hung_up = hung_up

    def admit(self, order: NewOrder, ticket: Ticket) -> Proceed | Replay | Adopt:
        """Write the order's intent, once no earlier order of its line is unresolved but those that it goes beside.

        Raises OrderStateUnknown for an earlier order that remains unknown, and NotSent when it is in progress, when the
        caller has closed the connection, and when the journal cannot be written.
        """
        while True:
            self.require_caller()
            intent = self._intent(order)
            with journal_required():
                earlier = self._journal.begin(intent, self._lookup.unknown_for, ticket.list_beside())
            if earlier is None:
                ticket.intent = intent
                return Proceed(intent)
            if self._journal.blocks_nonce(intent, earlier):
                return Replay(earlier)
            adopted = self._resolve(earlier, order, intent)
            if adopted:
                return adopted

    def require_caller(self) -> None:
        """Raise NotSent when the caller has closed the connection: it may have tried again since."""
        if self._hung_up():
            raise NotSent(
                f"{self._exchange.name}: the caller closed the connection before the order was sent; nothing was sent"
            )

    def require_callers(self, order: NewOrder, ticket: Ticket) -> None:
        """Raise NotSent when the caller has closed the connection, and when that of a like order beside this one has:
        it may have done so earlier than was seen, and this order be its next attempt."""
        self.require_caller()
        assert ticket.intent, "an order that is being sent was admitted"
        if any(ticket.intent.is_like(other, self._journal.adopt_within) for other in ticket.list_given_up()):
            raise earlier_in_progress(self._exchange.name, order)

    def _resolve(self, earlier: Intent, order: NewOrder, intent: Intent) -> Adopt | None:
        """Resolve an earlier order, and adopt it if it exists and no caller was given its id. Raises NotSent while one
        that was placed with another secret is unresolved: nothing is told of it."""
        if not intent.has_secret_of(earlier):
            raise earlier_in_progress(self._exchange.name, order)
        resolved = self._lookup.resolve(earlier)
        if resolved.state in OPEN:
            raise self._lookup.unknown(
                resolved, "an earlier order of this symbol and side is still unknown, and nothing new was sent"
            )
        if resolved.state is not State.ACCEPTED or not intent.is_like(resolved, self._journal.adopt_within):
            return None  # it blocks no longer
        resolved = self._lookup.wait_delivered(resolved)
        if resolved.answered_as:
            return None
        if not resolved.is_abandoned(self._journal.now()):
            raise earlier_in_progress(self._exchange.name, order)
        return self._adopt(resolved, intent)

    def _adopt(self, orphan: Intent, intent: Intent) -> Adopt | None:
        with journal_required():
            adopted = self._journal.adopt(orphan, intent)
        if not adopted:
            return None
        log.warning(
            "order %s on %s is the answer to the next one, %s, which was not sent",
            orphan.client_id, intent.exchange, intent.client_id,
        )  # fmt: skip
        assert orphan.order_id is not None, "an accepted order has an id"
        return Adopt(intent, orphan.order_id, orphan.reply)

    def _intent(self, order: NewOrder) -> Intent:
        exchange, open_before = self._exchange, None
        if not exchange.client_id:
            with before_sending():
                open_before = frozenset(str(one.id) for one in exchange.fresh().orders(order.symbol))
        return Intent(
            client_id=order.client_id,
            exchange=exchange.name,
            account=exchange.account,
            nonce=self._nonce,
            symbol=order.symbol,
            market_name=order.market_name,
            secret_digest=exchange.secret_digest,
            side=order.side,
            price=order.price,
            amount=order.amount,
            closes=order.closes,
            created_ms=self._journal.now(),
            expires_ms=self._journal.now() + round(exchange.deadline.left() * 1000) + _CLOCK_SKEW_MS,
            open_before=open_before,
        )
