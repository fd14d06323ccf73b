"""The readers of ccxt's unified rows."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from exchanges.base import *
from exchanges.ccxt.calls import CcxtCalls

_TICK_SIZE = 4  # ccxt's precision modes: a step, or a number of decimal places
_DECIMAL_PLACES = 2
_NONE = Decimal(0)


class CcxtReaders(CcxtCalls):
    """The readers of ccxt's unified rows. Their numbers are doubles, which ccxt wrote from an exchange's text."""

    statuses = {
        "open": Status.OPEN,
        "canceling": Status.OPEN,
        "closed": Status.CLOSED,
        "canceled": Status.CANCELLED,
        "expired": Status.CANCELLED,
        "rejected": Status.CANCELLED,
    }
    ticker_row = TickerRow(bid="bid", ask="ask", last="last", high="high", low="low")
    candle_row = Row(Candle, time=0, open=1, high=2, low=3, close=4, volume=5)
    trade_row = Row(Trade, time="timestamp", price="price", amount="amount", side="side")
    order_row = Row(Order, id="id", side="side", status="status")

    def read_market(self, row: Mapping[str, Any]) -> Market:
        """Return a market's rules."""
        precision, limits = row["precision"], row["limits"]
        return Market(
            symbol=self.symbol_in(row),
            id=row["id"],
            tick_size=self._step(precision["price"]),
            lot_size=self._step(precision["amount"]),
            min_amount=_number(limits["amount"]["min"]),
            max_amount=_number(limits["amount"]["max"]),
            min_notional=_number(limits["cost"]["min"]),
            contract_value=_number(row["contractSize"]) or Decimal(1),
            contract_currency=row["quote"] if row["inverse"] else row["base"],
            tradable=row["active"] is not False,
        )

    def symbol_in(self, row: Mapping[str, Any]) -> Symbol:
        """Return FMZ's name of a market."""
        return Symbol(row["base"].upper(), row["quote"].upper())

    def _step(self, precision: Any) -> Decimal:
        mode = self.library.sample.precisionMode
        if precision is None or mode not in (_TICK_SIZE, _DECIMAL_PLACES):
            return _NONE
        return _number(precision) if mode == _TICK_SIZE else Decimal(1).scaleb(-int(precision))

    def read_ticker(self, row: Mapping[str, Any]) -> Ticker:
        """Return a market's last 24 hours. The volume is 0 where the exchange does not say."""
        time = row["timestamp"] or self.upstream.services.now()
        return self.ticker_row(row, time=time, volume=double(row["baseVolume"] or 0))

    def read_balance(self, currency: str, row: Mapping[str, Any]) -> Balance:
        """Return a currency's balance; what ccxt leaves out follows from the other two."""
        free, used, total = row["free"], row["used"], row["total"]
        frozen = _number(used) if used is not None else max(_NONE, _number(total) - _number(free))
        return Balance(currency, _number(free) if free is not None else max(_NONE, _number(total) - frozen), frozen)

    def read_order(self, row: Any) -> Order:
        filled, bought = _number(row["filled"]), row["type"] == "market" and row["side"] == "buy"
        # The amount of a market buy may be missing, or be what to spend; when it is done, it is what was bought.
        amount = filled if bought and row["status"] == "closed" else row["amount"]
        return self.order_row(
            row,
            price=_number(row["price"]) if row["type"] != "market" else _NONE,
            amount=lambda: exact(amount),
            filled=filled,
            average=_number(row["average"]),
            client_id=row["clientOrderId"] or "",
        )


def _number(value: Any) -> Decimal:
    return _NONE if value is None else exact(value)
