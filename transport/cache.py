"""Replies to public questions, kept for callers that accept data of some age."""

import threading
import time
from collections import OrderedDict

from transport.reply import Reply

_MOST = 16 * 1024 * 1024  # bytes of one exchange's replies
_OVERHEAD = 1024  # bytes that a reply takes beside its body


class Cache:
    """The latest replies to an exchange's public questions. Thread-safe; bounded in bytes: those that were kept first
    make room.

    most: bytes of all replies.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._size = 0
        self._replies: OrderedDict[str, Reply] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, question: str, max_age_ms: int) -> Reply | None:
        """Return the reply to a question, None without one that is young enough."""
        with self._lock:
            reply = self._replies.get(question)
        return reply if reply and time.monotonic() - reply.arrived < max_age_ms / 1000 else None

    def put(self, question: str, reply: Reply) -> None:
        """Keep the reply to a question, unless a later one is kept already."""
        with self._lock:
            before = self._replies.get(question)
            if before and before.arrived >= reply.arrived:
                return
            self._replies.pop(question, None)
            self._replies[question] = reply
            self._size += _size(reply) - (_size(before) if before else 0)
            while self._size > self._most:
                _, first = self._replies.popitem(last=False)
                self._size -= _size(first)


def _size(reply: Reply) -> int:
    return len(reply.body) + _OVERHEAD
