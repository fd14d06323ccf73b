"""The journal: every order, written before it is sent, and its outcome.

A row leaves SENDING and UNKNOWN once, for good. Workers and hosts that share the database share the journal; what must
not happen twice is decided in one transaction.
"""

import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, case, insert, or_
from sqlalchemy.exc import IntegrityError

from database import check_version, lock, storable
from orders.intents import OPEN, Intent, State
from orders.table import ORDERS, from_row, to_row
from orders.timeline import Timeline
from protocol.models import OrderId

ADOPT_WITHIN = Decimal(5)  # percent; published strategies follow the price between two tries
_KEEP_MS = 30 * 24 * 3_600_000  # that a row is kept after its order was created, if its outcome is known
_C = ORDERS.c


class Journal:
    """The orders in the database.

    now: the clock that counts, in ms: a ``Timeline`` wherever orders are really sent. window: seconds after an unknown
    outcome was reported, in which the next order of the same line waits for it, and is taken for the strategy's next
    attempt at the same where price and amount are no further apart than ``adopt_within`` percent. A line is an
    account's orders of one market and side that open, or those that close: so it is of one position side too.
    strict_nonces: refuse another order with a nonce that was used before.
    """

    def __init__(
        self,
        engine: Engine,
        now: Callable[[], int],
        window: float = 60.0,
        *,
        adopt_within: Decimal = ADOPT_WITHIN,
        strict_nonces: bool = False,
    ) -> None:
        self._engine = engine
        self.now = now
        self._stamp = now.stamp if isinstance(now, Timeline) else lambda _: now()
        self.window = window
        self.adopt_within = adopt_within
        self.strict_nonces = strict_nonces

    # Before an order is sent ------------------------------------------------------------------------------------------

    def begin(self, intent: Intent, unknown_for: float = 0.0) -> Intent | None:
        """Write an intent before its order is sent; return None when the order may be sent.

        Otherwise return the intent that blocks it: the same request's, or one of the same line that must be resolved,
        or adopted, first. One that exists, and that this cannot be the next attempt at, blocks nothing. unknown_for:
        seconds for which one that is unresolved blocks, if they are more than the window.
        """
        try:
            with self._engine.begin() as connection:
                if self.strict_nonces:
                    _lock(connection, intent.exchange, intent.account, intent.nonce)
                _lock(connection, *intent.line)
                check_version(connection)
                now = self._stamp(connection)
                for before in self._all(connection, _request(intent)):
                    if before.client_id == intent.client_id and before.state is State.NOT_SENT:
                        connection.execute(ORDERS.delete().where(_C.client_id == intent.client_id))
                    elif self.blocks_nonce(intent, before):
                        return before
                for earlier in self._all(connection, self._blocks(intent, now, unknown_for)):
                    if earlier.state in OPEN or intent.is_like(earlier, self.adopt_within):
                        return earlier
                connection.execute(insert(ORDERS).values(to_row(_begun(intent, now))))
                return None
        except IntegrityError:  # another worker was faster with the same request
            return self.get(intent.client_id) or self.begin(intent, unknown_for)

    def blocks_nonce(self, intent: Intent, before: Intent) -> bool:
        """Return True if a request is answered by an earlier one with its nonce: it is the same one, or nonces are
        strict. What was not sent may be tried again."""
        if intent.is_repeat(before):
            return before.client_id == intent.client_id or before.state is not State.NOT_SENT
        return self.strict_nonces and bool(intent.nonce) and before.nonce == intent.nonce

    def adopt(self, orphan: Intent, intent: Intent) -> bool:
        """Answer a new request with an order that exists and whose id no caller has been given; return True when this
        is done, False when another request was faster."""
        accepted = replace(
            intent,
            state=State.ACCEPTED,
            order_id=orphan.order_id,
            reply=orphan.reply,
            market_name=orphan.market_name,
        )
        change = ORDERS.update().where(_C.client_id == orphan.client_id, _C.answered_as == "")
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(ORDERS).values(to_row(_begun(accepted, self._stamp(connection)))))
                if not connection.execute(change.values(answered_as=intent.client_id)).rowcount:
                    raise _AdoptedByOther
        except (IntegrityError, _AdoptedByOther):  # the first by the same request in another worker
            return False
        return True

    # Outcomes ---------------------------------------------------------------------------------------------------------

    def decide(self, intent: Intent) -> None:
        """Write the outcome of an order, unless one was written before."""
        order_id = None if intent.order_id is None else json.dumps(intent.order_id)
        reply = intent.reply and storable(intent.reply)
        # In the row both times may have been moved since the intent was read.
        told_ms = case((_C.told_ms > 0, _C.told_ms), else_=_C.expires_ms) if intent.told_ms else 0
        self._change(intent, {"state": intent.state, "order_id": order_id, "reply": reply, "told_ms": told_ms})

    def mark_unknown(self, intent: Intent) -> None:
        """Write that sending an order ended without a definite answer."""
        self._change(intent, {"state": State.UNKNOWN}, "unclear_since_ms")

    def mark_reported(self, intent: Intent) -> None:
        """Write that an order's caller was told that the outcome is unknown."""
        self._change(intent, {"state": State.UNKNOWN}, "told_ms")

    def mark_delivered(self, intent: Intent) -> None:
        """Write that an order's own caller has been given its id."""
        self._change_unanswered(intent, {"answered_as": intent.client_id})

    def mark_undelivered(self, intent: Intent) -> None:
        """Write that an order's caller was gone before it could be given the id."""
        self._change_unanswered(intent, {}, "told_ms")

    def count_look(self, intent: Intent) -> None:
        """Write that an unresolved order is being looked up once more."""
        self._change(intent, {"looked_ms": self.now(), "look_count": intent.look_count + 1})

    def check(self) -> None:
        """Check that an order could be written now. Raises SQLAlchemyError."""
        with self._engine.begin() as connection:
            check_version(connection)
            self._stamp(connection)

    def delete_old(self, keep_ms: int = _KEEP_MS) -> int:
        """Delete orders whose outcome is known and that were created over 30 days ago; return how many they were."""
        old = _C.created_ms < self.now() - keep_ms
        with self._engine.begin() as connection:
            return connection.execute(ORDERS.delete().where(old, _C.state.not_in(OPEN))).rowcount

    # Queries ----------------------------------------------------------------------------------------------------------

    def get(self, client_id: str) -> Intent | None:
        """Return the intent with this client id, None if there is none."""
        with self._reading() as connection:
            return self._first(connection, _C.client_id == client_id)

    def find_request(self, exchange: str, account: str, nonce: str, client_id: str) -> Intent | None:
        """Return the intent of the same request; if nonces are strict, also of another one with its nonce."""
        with self._reading() as connection:
            same = self._first(connection, _C.client_id == client_id)
            if same or not (self.strict_nonces and nonce):
                return same
            return self._first(connection, and_(_C.exchange == exchange, _C.account == account, _C.nonce == nonce))

    def find_orders(self, exchange: str, account: str, order_id: str) -> list[Intent]:
        """Return the intents with an id of the exchange, given as text. Some exchanges count the ids of each market."""
        ids = _C.order_id.in_((order_id, json.dumps(order_id)))
        with self._reading() as connection:
            return self._all(connection, and_(_C.exchange == exchange, _C.account == account, ids))

    def belongs_to_other(self, intent: Intent, order_id: OrderId) -> bool:
        """Return True if an order of the exchange is known to be another intent's."""
        account = (_C.exchange == intent.exchange) & (_C.account == intent.account)
        with self._reading() as connection:
            other = account & (_C.order_id == json.dumps(order_id)) & (_C.client_id != intent.client_id)
            return self._first(connection, other) is not None

    def has_later_twin(self, intent: Intent) -> bool:
        """Return True if a later order with the same terms is unresolved too: a new order like both is taken for that
        one."""
        names = ("exchange", "account", "market_name", "side", "closes", "price", "amount")
        row = to_row(intent)
        same = (_C[name].is_not_distinct_from(row[name]) for name in names)
        twin = and_(*same, _C.answered_as == "", _C.state.in_(OPEN))
        later = and_(_C.created_ms > intent.created_ms, _C.client_id != intent.client_id)
        with self._reading() as connection:
            return self._first(connection, twin & later) is not None

    def list_due(self, exchange: str) -> list[Intent]:
        """Return an exchange's unresolved orders that no request is working on and whose next look-up is due: every
        second at first, every minute later."""
        now = self.now()
        wanted = ORDERS.select().where(_C.exchange == exchange, _C.state.in_(OPEN)).order_by(_C.looked_ms).limit(1000)
        with self._reading() as connection:
            rows = [from_row(row) for row in connection.execute(wanted).mappings()]
        return [
            row for row in rows if row.is_abandoned(now) and row.looked_ms + min(2**row.look_count, 60) * 1000 <= now
        ]

    def list_orders(self, *, everything: bool = False, limit: int = 100) -> list[Intent]:
        """Return the latest intents, newest first: the unresolved ones, or all."""
        wanted = ORDERS.select().order_by(_C.created_ms.desc()).limit(limit)
        with self._reading() as connection:
            found = connection.execute(wanted if everything else wanted.where(_C.state.in_(OPEN)))
            return [from_row(row) for row in found.mappings()]

    def _blocks(self, intent: Intent, now: int, unknown_for: float) -> ColumnElement[bool]:
        """Return the condition for an order of the same line that is unresolved, or whose id no caller was given."""

        def within(seconds: float) -> ColumnElement[bool]:
            after = now - round(seconds * 1000)
            return or_(_C.told_ms > after, and_(_C.told_ms == 0, _C.expires_ms > after))

        return and_(
            _C.exchange == intent.exchange,
            _C.account == intent.account,
            _C.market_name.in_((intent.market_name, str(intent.symbol))),  # the second in orders of 0.1.0
            _C.side == intent.side,
            _C.closes == intent.closes,
            _C.state.in_((*OPEN, State.ACCEPTED)),
            _C.answered_as == "",
            or_(within(self.window), and_(_C.state != State.ACCEPTED, within(unknown_for))),
        )

    def _change(self, intent: Intent, values: dict[str, Any], time: str = "") -> None:
        self._update(intent, _C.state.in_(OPEN), values, time)

    def _change_unanswered(self, intent: Intent, values: dict[str, Any], time: str = "") -> None:
        self._update(intent, _C.answered_as == "", values, time)

    def _update(self, intent: Intent, where: ColumnElement[bool], values: dict[str, Any], time: str) -> None:
        """Change an intent's row. time: the column for the time of the change, if any."""
        with self._engine.begin() as connection:
            now = self._stamp(connection)  # also if it is not wanted: an older copy of the database is noticed by it
            values = values | {time: now} if time else values
            connection.execute(ORDERS.update().where(_C.client_id == intent.client_id, where).values(values))

    def _first(self, connection: Connection, where: ColumnElement[bool]) -> Intent | None:
        row = connection.execute(ORDERS.select().where(where).order_by(_C.created_ms).limit(1)).mappings().one_or_none()
        return from_row(row) if row else None

    def _all(self, connection: Connection, where: ColumnElement[bool]) -> list[Intent]:
        rows = connection.execute(ORDERS.select().where(where).order_by(_C.created_ms)).mappings()
        return [from_row(row) for row in rows]

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._engine.connect().execution_options(reading=True) as connection:
            yield connection


def _begun(intent: Intent, now: int) -> Intent:
    """Return an intent as begun at the time of the transaction that writes it."""
    return replace(intent, created_ms=now, expires_ms=now + intent.expires_ms - intent.created_ms)


def _lock(connection: Connection, *names: str) -> None:
    """Lock these names until the transaction ends."""
    lock(connection, zlib.crc32(" ".join(names).encode()))


def _request(intent: Intent) -> ColumnElement[bool]:
    """Return the condition for the orders of a request's nonce, and the one with its client id."""
    same_nonce = and_(_C.exchange == intent.exchange, _C.account == intent.account, _C.nonce == intent.nonce)
    return or_(same_nonce, _C.client_id == intent.client_id) if intent.nonce else _C.client_id == intent.client_id


class _AdoptedByOther(Exception):
    """The error when another request has adopted the order."""
