"""gunicorn's worker with threads: it quotes nothing that a caller sent, and a stop cuts off no accepted connection."""

import ctypes
import select
import socket
import struct
import sys
import time
from contextlib import suppress

from gunicorn.http import Request
from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import TConn, ThreadWorker

from protocol import wire
from protocol.errors import GatewayError, InvalidCall

# Closing a listening socket resets the connections that are not accepted yet, and one can come in between the last
# look and the closing. So the kernel first gets a filter that drops packets that open a connection: load the byte with
# the TCP flags; if SYN is set, drop the packet; else keep it.
_SO_ATTACH_FILTER = 26  # Linux's, see socket(7)
_NO_SYN = b"".join(
    struct.pack("HBBI", *step)
    for step in [(0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 2**32 - 1)]
)
_UNDER_WAY = 0.1  # seconds that a connection may take to be made


def turn_away(listener: socket.socket) -> None:
    """Refuse new connections: drop the packets that open one. Callers try again after a second, and then are refused,
    or reach the next gateway."""
    program = ctypes.create_string_buffer(_NO_SYN)
    if sys.platform == "linux" and listener.family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError):  # a kernel without such filters
            filtering = struct.pack("HP", len(_NO_SYN) // 8, ctypes.addressof(program))
            listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filtering)


class Worker(ThreadWorker):
    """gunicorn's worker with threads. When a stop begins, it accepts the connections that are already waiting, and then
    closes the listening socket at once: if that stayed open to the end, it would accept callers only to cut them
    off."""

    def set_accept_enabled(self, enabled: bool | None) -> None:
        """Begin or stop accepting connections."""
        super().set_accept_enabled(enabled)
        if not self.alive:
            end = time.monotonic() + _UNDER_WAY
            for listener in self.sockets:
                while select.select([listener], [], [], max(0.0, end - time.monotonic()))[0]:
                    self.accept(listener)
                listener.close()

    def handle_error(self, req: Request | None, client: socket.socket, addr: object, exc: BaseException) -> None:
        """Answer bytes that are no request. gunicorn's text quotes them; they may be the rest of a body, with keys."""
        kind = type(exc).__name__
        if isinstance(exc, ParseException):
            status = "400 Bad Request"
            error: GatewayError = InvalidCall(f"no HTTP request ({kind}); Content-Length must count the body's bytes")
        else:
            status = "500 Internal Server Error"
            error = GatewayError(f"a bug in the gateway ({kind})")
        self.log.warning("%s (%s)", status, kind)
        with suppress(OSError):
            client.settimeout(1.0)
            client.sendall(refusal(status, error))

    def _keepalive_after(self, conn: TConn, keepalive: bool) -> bool:
        """Return True if the connection may be used again. If more came than the request's length, the rest would be
        taken for the next request."""
        kept: bool = super()._keepalive_after(conn, keepalive)  # type: ignore[misc]
        return kept and not conn.parser.unreader.buf.getvalue()  # type: ignore[union-attr]


def refusal(status: str, error: GatewayError) -> bytes:
    """Return a whole HTTP reply that ends its connection."""
    body = wire.write({"error": str(error)})
    head = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n".encode() + body
