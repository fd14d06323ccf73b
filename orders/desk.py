"""Places an order at most once; modifies one by one request; reports a cancel only when the order is seen cancelled.

An order is written into the journal, sent once, and its outcome is written. Where no definite answer comes back, the
order is looked for, never sent again.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from orders.admission import Admission, Adopt, Proceed, Replay
from orders.cancelling import cancel
from orders.failures import explained, journal_required
from orders.intents import OPEN, Intent, State
from orders.journal import Journal
from orders.lookup import Lookup, stored_reply
from orders.markets import known, market_of
from orders.modifying import Change, Modified, modify
from orders.queue import Ticket, admission
from orders.trader import Trader
from protocol.errors import (
    UNREADABLE,
    AuthenticationFailed,
    GatewayError,
    InvalidCall,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    before_sending,
    recalled,
)
from protocol.models import Direction, NewOrder, Order, OrderId, Symbol

log = logging.getLogger("fmz-gateway")

_SENDING_SHARE = 0.6  # of the time that is left; the rest is for looking the order up
_WRITE_PAUSES = (0.1, 0.5)  # seconds between two tries to write an outcome


class Desk:
    """One account's orders on one exchange, for the time of one call of FMZ.

    nonce: of FMZ's request, empty if it had none. hung_up: returns True when its caller has closed the connection.
    is_connected: returns True if its caller surely has not; asked by other threads too. sleep: waits for seconds.
    """

    def __init__(
        self,
        exchange: Trader,
        journal: Journal,
        nonce: str,
        *,
        hung_up: Callable[[], bool] = lambda: False,
        is_connected: Callable[[], bool] = lambda: False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._exchange = exchange
        self._journal = journal
        self._nonce = nonce
        self._sleep = sleep
        self._lookup = Lookup(exchange, journal, sleep)
        self._admission = Admission(exchange, journal, self._lookup, nonce, hung_up)
        self._is_connected = is_connected
        self._ticket: Ticket | None = None
        self._placed: Intent | None = None
        self.replies: list[bytes] = []
        """The JSON texts of the exchange's replies about the order."""
        self.marks: dict[str, object] = {}
        """The marks of an answer that is not the exchange's own to this very order (found, replayed, adopted), and the
        price and amount that were sent, if they differ from those that were asked for."""

    def place(self, symbol: Symbol, direction: Direction, price: Decimal | None, amount: Decimal) -> OrderId:
        """Place an order once, and return its id; a repeated request is given the id of the first.

        Raises OrderStateUnknown when the order may exist, NotSent when it does not and it is safe to ask again,
        InvalidCall when the nonce was used for another order and nonces are strict, else the exchange's own error.
        """
        exchange = self._exchange
        client_id = exchange.new_client_id()
        with journal_required():
            stored = self._journal.find_request(exchange.name, exchange.account, self._nonce, client_id)
        if stored and (stored.state is not State.NOT_SENT or stored.client_id != client_id):
            return self._replay(stored, client_id)
        order = exchange.new_order(symbol, direction, price, amount)
        with before_sending():
            given, order = order, exchange.fit(order)
            exchange.prepare(order)
            order = replace(order, market_name=exchange.market(order.symbol))
        with admission(exchange, order, self._is_connected) as ticket:
            decision = self._admission.admit(order, ticket)
        if isinstance(decision, Proceed) and (order.price, order.amount) != (given.price, given.amount):
            self.marks["sent"] = {"price": order.price, "amount": order.amount}
        try:
            order_id = self._carry_out(decision, order, ticket)
        except BaseException:
            ticket.end()
            raise
        ticket.mark_placed()
        self._ticket = ticket  # until its answer was written
        return order_id

    def cancel(self, symbol: Symbol, order_id: str) -> bool:
        """Cancel an order and return True, or raise; see ``orders.cancelling``."""
        market = market_of(self._exchange, self._journal, symbol, order_id)
        self.replies = cancel(self._exchange, market, order_id, self._sleep)
        return True

    def modify(
        self, symbol: Symbol | None, order_id: str, direction: Direction, price: Decimal | None, amount: Decimal | None
    ) -> OrderId:
        """Give an open order another price or whole amount, None to leave one as it is, and return its id; see
        ``orders.modifying``. The journal goes on to have what the order was placed with: that tells a repeated request,
        and a next attempt at it."""
        change, market = Change(direction, price, amount), market_of(self._exchange, self._journal, symbol, order_id)
        modified = modify(self._exchange, market, order_id, change, self._admission.require_caller)
        if modified.has_new_id:
            self._note_new_id(market, modified)
        self.replies, self.marks = modified.replies, modified.marks(change)
        return modified.order_id

    def order(self, symbol: Symbol, order_id: str) -> Order:
        """Return one order, open or not. Raises OrderNotFound."""
        order = self._exchange.order(market_of(self._exchange, self._journal, symbol, order_id), order_id)
        self.replies = self._exchange.replies
        return order

    def close(self, *, delivered: bool) -> None:
        """End the call, after its answer was written to the caller.

        delivered: the caller was still connected. If not, or if this is never called, the order just placed is the
        answer to the next order of its account, symbol and side.
        """
        if self._placed is None:
            return
        if not delivered:
            log.warning("order %s: its caller closed the connection before the answer", self._placed.client_id)
        self._write(self._journal.mark_delivered if delivered else self._journal.mark_undelivered, self._placed)
        if self._ticket:
            self._ticket.end()

    def _note_new_id(self, market: Symbol, modified: Modified) -> None:
        """Write the id that an order has from now on, where the journal knows the order."""
        for intent in known(self._exchange, self._journal, None, str(modified.before.id)):
            if intent.sent_to == market or intent.symbol == market:
                after = replace(
                    intent, order_id=modified.order_id, price=modified.after.price, amount=modified.after.amount
                )
                self._write(self._journal.add_id, after)
                return

    def _carry_out(self, decision: Proceed | Replay | Adopt, order: NewOrder, ticket: Ticket) -> OrderId:
        """Send an order, or answer with an earlier one, as its admission has decided."""
        match decision:
            case Proceed(intent):
                return self._send(order, intent, ticket)
            case Replay(stored):
                return self._replay(stored, order.client_id)
            case Adopt(intent, order_id, reply):
                self._use_stored(replace(intent, order_id=order_id, reply=reply), "adopted")
                return order_id

    def _send(self, order: NewOrder, intent: Intent, ticket: Ticket) -> OrderId:
        """Send an order once, and write its outcome."""
        exchange = self._exchange.fresh(self._exchange.deadline.portion(_SENDING_SHARE))
        # The wait for a limit may have been long.
        exchange.last_check = partial(self._admission.require_callers, order, ticket)
        try:
            order_id = exchange.trade(replace(order, symbol=intent.sent_to))
        except (NotSent, RateLimited):
            self._write(self._journal.decide, replace(intent, state=State.NOT_SENT))
            raise
        except OutcomeUnknown as error:
            unclear = error
        except GatewayError as error:
            error = explained(self._exchange, error, order)
            self._write(self._journal.decide, replace(intent, state=State.REFUSED, reply=exchange.scrub(str(error))))
            raise error from None
        except UNREADABLE as error:
            wrong = exchange.unreadable(error)
            if not isinstance(wrong, OutcomeUnknown):
                raise  # our own mistake: the intent stays, and is resolved like that of a process that died
            unclear = wrong
        else:
            accepted = replace(intent, state=State.ACCEPTED, order_id=order_id, reply=stored_reply(exchange))
            self._write(self._journal.decide, accepted)
            self._placed = accepted
            self.replies = exchange.replies
            return order_id
        ticket.mark_unclear()
        return self._find(intent, unclear)

    def _find(self, intent: Intent, unclear: OutcomeUnknown) -> OrderId:
        """Look for this call's order in the time that is left."""
        self._write(self._journal.mark_unknown, intent)
        unknown = replace(intent, state=State.UNKNOWN, unclear_since_ms=self._journal.now())
        resolved = self._lookup.resolve(unknown, own=True)
        if resolved.state in OPEN:
            self._write(self._journal.mark_reported, intent)
            raise self._lookup.unknown(intent, unclear.message.rstrip("."))
        if resolved.order_id is None:
            raise recalled(resolved.reply or "")
        self._use_stored(resolved, "found")
        return resolved.order_id

    def _replay(self, stored: Intent, client_id: str) -> OrderId:
        """Answer a request that was made before, with the same secret. Raises AuthenticationFailed for another one."""
        if stored.secret_digest not in ("", self._exchange.secret_digest):
            raise AuthenticationFailed(
                f"{self._exchange.name}: the same request was made before with another secret key, and its outcome is "
                "told only with that one; nothing was sent"
            )
        if self._journal.strict_nonces and stored.client_id != client_id:
            raise InvalidCall(
                f"the nonce {self._nonce} was used for another order, {stored.client_id}; nothing was sent. Without "
                "STRICT_NONCES=1 it would be an order of its own"
            )
        resolved = self._lookup.resolve(stored)
        if resolved.state in OPEN:
            raise self._lookup.unknown(resolved, "the same request was made before, and its outcome is still unknown")
        if resolved.order_id is None:
            no_order = NotSent("the same request was made before, and no order was sent; it is safe to try again")
            raise recalled(resolved.reply or str(no_order))
        self._use_stored(resolved, "replayed")
        return resolved.order_id

    def _use_stored(self, intent: Intent, mark: str) -> None:
        """Answer this call with a stored order and its stored reply."""
        self._placed = intent
        self.replies = [intent.reply.encode()] if intent.reply else []
        self.marks[mark] = True

    def _write(self, write: Callable[[Intent], None], intent: Intent) -> None:
        """Write the outcome of an order that was sent, in up to three tries; the caller gets its answer even if all
        fail."""
        for pause in (*_WRITE_PAUSES, None):
            try:
                write(intent)
                return
            except SQLAlchemyError as error:
                log.error("the journal could not be written for %s: %s", intent.client_id, type(error).__name__)
            if pause:
                self._sleep(pause)
