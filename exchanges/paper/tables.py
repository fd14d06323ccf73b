"""The tables of simulated accounts, and the statements of every operation. Rows that the database numbers are inserted
by SQLAlchemy, which knows how each kind of database does that."""

from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Boolean,
    Column,
    ColumnElement,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    TypeDecorator,
    UniqueConstraint,
    bindparam,
    cast,
    func,
    insert,
    literal,
    select,
)

from exchanges.paper.money import shown
from prepared import Prepared
from protocol.models import Status
from tables import METADATA


class Exact(TypeDecorator[Decimal]):
    """A Decimal, kept as text."""

    impl = String(100)
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        return None if value is None else shown(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


_ID = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only in an INTEGER


def _owner(**options: Any) -> Column[int]:
    return Column("account_id", _ID, ForeignKey("paper_accounts.id"), nullable=False, **options)


ACCOUNTS = Table(
    "paper_accounts",
    METADATA,
    Column("id", _ID, primary_key=True),
    Column("exchange", String(40), nullable=False),
    Column("account", String(32), nullable=False),
    Column("seen", BigInteger, nullable=False),  # ms; the market's trades until then were applied to the account
    UniqueConstraint("exchange", "account"),
)
BALANCES = Table(
    "paper_balances",
    METADATA,
    _owner(primary_key=True),
    Column("currency", String(40), primary_key=True),
    Column("free", Exact, nullable=False),
)
ORDERS = Table(
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
POSITIONS = Table(
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
"""All movements of money except freezing. As long as an account has all of its own, its balances can be computed from
them."""

_OF: BindParameter[int] = bindparam("of")  # an account's id, or an order's
_OPEN = ORDERS.c.status == literal(Status.OPEN)  # its text is a part of the statement


def _rows(table: Table, *where: ColumnElement[bool]) -> Prepared:
    """Return the query of an account's rows, without its id, in the order of their keys."""
    columns = [column for column in table.columns if column.name != "account_id"]
    return Prepared(select(*columns).where(table.c.account_id == _OF, *where).order_by(*table.primary_key))


ACCOUNT = Prepared(
    select(ACCOUNTS.c.id, ACCOUNTS.c.seen)
    .where(ACCOUNTS.c.exchange == bindparam("exchange"), ACCOUNTS.c.account == bindparam("account"))
    .with_for_update()
)
INSERT_ACCOUNT = insert(ACCOUNTS)
SEE = Prepared(ACCOUNTS.update().where(ACCOUNTS.c.id == _OF).values(seen=bindparam("now")))
BALANCES_OF = _rows(BALANCES)
INSERT_BALANCE = Prepared(insert(BALANCES))
CHANGE_BALANCE = Prepared(
    BALANCES.update()
    .where(BALANCES.c.account_id == _OF, BALANCES.c.currency == bindparam("of_currency"))
    .values(free=bindparam("new_free"))
)
POSITIONS_OF = _rows(POSITIONS)
DELETE_POSITIONS = Prepared(POSITIONS.delete().where(POSITIONS.c.account_id == _OF))
INSERT_POSITION = Prepared(insert(POSITIONS))
_PRICE = cast(ORDERS.c.price, Float)  # as text, 9 would be more than 10
REACHES_OF = Prepared(
    select(ORDERS.c.symbol, ORDERS.c.side, func.min(_PRICE).label("lowest"), func.max(_PRICE).label("highest"))
    .where(ORDERS.c.account_id == _OF, _OPEN)
    .group_by(ORDERS.c.symbol, ORDERS.c.side)
)
"""The lowest and the highest price of open orders, of each market and side."""
OPEN_ORDERS = _rows(ORDERS, _OPEN, ORDERS.c.symbol == bindparam("market"))
ORDER_BY_ID = _rows(ORDERS, ORDERS.c.id == bindparam("key"))
ORDER_BY_CLIENT_ID = _rows(ORDERS, ORDERS.c.client_id == bindparam("key"))
PAST_ORDERS = _rows(ORDERS, ORDERS.c.status != literal(Status.OPEN), ORDERS.c.created >= bindparam("since"))
INSERT_ORDER = insert(ORDERS)
ORDER_CHANGES = ("price", "amount", "created", "filled", "cost", "frozen", "status")
CHANGE_ORDER = Prepared(
    ORDERS.update().where(ORDERS.c.id == _OF).values({name: bindparam(f"new_{name}") for name in ORDER_CHANGES})
)
INSERT_FILL = insert(FILLS)
DELETE_OLD_FILLS = FILLS.delete().where(FILLS.c.account_id == _OF, FILLS.c.time < bindparam("before"))
DELETE_OLD_ORDERS = ORDERS.delete().where(
    ORDERS.c.account_id == _OF,
    ORDERS.c.status != literal(Status.OPEN),
    ORDERS.c.created < bindparam("before"),
    ORDERS.c.id.not_in(select(FILLS.c.order_id).where(FILLS.c.account_id == _OF, FILLS.c.order_id.is_not(None))),
)
"""Those that are not open and have no fill left."""
