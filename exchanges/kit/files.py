"""The files of conversations: which members their objects have, and the one layout in which they are written."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from exchanges.kit import layout

COMMON = "exchange.json"

# The members of each kind of object, in the order in which they are written.
OUTERMOST = {
    "host": str,
    "call": dict,
    "requests": dict,
    "signature": dict,
    "costs": dict,
    "cancels": list,
    "bans": dict,
    "lacks": dict,
    "steps": dict,
    "parts": dict,
}
CASE = {
    "like": str,
    "source": str,
    "before": list,
    "call": dict,
    "asked": dict,
    "steps": list,
    "without": list,
    "but": dict,
    "answered": dict,
}
STEP = {
    "like": str,
    "sent": str,
    "query": dict,
    "form": dict,
    "json": object,
    "body": str,
    "headers": dict,
    "signature": str,
    "status": int,
    "got": object,
}
DIGEST = {"of": list, "join": str, "digest": str, "encoding": str, "secret": str}
SIGNATURE = {"source": str, **DIGEST, "unsigned": list, "headers": dict, "params": dict, "examples": list}
EXAMPLE = {"source": str, "values": dict, "signature": str}
BAN = {"status": int, "retry_after": str, "got": object, "seconds": object}
SHARED = {"host": str, "headers": dict, "query": dict, "form": dict}


class CaseError(ValueError):
    """The error for a case file that cannot be understood: it names the file, the case and the mistake."""


def canonical_text(path: Path) -> str:
    """Return a case file's text in the one layout there is. Raises CaseError."""
    document = read_file(path)
    if path.name == COMMON:
        for kind, members in (("steps", STEP), ("bans", BAN)):
            if kind in document:
                document[kind] = {name: _in_order(one, members) for name, one in document[kind].items()}
        if "signature" in document:
            document["signature"] = _in_order(document["signature"], SIGNATURE)
        return layout.write(_in_order(document, OUTERMOST), opened=1)
    source = document.pop("source", None)
    cases = {title: _in_order(case, CASE) for title, case in document.items()}
    for case in cases.values():
        if isinstance(case.get("steps"), list):
            case["steps"] = [_in_order(step, STEP) if isinstance(step, dict) else step for step in case["steps"]]
    return layout.write(cases if source is None else {"source": source, **cases}, opened=2)


def read_file(path: Path) -> dict[str, Any]:
    """Return the document in a file, with its members checked. Raises CaseError."""
    try:
        document = layout.read(path.read_text(encoding="utf-8"))
        if path.name == COMMON:
            document = check(document, OUTERMOST, "it")
            for kind, shared in document.get("requests", {}).items():
                check(shared, SHARED, f"`requests` of kind {kind!r}")
            for call, costs in document.get("costs", {}).items():
                check(costs, dict.fromkeys(costs, int), f"the costs of {call!r}")
            check(document.get("signature", {}), SIGNATURE, "`signature`")
            for title, refusal in document.get("bans", {}).items():
                check(refusal, BAN, f"the refusal {title!r}")
            return document
        if not isinstance(document, dict):
            raise ValueError("it has no cases by their titles")
    except (ValueError, OSError) as error:
        raise CaseError(f"{path}: {error}") from error
    for title, case in document.items():
        try:
            if title != "source":
                check(case, CASE, "a case")
        except ValueError as error:
            raise CaseError(f"{path}: case {title!r}: {error}") from None
    return dict(document)


def check(value: Any, members: Mapping[str, type], subject: str) -> dict[str, Any]:
    """Return an object that has these members and no others. Raises ValueError."""
    if not isinstance(value, dict):
        raise ValueError(f"{subject} must be an object, not {value!r}")
    unknown = value.keys() - members.keys()
    if unknown:
        raise ValueError(f"{subject} has {', '.join(sorted(unknown))}; it may have {', '.join(members)}")
    for name, member in value.items():
        if not isinstance(member, members[name]):
            kind = {str: "text", dict: "an object", list: "a list", int: "a whole number"}[members[name]]
            raise ValueError(f"{subject} has `{name}` {layout.inline(member)}, which must be {kind}")
    return value


def _in_order(value: dict[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    return {key: value[key] for key in keys if key in value}
