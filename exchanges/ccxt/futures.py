"""Futures exchanges of the ccxt library: linear and inverse perpetual swaps, amounts in contracts."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from operator import methodcaller
from typing import Any

from exchanges.base import *
from exchanges.ccxt.api import CcxtApi
from exchanges.ccxt.hedging import ALWAYS_NAMED, NOT_REDUCE_ONLY, leverage_params, names_positions, position_params
from exchanges.ccxt.refusals import Unchanged
from protocol.numbers import WrongValue


class CcxtFutures(FuturesExchange, CcxtApi):
    """A futures exchange of the ccxt library."""

    contracts = frozenset({PERPETUAL})
    max_leverage = 500  # the exchange refuses what is too much for a market
    position_modes = {"False": False, "True": True}
    position_sides = {"long": PositionSide.LONG, "short": PositionSide.SHORT}
    position_row = Row(Position)

    def market(self, symbol: Symbol) -> str:
        return FuturesExchange.market(self, symbol)

    def markets(self) -> list[Market]:
        """Return all swaps. Of two with one name, the other has its own name as contract: first comes the one that is
        settled in its quote, then the one settled in its base."""
        found: dict[Symbol, Market] = {}
        for market in super().markets():
            if market.symbol in found:
                market = market.by_its_own_name() if not market.tradable else _renamed(market)
            found[market.symbol] = market
        return list(found.values())

    def symbol_in(self, row: Mapping[str, Any]) -> Symbol:
        base, quote, settle = (str(row[name] or "").upper() for name in ("base", "quote", "settle"))
        return Symbol(base, quote, PERPETUAL if settle in (quote, base) else row["id"])

    def fundings(self, symbol: Symbol | None) -> list[Funding]:
        one = self._one_name(symbol)
        if self.library.has("fetchFundingRates"):
            names = [one] if one else None
            rows = self.read(lambda ccxt: list(ccxt.fetch_funding_rates(names).values()), signed=False)
        else:
            self.needs("fetchFundingRate", "funding rates")
            name = self.unified(self.one_market(symbol if one else None, "funding rates"))
            rows = [self.read(lambda ccxt: ccxt.fetch_funding_rate(name), signed=False)]
        listed = [row for row in rows if row["symbol"] in self.engine.ids]
        return self.read_all(self.read_funding, self._covered(symbol, listed))

    def order_facts(self, order: NewOrder) -> tuple[object, ...]:
        return ()  # the mode may be that of a market: ``hedged`` asks for it where an order needs it

    def prepare(self, order: NewOrder) -> None:
        """Make all calls that an order needs beforehand: also ask for the position mode, which its parameters depend
        on. Raises Unsupported where ccxt could open a position by an order that closes one."""
        if order.closes and self.library.id in NOT_REDUCE_ONLY:
            raise Unsupported(
                f"{self.name}: the ccxt library cannot mark an order as reduce-only there, so one that closes might "
                "open a position. In one-way mode an order of the other side reduces it; nothing was sent"
            )
        if self.hedged(order.symbol) and not names_positions(self.library.id):
            raise Unsupported(
                f"{self.name}: the account is in hedge mode, and the ccxt library cannot say there which position an "
                "order opens or closes. Set the account to one-way mode; nothing was sent"
            )
        super().prepare(order)

    def order_params(self, order: NewOrder) -> dict[str, Any]:
        hedged = self.hedged(order.symbol)
        position = position_params(self.library.id, order, self.position_side(order), hedged=hedged)
        return {**super().order_params(order), **position}

    def trade(self, order: NewOrder) -> OrderId:
        try:
            return super().trade(order)
        except ExchangeError:  # perhaps because the mode was changed: the next order asks for it
            self.upstream.forget_account(self.account)
            raise

    def hedged(self, symbol: Symbol | None = None) -> bool:
        """Return True if the account keeps long and short positions of a market apart, as the exchange said within the
        last minute; False where that need not be known, or cannot be asked."""
        exchange_id = self.library.id
        if exchange_id in ALWAYS_NAMED or not (self._says_mode or names_positions(exchange_id)):
            return False
        fact = f"position mode of {self.market(symbol)}" if symbol else "position mode"
        return self.account_fact(fact, lambda one: one.position_mode(symbol), usual=False)

    @property
    def _says_mode(self) -> bool:
        return self.library.has("fetchPositionMode")

    def position_mode(self, symbol: Symbol | None = None) -> bool:
        """Ask the exchange for the position mode, or read it in the list of positions where it has no such call: some
        modes are those of a market, or of all that are settled in one currency."""
        name = self.unified(symbol) if symbol else None
        if not self._says_mode:
            return any(row["hedged"] for row in self.read(lambda ccxt: ccxt.fetch_positions([name] if name else None)))
        try:
            mode = self.read(lambda ccxt: _with_mode(ccxt.fetch_position_mode(name)))
        except Unsupported:  # such as for inverse swaps; an exchange in hedge mode then refuses an order without a side
            return False
        return known(self.position_modes, str(mode["hedged"]), "position mode")

    def orders(self, symbol: Symbol | None) -> list[Order]:
        one = self.listed().by_id.get(self.one(symbol) or "")
        rows = self.open_rows(one.symbol if one else None)
        return self.read_all(self.read_order, self._covered(symbol, rows), keep=True)

    def open_positions(self, symbol: Symbol | None) -> list[Position]:
        self.needs("fetchPositions", "list of positions")
        one = self._one_name(symbol)
        names = [one] if one else None
        rows = [row for row in self.read(lambda ccxt: ccxt.fetch_positions(names)) if row["contracts"]]
        return self.read_all(self.read_position, self._covered(symbol, rows), keep=True)

    def apply_leverage(self, symbol: Symbol, leverage: int) -> None:
        self.needs("setLeverage", "setting of the leverage")
        name = self.unified(symbol)
        for params in leverage_params(self.library.id, lambda: self.hedged(symbol)):
            with suppress(Unchanged):
                self.change(methodcaller("set_leverage", leverage, name, params))

    def _one_name(self, symbol: Symbol | None) -> str | None:
        """Return ccxt's name of the one market that is meant, None for a range or all."""
        one = self.one(symbol)  # this loads the list that has the names
        return self.engine.names.get(one) if one else None

    def _covered(self, symbol: Symbol | None, rows: list[Any]) -> list[Any]:
        return [row for row in rows if covers(symbol, self._symbol_of(row))]

    def _symbol_of(self, row: Mapping[str, Any]) -> Symbol:
        return self.symbol_of(self.engine.ids.get(row["symbol"], str(row["symbol"])))

    def read_funding(self, row: Mapping[str, Any]) -> Funding:
        """Return a swap's next funding: of the two that ccxt may name, the one that is still to come. Its time and the
        interval are 0 where the exchange does not say."""
        next_ms, after_ms = (milliseconds(row[key] or 0) for key in ("fundingTimestamp", "nextFundingTimestamp"))
        rate = row["fundingRate"]
        if after_ms and next_ms <= self.upstream.services.now():
            rate = row["nextFundingRate"] if next_ms and row["nextFundingRate"] is not None else rate
            next_ms = after_ms
        return Funding(
            symbol=self._symbol_of(row),
            time=next_ms,
            rate=double(rate),
            interval=self.library.seconds(row["interval"] or "") * 1000,
        )

    def read_position(self, row: Mapping[str, Any]) -> Position:
        """Return a position."""
        none = Decimal(0)
        return Position(
            symbol=self._symbol_of(row),
            side=known(self.position_sides, row["side"], "position side"),
            amount=abs(exact(row["contracts"])),
            frozen=none,  # ccxt does not say
            price=exact(row["entryPrice"]) if row["entryPrice"] is not None else none,
            profit=exact(row["unrealizedPnl"]) if row["unrealizedPnl"] is not None else none,
            margin=exact(row["initialMargin"]) if row["initialMargin"] is not None else none,
            leverage=exact(row["leverage"]) if row["leverage"] is not None else none,
        )


def _with_mode(mode: Any) -> Any:
    if not mode["info"]:  # ccxt takes this for one-way mode
        raise WrongValue("it has no position mode")
    return mode


def _renamed(market: Market) -> Market:
    return replace(market, symbol=replace(market.symbol, contract=market.id))
