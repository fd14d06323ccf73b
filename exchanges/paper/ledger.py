"""The ledger: accounts, orders, positions and fills in the database.

Every operation is one transaction: it locks the account, applies all trades of the market until now, then acts. Workers
queue for an account, and it makes no difference which of them is asked, or how often.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Engine,
    ForeignKey,
    Index,
    Insert,
    Integer,
    RowMapping,
    String,
    Table,
    TypeDecorator,
    UniqueConstraint,
    insert,
    select,
)
from sqlalchemy.exc import IntegrityError

from exchanges.paper.matching import Account, PaperOrder, PaperPosition
from exchanges.paper.money import NOTHING, trimmed
from protocol.errors import OrderNotFound, OutcomeUnknown
from protocol.models import NewOrder, PositionSide, Side, Status
from protocol.numbers import plain
from tables import METADATA


class Exact(TypeDecorator[Decimal]):
    """A Decimal, kept as text."""

    impl = String(100)
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        return None if value is None else plain(trimmed(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


_ID = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only in an INTEGER


def _owner(**options: Any) -> Column[int]:
    return Column("account_id", _ID, ForeignKey("paper_accounts.id"), nullable=False, **options)


_ACCOUNTS = Table(
    "paper_accounts",
    METADATA,
    Column("id", _ID, primary_key=True),
    Column("exchange", String(40), nullable=False),
    Column("account", String(32), nullable=False),
    Column("seen", BigInteger, nullable=False),  # ms; the market's trades until then were applied to the account
    UniqueConstraint("exchange", "account"),
)
_BALANCES = Table(
    "paper_balances",
    METADATA,
    _owner(primary_key=True),
    Column("currency", String(40), primary_key=True),
    Column("free", Exact, nullable=False),
)
_ORDERS = Table(
    "paper_orders",
    METADATA,
    Column("id", _ID, primary_key=True),
    _owner(),
    Column("symbol", String(120), nullable=False),
    Column("side", String(4), nullable=False),
    Column("price", Exact, nullable=False),
    Column("amount", Exact, nullable=False),
    Column("closes", Boolean, nullable=False),
    Column("leverage", Integer, nullable=False),
    Column("client_id", String(36)),  # NULL if none was given, because "" would have to be unique
    Column("created", BigInteger, nullable=False),  # ms
    Column("filled", Exact, nullable=False),
    Column("cost", Exact, nullable=False),
    Column("frozen", Exact, nullable=False),
    Column("status", String(9), nullable=False),
    UniqueConstraint("account_id", "client_id"),
    Index("paper_orders_open", "account_id", "status"),
    sqlite_autoincrement=True,  # an id is not given twice, even after a reset
)
_POSITIONS = Table(
    "paper_positions",
    METADATA,
    _owner(primary_key=True),
    Column("symbol", String(120), primary_key=True),
    Column("side", String(5), primary_key=True),
    Column("amount", Exact, nullable=False),
    Column("cost", Exact, nullable=False),
    Column("margin", Exact, nullable=False),
    Column("leverage", Integer, nullable=False),
)
FILLS = Table(
    "paper_fills",
    METADATA,
    Column("id", _ID, primary_key=True),
    _owner(index=True),
    Column("order_id", _ID),  # NULL for a liquidation or a delivery
    Column("symbol", String(120), nullable=False),
    Column("time", BigInteger, nullable=False),  # ms
    Column("side", String(4), nullable=False),
    Column("price", Exact, nullable=False),
    Column("amount", Exact, nullable=False),
    Column("fee", Exact, nullable=False),
    Column("fee_currency", String(40), nullable=False),
    Column("profit", Exact, nullable=False),
)
"""All movements of money except freezing; an account's balances can be computed from them."""

_SKEW = 2000  # ms that the clocks of hosts may differ by
_MOVED = ("symbol", "time", "side", "price", "amount", "fee", "fee_currency", "profit")


@contextmanager
def locked_ledger(
    engine: Engine, exchange: str, name: str, kind: type[Account], clock: Callable[[], int]
) -> Iterator["Ledger"]:
    """Yield an account's ledger, locked and brought up to date; changes are kept unless an error is raised. clock:
    returns ms since the epoch."""
    with engine.begin() as connection:
        account_id, seen = _lock(connection, exchange, name, kind, clock())
        now = clock()  # not before the lock, which may have been waited for
        if seen > now + _SKEW:  # the clock was set back, and the market goes on from where it is now
            seen = now
        ledger = Ledger(connection, account_id, kind, max(seen, now))
        ledger.account.advance(seen, ledger.now)
        yield ledger
        ledger.save()


def _lock(connection: Connection, exchange: str, name: str, kind: type[Account], now: int) -> tuple[int, int]:
    """Return the account's id, and the time until which the market's trades were applied to it; both are made at first
    use."""
    mine = (_ACCOUNTS.c.exchange == exchange) & (_ACCOUNTS.c.account == name)
    wanted = select(_ACCOUNTS.c.id, _ACCOUNTS.c.seen).where(mine).with_for_update()
    row = connection.execute(wanted).one_or_none()
    if row is None:
        try:
            with connection.begin_nested():
                made = insert(_ACCOUNTS).values(exchange=exchange, account=name, seen=now)
                _open_balances(connection, _insert(connection, made), kind)
        except IntegrityError:
            pass  # another worker was faster
        row = connection.execute(wanted).one()
    return row.id, row.seen


def _insert(connection: Connection, made: Insert) -> int:
    [row_id] = list(connection.execute(made).inserted_primary_key or [])
    return int(row_id)


def _open_balances(connection: Connection, account_id: int, kind: type[Account]) -> None:
    connection.execute(
        insert(_BALANCES),
        [{"account_id": account_id, "currency": currency, "free": free} for currency, free in kind.opening.items()],
    )


class Ledger:
    """One account's ledger, within one transaction. Its time, in ms, is the clock's, and steps back only if the clock
    was set back."""

    def __init__(self, connection: Connection, account_id: int, kind: type[Account], now: int) -> None:
        self.now = now
        self._connection = connection
        self._id = account_id
        self._kind = kind
        self._load()

    def place(self, new: NewOrder, leverage: int) -> PaperOrder:
        """Place an order. Raises OutcomeUnknown where an order has its client id, perhaps this one; else what
        ``Account.place`` raises."""
        twin = self.find(new.client_id)
        if twin:
            raise OutcomeUnknown(f"{self._kind.exchange}: order {twin.id} already has the client id {new.client_id}")
        order = self.account.place(new, leverage, self.now)
        row = {name: value for name, value in asdict(order).items() if name != "id"}
        made = insert(_ORDERS).values(account_id=self._id, **row | {"client_id": order.client_id or None})
        order.id = _insert(self._connection, made)
        self.account.orders[order.id] = order
        self._saved[order.id] = copy(order)
        return order

    def order(self, market: str, order_id: str) -> PaperOrder:
        """Return one order of a market, by the exchange's own name, open or not. Raises OrderNotFound."""
        # A number that is longer than any id of the database would overflow it.
        number = int(order_id) if order_id.isascii() and order_id.isdigit() and len(order_id) < 19 else 0
        order = self.account.orders.get(number) or self._first(_ORDERS.c.id == number)
        if order is None or order.symbol != market:
            raise OrderNotFound(f"{self._kind.exchange}: the account has no order {order_id} of {market}")
        return order

    def find(self, client_id: str) -> PaperOrder | None:
        """Return the order with this client id, open or not; None if there is none."""
        if not client_id:
            return None
        recent = (order for order in self.account.orders.values() if order.client_id == client_id)
        return next(recent, None) or self._first(_ORDERS.c.client_id == client_id)

    def past(self, since: int) -> list[PaperOrder]:
        """Return the orders created from ``since`` (ms) on that are no longer open, oldest first."""
        mine = _ORDERS.c.account_id == self._id
        wanted = _ORDERS.select().where(mine, _ORDERS.c.status != Status.OPEN, _ORDERS.c.created >= since)
        kept = [_order(_without_owner(row)) for row in self._connection.execute(wanted).mappings()]
        # Orders that the market has just filled are still open in the database.
        just = [order for order in self.account.orders.values() if order.status is not Status.OPEN]
        return sorted((*kept, *(order for order in just if order.created >= since)), key=lambda order: order.id)

    def reset(self) -> None:
        """Reset the account to its beginning: no orders, no positions, no fills, the opening balances."""
        for table in (FILLS, _ORDERS, _POSITIONS, _BALANCES):
            self._connection.execute(table.delete().where(table.c.account_id == self._id))
        _open_balances(self._connection, self._id, self._kind)
        self._load()

    def save(self) -> None:
        """Write the changes to the database."""
        write = self._connection.execute
        write(_ACCOUNTS.update().where(_ACCOUNTS.c.id == self._id).values(seen=self.now))
        for currency, free in self.account.free.items():
            mine = (_BALANCES.c.account_id == self._id) & (_BALANCES.c.currency == currency)
            if free == self._free.get(currency, NOTHING):
                continue
            if currency in self._free:
                write(_BALANCES.update().where(mine).values(free=free))
            else:
                write(insert(_BALANCES).values(account_id=self._id, currency=currency, free=free))
        for order in self.account.orders.values():
            if order != self._saved[order.id]:
                changed = {name: getattr(order, name) for name in ("filled", "cost", "frozen", "status")}
                write(_ORDERS.update().where(_ORDERS.c.id == order.id).values(changed))
        if self.account.positions != self._positions:
            write(_POSITIONS.delete().where(_POSITIONS.c.account_id == self._id))
            for position in self.account.positions.values():
                write(insert(_POSITIONS).values(account_id=self._id, **asdict(position)))
        for fill in self.account.fills:
            row = {name: getattr(fill, name) for name in _MOVED} | {"order_id": fill.order.id if fill.order else None}
            write(insert(FILLS).values(account_id=self._id, **row))

    def _load(self) -> None:
        def rows(table: Table, *where: ColumnElement[bool]) -> Iterator[dict[str, Any]]:
            wanted = table.select().where(table.c.account_id == self._id, *where).order_by(*table.primary_key)
            for row in self._connection.execute(wanted).mappings():
                yield _without_owner(row)

        orders = (_order(row) for row in rows(_ORDERS, _ORDERS.c.status == Status.OPEN))
        positions = (PaperPosition(**row | {"side": PositionSide(row["side"])}) for row in rows(_POSITIONS))
        self._free = {row["currency"]: row["free"] for row in rows(_BALANCES)}
        # An account of an earlier release has nothing of the currencies that came later.
        owned = dict.fromkeys(self._kind.opening, NOTHING) | self._free
        self.account = self._kind(
            free=dict(sorted(owned.items())),
            orders={order.id: order for order in orders},
            positions={(position.symbol, position.side): position for position in positions},
        )
        self._saved = {order.id: copy(order) for order in self.account.orders.values()}
        self._positions = {key: copy(position) for key, position in self.account.positions.items()}

    def _first(self, where: ColumnElement[bool]) -> PaperOrder | None:
        wanted = _ORDERS.select().where(_ORDERS.c.account_id == self._id, where)
        row = self._connection.execute(wanted).mappings().one_or_none()
        return _order(_without_owner(row)) if row else None


def _without_owner(row: RowMapping) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "account_id"}


def _order(row: dict[str, Any]) -> PaperOrder:
    read = {"side": Side(row["side"]), "status": Status(row["status"]), "client_id": row["client_id"] or ""}
    return PaperOrder(**row | read)
