"""The check of an adapter's declarations, when its class is loaded: a mistake is told with its place and its remedy."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from exchanges.base import ClientId, Exchange, FuturesExchange, Limit, Side, Signer, Status
from protocol.errors import GatewayError

API = 1
"""The version of the interface that ``exchanges.base`` is."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_HOST = re.compile(r"[a-z][a-z0-9]{0,19}")
_CALL = re.compile(r"(\*|GET|POST|PUT|DELETE|PATCH) \S+")


class WrongAdapter(Exception):
    """The error for an adapter's mistake: file, line, what is wrong and what to write."""


def check(kind: Any, name: str) -> None:
    """Check that a class is an exchange with well-formed declarations. name: what it was found by. Raises
    WrongAdapter."""
    if not (isinstance(kind, type) and issubclass(kind, Exchange)):
        raise WrongAdapter(f"{name} is no class that is made from Exchange or FuturesExchange of exchanges.base")
    for attribute, wrong in _mistakes(kind, name):
        raise WrongAdapter(f"{_place(kind, attribute)}: {wrong}")


def _mistakes(kind: Any, name: str) -> Iterator[tuple[str, str]]:
    """Yield the declarations that are wrong, and what to write."""
    api = getattr(kind, "api", None)
    if api != API:
        said = "is missing" if api is None else f"is {api!r}"
        yield "api", f"api {said}, and this gateway has api {API}: write api = {API}"
    if kind.name != name or not _NAME.fullmatch(name):
        yield "name", f"name is {kind.name!r}: write letters, digits and _, at most 40, the same as {name!r}"
    for attribute in ("url", "testnet"):
        if not _is_address(getattr(kind, attribute), optional=attribute != "url"):
            yield (
                attribute,
                f'{attribute} is {getattr(kind, attribute)!r}: write scheme and host, as "https://api.x.com"',
            )
    for attribute, right, form in _FORMS:
        for entry in _entries(getattr(kind, attribute, {})):
            if not right(entry):
                yield attribute, f"{attribute} has {entry!r}: write {form}"
    if unknown := kind.testnet_hosts.keys() - kind.hosts.keys():
        yield "testnet_hosts", f"testnet_hosts has {', '.join(sorted(unknown))}, which hosts has not: name it there too"
    if kind.client_id is not None and not isinstance(kind.client_id, ClientId):
        yield "client_id", f"client_id is {kind.client_id!r}: write ClientId(length, characters)"
    if not (isinstance(kind.signer, type) and issubclass(kind.signer, Signer)):
        yield "signer", f"signer is {kind.signer!r}: write a class made from Signer, such as hmac_signer(…) returns"
    if issubclass(kind, FuturesExchange):
        for attribute, form in (("contracts", 'frozenset({"swap"})'), ("max_leverage", "the greatest, as 125")):
            if not hasattr(kind, attribute):
                yield attribute, f"{attribute} is missing: write {attribute} = {form}"


def _is_address(value: object, *, optional: bool) -> bool:
    if not isinstance(value, str):
        return False
    parts = urlsplit(value)
    return (optional and not value) or (parts.scheme == "https" and bool(parts.hostname) and not parts.path.strip("/"))


def _is_entry(key: type, value: type) -> Callable[[Any], bool]:
    return lambda entry: isinstance(entry[0], key) and isinstance(entry[1], value)


def _is_refusal(entry: Any) -> bool:
    return isinstance(entry[0], str) and isinstance(entry[1], type) and issubclass(entry[1], GatewayError)


def _is_limit(limit: Any) -> bool:
    return isinstance(limit, Limit) and all(_CALL.fullmatch(call) for call in limit.costs)


def _is_host(entry: Any) -> bool:
    return isinstance(entry[0], str) and bool(_HOST.fullmatch(entry[0])) and _is_address(entry[1], optional=False)


_FORMS: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("hosts", _is_host, 'a name in small letters, and scheme and host, as {"public": "https://data.x.com"}'),
    ("testnet_hosts", _is_host, 'names of hosts, and scheme and host, as {"public": "https://data.test.x.com"}'),
    ("periods", lambda entry: _is_entry(int, str)(entry) and entry[0] > 0, 'minutes and a word, as {60: "1h"}'),
    ("statuses", _is_entry(str, Status), 'a word and a Status, as {"new": Status.OPEN}'),
    ("sides", _is_entry(str, Side), 'a word and a Side, as {"bid": Side.BUY}'),
    ("refusals", _is_refusal, 'codes and errors, as codes({OrderNotFound: "3004"})'),
    ("refusal_texts", _is_refusal, 'patterns and errors, as {"11 .*no such order": OrderNotFound}'),
    ("limits", _is_limit, 'Limit(…) with costs such as {"POST orders": 2}'),
    ("cancels", lambda call: isinstance(call, str) and bool(_CALL.fullmatch(call)), 'calls, as "DELETE order"'),
)
"""Declarations that have entries → whether an entry is well formed, and the form to write."""


def _entries(declared: Any) -> Iterator[Any]:
    yield from declared.items() if isinstance(declared, Mapping) else declared


def _place(kind: type, attribute: str) -> str:
    """Return the file and line of a class's declaration, or of the class."""
    try:
        lines, first = inspect.getsourcelines(kind)
        path = Path(inspect.getfile(kind)).name
    except (OSError, TypeError):
        return kind.__name__
    declared = re.compile(rf"\s+(\w+, )*{attribute}\b.*=")
    offset = next((number for number, line in enumerate(lines) if declared.match(line)), 0)
    return f"{path}, line {first + offset}"
