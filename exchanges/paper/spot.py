"""Spot accounts: an order holds what it gives, and the fee is taken from what it gets."""

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

from exchanges.paper.listings import SPOT, Listing
from exchanges.paper.matching import Account
from exchanges.paper.money import NOTHING, rounded_up
from exchanges.paper.records import Fill, PaperOrder
from exchanges.paper.simulation import Print
from protocol.models import NewOrder, Side


class SpotAccount(Account):
    """An account that buys and sells currencies."""

    exchange: ClassVar[str] = "paper"
    listings: ClassVar[Mapping[str, Listing]] = SPOT
    opening: ClassVar[Mapping[str, Decimal]] = {
        "USDT": Decimal(10_000),
        "BTC": Decimal(1),
        "ETH": Decimal(10),
        **dict.fromkeys(("SOL", "LTC", "DOGE", "XRP", "BCH", "ETC", "EOS", "TRX", "ADA", "LINK", "BNB"), NOTHING),
    }
    taker: ClassVar[Decimal] = Decimal("0.001")
    maker: ClassVar[Decimal] = Decimal("0.0008")

    def currency(self, order: PaperOrder) -> str:
        pair = self.listings[order.symbol].market.symbol
        return pair.quote if order.side is Side.BUY else pair.base

    def hold(self, order: PaperOrder, price: Decimal, amount: Decimal) -> Decimal:
        return price * amount if order.side is Side.BUY else amount

    def needed(self, new: NewOrder, order: PaperOrder, held: Decimal) -> Decimal:
        return new.amount if new.price is None else self.hold(order, new.price, new.amount)

    def touched(self, symbol: str, touch: Print) -> None:
        """Do nothing: a spot account has only orders."""

    def settle(self, order: PaperOrder, time: int, price: Decimal, amount: Decimal, rate: Decimal) -> Fill:
        pair = self.listings[order.symbol].market.symbol
        gets, got = (pair.base, amount) if order.side is Side.BUY else (pair.quote, price * amount)
        fee = rounded_up(got * rate)
        self.free[self.currency(order)] -= self.hold(order, price, amount)
        self.free[gets] += got - fee
        return Fill.of(order, time, price, amount, fee, gets)
