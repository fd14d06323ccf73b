"""What passes between FMZ's formats and the exchanges: frozen values in the field's standard terms.

Times are integer milliseconds since the epoch. Prices are quote per base. Accounts, orders and positions are exact
(Decimal); market data are doubles, as FMZ's own structures are. Rows of large tables are named tuples, which cost a
third of a frozen dataclass to make.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

OrderId = int | str
"""An exchange's order id, keeping the type it has in the exchange's JSON."""

_PART = r"[^\W_]{1,40}"
_SYMBOL = re.compile(rf"({_PART})(?:_({_PART}))?(?:\.([A-Za-z0-9_-]{{1,40}}))?")


class Side(StrEnum):
    """The side of an order or a public trade (its taker's)."""

    BUY = "buy"
    SELL = "sell"


class Direction(StrEnum):
    """FMZ's four words for an order: on futures ``closebuy`` sells a long position, ``closesell`` buys a short one."""

    BUY = "buy"
    SELL = "sell"
    CLOSE_BUY = "closebuy"
    CLOSE_SELL = "closesell"

    @property
    def side(self) -> Side:
        """The side that the order book sees."""
        return Side.BUY if self in (Direction.BUY, Direction.CLOSE_SELL) else Side.SELL

    @property
    def closes(self) -> bool:
        """Whether the order reduces a position instead of opening one."""
        return self in (Direction.CLOSE_BUY, Direction.CLOSE_SELL)


class Status(StrEnum):
    """FMZ's three order states."""

    OPEN = "open"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class PositionSide(StrEnum):
    """Which way a position profits."""

    LONG = "long"
    SHORT = "short"


@dataclass(frozen=True, slots=True)
class Symbol:
    """A market as FMZ names it: ``BTC_USDT``, ``btc`` (no quote), ``BTC_USDT.swap`` (with a contract).

    ``base`` and ``quote`` are upper case; ``contract`` keeps its case; ``text`` is what FMZ wrote.
    """

    base: str
    quote: str = ""
    contract: str = ""
    text: str = field(default="", compare=False)

    @classmethod
    def parse(cls, text: str) -> "Symbol":
        """Read FMZ's text. Raises ValueError when it is none of the three forms."""
        found = _SYMBOL.fullmatch(text)
        if not found or not _SYMBOL.fullmatch(text.upper()):  # some letters are several in upper case
            raise ValueError("not a symbol")
        base, quote, contract = found.groups(default="")
        return cls(base.upper(), quote.upper(), contract, text)

    def __str__(self) -> str:
        pair = f"{self.base}_{self.quote}" if self.quote else self.base
        return f"{pair}.{self.contract}" if self.contract else pair


@dataclass(frozen=True, slots=True)
class Ticker:
    """The last 24 hours of a market; volume in base, or contracts."""

    time: int
    bid: float
    ask: float
    last: float
    high: float
    low: float
    volume: float


Level = tuple[float, float]
"""One price level of an order book: price, and amount in base or contracts."""


@dataclass(frozen=True, slots=True)
class Depth:
    """An order book, in any order of levels: FMZ's format sorts them."""

    time: int
    asks: list[Level]
    bids: list[Level]


class Candle(NamedTuple):
    """One bar; ``time`` is its first millisecond."""

    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class Trade(NamedTuple):
    """One public trade; ``side`` is the taker's."""

    id: OrderId
    time: int
    price: float
    amount: float
    side: Side


@dataclass(frozen=True, slots=True)
class Balance:
    """One currency of an account: what can be used, and what orders and positions hold."""

    currency: str
    free: Decimal
    frozen: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrder:
    """An order to place. ``price`` None means market. ``amount`` is in base, or contracts on futures; on a spot
    market **buy** it is the **quote** to spend, which is FMZ's rule."""

    symbol: Symbol
    side: Side
    price: Decimal | None
    amount: Decimal
    closes: bool = False
    client_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order as the exchange knows it; ``price`` 0 means market, ``average`` 0 means not known or not filled."""

    id: OrderId
    side: Side
    price: Decimal
    amount: Decimal
    filled: Decimal
    average: Decimal
    status: Status
    client_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """An open futures position; amounts in contracts, money in the settlement currency."""

    symbol: Symbol
    side: PositionSide
    amount: Decimal
    frozen: Decimal
    price: Decimal
    profit: Decimal
    margin: Decimal
    leverage: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """A market's rules: price step in quote; amount step, minimum and maximum in base or contracts; least value in
    quote; what a contract is worth in ``contract_currency`` (1 base on spot). ``id`` is the exchange's own name; 0
    means no limit."""

    symbol: Symbol
    id: str = ""
    tick_size: Decimal
    lot_size: Decimal
    min_amount: Decimal = Decimal(0)
    max_amount: Decimal = Decimal(0)
    min_notional: Decimal = Decimal(0)
    contract_value: Decimal = Decimal(1)
    contract_currency: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """The markets that an exchange lists, by FMZ's names, and those names by the exchange's own."""

    by_name: Mapping[str, Market]
    symbols: Mapping[str, Symbol]

    @classmethod
    def of(cls, markets: Iterable[Market]) -> "Listing":
        """Return the listing of these markets."""
        by_name = {str(market.symbol): market for market in markets}
        return cls(by_name, {market.id: market.symbol for market in by_name.values()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Funding:
    """A perpetual contract's next funding: when (ms), the rate (0.0001 is 0.01 %), and ms between two."""

    symbol: Symbol
    time: int
    rate: float
    interval: int
