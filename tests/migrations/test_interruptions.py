"""Upgrades that begin at once, and upgrades that are killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from database import open_state
from migrations.versions import v0002_names_with_units as v0002
from tables import VERSION, VERSIONS
from tests.migrations.old_database import ORDERS, content
from tests.test_database import at_once

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
RENAMED = v0002._NAMES
OPENS = """
import sys
import app
print("ready", flush=True)
sys.stdin.readline()
app.open_state(sys.argv[1]).dispose()
"""


def test_processes_that_open_it_at_once_upgrade_it_once(old_url: str) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPENS, old_url],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    said = "".join(process.communicate(timeout=60)[1] for process in processes)
    assert [process.returncode for process in processes] == [0] * 3, said
    assert said.count("upgrading the database's tables from version 0001 to ") == 1
    assert len(content(old_url)["orders"]) == len(ORDERS)


def test_threads_that_open_it_at_once_upgrade_it_once(old_url: str, caplog: pytest.LogCaptureFixture) -> None:
    assert not at_once(lambda _: open_state(old_url).dispose(), 8)
    assert caplog.text.count("upgrading the database's tables from version 0001 to ") == 1
    assert content(old_url)[VERSION.name] == [{"version_num": VERSIONS[-1]}]


KILLED = """
import os, signal, sys
from sqlalchemy import Engine, event
import app, migrations
url, number = sys.argv[1], 0
while True:
    process = os.fork()
    if not process:
        left = number
        def step(*_):
            global left
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
        def before(connection, cursor, statement, *_):
            if not statement.lstrip().startswith(("SELECT", "PRAGMA")):
                step()
        event.listen(Engine, "before_cursor_execute", before)
        event.listen(Engine, "commit", step)
        app.open_state(url).dispose()
        os._exit(0)
    status = os.waitpid(process, 0)[1]
    print(os.waitstatus_to_exitcode(status), flush=True)
    sys.stdin.readline()
    if status == 0:
        break
    number += 1
"""


@pytest.mark.skipif(os.name != "posix", reason="forks")
def test_an_upgrade_that_is_killed_leaves_the_old_tables(old_url: str) -> None:
    before = content(old_url)
    command = [sys.executable, "-c", KILLED, old_url]
    kills = 0
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        for line in process.stdout:
            if int(line) == 0:
                break
            assert int(line) == -signal.SIGKILL
            assert content(old_url) == before
            kills += 1
            process.stdin.write("next\n")
            process.stdin.flush()
        process.stdin.close()
    assert kills > len(RENAMED) + 2
    assert content(old_url)[VERSION.name] == [{"version_num": VERSIONS[-1]}]
    assert [intent.keys() >= set(RENAMED.values()) for intent in content(old_url)["orders"]] == [True] * len(ORDERS)
