"""The journal: what every order was meant to be, written before the order goes out, and what became of it.

One row an order. A row leaves SENDING and UNKNOWN once, for good. Workers and hosts that share the database share the
journal; what must not happen twice is decided in one transaction.
"""

import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Engine,
    Index,
    RowMapping,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    insert,
    or_,
    text,
)
from sqlalchemy.exc import IntegrityError

from database import METADATA
from protocol.models import OrderId, Side, Symbol
from protocol.numbers import plain

_KEPT = 30 * 24 * 3_600_000  # ms that a row is kept after its order was decided


class State(StrEnum):
    """What is known of an order."""

    SENDING = "sending"
    """It is being sent, or whoever sent it has died."""
    UNKNOWN = "unknown"
    """It was sent, and whether it exists is not known."""
    ACCEPTED = "accepted"
    """It exists."""
    REFUSED = "refused"
    """The exchange said no."""
    NOT_SENT = "not sent"
    """It never left; the same request may be tried again."""
    ABSENT = "absent"
    """It was sent, and does not exist."""


OPEN = (State.SENDING, State.UNKNOWN)
"""What must be resolved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """An order that was meant. Times in ms since the epoch, 0 where it has not come to that.

    nonce: of FMZ's request, empty where it had none. expires_ms: when its own request has ended, in whatever way.
    open_before: ids of the orders that were open before it, on an exchange without client ids. reply: the exchange's
    reply in JSON, or the error's text. unclear_since_ms: when sending it ended without a definite answer. told_ms: when
    its caller was told so, or must have noticed. looked_ms, look_count: its last look-up, and how many there were.
    answered_as: client id of the request that was answered with it, its own or a later one; empty while there is none.
    """

    client_id: str
    exchange: str
    account: str
    nonce: str
    symbol: Symbol
    side: Side
    price: Decimal | None
    amount: Decimal
    closes: bool
    created_ms: int
    expires_ms: int
    open_before: frozenset[str] | None = None
    state: State = State.SENDING
    order_id: OrderId | None = None
    reply: str | None = None
    unclear_since_ms: int = 0
    told_ms: int = 0
    looked_ms: int = 0
    look_count: int = 0
    answered_as: str = ""

    def left_alone(self, now: int) -> bool:
        """Whether nobody is at work on it any more, so that others may be."""
        return bool(self.told_ms) or self.expires_ms < now


_ORDERS = Table(
    "orders",
    METADATA,
    Column("client_id", String(64), primary_key=True),
    Column("exchange", String(40), nullable=False),
    Column("account", String(32), nullable=False),
    Column("nonce", String(64)),  # NULL where there was no nonce, for those need not be unique
    Column("symbol", String(130), nullable=False),
    Column("symbol_text", String(130), nullable=False),  # the symbol as FMZ wrote it
    Column("side", String(4), nullable=False),
    Column("price", String(100)),  # NULL for market
    Column("amount", String(100), nullable=False),
    Column("closes", Boolean, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("open_before", Text),
    Column("state", String(8), nullable=False),
    Column("order_id", Text),  # in JSON, for it is a number or text
    Column("reply", Text),
    Column("unclear_since_ms", BigInteger, nullable=False),
    Column("told_ms", BigInteger, nullable=False),
    Column("looked_ms", BigInteger, nullable=False),
    Column("look_count", BigInteger, nullable=False),
    Column("answered_as", String(64), nullable=False),
    UniqueConstraint("exchange", "account", "nonce"),
    Index("orders_line", "exchange", "account", "symbol", "side", "state"),
    Index("orders_state", "state", "created_ms"),
)
_C = _ORDERS.c


class Journal:
    """The orders in the database.

    now: ms since the epoch. window: seconds after an unknown outcome was told, in which the next order of the same
    account, symbol and side is taken for the strategy's next attempt at the same.
    """

    def __init__(self, engine: Engine, now: Callable[[], int], window: float = 60.0) -> None:
        self._engine = engine
        self.now = now
        self.window = window

    def begin(self, intent: Intent) -> Intent | None:
        """Write an intent before its order is sent; None when it is written, and the order may go.

        Else the intent that stands in its way: the same request's, or one of the same account, symbol and side that
        must be resolved, or adopted, first.
        """
        try:
            with self._engine.begin() as connection:
                _lock(connection, intent.exchange, intent.account, str(intent.symbol), intent.side)
                before = self._first(connection, _same(intent.exchange, intent.account, intent.nonce, intent.client_id))
                if before and before.state is State.NOT_SENT and before.client_id == intent.client_id:
                    connection.execute(_ORDERS.delete().where(_C.client_id == intent.client_id))
                elif before:
                    return before
                in_the_way = self._first(connection, self._blocks(intent))
                if in_the_way:
                    return in_the_way
                connection.execute(insert(_ORDERS).values(_row(intent)))
                return None
        except IntegrityError:  # another worker was faster with the same request
            same = self.of_request(intent.exchange, intent.account, intent.nonce, intent.client_id)
            return same or self.begin(intent)

    def of_request(self, exchange: str, account: str, request: str, client_id: str) -> Intent | None:
        """What became of the same request, or of another one with its nonce."""
        with self._reading() as connection:
            return self._first(connection, _same(exchange, account, request, client_id))

    def get(self, client_id: str) -> Intent | None:
        """One intent."""
        with self._reading() as connection:
            return self._first(connection, _C.client_id == client_id)

    def decide(self, intent: Intent) -> None:
        """Write what became of an order, unless that was decided before."""
        order_id = None if intent.order_id is None else json.dumps(intent.order_id)
        # An exchange's words may hold what no database takes.
        reply = intent.reply and intent.reply.encode(errors="replace").decode().replace("\0", "?")
        self._change(intent, {"state": intent.state, "order_id": order_id, "reply": reply, "told_ms": intent.told_ms})

    def doubt(self, intent: Intent) -> None:
        """Write that sending it ended without a definite answer."""
        self._change(intent, {"state": State.UNKNOWN, "unclear_since_ms": self.now()})

    def tell(self, intent: Intent) -> None:
        """Write that its caller was told: the outcome is unknown."""
        self._change(intent, {"state": State.UNKNOWN, "told_ms": self.now()})

    def looked(self, intent: Intent) -> None:
        """Write that an unresolved order was looked for, in vain."""
        self._change(intent, {"looked_ms": self.now(), "look_count": intent.look_count + 1})

    def adopt(self, orphan: Intent, intent: Intent) -> bool:
        """Answer a new request with an order that exists but whose caller never learned its id: once."""
        kept = replace(intent, state=State.ACCEPTED, order_id=orphan.order_id, reply=orphan.reply)
        answered = _ORDERS.update().where(_C.client_id == orphan.client_id, _C.answered_as == "")
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(_ORDERS).values(_row(kept)))
                if not connection.execute(answered.values(answered_as=intent.client_id)).rowcount:
                    raise _Adopted
        except (IntegrityError, _Adopted):  # by the same request in another worker, or by another request
            return False
        return True

    def hear(self, intent: Intent) -> None:
        """Write that its own caller has been given its id."""
        self._answer(intent, answered_as=intent.client_id)

    def lose(self, intent: Intent) -> None:
        """Write that its caller was not there any more to be given its id."""
        self._answer(intent, told_ms=self.now())

    def claims(self, intent: Intent, order_id: OrderId) -> bool:
        """Whether an order of the exchange is known to be another intent's."""
        mine = (_C.exchange == intent.exchange) & (_C.account == intent.account)
        with self._reading() as connection:
            theirs = mine & (_C.order_id == json.dumps(order_id)) & (_C.client_id != intent.client_id)
            return self._first(connection, theirs) is not None

    def overtaken(self, intent: Intent) -> bool:
        """Whether a later order with the same terms is not decided either: a new one like both is rather that one."""
        names = ("exchange", "account", "symbol", "side", "price", "amount")
        row = _row(intent)
        like = and_(*(_C[name].is_not_distinct_from(row[name]) for name in names), _C.state.in_(OPEN))
        with self._reading() as connection:
            return self._first(connection, and_(like, _C.created_ms > intent.created_ms)) is not None

    def due(self, exchange: str) -> list[Intent]:
        """An exchange's unresolved orders that nobody is sending and that it is time to look for: at first every
        second, later every minute."""
        now = self.now()
        unresolved = and_(_C.exchange == exchange, _C.state.in_(OPEN))
        with self._reading() as connection:
            wanted = _ORDERS.select().where(unresolved).order_by(_C.looked_ms).limit(1000)
            rows = [_intent(row) for row in connection.execute(wanted).mappings()]
        return [row for row in rows if row.left_alone(now) and row.looked_ms + min(2**row.look_count, 60) * 1000 <= now]

    def listed(self, *, everything: bool = False, limit: int = 100) -> list[Intent]:
        """The unresolved intents, or the latest of all."""
        wanted = _ORDERS.select().order_by(_C.created_ms.desc()).limit(limit)
        with self._reading() as connection:
            found = connection.execute(wanted if everything else wanted.where(_C.state.in_(OPEN)))
            return [_intent(row) for row in found.mappings()]

    def forget(self) -> None:
        """Delete what was decided long ago."""
        old = _C.created_ms < self.now() - _KEPT
        with self._engine.begin() as connection:
            connection.execute(_ORDERS.delete().where(old, _C.state.not_in(OPEN)))

    def _blocks(self, intent: Intent) -> ColumnElement[bool]:
        """An order of the same line that is not decided, or whose caller has not been given its id."""
        after = self.now() - round(self.window * 1000)
        line = [getattr(_C, name) == getattr(intent, name) for name in ("exchange", "account", "side")]
        return and_(
            *line,
            _C.symbol == str(intent.symbol),
            _C.state.in_((*OPEN, State.ACCEPTED)),
            _C.answered_as == "",
            or_(_C.told_ms > after, and_(_C.told_ms == 0, _C.expires_ms > after)),
        )

    def _answer(self, intent: Intent, **values: Any) -> None:
        change = _ORDERS.update().where(_C.client_id == intent.client_id, _C.answered_as == "").values(values)
        with self._engine.begin() as connection:
            connection.execute(change)

    def _change(self, intent: Intent, values: dict[str, Any]) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                _ORDERS.update().where(_C.client_id == intent.client_id, _C.state.in_(OPEN)).values(values)
            )

    def _first(self, connection: Connection, where: ColumnElement[bool]) -> Intent | None:
        row = (
            connection.execute(_ORDERS.select().where(where).order_by(_C.created_ms).limit(1)).mappings().one_or_none()
        )
        return _intent(row) if row else None

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._engine.connect().execution_options(reading=True) as connection:
            yield connection


def _lock(connection: Connection, *names: str) -> None:
    """Be the only one under those names until the transaction ends. SQLite has one writer at a time as it is."""
    if connection.dialect.name == "postgresql":
        key = zlib.crc32(" ".join(names).encode())
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def _same(exchange: str, account: str, request: str, client_id: str) -> ColumnElement[bool]:
    nonce = and_(_C.exchange == exchange, _C.account == account, _C.nonce == request)
    return or_(nonce, _C.client_id == client_id) if request else _C.client_id == client_id


class _Adopted(Exception):
    """Somebody else has adopted the order."""


def _row(intent: Intent) -> dict[str, Any]:
    row = {name: getattr(intent, name) for name in Intent.__slots__}
    return row | {
        "nonce": intent.nonce or None,
        "symbol": str(intent.symbol),
        "symbol_text": intent.symbol.text,
        "price": None if intent.price is None else plain(intent.price),
        "amount": plain(intent.amount),
        "open_before": None if intent.open_before is None else json.dumps(sorted(intent.open_before)),
        "order_id": None if intent.order_id is None else json.dumps(intent.order_id),
    }


def _intent(row: RowMapping) -> Intent:
    kept = {name: value for name, value in row.items() if name != "symbol_text"}
    return Intent(
        **kept
        | {
            "nonce": row["nonce"] or "",
            "symbol": replace(Symbol.parse(row["symbol"]), text=row["symbol_text"]),
            "side": Side(row["side"]),
            "price": None if row["price"] is None else Decimal(row["price"]),
            "amount": Decimal(row["amount"]),
            "open_before": None if row["open_before"] is None else frozenset(json.loads(row["open_before"])),
            "state": State(row["state"]),
            "order_id": None if row["order_id"] is None else json.loads(row["order_id"]),
        }
    )
