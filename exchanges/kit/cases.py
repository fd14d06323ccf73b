"""The reader of the files of conversations; conversations.py describes their format."""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from exchanges.base import Exchange
from exchanges.kit import layout
from exchanges.kit.files import COMMON, SHARED, STEP, CaseError, check, read_file

_OWN = Path(__file__).parents[2] / "tests" / "exchanges" / "cases"
INHERITED = ("source", "before", "call", "asked", "steps", "answered")


@dataclass(frozen=True)
class Request:
    """A request that we must send. headers: only those that matter; None for one that must not be sent."""

    method: str
    url: str
    headers: dict[str, str | None]
    body: str


@dataclass(frozen=True)
class Reply:
    """A reply of the exchange: JSON, or text as it is. retry_after: its header of that name, if there is one."""

    status: int
    body: Any
    retry_after: str = ""

    @property
    def text(self) -> str:
        """Return the body's text."""
        return self.body if isinstance(self.body, str) else layout.inline(self.body)


@dataclass(frozen=True)
class Conversation:
    """A case with everything filled in that it inherits."""

    route: str
    method: str
    title: str
    source: str
    before: list[dict[str, Any]]
    asked: dict[str, Any]
    sent: list[Request]
    got: list[Reply]
    answered: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.route}/{self.method}: {self.title}"


def cases_of(kind: type[Exchange]) -> Path:
    """Return the folder of an adapter's conversations: ``cases/<route>`` beside its file, or that of the gateway's own
    tests for one that is built in."""
    beside = Path(str(sys.modules[kind.__module__].__file__)).absolute().parent / "cases" / kind.name.lower()
    own = _OWN / kind.name.lower()
    return own if own.is_dir() and not beside.is_dir() else beside


def load(folder: Path) -> list[Conversation]:
    """Return the conversations of an exchange, by file and in each file's order. Raises CaseError."""
    return list(_Folder(folder).conversations())


class _Folder:
    """The files of an exchange, checked, and their cases expanded on demand."""

    def __init__(self, folder: Path) -> None:
        self._path = folder
        self._common = read_file(folder / COMMON)
        self._parts = {**self._common.get("parts", {}), **self._common.get("steps", {})}
        self._cases: dict[str, dict[str, dict[str, Any]]] = {}
        self._sources: dict[str, str] = {}
        for path in sorted(folder.glob("*.json")):
            if path.name != COMMON:
                cases = read_file(path)
                self._sources[path.stem] = cases.pop("source", "")
                self._cases[path.stem] = cases

    def conversations(self) -> Iterator[Conversation]:
        for method, cases in self._cases.items():
            for title in cases:
                whole = self._expand(method, title, ())
                try:
                    yield self._conversation(method, title, whole)
                except (ValueError, TypeError, AttributeError) as error:
                    raise self._error(method, title, str(error)) from error

    def _error(self, method: str, title: str, message: str) -> CaseError:
        return CaseError(f"{self._path / method}.json: case {title!r}: {message}")

    def _expand(self, method: str, title: str, chain: tuple[tuple[str, str], ...]) -> dict[str, Any]:
        """Return a copy of the case with all that it inherits."""
        case = self._cases[method][title]
        if (method, title) in chain:
            raise self._error(method, title, "is like itself, through " + ", ".join(repr(name) for _, name in chain))
        whole: dict[str, Any] = {"source": self._sources[method]}
        if "like" in case:
            base = self._find(method, case["like"])
            if base is None:
                raise self._error(method, title, f"is like {case['like']!r}, and there is no such case")
            whole = self._expand(*base, (*chain, (method, title)))
        elif "but" in case or "without" in case:
            raise self._error(method, title, "only a case that is `like` another has `but` or `without`")
        try:
            whole |= {key: self._complete(case[key]) for key in INHERITED if key in case}
            whole["steps"] = [self._step(step) for step in whole.get("steps", [])]
            for path in case.get("without", []):
                _change(whole, path)
            for path, value in case.get("but", {}).items():
                _change(whole, path, self._complete(value))
        except ValueError as error:
            raise self._error(method, title, str(error)) from None
        return whole

    def _find(self, method: str, like: str) -> tuple[str, str] | None:
        if like in self._cases[method]:
            return method, like
        other, _, title = like.partition(": ")
        return (other, title) if title in self._cases.get(other, {}) else None

    def _step(self, step: Any) -> dict[str, Any]:
        if isinstance(step, str):
            step = self._complete({"like": step})
        return check(step, STEP, "a step")

    def _complete(self, value: Any, chain: tuple[str, ...] = ()) -> Any:
        """Return a copy of the value, its objects with all that they are like. Raises ValueError."""
        if isinstance(value, list):
            return [self._complete(member, chain) for member in value]
        if not isinstance(value, dict):
            return value
        name = value.get("like")
        if name is None:
            return {key: self._complete(member, chain) for key, member in value.items()}
        if name in chain:
            raise ValueError(f"{name!r} in {COMMON} is like itself")
        if name not in self._parts:
            raise ValueError(f"there is no step or part {name!r} in {COMMON}")
        own = {key: self._complete(member, chain) for key, member in value.items() if key != "like"}
        return _merge(self._complete(self._parts[name], (*chain, name)), own)

    def _conversation(self, method: str, title: str, whole: dict[str, Any]) -> Conversation:
        for key in ("source", "asked", "answered"):
            if not whole.get(key) and (key != "asked" or key not in whole):
                raise ValueError(f"`{key}` is missing")
        if len(whole["answered"].keys() & {"data", "error"}) != 1:
            raise ValueError("`answered` has either `data` or `error`")
        call = self._common.get("call", {})
        return Conversation(
            route=self._path.name,
            method=method,
            title=title,
            source=whole["source"],
            before=[{**call, **before} for before in whole.get("before", [])],
            asked={"method": method, "params": whole["asked"], **call, **whole.get("call", {})},
            sent=[as_request(self._common, step) for step in whole["steps"]],
            got=[Reply(step.get("status", 200), step["got"]) for step in whole["steps"]],
            answered=_resolve(whole["answered"], whole),
        )


def as_request(common: Mapping[str, Any], step: Mapping[str, Any]) -> Request:
    """Return the request of a step, with all that ``exchange.json`` says of such requests. Raises ValueError."""
    line = re.fullmatch(r"([A-Z]+) (https://[^/\s]+)?(/\S*)", step.get("sent", ""))
    if not line or "got" not in step:
        raise ValueError(f"a step says what is `sent`, such as 'GET /time', and what is `got`; {step} does not")
    if len(step.keys() & {"form", "json", "body"}) > 1:
        raise ValueError("a step has one of `form`, `json` and `body`")
    if "host" not in common:
        raise ValueError(f"{COMMON} has no `host`")
    verb, own_host, target = line.groups()
    host = common["host"]
    shared: dict[str, dict[str, Any]] = {key: {} for key in SHARED}
    for kind in ("every", verb, "signed" if "signature" in step else "unsigned"):
        of_kind = common.get("requests", {}).get(kind, {})
        host = of_kind.get("host", host)
        for key in of_kind.keys() - {"host"}:
            shared[key] |= of_kind[key]
    for members in shared.values():
        for name, value in members.items():
            if value == "{signature}":
                members[name] = step.get("signature", "")
    headers = {**shared["headers"], **step.get("headers", {})}
    parameters = [target.partition("?")[2], encode(step.get("query", {})), encode(shared["query"])]
    query = "&".join(filter(None, parameters))
    url = (own_host or host) + target.partition("?")[0] + (f"?{query}" if query else "")
    if "json" in step:
        body = _dump(step["json"])
    else:
        parts = [step.get("body", ""), encode(step.get("form", {})), encode(shared["form"])]
        body = "&".join(filter(None, parts))
    return Request(verb, url, {name: value or None for name, value in headers.items()}, body)


def encode(parameters: dict[str, Any]) -> str:
    """Return parameters as in a query or a form."""
    return urlencode(
        {name: _dump(value) if not isinstance(value, str) else value for name, value in parameters.items()}
    )


def _dump(value: object) -> str:
    """Return the JSON that an adapter sends; exactly this text is signed."""
    try:
        return json.dumps(value)
    except TypeError:
        raise ValueError(f"{value} cannot be sent to the digit; write the text, as `body`") from None


def _merge(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in own.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merge(base[key], value) if both else value
    return merged


def _resolve(value: Any, whole: dict[str, Any]) -> Any:
    """Return the value with every ``same as`` replaced by what is there. Raises ValueError."""
    if isinstance(value, list):
        return [_resolve(member, whole) for member in value]
    if not isinstance(value, dict):
        return value
    if value.keys() != {"same as"}:
        return {name: _resolve(member, whole) for name, member in value.items()}
    place: Any = whole
    try:
        for name in value["same as"].split("."):
            place = place[_key(place, name)]
    except (LookupError, TypeError, ValueError):
        raise ValueError(f"`same as` {value['same as']!r} leads to nothing") from None
    return deepcopy(place)


def _change(whole: dict[str, Any], path: str, *values: Any) -> None:
    """Set the value at a path, or remove it. Raises ValueError."""
    *parents, last = path.split(".")
    place: Any = whole
    try:
        for name in parents:
            place = place[_key(place, name)]
        key = _key(place, last)
        if not values:
            del place[key]
        elif isinstance(place, list) and key == len(place):
            place.extend(values)
        else:
            [place[key]] = values
    except (LookupError, TypeError, ValueError):
        raise ValueError(f"{path!r} leads to nothing in the case that it is like") from None


def _key(place: Any, name: str) -> Any:
    return int(name) if isinstance(place, list) else name
