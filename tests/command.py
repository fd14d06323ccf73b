"""The command ``fmz-gateway``, run in this process: to start Python and read all modules takes longer than most of what
it does."""

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper
from pathlib import Path
from unittest.mock import patch

import cli

Run = Callable[..., "subprocess.CompletedProcess[str]"]
"""A function that runs the command: its words, and by name what is in its environment."""
PROGRAM = Path(sys.executable).with_name("fmz-gateway")
"""The installed command."""


def run_command(
    words: Sequence[str | Path], env: Mapping[str, str], folder: Path, main: Callable[[], None] = cli.main
) -> "subprocess.CompletedProcess[str]":
    """Run the command in a folder, with this environment and no other; return its exit status and what it printed.
    main: the function of another program."""
    arguments = [str(PROGRAM), *map(str, words)]
    out, err = (TextIOWrapper(BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with (
        chdir(folder),
        patch.dict(os.environ, env, clear=True),
        patch.object(sys, "argv", arguments),
        patch.object(logging.root, "handlers", [*logging.root.handlers, logging.lastResort]),  # which prints warnings
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        status = _status(main)
    printed, said = (stream.buffer.getvalue().decode() for stream in (out, err))
    return subprocess.CompletedProcess(arguments, status, printed, said)


def _status(main: Callable[[], None]) -> int:
    """Run a program; return the exit status, as Python's own end of a program makes it."""
    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
            return 1
        return end.code or 0
    return 0
