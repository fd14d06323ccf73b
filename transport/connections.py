"""Connections to exchanges: no other module opens any. Each step on one has only the time that is left of the call that
it is for, and tells when the request's first byte leaves.
"""

import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, cached_property
from http.client import BadStatusLine, HTTPException, HTTPResponse, parse_headers
from io import BufferedReader, RawIOBase
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, Timeout
from urllib3.connection import HTTPConnection
from urllib3.util import wait_for_read
from urllib3.util.ssl_ import create_urllib3_context

from protocol.deadline import Deadline

MOST_INTERIM = 20  # interim replies before the answer; servers send one or two
POOL = 96  # kept connections per host: more than a worker has threads

# Seconds without a request after which a connection is not used again. Many servers close it after 60, and a request
# that is sent just then has no known outcome: https://github.com/urllib3/urllib3/issues/3184
_MOST_IDLE = 45.0

# Seconds for which the time that a connection was given is the time that is left. To give it anew is a call of the
# system, at which another thread goes on.
_FRESH = 0.005


@dataclass(slots=True)
class Progress:
    """The progress of the current thread's request. silent: True once nothing was found on the kept connection that it
    uses. given_at: when the connection was last given the time left, in ``time.monotonic()`` seconds."""

    deadline: Deadline
    connecting: bool = False
    sent: bool = False
    silent: bool = False
    given_at: float = float("-inf")

    def left(self) -> float:
        left = self.deadline.left()
        if not left:
            raise TimeoutError("deadline")
        return left

    def hurry(self, sock: socket.socket) -> None:
        """Give the next step on a connection, such as TLS's handshake, only the time that is left. Closes it and raises
        TimeoutError if there is none."""
        try:
            left = self.left()
        except TimeoutError:
            sock.close()
            raise
        now = time.monotonic()
        if now - self.given_at > _FRESH:
            sock.settimeout(left)
            self.given_at = now


current_progress: ContextVar[Progress] = ContextVar("progress")


class _DeadlineIO(RawIOBase):
    """A socket's reading end that gives every read only the time left of the whole call, so that a reply that comes
    byte by byte, headers included, cannot last longer."""

    def __init__(self, raw: RawIOBase, sock: socket.socket, progress: Progress) -> None:
        self._raw = raw
        self.current_progress = progress
        self.sock = sock
        self.ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.ended:
            return None
        self.current_progress.hurry(self.sock)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _DeadlineResponse(HTTPResponse):
    """A reply within the deadline, the only one on its connection that is not interim."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._raw = _DeadlineIO(self.fp.detach(), sock, current_progress.get())
        self.fp = BufferedReader(self._raw)

    def _read_status(self) -> tuple[str, int, str]:
        """Return the answer's status line. http.client takes any interim reply but 100 for the answer, and would leave
        the answer to whoever is given the connection next: https://www.rfc-editor.org/rfc/rfc9110#section-15.2"""
        for _ in range(MOST_INTERIM + 1):
            line: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
            if line[1] == 101:  # nobody asked for another protocol, and nothing after it is HTTP
                raise BadStatusLine("101")
            if line[1] >= 200:
                return line
            parse_headers(self.fp)
        raise HTTPException("only interim replies")

    def _close_conn(self) -> None:
        """End the reply. What its reader holds beyond the end belongs to no request, so the connection is done for."""
        self._raw.ended = True
        if self.fp.peek():
            with suppress(OSError):
                self._raw.sock.shutdown(socket.SHUT_RDWR)
        super()._close_conn()  # type: ignore[misc]


def _require_silence(sock: socket.socket) -> None:
    """Raise OSError where a connection has anything to read, its end included: what TLS has decrypted too, but not its
    own records, such as session tickets."""
    is_plain = isinstance(sock, socket.socket)  # TLS to a proxy with TLS inside has buffers of its own
    decrypted = is_plain and isinstance(sock, ssl.SSLSocket) and sock.pending()
    if is_plain and not decrypted and not wait_for_read(sock, 0):
        return
    patience = sock.gettimeout()
    sock.settimeout(0)
    try:
        early = sock.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        return
    except OSError as error:
        raise OSError("no connection") from error
    finally:
        sock.settimeout(patience)
    raise OSError("bytes before the request" if early else "Remote end closed")


# The system's look-up of a name has no time limit of its own, so it runs in a thread that can be abandoned.
_resolver = ThreadPoolExecutor(8, thread_name_prefix="resolver")


def _dial(host: str, port: int, progress: Progress) -> socket.socket:
    """Return a connection to the first address that answers, all attempts within the call's one deadline."""
    looked_up = _resolver.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    failure = OSError("no address")
    addresses = looked_up.result(timeout=progress.left())
    for tried, (family, kind, protocol, _, address) in enumerate(addresses):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(progress.left() / (len(addresses) - tried))  # leave time for the other addresses
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    raise OSError("no connection") from failure  # without its errno: after a reset urllib3 would try to read on


@cache
def _watch(connection: type[HTTPConnection]) -> type[HTTPConnection]:
    """Return the urllib3 connection class, extended to tell the current ``Progress`` when the request's first byte
    leaves."""
    if connection.response_class is _DeadlineResponse:  # this pool was extended before
        return connection
    dials_itself = connection._new_conn is HTTPConnection._new_conn  # a SOCKS proxy has its own way

    class Watched(connection):  # type: ignore[valid-type,misc]
        response_class = _DeadlineResponse
        used_at = float("-inf")  # when it was opened, or last sent a request, in ``time.monotonic()`` seconds

        def _new_conn(self) -> socket.socket:
            progress = current_progress.get()
            sock: socket.socket = _dial(self._dns_host, self.port, progress) if dials_itself else super()._new_conn()
            progress.hurry(sock)
            return sock

        def _tunnel(self) -> None:
            super()._tunnel()
            current_progress.get().hurry(self.sock)

        def connect(self) -> None:
            progress = current_progress.get()
            progress.connecting, progress.silent = True, False
            super().connect()
            progress.connecting = False
            self.used_at = time.monotonic()

        @property
        def is_connected(self) -> bool:
            """False where a kept connection has ended, may soon, or has bytes on it that no request has asked for."""
            with suppress(OSError):
                if self.sock is not None and time.monotonic() - self.used_at < _MOST_IDLE:
                    _require_silence(self.sock)
                    current_progress.get().silent = True
                    return True
            return False

        def send(self, data: Any) -> None:
            progress = current_progress.get()
            if self.sock is None:
                self.connect()
            if not progress.connecting:  # a proxy's CONNECT is not the request
                if not (progress.sent or progress.silent):
                    _require_silence(self.sock)
                progress.hurry(self.sock)
                progress.sent = True
                self.used_at = time.monotonic()
            super().send(data)

    return Watched


class Adapter(HTTPAdapter):
    """requests' adapter with watched connections. It sends a prepared request as it is: there is no session above it,
    so there are no cookies, redirects or hooks, and one client can serve many accounts.

    ca_file: certificate authorities to trust. They are read once, with the first connection that needs them: urllib3
    itself reads them for every connection, which takes 16 ms of processor time, and keeps them with it, 0.7 MiB each.
    """

    def __init__(self, ca_file: str) -> None:
        super().__init__(pool_connections=POOL, pool_maxsize=POOL)
        self._ca_file = ca_file
        self._pools: dict[tuple[str, str], HTTPConnectionPool] = {}
        self.called: dict[HTTPConnectionPool, float] = {}  # each one's last call, in ``time.monotonic()`` seconds

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        context = create_urllib3_context()
        context.load_verify_locations(self._ca_file)
        return context

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what tells the host's pool of connections: its address, and how TLS is verified there."""
        address, _ = super().build_connection_pool_key_attributes(request, True)
        is_tls = address["scheme"] == "https"
        return address, {"ssl_context": self._trust, "cert_reqs": "CERT_REQUIRED"} if is_tls else {}

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Return the pools of connections through a proxy, which is verified as an exchange is."""
        trust = {"proxy_ssl_context": self._trust} if proxy.lower().startswith("https:") else {}
        return super().proxy_manager_for(proxy, **trust, **options)

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = True,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """Send a request and return its reply, of which the body is still to be read. timeout: seconds for each step,
        the look-up of a kept connection included. TLS is verified whatever ``verify`` says. Raises urllib3's
        exceptions."""
        prepared: Any = request  # urllib3 takes more than its types promise
        response = requests.Response()
        response.raw = self._pool(request, proxies).urlopen(
            prepared.method,
            self.request_url(request, proxies) if proxies else request.path_url,
            prepared.body,
            prepared.headers,
            self.max_retries,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
            timeout=Timeout(total=timeout),
            chunked=not (request.body is None or "Content-Length" in request.headers),
        )
        response.status_code, response.headers = response.raw.status, response.raw.headers
        return response

    def _pool(self, request: requests.PreparedRequest, proxies: Any) -> HTTPConnectionPool:
        """Return the pool of connections to the request's host, which requests would look for in several places."""
        parts = urlsplit(str(request.url))
        key = f"{parts.scheme}://{parts.netloc}", proxies["https"] if proxies else ""
        pool = self._pools.get(key)
        if pool is None or pool.pool is None:  # closed, because there were too many others
            found = self.get_connection_with_tls_context(request, True, proxies)
            assert isinstance(found, HTTPConnectionPool)
            found.ConnectionCls = _watch(found.ConnectionCls)
            pool = self._pools[key] = found
        self.called[pool] = time.monotonic()
        return pool
