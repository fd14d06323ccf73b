"""The markets of an exchange: how it names them, and their rules."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from protocol.errors import GatewayError, InvalidCall, Unsupported
from protocol.models import Listing, Market, Side, Symbol
from protocol.numbers import plain
from transport.pipeline import Pipeline


class Markets(Pipeline):
    """The part of an exchange's interface that is about its markets."""

    quote: ClassVar[str] = "USDT"
    """The quote of a market that FMZ names by its base alone."""
    pair: ClassVar[str] = "{base}_{quote}"
    """How it writes a market's name."""
    assets: ClassVar[Mapping[str, str]] = {}
    """FMZ's names of currencies → its own in a market's name, where they differ."""
    sides: ClassVar[Mapping[str, Side]] = {side.value: side for side in Side}
    """Its words for the sides of orders and trades."""

    def markets(self) -> list[Market]:
        """Return all markets that can be traded, with their rules."""
        raise Unsupported(f"{self.name} has no list of markets")

    def market(self, symbol: Symbol) -> str:
        """Return the exchange's own name of a market."""
        asset = self.assets.get
        return self.pair.format(base=asset(symbol.base, symbol.base), quote=asset(symbol.quote, symbol.quote))

    def render(self, value: Any) -> Any:
        """Return a market by its own name, a decimal as plain digits, a side in its own word; else the value."""
        if isinstance(value, Symbol):
            return self.market(value)
        if isinstance(value, Decimal):
            return plain(value)
        if isinstance(value, Side):
            return next(word for word, side in self.sides.items() if side is value)
        return value

    def listing(self) -> Mapping[str, Market]:
        """Return all markets by FMZ's name, as the exchange listed them within the last hour."""
        return self._listing().by_name

    def symbols(self) -> Mapping[str, Symbol]:
        """Return FMZ's names of the listed markets, by the exchange's own."""
        return self._listing().symbols

    def rules(self, symbol: Symbol) -> Market:
        """Return a market's rules. Raises InvalidCall when the exchange does not list it."""
        market = self.listing().get(str(symbol))
        if market is None:
            raise InvalidCall(f"{self.name} lists no market {symbol}")
        return market

    def explain(self, symbol: Symbol) -> str:
        """Return a market's rules as a sentence, empty where they cannot be had."""
        try:
            market = self.rules(symbol)
        except GatewayError:
            return ""
        return (
            f"{symbol} has price step {plain(market.tick_size)}, amount step {plain(market.lot_size)}, "
            f"least amount {plain(market.min_amount)}, least value {plain(market.min_notional)}"
        )

    def _listing(self) -> Listing:
        return self.upstream.listing.get(lambda: Listing.of(self.apart(type(self).markets)))
