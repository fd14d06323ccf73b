"""The counts of a function, and those on the page of the metrics as Prometheus reads it."""

from collections.abc import Callable, Iterable

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from monitoring.metrics import meters

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
"""Name and labels → value."""


def samples(page: bytes) -> Samples:
    """Return what a page says."""
    return _values(text_string_to_metric_families(page.decode()))


def counted(act: Callable[[], object]) -> Samples:
    """Return what is counted while a function runs; other tests count in the same process. It is not read from a page:
    that of a process with many tests has thousands of lines."""
    registry = meters().registry
    assert registry, "several processes count in files"
    before = _values(registry.collect())
    act()
    return {key: value - before.get(key, 0) for key, value in _values(registry.collect()).items()}


def _values(families: Iterable[Metric]) -> Samples:
    rows = [row for family in families for row in family.samples if not row.name.endswith("_created")]
    return {(row.name, tuple(sorted(row.labels.items()))): row.value for row in rows}


def total(found: Samples, name: str, **labels: str) -> float:
    """Return the sum of the samples with this name and these labels."""
    return sum(
        value for (sample, given), value in found.items() if sample == name and labels.items() <= dict(given).items()
    )
