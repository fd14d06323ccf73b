"""The real service before callers that break HTTP, by mistake or on purpose."""

import json
import socket
from collections.abc import Iterator

import pytest

from tests.service import Service, running

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
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"].startswith("INVALID_CALL no HTTP request (")
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


def quoted(answer: bytes, service: Service) -> set[str]:
    """Return the runs of six characters of the secret that were answered or logged."""
    seen = answer.decode() + service.log.read_text()
    return {run for run in (SECRET[start : start + 6] for start in range(len(SECRET) - 5)) if run in seen}
