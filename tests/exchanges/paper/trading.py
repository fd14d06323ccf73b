"""Orders and balances of the simulated exchange, in few words."""

from decimal import Decimal
from typing import Any

from exchanges.paper import FuturesPaper
from exchanges.paper.adapter import PaperApi
from protocol.models import NewOrder, Order, OrderId, PositionSide, Side, Symbol

SPOT = Symbol.parse("ETH_USDT")  # tick 0.01, lot 0.0001, minimum 0.001 and 5 USDT
SWAP = Symbol.parse("SOL_USDT.swap")  # a contract is 1 SOL
BUY, SELL = Side.BUY, Side.SELL
LONG, SHORT = PositionSide.LONG, PositionSide.SHORT


def place(exchange: PaperApi, side: Side, price: str | None, amount: str, **more: Any) -> OrderId:
    """Place an order; more: what NewOrder has besides."""
    symbol = more.pop("symbol", SWAP if isinstance(exchange, FuturesPaper) else SPOT)
    exact = None if price is None else Decimal(price)
    return exchange.trade(NewOrder(symbol=symbol, side=side, price=exact, amount=Decimal(amount), **more))


def order_of(exchange: PaperApi, order_id: OrderId) -> Order:
    """Return an order of the usual market."""
    return exchange.order(SWAP if isinstance(exchange, FuturesPaper) else SPOT, str(order_id))


def money(exchange: PaperApi, currency: str = "USDT") -> tuple[Decimal, Decimal]:
    """Return what is free of a currency, and what is frozen."""
    [balance] = [balance for balance in exchange.accounts() if balance.currency == currency]
    return balance.free, balance.frozen


def dec(*numbers: str) -> tuple[Decimal, ...]:
    """Return exact numbers."""
    return tuple(Decimal(number) for number in numbers)
