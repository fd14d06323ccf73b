"""One connection to a server that misbehaves."""

import select
import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exchanges.kit.faults.server import FaultServer

DRIP = 0.05  # seconds from one byte to the next: a socket's own timeout never notices


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
            self.record(Seen(method, target, {name.lower(): value for name, value in headers.items()}))
        assert self.current is not None
        return self.current

    def request(self) -> Seen:
        """Read a whole request, unless that has been done."""
        seen = self.head()
        length = int(seen.headers.get("content-length", 0))
        if len(seen.body) < length:
            self.record(Seen(seen.method, seen.target, seen.headers, self.exactly(length)))
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
            if self.server.stopped.wait(DRIP):
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

    def record(self, seen: Seen) -> None:
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


def head(status: str, headers: Mapping[str, object]) -> bytes:
    """Return a reply's status line and headers."""
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()
