"""A warning that is not logged all the time."""

import logging
import time

from protocol.errors import cause

log = logging.getLogger("fmz-gateway")

_QUIET = 60.0  # seconds between two warnings of the same


class Complaint:
    """A warning that a database fails, logged once a minute at most. words: the text, with a place for the cause."""

    def __init__(self, words: str) -> None:
        self._words = words
        self._said = float("-inf")

    def __call__(self, error: Exception) -> None:
        if time.monotonic() - self._said >= _QUIET:
            self._said = time.monotonic()
            log.warning(self._words, cause(error))
