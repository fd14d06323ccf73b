"""An order keeps a digest of the secret that it was placed with; it is not known of older orders."""

from alembic import op
from sqlalchemy import Column, String

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the digest, empty in older orders."""
    op.add_column("orders", Column("secret_digest", String(64), nullable=False, server_default=""))
    with op.batch_alter_table("orders") as orders:
        orders.alter_column("secret_digest", existing_type=String(64), server_default=None)
