"""The gateway as the console sees it: its exchanges, and which money each of them moves."""

from dataclasses import dataclass

from exchanges.base import Exchange
from exchanges.listing import Problems
from exchanges.registry import Money, Registry
from monitoring.latest import LatestCalls
from orders.journal import Journal
from protocol.errors import InvalidCall, Unsupported
from settings import Settings
from transport.upstream import Upstreams


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway's settings, what it knows of its exchanges, its journal, its last calls, and what is wrong with
    exchanges."""

    settings: Settings
    upstreams: Upstreams
    orders: Journal
    latest: LatestCalls
    problems: Problems

    @property
    def registry(self) -> Registry:
        """Return the exchanges that may be called."""
        return self.settings.registry

    @property
    def own(self) -> list[str]:
        """Return the names of the exchanges that are not a library's."""
        return [name for name in self.registry.names if not self.registry.is_of_library(name)]

    @property
    def library(self) -> list[str]:
        """Return the names of a library's exchanges, of which there may be a hundred."""
        return [name for name in self.registry.names if self.registry.is_of_library(name)]

    def money(self, name: str) -> Money:
        """Return the money of an exchange: real, unless it is known to be other."""
        if name in self.problems.broken:
            return Money.REAL
        try:
            return self.money_of(self.registry.find(name))
        except (InvalidCall, Unsupported):
            return Money.REAL

    def money_of(self, kind: type[Exchange]) -> Money:
        """Return the money of an exchange that is loaded."""
        return self.registry.money(kind, testing=self.upstreams.of(kind).testing)

    def by_money(self) -> dict[Money, list[str]]:
        """Return the exchanges of each money, a library's left out, real money first."""
        found: dict[Money, list[str]] = {money: [] for money in Money}
        for name in self.own:
            found[self.money(name)].append(name)
        return {money: names for money, names in found.items() if names}

    def loaded(self) -> list[type[Exchange]]:
        """Return the exchanges that can be used, a library's left out."""
        return [self.registry.find(name) for name in self.own if name not in self.problems.broken]
