"""A database as 0.1.0 left it, and readers of any database."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, MetaData, create_engine, inspect, text

from database import read_url
from tests.conftest import NOW
from transport.credentials import Credentials

PAPER = Credentials("fmz-key").account
HIGH = (NOW + 3_600_000) * 1000  # a nonce, an hour ahead of the clock


def order(number: int, **changes: Any) -> dict[str, Any]:
    """Return a row of the journal as 0.1.0 wrote it: an accepted order whose caller was answered."""
    usual = {
        "client_id": f"Shopa{number}",
        "exchange": "Shop",
        "account": "a",
        "request": str(number),
        "symbol": "BTC_USDT",
        "written": "BTC_USDT",
        "side": "buy",
        "price": "100",
        "amount": "1",
        "closes": False,
        "created": NOW - 30_000 + number,
        "until": NOW - 18_000,
        "known": None,
        "state": "accepted",
        "order_id": str(number),
        "answer": f'{{"id": {number}}}',
        "unclear": 0,
        "told": 0,
        "looked": 0,
        "looks": 0,
        "answered": f"Shopa{number}",
    }
    return usual | changes


NOTHING = {"order_id": None, "answer": None, "answered": ""}
ADOPTED_LATER = order(5, answered="Shopa6", told=NOW - 20_000)
ORDERS = [
    order(1),
    order(2, **NOTHING, state="refused") | {"answer": "REFUSED Shop -1 余额不足 \N{PILE OF POO}"},
    order(3, **NOTHING, state="not sent"),
    order(4, **NOTHING, state="absent") | {"answer": "NOT_SENT Shop has no order Shopa4; it is safe to try again"},
    ADOPTED_LATER,
    order(6, order_id="5", answer='{"id": 5}'),
    order(7, **NOTHING, state="unknown", unclear=NOW - 12_000, told=NOW - 11_000, looked=NOW - 9_000, looks=3),
    order(8, **NOTHING, state="sending", side="sell", price=None, amount="0.00000000000000000001"),
    order(9, request=None, order_id='"ABC-é"', answer=None, written="btc_usdt", closes=True),
    order(10, **NOTHING, exchange="OldShop", state="unknown", known='["1", "lost"]', told=NOW - 5_000),
    order(11, account="b", request="1", symbol="BTC_USDT.swap", written="BTC_USDT.swap", until=2**53, created=2**53),
]
ROWS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "orders": ORDERS,
    "futures_settings": [
        {"exchange": "Shop", "account": "a", "setting": "leverage", "symbol": "", "value": "10"},
        {"exchange": "Shop", "account": "a", "setting": "leverage", "symbol": "BTC_USDT.swap", "value": "20"},
    ],
    "limits": [
        {"name": "https://shop.example", "until": (NOW + 9_000) * 1000},
        {"name": "Shop 各", "until": 2**62},
    ],
    "nonces": [
        {"account": "a", "high": HIGH, "holder": "", "wanted": False},
        {"account": "b", "high": HIGH, "holder": "0123456789abcdef", "wanted": True},
    ],
    "paper_accounts": [
        {"exchange": exchange, "account": PAPER, "seen": NOW - 1_000} for exchange in ("paper", "Futures_paper")
    ],
    "paper_balances": [
        {"account_id": 1, "currency": currency, "free": free}
        for currency, free in [
            ("USDT", "9990"), ("BTC", "1.00000000000000000001"),
            ("DOGE", "0"), ("ETH", "0"), ("LTC", "0"), ("SOL", "0"),
        ]
    ],
    "paper_orders": [
        {
            "account_id": 1, "symbol": "BTC_USDT", "side": "buy", "price": "10", "amount": amount, "closes": False,
            "leverage": 1, "client_id": client_id, "created": NOW - 5_000, "filled": "0", "cost": "0",
            "frozen": frozen, "status": status,
        }
        for amount, client_id, frozen, status in [("1", "mine", "10", "open"), ("2", None, "0", "cancelled")]
    ],
    "paper_positions": [
        {
            "account_id": 2, "symbol": "BTC_USDT.swap", "side": "long", "amount": "3", "cost": "4", "margin": "5",
            "leverage": 6,
        }
    ],
    "paper_fills": [
        {
            "account_id": 1, "order_id": None, "symbol": "BTC_USDT", "time": NOW - 4_000, "side": "sell", "price": "1",
            "amount": "2", "fee": "0.001", "fee_currency": "USDT", "profit": "-3",
        }
    ],
}  # fmt: skip


def plain_engine(url: str) -> Engine:
    """Return an engine that upgrades nothing."""
    return create_engine(read_url(url))


def run(url: str, *statements: str) -> None:
    engine = plain_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def build(url: str, *, without: str = "") -> None:
    """Build what 0.1.0 leaves, without one of its tables."""
    engine = plain_engine(url)
    statements = Path(__file__).with_name(f"0.1.0.{engine.dialect.name}.sql").read_text().split(";\n")
    with engine.begin() as connection:
        for statement in statements:
            if statement.strip() and f" {without} (" not in statement.replace("ON ", ""):
                connection.exec_driver_sql(statement)
        for table, rows in ROWS.items():
            for row in rows if table != without else ():
                names = ", ".join(row)
                values = ", ".join(f":{name}" for name in row)
                connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values})"), row)
    engine.dispose()


def content(url: str) -> dict[str, list[dict[str, Any]]]:
    """Return every row of every table."""
    engine, tables = plain_engine(url), MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        found = {
            table.name: [dict(row) for row in connection.execute(table.select().order_by(*table.columns)).mappings()]
            for table in tables.sorted_tables
        }
    engine.dispose()
    found.pop("sqlite_sequence", None)
    return found


def layout(engine: Engine) -> dict[str, Any]:
    """Return everything that the database knows of every table; a column's place in it does not matter."""
    inspector = inspect(engine)

    def by_name(parts: Any) -> list[str]:
        return sorted(str(sorted((key, str(value)) for key, value in part.items())) for part in parts)

    return {
        table: [
            by_name(inspector.get_columns(table)),
            inspector.get_pk_constraint(table),
            by_name(inspector.get_foreign_keys(table)),
            by_name(inspector.get_unique_constraints(table)),
            by_name(inspector.get_indexes(table)),
        ]
        for table in inspector.get_table_names()
    }
