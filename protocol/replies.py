"""The formats that FMZ's host expects, as marshmallow schemas and fields.

The formats are the article's (fmz.com/bbs-topic/1052); those that it lacks are FMZ's current structures. Depth, records
and trades are one function each, because a nested schema per row costs ten times as much.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from decimal import Decimal
from operator import itemgetter
from typing import Any

from marshmallow import Schema, fields, post_dump

from protocol.models import (
    Balance,
    Candle,
    Depth,
    Funding,
    Market,
    Order,
    OrderId,
    Position,
    PositionSide,
    Symbol,
    Ticker,
    Trade,
)

_LARGEST_SAFE_INTEGER = 2**53  # a host that reads numbers as doubles changes a greater id
_NO_LIMIT = Decimal(10**15)
_FINEST = Decimal("1E-8")


class Writer(fields.Field[Any]):
    """A field written by a plain function, or as it is."""

    def __init__(self, write: Callable[[Any], Any] = lambda value: value, **options: Any) -> None:
        super().__init__(**options)
        self.write = write

    def _serialize(self, value: Any, *_: Any, **__: Any) -> Any:
        return self.write(value)


def safe_id(value: OrderId) -> OrderId:
    """Return an id in its own JSON type, but as text when it is an integer that a double cannot hold."""
    return str(value) if isinstance(value, int) and abs(value) > _LARGEST_SAFE_INTEGER else value


def depth(book: Depth) -> dict[str, Any]:
    """Return GetDepth's format: asks from low to high, bids from high to low."""
    return {"time": book.time, "asks": sorted(book.asks), "bids": sorted(book.bids, reverse=True)}


def records(bars: list[Candle]) -> list[tuple[float, ...]]:
    """Return GetRecords' format: rows ``[seconds, open, high, low, close, volume]``."""
    if not bars:
        return []
    times, *columns = zip(*bars, strict=True)
    return list(zip((time // 1000 for time in times), *columns, strict=True))


def trades(rows: list[Trade]) -> list[dict[str, Any]]:
    """Return GetTrades' format, oldest first."""
    return [
        {"id": safe_id(id_), "time": time, "price": price, "amount": amount, "type": side}
        for id_, time, price, amount, side in sorted(rows, key=itemgetter(1))
    ]


def camel(name: str) -> str:
    """Return a name in FMZ's own spelling, from the same in snake_case."""
    return name.title().replace("_", "")


def _decimals(step: Decimal) -> int:
    return max(0, -int(_step_or_finest(step).normalize().as_tuple().exponent))


def _step_or_finest(step: Decimal) -> Decimal:
    return step or _FINEST


def _limit_or_none(amount: Decimal) -> Decimal:
    return amount or _NO_LIMIT


class TickerReply(Schema):
    """GetTicker's format."""

    time = Writer()
    buy = Writer(attribute="bid")
    sell = Writer(attribute="ask")
    last = Writer()
    high = Writer()
    low = Writer()
    vol = Writer(attribute="volume")


class BalanceReply(Schema):
    """One row of GetAccount's format; currencies are lower case there."""

    currency = Writer(str.lower)
    free = Writer()
    frozen = Writer()


class NewOrderReply(Schema):
    """Buy's, Sell's and ModifyOrder's format."""

    id = Writer(safe_id)


class OrderReply(Schema):
    """GetOrder's format, and a row of GetOrders'."""

    id = Writer(safe_id)
    amount = Writer()
    price = Writer()
    status = Writer()
    deal_amount = Writer(attribute="filled")
    type = Writer(attribute="side")
    avg_price = Writer(attribute="average")


class BothSpellings(Schema):
    """A format whose names on the wire are not documented: FMZ's own spelling, and the same in snake_case."""

    @post_dump
    def _both_spellings(self, row: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {camel(name): value for name, value in row.items()} | row


class PositionReply(BothSpellings):
    """A row of GetPositions' format; ``type`` 0 is long, 1 short."""

    margin_level = Writer(attribute="leverage")
    amount = Writer()
    frozen_amount = Writer(attribute="frozen")
    price = Writer()
    profit = Writer()
    type = fields.Function(lambda position: int(position.side is PositionSide.SHORT))
    contract_type = Writer(attribute="symbol.contract")
    margin = Writer()
    symbol = fields.Function(lambda position: str(position.symbol))


class AssetReply(BothSpellings):
    """A row of GetAssets' format, which includes a row of GetAccount's."""

    currency = Writer(str.lower)
    free = Writer()
    frozen = Writer()
    amount = fields.Function(lambda balance: balance.free)
    frozen_amount = fields.Function(lambda balance: balance.frozen)


class TickerRow(BothSpellings):
    """A row of GetTickers' format."""

    symbol = Writer(str)
    time = Writer()
    buy = Writer(attribute="bid")
    sell = Writer(attribute="ask")
    last = Writer()
    high = Writer()
    low = Writer()
    volume = Writer()


class MarketReply(BothSpellings):
    """A market in GetMarkets' format; 10^15 stands for no limit, and eight decimals for no step: none would be read as
    whole coins."""

    symbol = Writer(attribute="id")
    base_asset = Writer(attribute="symbol.base")
    quote_asset = Writer(attribute="symbol.quote")
    tick_size = Writer(_step_or_finest)
    amount_size = Writer(_step_or_finest, attribute="lot_size")
    price_precision = fields.Function(lambda market: _decimals(market.tick_size))
    amount_precision = fields.Function(lambda market: _decimals(market.lot_size))
    min_qty = Writer(attribute="min_amount")
    max_qty = Writer(_limit_or_none, attribute="max_amount")
    min_notional = Writer()
    max_notional = fields.Constant(_NO_LIMIT)
    ct_val = Writer(attribute="contract_value")
    ct_val_ccy = Writer(attribute="contract_currency")


class FundingReply(BothSpellings):
    """A row of GetFundings' format."""

    symbol = Writer(str)
    time = Writer()
    rate = Writer()
    interval = Writer()


_TICKER = TickerReply()
_BALANCES = BalanceReply(many=True)
_NEW_ORDER = NewOrderReply()
_ORDER = OrderReply()
_POSITIONS = PositionReply(many=True)
_ASSETS = AssetReply(many=True)
_MARKET = MarketReply()
_TICKER_ROW = TickerRow()
_FUNDINGS = FundingReply(many=True)


def ticker(value: Ticker) -> Any:
    """Return GetTicker's format."""
    return _TICKER.dump(value)


def balances(rows: list[Balance]) -> Any:
    """Return GetAccount's format."""
    return _BALANCES.dump(rows)


def assets(rows: list[Balance]) -> Any:
    """Return GetAssets' format."""
    return _ASSETS.dump(rows)


def new_order(order_id: OrderId) -> Any:
    """Return Buy's, Sell's and ModifyOrder's format."""
    return _NEW_ORDER.dump({"id": order_id})


def order(value: Order) -> Any:
    """Return GetOrder's format."""
    return _ORDER.dump(value)


def orders(rows: list[Order]) -> Any:
    """Return GetOrders' format."""
    return _ORDER.dump(rows, many=True)


def positions(rows: list[Position]) -> Any:
    """Return GetPositions' format."""
    return _POSITIONS.dump(rows)


def fundings(rows: list[Funding]) -> Any:
    """Return GetFundings' format."""
    return _FUNDINGS.dump(rows)


def done(result: bool) -> bool:
    """Return the format of a call that is done or not."""
    return result


def markets(listing: Mapping[str, Market]) -> dict[str, Any]:
    """Return GetMarkets' format: FMZ's name of a market → its rules."""
    return {name: _MARKET.dump(market) for name, market in listing.items()}


def tickers(rows: list[tuple[Symbol, Ticker]]) -> list[dict[str, Any]]:
    """Return GetTickers' format; ``vol`` as in GetTicker's."""
    found = (_TICKER_ROW.dump({"symbol": symbol, **asdict(value)}) for symbol, value in rows)
    return [{**row, "vol": row["volume"]} for row in found]
