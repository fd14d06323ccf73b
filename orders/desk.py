"""Where orders are placed, each at most once, and cancelled for sure.

An order is written into the journal, sent once, and what became of it is written. Where no definite answer comes back,
the order is looked for, never sent again.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from weakref import WeakValueDictionary

from sqlalchemy.exc import SQLAlchemyError

from orders.cancelling import cancel
from orders.intents import OPEN, Intent, State
from orders.journal import Journal
from orders.lookup import Lookup
from orders.venue import Venue
from protocol.errors import (
    UNREADABLE,
    GatewayError,
    InvalidCall,
    InvalidOrder,
    NotSent,
    OrderStateUnknown,
    OutcomeUnknown,
    RateLimited,
    cause,
    recalled,
)
from protocol.models import Direction, NewOrder, OrderId, Symbol

log = logging.getLogger("fmz-gateway")

_FOR_SENDING = 0.6  # of the time there is; the rest is for looking the order up
_WRITING = (0.1, 0.5)  # seconds between two tries to write what became of an order
_SLACK = 2000  # ms that the clocks of hosts may differ by

_lines: WeakValueDictionary[tuple[str, ...], threading.Lock] = WeakValueDictionary()
"""Where this process's orders of one account, symbol and side wait for one another."""
_lines_lock = threading.Lock()


class Desk:
    """One account's orders on one exchange, for the time of one call of FMZ.

    request: the nonce of FMZ's request, empty where it had none. gone: whether its caller has hung up. sleep: waits for
    seconds.
    """

    def __init__(
        self,
        exchange: Venue,
        journal: Journal,
        request: str,
        *,
        gone: Callable[[], bool] = lambda: False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._exchange = exchange
        self._journal = journal
        self._request = request
        self._gone = gone
        self._sleep = sleep
        self._lookup = Lookup(exchange, journal, sleep)
        self._stored: Intent | None = None
        self._placed: Intent | None = None
        self.marks: dict[str, bool] = {}
        """How the answer came about, where it is not the exchange's own to this very order."""

    @property
    def reply(self) -> bytes | None:
        """The JSON text of what the exchange said about the order."""
        if self._stored is None:
            return self._exchange.reply
        return self._stored.reply.encode() if self._stored.reply else None

    # Placing ------------------------------------------------------------------------------------------------------

    def place(self, symbol: Symbol, direction: Direction, price: Decimal | None, amount: Decimal) -> OrderId:
        """Place an order once, and give its id; a repeated request is given what the first was.

        Raises OrderStateUnknown when the order may exist, NotSent when it does not and it is safe to ask again, else
        what the exchange said.
        """
        exchange = self._exchange
        client_id = exchange.new_client_id()
        with _journalled():
            before = self._journal.find_request(exchange.name, exchange.account, self._request, client_id)
        if before and before.state is not State.NOT_SENT:
            return self._again(before, client_id)
        order = exchange.new_order(symbol, direction, price, amount)
        with _beforehand():
            exchange.prepare(order)
        with self._in_line(order):
            intent = self._begin(order)
            return self._send(order, intent) if intent.order_id is None else intent.order_id

    def close(self, *, delivered: bool) -> None:
        """End the call, when its answer has gone out. ``delivered``: whether its caller was still there. Otherwise, and
        where it does not come to this, the next order of the line is answered with the one just placed."""
        if self._placed is None:
            return
        if not delivered:
            log.warning("order %s: its caller hung up before it was answered", self._placed.client_id)
        self._write(self._journal.mark_delivered if delivered else self._journal.mark_undelivered, self._placed)

    def _begin(self, order: NewOrder) -> Intent:
        """The order's intent, written; or, with an order id, what its request is answered with instead."""
        while True:
            if self._gone():  # and may have tried again meanwhile
                raise NotSent(f"{self._exchange.name}: the caller hung up before the order was sent; nothing was sent")
            intent = self._intent(order)
            with _journalled():
                before = self._journal.begin(intent)
            if before is None:
                return intent
            if before.client_id == intent.client_id or (self._request and before.nonce == self._request):
                return replace(before, order_id=self._again(before, intent.client_id))
            resolved = self._lookup.resolve(before)
            if resolved.state in OPEN:
                raise self._unknown(
                    resolved, "an earlier order of this symbol and side is not clear yet, and nothing new was sent"
                )
            if resolved.state is State.ACCEPTED:
                resolved = self._lookup.wait_delivered(resolved)
                if not (resolved.answered_as or resolved.is_abandoned(self._journal.now())):
                    raise self._busy(order)
                if not resolved.answered_as and self._adopt(resolved, intent):
                    return self._answered(replace(intent, order_id=resolved.order_id, reply=resolved.reply), "adopted")

    def _adopt(self, orphan: Intent, intent: Intent) -> bool:
        with _journalled():
            adopted = self._journal.adopt(orphan, intent)
        if adopted:
            log.warning(
                "order %s on %s is the answer to the next one, %s, which was not sent",
                orphan.client_id, intent.exchange, intent.client_id,
            )  # fmt: skip
        return adopted

    def _intent(self, order: NewOrder) -> Intent:
        exchange, open_before = self._exchange, None
        if not exchange.client_id:
            with _beforehand():
                open_before = frozenset(str(one.id) for one in exchange.orders(order.symbol))
        return Intent(
            client_id=order.client_id,
            exchange=exchange.name,
            account=exchange.account,
            nonce=self._request,
            symbol=order.symbol,
            side=order.side,
            price=order.price,
            amount=order.amount,
            closes=order.closes,
            created_ms=self._journal.now(),
            expires_ms=self._journal.now() + round((exchange.until - time.monotonic()) * 1000) + _SLACK,
            open_before=open_before,
        )

    def _send(self, order: NewOrder, intent: Intent) -> OrderId:
        exchange, end = self._exchange, self._exchange.until
        exchange.until = time.monotonic() + _FOR_SENDING * (end - time.monotonic())
        try:
            order_id = exchange.trade(order)
        except (NotSent, RateLimited):
            self._write(self._journal.decide, replace(intent, state=State.NOT_SENT))
            raise
        except OutcomeUnknown as error:
            unclear = error
        except GatewayError as error:
            if isinstance(error, InvalidOrder):
                exchange.until = end
                error = InvalidOrder("; ".join(filter(None, (error.message, exchange.explain(order.symbol)))))
            self._write(self._journal.decide, replace(intent, state=State.REFUSED, reply=exchange.scrub(str(error))))
            raise error from None
        except UNREADABLE as error:
            wrong = exchange.unreadable(error)
            if not isinstance(wrong, OutcomeUnknown):
                raise  # our own mistake: the intent stays, and is resolved like a crashed one
            unclear = wrong
        else:
            answer = self._lookup.last_reply()
            accepted = replace(intent, state=State.ACCEPTED, order_id=order_id, reply=answer)
            self._write(self._journal.decide, accepted)
            self._placed = accepted
            return order_id
        finally:
            exchange.until = end
        return self._find(intent, unclear)

    def _find(self, intent: Intent, unclear: OutcomeUnknown) -> OrderId:
        """Look for this call's order in the time that is left."""
        self._write(self._journal.mark_unknown, intent)
        resolved = self._lookup.resolve(
            replace(intent, state=State.UNKNOWN, unclear_since_ms=self._journal.now()), own=True
        )
        if resolved.state in OPEN:
            self._write(self._journal.mark_reported, intent)
            raise self._unknown(intent, unclear.message.rstrip("."))
        if resolved.order_id is None:
            raise recalled(resolved.reply or "")
        self.marks["found"] = True
        self._placed = resolved
        return resolved.order_id

    def _again(self, before: Intent, client_id: str) -> OrderId:
        """Answer a request that was made before."""
        if before.client_id != client_id:
            raise InvalidCall(
                f"the nonce {self._request} was used for another order, {before.client_id}; nothing was sent"
            )
        resolved = self._lookup.resolve(before)
        if resolved.state in OPEN:
            raise self._unknown(resolved, "the same request was made before, and is not clear yet")
        if resolved.order_id is None:
            raise recalled(resolved.reply or str(NotSent("the same request was made before; it is safe to try again")))
        return self._answered(resolved, "replayed").order_id or resolved.order_id

    def _answered(self, stored: Intent, mark: str) -> Intent:
        self._stored = self._placed = stored
        self.marks[mark] = True
        return stored

    def _unknown(self, intent: Intent, why: str) -> OrderStateUnknown:
        seconds = f"{self._journal.window:g}"
        if self._exchange.client_id:
            then = (
                f"The gateway goes on looking for it; within {seconds} s the next order of this symbol and side is "
                "answered with it, if it exists"
            )
        else:
            then = (
                f"{intent.exchange} cannot be asked for it: look at your orders there, then say `fmz-gateway orders "
                f"resolve {intent.client_id}`; until then orders of this symbol and side wait, at most {seconds} s"
            )
        return OrderStateUnknown(f"{intent.client_id} {why}. The order may exist. {then}")

    def _busy(self, order: NewOrder) -> NotSent:
        return NotSent(
            f"{self._exchange.name}: an earlier order of {order.symbol} {order.side} is still under way; nothing was "
            "sent, it is safe to try again"
        )

    @contextmanager
    def _in_line(self, order: NewOrder) -> Iterator[None]:
        """Wait for this process's other orders of the same account, symbol and side: what became of them decides
        whether this one may go."""
        key = (self._exchange.name, self._exchange.account, str(order.symbol), order.side)
        with _lines_lock:
            line = _lines.setdefault(key, threading.Lock())
        if not line.acquire(timeout=max(0.0, self._exchange.until - time.monotonic())):
            raise self._busy(order)
        try:
            yield
        finally:
            line.release()

    def _write(self, write: Callable[[Intent], None], intent: Intent) -> None:
        """Write what became of an order that was sent: its caller is told, also when that fails."""
        for nap in (*_WRITING, None):
            try:
                write(intent)
                return
            except SQLAlchemyError as error:
                log.error("the journal could not be written for %s: %s", intent.client_id, type(error).__name__)
            if nap:
                self._sleep(nap)

    def cancel(self, symbol: Symbol, order_id: str) -> bool:
        """Cancel an order, see ``orders.cancelling``."""
        return cancel(self._exchange, self._exchange.resolve(symbol), order_id, self._sleep)


@contextmanager
def _beforehand() -> Iterator[None]:
    """What is unclear about a call before the order is not unclear about the order."""
    try:
        yield
    except OutcomeUnknown as error:
        raise NotSent(
            f"{error.message.rstrip('.')}. That was asked before the order, which was not sent: it is safe to try again"
        ) from None


@contextmanager
def _journalled() -> Iterator[None]:
    """No journal, no order."""
    try:
        yield
    except SQLAlchemyError as error:
        log.error("the journal cannot be used: %s", cause(error))
        raise NotSent(
            "the gateway's journal cannot be written, and no order goes out without it: see STATE_URL and the disk. "
            "Nothing was sent"
        ) from None
