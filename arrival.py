"""A request as far as it has come from its caller. Only its end is looked for here; gunicorn reads and checks it."""

import re
import socket
from collections.abc import Iterator
from urllib.parse import unquote

from gunicorn.http.errors import NoMoreData

MAX_SIZE = 2 * 1024 * 1024
"""Bytes of a request that are waited for. The application takes half as many; chunks have their sizes beside them."""

AT_ONCE = 64 * 1024
"""Bytes that are read from one connection before it is the next one's turn."""

_MAX_LINE = 8192  # bytes of a chunk's size, and of what follows the last chunk; a little more than gunicorn takes
_NAME = re.compile(rb"\S+ (?:https?://[^/ ?#]*)?/([^/ ?#]*)", re.IGNORECASE)
_HEAD_END = re.compile(rb"\r\n\r\n|(?<!\r)\n")  # gunicorn refuses a line that ends otherwise
_LENGTH = re.compile(rb"\r\ncontent-length[ \t]*:[ \t]*([^\r\n]*?)[ \t]*(?=\r\n)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding[ \t]*:[^\r\n]*chunked", re.IGNORECASE)
_EXPECTS = re.compile(rb"\r\nexpect[ \t]*:[ \t]*100-continue", re.IGNORECASE)
_SIZE = re.compile(rb"([0-9a-f]{1,8})[ \t]*(?:;|$)", re.IGNORECASE)


class Arrival:
    """The bytes of one request. whole: True once nothing more is waited for, because all of it is there, or because
    gunicorn or the application will refuse it. at: when that was, in ``time.monotonic()`` seconds. lane: where it waits
    then."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.whole = False
        self.at = 0.0
        self.lane = ""
        self._end = 0  # of the head, then of the body or of the last chunk whose size is known
        self._chunked = False

    @property
    def alone(self) -> bool:
        """Return True if a whole request is all that came: nothing is missing, and nothing follows it."""
        return self._end == len(self.data)

    @property
    def name(self) -> str:
        """Return the first word of the path, empty if there is none."""
        name = _NAME.match(self.data)
        return unquote(name[1].decode("latin-1")).strip("/") if name else ""

    def add(self, data: bytes) -> bool:
        """Take what has come. Return True if the caller waits for a ``100 Continue`` before it sends the body."""
        searched = max(0, len(self.data) - 3)
        self.data += data
        found = None if self._end else _HEAD_END.search(self.data, searched)
        if found:
            self._read_head(found.end())
        if self._chunked:
            self._follow_chunks()
        elif self._end:
            self.whole |= len(self.data) >= self._end
        self.whole |= len(self.data) > MAX_SIZE
        return found is not None and not self.whole and _EXPECTS.search(self.data, 0, found.end()) is not None

    def _read_head(self, end: int) -> None:
        head = bytes(self.data[:end])
        self._end = end
        self._chunked = bool(_CHUNKED.search(head))
        lengths = _LENGTH.findall(head)
        if not self._chunked and len(lengths) == 1 and re.fullmatch(rb"[0-9]{1,18}", lengths[0]):
            self._end += int(lengths[0])
            self.whole = self._end > MAX_SIZE

    def _follow_chunks(self) -> None:
        while not self.whole and len(self.data) > self._end:
            line_end = self.data.find(b"\r\n", self._end, self._end + _MAX_LINE)
            if line_end < 0:
                self.whole = len(self.data) > self._end + _MAX_LINE
                return
            size = _SIZE.match(self.data[self._end : line_end])
            if size and int(size[1], 16):
                self._end = line_end + 2 + int(size[1], 16) + 2
                continue
            last = self.data.find(b"\r\n\r\n", line_end)  # an empty line ends what may follow the last chunk
            self.whole = not size or last >= 0 or len(self.data) > line_end + _MAX_LINE
            self._end = last + 4 if last >= 0 else self._end
            return


def received(sock: socket.socket, flags: int = 0) -> bytes | None:
    """Return what has come on a connection: None if nothing has yet, nothing if it has ended."""
    try:
        return sock.recv(AT_ONCE, flags)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def only(data: bytes) -> Iterator[bytes]:
    """Yield the bytes of a request to gunicorn's parser. Raises NoMoreData if it asks for more, and a thread waits for
    nothing."""
    yield data
    raise NoMoreData
