"""The only module that opens a connection: one deadline, one byte cap and one kind of outcome for each call.

Every failure is one of three: ``NotSent`` (no byte of the request left), ``OutcomeUnknown`` (bytes left and no definite
answer came back), or a reply whose refusal the exchange's adapter reads. TLS is always verified, redirects are never
followed, the environment's proxies, netrc and cookies are never used.
"""

import logging
import socket
import ssl
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from http.client import BadStatusLine, HTTPException, HTTPResponse, parse_headers
from io import BufferedReader, RawIOBase
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from urllib3 import HTTPConnectionPool, Timeout
from urllib3.connection import HTTPConnection

import metrics
from protocol.deadline import Deadline
from protocol.errors import GatewayError, NotSent, OutcomeUnknown
from transport.reply import Reply
from transport.words import reason

log = logging.getLogger("fmz-gateway")

MAX_REPLY = 8 * 1024 * 1024  # bytes, decompressed; a full exchangeInfo is about 4 MiB
MOST_INTERIM = 20  # interim replies before the answer; servers send one or two
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "fmz-gateway"}
POOL = 64  # kept connections per host: more than a worker has threads


@dataclass(slots=True)
class _Progress:
    """The progress of the current thread's request."""

    deadline: Deadline
    connecting: bool = False
    sent: bool = False

    def left(self) -> float:
        left = self.deadline.left()
        if not left:
            raise TimeoutError("deadline")
        return left

    def hurry(self, sock: socket.socket) -> None:
        """Give the next step on a connection under way, such as TLS's handshake, only the time that is left."""
        try:
            sock.settimeout(self.left())
        except TimeoutError:
            sock.close()
            raise


_progress: ContextVar[_Progress] = ContextVar("progress")


class _DeadlineIO(RawIOBase):
    """A socket's reading end that gives every read only the time left of the whole call, so that a reply that comes
    byte by byte, headers included, cannot last longer."""

    def __init__(self, raw: RawIOBase, sock: socket.socket, progress: _Progress) -> None:
        self._raw = raw
        self._progress = progress
        self.sock = sock
        self.ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.ended:
            return None
        self.sock.settimeout(self._progress.left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _DeadlineResponse(HTTPResponse):
    """A reply within the deadline, the only one on its connection that is not interim."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._raw = _DeadlineIO(self.fp.detach(), sock, _progress.get())
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
    """Raise OSError where a connection has anything to read, its end included. Unlike select(), this sees what TLS has
    decrypted, and sees through TLS's own records, such as session tickets."""
    sock.settimeout(0)
    try:
        early = sock.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        return
    except OSError as error:
        raise OSError("no connection") from error
    raise OSError("bytes before the request" if early else "Remote end closed")


# The system's look-up of a name has no time limit of its own, so it runs in a thread that can be abandoned.
_resolver = ThreadPoolExecutor(8, thread_name_prefix="resolver")


def _dial(host: str, port: int, progress: _Progress) -> socket.socket:
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
    """Return the urllib3 connection class, extended to tell the current ``_Progress`` when the request's first byte
    leaves."""
    if connection.response_class is _DeadlineResponse:  # this pool was extended before
        return connection
    dials_itself = connection._new_conn is HTTPConnection._new_conn  # a SOCKS proxy has its own way

    class Watched(connection):  # type: ignore[valid-type,misc]
        response_class = _DeadlineResponse

        def _new_conn(self) -> socket.socket:
            progress = _progress.get()
            sock: socket.socket = _dial(self._dns_host, self.port, progress) if dials_itself else super()._new_conn()
            progress.hurry(sock)
            return sock

        def _tunnel(self) -> None:
            super()._tunnel()
            _progress.get().hurry(self.sock)

        def connect(self) -> None:
            progress = _progress.get()
            progress.connecting = True
            super().connect()
            progress.connecting = False

        @property
        def is_connected(self) -> bool:
            """False where a kept connection has ended, or has bytes on it that no request has asked for."""
            with suppress(OSError):
                if self.sock is not None:
                    _require_silence(self.sock)
                    return True
            return False

        def send(self, data: Any) -> None:
            progress = _progress.get()
            if self.sock is None:
                self.connect()
            if not progress.connecting:  # a proxy's CONNECT is not the request
                if not progress.sent:
                    _require_silence(self.sock)
                self.sock.settimeout(progress.left())
                progress.sent = True
            super().send(data)

    return Watched


class _Adapter(HTTPAdapter):
    """requests' adapter with watched connections."""

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> HTTPConnectionPool:
        pool = super().get_connection_with_tls_context(*args, **kwargs)
        assert isinstance(pool, HTTPConnectionPool)
        pool.ConnectionCls = _watch(pool.ConnectionCls)
        return pool


class _NoCookies(RequestsCookieJar):
    """A cookie jar that keeps nothing, because one client serves many accounts."""

    def set_cookie(self, cookie: Any, *args: Any, **kwargs: Any) -> None:
        return None


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None always: requests reads a redirect's whole body, uncapped, even when it does not follow it."""
        return


class Http:
    """The process's one HTTP client. Thread-safe; made once.

    ca_file: certificate authorities to trust instead of certifi's. proxies: exchange's name → ``http://``, ``https://``
    or ``socks5h://`` address.
    """

    def __init__(self, *, ca_file: str | None = None, proxies: Mapping[str, str] | None = None) -> None:
        self._verify = ca_file or True
        self._proxies = dict(proxies or {})
        self._session = _Session()
        self._session.trust_env = False
        self._session.cookies = _NoCookies()
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, _Adapter(pool_connections=POOL, pool_maxsize=POOL))

    def send(self, exchange: str, request: requests.Request, deadline: Deadline) -> Reply:
        """Send once and return the whole reply; everything, from the name's look-up to the last byte, within the
        deadline.

        Raises NotSent or OutcomeUnknown; any status but 3xx is returned.
        """
        request.headers = _HEADERS | dict(request.headers or {})
        try:
            prepared = request.prepare()
        except requests.RequestException as error:  # its text quotes the value that cannot be sent
            log.warning("%s: a request could not be made: %s", exchange, type(error).__name__)
            raise NotSent(
                f"{exchange}: a key or parameter has characters that cannot be sent; look for line breaks, spaces and "
                "letters that are not English. Nothing was sent"
            ) from None
        host = urlsplit(str(request.url)).netloc.lower()
        if urlsplit(str(prepared.url)).netloc != host:
            raise NotSent(f"{exchange}: the request would have gone to another host than {host}; nothing was sent")
        begun, handled = time.monotonic(), sys.exception()
        progress = _Progress(deadline)
        token = _progress.set(progress)
        try:
            return self._exchange(exchange, prepared, progress)
        except GatewayError:
            raise
        except Exception as error:  # noqa: BLE001 - no library's mistake may hide whether an order was sent
            why = reason(error, timed_out=not deadline.left(), seconds=time.monotonic() - begun, handled=handled)
            if progress.sent:
                raise OutcomeUnknown(f"{exchange} network: {why}") from None
            raise NotSent(f"{exchange} network: {why}; nothing was sent, it is safe to try again") from None
        finally:
            _progress.reset(token)
            metrics.count_request(exchange, time.monotonic() - begun)

    def _exchange(self, exchange: str, prepared: requests.PreparedRequest, progress: _Progress) -> Reply:
        proxy = self._proxies.get(exchange)
        with self._session.send(
            prepared,
            stream=True,
            timeout=Timeout(total=max(progress.deadline.left(), 0.001)),
            verify=self._verify,
            allow_redirects=False,
            proxies={"http": proxy, "https": proxy} if proxy else {},
        ) as response:
            if response.is_redirect or 300 <= response.status_code < 400:
                raise OutcomeUnknown(f"{exchange} HTTP {response.status_code}: a redirect, which is never followed")
            body = bytearray()
            for chunk in response.iter_content(64 * 1024):
                body += chunk
                if len(body) > MAX_REPLY:
                    raise OutcomeUnknown(f"{exchange} HTTP {response.status_code}: a reply of over {MAX_REPLY} bytes")
            media_type = response.headers.get("Content-Type", "").partition(";")[0]
            retry_after = response.headers.get("Retry-After", "")
            return Reply(exchange, response.status_code, media_type, bytes(body), retry_after)
