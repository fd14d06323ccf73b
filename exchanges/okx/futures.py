"""OKX's perpetual and dated futures, linear and inverse: https://www.okx.com/docs-v5/en/

Amounts are contracts. FMZ's ``BTC_USDT.swap`` is margined in USDT, ``BTC_USD.swap`` in BTC; a dated contract is called
by the exchange's own ``alias`` (``BTC_USDT.quarter``), or by its instrument's name where it has none that is FMZ's.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from exchanges.base.futures import DATED, FuturesExchange, covers
from exchanges.okx.spot import Unified, sizes
from protocol.models import Funding, Market, NewOrder, Position, PositionSide, Side, Symbol
from protocol.numbers import double, exact, milliseconds

_PERPETUAL = "swap"


class FuturesOKX(Unified, FuturesExchange):
    """OKX, perpetual and dated futures, in cross margin."""

    name = "Futures_OKX"
    kinds = ("SWAP", "FUTURES")
    margin_mode = "cross"
    contracts = frozenset(
        {_PERPETUAL, "this_week", "next_week", "this_month", "next_month", "quarter", "next_quarter", "third_quarter"}
    )
    max_leverage = 125
    position_modes = {"net_mode": False, "long_short_mode": True}
    sides = {"long": PositionSide.LONG, "short": PositionSide.SHORT}

    def market(self, symbol: Symbol) -> str:
        return self.rules(symbol).id

    def names(self, ids: list[str]) -> Mapping[str, Symbol]:
        listed = self.symbols()
        return {name: listed.get(name) or self._symbol(name) for name in ids}

    def queries(self, symbol: Symbol | None) -> list[dict[str, str]]:
        if symbol is None or not self._is_one(symbol):
            return [{"instType": kind} for kind in self.kinds]
        market = self.market(symbol)
        return [{"instType": "SWAP" if market.endswith("-SWAP") else "FUTURES", "instId": market}]

    # Account ------------------------------------------------------------------------------------------------------

    def prepare(self, order: NewOrder) -> None:
        """Ask beforehand what the order's words depend on, so that a failure to learn it is not the order's."""
        self.hedged()
        super().prepare(order)

    def position_mode(self) -> bool:
        [account] = self.call("GET", "/api/v5/account/config", signed=True)
        return self.position_modes[str(account["posMode"])]

    def terms(self, order: NewOrder) -> Mapping[str, Any]:
        if not self.hedged():
            return {"reduceOnly": True} if order.closes else {}
        long = (order.side is Side.BUY) is not order.closes
        return {"posSide": "long" if long else "short"}

    def apply_leverage(self, symbol: Symbol, leverage: int) -> None:
        asked = {"instId": self.market(symbol), "lever": str(leverage), "mgnMode": self.margin_mode}
        self.call("POST", "/api/v5/account/set-leverage", params=asked, signed=True)

    def free(self, row: Mapping[str, str]) -> Decimal:
        return exact(row["availEq"] or row["availBal"])  # equity applies to accounts that may have futures

    def _listed(self, path: str, symbol: Symbol | None, *args: Any, **options: Any) -> list[Any]:
        self.listing()  # first, for the last answer is the one that FMZ is shown
        return self._covered(symbol, super()._listed(path, symbol, *args, **options))

    def positions(self, symbol: Symbol | None) -> list[Position]:
        market = {"instId": self.market(symbol)} if symbol and self._is_one(symbol) else {}
        self.listing()
        rows = self.call("GET", "/api/v5/account/positions", params=market, signed=True)
        rows = self._covered(symbol, [row for row in rows if row["instType"] in self.kinds])
        names = self.names([row["instId"] for row in rows])
        return [self._position(names[row["instId"]], row) for row in rows if exact(row["pos"])]

    def fundings(self, symbol: Symbol | None) -> list[Funding]:
        market = self.market(symbol) if symbol and self._is_one(symbol) else "ANY"
        rows = self._covered(symbol, self.call("GET", "/api/v5/public/funding-rate", params={"instId": market}))
        names = self.names([row["instId"] for row in rows])
        return [
            Funding(
                symbol=names[row["instId"]],
                time=milliseconds(row["fundingTime"]),
                rate=double(row["fundingRate"]),
                interval=milliseconds(row["nextFundingTime"]) - milliseconds(row["fundingTime"]),
            )
            for row in rows
        ]

    # Readers ------------------------------------------------------------------------------------------------------

    def _is_one(self, symbol: Symbol) -> bool:
        """Whether one market is meant: not a range such as ``USDT.swap``, which has a contract and no quote, unless
        that is an instrument's own name."""
        return bool(symbol.contract) and (bool(symbol.quote) or symbol.contract not in self.contracts | {DATED})

    def _covered(self, symbol: Symbol | None, rows: list[Any]) -> list[Any]:
        names = self.names([row["instId"] for row in rows])
        wanted = self.rules(symbol).symbol if symbol and self._is_one(symbol) else symbol
        return [row for row in rows if covers(wanted, names[row["instId"]])]

    def _symbol(self, instrument: str, alias: str = "") -> Symbol:
        base, quote, *dated = instrument.split("-")
        if "_" in quote:  # BTC-USD_UM-SWAP, margined in several dollars: no FMZ name for it
            return Symbol(base, quote.partition("_")[0], instrument)
        code = _PERPETUAL if dated == ["SWAP"] else alias
        return Symbol(base, quote, code if code in self.contracts else instrument)

    def read_market(self, row: Mapping[str, Any]) -> Market:
        return Market(
            symbol=self._symbol(row["instId"], row["alias"]),
            id=row["instId"],
            **sizes(row),
            contract_value=exact(row["ctVal"]) * exact(row["ctMult"]),
            contract_currency=row["ctValCcy"],
        )

    def _position(self, symbol: Symbol, row: Mapping[str, Any]) -> Position:
        held = exact(row["pos"])
        net = "long" if held > 0 else "short"
        return Position(
            symbol=symbol,
            side=self.sides[net if row["posSide"] == "net" else row["posSide"]],
            amount=abs(held),
            # availPos applies to few kinds of positions.
            frozen=abs(held) - abs(exact(row["availPos"])) if row["availPos"] else Decimal(0),
            price=exact(row["avgPx"]),
            profit=exact(row["upl"]),
            margin=exact(row["margin"] or row["imr"]),  # isolated, or cross
            leverage=exact(row["lever"] or "0"),  # none in cross margin of a portfolio account
        )
