"""The markets of an exchange: their names and their rules."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, ClassVar

from exchanges.base.abilities import WORDS
from protocol.errors import GatewayError, InvalidCall, Unsupported
from protocol.models import Listing, Market, NewOrder, Side, Symbol
from protocol.numbers import plain
from transport.pipeline import Pipeline

_FEW = 5  # markets that are asked for one by one; where there are more, the whole list is


class Markets(Pipeline):
    """The part of an exchange's interface that is about its markets."""

    futures: ClassVar[str] = ""
    """The route of its futures exchange, named in the error for futures calls."""
    quote: ClassVar[str] = "USDT"
    """The quote of a market that FMZ names by its base alone."""
    pair: ClassVar[str] = "{base}_{quote}"
    """The pattern of the exchange's market names."""
    assets: ClassVar[Mapping[str, str]] = {}
    """FMZ's names of currencies → the exchange's own in market names, if they differ."""
    sides: ClassVar[Mapping[str, Side]] = {side.value: side for side in Side}
    """The exchange's words for the sides of orders and trades."""

    def markets(self) -> list[Market]:
        """Return all markets, with their rules."""
        raise self.lacks(WORDS["markets"])

    def list_one(self, symbol: Symbol) -> list[Market]:
        """Return one market, with its rules, in a list that is empty where the exchange does not list it; for exchanges
        that can be asked for one. Not for contracts, whose names only the whole list tells."""
        raise self.lacks("list of one market")

    def market(self, symbol: Symbol) -> str:
        """Return the exchange's own name of a market."""
        asset = self.assets.get
        return self.pair.format(base=asset(symbol.base, symbol.base), quote=asset(symbol.quote, symbol.quote))

    def resolve(self, symbol: Symbol) -> Symbol:
        """Return FMZ's market, with the usual quote filled in. Raises Unsupported for a contract."""
        if symbol.contract:
            raise self._spot_only(symbol.text or str(symbol))
        return symbol if symbol.quote else replace(symbol, quote=self.quote)

    @property
    def last_symbol(self) -> Symbol | None:
        """Return the market that FMZ's exchange object named last, as it wrote it; None if it named none since this
        process began."""
        return self.upstream.last_symbols.get(lambda: None, self._object, keep=bool)

    def note_symbol(self, symbol: Symbol) -> None:
        """Remember the market that FMZ's exchange object named."""
        self.upstream.last_symbols.put(symbol, self._object)

    def render(self, value: Any) -> Any:
        """Return a market as its own name, a decimal as plain digits, a side as the exchange's word; else the value."""
        if isinstance(value, Symbol):
            return self.market(value)
        if isinstance(value, Decimal):
            return plain(value)
        if isinstance(value, Side):
            return next(word for word, side in self.sides.items() if side is value)
        return value

    def listing(self) -> Mapping[str, Market]:
        """Return all markets that can be traded, by FMZ's names, as the exchange listed them within the last hour."""
        return {name: market for name, market in self.listed().by_name.items() if market.tradable}

    def symbols(self) -> Mapping[str, Symbol]:
        """Return FMZ's names of the markets that can be traded, by the exchange's own."""
        return {market.id: market.symbol for market in self.listed().by_id.values() if market.tradable}

    def rules(self, symbol: Symbol) -> Market:
        """Return a market's rules, also of one that cannot be traded now; they are asked for alone where the exchange
        can do so, and the list is not at hand. A market that is not in the list may be new: the list is asked for anew,
        at most every few seconds. Raises InvalidCall when the exchange does not list it."""
        if self._asks_alone(symbol):
            return self.upstream.rules.get(lambda: self._ask_one(symbol), str(symbol), patience=self._patience)
        market = self.find_market(self.listed(), symbol)
        if market is None and self.upstream.may_refresh_listing(younger_than=self.began):
            market = self.find_market(self.listed(), symbol)
        return self._existing(market, symbol)

    def renewed_rules(self, symbol: Symbol) -> Market:
        """Return a market's rules, asked for anew where those that are kept are older than this call."""
        if self.upstream.rules.since(str(symbol)) < self.began:
            self.upstream.rules.forget(str(symbol))
        self.upstream.may_refresh_listing(younger_than=self.began)
        return self.rules(symbol)

    @property
    def _patience(self) -> float:
        """Return the seconds for which this call waits for another one that asks the same; then it asks itself."""
        return self.deadline.left() / 2

    def _asks_alone(self, symbol: Symbol) -> bool:
        """Return True where a market is asked for alone: one of a few, as long as there is no list."""
        if type(self).list_one is Markets.list_one or self.upstream.listing.holds():
            return False
        return self.upstream.rules.holds(str(symbol)) or len(self.upstream.rules) < _FEW

    def _ask_one(self, symbol: Symbol) -> Market:
        listed = self.apart(lambda one: one.list_one(symbol))
        return self._existing(next((market for market in listed if market.symbol == symbol), None), symbol)

    def _existing(self, market: Market | None, symbol: Symbol) -> Market:
        if market is None:
            raise InvalidCall(f"{self.name} lists no market {symbol}")
        return market

    def find_market(self, listed: Listing, symbol: Symbol) -> Market | None:
        """Return a market of a list, None where it is not in it."""
        return listed.by_name.get(str(symbol))

    def explain(self, order: NewOrder) -> str:
        """Return the rules of an order's market, and what its amount means there if that is easily mistaken; empty if
        there is nothing to say. The rules are left out if they cannot be loaded."""
        said = []
        try:
            market = self.rules(order.symbol)
        except GatewayError:
            pass
        else:
            said.append(
                f"{order.symbol} has {_step('price', market.tick_size)}, {_step('amount', market.lot_size)}, "
                f"least amount {plain(market.min_amount)}, least value {plain(market.min_notional)}"
            )
            said += _in_contracts(order, market)
        if order.spends:
            said.append(f"the amount of a market buy is in {order.symbol.quote}, the quote")
        return "; ".join(said)

    def listed(self) -> Listing:
        """Return the markets that the exchange lists, as it said within the last hour, but never from before the
        delivery of a contract. A list without markets is not kept: it was asked for during a break."""

        def now() -> int:
            return self.upstream.services.now() + self.upstream.clock.known

        def ask() -> Listing:
            return Listing.of(self.apart(type(self).markets), now())

        def get() -> Listing:
            return self.upstream.listing.get(ask, keep=lambda one: bool(one.by_id), patience=self._patience)

        found = get()
        if now() < found.expires_ms:
            return found
        self.upstream.listing.forget()
        return get()

    @property
    def _object(self) -> str:
        # No digest of the key: it would cost more than the reading of the call.
        return repr((self.credentials.key, self.object_name))

    def _spot_only(self, what: str) -> Unsupported:
        where = f"set the service address's path to /{self.futures}" if self.futures else "it has no futures"
        return Unsupported(f"{self.name} is a spot exchange and {what} is for futures: {where}")


def _step(what: str, step: Decimal) -> str:
    return f"{what} step {plain(step)}" if step else f"no {what} step"


def _in_contracts(order: NewOrder, market: Market) -> list[str]:
    """Return what a contract is worth, and how many contracts the amount would be if it was meant in coins; nothing
    for an amount that is a whole number of contracts."""
    pair, value, currency = order.symbol, market.contract_value, market.contract_currency
    if not (pair.contract and currency and value) or Fraction(order.amount).denominator == 1:
        return []
    said = [f"1 contract of {pair} is {plain(value.normalize())} {currency}"]
    if currency == pair.base and value != 1:
        said.append(f"{plain(order.amount)} {pair.base} would be {_contracts(order.amount / value)}")
    elif currency == pair.quote and order.price:  # an inverse contract: a coin is worth what the order's price says
        coins = f"{plain(order.amount)} {pair.base} at {plain(order.price)}"
        said.append(f"{coins} would be {_contracts(order.amount * order.price / value)}")
    return said


def _contracts(count: Decimal) -> str:
    number = plain(Decimal(f"{count.normalize():.8g}"))
    return f"{number} contract{'' if count == 1 else 's'}"
