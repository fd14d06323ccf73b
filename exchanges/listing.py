"""Tells what each exchange can do, as text: for ``fmz-gateway exchanges`` and the documents."""

import sys
from collections.abc import Sequence
from textwrap import fill

from exchanges.base import Exchange, FuturesExchange
from exchanges.base.abilities import can
from exchanges.registry import Registry
from protocol.errors import Unsupported
from transport.upstream import Kept

_KEPT = 300.0  # seconds
_WIDTH = 100  # characters of a line

CALLS = ("ticker", "depth", "records", "trades", "accounts", "trade", "order", "orders", "cancel")
"""FMZ's documented calls."""
FUTURES = ("positions", "fundings")
"""The calls of futures exchanges besides."""
MORE = {"markets": "markets", "tickers": "tickers", "past orders": "history", "modifying orders": "modify"}
"""Further calls, in words → our methods."""


def rows(registry: Registry) -> list[tuple[str, ...]]:
    """Return the titles, and a row for each exchange: what it trades, what it cannot do, and where it comes from."""
    found: list[tuple[str, ...]] = [("exchange", "trades", "cannot", "client ids", "testnet", "from")]
    for name in registry.names:
        if registry.is_of_library(name):
            continue
        try:
            kind = registry.find(name)
        except Unsupported:
            found.append((name, "", "be loaded", "", "", registry.origin(name)))
            continue
        has = ["yes" if is_there else "no" for is_there in (kind.client_id, kind.testnet)]
        found.append((name, _trades(kind), calls_of(kind, there=False), *has, registry.origin(name)))
    return found


def library(registry: Registry) -> str:
    """Return the names of the exchanges of a library, empty if there is none; to tell more, each would have to be
    loaded."""
    of_library = [name for name in registry.names if registry.is_of_library(name)]
    named = fill(", ".join(of_library), _WIDTH, break_on_hyphens=False)
    return f"\n{len(of_library)} routes {registry.origin(of_library[0])}:\n{named}\n" if of_library else ""


class Problems:
    """The faults of a registry's exchanges, looked for anew every five minutes: each attempt to load an adapter is
    logged."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._kept: Kept[dict[str, str]] = Kept(_KEPT)

    @property
    def broken(self) -> dict[str, str]:
        """Return a sentence for each exchange that cannot be loaded, by its name."""
        return self._kept.get(lambda: _broken(self._registry))

    @property
    def sentences(self) -> list[str]:
        """Return a sentence for each exchange that cannot be used."""
        return [*self._registry.problems, *self.broken.values()]


def describe(registry: Registry, name: str) -> str:
    """Return all about one exchange. Raises InvalidCall, Unsupported."""
    return aligned(list(facts(registry, name).items()))


def facts(registry: Registry, name: str) -> dict[str, str]:
    """Return all about one exchange, by title. Raises InvalidCall, Unsupported."""
    kind = registry.find(name)
    found = {
        "exchange": f"{kind.name}, {registry.origin(name)}",
        "documentation": _first_line(kind),
        "service address": f"http://127.0.0.1:6666/{kind.name}",
        "trades": _trades(kind),
        "can": calls_of(kind, there=True),
        "cannot": calls_of(kind, there=False),
        "keys": kind.keys_needed,
        "client order ids": "yes" if kind.client_id else "no: an unclear order is found by its terms, or by you",
        "market orders": kind.limit_only or "yes",
        "testnet": f"{kind.testnet}, with {kind.name.upper()}_TESTNET=1" if kind.testnet else "no",
        "limits": ", ".join(f"{limit.amount:g} {limit.name} in {limit.seconds:g} s" for limit in kind.limits),
        "signature proved by": kind.proof,
    }
    return {title: fact for title, fact in found.items() if fact}


def _broken(registry: Registry) -> dict[str, str]:
    found = {}
    for name in registry.names:
        if not registry.is_of_library(name):
            try:
                registry.find(name)
            except Unsupported as error:
                found[name] = error.message
    return found


def calls_of(kind: type[Exchange], *, there: bool) -> str:
    """Return the calls that an exchange has, or those that it lacks and could have."""
    words = [*CALLS, *MORE, *(FUTURES if issubclass(kind, FuturesExchange) else ())]
    return ", ".join(word for word in words if can(kind, MORE.get(word, word)) is there)


def _trades(kind: type[Exchange]) -> str:
    return ", ".join(sorted(kind.contracts)) if issubclass(kind, FuturesExchange) else "spot"


def _first_line(kind: type[Exchange]) -> str:
    text = sys.modules[kind.__module__].__doc__ or kind.__doc__ or ""
    return text.strip().partition("\n")[0]


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as lines of columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "".join(f"{line}\n" for line in lines)
