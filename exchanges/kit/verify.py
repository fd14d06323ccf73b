"""The check of an adapter: its conversations are played, and what every adapter must keep is tried on them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from exchanges.base import Exchange
from exchanges.kit import claims, limits, outcomes, readings
from exchanges.kit.cases import cases_of
from exchanges.kit.conversations import CaseError, load
from exchanges.kit.facts import facts_of
from exchanges.kit.subject import Failed, NotClaimed, Subject

Check = Callable[[Subject], str]
"""A check: returns what was found, in a few words. Raises Failed, NotClaimed."""

CHECKS: Mapping[str, Check] = {
    "declarations": claims.declarations,
    "conversations": claims.conversations,
    "methods": claims.methods,
    "hosts": claims.hosts,
    "limits": limits.counted,
    "costs": limits.costs,
    "cancels": limits.cancels,
    "signatures": claims.signature,
    "types": readings.models,
    "digits sent": readings.digits_out,
    "digits read": readings.digits_back,
    "states": readings.states,
    "orders shown": claims.order_states,
    "bars": readings.bars,
    "trades": readings.trades,
    "order book": readings.book,
    "empty lists": readings.empty,
    "client order ids": claims.client_ids,
    "duplicate ids": outcomes.duplicate,
    "faults": outcomes.faults,
    "modified orders": outcomes.modified,
    "HTTP 429": outcomes.rate_limit,
    "bans": limits.bans,
    "secrets": claims.secrets,
    "withdrawals": claims.withdrawals,
}
"""The checks, by their names in the table."""
_WITHOUT_NETWORK = ("conversations", "methods", "types")
"""The checks of an exchange that is not asked through the network."""


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one check. mark: ``ok``, ``FAIL`` or ``-`` (not claimed). said: what was found, or what to do."""

    check: str
    mark: str
    said: str = ""


def verify(subject: Subject) -> Iterator[Result]:
    """Yield the result of each check of an adapter."""
    for name in checks_of(subject.kind):
        try:
            yield Result(name, "ok", CHECKS[name](subject))
        except Failed as error:
            yield Result(name, "FAIL", str(error))
        except NotClaimed:
            yield Result(name, "-", "not claimed")


def checks_of(kind: type[Exchange]) -> list[str]:
    """Return the names of the checks that an adapter is put to."""
    return [name for name in CHECKS if kind.url or name in _WITHOUT_NETWORK]


def open_subject(kind: type[Exchange], cases: Path | None = None) -> Subject:
    """Return an adapter with its conversations. cases: their folder, ``cases/<route>`` beside the adapter's file if
    none is given. Raises CaseError."""
    folder = cases or cases_of(kind)
    if not folder.is_dir():
        raise CaseError(f"there is no folder {folder}: it has the conversations of {kind.name}, see docs/ADAPTERS.md")
    return Subject(kind, load(folder), facts_of(folder))


def table(kind: type[Exchange], results: list[Result]) -> str:
    """Return the results as a table in Markdown, for a README."""
    lines = [f"| {kind.name} | | |", "|---|---|---|"]
    for result in results:
        said = " ".join(result.said.split()).replace("|", "\\|")
        lines.append(f"| {result.check} | {result.mark} | {said if result.mark != 'FAIL' else ''} |")
    return "\n".join(lines) + "\n"
