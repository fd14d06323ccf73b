"""Programs of the system that some tests need."""

import os
import shutil

import pytest


def program(name: str) -> str:
    """Return a program's path; skip the test where there is none, but fail it where TEST_PROGRAMS says that all are
    there."""
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if path is None:
        missing = pytest.fail if os.environ.get("TEST_PROGRAMS") else pytest.skip
        missing(f"needs {name}: .ci/run installs it")
    return path
