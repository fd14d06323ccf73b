"""The facts of ``exchange.json`` besides an exchange's requests: how it signs, the costs of calls, bans, and what it
lacks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exchanges.kit.cases import Reply
from exchanges.kit.files import COMMON, CaseError, read_file
from exchanges.kit.signatures import SIGNATURE, Scheme


@dataclass(frozen=True)
class Refusal:
    """A refusal, and the seconds in which nothing may be sent after it: 0 if it is no ban."""

    title: str
    reply: Reply
    seconds: float


@dataclass(frozen=True)
class Facts:
    """The facts. costs: ``VERB /path?parameters`` → the weight of such a call, by the names of limits. cancels: calls
    that cancel, besides those of ``cancel.json``. bans: refusals that ban, and that do not. lacks: methods that the
    exchange does not offer → why. signature: how requests are signed, None if that is not said."""

    costs: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    cancels: tuple[str, ...] = ()
    bans: tuple[Refusal, ...] = ()
    lacks: Mapping[str, str] = field(default_factory=dict)
    signature: Scheme | None = None


def facts_of(folder: Path) -> Facts:
    """Return the facts in a folder of conversations. Raises CaseError."""
    path = folder / COMMON
    common = read_file(path)
    try:
        return Facts(
            costs=common.get("costs", {}),
            cancels=tuple(common.get("cancels", ())),
            bans=tuple(_refusal(title, given) for title, given in common.get("bans", {}).items()),
            lacks=common.get("lacks", {}),
            signature=scheme_of(common),
        )
    except ValueError as error:
        raise CaseError(f"{path}: {error}") from error


def scheme_of(common: Mapping[str, Any]) -> Scheme | None:
    """Return how requests are signed, by the document ``exchange.json``; None if it does not say. Raises ValueError."""
    return Scheme.of(common[SIGNATURE]) if SIGNATURE in common else None


def _refusal(title: str, given: Mapping[str, Any]) -> Refusal:
    if not {"got", "seconds"} <= given.keys():
        raise ValueError(f"the refusal {title!r} says what is `got`, and how many `seconds` nothing is sent after it")
    reply = Reply(given.get("status", 200), given["got"], given.get("retry_after", ""))
    return Refusal(title, reply, float(given["seconds"]))
