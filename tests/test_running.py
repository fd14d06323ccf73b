"""The real service: how it is started, told of new settings, and replaced while it runs."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.service import ROOT, running, until

pytestmark = pytest.mark.long

TICKER = json.dumps({"method": "ticker", "params": {"symbol": "BTC_USDT"}}).encode()
TOKEN = "abc+def/ghi+jkl/mno+pqr="


def status(port: int, query: str = "") -> int:
    """Return the HTTP status of a ticker's answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/paper{query}", TICKER, timeout=10) as reply:
            assert "data" in json.load(reply)
            return int(reply.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_a_hang_up_signal_takes_new_settings_and_keeps_the_old_ones_for_wrong_ones(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    with running(tmp_path, {}) as service:

        def says(text: str, times: int = 1) -> None:
            until(lambda: service.log.read_text().count(text) >= times)

        says("Booting worker")
        for number, (wrong, told) in enumerate([("DEADLINE=soon", "DEADLINE"), ("TOKEN=short", "TOKEN")], 2):
            dotenv.write_text(wrong)
            service.process.send_signal(signal.SIGHUP)
            says(f"fmz-gateway: {told} is wrong: ")
            says("Booting worker", number)
            assert status(service.port) == 200
        says("the previous settings stay in force", 2)
        dotenv.write_text(f"TOKEN={TOKEN}")
        service.process.send_signal(signal.SIGHUP)
        until(lambda: status(service.port) == 403)
        assert status(service.port, f"?token={TOKEN}") == 200, "a plus sign in a query"
    assert not list(tmp_path.rglob("*.ctl")), "gunicorn's control socket"


def test_a_worker_has_its_threads_and_a_garbage_collector_that_spares_what_lasts(tmp_path: Path) -> None:
    config = tmp_path / "told.py"
    config.write_text(
        f"exec(open({str(ROOT / 'gunicorn.conf.py')!r}).read())\n"
        "import threading\n"
        "initialize = post_worker_init\n"
        "def post_worker_init(worker):\n"
        "    shared = gc.get_freeze_count()\n"
        "    initialize(worker)\n"
        "    counts = (shared, gc.get_freeze_count(), gc.get_threshold()[0], len(gc.get_objects()), gc.isenabled())\n"
        "    names = [thread.name for thread in threading.enumerate()]\n"
        "    print('threads', *names, '\\ncollector', *map(int, counts), file=sys.stderr, flush=True)\n"
    )
    with running(tmp_path, {}, ["--config", str(config)]) as service:
        until(lambda: "collector" in service.log.read_text())
    assert "threads MainThread standby" in service.log.read_text()
    [line] = [line for line in service.log.read_text().splitlines() if line.startswith("collector")]
    shared, frozen, threshold, watched, enabled = map(int, line.split()[1:])
    assert enabled
    assert shared > frozen / 2  # the master's objects: a look at them would have the system copy their memory
    assert frozen > 50 * watched
    assert threshold >= 5_000


def resident(process: int) -> int:
    """Return the bytes that a process has in memory."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs glibc, which keeps what large bodies took")
def test_large_bodies_are_not_kept_in_memory(tmp_path: Path) -> None:
    body = json.dumps({"method": "ticker", "params": {"symbol": "BTC_USDT", "more": "x" * 900_000}}).encode()

    def ask(_: int) -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{service.port}/paper", body, timeout=60) as reply:
            assert b"data" in reply.read()

    with running(tmp_path, {"LOG_LEVEL": "ERROR"}) as service, ThreadPoolExecutor(16) as pool:
        assert status(service.port) == 200
        [worker] = service.workers
        before = resident(worker)
        list(pool.map(ask, range(100)))
        growth = resident(worker) - before
        assert growth < 30 * 1024**2, growth


def test_another_gateway_takes_over_under_the_installed_command(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("fmz-gateway")), "--pid", "pid", "--threads", "4"]
    env = {"PATH": os.environ["PATH"], "BIND": f"127.0.0.1:{port}", "STATE_URL": f"sqlite:///{tmp_path}/state.db"}
    with subprocess.Popen(command, env=env, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as old:
        assert old.stdout
        try:
            assert any(b"is ready" in line for line in old.stdout)
            old.send_signal(signal.SIGUSR2)
            assert any(b"is ready" in line for line in old.stdout)
            until((tmp_path / "pid.2").exists)
            assert status(port) == 200
            old.terminate()
            old.wait(30)
            assert status(port) == 200
        finally:
            for file in tmp_path.glob("pid*"):
                os.kill(int(file.read_text()), signal.SIGTERM)
        for _ in old.stdout:  # until the new one has ended as well
            pass


def test_everything_that_is_logged_is_json_where_a_program_reads(tmp_path: Path) -> None:
    with running(tmp_path, {"LOG_FORMAT": "json"}, said=b"") as service:
        until(lambda: "fmz-gateway is ready at http://127.0.0.1:" in service.log.read_text())
        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as sock:
            sock.sendall(b"no request\r\n\r\n")
            assert sock.recv(65536).startswith(b"HTTP/1.1 400 ")
        assert status(service.port) == 200
        until(lambda: '"method":"ticker"' in service.log.read_text())
        service.process.terminate()
        assert service.process.stdout
        assert not service.process.stdout.read()
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    assert {line["logger"] for line in lines} == {"fmz-gateway", "gunicorn.error"}
    assert len({line["event"] for line in lines}) == len(lines), "each is written once"
    assert {"400 Bad Request (InvalidRequestLine)"} <= {line["event"] for line in lines}


def test_a_unix_socket_is_listened_on(tmp_path: Path) -> None:
    place = str(tmp_path / "socket")
    with running(tmp_path, {}, ["--bind", f"unix:{place}"]), socket.socket(socket.AF_UNIX) as sock:
        sock.connect(place)
        sock.settimeout(10)
        ask = b"POST /paper HTTP/1.0\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(TICKER)
        sock.sendall(ask + TICKER)
        assert b'"data"' in b"".join(iter(lambda: sock.recv(65536), b""))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems show it later")
@pytest.mark.parametrize("half", [True, False])
def test_who_has_only_ended_its_sending_can_trade(half: bool, tmp_path: Path) -> None:
    order = {"symbol": "BTC_USDT", "type": "buy", "price": "100", "amount": "0.1"}
    body = json.dumps({"access_key": "half", "nonce": 7, "method": "trade", "params": order}).encode()
    orders = json.dumps({"access_key": "half", "method": "orders", "params": {"symbol": "BTC_USDT"}}).encode()
    with running(tmp_path, {}) as service:
        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as sock:
            sock.sendall(b"POST /paper HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            if half:
                sock.shutdown(socket.SHUT_WR)
                answer = b"".join(iter(lambda: sock.recv(65536), b""))
                assert b'"id":' in answer, answer
        if not half:
            until(lambda: " trade " in service.log.read_text())
            assert " trade NOT_SENT " in service.log.read_text()
        with urllib.request.urlopen(f"http://127.0.0.1:{service.port}/paper", orders, timeout=10) as reply:
            assert len(json.load(reply)["data"]) == half


def processors(process: int) -> set[frozenset[int]]:
    """Return the processors that a process may run on, those of each of its threads."""
    return {frozenset(os.sched_getaffinity(int(thread.name))) for thread in Path(f"/proc/{process}/task").iterdir()}


@pytest.mark.skipif(sys.platform != "linux" or os.cpu_count() == 1, reason="needs Linux and two processors")
def test_each_worker_stays_on_a_processor_of_its_own(tmp_path: Path) -> None:
    with running(tmp_path, {}, ["--workers", "2"]) as service:
        assert status(service.port) == 200
        until(lambda: [set(map(len, processors(worker))) for worker in service.workers] == [{1}, {1}])
        one, other = map(processors, service.workers)
    assert len(one) == len(other) == 1
    assert one != other


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
def test_a_worker_may_be_moved_between_processors(tmp_path: Path) -> None:
    with running(tmp_path, {"PIN_WORKERS": "0"}) as service:
        assert status(service.port) == 200
        [worker] = service.workers
        assert processors(worker) == {frozenset(os.sched_getaffinity(0))}


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
def test_a_worker_that_may_not_choose_its_processor_serves(tmp_path: Path) -> None:
    config = tmp_path / "forbidden.py"
    config.write_text(
        f"exec(open({str(ROOT / 'gunicorn.conf.py')!r}).read())\n"
        "import threading\n"
        "def forbidden(*_):\n"
        "    print('forbidden', file=sys.stderr, flush=True)\n"
        "    raise PermissionError\n"
        "os.sched_setaffinity = forbidden\n"
    )
    with running(tmp_path, {}, ["--config", str(config)]) as service:
        assert status(service.port) == 200
        assert "forbidden" in service.log.read_text()
