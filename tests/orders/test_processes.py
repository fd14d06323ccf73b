"""Four processes of many threads, and one journal: every order is sent once, one after the other."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from database import open_state
from orders.intents import Intent
from orders.journal import Journal
from tests.orders.stall import AMOUNT, LOST, PRICE, SYMBOL, Stall
from tests.servers import database
from transport.clock import epoch_ms

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
PROCESSES, THREADS = 4, 12


@dataclass(frozen=True)
class Crowd:
    """The processes, the file in which the exchange writes down who came and who went, and a journal like theirs."""

    processes: list[subprocess.Popen[str]]
    path: Path
    journal: Journal

    def place(self, requests: Sequence[Sequence[str]]) -> list[str]:
        """Place one order for each nonce at the same moment, each in a thread of its process; return the answers."""
        for process, own in zip(self.processes, requests, strict=True):
            assert process.stdin
            process.stdin.write(f"{json.dumps(own)}\n")
            process.stdin.flush()
        return [answer for process in self.processes for answer in json.loads(_line(process))]

    def seen(self, account: str) -> list[str]:
        """Return what the exchange saw of an account."""
        return [line for line in self.path.read_text().splitlines() if line.startswith(account)]


def _line(process: subprocess.Popen[str]) -> str:
    """Return the next line that a process writes."""
    assert process.stdout
    return process.stdout.readline()


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    """Yield the processes, ready."""
    directory = tmp_path_factory.mktemp("crowd")
    path = directory / "seen"
    with database(directory) as url, ExitStack() as stack:
        command = [sys.executable, "-m", "tests.orders.stall", url, str(path)]
        processes = [
            stack.enter_context(
                subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for _ in range(PROCESSES)
        ]  # they end with their input
        engine = open_state(url)
        stack.callback(engine.dispose)
        assert [_line(process) for process in processes] == ["ready\n"] * PROCESSES
        yield Crowd(processes, path, Journal(engine, epoch_ms))


def own(account: str) -> list[list[str]]:
    """Return a nonce of its own for every order, of three in each process."""
    return [[f"{account} {process}{thread}" for thread in range(3)] for process in range(PROCESSES)]


def test_one_request_is_sent_once_however_many_ask(crowd: Crowd) -> None:
    answers = crowd.place([["same"] * THREADS] * PROCESSES)
    assert answers == ["id of same"] * PROCESSES * THREADS
    assert crowd.seen("same") == ["same came", "same went"]


def test_no_two_orders_of_a_line_are_under_way_at_once(crowd: Crowd) -> None:
    requests = own("line")
    answers = crowd.place(requests)
    assert answers == [f"id of {request}" for part in requests for request in part]
    seen = crowd.seen("line")
    assert len(seen) == 2 * len(answers)
    assert all(came == went.replace("went", "came") for came, went in zip(seen[::2], seen[1::2], strict=True))


def test_an_order_that_was_lost_is_the_answer_to_one(crowd: Crowd) -> None:
    now = epoch_ms()
    lost = Intent(
        client_id=LOST.client_id,
        exchange=Stall.name,
        account="adopt"[0],
        nonce="before",
        symbol=SYMBOL,
        market_name=str(SYMBOL),
        side=LOST.side,
        price=PRICE,
        amount=AMOUNT,
        closes=False,
        created_ms=now,
        expires_ms=now,
    )
    assert crowd.journal.begin(lost) is None
    crowd.journal.mark_reported(lost)
    requests = own("adopt")
    answers = crowd.place(requests)
    answered = dict(zip((request for part in requests for request in part), answers, strict=True))
    [adopted] = [request for request, answer in answered.items() if answer == "lost"]
    assert sorted(crowd.seen("adopt")) == sorted(
        f"{request} {step}" for request in answered if request != adopted for step in ("came", "went")
    )
    kept = crowd.journal.get(LOST.client_id)
    assert kept
    assert kept.answered_as == adopted
