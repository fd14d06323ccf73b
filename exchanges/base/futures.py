"""What futures exchanges have beyond the interface in ``base``: contracts, directions, leverage and positions."""

from abc import abstractmethod
from dataclasses import replace
from decimal import Decimal
from typing import ClassVar

from exchanges.base.exchange import Exchange
from exchanges.base.futures_settings import FuturesSettings
from protocol.errors import GatewayError, InvalidCall, Unsupported
from protocol.models import Direction, Market, NewOrder, Position, Symbol
from transport.services import Services
from transport.signing import Credentials

_MINUTE = 60.0  # seconds that the position mode is good for

DATED = "futures"
"""FMZ's word, in a range such as ``USD.futures``, for every contract that ends."""


class FuturesExchange(Exchange):
    """One account on one futures exchange: what FMZ sets beforehand is remembered for the account."""

    contracts: ClassVar[frozenset[str]]
    """The contract codes it has."""
    max_leverage: ClassVar[int]

    def __init__(self, credentials: Credentials, services: Services, request: str = "") -> None:
        super().__init__(credentials, services, request)
        self.settings = FuturesSettings(services.state, self.name, credentials.account)

    @abstractmethod
    def positions(self, symbol: Symbol | None) -> list[Position]:
        """Open positions: all, or those that ``covers(symbol, …)``."""

    def set_contract(self, contract: str) -> bool:
        self.settings.put("contract", self._known(contract))
        return True

    def set_direction(self, direction: Direction) -> bool:
        self.settings.put("direction", direction)
        return True

    def set_leverage(self, leverage: int, symbol: Symbol | None) -> bool:
        if leverage > self.max_leverage:
            raise InvalidCall(f"leverage {leverage} is above {self.name}'s greatest, {self.max_leverage}")
        market = self.resolve(symbol) if symbol else None
        if market:
            self._apply(market, leverage)
        self.settings.put("leverage", str(leverage), str(market or ""))
        return True

    def prepare(self, order: NewOrder) -> None:
        """Have the exchange set the leverage that FMZ set for all markets, before the first order that opens in one."""
        super().prepare(order)
        leverage = None if order.closes else self.leverage(order.symbol)
        if leverage and self.settings.get("applied", self.market(order.symbol)) != str(leverage):
            self._apply(order.symbol, leverage)

    def apply_leverage(self, symbol: Symbol, leverage: int) -> None:
        """Tell the exchange; nothing where a new order tells it."""

    def rules(self, symbol: Symbol) -> Market:
        """A market's rules; its contract may also be the exchange's own instrument name, but of no other pair: the
        contract may have been set for another market."""
        listing = self.listing()
        # The list is searched only for what is not in it under FMZ's name.
        named = listing.get(str(symbol)) or next((one for one in listing.values() if one.id == symbol.contract), None)
        if named is None:
            return super().rules(symbol)
        if (named.symbol.base, named.symbol.quote) != (symbol.base, symbol.quote):
            raise InvalidCall(f"{named.id} is a contract of {named.symbol.base}_{named.symbol.quote}, not of {symbol}")
        return named

    def hedged(self) -> bool:
        """Whether the account keeps long and short positions of a market apart, as the exchange said within the last
        minute."""
        mode: bool = self.services.cache.get(self._mode, _MINUTE, self.position_mode)
        return mode

    def position_mode(self) -> bool:
        """Ask the exchange whether the account keeps long and short positions of a market apart."""
        raise Unsupported(f"{self.name} has one position mode")

    def forget_mode(self) -> None:
        """Ask for the position mode anew next time."""
        self.services.cache.forget(self._mode)

    @property
    def _mode(self) -> tuple[str | None, ...]:
        return (self.name, self.services.urls.get(self.name), self.credentials.account, "position mode")

    def leverage(self, symbol: Symbol) -> int | None:
        """The leverage set for a market, None where none was."""
        value = self.settings.get("leverage", str(symbol))
        return int(value) if value else None

    def resolve(self, symbol: Symbol) -> Symbol:
        """The market FMZ means, with the contract it names or the one set before. Raises InvalidCall without either."""
        contract = symbol.contract or self.settings.get("contract")
        if not contract:
            usual = "swap" if "swap" in self.contracts else min(self.contracts)
            raise InvalidCall(
                f'no contract is chosen on {self.name}: call exchange.SetContractType("{usual}") first, '
                f"or name one, as in {symbol}.{usual}"
            )
        return replace(symbol, quote=symbol.quote or self.quote, contract=self._known(contract))

    def scope(self, symbol: Symbol | None) -> Symbol | None:
        """As FMZ wrote it, for ``covers`` to compare; only a base alone gets the usual quote."""
        if symbol is None or symbol.quote or symbol.contract or symbol.text in self.contracts:
            return symbol
        return replace(symbol, quote=self.quote)

    def new_order(self, symbol: Symbol, direction: Direction, price: Decimal | None, amount: Decimal) -> NewOrder:
        """The order that FMZ's words and the direction set before mean together. Raises InvalidCall on a mismatch,
        as FMZ itself does."""
        meant = direction
        remembered = None if direction.closes else self.settings.get("direction")
        if remembered:
            meant = Direction(remembered)
            if meant.side is not direction.side:
                raise InvalidCall(f"direction is {meant}, invalid order type {direction}: call SetDirection first")
        return NewOrder(
            symbol=self.resolve(symbol),
            side=meant.side,
            price=price,
            amount=amount,
            closes=meant.closes,
            client_id=self.new_client_id(),
        )

    def _apply(self, symbol: Symbol, leverage: int) -> None:
        self.apply_leverage(symbol, leverage)
        self.settings.put("applied", str(leverage), self.market(symbol))  # the exchange's name: a quarter moves on

    def _known(self, contract: str) -> str:
        if contract not in self.contracts and contract not in self._instruments():
            raise InvalidCall(f"{self.name} has no contract {contract!r}; it has {', '.join(sorted(self.contracts))}")
        return contract

    def _instruments(self) -> set[str]:
        try:
            return set(self.symbols())
        except GatewayError:  # none can be asked for
            return set()


def covers(wanted: Symbol | None, market: Symbol) -> bool:
    """Whether a futures market is meant by GetPositions' or GetOrders' argument: nothing (all), a contract code
    (``swap``), a range (``USDT.swap``, ``USD.futures``) or a market (``BTC_USDT.swap``)."""
    if wanted is None or wanted == market:
        return True
    if wanted.quote:
        return not wanted.contract and (wanted.base, wanted.quote) == (market.base, market.quote)
    if wanted.contract:
        dated = wanted.contract == DATED and market.contract != "swap"
        return (dated or wanted.contract == market.contract) and wanted.base in (market.base, market.quote)
    return wanted.text == market.contract
