"""A server that misbehaves on demand: the table FAULTS, name → what it does with one connection.

Raw sockets on loopback, a thread a connection, everything closed on exit::

    with FaultServer("cut body") as server:
        ...  # talk to server.url
        assert len(server.requests) == 1
"""

import gzip
import json
import random
import re
import select
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Self
from urllib.parse import quote

PAGE = b"<html><body><h1>PAGE-TEXT-CANARY</h1> the load balancer is unwell</body></html>"
MOST = 8 * 1024 * 1024  # bytes that the gateway reads
TOO_MUCH = MOST + 1
_DRIP = 0.05  # seconds from one byte to the next: a socket's own timeout never notices


@dataclass(frozen=True)
class Seen:
    """A request that arrived, or as much of one as was read."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass
class Visit:
    """One accepted connection."""

    server: "FaultServer"
    sock: socket.socket
    buffer: bytes = b""
    current: Seen | None = field(default=None, repr=False)

    def head(self) -> Seen:
        """Read a request's line and headers, unless that has been done."""
        if self.current is None:
            head = self._until(b"\r\n\r\n").decode("latin-1")
            line, *fields = head.split("\r\n")
            method, target, _ = line.split(" ", 2)
            headers = dict(text.split(": ", 1) for text in fields if text)
            self._see(Seen(method, target, {name.lower(): value for name, value in headers.items()}))
        assert self.current is not None
        return self.current

    def request(self) -> Seen:
        """Read a whole request, unless that has been done."""
        seen = self.head()
        length = int(seen.headers.get("content-length", 0))
        if len(seen.body) < length:
            self._see(Seen(seen.method, seen.target, seen.headers, self.exactly(length)))
        assert self.current is not None
        return self.current

    def exactly(self, count: int) -> bytes:
        """Read so many bytes."""
        while len(self.buffer) < count:
            self._more()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def reply(self, body: bytes, status: str = "200 OK", kind: str = "application/json", **headers: str) -> None:
        """Answer the request; a header's underscores are hyphens, ``Content_Length`` may be wrong on purpose."""
        self.request()
        usual = {"Content_Type": kind, "Content_Length": str(len(body)), "Connection": "close"}
        self.sock.sendall(head(status, usual | headers) + body)

    def drip(self, data: Iterator[int] | bytes) -> None:
        """Send byte by byte, for as long as the other side listens."""
        for byte in data:
            self.sock.sendall(bytes([byte]))
            if self.server.stopped.wait(_DRIP):
                return

    def hang(self) -> None:
        """Say nothing until the other side leaves."""
        while self.sock.recv(65536):
            pass

    def peek(self) -> bytes:
        """Return what has been said, a request's line at least, and leave it unread."""
        while b"\r\n" not in (said := self.sock.recv(65536, socket.MSG_PEEK)):
            if not said or self.server.stopped.wait(0.001):
                raise ConnectionError("the other side left")
        return said

    def wait(self) -> None:
        """Return when the other side has said something, and leave it unread."""
        select.select([self.sock], [], [])

    def reset(self) -> None:
        """Close with a TCP reset instead of a goodbye."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def _see(self, seen: Seen) -> None:
        with self.server.lock:
            if self.current in self.server.requests:
                self.server.requests.remove(self.current)
            self.server.requests.append(seen)
        self.current = seen

    def _until(self, end: bytes) -> bytes:
        while end not in self.buffer:
            self._more()
        data, _, self.buffer = self.buffer.partition(end)
        return data

    def _more(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise ConnectionError("the other side left")
        self.buffer += data


def head(status: str, headers: Mapping[str, str]) -> bytes:
    """A reply's status line and headers."""
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


@cache
def bomb() -> bytes:
    """Some MB of gzip that hold too much."""
    return gzip.compress(random.Random(0).randbytes(3 * 1024 * 1024) + b" " * TOO_MUCH, 1)


@cache
def small_bomb() -> bytes:
    """64 kB of gzip that hold 64 MiB."""
    return gzip.compress(b" " * (64 * 1024 * 1024), 9)


def echo(seen: Seen) -> str:
    """Everything a request said, as an exchange might quote it."""
    return f"{seen.target} {seen.headers} {seen.body.decode('latin-1')}"


# Behaviours that are more than a line -----------------------------------------------------------------------------


def _serve(visit: Visit) -> None:
    """Answer request after request on one connection, as long as they come."""
    while True:
        visit.request()
        if visit.server.together:
            visit.server.together.wait(10)
        visit.reply(visit.server.body, Connection="keep-alive", Set_Cookie="session=someone-else; Path=/")
        visit.current = None


def _endless_chunks(visit: Visit) -> None:
    visit.request()
    visit.sock.sendall(head("200 OK", {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}))
    while not visit.server.stopped.wait(_DRIP):
        visit.sock.sendall(b"4\r\n    \r\n")


def _endless_interim(visit: Visit) -> None:
    visit.request()
    while not visit.server.stopped.wait(_DRIP):
        visit.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


def _drip_head(visit: Visit) -> None:
    visit.request()
    visit.drip(head("200 OK", {"Content-Type": "application/json", "X-Filler": "." * 10_000}))


def _drip_body(visit: Visit) -> None:
    visit.request()
    visit.sock.sendall(head("200 OK", {"Content-Type": "application/json", "Content-Length": "10000"}))
    visit.drip(b" " * 10_000)


def _headers_that_echo(visit: Visit) -> None:
    """A header block that is none, and quotes the request: what a parser may put into a log."""
    seen = visit.request()
    said = echo(seen).replace("\n", " ")
    visit.sock.sendall(b"HTTP/1.1 200 OK\r\nno header at all " + said.encode() + b"\r\nContent-Length: 2\r\n\r\n{}")


def _json_echo(visit: Visit, status: str, cut: int | None = None) -> None:
    said = echo(visit.request())
    visit.reply(json.dumps({"code": 7, "msg": said, "error": {"code": 7, "msg": said}}).encode()[:cut], status)


def _by_path(visit: Visit) -> None:
    """The fault that the path names: ``/reset-on-accept?…``."""
    FAULTS[visit.head().target.partition("?")[0].strip("/").replace("-", " ")](visit)


def market(fault: str) -> str:
    """The currency whose markets fail this way behind ``by market``: ``F07`` for the eighth fault."""
    return f"F{list(FAULTS).index(fault):02}"


def _by_market(visit: Visit) -> None:
    """The fault that the market in the request's line names, so that one server has all of them at once; without one,
    none. The request is still unread then."""
    line, *_ = visit.peek().split(b"\r\n")
    named = re.search(rb"\bF(\d\d)", line)
    fault = list(FAULTS)[int(named[1])] if named else "none"
    with visit.server.lock:
        visit.server.visits[fault] += 1
    FAULTS[fault](visit)


def _who(visit: Visit) -> None:
    visit.reply(json.dumps({"asked": visit.request().target}).encode())


# Proxies ----------------------------------------------------------------------------------------------------------


def _proxy(visit: Visit) -> None:
    """An HTTP proxy: tunnels a CONNECT, forwards the rest, and takes ``server.upstream`` for every name."""
    seen = visit.head()
    if seen.method == "CONNECT":
        visit.sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        _pump(visit)
    else:
        _pump(visit, head_as_sent(seen) + visit.request().body)


def head_as_sent(seen: Seen) -> bytes:
    """A request's head again, with the path alone as its target."""
    path = "/" + seen.target.split("/", 3)[-1]
    lines = [f"{seen.method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in seen.headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def _socks5(visit: Visit, slow: float = 0) -> None:
    """A SOCKS5 proxy without authentication; what it was asked for is recorded as a request to ``name:port``. A slow
    one leads nowhere."""
    _, count = visit.exactly(2)
    visit.exactly(count)
    visit.sock.sendall(b"\x05\x00")
    _, _, _, kind = visit.exactly(4)
    name = visit.exactly(visit.exactly(1)[0]).decode() if kind == 3 else socket.inet_ntoa(visit.exactly(4))
    [port] = struct.unpack(">H", visit.exactly(2))
    visit._see(Seen("SOCKS5", f"{name}:{port}", {}))
    visit.server.stopped.wait(slow)
    visit.sock.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
    visit.hang() if slow else _pump(visit)


def _slow_tunnel(visit: Visit) -> None:
    """A tunnel that takes 0.6 s to open, and leads nowhere."""
    visit.head()
    visit.server.stopped.wait(0.6)
    visit.sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    visit.hang()


def _pump(visit: Visit, first: bytes = b"") -> None:
    with socket.create_connection(visit.server.upstream) as upstream:
        upstream.sendall(first)
        ways = {visit.sock: upstream, upstream: visit.sock}
        while not visit.server.stopped.is_set():
            for ready in select.select(list(ways), [], [], 0.05)[0]:
                data = ready.recv(65536)
                if not data:
                    return
                ways[ready].sendall(data)


FAULTS: Mapping[str, Callable[[Visit], Any]] = {
    "none": _serve,
    "none, then close": lambda visit: visit.reply(visit.server.body, Connection="keep-alive"),
    "by path": _by_path,
    "by market": _by_market,
    "who": _who,
    # the connection
    "reset on accept": lambda visit: visit.reset(),
    "reset unread": lambda visit: (visit.wait(), visit.reset()),
    "reset after head": lambda visit: (visit.head(), visit.reset()),
    "reset after request": lambda visit: (visit.request(), visit.reset()),
    "close without answer": lambda visit: visit.request(),
    "hang on accept": lambda visit: visit.hang(),
    "hang": lambda visit: (visit.request(), visit.hang()),
    "drip head": _drip_head,
    "drip body": _drip_body,
    "endless interim": _endless_interim,
    # what is said is not what was asked for
    "502 page": lambda visit: visit.reply(PAGE, "502 Bad Gateway", "text/html"),
    "503 page": lambda visit: visit.reply(PAGE, "503 Service Unavailable", "text/html", Retry_After="0"),
    "503 json": lambda visit: visit.reply(b'{"code": 503, "msg": "busy"}', "503 Service Unavailable", Retry_After="0"),
    "200 page": lambda visit: visit.reply(PAGE, kind="text/html"),
    "200 empty": lambda visit: visit.reply(b""),
    "204": lambda visit: visit.reply(b"", "204 No Content"),
    "garbage": lambda visit: (visit.request(), visit.sock.sendall(b"SSH-2.0-OpenSSH_9.9\r\n")),
    "headers that echo": _headers_that_echo,
    # what is said is not complete, or too much
    "cut body": lambda visit: visit.reply(b'{"data": {"buy": "1', Content_Length="5000"),
    "cut json": lambda visit: visit.reply(b'{"data": {"buy": "1'),
    "endless chunks": _endless_chunks,
    "big body": lambda visit: visit.reply(b" " * TOO_MUCH),
    "bomb": lambda visit: visit.reply(bomb(), Content_Encoding="gzip"),
    "small bomb": lambda visit: visit.reply(small_bomb(), Content_Encoding="gzip"),
    "wrong encoding": lambda visit: visit.reply(b'{"data": {}}', Content_Encoding="gzip"),
    "unknown encoding": lambda visit: visit.reply(b"\x1b\x0b\x00\xf8", Content_Encoding="br"),
    # redirects, to a server that must never hear of it
    "redirect": lambda visit: visit.reply(PAGE, "307 Temporary Redirect", Location=f"{visit.server.elsewhere}/x"),
    "redirect with bomb": lambda visit: visit.reply(
        small_bomb(), "307 Temporary Redirect", Location=f"{visit.server.elsewhere}/x", Content_Encoding="gzip"
    ),
    "location that echoes": lambda visit: visit.reply(
        PAGE, "307 Temporary Redirect", Location=f"/{quote(echo(visit.request()))}"
    ),
    # definite refusals
    "400 json": lambda visit: visit.reply(b'{"code": 7, "msg": "no", "error": {"code": 7}}', "400 Bad Request"),
    "400 page": lambda visit: visit.reply(PAGE, "400 Bad Request", "text/html"),
    "403 page": lambda visit: visit.reply(PAGE, "403 Forbidden", "text/html"),
    "401 page": lambda visit: visit.reply(PAGE, "401 Unauthorized", "text/html"),
    "429 page": lambda visit: visit.reply(PAGE, "429 Too Many Requests", "text/html", Retry_After="0"),
    # an exchange that quotes the whole request
    "400 echo": lambda visit: _json_echo(visit, "400 Bad Request"),
    "200 echo": lambda visit: _json_echo(visit, "200 OK"),
    "502 echo": lambda visit: _json_echo(visit, "502 Bad Gateway"),
    "cut echo": lambda visit: _json_echo(visit, "200 OK", cut=-3),
    "text echo": lambda visit: visit.reply(echo(visit.request()).encode(), "400 Bad Request", "text/plain"),
    # proxies
    "talks first": lambda visit: (visit.sock.sendall(b"220 mail.test ESMTP\r\n"), visit.hang()),
    "8 MiB": lambda visit: visit.reply(b" " * MOST),
    "8 MiB packed": lambda visit: visit.reply(gzip.compress(b" " * MOST), Content_Encoding="gzip"),
    "socks5 refuses": lambda visit: (visit.exactly(3), visit.sock.sendall(b"\x05\xff")),
    "proxy": _proxy,
    "tls proxy": _proxy,
    "socks5": _socks5,
    "slow tunnel": _slow_tunnel,
    "slow socks5": lambda visit: _socks5(visit, slow=0.6),
    "proxy refuses": lambda visit: visit.reply(PAGE, "403 Forbidden", "text/html"),
}
_BEFORE_TLS = {
    "reset on accept",
    "reset unread",
    "hang on accept",
    "talks first",
    "proxy",
    "socks5",
    "slow tunnel",
    "slow socks5",
}


@contextmanager
def closed_port() -> Iterator[int]:
    """A port that refuses connections: taken, so that nobody else listens there either."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@contextmanager
def silent_port() -> Iterator[int]:
    """A port whose connections are never made: its queue is full, further ones wait."""
    with socket.socket() as listener, ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            queued = waiting.enter_context(socket.socket())
            queued.setblocking(False)
            queued.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


class FaultServer:
    """Listens on a free port of loopback. ``fault`` may be changed at any time, for the connections to come.

    tls: speak TLS with this context; a handshake that fails ends the connection. body: what ``none`` answers.
    together: what ``none`` waits at before it answers. elsewhere: where redirects point. upstream: where proxies lead.
    visits: how many connections met each fault, where the market chooses it.
    """

    def __init__(self, fault: str = "none", *, tls: ssl.SSLContext | None = None) -> None:
        self.fault = fault
        self.tls = tls
        self.body = b'{"data": {}}'
        self.elsewhere = ""
        self.upstream = ("127.0.0.1", 0)
        self.connections = 0
        self.requests: list[Seen] = []
        self.visits: Counter[str] = Counter()
        self.together: threading.Barrier | None = None
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop()
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()

    def drop(self) -> None:
        """Close every connection."""
        with self.lock:
            for sock in self._open:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        self.wait_until_all_left()

    def wait_until_all_left(self) -> None:
        """Return when no connection is open on this side."""
        while self._open:
            time.sleep(0.001)

    def _start(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                if self.tls and self.fault not in _BEFORE_TLS:  # the handshake comes with the first read, in its thread
                    sock = self.tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
                with self.lock:
                    self.connections += 1
                    self._open.add(sock)
                self._start(self._visit, sock, self.fault)

    def _visit(self, sock: socket.socket, fault: str) -> None:
        try:
            with suppress(OSError):  # the other side may leave at any time, and so may we
                FAULTS[fault](Visit(self, sock))
        finally:
            with self.lock:
                self._open.discard(sock)
            sock.close()
