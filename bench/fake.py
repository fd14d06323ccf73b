"""The exchange that the service is measured before: canned answers over HTTP and TLS, from a process of its own.

``python -m bench.fake CERTIFICATE`` prints its two ports, the one with TLS second. It answers in about 30 µs of its own
processor time, so that it is not what is measured; uvloop is C.
"""

import asyncio
import json
import ssl
import sys
from collections.abc import Mapping
from typing import cast
from urllib.parse import parse_qs, urlsplit

import uvloop

BASES = ("BTC", "ETH", "LTC", "XRP", "BCH", "ETC", "EOS", "TRX", "DOGE", "ADA", "LINK", "BNB", "DOT", "SOL")
LEVELS = 200
BARS = 1000
START = 1_700_000_000  # seconds since the epoch, of the first bar


def _bitgo() -> Mapping[str, object]:
    """Return BitGo's replies, by action."""
    rows = [[START + 60 * i, 100 + i % 7 + 0.25, 108.5, 99.75, 101.125 + i % 5, 12.5 + i] for i in range(BARS)]
    return {
        "market": {"data": {"buy": 1, "sell": 2, "last": 3.5, "high": 4, "low": 0.5, "vol": 6}, "time": START * 1000},
        "depth": {
            "data": {
                "asks": [[f"{100 + i / 100:.2f}", f"{1 + i / 1000:.3f}"] for i in range(LEVELS)],
                "bids": [[f"{99 - i / 100:.2f}", f"{1 + i / 1000:.3f}"] for i in range(LEVELS)],
            },
            "time": START * 1000,
        },
        "kline": {"data": rows},
        "trades": {
            "data": [
                {"id": i, "time": START + i, "price": "3.5", "amount": "0.25", "en_type": "bid"} for i in range(100)
            ]
        },
    }


ANSWERS = {name: json.dumps(reply).encode() for name, reply in _bitgo().items()}
MARKETS = json.dumps({"markets": BASES}).encode()


class Counts:
    """Counts what was asked since the last ``/reset``, and has the seconds that each answer takes."""

    def __init__(self) -> None:
        self.requests = 0
        self.connections = 0
        self.orders = 0
        self.latency = 0.0
        self.connect = 0.0
        """Added to the first answer on each connection, as a far exchange's handshakes are."""


class Exchange(asyncio.Protocol):
    """One connection."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._data = b""
        self._new = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are not derived from it
        self._counts.connections += 1

    def data_received(self, data: bytes) -> None:
        self._data += data
        while True:
            head, separator, rest = self._data.partition(b"\r\n\r\n")
            if not separator:
                return
            length = _length(head)
            if len(rest) < length:
                return
            self._data = rest[length:]
            self._answer(head.split(b" ", 2)[1].decode())

    def _answer(self, target: str) -> None:
        counts = self._counts
        parts = urlsplit(target)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/reset":  # of the bench itself
            counts.requests = counts.connections = 0
            counts.latency, counts.connect = float(asked["latency"]), float(asked["connect"])
            self._write(b"{}")
            return
        if parts.path == "/counts":
            self._write(json.dumps({"requests": counts.requests, "connections": counts.connections}).encode())
            return
        counts.requests += 1
        if parts.path == "/fastex/markets":
            body = MARKETS
        elif parts.path == "/fastex/orders":
            counts.orders += 1
            body = b'{"id":%d}' % counts.orders
        else:
            body = ANSWERS[asked["action"]]
        wait = counts.latency + (counts.connect if self._new else 0)
        self._new = False
        if wait:
            asyncio.get_running_loop().call_later(wait, self._write, body)
        else:
            self._write(body)

    def _write(self, body: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        self._transport.write(head + body)


def _length(head: bytes) -> int:
    """Return the length of the body that follows a head."""
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.split(b"\r\n", 1)[0]) if found else 0


async def serve(certificate: str) -> None:
    """Serve until the process is stopped."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    counts = Counts()
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(lambda: Exchange(counts), "127.0.0.1", 0, ssl=tls) for tls in (None, context)]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))
