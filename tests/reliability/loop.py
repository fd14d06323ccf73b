"""FMZ's retry loop: robots that try again, with a new nonce and their price and amount within 1 %, until they have an
id: exactly one order each. ``python -m tests.reliability loop``"""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from exchanges import find
from tests.reliability import rig
from tests.reliability.matrix import CELLS, DEADLINE, LAG, LATE, RIGS, Cell, Customer, nonces, order, read
from tests.reliability.outcome import Outcome
from tests.reliability.rig import SMALL, Facts, Rig, crowd, rigs

COMMAND = "python -m tests.reliability loop"
CROWD = 20  # robots at once, of each rig
WINDOW = 20  # seconds that an order holds the next one where nobody can be asked, instead of the usual 60
BROKEN = (1, 3)  # the first orders of a robot that meet the fault
PAUSE = 1.0  # seconds between two tries, at the most
PATIENCE = 120.0  # seconds of a robot, beside those until each of its broken orders is known not to exist
HANGS_UP = (0.5, 6.0)  # seconds that a hasty robot waits for an answer
ID = "an id"
HASTY = 0.99  # of the hasty robots, at the least, have one order: an answer may be on its way when they hang up


@dataclass
class Robot(Customer):
    """A strategy that wants so many orders. answers: an error's label, ID or ``nothing``."""

    wants: int = 1
    ids: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def judge(self, facts: Facts) -> None:
        """Compare the answers with what the exchange knows."""
        self.learn(facts)
        kept = {
            f"not exactly {self.wants}": len(self.orders) == self.wants,
            "others' ids": set(self.ids) <= set(self.orders),
            "an id told twice": len(set(self.ids)) == len(self.ids),
            "an id not told": len(self.ids) == self.wants,
            "a redirect was followed": facts.elsewhere == 0,
        }
        self.compare(kept)

    def __str__(self) -> str:
        answers = ", ".join(self.answers)
        return f"{', '.join(self.broken)}: {self.cell}: has {self.ids}, orders {list(self.orders)}; told {answers}"


def loop(
    started: Sequence[Rig],
    cells: Sequence[Cell],
    *,
    wants: int = 1,
    pause: float = PAUSE,
    hangs_up: tuple[float, float] | None = None,
    size: int = CROWD,
) -> list[Robot]:
    """Run one robot for each cell, in a mixed order, ``size`` at once for each rig; return them."""
    mixed = enumerate(random.Random(1).sample(cells, len(cells)))
    robots = [Robot(started[i % len(started)], cell, cell.breakage.new_key(), wants) for i, cell in mixed]
    with crowd(size * len(started)) as pool:
        for future in [pool.submit(_trade, robot, pause, hangs_up) for robot in robots]:
            future.result()
    time.sleep(max(cell.breakage.late for cell in cells) / 1000)
    known = {each.port: each.facts() for each in started}
    for robot in robots:
        robot.judge(known[robot.rig.port][robot.cell.exchange])
    return robots


def _trade(robot: Robot, pause: float, hangs_up: tuple[float, float] | None) -> None:
    """Trade as strategies do, ``while (!id) id = exchange.Buy(price, amount)``, for every order that a robot wants."""
    chance = random.Random(robot.key)
    side = chance.choice(("buy", "sell"))
    begun = time.monotonic()
    most = PATIENCE + robot.cell.breakage.times * find(robot.cell.exchange).absent_after
    while len(robot.ids) < robot.wants and time.monotonic() < begun + most:
        if robot.answers and robot.answers[-1] != ID:
            time.sleep(chance.uniform(0, pause))
        patience = chance.uniform(*hangs_up) if hangs_up else rig.PATIENCE
        asked = order(chance, robot.cell.kind, side)
        try:
            reply = robot.rig.ask(robot.cell.exchange, robot.key, next(nonces), asked, patience)
        except TimeoutError:
            robot.answers.append("nothing")
            continue
        order_id, label, _ = read(reply)
        robot.answers.append(label or ID)
        robot.ids += [order_id] if order_id else []
    robot.seconds = time.monotonic() - begun


# What it comes to ---------------------------------------------------------------------------------------------------


def outcomes(quick: bool) -> Iterator[Outcome]:
    """Yield the outcomes of robots over the matrix, of orders that come about late, of robots that want several, and of
    robots that hang up."""
    if quick:
        with rigs(1, **SMALL) as started:
            yield small(started)
        return
    chance = random.Random(3)
    there = [cell for cell in CELLS if cell.exists]
    makes = [cell for cell in there if cell.makes]
    late = [
        replace(cell, breakage=replace(cell.breakage, late=round(chance.uniform(*LATE) * 1000)))
        for cell in _several(makes, 200, chance)
    ]
    begun = time.monotonic()
    with rigs(RIGS, LAG, deadline=DEADLINE, retry_window=WINDOW) as started:
        yield outcome_of("all", loop(started, _several(there, 1000, chance)), time.monotonic() - begun)
        begun = time.monotonic()
        yield outcome_of("orders come about late", loop(started, late), time.monotonic() - begun)
        begun = time.monotonic()
        robots = loop(started, _several(makes, 200, chance), wants=5)
        yield outcome_of("robots want five orders each", robots, time.monotonic() - begun)
    begun = time.monotonic()
    with rigs(RIGS, LAG, deadline=DEADLINE) as started:
        robots = loop(started, _several(makes, 400, chance), hangs_up=HANGS_UP)
        yield outcome_of("robots hang up", robots, time.monotonic() - begun, share=HASTY)


def small(started: Sequence[Rig]) -> Outcome:
    """Return the outcome of some robots that want two orders, of which one is broken, and comes about: that there is
    none takes too long to know."""
    cells = random.Random(3).sample([cell for cell in CELLS if cell.exists and cell.makes], 40)
    begun = time.monotonic()
    return outcome_of("the retry loop", loop(started, cells, wants=2, pause=0.1, size=40), time.monotonic() - begun)


def _several(cells: Sequence[Cell], number: int, chance: random.Random) -> list[Cell]:
    """Return so many robots' cells, each as often as every other; the number of a robot's orders that are broken is
    chosen anew."""
    endless = (cells[i % len(cells)] for i in range(number))
    return [replace(cell, breakage=replace(cell.breakage, times=chance.randint(*BROKEN))) for cell in endless]


def outcome_of(
    name: str,
    robots: Sequence[Robot],
    seconds: float,
    *,
    share: float = 1.0,
    command: str = COMMAND,
    who: str = "robots",
) -> Outcome:
    """Return the outcome of robots that tried again. share: of them that must have exactly the orders they want.
    who: they are, in the table."""
    times = sorted(robot.seconds for robot in robots)
    right = [robot for robot in robots if not robot.broken]
    figures = {
        who: len(robots),
        "tries": sum(len(robot.answers) for robot in robots),
        "sent": sum(robot.placements for robot in robots),
        "orders": sum(len(robot.orders) for robot in robots),
        "exactly those wanted": f"{len(right)} of {len(robots)}",
        "s until then, half and all": f"{median(times):.0f}, {times[-1]:.0f}",
        "broken": [str(robot) for robot in robots if robot.broken],
    }
    return Outcome(name, command, figures, len(right) >= share * len(robots), seconds)
