"""The service in its own process, under gunicorn, as ``make run`` starts it but with no settings of this machine's."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
GUNICORN = (sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py"), "wsgi:app")
INSTALLED = (sys.executable, "-c", "from cli import main; main()", "serve")
"""The command ``fmz-gateway serve``."""


@dataclass(frozen=True)
class Service:
    """A running service: its process, the port it listens on, and where its log goes."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def workers(self) -> list[int]:
        """Return gunicorn's worker processes, at least one: it says that it is ready before there is any."""
        until(lambda: bool(children(self.process.pid)))
        return children(self.process.pid)


def children(process: int) -> list[int]:
    """Return the processes that a process has started and that have not ended."""
    return list(map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split()))


@contextmanager
def running(
    directory: Path,
    settings: Mapping[str, str],
    options: Sequence[str] = (),
    said: bytes = b"is ready",
    command: Sequence[str] = GUNICORN,
) -> Iterator[Service]:
    """Start it, and stop it in the end; ``options`` are gunicorn's. Fails when it does not say that it is ready. said:
    words of the line that says so, none for a service that says it in its log."""
    log = directory / "log"
    given = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOME": str(directory),
        "STATE_URL": f"sqlite:///{directory}/state.db",
        **settings,
    }
    for _ in range(3):  # somebody may take the free port before we do
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        env = {"BIND": f"127.0.0.1:{port}", **given}
        with log.open("ab") as stderr:
            process = subprocess.Popen(
                [*command, *options], env=env, cwd=directory, stdout=subprocess.PIPE, stderr=stderr
            )
        with process:
            assert process.stdout
            try:
                if not said or any(said in line for line in process.stdout):
                    yield Service(process, port, log)
                    return
            finally:
                process.terminate()
    raise RuntimeError(f"the service does not start: {log.read_text()}")


def until(true: Callable[[], bool]) -> None:
    """Wait, half a minute at most."""
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)
