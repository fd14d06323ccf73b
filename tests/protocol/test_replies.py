"""The formats that FMZ is answered in."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from protocol import replies, wire
from protocol.models import (
    Balance,
    Candle,
    Depth,
    Order,
    Position,
    PositionSide,
    Side,
    Status,
    Symbol,
    Ticker,
    Trade,
)


def written(reply: Any) -> Any:
    """Return a reply as FMZ reads it, its fractions exact."""
    return json.loads(wire.write(reply), parse_float=Decimal)


def test_a_tickers_names() -> None:
    ticker = Ticker(time=1500793319499, bid=1000.0, ask=1001.0, last=1005.0, high=1100.0, low=980.0, volume=523.5)
    assert replies.TickerReply().dump(ticker) == {
        "time": 1500793319499, "buy": 1000, "sell": 1001, "last": 1005, "high": 1100, "low": 980, "vol": 523.5,
    }  # fmt: skip


def test_a_book_is_sorted_best_price_first_on_both_sides() -> None:
    book = Depth(time=1, asks=[(1004.0, 2.1), (1000.0, 0.5), (1001.0, 0.23)], bids=[(995.0, 1.4), (999.0, 0.25)])
    assert replies.depth(book) == {
        "time": 1, "asks": [(1000, 0.5), (1001, 0.23), (1004, 2.1)], "bids": [(999, 0.25), (995, 1.4)],
    }  # fmt: skip


def test_records_are_in_whole_seconds() -> None:
    bars = [Candle(1500793319999, 1.1, 2.2, 3.3, 4.4, 5.5)]
    assert replies.records(bars) == [(1500793319, 1.1, 2.2, 3.3, 4.4, 5.5)]
    assert type(written(replies.records(bars))[0][0]) is int


def test_trades_ascend_and_those_of_one_moment_keep_their_order() -> None:
    rows = [
        Trade(3, 20, 1.0, 1.0, Side.BUY),
        Trade("b", 10, 2.0, 0.5, Side.SELL),
        Trade("a", 10, 3.0, 0.5, Side.SELL),
    ]
    assert [row["id"] for row in replies.trades(rows)] == ["b", "a", 3]
    assert replies.trades(rows)[0] == {"id": "b", "time": 10, "price": 2, "amount": 0.5, "type": "sell"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (1, 1), (125456, 125456), (2**53, 2**53), (2**53 + 1, "9007199254740993"), (10**30, str(10**30)),
        (-(2**53), -(2**53)), (-(2**53) - 1, "-9007199254740993"), (-(10**30), str(-(10**30))),
        ("9007199254740993", "9007199254740993"), ("asdf346sfasf532", "asdf346sfasf532"), ("007", "007"),
    ],
)  # fmt: skip
def test_an_id_that_a_double_cannot_hold_is_text(given: Any, expected: Any) -> None:
    assert replies.safe_id(given) == expected
    assert written(replies.NewOrderReply().dump({"id": given})) == {"id": expected}
    [row] = replies.trades([Trade(given, 1, 1.0, 1.0, Side.BUY)])
    assert written(row)["id"] == expected


def test_balances_are_exact_under_lower_case_names() -> None:
    rows = [Balance("BTC", Decimal("1.20"), Decimal("0E-8")), Balance("ltc", Decimal("1E+3"), Decimal("0.1") ** 18)]
    assert wire.write(replies.BalanceReply(many=True).dump(rows)) == (
        b'[{"currency":"btc","free":1.20,"frozen":0.00000000},'
        b'{"currency":"ltc","free":1000,"frozen":0.000000000000000001}]'
    )


ORDER = Order(
    id=2**60, side=Side.SELL, price=Decimal("1002.50"), amount=Decimal("0.15"),
    filled=Decimal(0), average=Decimal(0), status=Status.CANCELLED, client_id="ours",
)  # fmt: skip


def test_an_orders_names() -> None:
    assert wire.write(replies.OrderReply().dump(ORDER)) == (
        b'{"id":"1152921504606846976","amount":0.15,"price":1002.50,"status":"cancelled","deal_amount":0,'
        b'"type":"sell","avg_price":0}'
    )


@pytest.mark.parametrize("status", [*Status])
def test_a_status_is_one_of_fmzs_words(status: Status) -> None:
    assert replies.OrderReply().dump(replace(ORDER, status=status))["status"] in ("open", "closed", "cancelled")


FMZ = ("MarginLevel", "Amount", "FrozenAmount", "Price", "Profit", "Type", "ContractType", "Margin", "Symbol")
SNAKE = ("margin_level", "amount", "frozen_amount", "price", "profit", "type", "contract_type", "margin", "symbol")


@pytest.mark.parametrize("names", [FMZ, SNAKE], ids=["FMZ's", "snake_case"])
@pytest.mark.parametrize(("side", "kind"), [(PositionSide.LONG, 0), (PositionSide.SHORT, 1)])
def test_a_position_has_both_spellings(names: tuple[str, ...], side: PositionSide, kind: int) -> None:
    position = Position(
        symbol=Symbol.parse("BTC_USDT.swap"), side=side, amount=Decimal(3), frozen=Decimal(1),
        price=Decimal("37000.50"), profit=Decimal("-1.25"), margin=Decimal("11.1"), leverage=Decimal(10),
    )  # fmt: skip
    [reply] = written(replies.PositionReply(many=True).dump([position]))
    assert reply.keys() == {*FMZ, *SNAKE}
    assert [reply[name] for name in names] == [
        10, 3, 1, Decimal("37000.50"), Decimal("-1.25"), kind, "swap", Decimal("11.1"), "BTC_USDT.swap",
    ]  # fmt: skip
