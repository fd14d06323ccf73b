"""An order keeps the exchange's own name of its market: FMZ's may mean another contract later."""

from alembic import op
from sqlalchemy import Column, String

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the name, which is the symbol in older orders, and an index for each query of the journal."""
    op.add_column("orders", Column("market_name", String(130)))
    op.execute("UPDATE orders SET market_name = symbol")
    with op.batch_alter_table("orders") as orders:
        orders.alter_column("market_name", existing_type=String(130), nullable=False)
    op.drop_index("orders_line", "orders")
    op.drop_index("orders_state", "orders")
    line = ["exchange", "account", "market_name", "side", "closes", "answered_as", "state"]
    op.create_index("orders_line", "orders", line)
    op.create_index("orders_order", "orders", ["exchange", "account", "order_id"])
    op.create_index("orders_due", "orders", ["state", "exchange", "looked_ms"])
    op.create_index("orders_created", "orders", ["created_ms"])
