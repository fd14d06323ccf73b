"""The client that exchanges are called with: one deadline, one byte cap and one kind of outcome for each call.

Every failure is one of three: ``NotSent`` (no byte of the request left), ``OutcomeUnknown`` (bytes left and no definite
answer came back), or a reply whose refusal the exchange's adapter reads. TLS is always verified, redirects are never
followed, the environment's proxies, netrc and cookies are never used.
"""

import logging
import sys
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from monitoring import metrics
from protocol.deadline import Deadline
from protocol.errors import GatewayError, NotSent, OutcomeUnknown
from transport.connections import Adapter, Progress, current_progress
from transport.reply import Reply
from transport.standby import Standby
from transport.words import reason

log = logging.getLogger("fmz-gateway")

MAX_REPLY = 8 * 1024 * 1024  # bytes, decompressed; a full exchangeInfo is about 4 MiB
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "fmz-gateway"}


def _prepare(request: requests.Request) -> requests.PreparedRequest:
    """Return a request as it goes out, signed last. As ``Request.prepare``, without cookies and hooks."""
    prepared: Any = requests.PreparedRequest()  # its types promise less than it takes
    prepared.prepare_method(request.method)
    prepared.prepare_url(request.url, request.params)
    prepared.prepare_headers(request.headers)
    prepared.prepare_body(request.data, request.files, request.json)
    prepared.prepare_auth(request.auth, request.url)
    sent: requests.PreparedRequest = prepared
    return sent


class Http:
    """The process's one HTTP client. Thread-safe; made once. Start its ``standby`` where exchanges are really called.

    ca_file: certificate authorities to trust instead of certifi's. proxies: exchange's name → ``http://``, ``https://``
    or ``socks5h://`` address.
    """

    def __init__(self, *, ca_file: str | None = None, proxies: Mapping[str, str] | None = None) -> None:
        self._proxies = dict(proxies or {})
        self._adapter = Adapter(ca_file or DEFAULT_CA_BUNDLE_PATH)
        self.standby = Standby(self._adapter)

    def send(self, exchange: str, request: requests.Request, deadline: Deadline) -> Reply:
        """Send once and return the whole reply; everything, from the name's look-up to the last byte, within the
        deadline.

        Raises NotSent or OutcomeUnknown; any status but 3xx is returned.
        """
        request.headers = _HEADERS | dict(request.headers or {})
        try:
            prepared = _prepare(request)
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
        progress = Progress(deadline)
        token = current_progress.set(progress)
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
            current_progress.reset(token)
            metrics.count_request(exchange, time.monotonic() - begun)

    def _exchange(self, exchange: str, prepared: requests.PreparedRequest, progress: Progress) -> Reply:
        proxy = self._proxies.get(exchange)
        response = self._adapter.send(
            prepared,
            timeout=max(progress.deadline.left(), 0.001),
            proxies={"http": proxy, "https": proxy} if proxy else None,
        )
        raw, status, headers = response.raw, response.status_code, response.headers
        try:
            if 300 <= status < 400:
                raise OutcomeUnknown(f"{exchange} HTTP {status}: a redirect, which is never followed")
            body = bytearray()
            for chunk in raw.stream(64 * 1024, decode_content=True):
                body += chunk
                if len(body) > MAX_REPLY:
                    raise OutcomeUnknown(f"{exchange} HTTP {status}: a reply of over {MAX_REPLY} bytes")
        except BaseException:
            raw.close()  # what is left of the reply is not for the next call
            raise
        finally:
            raw.release_conn()
        media_type = headers.get("Content-Type", "").partition(";")[0]
        return Reply(exchange, status, media_type, bytes(body), headers.get("Retry-After", ""))
