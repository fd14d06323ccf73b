"""The caller of a request, and the delivery of an order's answer to it."""

import select
import socket
import time
from collections.abc import Callable, Iterator

_INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"
_MOST_INTERIM = 3  # some clients give up after five
_PAUSE = 1.0  # seconds from one to the next
_ROUND_TRIP = 200  # ms for a reset to come back; on one machine it comes at once
_AT_ONCE = getattr(socket, "MSG_DONTWAIT", 0)  # Windows has no such flag; the sockets of its server never wait
_LOOK = socket.MSG_PEEK | _AT_ONCE


class Caller:
    """The caller that waits for the answer to a request. protocol: the request's, such as ``HTTP/1.1``. has_left: tells
    whether all of the answer has left this process, for a server that goes on before that."""

    def __init__(
        self, connection: socket.socket | None, protocol: str, has_left: Callable[[], bool] | None = None
    ) -> None:
        self._connection = connection
        self._has_left = has_left
        self._interim = _MOST_INTERIM if protocol == "HTTP/1.1" else 0  # older versions have no interim replies
        self._asked = 0.0

    def has_hung_up(self) -> bool:
        """Return True when the caller has closed its connection, as far as the server can see.

        FMZ's host does that when its own timeout is shorter than the call; its strategy then knows of no order.
        """
        if self._connection is None:
            return False
        try:
            return not self._connection.recv(1, _LOOK) and not self._listens()
        except BlockingIOError:
            return False
        except OSError:
            return True

    def is_connected(self) -> bool:
        """Return True if the caller surely is connected, and has not even ended its sending. Any thread may ask,
        because nothing is sent, unlike by ``has_hung_up``."""
        if self._connection is None:
            return False
        try:
            return bool(self._connection.recv(1, _LOOK))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def is_sent(self) -> bool:
        """Return True if the answer that was given to the server is sent."""
        return self._has_left is None or self._has_left()

    def _listens(self) -> bool:
        """Return True if a caller that has ended its sending still reads. TCP shows no difference until something is
        sent: a caller that reads ignores an interim reply, and one that has closed answers it with a reset. Raises
        OSError after a reset."""
        assert self._connection is not None
        if not hasattr(select, "poll") or (not self._interim and not self._asked):  # Windows has none
            return False
        now = time.monotonic()
        if self._interim and now - self._asked >= _PAUSE:
            self._interim -= 1
            self._asked = now
            self._connection.send(_INTERIM, _AT_ONCE)
        poll = select.poll()
        poll.register(self._connection, 0)  # errors and hang-ups are reported for any mask
        return not poll.poll(_ROUND_TRIP if self._asked == now else 0)


class Delivery:
    """An answer on its way. delivered: True when its caller was connected when it went out, and all of it could be
    sent.

    The connection's state afterwards proves nothing: a caller that has read the answer may close it at once.
    """

    def __init__(self, body: bytes, caller: Caller) -> None:
        self._body = body
        self._caller = caller
        self.delivered = False

    def __iter__(self) -> Iterator[bytes]:
        there = not self._caller.has_hung_up()
        yield self._body
        # gunicorn asks for more only after it has sent the body.
        self.delivered = there and self._caller.is_sent()
