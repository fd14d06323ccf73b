"""The server that misbehaves, and ports that nobody serves."""

import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Self

from exchanges.kit.faults.table import FAULTS
from exchanges.kit.faults.visit import Seen, Visit

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
    """Yield a port that refuses connections: taken, so that nobody else listens there either."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@contextmanager
def silent_port() -> Iterator[int]:
    """Yield a port whose connections are never made: its queue is full, further ones wait."""
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
    bodies: what it answers to some paths instead. together: what ``none`` waits at before it answers. elsewhere: where
    redirects point. upstream: where proxies lead. visits: how many connections met each fault, where the market chooses
    it.
    """

    def __init__(self, fault: str = "none", *, tls: ssl.SSLContext | None = None) -> None:
        self.fault = fault
        self.tls = tls
        self.body: bytes = b'{"data": {}}'
        self.bodies: dict[str, bytes] = {}
        self.elsewhere: str = ""
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
            sock.close()
            with self.lock:
                self._open.discard(sock)
