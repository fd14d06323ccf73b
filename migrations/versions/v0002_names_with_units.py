"""Plain names for the orders' columns, times with their unit. No value is changed."""

from alembic import op

revision = "0002"
down_revision = "0001"

_NAMES = {
    "request": "nonce",
    "written": "symbol_text",
    "created": "created_ms",
    "until": "expires_ms",
    "known": "open_before",
    "answer": "reply",
    "unclear": "unclear_since_ms",
    "told": "told_ms",
    "looked": "looked_ms",
    "looks": "look_count",
    "answered": "answered_as",
}


def upgrade() -> None:
    """Rename the columns; constraints and indexes follow."""
    for old, new in _NAMES.items():
        op.alter_column("orders", old, new_column_name=new)
    if op.get_context().dialect.name == "postgresql":  # it names the constraint after its columns
        op.execute(
            "ALTER TABLE orders RENAME CONSTRAINT orders_exchange_account_request_key "
            "TO orders_exchange_account_nonce_key"
        )
