"""A nonce may be that of several orders: FMZ's are milliseconds, and a strategy may place two within one."""

from alembic import op

revision = "0003"
down_revision = "0002"

_NAMES = {"uq": "%(table_name)s_%(column_0_N_name)s_key"}  # PostgreSQL's own; SQLite gives none


def upgrade() -> None:
    """Drop the constraint, and find a nonce's orders by an index instead. No value is changed."""
    with op.batch_alter_table("orders", naming_convention=_NAMES) as orders:
        orders.drop_constraint("orders_exchange_account_nonce_key", type_="unique")
    op.create_index("orders_request", "orders", ["exchange", "account", "nonce"])
