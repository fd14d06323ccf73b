"""The tables of 0.1.0, which recorded no version: the missing ones are created."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

revision = "0001"
down_revision = None

TABLES = MetaData()
_ID = BigInteger().with_variant(Integer, "sqlite")

Table(
    "futures_settings",
    TABLES,
    Column("exchange", String(40), primary_key=True),
    Column("account", String(32), primary_key=True),
    Column("setting", String(16), primary_key=True),
    Column("symbol", String(130), primary_key=True),
    Column("value", String(40), nullable=False),
)
Table(
    "limits",
    TABLES,
    Column("name", String(400), primary_key=True),
    Column("until", BigInteger, nullable=False),
)
Table(
    "nonces",
    TABLES,
    Column("account", String(32), primary_key=True),
    Column("high", BigInteger, nullable=False),
    Column("holder", String(32), nullable=False),
    Column("wanted", Boolean, nullable=False),
)
Table(
    "orders",
    TABLES,
    Column("client_id", String(64), primary_key=True),
    Column("exchange", String(40), nullable=False),
    Column("account", String(32), nullable=False),
    Column("request", String(64)),
    Column("symbol", String(130), nullable=False),
    Column("written", String(130), nullable=False),
    Column("side", String(4), nullable=False),
    Column("price", String(100)),
    Column("amount", String(100), nullable=False),
    Column("closes", Boolean, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("known", Text),
    Column("state", String(8), nullable=False),
    Column("order_id", Text),
    Column("answer", Text),
    Column("unclear", BigInteger, nullable=False),
    Column("told", BigInteger, nullable=False),
    Column("looked", BigInteger, nullable=False),
    Column("looks", BigInteger, nullable=False),
    Column("answered", String(64), nullable=False),
    UniqueConstraint("exchange", "account", "request"),
    Index("orders_line", "exchange", "account", "symbol", "side", "state"),
    Index("orders_state", "state", "created"),
)
Table(
    "paper_accounts",
    TABLES,
    Column("id", _ID, primary_key=True),
    Column("exchange", String(40), nullable=False),
    Column("account", String(32), nullable=False),
    Column("seen", BigInteger, nullable=False),
    UniqueConstraint("exchange", "account"),
)
Table(
    "paper_balances",
    TABLES,
    Column("account_id", _ID, ForeignKey("paper_accounts.id"), primary_key=True),
    Column("currency", String(40), primary_key=True),
    Column("free", String(100), nullable=False),
)
Table(
    "paper_fills",
    TABLES,
    Column("id", _ID, primary_key=True),
    Column("account_id", _ID, ForeignKey("paper_accounts.id"), nullable=False, index=True),
    Column("order_id", _ID),
    Column("symbol", String(120), nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("side", String(4), nullable=False),
    Column("price", String(100), nullable=False),
    Column("amount", String(100), nullable=False),
    Column("fee", String(100), nullable=False),
    Column("fee_currency", String(40), nullable=False),
    Column("profit", String(100), nullable=False),
)
Table(
    "paper_orders",
    TABLES,
    Column("id", _ID, primary_key=True),
    Column("account_id", _ID, ForeignKey("paper_accounts.id"), nullable=False),
    Column("symbol", String(120), nullable=False),
    Column("side", String(4), nullable=False),
    Column("price", String(100), nullable=False),
    Column("amount", String(100), nullable=False),
    Column("closes", Boolean, nullable=False),
    Column("leverage", Integer, nullable=False),
    Column("client_id", String(36)),
    Column("created", BigInteger, nullable=False),
    Column("filled", String(100), nullable=False),
    Column("cost", String(100), nullable=False),
    Column("frozen", String(100), nullable=False),
    Column("status", String(9), nullable=False),
    UniqueConstraint("account_id", "client_id"),
    Index("paper_orders_open", "account_id", "status"),
    sqlite_autoincrement=True,
)
Table(
    "paper_positions",
    TABLES,
    Column("account_id", _ID, ForeignKey("paper_accounts.id"), primary_key=True),
    Column("symbol", String(120), primary_key=True),
    Column("side", String(5), primary_key=True),
    Column("amount", String(100), nullable=False),
    Column("cost", String(100), nullable=False),
    Column("margin", String(100), nullable=False),
    Column("leverage", Integer, nullable=False),
)


def upgrade() -> None:
    """Create the missing tables: the limits' own database had no orders."""
    TABLES.create_all(op.get_bind())
