"""The timeline: where the count of each start of a machine begins."""

from alembic import op
from sqlalchemy import BigInteger, Column, String

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the table. No value is changed."""
    op.create_table(
        "timeline",
        Column("boot_id", String(100), primary_key=True),
        Column("offset_ms", BigInteger, nullable=False),
        Column("seen_ms", BigInteger, nullable=False),
    )
