"""Statements that are run by the database's driver are the same, and fail the same, as those run by SQLAlchemy."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, String, bindparam, cast, insert, literal, select, update
from sqlalchemy.exc import IntegrityError

from database import open_state
from exchanges.paper.tables import ACCOUNTS, BALANCES
from orders import statements
from orders.table import ORDERS
from prepared import Glance, Prepared
from tables import DatabaseReplaced
from tests.conftest import NOW

ROW = {
    "client_id": "a", "exchange": "Shop", "account": "me", "nonce": None, "symbol": "BTC_USDT", "symbol_text": "BTC",
    "market_name": "BTCUSDT", "side": "buy", "price": None, "amount": "0.10", "closes": True, "created_ms": NOW,
    "expires_ms": NOW, "open_before": None, "state": "sending", "order_id": None, "reply": "é 中 ' \" % ? :a",
    "unclear_since_ms": 0, "told_ms": 0, "looked_ms": 0, "look_count": 0, "answered_as": "", "secret_digest": "",
}  # fmt: skip


@pytest.fixture
def connection(state: Engine) -> Iterator[Connection]:
    with state.begin() as connection:
        yield connection


def test_what_is_written_is_read(connection: Connection) -> None:
    assert statements.INSERT.change(connection, ROW) == 1
    assert statements.BY_ID.rows(connection, {"client_id": "a"}) == [ROW]
    assert [dict(row) for row in connection.execute(select(ORDERS)).mappings()] == [ROW]
    assert statements.BY_ID.rows(connection, {"client_id": "b"}) == []


def test_values_of_the_statement_itself_are_kept(connection: Connection) -> None:
    statements.INSERT.change(connection, ROW)
    change = Prepared(
        update(ORDERS).where(ORDERS.c.side == literal("buy")).values(reply=literal("%s?"), nonce=bindparam("n"))
    )
    assert change.change(connection, {"n": "7"}) == 1
    assert change.change(connection, {"n": "8"}) == 1
    [row] = statements.BY_ID.rows(connection, {"client_id": "a"})
    assert (row["reply"], row["nonce"]) == ("%s?", "8")


def test_values_of_other_types_are_made_and_read_as_by_sqlalchemy(connection: Connection) -> None:
    account = {"exchange": "Shop", "account": "me", "seen": 0}
    [account_id] = connection.execute(insert(ACCOUNTS).returning(ACCOUNTS.c.id), account).scalars()
    row = {"account_id": account_id, "currency": "BTC", "free": Decimal("1E-20")}
    Prepared(insert(BALANCES)).change(connection, row)
    assert connection.scalar(select(cast(BALANCES.c.free, String))) == "0.00000000000000000001"
    assert Prepared(select(BALANCES)).rows(connection, {}) == [row]
    assert [dict(found) for found in connection.execute(select(BALANCES)).mappings()] == [row]


def test_errors_are_those_of_sqlalchemy_without_the_values(state: Engine) -> None:
    def write_twice() -> None:
        with state.begin() as connection:
            statements.INSERT.change(connection, ROW)
            statements.INSERT.change(connection, ROW)

    with pytest.raises(IntegrityError) as caught:
        write_twice()
    assert "BTCUSDT" not in str(caught.value)
    with state.begin() as connection:
        assert statements.BY_ID.rows(connection, {"client_id": "a"}) == [], "the transaction was rolled back"


# Without a transaction ----------------------------------------------------------------------------------------------


def test_a_glance_sees_what_is_committed_and_reads_on_after_a_dispose(state: Engine) -> None:
    glance = Glance(state)
    for _ in range(2):
        assert glance.rows(statements.BY_ID, {"client_id": "a"}) == []
        state.dispose()
    with state.begin() as connection:
        statements.INSERT.change(connection, ROW)
        assert glance.rows(statements.BY_ID, {"client_id": "a"}) == [], "and waits for no writer"
    assert glance.rows(statements.BY_ID, {"client_id": "a"}) == [ROW]
    with state.begin() as connection:
        statements.DELETE.change(connection, {"client_id": "a"})
    assert glance.rows(statements.BY_ID, {"client_id": "a"}) == []


def test_threads_share_a_glance(state: Engine) -> None:
    glance = Glance(state)
    with state.begin() as connection:
        for number in range(100):
            statements.INSERT.change(connection, ROW | {"client_id": str(number)})
    with ThreadPoolExecutor(8) as threads:
        found = threads.map(lambda number: glance.rows(statements.BY_ID, {"client_id": str(number % 100)}), range(400))
        assert [row["client_id"] for [row] in found] == [str(number % 100) for number in range(400)]


def test_a_glance_at_a_file_that_was_deleted_fails(tmp_path: Path) -> None:
    engine = open_state(f"sqlite:///{tmp_path}/state.db")
    glance = Glance(engine)
    assert glance.rows(statements.BY_ID, {"client_id": "a"}) == []
    (tmp_path / "state.db").unlink()
    with pytest.raises(DatabaseReplaced, match="deleted or replaced"):
        glance.rows(statements.BY_ID, {"client_id": "a"})
    engine.dispose()
