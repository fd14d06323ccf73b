"""OKX's perpetual and dated futures, linear and inverse: https://www.okx.com/docs-v5/en/

Amounts are contracts. FMZ's ``BTC_USDT.swap`` is margined in USDT, ``BTC_USD.swap`` in BTC; a dated contract has the
exchange's own ``alias`` as its code (``BTC_USDT.quarter``), or its instrument's name if FMZ has no such code.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from exchanges.base import *
from exchanges.okx.api import OKXApi

_CROSS, _ISOLATED = "cross", "isolated"  # margin modes


class FuturesOKX(FuturesExchange, OKXApi):
    """OKX, perpetual and dated futures. Orders use cross margin, and those that close a position its own."""

    name = "Futures_OKX"
    kinds = ("SWAP", "FUTURES")
    contracts = frozenset(
        {PERPETUAL, "this_week", "next_week", "this_month", "next_month", "quarter", "next_quarter", "third_quarter"}
    )
    max_leverage = 125
    disproves = OKXApi.disproves | {"51169": "account"}  # no position to close, in that margin mode
    position_modes = {"net_mode": False, "long_short_mode": True}
    position_sides = {"long": PositionSide.LONG, "short": PositionSide.SHORT}

    position_row = Row(Position, price="avgPx", profit="upl")

    def unlisted(self, market: str) -> Symbol:
        return _symbol(market, contracts=self.contracts)

    def queries(self, symbol: Symbol | None) -> list[dict[str, Any]]:
        one = self.one(symbol)
        if one is None:
            return [{"instType": kind} for kind in self.kinds]
        return [{"instType": "SWAP" if one.endswith("-SWAP") else "FUTURES", "instId": one}]

    # Market data --------------------------------------------------------------------------------------------------

    def fundings(self, symbol: Symbol | None) -> list[Funding]:
        one = self.one(symbol)
        rows = self.get("public/funding-rate", instId=one or "ANY")
        return self.read_all(self.read_funding, self.covered(symbol, rows, "instId"))

    # Account ------------------------------------------------------------------------------------------------------

    def order_facts(self, order: NewOrder) -> tuple[object, ...]:
        return self.hedged(), self.trade_mode(order)

    def position_mode(self) -> bool:
        return known(self.position_modes, self.account_row()["posMode"], "position mode")

    def trade_mode(self, order: NewOrder) -> str:
        if not order.closes:
            return _CROSS
        closed = self.market(order.symbol), self.position_side(order)
        none: frozenset[tuple[str, PositionSide]] = frozenset()
        isolated = self.account_fact("isolated positions", type(self).isolated_positions, usual=none)
        return _ISOLATED if closed in isolated else _CROSS

    def isolated_positions(self) -> frozenset[tuple[str, PositionSide]]:
        """Ask for the positions; return market and side of those that have margin of their own. A position in cross
        margin beside one is closed first."""
        modes: dict[str, set[tuple[str, PositionSide]]] = {_CROSS: set(), _ISOLATED: set()}
        for row in self.held():
            known(modes, row["mgnMode"], "margin mode").add((row["instId"], self.side_of(row)))
        return frozenset(modes[_ISOLATED] - modes[_CROSS])

    def position_params(self, order: NewOrder) -> Mapping[str, Any]:
        if self.hedged():
            return {"posSide": self.position_side(order).value}
        return {"reduceOnly": True} if order.closes else {}

    def apply_leverage(self, symbol: Symbol, leverage: int) -> None:
        self.signed("POST", "account/set-leverage", instId=symbol, lever=str(leverage), mgnMode=_CROSS)

    def free(self, row: Mapping[str, str]) -> Decimal:
        return exact(row["availEq"] or row["availBal"])  # accounts that may trade futures have availEq

    def list_orders(self, resource: str, symbol: Symbol | None, **options: Any) -> list[Any]:
        return self.covered(symbol, super().list_orders(resource, symbol, **options), "instId")

    def open_positions(self, symbol: Symbol | None) -> list[Position]:
        held = self.held(self.one(symbol))
        return self.read_all(self.read_position, self.covered(symbol, held, "instId"), keep=True)

    def held(self, one: str | None = None) -> list[Any]:
        """Return the rows of the positions in contracts, of one market or of all."""
        rows = self.signed("GET", "account/positions", instId=one)
        return [row for row in rows if row["instType"] in self.kinds and exact(row["pos"])]

    # Readers ------------------------------------------------------------------------------------------------------

    def read_market(self, row: Mapping[str, Any]) -> Market:
        return self.market_row(
            row,
            symbol=_symbol(row["instId"], row["alias"], contracts=self.contracts),
            contract_value=exact(row["ctVal"]) * exact(row["ctMult"]),
            contract_currency=row["ctValCcy"],
            tradable=row["state"] == "live",
            delivery_ms=milliseconds(row["expTime"]) if row.get("expTime") else 0,
        )

    def read_funding(self, row: Mapping[str, Any]) -> Funding:
        """Return a contract's next funding."""
        return Funding(
            symbol=self.symbol_of(row["instId"]),
            time=milliseconds(row["fundingTime"]),
            rate=double(row["fundingRate"]),
            interval=milliseconds(row["nextFundingTime"]) - milliseconds(row["fundingTime"]),
        )

    def read_position(self, row: Mapping[str, Any]) -> Position:
        """Return the position in a row."""
        held = exact(row["pos"])
        return self.position_row(
            row,
            symbol=self.symbol_of(row["instId"]),
            side=self.side_of(row),
            amount=abs(held),
            # availPos applies to few kinds of positions.
            frozen=lambda: abs(held) - abs(exact(row["availPos"])) if row["availPos"] else Decimal(0),
            margin=lambda: exact(row["margin"] or row["imr"]),  # isolated, or cross
            leverage=lambda: exact(row["lever"] or "0"),  # none in cross margin of a portfolio account
        )

    def side_of(self, row: Mapping[str, Any]) -> PositionSide:
        """Return the side of the position in a row."""
        net = "long" if exact(row["pos"]) > 0 else "short"
        return known(self.position_sides, net if row["posSide"] == "net" else row["posSide"], "position side")


def _symbol(instrument: str, alias: str = "", *, contracts: frozenset[str]) -> Symbol:
    base, quote, *dated = instrument.split("-")
    if "_" in quote:  # BTC-USD_UM-SWAP, margined in several dollars: no FMZ name for it
        return Symbol(base, quote.partition("_")[0], instrument)
    code = PERPETUAL if dated == ["SWAP"] else alias
    return Symbol(base, quote, code if code in contracts else instrument)
