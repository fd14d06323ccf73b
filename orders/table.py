"""The journal's table: one row for each order."""

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Index, RowMapping, String, Table, Text

from orders.intents import Intent, State
from protocol.models import Side, Symbol
from protocol.numbers import plain
from tables import METADATA

ORDERS = Table(
    "orders",
    METADATA,
    Column("client_id", String(64), primary_key=True),
    Column("exchange", String(40), nullable=False),
    Column("account", String(32), nullable=False),
    Column("nonce", String(64)),  # NULL if there was none
    Column("symbol", String(130), nullable=False),
    Column("symbol_text", String(130), nullable=False),  # the symbol as FMZ wrote it
    Column("market_name", String(130), nullable=False),  # the exchange's own; the symbol in orders of 0.1.0
    Column("side", String(4), nullable=False),
    Column("price", String(100)),  # NULL for market
    Column("amount", String(100), nullable=False),
    Column("closes", Boolean, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("open_before", Text),  # a list in JSON
    Column("state", String(8), nullable=False),
    Column("order_id", Text),  # in JSON, because it is a number or text
    Column("reply", Text),
    Column("unclear_since_ms", BigInteger, nullable=False),
    Column("told_ms", BigInteger, nullable=False),
    Column("looked_ms", BigInteger, nullable=False),
    Column("look_count", BigInteger, nullable=False),
    Column("answered_as", String(64), nullable=False),
    Column("secret_digest", String(64), nullable=False),  # "" in orders of 0.1.0
    Index("orders_request", "exchange", "account", "nonce"),
    # Each query that an order waits for, or that the resolver makes every second, reads only rows that it returns.
    Index("orders_line", "exchange", "account", "market_name", "side", "closes", "answered_as", "state"),
    Index("orders_order", "exchange", "account", "order_id"),
    Index("orders_due", "state", "exchange", "looked_ms"),
    Index("orders_created", "created_ms"),
)


def to_row(intent: Intent) -> dict[str, Any]:
    """Return the row of an intent."""
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


def from_row(row: Mapping[str, Any] | RowMapping) -> Intent:
    """Return the intent in a row."""
    fields = {name: value for name, value in row.items() if name != "symbol_text"}
    return Intent(
        **fields
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
