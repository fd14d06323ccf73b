"""The records of an account: orders, positions, and the fills that moved its money."""

from dataclasses import dataclass
from decimal import Decimal

from exchanges.paper.money import NOTHING
from protocol.models import PositionSide, Side, Status


@dataclass(slots=True, kw_only=True)
class PaperOrder:
    """An order; ``symbol`` is the exchange's own name of its market, ``price`` 0 means market, ``cost`` is the value of
    its fills in quote (of inverse contracts in base), ``frozen`` is the money it holds: quote or base on spot, margin
    and fee on futures, nothing when it closes a position; ``created`` is when it was placed or last modified, in
    ms."""

    id: int = 0
    symbol: str
    side: Side
    price: Decimal
    amount: Decimal
    closes: bool
    leverage: int
    client_id: str
    created: int
    filled: Decimal = NOTHING
    cost: Decimal = NOTHING
    frozen: Decimal = NOTHING
    status: Status = Status.OPEN

    @property
    def left(self) -> Decimal:
        """Return the amount that is not filled."""
        return self.amount - self.filled


@dataclass(slots=True, kw_only=True)
class PaperPosition:
    """An open position: contracts, their value when opened, and the margin that is left for them."""

    symbol: str
    side: PositionSide
    amount: Decimal = NOTHING
    cost: Decimal = NOTHING
    margin: Decimal = NOTHING
    leverage: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """A movement of money, ``order`` None for a liquidation or a delivery; ``profit`` is that of a closed part of a
    position."""

    order: PaperOrder | None
    symbol: str
    time: int
    side: Side
    price: Decimal
    amount: Decimal
    fee: Decimal
    fee_currency: str
    profit: Decimal = NOTHING

    @classmethod
    def of(
        cls, order: PaperOrder, time: int, price: Decimal, amount: Decimal, fee: Decimal, fee_currency: str
    ) -> "Fill":
        """Return a fill of an order."""
        return cls(
            order=order,
            symbol=order.symbol,
            time=time,
            side=order.side,
            price=price,
            amount=amount,
            fee=fee,
            fee_currency=fee_currency,
        )
