"""The journal: every order, written before it is sent, and its outcome.

A row leaves SENDING and UNKNOWN once, for good. Workers and hosts that share the database share the journal; what must
not happen twice is decided in one transaction.
"""

import json
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Engine, and_
from sqlalchemy.exc import IntegrityError

from database import lock, storable
from orders import statements
from orders.intents import OPEN, Intent, State
from orders.table import ORDERS, from_row, to_row
from orders.timeline import Timeline
from prepared import Glance, Prepared
from protocol.errors import NotSent
from protocol.models import OrderId
from tables import check_version

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
        self._after_begin = engine.execution_options(fleeting=True)
        self._glance = Glance(engine)
        self.now = now
        self._stamp = now.stamp if isinstance(now, Timeline) else lambda _: now()
        self.window = window
        self.adopt_within = adopt_within
        self.strict_nonces = strict_nonces

    # Before an order is sent ------------------------------------------------------------------------------------------

    def begin(self, intent: Intent, unknown_for: float = 0.0, beside: Collection[str] = ()) -> Intent | None:
        """Write an intent before its order is sent; return None when the order may be sent.

        Otherwise return the intent that blocks it: the same request's, or one of the same line that must be resolved,
        or adopted, first; of several to adopt the one with the closest price and amount. One that exists, and that this
        cannot be the next attempt at, blocks nothing. unknown_for: seconds for which one that is unresolved blocks, if
        they are more than the window. beside: client ids of orders of the line that block nothing.
        """
        row = to_row(intent)
        try:
            with self._engine.begin() as connection:
                if self.strict_nonces:
                    _lock(connection, intent.exchange, intent.account, intent.nonce)
                _lock(connection, *intent.line)
                check_version(connection)
                now = self._stamp(connection)
                same = statements.OF_REQUEST if intent.nonce else statements.BY_ID
                for before in _found(connection, same, row):
                    if before.client_id == intent.client_id and before.state is State.NOT_SENT:
                        statements.DELETE.change(connection, row)
                    elif self.blocks_nonce(intent, before):
                        return before
                line = _found(connection, statements.BLOCKS, row | self._window(now, unknown_for))
                blocking = [
                    earlier
                    for earlier in line
                    if earlier.client_id not in beside
                    and (earlier.state in OPEN or intent.is_like(earlier, self.adopt_within))
                ]
                if blocking and blocking[0].state in OPEN:
                    return blocking[0]
                if blocking:
                    return min((one for one in blocking if one.state not in OPEN), key=intent.distance)
                statements.INSERT.change(connection, row | _begun(intent, now))
                return None
        except IntegrityError:  # another worker was faster with the same request
            return self.get(intent.client_id) or self.begin(intent, unknown_for, beside)

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
                statements.INSERT.change(connection, to_row(accepted) | _begun(accepted, self._stamp(connection)))
                if not connection.execute(change.values(answered_as=intent.client_id)).rowcount:
                    raise _AdoptedByOther
        except (IntegrityError, _AdoptedByOther):  # the first by the same request in another worker
            return False
        return True

    def add_id(self, intent: Intent) -> None:
        """Write that an order goes on under another id, which a row of its own has, and which its caller is given. No
        request is answered with it: that of the order is answered with the first id."""
        client_id = uuid4().hex
        row = to_row(
            replace(intent, client_id=client_id, nonce="", state=State.ACCEPTED, reply=None, answered_as=client_id)
        )
        with self._engine.begin() as connection:
            statements.INSERT.change(connection, row | {"created_ms": self._stamp(connection)})

    # Outcomes ---------------------------------------------------------------------------------------------------------

    def decide(self, intent: Intent) -> None:
        """Write the outcome of an order, unless one was written before."""
        order_id = None if intent.order_id is None else json.dumps(intent.order_id)
        reply = intent.reply and storable(intent.reply)
        self._change(
            statements.DECIDE,
            intent,
            new_state=intent.state,
            new_order_id=order_id,
            new_reply=reply,
            is_told=bool(intent.told_ms),
        )

    def resolve_by_hand(self, intent: Intent, order_id: OrderId | None) -> None:
        """Write what a person has seen at the exchange: an order's id there, or None for no such order."""
        intent = replace(intent, told_ms=intent.told_ms or intent.expires_ms)
        if order_id is None:
            said = f"{intent.exchange} has no order {intent.client_id}: resolved by hand; it is safe to try again"
            self.decide(replace(intent, state=State.ABSENT, reply=str(NotSent(said))))
        else:
            self.decide(replace(intent, state=State.ACCEPTED, order_id=order_id))

    def mark_unknown(self, intent: Intent) -> None:
        """Write that sending an order ended without a definite answer."""
        self._change(statements.MARK_UNKNOWN, intent, "new_unclear_since_ms")

    def mark_reported(self, intent: Intent) -> None:
        """Write that an order's caller was told that the outcome is unknown."""
        self._change(statements.MARK_REPORTED, intent, "new_told_ms")

    def mark_delivered(self, intent: Intent) -> None:
        """Write that an order's own caller has been given its id."""
        self._change(statements.MARK_DELIVERED, intent)

    def mark_undelivered(self, intent: Intent) -> None:
        """Write that an order's caller was gone before it could be given the id."""
        self._change(statements.MARK_UNDELIVERED, intent, "new_told_ms")

    def count_look(self, intent: Intent) -> None:
        """Write that an unresolved order is being looked up once more."""
        self._change(statements.COUNT_LOOK, intent, "new_looked_ms", new_look_count=intent.look_count + 1)

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
            return next(iter(_found(connection, statements.BY_ID, {"client_id": client_id})), None)

    def find_request(self, exchange: str, account: str, nonce: str, client_id: str) -> Intent | None:
        """Return the intent of the same request; if nonces are strict, also of another one with its nonce."""
        asked = {"exchange": exchange, "account": account, "nonce": nonce, "client_id": client_id}
        same = self._glance.rows(statements.BY_ID, asked)
        if not same and self.strict_nonces and nonce:
            same = self._glance.rows(statements.OF_NONCE, asked)
        return from_row(same[0]) if same else None

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

    def _window(self, now: int, unknown_for: float) -> dict[str, int]:
        """Return the times, in ms, after which an order blocks its line: any, and one that is unresolved."""
        longest = max(self.window, unknown_for)
        return {
            "after_ms": now - round(self.window * 1000),
            "unknown_after_ms": now - round(longest * 1000),
        }

    def _change(self, statement: Prepared, intent: Intent, time: str = "", **values: Any) -> None:
        """Change an intent's row, if it still is as the statement wants it. time: the parameter for the time of the
        change, if any."""
        # A lost change is a question to the exchange, and what was begun is not lost: no call waits for the disk again.
        with self._after_begin.begin() as connection:
            now = self._stamp(connection)  # also if it is not wanted: an older copy of the database is noticed by it
            statement.change(connection, {"of": intent.client_id, **values, **({time: now} if time else {})})

    def _first(self, connection: Connection, where: ColumnElement[bool]) -> Intent | None:
        row = connection.execute(ORDERS.select().where(where).order_by(_C.created_ms).limit(1)).mappings().one_or_none()
        return from_row(row) if row else None

    def _all(self, connection: Connection, where: ColumnElement[bool]) -> list[Intent]:
        rows = connection.execute(ORDERS.select().where(where).order_by(_C.created_ms)).mappings()
        return [from_row(row) for row in rows]

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._engine.connect().execution_options(reading=True) as connection:
            connection.begin()  # a file that was replaced is noticed then
            yield connection


def _begun(intent: Intent, now: int) -> dict[str, int]:
    """Return the times of an intent's row that begins at the time of the transaction that writes it."""
    return {"created_ms": now, "expires_ms": now + intent.expires_ms - intent.created_ms}


def _found(connection: Connection, statement: Prepared, values: Mapping[str, Any]) -> list[Intent]:
    return [from_row(row) for row in statement.rows(connection, values)]


def _lock(connection: Connection, *names: str) -> None:
    """Lock these names until the transaction ends."""
    lock(connection, zlib.crc32(" ".join(names).encode()))


class _AdoptedByOther(Exception):
    """The error when another request has adopted the order."""
