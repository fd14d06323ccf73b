"""The real service before callers that break HTTP, by mistake or on purpose."""

import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import trustme

from tests.service import ROOT, Service, running

pytestmark = pytest.mark.long

SECRET = "c2VjcmV0LW9mLXRoZS10cmFkZXI"
BODY = json.dumps({"method": "ticker", "params": {"symbol": "BTC_USDT"}, "secret_key": SECRET}).encode()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service"), {"LOG_LEVEL": "DEBUG"}) as started:
        yield started


def connected(service: Service) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), timeout=10)


def head(length: object = len(BODY), *more: str) -> bytes:
    lines = ("POST /paper HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {length}", *more)
    return "\r\n".join([*lines, "", ""]).encode()


def said(sock: socket.socket) -> bytes:
    """Return everything that is answered until the connection is closed."""
    parts = iter(lambda: sock.recv(65536), b"")
    return b"".join(parts)


@pytest.mark.parametrize("pause", [False, True])
def test_what_follows_a_body_is_quoted_nowhere(pause: bool, service: Service) -> None:
    with connected(service) as sock:
        sock.sendall(head(len(BODY) - 40) + BODY[:-40])
        answer = sock.recv(65536) if pause else b""
        sock.sendall(BODY[-40:] + b"\r\n\r\n")
        answer += said(sock)
    first, *others = answer.split(b"HTTP/1.1 ")[1:]
    assert b"INVALID_CALL the body is not valid JSON" in first
    assert all(b"INVALID_CALL no HTTP request" in other and b"Connection: close" in other for other in others)
    assert len(others) <= 1
    assert not quoted(answer, service)


@pytest.mark.parametrize(
    "line",
    [
        f'{{"secret_key": "{SECRET}"}}\r\n\r\n',
        f"{SECRET}\r\n\r\n",
        f"POST /paper HTTP/{SECRET}\r\n\r\n",
        f"POST /paper?token={SECRET} HTTP/1.1\r\nHost: 127.0.0.1\r\n{SECRET}: \x00\r\n\r\n",
        f"POST /paper HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: {SECRET}\r\n\r\n",
        f"POST /paper HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: {SECRET}\r\n\r\n",
    ],
)
def test_what_is_no_request_is_an_invalid_call_and_quoted_nowhere(line: str, service: Service) -> None:
    with connected(service) as sock:
        sock.sendall(line.encode())
        answer = said(sock)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"].startswith("INVALID_CALL no HTTP request; ")
    assert not quoted(answer, service)


@pytest.mark.parametrize(
    "chunks", [f"{SECRET}\r\n", f"5\r\n{SECRET}\r\n0\r\n\r\n", "1;\r\n{\r\n0\r\n\r\n", "-1\r\n\r\n"]
)
def test_broken_chunks_are_an_invalid_call(chunks: str, service: Service) -> None:
    with connected(service) as sock:
        sock.sendall(b"POST /paper HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks.encode())
        answer = said(sock)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b'{"error":"INVALID_CALL the body is broken off, or its chunks are wrong"}' in answer
    assert not quoted(answer, service)


# Callers that are slow, or say nothing ----------------------------------------------------------------------------

CHUNKS = b"POST /paper HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (
    len(BODY),
    BODY,
)


PROMPT = 0.25  # seconds; it is 0.005 where nothing else runs, and was 5 or more


def ask(service: Service, kept: socket.socket | None = None) -> float:
    """Ask for a ticker, and return the seconds that it takes."""
    start = time.monotonic()
    with ExitStack() as stack:
        sock = kept or stack.enter_context(connected(service))
        sock.sendall(head() + BODY)
        assert b'"data"' in one_answer(sock)
    return time.monotonic() - start


def one_answer(sock: socket.socket) -> bytes:
    """Return an answer on a connection that may be kept."""
    answer = b""
    while not answer.endswith(b"}"):
        more = sock.recv(65536)
        assert more, answer
        answer += more
    return answer


def p99(service: Service, calls: int = 100) -> float:
    """Return the seconds that all but one of a hundred calls take, on new connections and on a kept one in turn."""
    with connected(service) as kept:
        spent = sorted(ask(service, kept if number % 2 else None) for number in range(calls))
    return spent[int(len(spent) * 0.99) - 1]


@contextmanager
def drip(socks: Sequence[socket.socket], data: bytes) -> Iterator[None]:
    """Send a byte after the other on all connections, until the block is left."""
    stop = threading.Event()

    def send() -> None:
        for byte in data:
            for sock in socks:
                with suppress(OSError):
                    sock.send(bytes([byte]))
            if stop.wait(0.02):
                return

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_silent_and_dripping_callers_keep_nobody_waiting(service: Service) -> None:
    with ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(connected(service))
        dripping = [stack.enter_context(connected(service)) for _ in range(40)]
        with drip(dripping, head(100_000) + b" " * 10_000):
            assert p99(service) < PROMPT


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(head() + BODY, id="length"),
        pytest.param(CHUNKS, id="chunks"),
        pytest.param(head(1_000_000) + b" " * 100_000, id="large"),
    ],
)
def test_half_sent_requests_keep_nobody_waiting(request_: bytes, service: Service) -> None:
    with ExitStack() as stack:
        for number in range(80):
            stack.enter_context(connected(service)).sendall(request_[: -1 - number])
        assert p99(service) < PROMPT


def test_refused_callers_that_do_not_close_keep_nobody_waiting(service: Service) -> None:
    with ExitStack() as stack:
        for _ in range(10):
            sock = stack.enter_context(connected(service))
            sock.sendall(head(len(BODY), "Origin: https://elsewhere.test", "Connection: close") + BODY)
            assert b"HTTP/1.1 403 " in said(sock)
        assert p99(service) < PROMPT


def test_half_sent_requests_need_no_processor(service: Service) -> None:
    ask(service)
    [worker] = service.workers

    def spent() -> float:
        user, system = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    with ExitStack() as stack:
        for number in range(40):
            stack.enter_context(connected(service)).sendall((head() + BODY)[: -1 - number])
        leaving = stack.enter_context(connected(service))
        leaving.sendall(head(len(BODY), "Connection: close") + BODY)
        said(leaving)
        before = spent()
        time.sleep(0.6)
        assert spent() - before < 0.2


@contextmanager
def hurried(directory: Path, *options: str) -> Iterator[Service]:
    """Start the service with one thread, and with half a second for a request to arrive."""
    config = directory / "hurried.py"
    given = str(ROOT / "gunicorn.conf.py")
    config.write_text(f"exec(open({given!r}).read())\nimport worker\nworker.ARRIVES_WITHIN = 0.5\n")
    with running(directory, {}, ["--config", str(config), "--threads", "1", *options]) as started:
        yield started


def test_a_request_that_does_not_arrive_in_time_is_refused(tmp_path: Path) -> None:
    with hurried(tmp_path) as service, ExitStack() as stack:
        half_sent = [head()[:-4], head() + BODY[:-1], CHUNKS[:-1]]
        socks = [stack.enter_context(connected(service)) for _ in half_sent]
        start = time.monotonic()
        for sock, sent in zip(socks, half_sent, strict=True):
            sock.sendall(sent)
        answers = [said(sock) for sock in socks]
        assert 0.4 < time.monotonic() - start < 2.5
        for answer in answers:
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert answer.endswith(b'{"error":"INVALID_CALL no whole request came within 0.5 seconds"}')


def test_a_dripping_request_is_given_no_more_time(tmp_path: Path) -> None:
    with hurried(tmp_path) as service, connected(service) as sock, drip([sock], head(10_000) + b" " * 10_000):
        assert said(sock).startswith(b"HTTP/1.1 408 ")


def test_a_connection_that_ends_half_sent_is_closed_at_once(service: Service) -> None:
    with connected(service) as sock:
        sock.sendall((head() + BODY)[:-1])
        sock.shutdown(socket.SHUT_WR)
        sock.settimeout(2)
        assert said(sock) == b""


def test_a_request_in_pieces_is_served(service: Service) -> None:
    for request in (head() + BODY, CHUNKS):
        with connected(service) as sock:
            for part in (request[:20], request[20:-1], request[-1:]):
                sock.sendall(part)
                time.sleep(0.02)
            assert b'"data"' in one_answer(sock)
            ask(service, sock)


# Calls in a row ---------------------------------------------------------------------------------------------------

FUTURES = json.dumps({"method": "position", "params": {}, "access_key": "key", "secret_key": SECRET}).encode()
OTHER = b"POST /futures_paper HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%s" % (len(FUTURES), FUTURES)
NEXT_CALLS = {
    "whole": ([head() + BODY], b'{"data":{"time":'),
    "without the end of its body": ([head() + BODY[:-9], BODY[-9:]], b'{"data":{"time":'),
    "without the end of its head": ([head()[:9], head()[9:] + BODY], b'{"data":{"time":'),
    "for another exchange": ([OTHER], b'{"data":[]'),
}


@pytest.mark.parametrize("name", NEXT_CALLS)
def test_a_call_that_follows_at_once_is_answered(name: str, service: Service) -> None:
    pieces, expected = NEXT_CALLS[name]
    with connected(service) as sock:
        for _ in range(20):
            ask(service, sock)
            for number, piece in enumerate(pieces):
                time.sleep(0.005 * number)
                sock.sendall(piece)
            assert expected in one_answer(sock)


def test_of_two_calls_that_follow_together_the_first_is_answered(service: Service) -> None:
    with connected(service) as sock:
        ask(service, sock)
        sock.sendall(2 * (head() + BODY))
        assert said(sock).count(b"HTTP/1.1 200") == 1


def test_callers_that_close_after_their_call_leave_no_connection(service: Service) -> None:
    ask(service)
    [worker] = service.workers
    files = Path(f"/proc/{worker}/fd")
    before = len(list(files.iterdir()))
    for _ in range(30):
        ask(service)
    end = time.monotonic() + 10
    while len(list(files.iterdir())) > before + 2:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_caller_that_waits_for_consent_is_given_it(service: Service) -> None:
    with connected(service) as sock:
        sock.sendall(head(len(BODY), "Expect: 100-continue", "Connection: close"))
        assert sock.recv(1000).startswith(b"HTTP/1.1 100 ")
        sock.sendall(BODY)
        assert b'"data"' in said(sock)


def test_a_body_that_is_too_long_is_refused_before_it_comes(service: Service) -> None:
    with connected(service) as sock:
        sock.sendall(head(10**12) + b" " * 100_000)
        answer = said(sock)
    assert b"Connection: close" in answer
    assert b"INVALID_CALL the body is over" in answer


def test_large_requests_share_a_limit(service: Service) -> None:
    with ExitStack() as stack:
        socks = [stack.enter_context(connected(service)) for _ in range(36)]
        for sock in socks:
            with suppress(OSError):
                sock.sendall(head(1_000_001) + b" " * 1_000_000)
        assert ask(service) < 1
        end = time.monotonic() + 3
        while not any(ended(sock) for sock in socks):
            assert time.monotonic() < end
            time.sleep(0.02)


def ended(sock: socket.socket) -> bool:
    """Return True if the connection was closed."""
    sock.setblocking(False)
    try:
        return not sock.recv(1)
    except BlockingIOError:
        return False
    except OSError:
        return True


def test_silent_connections_make_room_for_others(tmp_path: Path) -> None:
    with running(tmp_path, {}, ["--worker-connections", "20", "--threads", "4"]) as service, ExitStack() as stack:
        kept = stack.enter_context(connected(service))
        ask(service, kept)
        silent = [stack.enter_context(connected(service)) for _ in range(60)]
        assert ask(service) < 1
        assert ask(service, kept) < 1
        assert silent[0].recv(1) == b"", "the oldest was closed"
        dripping = [stack.enter_context(connected(service)) for _ in range(60)]
        for sock in dripping:
            with suppress(OSError):
                sock.send(b"P")
        assert ask(service) < 1
        new = stack.enter_context(connected(service))
        time.sleep(0.05)  # when a connection is made, its request is still on the way
        assert ask(service, new) < 1


def test_on_a_unix_socket_half_sent_requests_hold_no_thread(tmp_path: Path) -> None:
    place = str(tmp_path / "socket")
    with hurried(tmp_path, "--bind", f"unix:{place}"), ExitStack() as stack:
        half, whole = (stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(2))
        for sock in (half, whole):
            sock.settimeout(10)
            sock.connect(place)
        half.sendall((head() + BODY)[:-1])
        whole.sendall(head() + BODY)
        assert b'"data"' in one_answer(whole)
        assert said(half).startswith(b"HTTP/1.1 408 ")


def test_a_stop_awaits_half_sent_requests_but_not_silent_connections(tmp_path: Path) -> None:
    with running(tmp_path, {}) as service, connected(service), connected(service) as half:
        half.sendall((head() + BODY)[:-1])
        ask(service)
        start = time.monotonic()
        service.process.terminate()
        time.sleep(0.2)
        half.sendall(BODY[-1:])
        assert b'"data"' in said(half)
        service.process.wait(10)
        assert time.monotonic() - start < 5


def test_gunicorns_own_tls_works(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "cert.pem"))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    options = ["--certfile", str(tmp_path / "cert.pem"), "--keyfile", str(tmp_path / "cert.pem")]
    with running(tmp_path, {}, options) as service:
        for _ in range(2):
            with context.wrap_socket(connected(service), server_hostname="127.0.0.1") as sock:
                ask(service, sock)
                ask(service, sock)


def quoted(answer: bytes, service: Service) -> set[str]:
    """Return the runs of six characters of the secret that were answered or logged."""
    seen = answer.decode() + service.log.read_text()
    return {run for run in (SECRET[start : start + 6] for start in range(len(SECRET) - 5)) if run in seen}
