"""Fixed words for calls that failed, in errors and in the log: a library's own words carry URLs and their queries."""

import logging
import re
from typing import Any

log = logging.getLogger("fmz-gateway")

# By the classes of a failure's causes and the words of the innermost.
_REASONS = {
    "timed? ?out|deadline": "timeout",
    "certificate|SSL|TLS": "TLS: the certificate or handshake was not accepted",
    "gaierror|resolve|Name or service": "no such host",
    "proxy|SOCKS": "the proxy failed",
    "refused": "connection refused",
    "Remote end closed": "unexpected EOF, no reply",
    "reset|aborted|Broken ?pipe": "connection reset",
    "unreachable": "network unreachable",
    "IncompleteRead|prematurely|EOF": "unexpected EOF, the reply was cut off",
    "BadStatusLine": "the reply is not HTTP",
    "only interim": "interim replies, and no answer",
    "bytes before": "the other side spoke before it was asked",
    "decod|gzip|zlib": "the reply's compression is broken",
}


def reason(error: BaseException, *, timed_out: bool, seconds: float, handled: BaseException | None = None) -> str:
    """Return a short cause in fixed words, never the library's text: that one carries URLs with their queries.

    handled: the exception that was being handled when the call began, which is no cause of its failure.
    """
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) and cause is not handled:
        causes.append(cause)
    words = " ".join([*(type(cause).__name__ for cause in causes), str(causes[-1])])
    found = "timeout" if timed_out else next(
        (said for pattern, said in _REASONS.items() if re.search(pattern, words, re.IGNORECASE)), ""
    )  # fmt: skip
    if not found:
        log.warning("a call failed for a reason that has no words yet: %s", type(causes[-1]).__name__)
        found = "a rare failure, which the gateway's log names"
    return f"timeout, no complete reply within {seconds:.1f} s" if found == "timeout" else found


class _NoQuery(logging.Filter):
    """A filter that cuts the query out of urllib3's log lines at any level: keys and signatures travel there. Of an
    exception only its class is left, because its text may quote a reply, and a reply the request."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.exc_info = None
        record.msg = _cut(record.msg)
        if isinstance(record.args, tuple):
            record.args = tuple(_cut(argument) for argument in record.args)
        return True


def _cut(value: object) -> Any:
    if isinstance(value, BaseException):
        return type(value).__name__
    return value if isinstance(value, int | float) else re.sub(r"\?\S*", "?…", str(value))


for _name in ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry", "urllib3.response"):
    logging.getLogger(_name).addFilter(_NoQuery())
