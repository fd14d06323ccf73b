"""The values that pass between FMZ's formats and the exchanges: frozen, in the field's standard terms.

Times are integer milliseconds since the epoch. Prices are quote per base. Accounts, orders and positions are exact
(Decimal); market data are doubles, as FMZ's own structures are. Rows of large tables are named tuples, which cost a
third of a frozen dataclass to make.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

OrderId = int | str
"""An exchange's order id, keeping the type it has in the exchange's JSON."""

CONTRACT_CODES = frozenset({
    "swap", "this_week", "next_week", "this_month", "next_month", "quarter", "next_quarter", "third_quarter", "futures",
})  # fmt: skip
"""FMZ's words for contracts, in any case; ``futures``, in a range such as ``USD.futures``, is every one that expires.
Any other word is an exchange's own name of an instrument."""

_NEVER = 2**63  # ms
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
        """Return the side of the order in the order book."""
        return Side.BUY if self in (Direction.BUY, Direction.CLOSE_SELL) else Side.SELL

    @property
    def closes(self) -> bool:
        """Return True if the order reduces a position instead of opening one."""
        return self in (Direction.CLOSE_BUY, Direction.CLOSE_SELL)


class Status(StrEnum):
    """FMZ's three order states."""

    OPEN = "open"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class PositionSide(StrEnum):
    """The direction in which a position profits."""

    LONG = "long"
    SHORT = "short"


@dataclass(frozen=True, slots=True)
class Symbol:
    """A market as FMZ names it: ``BTC_USDT``, ``btc`` (no quote), ``BTC_USDT.swap`` (with a contract).

    ``base`` and ``quote`` are upper case; ``contract`` is one of CONTRACT_CODES or an exchange's own name, which keeps
    its case; ``text`` is what FMZ wrote.
    """

    base: str
    quote: str = ""
    contract: str = ""
    text: str = field(default="", compare=False)

    @classmethod
    def parse(cls, text: str) -> "Symbol":
        """Return the symbol in FMZ's text. Raises ValueError if it is in none of the three forms."""
        found = _SYMBOL.fullmatch(text)
        if not found or not _SYMBOL.fullmatch(text.upper()):  # in upper case, one letter may become several
            raise ValueError("not a symbol")
        base, quote, contract = found.groups(default="")
        code = contract.lower()
        return cls(base.upper(), quote.upper(), code if code in CONTRACT_CODES else contract, text)

    def by_own_name(self, market_name: str) -> "Symbol":
        """Return the symbol with the exchange's own name as its contract: what FMZ's name of a contract stands for
        changes at a rollover. Spot markets, and those whose own name is FMZ's, stay as they are."""
        if not self.contract or not market_name or market_name == str(self):
            return self
        return replace(self, contract=market_name)

    def may_mean(self, market: "Symbol", market_name: str) -> bool:
        """Return True if this may stand for a market, by FMZ's name or the exchange's own: what it leaves out may be
        anything."""
        if self.base != market.base or self.quote not in ("", market.quote):
            return False
        return self.contract in ("", market.contract, market_name)

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
    market **buy** it is the **quote** to spend, which is FMZ's rule. ``market_name`` is the exchange's own name of its
    market, empty while that is not known."""

    symbol: Symbol
    side: Side
    price: Decimal | None
    amount: Decimal
    closes: bool = False
    client_id: str = ""
    market_name: str = ""

    @property
    def spends(self) -> bool:
        """Return True if the amount is the quote to spend."""
        return self.price is None and self.side is Side.BUY and not self.symbol.contract


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
    means no limit, and as a step, any number of digits. ``limit_only`` is True where it takes no market orders."""

    symbol: Symbol
    id: str = ""
    tick_size: Decimal
    lot_size: Decimal = Decimal(0)
    min_amount: Decimal = Decimal(0)
    max_amount: Decimal = Decimal(0)
    min_notional: Decimal = Decimal(0)
    contract_value: Decimal = Decimal(1)
    contract_currency: str = ""
    tradable: bool = True
    limit_only: bool = False
    delivery_ms: int = 0

    def is_current(self, now_ms: int) -> bool:
        """Return False for a contract that was delivered."""
        return not self.delivery_ms or self.delivery_ms > now_ms

    def by_its_own_name(self) -> "Market":
        """Return the market as one that no name of FMZ's stands for any more."""
        return replace(self, symbol=replace(self.symbol, contract=self.id), tradable=False)


@dataclass(frozen=True, slots=True)
class Listing:
    """The markets that an exchange lists, by FMZ's names and by the exchange's own.

    expires_ms: the first delivery of a contract in it; from then on a name such as ``quarter`` means another contract.
    """

    by_name: Mapping[str, Market]
    by_id: Mapping[str, Market]
    expires_ms: int

    @classmethod
    def of(cls, markets: Iterable[Market], now_ms: int) -> "Listing":
        """Return the listing of these markets. A contract that was delivered has its own name only, and of two markets
        with one name it is that of the one that can be traded."""
        current = [market if market.is_current(now_ms) else market.by_its_own_name() for market in markets]
        by_name = {str(market.symbol): market for market in sorted(current, key=lambda market: market.tradable)}
        ends = (market.delivery_ms for market in current if market.delivery_ms > now_ms)
        return cls(by_name, {market.id: market for market in current}, min(ends, default=_NEVER))


@dataclass(frozen=True, slots=True, kw_only=True)
class Funding:
    """A perpetual contract's next funding: when (ms), the rate (0.0001 is 0.01 %), and ms between two."""

    symbol: Symbol
    time: int
    rate: float
    interval: int
