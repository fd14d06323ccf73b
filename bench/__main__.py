"""``python -m bench [--quick] [--article FILE] [MEASURE …]``: all measures, or those that are named; in full they are
written to bench/RESULTS.md. FILE has the article's Go program, to be measured beside the service where ``go`` is there.
"""

import argparse
import os
import platform
import shutil
import ssl
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.measures import MEASURES, Bench, Figure
from bench.stage import fake

RESULTS = Path(__file__).parent / "RESULTS.md"
BARE = "*Bare* are the libraries that a call goes through, without the service: bare.py."


def table(figures: Sequence[Figure]) -> str:
    """Return the figures in Markdown."""
    lines = ["| what | measured | goal | ratio | met | beside |", "|---|--:|--:|--:|---|---|"]
    for figure in figures:
        cells = [figure.name, f"{figure.value:,.4g}", *_goal(figure), figure.beside]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _goal(figure: Figure) -> tuple[str, str, str]:
    """Return the cells of a figure's goal: the bound, the ratio to it, and if it is met."""
    if figure.goal is None:
        return "", "", ""
    bound = f"{'≥' if figure.at_least else '≤'} {figure.goal:,.4g}"
    return bound, f"{figure.value / figure.goal:.2f}", "✓" if figure.met else "**no**"


def machine() -> str:
    """Return what the figures depend on."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("gunicorn", "flask", "requests", "urllib3", "uvloop"))
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} processors ({platform.machine()}), load before {load}; "
        f"Python {platform.python_version()}, {ssl.OPENSSL_VERSION}, {libraries}."
    )


def main() -> None:
    """Measure what is asked for, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="The service's speed, before a fake exchange.")
    parser.add_argument("measures", nargs="*", metavar="MEASURE", help=f"of {', '.join(MEASURES)}")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the calls; nothing is written")
    parser.add_argument("--article", type=Path, help="a file with the article's Go program")
    given = parser.parse_args()
    if unknown := set(given.measures) - MEASURES.keys():
        parser.error(f"no such measure: {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}")
    if given.article and not shutil.which("go"):
        parser.error("go is not installed")
    about, figures = machine(), []
    with tempfile.TemporaryDirectory() as folder, fake(Path(folder)) as exchange:
        bench = Bench(exchange, Path(folder), given.article, 0.05 if given.quick else 1)
        for name in given.measures or MEASURES:
            for figure in MEASURES[name](bench):
                figures.append(figure)
                print(f"{figure.name}: {figure.value:,.4g} {figure.beside}", file=sys.stderr, flush=True)
    print(table(figures))
    if not given.quick and not given.measures:
        RESULTS.write_text(f"# Speed\n\nWritten by `make bench`: {about} {BARE}\n\n{table(figures)}\n")


if __name__ == "__main__":
    main()
