"""A published rate limit, as data."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import translate
from math import ceil
from types import MappingProxyType
from typing import Any, Literal

from pyrate_limiter import Rate

from transport.charges import Charge
from transport.counters import LONGEST_KEY

_MARKET = 60  # characters of a market's name that are part of its counter's key
_NOTHING: Mapping[Any, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Cost:
    """The weight of a call in a limit, if it depends on the parameters.

    weight: by itself. without_symbol: if it names no market. having: a parameter's name → weight if it is given.
    by_limit: rows asked for, at most → weight; more than the last cost as much as the last. rows: how many an exchange
    gives if none are asked for.
    """

    weight: int = 0
    without_symbol: int | None = None
    having: Mapping[str, int] = field(default_factory=lambda: _NOTHING)
    by_limit: Mapping[int, int] = field(default_factory=lambda: _NOTHING)
    rows: int = 0

    @property
    def heaviest(self) -> int:
        """Return the greatest weight a call can have."""
        return max(self.weight, self.without_symbol or 0, *self.having.values(), *self.by_limit.values(), 0)

    def of(self, params: Mapping[str, Any]) -> int:
        """Return the weight of a call with these parameters."""
        if self.without_symbol is not None and "symbol" not in params:
            return self.without_symbol
        for name, weight in self.having.items():
            if name in params:
                return weight
        if self.by_limit:
            rows = _rows(params.get("limit"), self.rows)
            return next((weight for most, weight in self.by_limit.items() if rows <= most), self.heaviest)
        return self.weight


def by_limit(weights: Mapping[int, int], *, rows: int) -> Cost:
    """Return the cost of a list: rows asked for, at most → weight. rows: how many it has if none are asked for."""
    return Cost(by_limit=weights, rows=rows)


def without_symbol(all_markets: int, one: int) -> Cost:
    """Return the cost of a call about all markets, or about one."""
    return Cost(one, without_symbol=all_markets)


def _rows(given: object, usual: int) -> int:
    text = str(given if given is not None else usual)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 10**9


@dataclass(frozen=True, slots=True)
class Limit:
    """A rate limit, as data: at most ``amount`` of weight in any ``seconds``.

    per: whose calls count together. by: a parameter (the market's name) whose values are counted separately. costs:
    ``VERB resource`` → weight, ``*`` for anything; a whole name decides before one with ``*``, of those the first that
    fits. default: the weight of all other calls; a call of weight 0 is not counted. reserve: the share of ``burst``
    that is kept for urgent calls: cancels, and look-ups of unclear orders. burst: for limits published as a counter
    that goes down by ``amount`` in ``seconds``, how high it may rise.

    The algorithm lets through ``burst`` at once, and what is refilled meanwhile. If an exchange counts windows, the two
    together stay a twentieth below its amount in any window, because calls may overtake each other on their way.
    """

    name: str
    amount: int
    seconds: float
    per: Literal["address", "account"] = "address"
    by: str = ""
    costs: Mapping[str, int | Cost] = field(default_factory=lambda: _NOTHING)
    default: int = 0
    reserve: float = 0.2
    burst: int = 0
    rates: Mapping[bool, Rate] = field(init=False, repr=False, compare=False)
    """The rates, by whether a call is urgent."""

    def __post_init__(self) -> None:
        weights = (cost.heaviest if isinstance(cost, Cost) else cost for cost in self.costs.values())
        heaviest = max(1, self.default, *weights)
        burst = self.burst or max(self.amount // 5, heaviest)
        refill = self.amount if self.burst else self.amount - burst - self.amount // 20
        ordinary = max(heaviest, burst - max(1, int(burst * self.reserve)) if self.reserve else burst)
        if refill < 1 or heaviest > burst:
            raise ValueError(f"the limit {self.name} is too small for a call of weight {heaviest}")
        interval = round(self.seconds * 1000)
        rates = {True: Rate(refill, interval, burst), False: Rate(refill, interval, ordinary)}
        object.__setattr__(self, "rates", rates)

    def charge(self, weight: int, address: str, account: str, params: Mapping[str, Any], *, urgent: bool) -> Charge:
        """Return the charge of a call to this limit. account: empty for a limit of the address."""
        rate = self.rates[urgent]
        key = f"{self._prefix(address)}{account} {ascii(params.get(self.by, ''))[:_MARKET]}"[:LONGEST_KEY]
        depth = self.rates[True].burst * ceil(rate.interval * 1000 / rate.limit)
        return Charge(self.name, key, rate, weight, depth)

    def owns(self, key: str, address: str) -> bool:
        """Return True for the key of a counter of this limit, whatever account and market it is of."""
        return key.startswith(self._prefix(address))

    def _prefix(self, address: str) -> str:
        # Two exchanges at one host share its limits; with other numbers it is another limit.
        return f"{address} {self.amount}/{self.seconds:g}s {self.name} "


class Weights:
    """A limit's costs, ready for use. path: returns the path of a resource on the exchange's host."""

    def __init__(self, limit: Limit, path: Callable[[str], str]) -> None:
        self._default = limit.default
        costs = {_call(name, path): cost for name, cost in limit.costs.items()}
        self._exact = {name: cost for name, cost in costs.items() if not _is_pattern(name)}
        self._like = [(re.compile(translate(name)), cost) for name, cost in costs.items() if _is_pattern(name)]

    def of(self, asked: str, params: Mapping[str, Any]) -> int:
        """Return the weight of a call. asked: its ``VERB /path``."""
        cost = self._named(asked)
        if cost is None:
            cost = self._default
        return cost.of(params) if isinstance(cost, Cost) else cost

    def counts(self, asked: str) -> bool:
        """Return True for a call that has a cost, be it 0. asked: its ``VERB /path``."""
        return self._default > 0 or self._named(asked) is not None

    def _named(self, asked: str) -> int | Cost | None:
        cost = self._exact.get(asked)
        return next((cost for pattern, cost in self._like if pattern.match(asked)), None) if cost is None else cost


class Calls:
    """A set of calls, declared as ``VERB resource`` with ``*`` for anything."""

    def __init__(self, names: tuple[str, ...], path: Callable[[str], str]) -> None:
        self._like = [re.compile(translate(_call(name, path))) for name in names]

    def __contains__(self, asked: str) -> bool:
        return any(pattern.match(asked) for pattern in self._like)


def _is_pattern(name: str) -> bool:
    return "*" in name or "?" in name


def _call(name: str, path: Callable[[str], str]) -> str:
    verb, _, resource = name.partition(" ")
    return f"{verb} {path(resource)}"
