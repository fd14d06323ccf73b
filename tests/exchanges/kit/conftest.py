"""Smallex, an exchange that does not exist, as a file that somebody has written."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.command import Run, run_command

SMALLEX = Path(__file__).parents[1] / "smallex"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with Smallex's adapter and its conversations."""
    copy = tmp_path / "exchanges"
    copy.mkdir(mode=0o700)
    shutil.copy(SMALLEX / "smallex.py", copy)
    shutil.copytree(SMALLEX / "cases", copy / "cases")
    (copy / "smallex.py").chmod(0o600)
    return copy


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that runs ``fmz-gateway`` in an empty home."""

    def run(*words: str | Path, **settings: str) -> "subprocess.CompletedProcess[str]":
        return run_command(words, {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", **settings}, tmp_path)

    return run
