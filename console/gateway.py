"""The gateway as the console sees it: its exchanges, and which money each of them moves."""

from dataclasses import dataclass
from enum import StrEnum

from exchanges.base import Exchange
from exchanges.registry import BUILT_IN, Registry
from orders.journal import Journal
from protocol.errors import InvalidCall, Unsupported
from settings import Settings
from transport.upstream import Upstreams


class Money(StrEnum):
    """The money that an exchange's orders move, in the order in which a page warns of it."""

    REAL = "real"
    TESTNET = "testnet"
    SIMULATED = "simulated"


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway's settings, what it knows of its exchanges, and its journal."""

    settings: Settings
    upstreams: Upstreams
    orders: Journal

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
        """Return the money of an exchange: real, unless it is known to be other. Only an exchange that is built in can
        be without an address, and then it is simulated."""
        try:
            kind = self.registry.find(name)
        except (InvalidCall, Unsupported):
            return Money.REAL
        if self.registry.origin(kind.name) == BUILT_IN and not kind.url:
            return Money.SIMULATED
        return Money.TESTNET if self.upstreams.of(kind).testing else Money.REAL

    def by_money(self) -> dict[Money, list[str]]:
        """Return the exchanges of each money, a library's left out, real money first."""
        found: dict[Money, list[str]] = {money: [] for money in Money}
        for name in self.own:
            found[self.money(name)].append(name)
        return {money: names for money, names in found.items() if names}

    def loaded(self) -> list[type[Exchange]]:
        """Return the exchanges that can be used, a library's left out."""
        kinds = []
        for name in self.own:
            try:
                kinds.append(self.registry.find(name))
            except Unsupported:  # the page of problems says why
                continue
        return kinds
