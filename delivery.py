"""The delivery of an order's answer to its caller."""

import socket
from collections.abc import Iterator


class Delivery:
    """An answer on its way. delivered: True when its caller was connected when it went out, and all of it could be
    sent.

    The connection's state afterwards proves nothing: a caller that has read the answer may close it at once.
    """

    def __init__(self, body: bytes, connection: socket.socket | None) -> None:
        self._body = body
        self._connection = connection
        self.delivered = False

    def __iter__(self) -> Iterator[bytes]:
        there = not has_hung_up(self._connection)
        yield self._body
        self.delivered = there  # the server asks for more only after it has sent the body


def has_hung_up(connection: socket.socket | None) -> bool:
    """Return True when the caller has closed its connection, as far as the server can see.

    FMZ's host does that when its own timeout is shorter than the call; its strategy then knows of no order.
    """
    if connection is None:
        return False
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
