"""The embedded simulated exchange: a market and an account to try strategies on, without keys, network or risk.

``simulation`` makes the market, ``dated`` says which contracts there are, and ``ledger`` keeps the accounts by the
rules of ``spot`` and ``futures``. Its own small API, for pass-throughs, is GET ``time`` and POST ``reset``.
"""

from collections.abc import Iterable
from decimal import Decimal

from exchanges.base import *
from exchanges.paper import dated, simulation
from exchanges.paper.adapter import PaperApi, R
from exchanges.paper.futures import DEFAULT_LEVERAGE, FuturesAccount, closing
from exchanges.paper.listings import Listing
from exchanges.paper.matching import Account
from exchanges.paper.money import trimmed
from exchanges.paper.positions import profit
from exchanges.paper.records import PaperPosition
from exchanges.paper.spot import SpotAccount

_FUNDING = 8 * 60 * 60_000  # ms


class Paper(PaperApi):
    """The simulated spot exchange."""

    name = SpotAccount.exchange
    futures = FuturesAccount.exchange
    kind = SpotAccount


class FuturesPaper(FuturesExchange, PaperApi):
    """The simulated exchange for perpetual and dated contracts, linear and inverse."""

    name = FuturesAccount.exchange
    contracts = frozenset({PERPETUAL, *dated.ALIASES})
    max_leverage = 125
    kind = FuturesAccount

    def unlisted(self, market: str) -> Symbol:
        return dated.symbol_of(market)

    def set_leverage(self, leverage: int, symbol: Symbol | None) -> bool:
        market = self.market(self.resolve(symbol)) if symbol else None
        with self.ledger() as ledger:
            held = {(position.symbol, position.leverage) for position in ledger.account.positions.values()}
            held |= {(order.symbol, order.leverage) for order in ledger.account.open() if not order.closes}
        for name, multiple in sorted(held):
            if market in (None, name) and multiple != leverage:
                raise ExchangeError(
                    f"{self.name}: {name} has a position or an opening order at leverage {multiple}; "
                    "close it before you change the leverage"
                )
        return super().set_leverage(leverage, symbol)

    def multiple(self, symbol: Symbol) -> int:
        """Return the leverage of a new order: the one that was applied to its contract, whatever it is called now."""
        applied = self.account_settings.get("applied", self.market(symbol))
        return int(applied) if applied else self.leverage(symbol) or DEFAULT_LEVERAGE

    def markets(self) -> list[Market]:
        return [*super().markets(), *dated.markets(self.upstream.services.now())]

    def open_positions(self, symbol: Symbol | None) -> list[Position]:
        with self.ledger() as ledger:
            account = ledger.account
            found = self.meant(symbol, account.positions.values())
            positions = [self.read_position(account, position, ledger.now) for position in found]
        self.show(found)
        return positions

    def fundings(self, symbol: Symbol | None) -> list[Funding]:
        """Return fundings at the usual times with a rate of 0: holding a swap costs nothing here."""
        next_ms = (self.upstream.services.now() // _FUNDING + 1) * _FUNDING
        perpetual = [(market.id, market) for market in self.markets() if market.symbol.contract == PERPETUAL]
        return [
            Funding(symbol=market.symbol, time=next_ms, rate=0.0, interval=_FUNDING)
            for _, market in self.covered(symbol, perpetual, 0)
        ]

    def traded(self, symbol: Symbol) -> Listing:
        return self.kind.listing(self.rules(symbol).id)

    def meant(self, symbol: Symbol | None, records: Iterable[R]) -> list[R]:
        return [record for _, record in self.covered(symbol, [(record.symbol, record) for record in records], 0)]

    def read_position(self, account: Account, position: PaperPosition, now: int) -> Position:
        """Return a position, with its profit at the price of the latest trade."""
        listing = self.kind.listing(position.symbol)
        last = listing.price(next(simulation.prints_until(listing, now)).price)
        return Position(
            symbol=self.symbol_of(position.symbol),
            side=position.side,
            amount=trimmed(position.amount),
            frozen=trimmed(closing(account, position.symbol, position.side)),
            price=trimmed(listing.average(position.cost, position.amount)),
            profit=trimmed(profit(listing, position, last)),
            margin=trimmed(position.margin),
            leverage=Decimal(position.leverage),
        )
