"""Recorder of conversations: the exchange is asked, and what was said becomes a case, without anybody's keys."""

import json
import random
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase, digits
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from requests import PreparedRequest

from app import create_app, open_upstreams
from exchanges.base import Exchange
from exchanges.kit import layout
from exchanges.kit.cases import encode
from exchanges.kit.conversations import request_of
from exchanges.kit.facts import scheme_of
from exchanges.kit.files import COMMON, canonical_text, read_file
from exchanges.kit.gateway import KEYS, NOW, Gateway, asker, steady_nonces
from exchanges.kit.models import Observed, observed
from protocol.deadline import Deadline
from protocol.errors import NotSent
from settings import Settings
from transport.credentials import Credentials
from transport.http import Http
from transport.reply import Reply

_PRIVATE = re.compile(r"(?i)(id|uid|user|email|mail|phone|mobile|address|ip|account|label|nick|name)$")
"""Keys in replies whose values are ids, or say who somebody is."""
_PUBLIC = re.compile(
    r"(?i)(pair|symbol|inst|market|currency|coin|asset|ticker|order_?type|base|quote|chain)_?(id|name)$"
)
"""Keys that end so too, and name a market or a currency."""


@dataclass
class Asked:
    """A request that was sent, and its reply."""

    request: PreparedRequest
    reply: Reply


class Listening(Http):
    """A client that keeps all that it sends and is told."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.asked: list[Asked] = []

    def _exchange(self, exchange: str, prepared: PreparedRequest, progress: Any) -> Reply:
        reply = super()._exchange(exchange, prepared, progress)
        self.asked.append(Asked(prepared, reply))
        return reply


@dataclass
class Replaying(Http):
    """A client that opens no connection: each request is kept, and given the next of the replies."""

    replies: Sequence[tuple[int, Any]]
    sent: list[PreparedRequest] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def _exchange(self, exchange: str, prepared: PreparedRequest, progress: Any) -> Reply:
        self.sent.append(prepared)
        if len(self.sent) > len(self.replies):
            raise NotSent(f"{exchange}: there is no reply to {prepared.method} {prepared.path_url}")
        status, body = self.replies[len(self.sent) - 1]
        text = body if isinstance(body, str) else layout.inline(body)
        return Reply(exchange, status, "application/json", text.encode())


def record(
    kind: type[Exchange],
    method: str,
    asked: Mapping[str, str],
    *,
    title: str,
    source: str,
    folder: Path,
    replies: Sequence[tuple[int, Any]],
) -> Path:
    """Write the case in which FMZ asks this and the exchange replies so; return the file's path. replies: HTTP status
    and body of each. Raises ValueError, CaseError."""
    case = case_of(kind, read_file(folder / COMMON), method, asked, replies)
    path = folder / f"{method}.json"
    document = read_file(path) if path.exists() else {"source": source or _first_line(kind)}
    if title in document:
        raise ValueError(f"{path} has a case {title!r} already: give another --title")
    if source and source != document.get("source"):
        case = {"source": source, **case}
    path.write_text(layout.write({**document, title: case}, opened=2), encoding="utf-8")
    path.write_text(canonical_text(path), encoding="utf-8")
    return path


@contextmanager
def alone(folder: Path) -> Iterator[Path]:
    """Yield a folder without a case that has what the conversations in another one have in common; that other one may
    not be there yet."""
    common = folder / COMMON
    with TemporaryDirectory() as place:
        (Path(place) / COMMON).write_bytes(common.read_bytes() if common.exists() else b"{}")
        yield Path(place)


def listen(
    kind: type[Exchange], settings: Settings, keys: Mapping[str, str], method: str, asked: Mapping[str, str]
) -> tuple[dict[str, str], list[tuple[int, Any]]]:
    """Ask the exchange itself; return what was asked, and the HTTP status and body of each reply, with other ids, names
    and addresses. keys: as FMZ sends them."""
    http = Listening(ca_file=settings.ca_file, proxies=settings.proxies)
    upstreams = open_upstreams(settings, http)
    credentials = Credentials.from_fields(keys["access_key"], keys["secret_key"])
    # A conversation has no question for the time.
    kind(credentials, upstreams.of(kind), Deadline.after(settings.deadline)).clock_offset()
    http.asked.clear()
    asker(create_app(settings, upstreams).test_client())(kind.name, method, dict(asked), **keys)
    upstreams.services.database.dispose()
    hidden = {name: mask(value) if name in ("id", "client_id") else value for name, value in asked.items()}
    return hidden, [(one.reply.status, _body(one.reply, credentials)) for one in http.asked]


def _body(reply: Reply, credentials: Credentials) -> Any:
    text = credentials.scrub(reply.body.decode(errors="replace"))
    try:
        return disguised(layout.read(text))
    except ValueError:
        return text


def _first_line(kind: type[Exchange]) -> str:
    return (sys.modules[kind.__module__].__doc__ or kind.name).strip().partition("\n")[0]


def case_of(
    kind: type[Exchange],
    common: Mapping[str, Any],
    method: str,
    asked: Mapping[str, Any],
    replies: Sequence[tuple[int, Any]],
) -> dict[str, Any]:
    """Return the case in which FMZ asks this and the exchange replies so: what is sent, with the conversations' keys,
    signed at their time, and what is answered.

    common: the document ``exchange.json``. replies: HTTP status and body of each. Raises ValueError for too few or too
    many, and for a request that is not signed as ``exchange.json`` says.
    """
    noted = Observed()
    http = Replaying(replies)
    with Gateway(observed(kind, noted), http=http) as gateway, steady_nonces():
        answer = gateway.ask(kind.name.lower(), method, dict(asked), **common.get("call", {}))
    if len(http.sent) != len(replies):
        raise ValueError(f"{len(http.sent)} requests were sent, and there are {len(replies)} replies; it was {answer}")
    _prove(common, http.sent, noted)
    signatures = [signature for _, signature in noted.signed]
    steps = [_step(common, request, reply, signatures) for request, reply in zip(http.sent, replies, strict=True)]
    answered = {"error": answer["error"]} if "error" in answer else {"data": answer["data"]}
    return {"asked": dict(asked), "steps": steps, "answered": answered}


def _prove(common: Mapping[str, Any], sent: Sequence[PreparedRequest], noted: Observed) -> None:
    """Raise ValueError where a request is not signed as ``exchange.json`` says."""
    scheme = scheme_of(common)
    if scheme:
        keys, texts = {**KEYS, **common.get("call", {})}, [text for text, _ in noted.signed]
        for wrong in scheme.mistakes(list(map(request_of, sent)), texts, keys, NOW):
            raise ValueError(f"{wrong}\nNothing was written")


def _step(
    common: Mapping[str, Any], request: PreparedRequest, reply: tuple[int, Any], signatures: Sequence[str]
) -> dict[str, Any]:
    """Return a step: the request without what ``exchange.json`` says of all such requests, and its reply."""
    parts = urlsplit(str(request.url))
    body = request.body.decode() if isinstance(request.body, bytes) else str(request.body or "")
    sent = f"{unquote(str(request.url))} {dict(request.headers)} {unquote(body)}"
    signature = next((one for one in signatures if one in sent), "")
    shared: dict[str, dict[str, Any]] = {"query": {}, "form": {}, "headers": {}}
    host = common.get("host")
    for kind in ("every", str(request.method), "signed" if signature else "unsigned"):
        for name, members in common.get("requests", {}).get(kind, {}).items():
            if name in shared:
                shared[name] |= members
            else:
                host = members
    address = f"{parts.scheme}://{parts.netloc}"
    step: dict[str, Any] = {"sent": f"{request.method} {'' if address == host else address}{parts.path}"}
    step |= _parameters("query", parts.query, shared["query"])
    if body.startswith(("{", "[")):
        document = json.loads(body)
        step |= {"json": document} if json.dumps(document) == body else {"body": body}
    elif body:
        step |= _parameters("form", body, shared["form"])
    own = {name: value for name, value in request.headers.items() if signature and signature in str(value)}
    if headers := {name: value for name, value in own.items() if name not in shared["headers"]}:
        step["headers"] = headers
    if signature:
        step["signature"] = signature
    status, got = reply
    return step | ({} if status == 200 else {"status": status}) | {"got": got}


def _parameters(place: str, text: str, shared: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as an object, without the shared ones at their end; or as text, where an object would not give
    the same."""
    pairs = parse_qsl(text, keep_blank_values=True)
    while pairs and pairs[-1][0] in shared:
        pairs.pop()
    members = dict(pairs)
    if not text or encode({**members, **{name: value for name, value in parse_qsl(text) if name in shared}}) == text:
        return {place: members} if members else {}
    return {"body": text} if place == "form" else {"query": members}


def disguised(value: Any, key: str = "") -> Any:
    """Return a reply with other ids, names and addresses: the same one for the same, of the same length and kind."""
    if isinstance(value, Mapping):
        return {name: disguised(member, name) for name, member in value.items()}
    if isinstance(value, list):
        return [disguised(member, key) for member in value]
    if not value or isinstance(value, bool) or not _PRIVATE.search(key) or _PUBLIC.search(key):
        return value
    return mask(value)


def mask(value: Any) -> Any:
    """Return another id for an id, always the same: each digit and letter is replaced, the rest stays."""
    chosen = random.Random(str(value))  # nosec B311  # noqa: S311 - it hides nothing that could be guessed

    def other(found: re.Match[str]) -> str:
        letters = digits if found[0].isdigit() else ascii_uppercase if found[0].isupper() else ascii_lowercase
        return chosen.choice(letters.lstrip("0"))

    return type(value)(re.sub("[0-9A-Za-z]", other, str(value)))
