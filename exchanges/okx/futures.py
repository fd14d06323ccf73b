"""OKX's perpetual and dated futures, linear and inverse: https://www.okx.com/docs-v5/en/

Amounts are contracts. FMZ's ``BTC_USDT.swap`` is margined in USDT, ``BTC_USD.swap`` in BTC; a dated contract is called
by the exchange's own ``alias`` (``BTC_USDT.quarter``), or by its instrument's name where it has none that is FMZ's.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from exchanges.base import *
from exchanges.okx.api import OKXApi

_PERPETUAL = "swap"


class FuturesOKX(FuturesExchange, OKXApi):
    """OKX, perpetual and dated futures, in cross margin."""

    name = "Futures_OKX"
    kinds = ("SWAP", "FUTURES")
    margin_mode = "cross"
    contracts = frozenset(
        {_PERPETUAL, "this_week", "next_week", "this_month", "next_month", "quarter", "next_quarter", "third_quarter"}
    )
    max_leverage = 125
    position_modes = {"net_mode": False, "long_short_mode": True}
    """Its names of position modes → True where long and short positions are kept apart."""
    position_sides = {"long": PositionSide.LONG, "short": PositionSide.SHORT}

    position_row = Row(Position, price="avgPx", profit="upl")

    def unlisted(self, market: str) -> Symbol:
        return _symbol(market, contracts=self.contracts)

    def queries(self, symbol: Symbol | None) -> list[dict[str, Any]]:
        one = self.one(symbol)
        if one is None:
            return [{"instType": kind} for kind in self.kinds]
        return [{"instType": "SWAP" if one.id.endswith("-SWAP") else "FUTURES", "instId": one.id}]

    # Market data --------------------------------------------------------------------------------------------------

    def fundings(self, symbol: Symbol | None) -> list[Funding]:
        one = self.one(symbol)
        rows = self.get("public/funding-rate", instId=one.id if one else "ANY")
        return [
            Funding(
                symbol=self.symbol_of(row["instId"]),
                time=milliseconds(row["fundingTime"]),
                rate=double(row["fundingRate"]),
                interval=milliseconds(row["nextFundingTime"]) - milliseconds(row["fundingTime"]),
            )
            for row in self.covered(symbol, rows, "instId")
        ]

    # Account ------------------------------------------------------------------------------------------------------

    def prepare(self, order: NewOrder) -> None:
        """Ask beforehand what the order's words depend on, so that a failure to learn it is not the order's."""
        self.hedged()
        super().prepare(order)

    def position_mode(self) -> bool:
        [account] = self.signed("GET", "account/config")
        return self.position_modes[str(account["posMode"])]

    def position_params(self, order: NewOrder) -> Mapping[str, Any]:
        if self.hedged():
            return {"posSide": self.position_side(order).value}
        return {"reduceOnly": True} if order.closes else {}

    def apply_leverage(self, symbol: Symbol, leverage: int) -> None:
        self.signed("POST", "account/set-leverage", instId=symbol, lever=str(leverage), mgnMode=self.margin_mode)

    def free(self, row: Mapping[str, str]) -> Decimal:
        return exact(row["availEq"] or row["availBal"])  # equity applies to accounts that may have futures

    def listed(self, resource: str, symbol: Symbol | None, **options: Any) -> list[Any]:
        return self.covered(symbol, super().listed(resource, symbol, **options), "instId")

    def positions(self, symbol: Symbol | None) -> list[Position]:
        one = self.one(symbol)
        rows = self.signed("GET", "account/positions", instId=one and one.id)
        held = [row for row in rows if row["instType"] in self.kinds and exact(row["pos"])]
        return [self.read_position(row) for row in self.covered(symbol, held, "instId")]

    # Readers ------------------------------------------------------------------------------------------------------

    def read_market(self, row: Mapping[str, Any]) -> Market:
        return self.market_row(
            row,
            symbol=_symbol(row["instId"], row["alias"], contracts=self.contracts),
            contract_value=exact(row["ctVal"]) * exact(row["ctMult"]),
            contract_currency=row["ctValCcy"],
        )

    def read_position(self, row: Mapping[str, Any]) -> Position:
        """Return a position."""
        held = exact(row["pos"])
        net = "long" if held > 0 else "short"
        return self.position_row(
            row,
            symbol=self.symbol_of(row["instId"]),
            side=self.position_sides[net if row["posSide"] == "net" else row["posSide"]],
            amount=abs(held),
            # availPos applies to few kinds of positions.
            frozen=abs(held) - abs(exact(row["availPos"])) if row["availPos"] else Decimal(0),
            margin=exact(row["margin"] or row["imr"]),  # isolated, or cross
            leverage=exact(row["lever"] or "0"),  # none in cross margin of a portfolio account
        )


def _symbol(instrument: str, alias: str = "", *, contracts: frozenset[str]) -> Symbol:
    base, quote, *dated = instrument.split("-")
    if "_" in quote:  # BTC-USD_UM-SWAP, margined in several dollars: no FMZ name for it
        return Symbol(base, quote.partition("_")[0], instrument)
    code = _PERPETUAL if dated == ["SWAP"] else alias
    return Symbol(base, quote, code if code in contracts else instrument)
