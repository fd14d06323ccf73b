"""The parameters of FMZ's calls, after they were read and checked."""

from decimal import Decimal
from typing import Any, TypedDict

from protocol.models import Direction, Symbol


class Envelope(TypedDict):
    """A request of FMZ's host; ``nonce`` is 0 if it had none."""

    access_key: str
    secret_key: str
    nonce: int
    method: str
    params: dict[str, Any]


class Nothing(TypedDict):
    """No parameters."""


class OfSymbol(TypedDict):
    """The parameters of a method about one market."""

    symbol: Symbol


class OfMarkets(TypedDict):
    """The parameters of a method about one market, a range of them, or all."""

    symbol: Symbol | None


class OfHistory(OfMarkets):
    """The parameters of a list of past orders: from ``since`` (ms) on, at most ``limit``."""

    since: int | None
    limit: int | None


class OfRecords(OfSymbol):
    """The parameters of bars: minutes of each, and how many at most."""

    period: int
    limit: int | None


class OfOrder(OfSymbol):
    """The parameters of a method about one order."""

    order_id: str


class OfTrade(OfSymbol):
    """The parameters of a new order; without a price it is a market order."""

    direction: Direction
    price: Decimal | None
    amount: Decimal


class OfModified(TypedDict):
    """The parameters of a modified order: its new price and whole amount, None to leave one as it is; its market, None
    where neither a parameter nor the id names it."""

    symbol: Symbol | None
    order_id: str
    direction: Direction
    price: Decimal | None
    amount: Decimal | None


class OfCall(TypedDict):
    """A pass-through: the HTTP method, empty if none was given, the resource, and its parameters as text."""

    verb: str
    resource: str
    params: dict[str, str]


class OfIo(TypedDict):
    """FMZ's code of a futures call, and its arguments."""

    code: int
    args: list[Any]


class OfContract(TypedDict):
    """The arguments of SetContractType."""

    contract: str


class OfDirection(TypedDict):
    """The arguments of SetDirection."""

    direction: Direction


class OfLeverage(OfMarkets):
    """The arguments of SetMarginLevel."""

    leverage: int
