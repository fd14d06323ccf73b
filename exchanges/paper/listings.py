"""The markets of the simulated exchange: their rules, and the numbers that the simulation uses for each."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from protocol.models import Market, Symbol


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """A market. The simulation counts prices in whole ticks and amounts in whole lots, so that every sum is exact.

    anchor: the price, in ticks, that the market moves around. turnover: an average day's volume, in lots.
    """

    market: Market
    anchor: int
    turnover: int

    def price(self, ticks: int) -> Decimal:
        """Return ticks as a price, quote per base."""
        return ticks * self.market.tick_size

    def amount(self, lots: int) -> Decimal:
        """Return lots as an amount, in base or contracts."""
        return lots * self.market.lot_size

    def value(self, price: Decimal, amount: Decimal) -> Decimal:
        """Return the value of an amount, in quote."""
        return price * amount * self.market.contract_value

    def ticks(self, price: Decimal | Fraction) -> Fraction:
        """Return a price in ticks; a whole number if the price is on a tick."""
        return Fraction(price) / Fraction(self.market.tick_size)

    def lots(self, amount: Decimal) -> Fraction:
        """Return an amount in lots; a whole number if the amount is on a lot."""
        return Fraction(amount) / Fraction(self.market.lot_size)


def _read_listings(rows: str) -> Mapping[str, Listing]:
    listings = {}
    for row in rows.strip().splitlines():
        name, *figures = row.split()
        anchor, tick, lot, least, notional, contract, turnover = map(Decimal, figures)
        market = Market(
            symbol=Symbol.parse(name),
            id=name,
            tick_size=tick,
            lot_size=lot,
            min_amount=least,
            min_notional=notional,
            contract_value=contract,
            contract_currency=Symbol.parse(name).base,
        )
        listings[name] = Listing(market, anchor=int(anchor / tick), turnover=int(turnover / lot))
    return listings


# market        anchor   tick       lot      min amount  min notional  contract  turnover
SPOT = _read_listings("""
BTC_USDT        64000    0.01       0.00001  0.0001      5             1         3000
ETH_USDT        3200     0.01       0.0001   0.001       5             1         40000
SOL_USDT        160      0.01       0.001    0.01        5             1         600000
LTC_USDT        80       0.01       0.001    0.01        5             1         400000
DOGE_USDT       0.16     0.00001    1        10          5             1         300000000
ETH_BTC         0.05     0.000001   0.0001   0.001       0.0001        1         8000
LTC_BTC         0.00125  0.0000001  0.001    0.01        0.0001        1         40000
""")
"""Spot markets, amounts in base."""

SWAPS = _read_listings("""
BTC_USDT.swap   64000    0.01       1        1           1             0.001     5000000
ETH_USDT.swap   3200     0.01       1        1           1             0.01      6000000
SOL_USDT.swap   160      0.01       1        1           1             1         900000
LTC_USDT.swap   80       0.01       1        1           1             0.1       5000000
DOGE_USDT.swap  0.16     0.00001    1        1           1             100       4000000
""")
"""Linear perpetual swaps, settled in USDT, amounts in contracts. A swap trades at the prices of its spot market."""
