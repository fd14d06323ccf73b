"""Smallex, an exchange that does not exist, as a file that somebody has written."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SMALLEX = Path(__file__).parents[1] / "smallex"
Run = Callable[..., "subprocess.CompletedProcess[str]"]


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

    def run(*command: str | Path, **settings: str) -> "subprocess.CompletedProcess[str]":
        program = Path(sys.executable).with_name("fmz-gateway")
        env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", **settings}
        return subprocess.run(
            [program, *command], env=env, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
        )

    return run
