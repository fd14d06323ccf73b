"""Orders of one line at once: many robots of one account want an order each, some meet a fault and try again: each has
exactly its own. ``python -m tests.reliability together``"""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from tests.reliability import rig
from tests.reliability.loop import HANGS_UP, ID, PATIENCE
from tests.reliability.matrix import CELLS, DEADLINE, LAG, RIGS, Cell, Customer, nonces, read
from tests.reliability.outcome import Outcome
from tests.reliability.rig import SMALL, Facts, Rig, crowd, rigs

COMMAND = "python -m tests.reliability together"
ROBOTS = 20  # of one account, at once
APART = 1.12  # times the amount of the robot before: more than orders of one attempt may differ by
ACCOUNTS = 4  # at once, of each rig
HASTY = 0.95  # of the accounts, at the least, where robots hang up: five of each, and answers may be on their way
BROKEN = (2, 6)  # orders of an account that meet the fault


@dataclass
class Account(Customer):
    """An account, and its robots: the id that each was given, and all their answers."""

    ids: dict[int, str] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def judge(self, facts: Facts) -> None:
        """Compare the answers with what the exchange knows."""
        self.learn(facts)
        kept = {
            f"not exactly {ROBOTS}": len(self.orders) == ROBOTS,
            "an id not told": len(self.ids) == ROBOTS,
            "an id told twice": len(set(self.ids.values())) == len(self.ids),
            "others' ids": set(self.ids.values()) <= set(self.orders),
            "a redirect was followed": facts.elsewhere == 0,
        }
        self.compare(kept)

    def __str__(self) -> str:
        told = {label: self.answers.count(label) for label in sorted(set(self.answers))}
        return f"{', '.join(self.broken)}: {self.cell}: {len(self.ids)} ids, {len(self.orders)} orders; told {told}"


def together(started: Sequence[Rig], cells: Sequence[Cell], *, hangs_up: tuple[float, float] | None) -> list[Account]:
    """Let the robots of one account for each cell trade; return the accounts. hangs_up: seconds after which every
    fourth robot hangs up, between the two."""
    mixed = enumerate(random.Random(1).sample(cells, len(cells)))
    accounts = [Account(started[i % len(started)], cell, cell.breakage.new_key()) for i, cell in mixed]
    with crowd(ACCOUNTS * len(started)) as pool:
        for future in [pool.submit(_trade, account, hangs_up) for account in accounts]:
            future.result()
    known = {each.port: each.facts() for each in started}
    for account in accounts:
        account.judge(known[account.rig.port][account.cell.exchange])
    return accounts


def _trade(account: Account, hangs_up: tuple[float, float] | None) -> None:
    """Let all robots of an account begin at once, and return when each has its order, or its patience has ended."""
    gate = threading.Barrier(ROBOTS)
    begun = time.monotonic()
    with crowd(ROBOTS) as pool:
        for future in [
            pool.submit(_trade_one, account, number, gate, None if number % 4 else hangs_up) for number in range(ROBOTS)
        ]:
            future.result()
    account.seconds = time.monotonic() - begun


def _trade_one(account: Account, number: int, gate: threading.Barrier, hangs_up: tuple[float, float] | None) -> None:
    chance = random.Random(f"{account.key} {number}")
    gate.wait()
    end = time.monotonic() + PATIENCE
    while number not in account.ids and time.monotonic() < end:
        amount = round(10_000 * APART**number * chance.uniform(0.99, 1.01))
        asked = {"type": "buy", "price": f"{60_000 * chance.uniform(0.99, 1.01):.2f}", "amount": str(amount)}
        patience = chance.uniform(*hangs_up) if hangs_up else rig.PATIENCE
        try:
            reply = account.rig.ask(account.cell.exchange, account.key, next(nonces), asked, patience)
        except TimeoutError:
            account.answers.append("nothing")
            continue
        order_id, label, _ = read(reply)
        account.answers.append(label or ID)
        if order_id:
            account.ids[number] = order_id
        else:
            time.sleep(chance.uniform(0, 1))


# What it comes to ---------------------------------------------------------------------------------------------------


def outcomes(quick: bool) -> Iterator[Outcome]:
    """Yield the outcomes of orders at once under every fault that an order can come about behind, without and with
    robots that hang up."""
    if quick:
        with rigs(1, **SMALL) as started:
            yield small(started)
        return
    cells = _broken([cell for cell in CELLS if cell.makes and cell.can_be_asked and cell.kind == "limit"])
    for name, hangs_up in (("robots wait for their answers", None), ("every fourth robot hangs up", HANGS_UP)):
        begun = time.monotonic()
        with rigs(RIGS, LAG, deadline=DEADLINE) as started:
            accounts = together(started, cells, hangs_up=hangs_up)
        yield _outcome(name, accounts, time.monotonic() - begun, share=HASTY if hangs_up else 1.0)


def small(started: Sequence[Rig]) -> Outcome:
    """Return the outcome of one account on each of three exchanges."""
    names = ("Binance", "Futures_OKX", "Hotcoin")
    cells = [cell for cell in CELLS if cell.exchange in names and cell.kind == "limit" and cell.makes]
    chosen = [next(cell for cell in cells if cell.exchange == name) for name in names]
    begun = time.monotonic()
    return _outcome("orders at once", together(started, _broken(chosen), hangs_up=None), time.monotonic() - begun)


def _broken(cells: Sequence[Cell]) -> list[Cell]:
    chance = random.Random(5)
    return [replace(cell, breakage=replace(cell.breakage, times=chance.randint(*BROKEN))) for cell in cells]


def _outcome(name: str, accounts: Sequence[Account], seconds: float, *, share: float = 1.0) -> Outcome:
    times = sorted(account.seconds for account in accounts)
    right = [account for account in accounts if not account.broken]
    figures = {
        "accounts": len(accounts),
        "robots of each": ROBOTS,
        "tries": sum(len(account.answers) for account in accounts),
        "sent": sum(account.placements for account in accounts),
        "orders": sum(len(account.orders) for account in accounts),
        "exactly those wanted": f"{len(right)} of {len(accounts)}",
        "s until then, half and all": f"{median(times):.0f}, {times[-1]:.0f}",
        "broken": [str(account) for account in accounts if account.broken],
    }
    return Outcome(name, COMMAND, figures, len(right) >= share * len(accounts), seconds)
