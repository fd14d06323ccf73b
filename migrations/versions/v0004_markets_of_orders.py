"""An order keeps the exchange's own name of its market: FMZ's may mean another contract later."""

from alembic import op
from sqlalchemy import Column, String

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the name, which is the symbol in older orders, and find a line's orders, and an order's id, by indexes."""
    op.add_column("orders", Column("market_name", String(130)))
    op.execute("UPDATE orders SET market_name = symbol")
    with op.batch_alter_table("orders") as orders:
        orders.alter_column("market_name", existing_type=String(130), nullable=False)
    op.drop_index("orders_line", "orders")
    op.create_index("orders_line", "orders", ["exchange", "account", "market_name", "side", "state"])
    op.create_index("orders_order", "orders", ["exchange", "account", "order_id"])
