"""An FMZ host for robots in JavaScript: see host.mjs."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.documents.gateway import NOW
from tests.programs import program

HOST = Path(__file__).with_name("host.mjs")
Object = tuple[str, str]
"""An exchange object: its address, and its label."""
KEY, SECRET = "the-robots-key", "the-robots-secret"


@dataclass(frozen=True)
class Run:
    """A robot's end: ``traded`` if it was stopped after its orders, ``main returned``, ``out of steps``, or
    ``error``. log: what it logged, errors of calls among it. ids: of its orders, with the address of the exchange."""

    ended: str
    log: list[str]
    ids: list[dict[str, Any]]


def run_robot(robot: str, objects: Sequence[Object], *, orders: int = 0, steps: int = 2000, clock: bool = True) -> Run:
    """Run a robot with these exchange objects. orders: after how many it is stopped at its next Sleep, 0 for never.
    steps: calls and Sleeps until it is stopped in any case. clock: True if the gateway is told the robot's time."""
    keys = {"access_key": KEY, "secret_key": SECRET, "pair": "BTC_USDT"}
    job = {
        "robot": robot, "now": NOW, "steps": steps, "orders": orders, "clock": clock,
        "exchanges": [{**keys, "address": address, "label": label} for address, label in objects],
    }  # fmt: skip
    done = subprocess.run(
        [program("node"), HOST], input=json.dumps(job), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    return Run(result["ended"], result["log"], result["ids"])
