"""The contracts of a futures exchange: their names and ranges, and the one that FMZ chose."""

import logging
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar, TypeVar

from exchanges.base.exchange import Exchange
from exchanges.base.futures_settings import FuturesSettings
from exchanges.base.ranges import PERPETUAL, covers, is_range
from exchanges.base.rows import Key
from protocol.errors import GatewayError, InvalidCall, Unsupported
from protocol.models import CONTRACT_CODES, Listing, Market, Symbol

T = TypeVar("T")

log = logging.getLogger("fmz-gateway")


class Contracts(Exchange):
    """The part of a futures exchange's interface that is about the names of its contracts."""

    has_contracts = True
    contracts: ClassVar[frozenset[str]]
    """The contract codes that the exchange has, of CONTRACT_CODES."""

    @cached_property
    def settings(self) -> FuturesSettings:
        """Return the settings that FMZ made before, for this account or its exchange object."""
        return FuturesSettings(self.upstream.services.database, self.name, self.account, self.object_name)

    def market(self, symbol: Symbol) -> str:
        """Return the exchange's own name of a market. The symbol's contract may be that already, also one that is no
        longer listed."""
        if not self._is_own_name(symbol):
            return self.rules(symbol).id
        try:
            listed = self.listed()
        except GatewayError:  # the exchange knows its own names without a list
            return symbol.contract
        found = self.find_market(listed, symbol)
        return found.id if found else symbol.contract

    def set_contract(self, contract: str) -> bool:
        self._choose("contract", self._check_contract(contract))
        return True

    def refuse_choice(self, name: str, given: str) -> None:
        self.settings.refuse(name, given)

    def find_market(self, listed: Listing, symbol: Symbol) -> Market | None:
        """Return a market of a list. Its contract may also be the exchange's own instrument name. Raises InvalidCall if
        that is of another pair: the contract may have been set for another market."""
        found = listed.by_name.get(str(symbol)) or listed.by_id.get(symbol.contract)
        if found and (found.symbol.base, found.symbol.quote) != (symbol.base, symbol.quote):
            raise InvalidCall(f"{found.id} is a contract of {found.symbol.base}_{found.symbol.quote}, not of {symbol}")
        return found

    def symbol_of(self, market: str) -> Symbol:
        """Return FMZ's name of a market by the exchange's own name, listed or not."""
        found = self.listed().by_id.get(market)
        return found.symbol if found else self.unlisted(market)

    def unlisted(self, market: str) -> Symbol:
        """Return a name for a market that is no longer listed, but may still be held: the exchange's own."""
        return Symbol(market, contract=market)

    def one(self, symbol: Symbol | None) -> str | None:
        """Return the exchange's own name of the one market that is meant, None for a pair, a range or all. Raises
        InvalidCall for a name that means none. The list is loaded in any case: it names the rows that follow."""
        self.listed()
        return self.market(symbol) if symbol and symbol.contract and not is_range(symbol) else None

    def one_market(self, symbol: Symbol | None, what: str) -> Symbol:
        market = super().one_market(None if symbol and is_range(symbol) else symbol, what)
        if not covers(symbol, market):
            raise Unsupported(f"{self.name} lists {what} of one market only: name one of {symbol}")
        return market

    def covered(self, symbol: Symbol | None, rows: Iterable[T], key: Key) -> list[T]:
        """Return the rows of the markets that are meant. key: of the exchange's market name in a row."""
        one = self.one(symbol)

        def is_meant(row: Any) -> bool:
            return row[key] == one if one else covers(symbol, self.symbol_of(row[key]))

        return [row for row in rows if is_meant(row)]

    def resolve(self, symbol: Symbol) -> Symbol:
        """Return FMZ's market, with the contract it names or the one set before. Raises InvalidCall without either."""
        contract = symbol.contract or self.settings.get("contract")
        if not contract:
            raise self._no_contract(symbol)
        market = replace(symbol, quote=symbol.quote or self.quote, contract=contract)
        if not self._is_own_name(market):
            self._check_contract(contract)
        return market

    def scope(self, symbol: Symbol | None) -> Symbol | None:
        """Return what a list's argument means, for ``covers`` to compare. A contract code alone is a range; a coin
        alone gets the usual quote. Raises InvalidCall for a word that is neither, and for a pair that is not listed."""
        if symbol is None or symbol.contract:
            return symbol
        code = symbol.text.lower()
        if code in CONTRACT_CODES:  # "this_week" reads like a pair
            return Symbol("", contract=code, text=symbol.text)
        pair = replace(symbol, quote=symbol.quote or self.quote)
        if not self._lists_pair(pair):
            raise InvalidCall(
                f"{self.name} lists no market of {symbol.text}: expected a contract code ({self._codes}), a coin such "
                f"as BTC, a market such as BTC_{self.quote}.{self._usual}, or a range such as "
                f"{self.quote}.{self._usual}"
            )
        return pair

    def _lists_pair(self, pair: Symbol) -> bool:
        """Return True if a contract of a pair is listed; looked up anew like a market, see ``rules``."""

        def found() -> bool:
            listed = self.listed().by_id.values()
            return any((one.symbol.base, one.symbol.quote) == (pair.base, pair.quote) for one in listed)

        try:
            return found() or (self.upstream.may_refresh_listing(younger_than=self.began) and found())
        except Unsupported:  # an exchange without a list of markets
            return True

    def _choose(self, name: str, value: str) -> None:
        shared = not self.object_name and self.upstream.alternates(f"{self.account} {name}", value)
        if shared and self.upstream.is_new(f"{name}s in turn"):
            log.warning(
                "%s: an account's %s is set to %s and back within seconds. If two exchange objects or robots use the "
                "same key, end each one's service address with a name of its own, as in ?object=first",
                self.name, name, value,
            )  # fmt: skip
        self.settings.put(name, value)

    def _no_contract(self, symbol: Symbol) -> InvalidCall:
        """Return the error where no contract is chosen, with the name that was refused last."""
        refused = self.settings.refused("contract")
        why = "" if refused is None else f"SetContractType({refused!r}) was refused; it has {self._codes}. "
        return InvalidCall(
            f'no contract is chosen on {self.name}: {why}call exchange.SetContractType("{self._usual}") first, or name '
            f"one, as in {symbol}.{self._usual}"
        )

    def _check_contract(self, contract: str) -> str:
        if contract not in self.contracts and not self._is_instrument(contract):
            raise InvalidCall(f"{self.name} has no contract {contract!r}; it has {self._codes}")
        return contract

    @property
    def _usual(self) -> str:
        return PERPETUAL if PERPETUAL in self.contracts else min(self.contracts)

    @property
    def _codes(self) -> str:
        return ", ".join(sorted(self.contracts))

    def _is_instrument(self, market: str) -> bool:
        try:
            return market in self.listed().by_id
        except Unsupported:  # an exchange without a list of markets
            return False

    def _is_own_name(self, symbol: Symbol) -> bool:
        """Return True if a symbol's contract is the exchange's own name of a market: it has the name of its base."""
        return symbol.contract not in self.contracts and symbol.base in symbol.contract
