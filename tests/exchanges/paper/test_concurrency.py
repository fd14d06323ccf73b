"""Four processes trade on one account of one database: nothing is lost, and nothing is done twice."""

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from database import open_state
from exchanges.paper import Paper
from protocol.models import NewOrder, Side, Symbol
from tables import METADATA
from tests.lent import Lent
from transport.credentials import Credentials

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[3]
PROCESSES, ROUNDS = 4, 15
NOW = 1_700_000_000_000  # ms
SYMBOL = Symbol.parse("BTC_USDT")

WORKER = """
import sys
from decimal import Decimal
from tests.lent import Lent
from exchanges.paper import Paper
from transport.credentials import Credentials
from database import open_state
from protocol.models import NewOrder, Side, Symbol

url, worker, rounds, now = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
clock = [now]
exchange = Lent(http=None, state=open_state(url), now=lambda: clock[0]).open(Paper, Credentials("shared"))
symbol = Symbol.parse("BTC_USDT")
for round in range(rounds):
    clock[0] += 250
    name = f"{worker}-{round}"
    far = NewOrder(symbol=symbol, side=Side.BUY, price=Decimal(10), amount=Decimal("0.5"), client_id=name)
    placed = exchange.trade(far)
    exchange.trade(NewOrder(symbol=symbol, side=Side.SELL, price=None, amount=Decimal("0.001")))
    assert exchange.find(symbol, name) == placed
    if round % 2:
        assert exchange.cancel(symbol, str(placed)) is True
"""


def test_four_processes_on_one_account(state_url: str) -> None:
    command = [sys.executable, "-c", WORKER, state_url]
    workers = [
        subprocess.Popen([*command, str(worker), str(ROUNDS), str(NOW)], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for worker in range(PROCESSES)
    ]
    for worker in workers:
        _, errors = worker.communicate(timeout=60)
        assert (worker.returncode, errors) == (0, "")

    state = open_state(state_url)
    exchange = Lent(http=None, state=state, now=lambda: NOW + 60_000).open(Paper, Credentials("shared"))
    balances = {balance.currency: balance for balance in exchange.accounts()}
    sold = Decimal("0.001") * PROCESSES * ROUNDS
    left_open = PROCESSES * (ROUNDS - ROUNDS // 2)
    assert len(exchange.orders(SYMBOL)) == left_open
    assert balances["BTC"].free == 1 - sold
    assert balances["USDT"].frozen == left_open * 5
    with state.connect() as connection:
        assert len(list(connection.execute(METADATA.tables["paper_accounts"].select()))) == 1
        orders = list(connection.execute(METADATA.tables["paper_orders"].select()))
        fills = list(connection.execute(METADATA.tables["paper_fills"].select()))
    state.dispose()
    assert len(orders) == 2 * PROCESSES * ROUNDS
    assert len(fills) >= PROCESSES * ROUNDS
    earned = sum(fill.price * fill.amount - fill.fee for fill in fills)
    assert balances["USDT"].free + balances["USDT"].frozen == 10_000 + earned


def test_a_client_id_is_taken_once_however_many_ask(state_url: str) -> None:
    """The same order from two engines on one database: the second is told so."""
    engines = [open_state(state_url) for _ in range(2)]
    exchanges = [
        Lent(http=None, state=engine, now=lambda: NOW).open(Paper, Credentials("shared")) for engine in engines
    ]
    order = NewOrder(symbol=SYMBOL, side=Side.BUY, price=Decimal(10), amount=Decimal(1), client_id="once")
    placed = exchanges[0].trade(order)
    for exchange in exchanges:
        assert exchange.find(SYMBOL, "once") == placed
    for engine in engines:
        engine.dispose()
