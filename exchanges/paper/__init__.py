"""The embedded simulated exchange: a market and an account to try strategies on, without keys, network or risk.

``simulation`` makes the market, ``ledger`` keeps the accounts by the rules of ``spot`` and ``swaps``. Its own small
API, for pass-throughs, is GET ``time`` and POST ``reset``.
"""

from decimal import Decimal

from exchanges.base import *
from exchanges.paper import simulation
from exchanges.paper.adapter import PaperApi
from exchanges.paper.matching import Account, PaperPosition, trimmed
from exchanges.paper.spot import SpotAccount
from exchanges.paper.swaps import DEFAULT_LEVERAGE, SwapAccount, average, closing, profit

_FUNDING = 8 * 60 * 60_000  # ms


class Paper(PaperApi):
    """The simulated spot exchange."""

    name = SpotAccount.exchange
    futures = SwapAccount.exchange
    kind = SpotAccount


class FuturesPaper(PaperApi, FuturesExchange):
    """The simulated exchange for linear perpetual swaps, settled in USDT."""

    name = SwapAccount.exchange
    contracts = frozenset({PERPETUAL})
    max_leverage = 100
    kind = SwapAccount

    def set_leverage(self, leverage: int, symbol: Symbol | None) -> bool:
        markets = self.names_of(self.resolve(symbol) if symbol else None)
        with self.ledger() as ledger:
            held = {(position.symbol, position.leverage) for position in ledger.account.positions.values()}
            held |= {(order.symbol, order.leverage) for order in ledger.account.open() if not order.closes}
        for name, multiple in sorted(held):
            if name in markets and multiple != leverage:
                raise ExchangeError(
                    f"{self.name}: {name} has a position or an opening order at leverage {multiple}; "
                    "close it before you change the leverage"
                )
        return super().set_leverage(leverage, symbol)

    def multiple(self, symbol: Symbol) -> int:
        return self.leverage(symbol) or DEFAULT_LEVERAGE

    def open_positions(self, symbol: Symbol | None) -> list[Position]:
        markets = self.names_of(symbol)
        with self.ledger() as ledger:
            account = ledger.account
            found = [position for position in account.positions.values() if position.symbol in markets]
            positions = [self.read_position(account, position, ledger.now) for position in found]
        self.show(found)
        return positions

    def fundings(self, symbol: Symbol | None) -> list[Funding]:
        """Return fundings at the usual times with a rate of 0: holding a swap costs nothing here."""
        next_ms = (self.upstream.services.now() // _FUNDING + 1) * _FUNDING
        return [
            Funding(symbol=market.symbol, time=next_ms, rate=0.0, interval=_FUNDING)
            for market in self.markets()
            if str(market.symbol) in self.names_of(symbol)
        ]

    def read_position(self, account: Account, position: PaperPosition, now: int) -> Position:
        """Return a position, with its profit at the price of the latest trade."""
        listing = self.kind.listings[position.symbol]
        last = listing.price(next(simulation.prints_until(listing, now)).price)
        return Position(
            symbol=listing.market.symbol,
            side=position.side,
            amount=trimmed(position.amount),
            frozen=trimmed(closing(account, position.symbol, position.side)),
            price=trimmed(average(position)),
            profit=trimmed(profit(position, last)),
            margin=trimmed(position.margin),
            leverage=Decimal(position.leverage),
        )
