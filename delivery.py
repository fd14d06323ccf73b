"""Whether an order's answer reached its caller."""

import socket
from collections.abc import Iterator


class Delivery:
    """An answer on its way. delivered: True when its caller was there when it went out, and all of it could be sent.

    What the connection looks like afterwards says nothing: who has read an answer may close it at once.
    """

    def __init__(self, body: bytes, connection: socket.socket | None) -> None:
        self._body = body
        self._connection = connection
        self.delivered = False

    def __iter__(self) -> Iterator[bytes]:
        there = not has_hung_up(self._connection)
        yield self._body
        self.delivered = there  # the server comes back here when it has sent it


def has_hung_up(connection: socket.socket | None) -> bool:
    """Return True when the caller has closed its connection, as far as the server lets us see it. FMZ's host does when
    its own timeout is the shorter one; its strategy then knows of no order."""
    if connection is None:
        return False
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
