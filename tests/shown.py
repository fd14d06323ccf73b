"""Examples from the conversations of each exchange, for suites that ask them all: its ticker, its list of markets, and
where its signatures are. What is missing is an error that says what to add."""

import json
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from exchanges import EXCHANGES
from exchanges.base import FuturesExchange
from exchanges.kit import layout
from exchanges.kit.cases import Conversation, cases_of
from exchanges.kit.faults import Seen
from exchanges.kit.files import COMMON, SHARED, read_file
from exchanges.kit.subject import Subject, changed, containers
from exchanges.kit.verify import open_subject

ROUTES = tuple(route for route, kind in EXCHANGES.items() if kind.url)
"""The exchanges that are asked through the network."""
FUTURES = tuple(route for route in ROUTES if issubclass(EXCHANGES[route], FuturesExchange))
SPOT = tuple(route for route in ROUTES if route not in FUTURES)


@cache
def subject(route: str) -> Subject:
    """Return an exchange and its conversations."""
    return open_subject(EXCHANGES[route])


def ticker(route: str) -> Conversation:
    """Return a ticker that succeeds. Raises Failed without one."""
    return subject(route).success("ticker")


def ticker_requests(route: str) -> list[str]:
    """Return the addresses that are asked for a ticker, the list of markets not among them."""
    of_markets = {_path(request.url) for case in subject(route).successes("markets") for request in case.sent}
    return [request.url for request in ticker(route).sent if _path(request.url) not in of_markets]


def names_its_market(route: str) -> bool:
    """Return False for an exchange that is asked for all tickers where one is meant."""
    of_all = {request.url for case in subject(route).successes("tickers") for request in case.sent}
    return not of_all & set(ticker_requests(route))


def replies(case: Conversation) -> dict[str, bytes]:
    """Return the replies of a conversation, by the paths that are asked for."""
    return {_path(sent.url): got.text.encode() for sent, got in zip(case.sent, case.got, strict=True)}


def markets(route: str, bases: Iterable[str]) -> dict[str, bytes]:
    """Return lists of markets, by path, which have a market of each base, as the first one of BTC is shown."""
    case = subject(route).success("markets")
    return {_path(case.sent[0].url): layout.inline(_with_bases(case.got[0].body, bases)).encode()}


def signatures(route: str, seen: Seen) -> Iterator[str]:
    """Yield the signatures in a request to an exchange, see ``_signature_names``."""
    sent: dict[str, list[str]] = parse_qs(f"{urlsplit(seen.target).query}&{seen.body.decode()}")
    for name in _signature_names(route):
        yield from sent.get(name, ())
        if name.lower() in seen.headers:
            yield seen.headers[name.lower()]


@cache
def _signature_names(route: str) -> frozenset[str]:
    """Return the names of the headers and parameters that ``exchange.json`` says a signature is in; ``sign`` where a
    signature is among parameters that are sorted, so that each step shows its own."""
    requests = read_file(cases_of(EXCHANGES[route]) / COMMON)["requests"].values()
    carried = (shared.get(place, {}) for shared in requests for place in SHARED if place != "host")
    named = {name for members in carried for name, value in members.items() if value == "{signature}"}
    return frozenset(named or {"sign"})


def _path(url: str) -> str:
    return urlsplit(url).path


def _with_bases(document: Any, bases: Iterable[str]) -> Any:
    for path, value in containers(document):
        if isinstance(value, list) and value and isinstance(value[0], dict) and "BTC" in layout.inline(value[0]):
            row = layout.inline(value[0])
            return changed(document, path, [json.loads(row.replace("BTC", base)) for base in bases])
    raise AssertionError(f"no list in {layout.inline(document)[:200]} begins with a market of BTC: add one there")
