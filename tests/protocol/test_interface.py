"""METHODS is typed end to end: mypy finds a misspelt method, a misspelt parameter and an argument of the wrong type."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
SOURCE = (ROOT / "protocol" / "methods.py").read_text()


class Mistake(NamedTuple):
    """A text of protocol/methods.py, on one line only, the text that takes its place, and mypy's code for the error."""

    right: str
    wrong: str
    code: str


MISTAKES = {
    "misspelt_method": Mistake("exchange.ticker(", "exchange.tikcer(", "attr-defined"),
    "misspelt_method_of_the_desk": Mistake("desk.place(", "desk.palce(", "attr-defined"),
    "misspelt_parameter": Mistake(
        'exchange.depth(exchange.resolve(asked["symbol"]))',
        'exchange.depth(exchange.resolve(asked["symbl"]))',
        "typeddict-item",
    ),
    "misspelt_parameter_of_an_order": Mistake('asked["amount"]),', 'asked["amonut"]),', "typeddict-item"),
    "swapped_arguments": Mistake('asked["period"], asked["limit"]', 'asked["limit"], asked["period"]', "arg-type"),
    "id_for_a_symbol": Mistake(
        'desk.order(asked["symbol"], asked["order_id"])', 'desk.order(asked["order_id"], asked["order_id"])', "arg-type"
    ),
    "missing_argument": Mistake(
        'exchange.set_leverage(asked["leverage"], asked["symbol"])',
        'exchange.set_leverage(asked["leverage"])',
        "call-arg",
    ),
    "format_of_another_reply": Mistake("replies.assets", "replies.ticker", "misc"),
}
ERROR = re.compile(r"(\w+)\.py:(\d+): error: .* \[([a-z-]+)\]")


Errors = dict[str, list[tuple[int, str]]]


def errors_of(copies: dict[str, str], directory: Path) -> Errors:
    """Return line and code of the errors that one run of mypy finds in each copy, by the copies' names."""
    for name, text in copies.items():
        (directory / f"{name}.py").write_text(text)
    options = ["--strict", "--follow-imports=silent", "--no-pretty", "--no-error-summary", "--cache-dir=cache"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", f"--config-file={os.devnull}", *options, *(f"{name}.py" for name in copies)],
        cwd=directory,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found: Errors = {name: [] for name in copies}
    for line in done.stdout.splitlines():
        if error := ERROR.fullmatch(line):
            found[error[1]].append((int(error[2]), error[3]))
        else:
            assert ": note: " in line, line
    return found


# One test, for mypy takes some seconds, and would take them again in each of pytest's processes.


def test_each_mistake_is_an_error_on_its_line(tmp_path: Path, subtests: pytest.Subtests) -> None:
    wrong = {name: SOURCE.replace(mistake.right, mistake.wrong) for name, mistake in MISTAKES.items()}
    errors = errors_of({"unchanged": SOURCE, **wrong}, tmp_path)
    with subtests.test("the unchanged copy has no error"):
        assert errors["unchanged"] == []
    for name, mistake in MISTAKES.items():
        with subtests.test(mistake=name):
            [line] = [number for number, text in enumerate(SOURCE.splitlines(), 1) if mistake.right in text]
            assert errors[name] == [(line, mistake.code)]
