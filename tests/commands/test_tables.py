"""Tables: plain where a program reads, whole in a terminal."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from commands import tables

ROWS = [("name", "what"), ("[bold]a", "x" * 10), ("b", "")]


def test_a_table_is_plain_where_a_program_reads(capsys: pytest.CaptureFixture[str]) -> None:
    tables.show(ROWS, "after\n")
    assert capsys.readouterr().out == "name     what\n[bold]a  xxxxxxxxxx\nb\nafter\n"


@pytest.mark.parametrize(("rows", "is_paged"), [(3, False), (60, True)])
def test_a_table_that_is_longer_than_the_screen_is_paged(tmp_path: Path, rows: int, is_paged: bool) -> None:
    pager = tmp_path / "pager"
    pager.write_text("#!/bin/sh\necho PAGED\ncat\n")
    pager.chmod(0o700)
    code = f"from commands import tables; tables.show([('name',), ('[bold]',), *[(str(i),) for i in range({rows})]])"
    ours, theirs = pty.openpty()
    env = {
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PAGER": str(pager),
        "TERM": "xterm",
        "LINES": "24",
        "COLUMNS": "80",
    }
    with subprocess.Popen([sys.executable, "-c", code], stdin=theirs, stdout=theirs, stderr=theirs, env=env) as process:
        os.close(theirs)
        said = b""
        while True:
            try:
                said += (chunk := os.read(ours, 65536))
            except OSError:
                break
            if not chunk:
                break
    os.close(ours)
    assert process.returncode == 0, said
    assert (b"PAGED" in said) is is_paged
    assert f" {rows - 1} ".encode() in said
    assert b"[bold]" in said, "what a row says is no markup"
