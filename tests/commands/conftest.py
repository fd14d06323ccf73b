"""A gateway that runs, and the command line, in this process."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from werkzeug.serving import make_server

from cli import commands
from settings import Settings
from tests.lent import Lent
from tests.serving import served

Command = Callable[..., Result]
TOKEN = "a-token-of-sixteen-characters"


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Return a function that runs a command in an empty directory, with these variables besides."""
    monkeypatch.chdir(tmp_path)

    def command(*words: str, **variables: str) -> Result:
        env: dict[str, Any] = {
            "HOME": str(tmp_path),
            "ACCESS_KEY": None,
            "SECRET_KEY": None,
            "TOKEN": None,
            **variables,
        }
        return CliRunner().invoke(commands, words, env=env, prog_name="fmz-gateway")

    return command


@pytest.fixture
def gateway(lent: Lent) -> Iterator[str]:
    """Yield the address of a gateway that asks for a token."""
    lent.deadline = 5.0
    with served(make_server("127.0.0.1", 0, lent.app(Settings(token=TOKEN)), threaded=True)) as address:
        yield address
