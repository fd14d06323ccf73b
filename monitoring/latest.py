"""The last calls, for a person to look at: no key, account, market, order or body is among what is kept of one.

Each process writes into a ring of fixed size, under gunicorn in a file beside those of the metrics, so that every
worker can read the calls of all. Writing is a copy into memory: no call waits for the disk, or for another process.
"""

import logging
import mmap
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from zlib import crc32

from monitoring.metrics import FOLDER

log = logging.getLogger("fmz-gateway")

MOST = 2048
"""Calls of each process that are kept."""

_HEAD = struct.Struct("<IqI")  # checksum of the rest, ms since the epoch, tenths of a ms
_SLOT = 128  # bytes
_WIDTHS = (20, 44, 10, 30)  # characters of the texts, which fill a slot with the tabs between them


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was answered. time_ms: since the epoch. money: simulated, testnet, real, or - where the exchange is
    not known. outcome: OK, or the label of the error."""

    time_ms: int
    method: str
    exchange: str
    money: str
    outcome: str
    ms: float


class LatestCalls:
    """The last calls of this gateway. Thread-safe. now: the wall clock, in ms."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._lock = Lock()
        self._process = 0
        self._count = 0
        self._ring: bytearray | mmap.mmap = bytearray()
        self._is_shared = False

    def add(self, method: str, exchange: str, money: str, outcome: str, seconds: float) -> None:
        """Keep a call, in the place of the oldest one."""
        texts = [text[:width] for text, width in zip((method, exchange, money, outcome), _WIDTHS, strict=True)]
        slot = _packed(self._now(), texts, seconds)
        with self._lock:
            if self._process != os.getpid():  # the first call, or the first after a fork
                self._open()
            place = self._count % MOST * _SLOT
            self._ring[place : place + _SLOT] = slot
            self._count += 1

    def read(self) -> list[Call]:
        """Return the last calls of all processes, the latest first."""
        rings = [*_shared()]
        if not self._is_shared:
            rings.append(bytes(self._ring))
        return sorted((call for ring in rings for call in _calls(ring)), key=lambda call: -call.time_ms)

    def _open(self) -> None:
        self._process, self._count = os.getpid(), 0
        self._ring, self._is_shared = bytearray(MOST * _SLOT), False
        if FOLDER not in os.environ:
            return
        from monitoring.files import make_ring  # imported here: Windows has no such locks, and no gunicorn

        try:
            with make_ring(Path(os.environ[FOLDER]), len(self._ring)).open("r+b") as file:
                self._ring, self._is_shared = mmap.mmap(file.fileno(), 0), True
        except OSError as error:
            log.warning("this worker's calls are in no other's list of the last calls: %s", error.strerror)


def _packed(time_ms: int, texts: list[str], seconds: float) -> bytes:
    """Return a call as the bytes of a slot."""
    text = "\t".join(texts).encode("ascii", "replace").ljust(_SLOT - _HEAD.size, b"\0")
    tenths = min(round(seconds * 10_000), 2**32 - 1)
    return _HEAD.pack(crc32(text), time_ms, tenths) + text


def _shared() -> Iterator[bytes]:
    """Yield the rings in files, those of workers that have ended included."""
    if FOLDER in os.environ:
        for path in Path(os.environ[FOLDER]).glob("calls_*.ring"):
            try:
                yield path.read_bytes()
            except FileNotFoundError:  # removed by a worker that begins
                continue


def _calls(ring: bytes) -> Iterator[Call]:
    """Yield the calls in a ring. A slot that is being written is left out."""
    for place in range(0, len(ring), _SLOT):
        checksum, time_ms, tenths = _HEAD.unpack_from(ring, place)
        text = ring[place + _HEAD.size : place + _SLOT]
        if time_ms and crc32(text) == checksum:
            method, exchange, money, outcome = text.rstrip(b"\0").decode("ascii").split("\t")
            yield Call(time_ms, method, exchange, money, outcome, tenths / 10)
