"""Orders of one line at once: many robots of one account want an order each, some meet a fault and try again: each has
exactly its own. ``python -m tests.reliability together``"""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tests.reliability import rig
from tests.reliability.loop import HANGS_UP, ID, PATIENCE, Robot, outcome_of
from tests.reliability.matrix import CELLS, DEADLINE, LAG, RIGS, Cell, nonces, read
from tests.reliability.outcome import Outcome
from tests.reliability.rig import SMALL, Rig, crowd, rigs

COMMAND = "python -m tests.reliability together"
ROBOTS = 20  # of one account, at once
APART = 1.12  # times the amount of the robot before: more than orders of one attempt may differ by
ACCOUNTS = 4  # at once, of each rig
HASTY = 0.95  # of the accounts, at the least, where robots hang up: five of each, and answers may be on their way
BROKEN = (2, 6)  # orders of an account that meet the fault


def together(started: Sequence[Rig], cells: Sequence[Cell], *, hangs_up: tuple[float, float] | None) -> list[Robot]:
    """Let the robots of one account for each cell trade; return the accounts, each as one robot that wants all their
    orders. hangs_up: seconds after which every fourth robot hangs up, between the two."""
    mixed = enumerate(random.Random(1).sample(cells, len(cells)))
    accounts = [Robot(started[i % len(started)], cell, cell.breakage.new_key(), wants=ROBOTS) for i, cell in mixed]
    with crowd(ACCOUNTS * len(started)) as pool:
        for future in [pool.submit(_trade, account, hangs_up) for account in accounts]:
            future.result()
    known = {each.port: each.facts() for each in started}
    for account in accounts:
        account.judge(known[account.rig.port][account.cell.exchange])
    return accounts


def _trade(account: Robot, hangs_up: tuple[float, float] | None) -> None:
    """Let all robots of an account begin at once, and return when each has its order, or its patience has ended."""
    gate = threading.Barrier(ROBOTS)
    begun = time.monotonic()
    with crowd(ROBOTS) as pool:
        for future in [
            pool.submit(_trade_one, account, number, gate, None if number % 4 else hangs_up) for number in range(ROBOTS)
        ]:
            future.result()
    account.seconds = time.monotonic() - begun


def _trade_one(account: Robot, number: int, gate: threading.Barrier, hangs_up: tuple[float, float] | None) -> None:
    chance = random.Random(f"{account.key} {number}")
    gate.wait()
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
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
            account.ids.append(order_id)
            return
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
        share = HASTY if hangs_up else 1.0
        yield outcome_of(name, accounts, time.monotonic() - begun, share=share, command=COMMAND, who="accounts")


def small(started: Sequence[Rig]) -> Outcome:
    """Return the outcome of one account on each of three exchanges."""
    names = ("Binance", "Futures_OKX", "Hotcoin")
    cells = [cell for cell in CELLS if cell.exchange in names and cell.kind == "limit" and cell.makes]
    chosen = [next(cell for cell in cells if cell.exchange == name) for name in names]
    begun = time.monotonic()
    accounts = together(started, _broken(chosen), hangs_up=None)
    return outcome_of("orders at once", accounts, time.monotonic() - begun, command=COMMAND, who="accounts")


def _broken(cells: Sequence[Cell]) -> list[Cell]:
    chance = random.Random(5)
    return [replace(cell, breakage=replace(cell.breakage, times=chance.randint(*BROKEN))) for cell in cells]
