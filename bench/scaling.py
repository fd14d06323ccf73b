"""``python -m bench.scaling [--quick]``: the service with more clients and more workers, on SQLite, and on the servers
that TEST_STATE_URL and TEST_REDIS_URL name (``.ci/servers python -m bench.scaling``). In full, the tables of
docs/SCALING.md are renewed, between ``<!-- scaling -->`` and ``<!-- /scaling -->``."""

import argparse
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench.__main__ import machine
from bench.client import Sample, asked
from bench.fake import BASES
from bench.measures import FAR, Bench, limit_order, p50, p99
from bench.stage import Peer, fake
from tests.servers import database

DOCUMENT = Path(__file__).parents[1] / "docs" / "SCALING.md"
CLIENTS = (1, 8, 32, 128)
WORKERS = (1, 2, 4)
TICKERS = 3000
ORDERS = 400
ROBOTS = 200
PAUSE = 1.0  # seconds between a robot's calls


@contextmanager
def state(kind: str, directory: Path) -> Iterator[Mapping[str, str]]:
    """Yield the settings of a database of this kind."""
    if kind == "SQLite":
        yield {}
        return
    with database(directory) as url:
        yield {"STATE_URL": url, "LIMITS_URL": os.environ["TEST_REDIS_URL"]}


def own_ticker(number: int) -> tuple[str, dict[str, object]]:
    """Return a ticker of a market that nobody else asks for."""
    return "bitgo", {"access_key": "k", "secret_key": "s", "nonce": number + 1, "method": "ticker",
                     "params": {"symbol": f"X{number}_CNY"}}  # fmt: skip


def cell(sample: Sample) -> str:
    """Return a sample in a cell: calls a second, and what they took."""
    assert not sample.failed, f"{sample.failed} calls failed"
    return f"{sample.rate:,.0f}/s, {p50(sample):.0f} / {p99(sample):.0f} ms"


def rows(bench: Bench, kind: str) -> Iterator[tuple[str, str, list[str]]]:
    """Yield what is asked for, by how many workers, and the cells of so many clients at once."""
    for workers in WORKERS:
        with (
            state(kind, bench.directory) as settings,
            bench.service(settings, options=["--workers", str(workers)]) as gateway,
        ):
            bench.exchange.reset(FAR)
            measures: Mapping[str, Callable[[int], Sample]] = {
                "ticker": partial(_tickers, bench, gateway),
                "limit order": partial(_orders, bench, gateway),
            }
            for what, measure in measures.items():
                measure(8)
                yield what, f"{workers}", [cell(measure(clients)) for clients in CLIENTS]


def _tickers(bench: Bench, gateway: Peer, clients: int) -> Sample:
    return asked(gateway.port, own_ticker, clients, min(bench.calls(TICKERS), 40 * clients))


def _orders(bench: Bench, gateway: Peer, clients: int) -> Sample:
    return asked(gateway.port, limit_order(BASES), clients, min(bench.calls(ORDERS), 20 * clients))


def many_robots(bench: Bench) -> str:
    """Return a sentence about robots that ask for a ticker once a second each."""
    with bench.service() as gateway:
        bench.exchange.reset(FAR)
        _tickers(bench, gateway, 32)
        before, began = gateway.cpu(), time.monotonic()
        sample = asked(gateway.port, own_ticker, ROBOTS, min(bench.calls(TICKERS), 15 * ROBOTS), pause=PAUSE)
        share = (gateway.cpu() - before) / (time.monotonic() - began)
    return (
        f"{ROBOTS} robots, one worker, SQLite, each a ticker and then {PAUSE:.0f} s of rest: {cell(sample)}, "
        f"{100 * share:.0f} % of one processor."
    )


def tables(bench: Bench) -> str:
    """Return the tables in Markdown."""
    kinds = ["SQLite"]
    if os.environ.get("TEST_STATE_URL") and os.environ.get("TEST_REDIS_URL"):
        kinds.append("PostgreSQL and Redis")
    lines = []
    for kind in kinds:
        lines += ["", f"{kind}, calls a second, and the p50 and p99 of a call in ms:", ""]
        lines += [f"| what | workers | {' | '.join(f'{one} clients' for one in CLIENTS)} |", f"|---|--:{'|---' * 4}|"]
        lines += [f"| {what} | {workers} | {' | '.join(cells)} |" for what, workers, cells in rows(bench, kind)]
    return "\n".join([*lines[1:], "", many_robots(bench)])


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.scaling", description="The speed of several workers.")
    parser.add_argument("--quick", action="store_true", help="few calls; nothing is written")
    given = parser.parse_args()
    about = machine()
    with tempfile.TemporaryDirectory() as folder, fake(Path(folder)) as exchange:
        text = tables(Bench(exchange, Path(folder), None, 0.02 if given.quick else 1))
    print(text)
    if not given.quick:
        marked = re.compile(r"(?<=<!-- scaling -->\n).*?(?=<!-- /scaling -->)", re.DOTALL)
        DOCUMENT.write_text(marked.sub(lambda _: f"{about}\n\n{text}\n", DOCUMENT.read_text()))


if __name__ == "__main__":
    main()
