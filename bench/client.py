"""Robots: keep-alive connections that ask one thing after another, and how long each answer took.

``asked`` measures the service; the direct client, ``python -m bench.client URL CLIENTS CALLS CA_FILE``, asks the
exchange itself by the libraries that the service uses, in threads, as a program of one's own would.
"""

import asyncio
import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import cast

import requests
import uvloop


@dataclass(frozen=True)
class Sample:
    """The seconds that each call took, sorted, those that all took together, and how many gave no data."""

    latencies: list[float]
    seconds: float
    failed: int

    @property
    def rate(self) -> float:
        """Return calls a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Return the ms in which this share of the calls ended."""
        return 1000 * self.latencies[min(int(share * len(self.latencies)), len(self.latencies) - 1)]


class _Robot(asyncio.Protocol):
    """One kept connection to the service."""

    def __init__(self, ask: Callable[[], bytes | None], took: list[float], pause: float) -> None:
        self._ask = ask
        self._pause = pause
        self._took = took
        self.failed = 0
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are not derived from it
        self._next()

    def _next(self) -> None:
        asked = self._ask()
        if asked is None:
            self._transport.close()
            self.ended.set_result(None)
            return
        self._data, self._end = b"", 0
        self._began = time.perf_counter()
        self._transport.write(asked)

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self._end:
            head, separator, _ = self._data.partition(b"\r\n\r\n")
            if not separator:
                return
            _, sized, rest = head.lower().partition(b"content-length: ")
            self._end = len(head) + 4 + int(rest.split(b"\r\n")[0]) if sized else 0
        # The article's program sends long answers in chunks.
        if len(self._data) >= self._end if self._end else self._data.endswith(b"\r\n0\r\n\r\n"):
            self._took.append(time.perf_counter() - self._began)
            self.failed += b'{"data":' not in self._data
            if self._pause:
                asyncio.get_running_loop().call_later(self._pause, self._next)
            else:
                self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(ConnectionError(f"the service closed the connection: {error}"))


def asked(
    port: int, call: Callable[[int], tuple[str, dict[str, object]]], clients: int, calls: int, pause: float = 0.0
) -> Sample:
    """Return what ``calls`` calls took, by so many clients at once. call: number → exchange and call of FMZ; a client
    that is through with one takes the next number, after this pause in seconds."""
    numbers = count()

    def next_request() -> bytes | None:
        number = next(numbers)
        if number >= calls:
            return None
        path, envelope = call(number)
        body = json.dumps(envelope).encode()
        head = f"POST /{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    async def all_clients() -> tuple[list[float], int]:
        took: list[float] = []
        loop = asyncio.get_running_loop()
        robots = [
            robot
            for _, robot in await asyncio.gather(
                *(
                    loop.create_connection(lambda: _Robot(next_request, took, pause), "127.0.0.1", port)
                    for _ in range(clients)
                )
            )
        ]
        await asyncio.gather(*(robot.ended for robot in robots))
        return took, sum(robot.failed for robot in robots)

    began = time.perf_counter()
    took, failed = uvloop.run(all_clients())
    return Sample(sorted(took), time.perf_counter() - began, failed)


def direct(url: str, clients: int, calls: int, ca_file: str) -> dict[str, object]:
    """Ask the exchange itself, in so many threads; return the fields of the sample."""
    numbers, took = iter(range(calls)), []

    def ask() -> None:
        with requests.Session() as session:
            session.verify = ca_file
            session.trust_env = False
            for _ in numbers:
                began = time.perf_counter()
                session.post(url).json()
                took.append(time.perf_counter() - began)

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"latencies": sorted(took), "seconds": time.perf_counter() - began, "failed": calls - len(took)}


if __name__ == "__main__":
    print(json.dumps(direct(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])))
