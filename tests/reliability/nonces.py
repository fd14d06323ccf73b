"""The proof that nonces grow: many threads in many processes take turns, and write their nonces into one file in the
order in which they had them. ``python -m tests.reliability nonces``"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from database import open_state
from protocol.deadline import Deadline
from tests.reliability.outcome import Outcome
from transport.clock import epoch_ms
from transport.nonces import Nonces

ROOT = Path(__file__).parents[2]
COMMAND = "python -m tests.reliability nonces"
ACCOUNT = "proof"
PATIENCE = 300.0  # seconds


def run(threads: int = 64, processes: int = 4, nonces: int = 5000, state_url: str = "") -> dict[str, Any]:
    """Return the number of turns, the seconds, and True for all of them had, and for all in order."""
    with tempfile.TemporaryDirectory() as directory:
        state_url = state_url or f"sqlite:///{directory}/state.db"
        open_state(state_url).dispose()
        path = Path(directory, "nonces")
        path.touch()
        begun = time.monotonic()
        command = [sys.executable, "-m", "tests.reliability.nonces", str(threads), str(nonces), state_url, str(path)]
        workers = [subprocess.Popen(command, cwd=ROOT) for _ in range(processes)]
        statuses = [worker.wait() for worker in workers]
        seconds = time.monotonic() - begun
        had = [int(line) for line in path.read_text().split()]
    return {
        "turns": len(had),
        "seconds": round(seconds, 2),
        "microseconds a turn": round(seconds / max(len(had), 1) * 1e6, 1),
        "complete": statuses == [0] * processes and len(had) == threads * processes * nonces,
        "increasing": all(earlier < later for earlier, later in pairwise(had)),
    }


def work(threads: int, nonces: int, state_url: str, path: str) -> bool:
    """Take nonces in this process; return True if every thread had all of its turns."""
    nonces_of = Nonces(open_state(state_url), epoch_ms)
    file = os.open(path, os.O_WRONLY | os.O_APPEND)
    done: list[int] = []

    def have() -> None:
        for _ in range(nonces):
            with nonces_of.reserve(ACCOUNT, Deadline.after(PATIENCE)) as nonce:
                os.write(file, b"%d\n" % nonce)
        done.append(nonces)

    workers = [threading.Thread(target=have) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return len(done) == threads


def main() -> None:
    """Run a worker."""
    threads, nonces, state_url, path = sys.argv[1:]
    sys.exit(not work(int(threads), int(nonces), state_url, path))


def outcomes(quick: bool) -> Iterator[Outcome]:
    """Yield the outcome of the proof, at full size or a small one."""
    threads, processes, nonces = (8, 2, 50) if quick else (64, 4, 5000)
    figures = run(threads, processes, nonces)
    name = f"{threads} threads x {processes} processes take {nonces} nonces each"
    yield Outcome(name, COMMAND, figures, figures["complete"] and figures["increasing"], figures["seconds"])


if __name__ == "__main__":
    main()
