"""An exchange that writes down when orders come and go, and a process full of threads that place orders on it:
``python -m tests.orders.stall <database> <file>``. It reads a list of nonces from each line, and answers with what each
of them was told."""

import json
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar, Self

from database import open_state
from orders.desk import Desk
from orders.journal import Journal
from protocol.deadline import Deadline
from protocol.errors import GatewayError, OrderNotFound
from protocol.models import Direction, NewOrder, Order, OrderId, Side, Status, Symbol
from transport.clock import epoch_ms

SYMBOL = Symbol.parse("BTC_USDT")
PRICE, AMOUNT = Decimal(100), Decimal(1)
LOST = Order(
    id="lost",
    side=Side.BUY,
    price=PRICE,
    amount=AMOUNT,
    filled=Decimal(0),
    average=Decimal(0),
    status=Status.OPEN,
    client_id="lost",
)
"""An order that it has from the start."""


class Stall:
    """One account on it, for one call. Every nonce beginning with the same letter means the same account."""

    name: ClassVar[str] = "Stall"
    client_id: ClassVar[Any] = True
    absent_after: ClassVar[float] = 15.0
    has_contracts: ClassVar[bool] = False
    secret_digest = "digest"

    def __init__(self, request: str, path: str) -> None:
        self.account = request[0]
        self.deadline = Deadline.after(10)
        self.replies = [b"{}"]
        self.urgent = False
        self.last_check: Callable[[], None] = lambda: None
        self._request = request
        self._path = path

    def fresh(self, deadline: Deadline | None = None) -> Self:
        return self

    def resolve(self, symbol: Symbol) -> Symbol:
        return symbol

    def market(self, symbol: Symbol) -> str:
        return str(symbol)

    def new_client_id(self) -> str:
        return self._request

    def new_order(self, symbol: Symbol, direction: Direction, price: Decimal | None, amount: Decimal) -> NewOrder:
        return NewOrder(symbol=symbol, side=direction.side, price=price, amount=amount, client_id=self._request)

    def prepare(self, order: NewOrder) -> None:
        pass

    def fit(self, order: NewOrder) -> NewOrder:
        return order

    def trade(self, order: NewOrder) -> OrderId:
        for step in ("came", "went"):
            with open(self._path, "a") as file:  # noqa: PTH123 - O_APPEND
                file.write(f"{order.client_id} {step}\n")
            time.sleep(0.005)
        return f"id of {order.client_id}"

    def orders(self, symbol: Symbol | None) -> list[Order]:
        return []

    def order(self, symbol: Symbol, order_id: str) -> Order:
        raise OrderNotFound("Stall")

    def find(self, symbol: Symbol, client_id: str) -> OrderId | None:
        return LOST.id if client_id == LOST.client_id else None

    def modify(self, order_id: str, order: NewOrder) -> OrderId:
        raise NotImplementedError

    def cancel(self, symbol: Symbol, order_id: str) -> bool:
        return False

    def explain(self, order: NewOrder) -> str:
        return ""

    def unreadable(self, error: Exception) -> Exception:
        return error

    def scrub(self, text: str) -> str:
        return text


def place(journal: Journal, path: str, together: threading.Barrier, request: str) -> str:
    """Place one order; return what its caller is told."""
    together.wait()
    try:
        desk = Desk(Stall(request, path), journal, request)
        order_id = desk.place(SYMBOL, Direction.BUY, PRICE, AMOUNT)
        desk.close(delivered=True)
        return str(order_id)
    except GatewayError as error:
        return str(error)


def main(url: str, path: str) -> None:
    """Place orders as they are read."""
    journal = Journal(open_state(url), epoch_ms)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        requests = json.loads(line)
        work = partial(place, journal, path, threading.Barrier(len(requests)))
        with ThreadPoolExecutor(len(requests)) as threads:
            answers = list(threads.map(work, requests))
        sys.stdout.write(f"{json.dumps(answers)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
