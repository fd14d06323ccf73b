"""The journal's queries cost the same however many orders it has."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, insert
from sqlalchemy.pool import PoolProxiedConnection

from database import open_state
from orders.intents import Intent, State
from orders.journal import Journal
from orders.table import ORDERS, to_row
from protocol.models import Side
from tests.conftest import NOW
from tests.orders.shop import BTC

FEW, MANY = 8, 5000
OUTCOMES = (State.ACCEPTED, State.REFUSED, State.NOT_SENT, State.ABSENT)


def intent(number: int, state: State = State.SENDING) -> Intent:
    """Return an order of one line; the outcome of an accepted one was delivered."""
    client_id = f"c{number}"
    accepted = state is State.ACCEPTED
    return Intent(
        client_id=client_id, exchange="Shop", account="a", nonce=str(number), symbol=BTC, market_name="BTCUSDT",
        side=Side.BUY, price=Decimal(100), amount=Decimal(1), closes=False, created_ms=NOW, expires_ms=NOW + 5000,
        state=state, order_id=number if accepted else None, answered_as=client_id if accepted else "",
    )  # fmt: skip


class Steps:
    """The steps of SQLite's machine: how much it reads and compares, whatever the speed of this one."""

    def __init__(self, engine: Engine) -> None:
        self.taken = 0
        event.listen(engine, "checkout", self._watch)
        event.listen(engine, "checkin", lambda connection, _: connection.set_progress_handler(None, 1))

    def _watch(self, connection: PoolProxiedConnection, *_: object) -> None:
        connection.set_progress_handler(self._count, 1)

    def _count(self) -> int:
        self.taken += 1
        return 0


@pytest.fixture
def journals(tmp_path: Path) -> Iterator[dict[int, Engine]]:
    """Yield the engines of SQLite databases by their number of orders, all of one line and resolved."""
    engines = {}
    for count in (FEW, MANY):
        engines[count] = engine = open_state(f"sqlite:///{tmp_path}/{count}.db")
        rows = [to_row(intent(number, OUTCOMES[number % len(OUTCOMES)])) for number in range(count)]
        with engine.begin() as connection:
            connection.execute(insert(ORDERS), rows)
    yield engines
    for engine in engines.values():
        engine.dispose()


NEW = intent(MANY)
ASKED: dict[str, Callable[[Journal], object]] = {
    "begin": lambda journal: journal.begin(NEW),
    "find_request": lambda journal: journal.find_request("Shop", "a", NEW.nonce, NEW.client_id),
    "find_orders": lambda journal: journal.find_orders("Shop", "a", "none"),
    "belongs_to_other": lambda journal: journal.belongs_to_other(NEW, "none"),
    "has_later_twin": lambda journal: journal.has_later_twin(replace(NEW, created_ms=0)),
    "list_due": lambda journal: journal.list_due("Shop"),
    "list_orders": lambda journal: journal.list_orders(),
    "delete_old": lambda journal: journal.delete_old(),
}


def test_a_query_costs_the_same_with_many_orders(journals: dict[int, Engine], subtests: pytest.Subtests) -> None:
    steps = {count: Steps(engine) for count, engine in journals.items()}
    for name, ask in ASKED.items():
        taken = {}
        for count, engine in journals.items():
            before = steps[count].taken
            ask(Journal(engine, lambda: NOW, strict_nonces=name == "find_request"))
            taken[count] = steps[count].taken - before
        with subtests.test(name):
            assert 0 < taken[MANY] <= 1.2 * taken[FEW]
