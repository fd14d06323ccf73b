"""The fault matrix: every fault, limit and market, with an order and without, on every exchange: at most one order, and
never called failed while it exists. ``python -m tests.reliability matrix``"""

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from itertools import chain, count, product
from statistics import median
from typing import Any

from exchanges import find
from orders.intents import State
from tests.fakes.broken import BEFORE, FAULTS
from tests.fakes.exchanges import FAKES
from tests.reliability.outcome import Outcome
from tests.reliability.rig import SMALL, Breakage, Facts, Rig, crowd, rigs

COMMAND = "python -m tests.reliability matrix"
EACH = 9  # requests of each cell: 216 of each fault where there are such orders
RIGS = 4  # each has the exchanges' limits for itself
CROWD = 12  # requests at once, of each rig
DEADLINE = 5.0  # seconds, of a call
LAG = (0.0, 3.0)  # seconds until an order is listed
LATE = (0.5, 8.0)  # seconds until an order comes about
PATIENCE = 180.0  # seconds until an unclear order must be resolved: ``absent_after``, and a minute to the next look
RESOLVED = 0.999  # of the unclear orders, at the least
UNCLEAR = "ORDER_STATE_UNKNOWN"
TOO_EARLY = ("NOT_SENT", "RATE_LIMITED", "BUSY", "NO_DEFINITE_ANSWER")
"""The labels of answers when no order has left: the machine, or the gateway's own count of a limit, was in the way."""

nonces = count(time.time_ns())


@dataclass(frozen=True)
class Cell:
    """One cell of the matrix."""

    exchange: str
    kind: str
    breakage: Breakage

    @property
    def can_be_asked(self) -> bool:
        """Return True if the exchange can be asked for an order by our own id."""
        return find(self.exchange).client_id is not None

    @property
    def exists(self) -> bool:
        """Return True if the exchange has such orders."""
        return self.kind == "limit" or not find(self.exchange).limit_only

    @property
    def makes(self) -> bool:
        """Return True if the order comes about behind the fault."""
        return self.breakage.created and self.breakage.fault != BEFORE

    def __str__(self) -> str:
        broken = self.breakage
        made = "created" if broken.created else "not created"
        return f"{self.exchange} {self.kind}, {broken.times} × {broken.fault}, {made}, {broken.late} ms late"


CELLS = [
    Cell(exchange, kind, Breakage(fault, created))
    for fault, kind, created, exchange in product(FAULTS, ("limit", "market"), (True, False), FAKES)
]


@dataclass
class Customer:
    """The user of one account. broken: the promises that were not kept."""

    rig: Rig
    cell: Cell
    key: str
    orders: Sequence[str] = field(default=(), kw_only=True)
    placements: int = field(default=0, kw_only=True)
    broken: list[str] = field(default_factory=list, kw_only=True)

    def learn(self, facts: Facts) -> None:
        """Take over what the exchange knows of the account."""
        self.orders = facts.orders.get(self.key, ())
        self.placements = facts.placements.get(self.key, 0)

    def compare(self, kept: Mapping[str, bool]) -> None:
        """Note the promises that were not kept."""
        self.broken += [promise for promise, is_kept in kept.items() if not is_kept]


@dataclass
class Run(Customer):
    """One request and its answer. answer_time: monotonic seconds. resolved: seconds from then until it was clear."""

    order_id: str = ""
    label: str = ""
    client_id: str = ""
    answer_time: float = 0.0
    resolved: float | None = None

    def judge(self, facts: Facts) -> None:
        """Compare the answer with what the exchange knows, and the journal with both."""
        self.learn(facts)
        kept = {
            "several orders": len(self.orders) <= 1,
            "sent several times": self.placements <= 1,
            "sent, and not unsupported": self.cell.exists or (self.placements == 0 and self.label == "UNSUPPORTED"),
            "called failed": not self.orders or self.label in ("", UNCLEAR),
            "another's id": not self.order_id or [self.order_id] == list(self.orders),
            "a redirect was followed": facts.elsewhere == 0,
        }
        if self.resolved is not None:
            intent = self.rig.journal.get(self.client_id)
            assert intent
            found = [] if intent.order_id is None else [str(intent.order_id)]
            state = State.ACCEPTED if self.orders else State.ABSENT
            kept[f"resolved wrongly: {intent.state} {found}"] = (intent.state, found) == (state, list(self.orders))
        self.compare(kept)

    def __str__(self) -> str:
        said = self.order_id or self.label
        return f"{', '.join(self.broken)}: {self.cell}: told {said}, orders {list(self.orders)}"


def matrix(
    started: Sequence[Rig], cells: Sequence[Cell], *, patience: float = PATIENCE, size: int = CROWD
) -> list[Run]:
    """Make one request for each cell, in a mixed order, ``size`` at once for each rig; return them, and those that did
    not come to meet the fault."""
    mixed = random.Random(0).sample(cells, len(cells))
    with crowd(size * len(started)) as pool:
        futures = [pool.submit(_request, started[i % len(started)], cell) for i, cell in enumerate(mixed)]
        _watch(started, futures, patience)
        runs = list(chain.from_iterable(future.result() for future in futures))
    known = {rig.port: rig.facts() for rig in started}
    for run in runs:
        run.judge(known[run.rig.port][run.cell.exchange])
    return runs


def order(chance: random.Random, kind: str, side: str) -> dict[str, str]:
    """Return an order as a strategy may want it: its price and amount within 1 %. The amount is whole, because a market
    buy may spend whole money only."""
    price, amount = round(60_000 * chance.uniform(0.99, 1.01), 2), round(10_000 * chance.uniform(0.99, 1.01))
    return {"type": side, "price": str(price if kind == "limit" else -1), "amount": str(amount)}


def read(reply: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return the order's id, the error's label, and our id of an unclear order that an answer has; empty where it has
    none."""
    if "data" in reply:
        return str(reply["data"]["id"]), "", ""
    label, first, *_ = reply["error"].split()
    return "", label, first if label == UNCLEAR else ""


def _request(rig: Rig, cell: Cell) -> list[Run]:
    """Make a request, after as many others as did not come to meet the fault; return all of them."""
    runs: list[Run] = []
    while not runs or runs[-1].label in TOO_EARLY:
        if runs:
            time.sleep(1)
        run = Run(rig, cell, cell.breakage.new_key())
        chance = random.Random(run.key)
        asked = order(chance, cell.kind, chance.choice(("buy", "sell")))
        run.order_id, run.label, run.client_id = read(rig.ask(cell.exchange, run.key, next(nonces), asked))
        run.answer_time = time.monotonic()
        runs.append(run)
    return runs


def _watch(started: Sequence[Rig], futures: Sequence[Future[list[Run]]], patience: float) -> None:
    """Note when unclear orders are resolved, until all are that can be or patience ends, and no order is to come."""
    while True:
        done, under_way = wait(futures, timeout=0.5)
        runs = [future.result()[-1] for future in done]
        open_ids = {intent.client_id for rig in started for intent in rig.journal.list_orders(limit=100_000)}
        now = time.monotonic()
        for run in runs:
            if run.client_id and run.resolved is None and run.client_id not in open_ids:
                run.resolved = now - run.answer_time
        waiting = [run for run in runs if run.client_id and run.resolved is None and run.cell.can_be_asked]
        if under_way or any(now < run.answer_time + patience for run in waiting):
            continue
        if all(now > run.answer_time + run.cell.breakage.late / 1000 + 1 for run in runs if run.cell.breakage.late):
            return


# What it comes to ---------------------------------------------------------------------------------------------------


def outcomes(quick: bool) -> Iterator[Outcome]:
    """Yield one outcome a fault, one of orders that come about late, and one of orders that an exchange does not
    have."""
    if quick:
        with rigs(1, **SMALL) as started:
            yield from small(started)
        return
    begun = time.monotonic()
    with rigs(RIGS, LAG, deadline=DEADLINE) as started:
        runs = matrix(started, CELLS * EACH)
    yield from _by_fault(runs, begun)
    begun, chance = time.monotonic(), random.Random(2)
    late = [
        replace(cell, breakage=replace(cell.breakage, late=round(chance.uniform(*LATE) * 1000)))
        for cell in chance.choices([cell for cell in CELLS if cell.exists and cell.makes], k=400)
    ]
    with rigs(RIGS, LAG, deadline=DEADLINE) as started:
        yield _outcome("any, orders come about late", matrix(started, late), time.monotonic() - begun)
    yield _unsupported(runs)


def small(started: Sequence[Rig]) -> Iterator[Outcome]:
    """Yield the outcomes of some cells, without time for unclear orders to be resolved."""
    cells, begun = random.Random(2).sample(CELLS, 60), time.monotonic()
    runs = matrix(started, cells, patience=0, size=30)
    yield from _by_fault(runs, begun, waited=False)
    yield _unsupported(runs)


def _by_fault(runs: Sequence[Run], begun: float, *, waited: bool = True) -> Iterator[Outcome]:
    seconds = (time.monotonic() - begun) / len(FAULTS)  # of them all together
    for fault in FAULTS:
        found = [run for run in runs if run.cell.exists and run.cell.breakage.fault == fault]
        yield _outcome(fault, found, seconds, waited=waited)


def _unsupported(runs: Sequence[Run]) -> Outcome:
    lacking = [run for run in runs if not run.cell.exists]
    figures = {
        "requests": len(lacking),
        "told UNSUPPORTED": sum(run.label == "UNSUPPORTED" for run in lacking),
        "sent": sum(run.placements for run in lacking),
        "broken": [str(run) for run in lacking if run.broken],
    }
    return Outcome("market orders where there are none", COMMAND, figures, not figures["broken"], 0.0)


def _outcome(name: str, runs: Sequence[Run], seconds: float, *, waited: bool = True) -> Outcome:
    """Return what came of runs. waited: True if there was time for unclear orders to be resolved."""
    sent = [run for run in runs if run.placements]
    unclear = [run for run in sent if run.client_id]
    asked = [run for run in unclear if run.cell.can_be_asked]
    times = sorted(run.resolved for run in asked if run.resolved is not None)
    share = len(times) / len(asked) if asked else 1.0
    broken = [str(run) for run in runs if run.broken]
    if waited and share < RESOLVED:
        broken += [f"not resolved: {run}" for run in asked if run.resolved is None]
    figures = {
        "sent": len(sent),
        "orders": sum(len(run.orders) for run in runs),
        "most of one request": max((len(run.orders) for run in runs), default=0),
        "id told": sum(bool(run.order_id) for run in sent),
        "unclear": len(unclear),
        "can be asked for": len(asked),
        "resolved": f"{100 * share:.4g} %",
        "s until then, half and all": f"{median(times):.0f}, {times[-1]:.0f}" if times else "",
        "broken": broken,
    }
    return Outcome(name, COMMAND, figures, not broken, seconds)
