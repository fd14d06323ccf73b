"""The markets of the simulated exchange: their rules, and the numbers that the simulation uses for each."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from exchanges.paper.money import NOTHING, quotient, rounded_down
from protocol.models import Market, Symbol

_PRICE_DIGITS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """A market. The simulation counts prices in whole ticks and amounts in whole lots, so that every sum is exact.

    anchor: the price, in ticks, that the market moves around. turnover: an average day's volume, in lots. underlying:
    the market whose trades a dated contract has, at prices that differ by its basis.
    """

    market: Market
    anchor: int
    turnover: int
    underlying: "Listing | None" = None

    @property
    def inverse(self) -> bool:
        """Return True for contracts in quote, whose margin, profit and fees are in base."""
        return self.market.contract_currency == self.market.symbol.quote

    @property
    def currency(self) -> str:
        """Return the currency of margin, profit and fees."""
        return self.market.symbol.base if self.inverse else self.market.symbol.quote

    def price(self, ticks: int) -> Decimal:
        """Return ticks as a price, quote per base."""
        return ticks * self.market.tick_size

    def amount(self, lots: int) -> Decimal:
        """Return lots as an amount, in base or contracts."""
        return lots * self.market.lot_size

    def size(self, amount: Decimal) -> Decimal:
        """Return what an amount is, in base; in quote where it is of inverse contracts."""
        return amount * self.market.contract_value

    def value(self, price: Decimal, amount: Decimal) -> Decimal:
        """Return the value of an amount, in ``currency``; nothing where there is no price."""
        if not self.inverse:
            return price * self.size(amount)
        return quotient(self.size(amount), price) if price else NOTHING

    def notional(self, price: Decimal, amount: Decimal) -> Decimal:
        """Return the value of an amount, in quote."""
        return self.size(amount) if self.inverse else self.value(price, amount)

    def average(self, value: Decimal, amount: Decimal) -> Decimal:
        """Return the price at which an amount has a value."""
        size = self.size(amount)
        # The last digits of a value in coins are rounded, and no part of the price.
        return round(size / value, _PRICE_DIGITS) if self.inverse else rounded_down(value / size)

    def ticks(self, price: Decimal | Fraction) -> Fraction:
        """Return a price in ticks; a whole number if the price is on a tick."""
        return Fraction(price) / Fraction(self.market.tick_size)

    def lots(self, amount: Decimal) -> Fraction:
        """Return an amount in lots; a whole number if the amount is on a lot."""
        return Fraction(amount) / Fraction(self.market.lot_size)


def _read_listings(rows: str, *, inverse: bool = False) -> dict[str, Listing]:
    listings = {}
    for row in rows.strip().splitlines():
        name, *figures = row.split()
        anchor, tick, lot, least, notional, contract, turnover = map(Decimal, figures)
        symbol = Symbol.parse(name)
        market = Market(
            symbol=symbol,
            id=name,
            tick_size=tick,
            lot_size=lot,
            min_amount=least,
            min_notional=notional,
            contract_value=contract,
            contract_currency=symbol.quote if inverse else symbol.base,
        )
        listings[name] = Listing(market, anchor=int(anchor / tick), turnover=int(turnover / lot))
    return listings


# market        anchor   tick       lot      min amount  min notional  contract  turnover
SPOT: Mapping[str, Listing] = _read_listings("""
BTC_USDT        64000    0.01       0.00001  0.0001      5             1         3000
ETH_USDT        3200     0.01       0.0001   0.001       5             1         40000
SOL_USDT        160      0.01       0.001    0.01        5             1         600000
LTC_USDT        80       0.01       0.001    0.01        5             1         400000
DOGE_USDT       0.16     0.00001    1        10          5             1         300000000
XRP_USDT        0.6      0.0001     0.1      1           5             1         200000000
BCH_USDT        400      0.01       0.001    0.01        5             1         100000
ETC_USDT        25       0.001      0.01     0.1         5             1         2000000
EOS_USDT        0.8      0.0001     0.1      1           5             1         60000000
TRX_USDT        0.12     0.00001    1        10          5             1         300000000
ADA_USDT        0.45     0.0001     0.1      1           5             1         100000000
LINK_USDT       15       0.001      0.01     0.1         5             1         5000000
BNB_USDT        560      0.01       0.001    0.01        5             1         200000
ETH_BTC         0.05     0.000001   0.0001   0.001       0.0001        1         8000
LTC_BTC         0.00125  0.0000001  0.001    0.01        0.0001        1         40000
""")
"""Spot markets, amounts in base."""

SWAPS: Mapping[str, Listing] = _read_listings("""
BTC_USDT.swap   64000    0.01       1        1           1             0.001     5000000
ETH_USDT.swap   3200     0.01       1        1           1             0.01      6000000
SOL_USDT.swap   160      0.01       1        1           1             1         900000
LTC_USDT.swap   80       0.01       1        1           1             0.1       5000000
DOGE_USDT.swap  0.16     0.00001    1        1           1             100       4000000
XRP_USDT.swap   0.6      0.0001     1        1           1             10        40000000
BCH_USDT.swap   400      0.01       1        1           1             0.1       2000000
ETC_USDT.swap   25       0.001      1        1           1             1         4000000
EOS_USDT.swap   0.8      0.0001     1        1           1             10        10000000
TRX_USDT.swap   0.12     0.00001    1        1           1             100       5000000
ADA_USDT.swap   0.45     0.0001     1        1           1             10        20000000
LINK_USDT.swap  15       0.001      1        1           1             1         8000000
BNB_USDT.swap   560      0.01       1        1           1             0.01      40000000
""") | _read_listings(
    """
BTC_USD.swap    64000    0.01       1        1           1             100       3000000
ETH_USD.swap    3200     0.01       1        1           1             10        12000000
""",
    inverse=True,
)
"""Perpetual swaps, amounts in contracts: those against USDT are linear, those against USD inverse. A swap trades at the
prices of its spot market."""
