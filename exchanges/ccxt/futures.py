"""Futures exchanges of the ccxt library: linear and inverse perpetual swaps, in one-way mode, amounts in contracts."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

from exchanges.base import *
from exchanges.ccxt.api import CcxtApi
from exchanges.ccxt.quirks import LEVERAGE_PARAMS
from exchanges.ccxt.refusals import Unchanged


class CcxtFutures(FuturesExchange, CcxtApi):
    """A futures exchange of the ccxt library."""

    contracts = frozenset({PERPETUAL})
    max_leverage = 500  # the exchange refuses what is too much for a market
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

    def order_params(self, order: NewOrder) -> dict[str, Any]:
        return {**super().order_params(order), **({"reduceOnly": True} if order.closes else {})}

    def orders(self, symbol: Symbol | None) -> list[Order]:
        one = self.listed().by_id.get(self.one(symbol) or "")
        rows = self.open_rows(one.symbol if one else None)
        return self.read_all(self.read_order, self._covered(symbol, rows), keep=True)

    def open_positions(self, symbol: Symbol | None) -> list[Position]:
        self.needs("fetchPositions", "list of positions")
        one = self.engine.names.get(self.one(symbol) or "")
        names = [one] if one else None
        rows = [row for row in self.read(lambda ccxt: ccxt.fetch_positions(names)) if row["contracts"]]
        return self.read_all(self.read_position, self._covered(symbol, rows), keep=True)

    def apply_leverage(self, symbol: Symbol, leverage: int) -> None:
        self.needs("setLeverage", "setting of the leverage")
        name = self.unified(symbol)
        params = dict(LEVERAGE_PARAMS.get(self.library.id, {}))
        with suppress(Unchanged):
            self.change(lambda ccxt: ccxt.set_leverage(leverage, name, params))

    def _covered(self, symbol: Symbol | None, rows: list[Any]) -> list[Any]:
        return [row for row in rows if covers(symbol, self._symbol_of(row))]

    def _symbol_of(self, row: Mapping[str, Any]) -> Symbol:
        return self.symbol_of(self.engine.ids.get(row["symbol"], str(row["symbol"])))

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


def _renamed(market: Market) -> Market:
    return replace(market, symbol=replace(market.symbol, contract=market.id))
