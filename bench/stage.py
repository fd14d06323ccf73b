"""Starts what a measure needs: the fake exchange, the service before it, and beside it the article's Go program and the
service's libraries alone."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from bench.client import Sample
from tests.service import ROOT, children, running

PROCESS_CLOCK = 2  # CPUCLOCK_SCHED of the kernel's posix-timers_types.h: of all threads of a process, to the nanosecond
KILO = 1024
GO_URL = "https://www.bitgo.cn"
"""The exchange's address in the article's program."""


@dataclass(frozen=True)
class Fake:
    """The running fake exchange: its ports, and the file of the authority that its certificate is from."""

    plain: int
    tls: int
    ca_file: Path

    def url(self, *, tls: bool) -> str:
        """Return its address."""
        return f"https://127.0.0.1:{self.tls}" if tls else f"http://127.0.0.1:{self.plain}"

    def reset(self, latency: float = 0.0, connect: float = 0.0) -> None:
        """Count from zero, and take these seconds for an answer, and for the first one on a connection besides."""
        self._ask(f"/reset?latency={latency}&connect={connect}")

    def counts(self) -> Mapping[str, int]:
        """Return how many requests and connections there were since."""
        counts: Mapping[str, int] = json.loads(self._ask("/counts"))
        return counts

    def _ask(self, target: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.plain}{target}") as reply:
            return bytes(reply.read())

    def direct(self, action: str, clients: int, calls: int) -> Sample:
        """Return what a direct client measures, in a process of its own."""
        url = f"{self.url(tls=True)}/appApi.html?action={action}&symbol=2"
        command = [sys.executable, "-m", "bench.client", url, str(clients), str(calls), str(self.ca_file)]
        return Sample(**json.loads(subprocess.check_output(command, cwd=ROOT)))


@dataclass(frozen=True)
class Peer:
    """A running gateway, ours, the article's or the libraries': where it listens, and its process."""

    port: int
    pid: int
    started: float
    """Seconds from its start to its first answer."""

    def cpu(self) -> float:
        """Return the processor seconds of its processes so far."""
        # Not /proc/<pid>/stat: it counts in hundredths of a second, of which a short round takes none.
        return sum(time.clock_gettime(~pid << 3 | PROCESS_CLOCK) for pid in self._pids())

    def resident(self) -> float:
        """Return the MiB that its processes have in memory, each shared page once."""
        lines = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self._pids()]
        shares = [re.findall(r"\nPss: +(\d+)", text) for text in lines]
        return sum(int(kib) for [kib] in shares) / KILO

    def _pids(self) -> list[int]:
        return [self.pid, *children(self.pid)]


@contextmanager
def fake(directory: Path) -> Iterator[Fake]:
    """Yield the fake exchange."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(directory / "ca.pem"))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(directory / "server.pem"))
    command = [sys.executable, "-m", "bench.fake", str(directory / "server.pem")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            plain, tls = map(int, process.stdout.readline().split())
            yield Fake(plain, tls, directory / "ca.pem")
        finally:
            process.terminate()


@contextmanager
def service(
    directory: Path, exchange: Fake, settings: Mapping[str, str], *, tls: bool = True, options: Sequence[str] = ()
) -> Iterator[Peer]:
    """Yield the service, as ``make run`` starts it, with a state of its own. options: gunicorn's."""
    directory.mkdir()
    plugins = directory / "exchanges"
    plugins.mkdir(mode=0o700)
    shutil.copy(Path(__file__).parent / "fastex.py", plugins)
    (plugins / "fastex.py").chmod(0o600)
    url = exchange.url(tls=tls)
    given = {
        "BITGO_URL": url,
        "FASTEX_URL": url,
        "EXCHANGES_DIR": str(plugins),
        "CA_FILE": str(exchange.ca_file),
        **settings,
    }
    began = time.perf_counter()
    with running(directory, given, options) as started:
        _first_answer(started.port, "bitgo")
        yield Peer(started.port, started.process.pid, time.perf_counter() - began)


@contextmanager
def go(directory: Path, exchange: Fake, article: Path) -> Iterator[Peer]:
    """Yield the Go program of the article in this file, before the fake exchange."""
    source = directory / "article.go"
    program = re.search(r"^package main\n.*^func main\(\) ?\{.*?^}\n", article.read_text(), re.DOTALL | re.MULTILINE)
    assert program, f"{article} has no Go program"
    source.write_text(program[0].replace(GO_URL, exchange.url(tls=True)))
    binary = directory / "article"
    environment = {"HOME": str(directory), "PATH": os.environ["PATH"], "GO111MODULE": "off"}
    subprocess.run(["go", "build", "-o", str(binary), str(source)], check=True, env=environment)
    port = _free_port()
    command = [str(binary), "-b", f"127.0.0.1:{port}"]
    with _started(command, {"SSL_CERT_FILE": str(exchange.ca_file)}, port, "exchange") as peer:
        yield peer


@contextmanager
def bare(directory: Path, exchange: Fake, *, tls: bool = True) -> Iterator[Peer]:
    """Yield the service's libraries without it, before the fake exchange."""
    directory.mkdir()
    port = _free_port()
    gunicorn = (sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--threads", "64", "--no-control-socket")
    given = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "BARE_URL": exchange.url(tls=tls),
        "CA_FILE": str(exchange.ca_file),
    }
    command = [*gunicorn, "--bind", f"127.0.0.1:{port}", "bench.bare:app"]
    with _started(command, given, port, "bitgo", directory) as peer:
        yield peer


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def _started(
    command: Sequence[str], environment: Mapping[str, str], port: int, route: str, folder: Path | None = None
) -> Iterator[Peer]:
    """Yield a program that listens on this port, once it answers; stop it in the end."""
    began = time.perf_counter()
    with subprocess.Popen(
        command, env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _first_answer(port, route)
            yield Peer(port, process.pid, time.perf_counter() - began)
        finally:
            process.terminate()


def _first_answer(port: int, route: str) -> None:
    """Wait until a ticker is answered."""
    call = {"access_key": "k", "secret_key": "s", "nonce": 1, "method": "ticker", "params": {"symbol": "LTC_CNY"}}
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/{route}", json.dumps(call).encode())
    for _ in range(2000):
        try:
            with urllib.request.urlopen(asked) as reply:
                answer = json.loads(reply.read())
                assert "data" in answer, answer
                return
        except OSError:
            time.sleep(0.005)
    raise RuntimeError("no answer within ten seconds")
