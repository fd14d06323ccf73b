"""The counts of a function, read from the page of the metrics as Prometheus reads it."""

from collections.abc import Callable

from prometheus_client.parser import text_string_to_metric_families

from monitoring import metrics

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
"""Name and labels → value."""


def samples(page: bytes) -> Samples:
    """Return what a page says."""
    families = text_string_to_metric_families(page.decode())
    rows = [row for family in families for row in family.samples if not row.name.endswith("_created")]
    return {(row.name, tuple(sorted(row.labels.items()))): row.value for row in rows}


def counted(act: Callable[[], object]) -> Samples:
    """Return what is counted while a function runs; other tests count in the same process."""
    before = samples(metrics.page({}))
    act()
    return {key: value - before.get(key, 0) for key, value in samples(metrics.page({})).items()}


def total(found: Samples, name: str, **labels: str) -> float:
    """Return the sum of the samples with this name and these labels."""
    return sum(
        value for (sample, given), value in found.items() if sample == name and labels.items() <= dict(given).items()
    )
