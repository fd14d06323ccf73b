"""gunicorn's worker with threads: a thread gets whole requests only, what a caller sent is quoted nowhere, and a stop
cuts off no accepted connection."""

import ctypes
import math
import select
import selectors
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import Any

from gunicorn.http import Request, RequestParser
from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import TConn, ThreadWorker
from urllib3.util import wait_for_read

from arrival import AT_ONCE, Arrival, only, received
from lanes import Lanes
from protocol import wire
from protocol.deadline import LONGEST_WAIT, arrived
from protocol.errors import GatewayError, InvalidCall
from settings import Settings, in_force

# Closing a listening socket resets the connections that are not accepted yet, and one can come in between the last
# look and the closing. So the kernel first gets a filter that drops packets that open a connection: load the byte with
# the TCP flags; if SYN is set, drop the packet; else keep it.
_SO_ATTACH_FILTER = 26  # Linux's, see socket(7)
_NO_SYN = b"".join(
    struct.pack("HBBI", *step)
    for step in [(0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 2**32 - 1)]
)
_UNDER_WAY = 0.1  # seconds that a connection may take to be made

ARRIVES_WITHIN = 5.0
"""Seconds that a request may take to arrive, from its first byte to its last."""

_SPEAKS_WITHIN = 0.25  # seconds; a caller that has just connected is about to send its request
_FOLLOWS_WITHIN = 0.002  # seconds that a thread waits for the next request of its caller
_CLOSES_WITHIN = 1.0  # seconds; closing at once while a caller still sends would cut off the last answer to it
_LINGERS = 2.0  # seconds that a connection without a request stays open once a stop has begun
_TICK = 0.25  # seconds by which a connection may be closed too late
_MAX_HELD = 32 * 1024 * 1024  # bytes of all requests; those of FMZ have some hundred each


def turn_away(listener: socket.socket) -> None:
    """Refuse new connections: drop the packets that open one. Callers try again after a second, and then are refused,
    or reach the next gateway."""
    program = ctypes.create_string_buffer(_NO_SYN)
    if sys.platform == "linux" and listener.family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError):  # a kernel without such filters
            filtering = struct.pack("HP", len(_NO_SYN) // 8, ctypes.addressof(program))
            listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filtering)


class Worker(ThreadWorker):
    """gunicorn's worker with threads. Its loop reads the requests, and gives a thread whole ones only, so that callers
    that send slowly, or nothing, hold none. What it cannot read, such as TLS, is left to gunicorn.

    When a stop begins, it accepts the connections that wait, and closes the listening socket at once: open to the end,
    it would accept callers only to cut them off.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.notified_at = -math.inf
        self.settings = in_force() or Settings.load()
        self.lanes: Lanes[TConn] = Lanes(self.cfg.threads)
        self.arrivals: dict[TConn, Arrival] = {}  # the requests that have begun and are not answered
        self.following: dict[TConn, bytes] = {}  # what came after a request, and is for the loop
        self.leaving: deque[TConn] = deque()  # connections whose last answer is sent
        others = (self.cfg.protocol, self.cfg.http2_cleartext, self.cfg.proxy_protocol)
        self.reads = not self.cfg.is_ssl and others == ("http", "off", "off")
        if self.reads:
            self.max_keepalived = self.worker_connections  # gunicorn spares some, and here the oldest makes room

    def notify(self) -> None:
        """Tell the arbiter that the worker is alive, once a second and not after each event: it waits for half a minute
        and more."""
        now = time.monotonic()
        if now - self.notified_at >= 1:
            self.notified_at = now
            super().notify()

    def set_accept_enabled(self, enabled: bool | None) -> None:
        """Begin or stop accepting connections."""
        super().set_accept_enabled(enabled)
        if not self.alive:
            end = time.monotonic() + _UNDER_WAY
            for listener in self.sockets:
                while select.select([listener], [], [], max(0.0, end - time.monotonic()))[0]:
                    self.accept(listener)
                listener.close()

    def enqueue_req(self, conn: TConn) -> None:
        """Read what has come on a connection, without waiting, and give a thread the request if it is whole."""
        if not self.reads:
            super().enqueue_req(conn)
        elif (data := received(conn.sock)) is None:
            seconds = self.cfg.keepalive if self.alive else _LINGERS
            self._wait(conn, seconds, self.keepalived_conns, self.on_client_socket_readable)
        else:
            self._begin(conn, data)

    def on_pending_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """Read on in a request that has begun."""
        if not self.reads:
            super().on_pending_socket_readable(conn, client)
        elif (data := received(client)) is not None:
            self._read_on(conn, data)

    def handle(self, conn: TConn) -> bool:
        """Handle a request, and those of its caller that follow at once: strategies call several times in a row, and
        the way over the loop to the next thread takes longer than a caller that is on this machine."""
        kept = super().handle(conn)
        while kept is True and self._follows(conn):
            kept = super().handle(conn)
        return kept

    def finish_request(self, conn: TConn, fs: "Future[bool]") -> None:
        """Keep a connection for the next request, or end it without waiting for its caller to close."""
        arrival = self.arrivals.pop(conn, None)
        data = self.following.pop(conn, None)
        if arrival and (fs.cancelled() or fs.exception() or not fs.result()):
            self._leave(conn)
        elif data is not None:
            conn.sock.setblocking(False)
            self._begin(conn, data)
        else:
            super().finish_request(conn, fs)
        if arrival:
            self.lanes.leave(arrival.lane)
            self._start()

    def murder_pending(self) -> None:
        """End every wait that has been too long, and make room for other connections."""
        if not self.reads:
            super().murder_pending()
            return
        for conn in _expired(self.pending_conns):
            self._take(conn)
            error = InvalidCall(f"no whole request came within {ARRIVES_WITHIN:g} seconds")
            with suppress(OSError):
                conn.sock.send(refusal("408 Request Timeout", error))
            self._leave(conn)
        for conn in _expired(self.leaving):
            self._close(conn)
        self._start()
        while self.nr_conns >= self.worker_connections and self._evict():
            pass

    def wait_for_and_dispatch_events(self, timeout: float | None) -> None:
        """Wait for events, but no longer than a connection may be late."""
        super().wait_for_and_dispatch_events(_TICK if self.pending_conns or self.leaving or self.lanes else timeout)

    def handle_request(self, req: Request, conn: TConn) -> bool:
        """Handle a request. If not just this one came on the connection, its answer ends that: the rest would be taken
        for the next request."""
        arrival = self.arrivals.get(conn)
        arrived.set(arrival.at if arrival else None)
        if arrival and not arrival.alone:
            req.force_close()
        return super().handle_request(req, conn)

    def _follows(self, conn: TConn) -> bool:
        """Return True if the caller's next request has come, and is for this thread. The loop has one that is not whole
        or is for another exchange, and the end of the connection; while others wait for a thread, it has this one."""
        last = self.arrivals.get(conn)
        if not last or not self.alive or self.lanes or not wait_for_read(conn.sock, _FOLLOWS_WITHIN):
            return False
        data = received(conn.sock, socket.MSG_DONTWAIT)
        arrival = Arrival()
        if not data or arrival.add(data) or not arrival.whole or self._lane(arrival) != last.lane:
            if data is not None:
                self.following[conn] = data
            return False
        arrival.at, arrival.lane = time.monotonic(), last.lane
        self.arrivals[conn] = arrival
        conn.parser = RequestParser(self.cfg, only(bytes(arrival.data)), conn.client)
        return True

    def _begin(self, conn: TConn, data: bytes) -> None:
        """Begin to read a request, of which this has come."""
        arrival = self.arrivals[conn] = Arrival()
        self._read_on(conn, data)
        if conn in self.arrivals and not arrival.whole:  # most are whole at once, and need not be waited for
            self._wait(conn, ARRIVES_WITHIN, self.pending_conns, self.on_pending_socket_readable)

    def _lane(self, arrival: Arrival) -> str:
        return self.settings.exchange_at(arrival.name).lower()

    def _read_on(self, conn: TConn, data: bytes) -> None:
        arrival = self.arrivals[conn]
        if arrival.add(data):
            with suppress(OSError):
                conn.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        large = len(arrival.data) > AT_ONCE
        if not data or (large and sum(len(other.data) for other in self.arrivals.values()) > _MAX_HELD):
            self._close(conn)
        elif arrival.whole:
            if conn in self.pending_conns:
                self._take(conn)
            arrival.at = time.monotonic()
            arrival.lane = self._lane(arrival)
            self.lanes.enter(arrival.lane, conn)
            self._start()

    def _start(self) -> None:
        """Give threads to the requests whose turn it is, and to those that have waited too long, to be told so."""
        for conn, in_turn in self.lanes.next(self._is_late):
            arrival = self.arrivals[conn]
            arrival.at = arrival.at if in_turn else -math.inf
            conn.parser = RequestParser(self.cfg, only(bytes(arrival.data)), conn.client)
            conn.initialized = True
            super().enqueue_req(conn)

    def _is_late(self, conn: TConn) -> bool:
        waited = time.monotonic() - self.arrivals[conn].at
        return waited > LONGEST_WAIT * self.settings.deadline or len(self.lanes) > self.worker_connections // 2

    def _wait(self, conn: TConn, seconds: float, queue: deque[TConn], on_readable: Callable[..., None]) -> None:
        conn.timeout = time.monotonic() + seconds
        queue.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(on_readable, conn))

    def _take(self, conn: TConn) -> None:
        """Take a connection out of the queue in which it waits, if it does."""
        for queue in (self.leaving, self.keepalived_conns, self.pending_conns):
            with suppress(ValueError):
                queue.remove(conn)
        with suppress(KeyError, ValueError):  # by its number: an error would describe the whole socket
            self.poller.unregister(conn.sock.fileno())

    def _leave(self, conn: TConn) -> None:
        """Tell the caller that this was the last answer. What it still sends is discarded until it closes."""
        self.arrivals.pop(conn, None)
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(conn)
        else:
            self._wait(conn, _CLOSES_WITHIN, self.leaving, self._discard)

    def _discard(self, conn: TConn, client: socket.socket) -> None:
        if received(client) == b"":
            self._close(conn)

    def _close(self, conn: TConn) -> None:
        self._take(conn)
        self.arrivals.pop(conn, None)
        self.nr_conns -= 1
        conn.close()

    def _evict(self) -> bool:
        """Close the connection that is missed least. Return False if each has a thread, or waits for one."""
        silent = [conn for conn in self.keepalived_conns if conn.parser is None]
        mute = (one for one in silent if time.monotonic() + self.cfg.keepalive - (one.timeout or 0.0) > _SPEAKS_WITHIN)
        for conn in chain(self.leaving, mute, self.pending_conns, silent, self.keepalived_conns):
            self._close(conn)
            return True
        return False

    def handle_error(self, req: Request | None, client: socket.socket, addr: object, exc: BaseException) -> None:
        """Answer bytes that are no request. gunicorn's text quotes them; they may be the rest of a body, with keys."""
        if isinstance(exc, ParseException):
            status = "400 Bad Request"
            error: GatewayError = InvalidCall("no HTTP request; Content-Length must count the body's bytes")
        else:
            status = "500 Internal Server Error"
            error = GatewayError("a bug in the gateway; its log says which")
        self.log.warning("%s (%s)", status, type(exc).__name__)
        with suppress(OSError):
            client.settimeout(1.0)
            client.sendall(refusal(status, error))

    def _keepalive_after(self, conn: TConn, keepalive: bool) -> bool:
        """Return True if the connection may be used again: nothing came after the request, to be taken for the next."""
        kept: bool = super()._keepalive_after(conn, keepalive)  # type: ignore[misc]
        return kept and not conn.parser.unreader.buf.getvalue()  # type: ignore[union-attr]


def _expired(queue: deque[TConn]) -> Iterator[TConn]:
    """Yield the connections that have waited too long; each must be taken out of the queue."""
    while queue and (queue[0].timeout or 0.0) <= time.monotonic():
        yield queue[0]


def refusal(status: str, error: GatewayError) -> bytes:
    """Return a whole HTTP reply that ends its connection."""
    body = wire.write({"error": str(error)})
    head = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n".encode() + body
