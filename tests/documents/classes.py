"""The blocks that are not run, and those that a test of another kind looks at: a line each."""

from collections.abc import Sequence

from tests.documents.blocks import Block

Row = tuple[str, str, str]
"""A document, how a block of it begins, and why it is not run or what looks at it."""

NOT_RUN: Sequence[Row] = (
    ("README.md", "make run", "installs packages; tests/test_day.py starts it as it is installed here"),
    ("README.md", "pip install 'fmz-gateway[kit]'", "installs packages"),
    ("docs/START.md", "make run", "installs packages; tests/test_day.py starts it as it is installed here"),
    (
        "docs/OPERATIONS.md",
        ".venv/bin/fmz-gateway ",
        "serves on the usual port; tests/test_running.py starts it on another",
    ),
    ("docs/OPERATIONS.md", ".venv/bin/pip install '.[postgresql]'", "installs packages, and needs a PostgreSQL"),
    ("docs/OPERATIONS.md", "py -m venv ", "is for Windows; tests/test_waitress.py starts the same server"),
    ("README.md", "make test", "runs these tests"),
    ("CONTRIBUTING.md", "make test ", "runs these tests"),
    (
        "docs/OPERATIONS.md",
        "useradd ",
        "needs root; tests/deploy/test_deploy.py reads the unit",
    ),
    ("docs/OPERATIONS.md", "cd /etc/fmz-gateway && sudo ", "needs root, and the user that the unit has"),
    ("docs/OPERATIONS.md", "cp deploy/compose", "needs Docker; tests/deploy/test_deploy.py reads the Compose file"),
    ("docs/OPERATIONS.md", "docker run ", "needs Docker"),
    ("docs/PROBE.md", "fmz-gateway probe ", "records until it is stopped; tests/commands/test_probe.py stops it"),
)
"""Blocks that cannot be run here, with the reason."""

HELD: Sequence[Row] = (
    ("docs/START.md", "http://127.0.0.1:6666/paper", "tests/test_pages.py"),
    ("docs/FMZ.md", "http://127.0.0.1:6666/Futures_OKX?token=", "tests/test_pages.py"),
    ("docs/FMZ.md", "http://127.0.0.1:6666/Futures_OKX?object=", "tests/test_pages.py"),
    ("docs/ARCHITECTURE.md", "FMZ host ─ POST ", "tests/test_architecture.py"),
    ("CONTRIBUTING.md", "app.py   ", "tests/test_path.py"),
    ("CONTRIBUTING.md", "app.py, ", "tests/test_path.py"),
    ("docs/OPERATIONS.md", "2026-11-26 08:00:00,000 INFO ", "tests/documents/test_data.py"),
)
"""Drawings and logs, with the test that holds them against the product."""

RUN = ("sh", "javascript", "python", "json")
"""The languages whose blocks are run, or read and compared: each has a module of tests here."""


def is_listed(block: Block, rows: Sequence[Row]) -> bool:
    """Return True for a block that is in a list."""
    return any(block.document == document and block.text.startswith(beginning) for document, beginning, _ in rows)


def is_run(block: Block) -> bool:
    """Return True for a block that the tests of its language run, or read and compare."""
    return block.language in RUN and not is_listed(block, NOT_RUN)
