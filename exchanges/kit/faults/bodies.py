"""Replies that are too long, too short or not JSON."""

import gzip
import random
from functools import cache

from exchanges.kit.faults.visit import Seen

PAGE = b"<html><body><h1>PAGE-TEXT-CANARY</h1> the load balancer is unwell</body></html>"
MOST = 8 * 1024 * 1024  # bytes that the gateway reads
TOO_MUCH = MOST + 1


@cache
def bomb() -> bytes:
    """Return some MB of gzip that hold too much."""
    noise = random.Random(0).randbytes(3 * 1024 * 1024)  # nosec B311  # noqa: S311 - the same in every run
    return gzip.compress(noise + b" " * TOO_MUCH, 1)


@cache
def small_bomb() -> bytes:
    """Return 64 kB of gzip that hold 64 MiB."""
    return gzip.compress(b" " * (64 * 1024 * 1024), 9)


def echo(seen: Seen) -> str:
    """Return everything that a request contains, as an exchange might quote it."""
    return f"{seen.target} {seen.headers} {seen.body.decode('latin-1')}"
