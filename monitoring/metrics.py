"""Counts of the calls, for Prometheus. No account, market or key is ever a label.

Under gunicorn each worker counts in files of its own, in its arbiter's folder, and the one that is asked adds them up;
anywhere else the process counts for itself.
"""

import logging
import os
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client.core import Metric

log = logging.getLogger("fmz-gateway")

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the folder of files; its name is the library's."""

_CALL = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # seconds
_REQUEST = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_WAIT = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

NAMES = {
    "fmz_gateway_calls_total": "Calls of FMZ, by exchange, method and the first word of the answer's error, or OK.",
    "fmz_gateway_call_seconds": "Time from a call's beginning to its answer.",
    "fmz_gateway_exchange_seconds": "Time of one request to an exchange, without the waits before it.",
    "fmz_gateway_limit_wait_seconds": "Waits for an exchange's rate limits.",
    "fmz_gateway_bans_total": "Times that an exchange has refused calls for a while.",
    "fmz_gateway_unclear_orders": "Orders whose outcome is not known at the moment.",
}
"""Every metric, and its help."""


class _Meters:
    """The process's metrics. The library is loaded with them, and reads then whether there is a folder for files."""

    def __init__(self) -> None:
        if FOLDER in os.environ:
            from monitoring.files import make_files  # imported here: Windows has no such locks, and no gunicorn

            try:
                make_files(Path(os.environ[FOLDER]))
            except OSError as error:
                log.warning("this worker's metrics cannot be added to the others': %s", error.strerror)
                del os.environ[FOLDER]
        from prometheus_client import CollectorRegistry, Counter, Histogram

        self.registry = None if FOLDER in os.environ else CollectorRegistry()

        def counter(name: str, *labels: str) -> Counter:
            return Counter(name, NAMES[name], labels, registry=self.registry)

        def histogram(name: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(name, NAMES[name], labels, buckets=buckets, registry=self.registry)

        self.calls = counter("fmz_gateway_calls_total", "exchange", "method", "outcome")
        self.call = histogram("fmz_gateway_call_seconds", _CALL, "exchange", "method")
        self.request = histogram("fmz_gateway_exchange_seconds", _REQUEST, "exchange")
        self.wait = histogram("fmz_gateway_limit_wait_seconds", _WAIT, "exchange")
        self.bans = counter("fmz_gateway_bans_total", "exchange")


@cache
def meters() -> _Meters:
    """Return the process's metrics. The first call makes them, and must come before there are threads."""
    return _Meters()


def count_call(exchange: str, method: str, outcome: str, seconds: float) -> None:
    """Count a call of FMZ that was answered."""
    meters().calls.labels(exchange, method, outcome).inc()
    meters().call.labels(exchange, method).observe(seconds)


def count_request(exchange: str, seconds: float) -> None:
    """Count a request to an exchange."""
    meters().request.labels(exchange).observe(seconds)


def count_wait(exchange: str, seconds: float) -> None:
    """Count a wait for a rate limit."""
    meters().wait.labels(exchange).observe(seconds)


def count_ban(exchange: str) -> None:
    """Count that an exchange refuses calls for a while."""
    meters().bans.labels(exchange).inc()


class _Unclear:
    """The gauge of unclear orders, which is not counted but read from the journal."""

    def __init__(self, orders: Mapping[str, int]) -> None:
        self._orders = orders

    def collect(self) -> "Iterable[Metric]":
        """Yield the gauge."""
        from prometheus_client.core import GaugeMetricFamily

        name = "fmz_gateway_unclear_orders"
        gauge = GaugeMetricFamily(name, NAMES[name], labels=["exchange"])
        for exchange, count in sorted(self._orders.items()):
            gauge.add_metric([exchange], count)
        yield gauge


def page(unclear: Mapping[str, int]) -> bytes:
    """Return all metrics in Prometheus' text format. unclear: exchange → orders whose outcome is not known."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    read = CollectorRegistry()
    read.register(_Unclear(unclear))
    if own := meters().registry:
        return generate_latest(own) + generate_latest(read)
    from monitoring.files import unchanging

    folder = Path(os.environ[FOLDER])
    MultiProcessCollector(read, str(folder))  # type: ignore[no-untyped-call] # its library has no types there
    with unchanging(folder):
        return generate_latest(read)
