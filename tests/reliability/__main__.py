"""``python -m tests.reliability [--quick] [EXPERIMENT …]``: all the proofs, or those that are named, printed, and at
full size put into docs/RELIABILITY.md, between ``<!-- EXPERIMENT -->`` and ``<!-- /EXPERIMENT -->``. Fails where a
promise was not kept."""

import argparse
import logging
import re
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from itertools import groupby
from pathlib import Path

from tests.reliability.outcome import Outcome

EXPERIMENTS = ("matrix", "loop", "together", "surprises", "nonces", "crashes", "storms", "load", "day")
MOST_DETAILS = 10  # broken promises that are printed
DOCUMENT = Path(__file__).parents[2] / "docs" / "RELIABILITY.md"


def table(outcomes: Sequence[Outcome]) -> str:
    """Return outcomes in Markdown: a row each where they counted the same, else a table each."""
    tables = []
    for names, alike in groupby(outcomes, key=lambda outcome: tuple(outcome.figures)):
        rows = list(alike)
        if len(rows) > 1:
            cells = [["", *names, "kept"]]
            cells += [[one.name, *map(shown, one.figures.values()), kept(one)] for one in rows]
        else:
            [one] = rows
            cells = [["", one.name], *([name, shown(figure)] for name, figure in one.figures.items())]
            cells.append(["kept", kept(one)])
        tables.append("".join(f"| {' | '.join(row)} |\n" for row in (cells[0], ["---"] * len(cells[0]), *cells[1:])))
    seconds = sum(outcome.seconds for outcome in outcomes)
    commands = " ".join(dict.fromkeys(f"`{outcome.command}`" for outcome in outcomes))
    return "\n".join([*tables, f"{commands}, {seconds:.0f} s\n"])


def shown(figure: object) -> str:
    """Return a figure in a cell."""
    if isinstance(figure, Mapping):
        return ", ".join(f"{name} {shown(value)}" for name, value in figure.items()) or "0"
    if isinstance(figure, bool):
        return "yes" if figure else "no"
    if isinstance(figure, list):
        return str(len(figure))
    return f"{figure:,}" if isinstance(figure, int | float) else str(figure)


def kept(outcome: Outcome) -> str:
    """Return a mark for a promise that was kept, or not."""
    return "✓" if outcome.passed else "**no**"


def written(text: str, name: str, outcomes: Sequence[Outcome]) -> str:
    """Return a document with an experiment's tables renewed."""
    marked = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", re.DOTALL)
    return marked.sub(lambda _: table(outcomes), text)


def prove(name: str, *, quick: bool) -> bool:
    """Do an experiment; return True if the promises were kept."""
    outcomes = []
    for outcome in import_module(f"tests.reliability.{name}").outcomes(quick):
        outcomes.append(outcome)
        _say(f"{'kept  ' if outcome.passed else 'BROKEN'} {name}: {outcome.name}, {outcome.seconds:.0f} s")
        for figure, value in outcome.figures.items():
            details = value[:MOST_DETAILS] if isinstance(value, list) else []
            _say(f"         {figure}: {shown(value)}", *(f"             {line}" for line in details))
    if not quick and DOCUMENT.exists():
        DOCUMENT.write_text(written(DOCUMENT.read_text(), name, outcomes))
    return all(outcome.passed for outcome in outcomes)


def main() -> None:
    """Do what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description="Proofs of docs/RELIABILITY.md.")
    parser.add_argument(
        "--quick", action="store_true", help="as small as in the ordinary tests; no document is changed"
    )
    parser.add_argument("experiment", nargs="*", help=f"of {', '.join(EXPERIMENTS)}; all where none is named")
    asked = parser.parse_args()
    if unknown := set(asked.experiment) - set(EXPERIMENTS):
        parser.error(f"no such experiment: {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # so that what was started is ended
    logging.getLogger("werkzeug").setLevel("ERROR")
    begun = time.monotonic()
    try:
        broken = [name for name in asked.experiment or EXPERIMENTS if not prove(name, quick=asked.quick)]
    except KeyboardInterrupt:
        sys.exit("interrupted")
    verdict = f"not kept: {', '.join(broken)}" if broken else "all promises kept"
    _say(f"{verdict}, {time.monotonic() - begun:.0f} s")
    sys.exit(bool(broken))


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
