"""Readers of rows: names that are checked, converters by type, the exchange's own words, and values from elsewhere."""

from decimal import Decimal
from typing import Any

import pytest

from exchanges.base import (
    Candle,
    Order,
    OutcomeUnknown,
    Position,
    Row,
    Side,
    Status,
    Ticker,
    TickerRow,
    levels,
    step_of,
)
from protocol.errors import NoPrice
from protocol.models import Depth
from tests.lent import Lent
from tests.tiny import KEYS, Canned, Tiny, ask, tiny

ROW = {
    "id": 7, "way": "B", "px": "64000.10", "qty": 2, "done": "0", "avg": "0.00", "state": "new", "cid": "mine",
}  # fmt: skip
READ = Order(
    id=7,
    side=Side.BUY,
    price=Decimal("64000.10"),
    amount=Decimal(2),
    filled=Decimal(0),
    average=Decimal(0),
    status=Status.OPEN,
    client_id="mine",
)


class Reading(Tiny):
    """Reads orders by its own words, and bars from lists."""

    sides = {"B": Side.BUY, "S": Side.SELL}
    level = ("price", "volume")
    order_row = Row(
        Order, id="id", side="way", price="px", amount="qty", filled="done", average="avg", status="state",
        client_id="cid",
    )  # fmt: skip
    candle_row = Row(Candle, time=0, open=1, high=2, low=3, close=4, volume=6)
    ticker_row = TickerRow(time="t", bid="b", ask="a", last="l", high="h", low="lo", volume="v")

    def orders(self, symbol: Any) -> list[Order]:
        return [self.read_order(row) for row in self.signed("GET", "orders")]


@pytest.fixture
def reading(lent: Lent) -> Reading:
    return lent.open(Reading, KEYS)


def test_the_models_names_are_checked_when_the_class_is_made() -> None:
    with pytest.raises(TypeError, match=r"^Order has no field clientid, ident$"):

        class Wrong(Tiny):
            order_row = Row(Order, ident="id", clientid="cid", price="px")

    with pytest.raises(TypeError, match="Candle has no field vol"):
        Row(Candle, time=0, vol=5)


def test_a_field_that_no_name_says_is_refused_when_the_class_is_made() -> None:
    with pytest.raises(TypeError, match=r"Position.side cannot be read by its name alone"):
        Row(Position, price="px", side="posSide")


def test_a_field_that_was_forgotten_is_the_adapters_mistake(lent: Lent) -> None:
    class Forgetful(Tiny):
        name = "Forgetful"
        ticker_row = TickerRow(last="last")

    exchange = lent.open(Forgetful, KEYS)
    with pytest.raises(AssertionError, match=r"Ticker: .*missing"):
        exchange.ticker_row({"last": 1})


def test_the_models_types_choose_how_a_field_is_read(reading: Reading) -> None:
    assert reading.read_order(ROW) == READ
    assert reading.read_order({**ROW, "id": "A-7", "extra": None}).id == "A-7"
    row = {"t": 1_700_000_000, "b": "1.5", "a": 2, "l": 1.5, "h": "3", "lo": "1", "v": "0.1"}
    assert reading.ticker_row(row) == Ticker(1_700_000_000_000, 1.5, 2.0, 1.5, 3.0, 1.0, 0.1)


@pytest.mark.parametrize(
    ("prices", "read"),  # bid, ask, last, high, low
    [
        (("1.5", 2, "1.6", "3", "1"), (1.5, 2.0, 1.6, 3.0, 1.0)),
        (("1.5", "2", "", "", ""), (1.5, 2.0, 1.5, 1.5, 1.5)),
        (("1.5", "2", None, None, None), (1.5, 2.0, 1.5, 1.5, 1.5)),
        (("1.5", "2", "0.000", 0, 0.0), (1.5, 2.0, 1.5, 1.5, 1.5)),
        (("", "2", "", "", ""), (2.0, 2.0, 2.0, 2.0, 2.0)),
        (("1.5", None, "", "", ""), (1.5, 1.5, 1.5, 1.5, 1.5)),
        (("", "", "1.6", "3", "1"), (1.6, 1.6, 1.6, 3.0, 1.0)),
        # The last price may be outside the book: the two sides never cross.
        (("1.5", "", "1.6", "3", "1"), (1.5, 1.6, 1.6, 3.0, 1.0)),
        (("1.5", "", "1.4", "3", "1"), (1.5, 1.5, 1.4, 3.0, 1.0)),
        (("", "2", "1.4", "3", "1"), (1.4, 2.0, 1.4, 3.0, 1.0)),
        (("", "2", "2.1", "3", "1"), (2.0, 2.0, 2.1, 3.0, 1.0)),
    ],
)
def test_a_ticker_has_the_prices_that_there_are(
    reading: Reading, prices: tuple[Any, ...], read: tuple[float, float, float, float, float]
) -> None:
    row = {"t": 1_700_000_000, **dict(zip(("b", "a", "l", "h", "lo"), prices, strict=True)), "v": None}
    assert reading.ticker_row(row) == Ticker(1_700_000_000_000, *read, 0.0)


@pytest.mark.parametrize("nothing", ["", None, 0, "0.00000000"])
def test_a_market_without_any_price_says_so(reading: Reading, nothing: Any) -> None:
    row = {"t": 1_700_000_000, **dict.fromkeys(("b", "a", "l", "h", "lo", "v"), nothing)}
    with pytest.raises(NoPrice) as refused:
        reading.ticker_row(row)
    assert str(refused.value) == (
        f"MAINTENANCE {reading.name}: the market has no price yet, no trade and no order in its book; ask again later"
    )
    priced = {**row, "l": 7}
    assert reading.read_priced(reading.ticker_row, [row, priced, row]) == [reading.ticker_row(priced)]
    assert reading.read_priced(reading.ticker_row, [row]) == []
    assert reading.unreadable_rows == []


def test_a_list_is_read_by_places(reading: Reading) -> None:
    assert reading.candle_row(["1700000000000", "1", "3", "0.5", "2", "9", "4"]) == (
        1_700_000_000_000, 1.0, 3.0, 0.5, 2.0, 4.0,
    )  # fmt: skip


def test_the_class_gives_the_row_itself() -> None:
    assert isinstance(Reading.order_row, Row)
    assert (Reading.order_row.model, Reading.order_row.keys["id"]) == (Order, "id")


@pytest.mark.parametrize("name", ROW)
def test_a_missing_key_is_an_error(reading: Reading, name: str) -> None:
    with pytest.raises(KeyError, match=repr(name)):
        reading.read_order({key: value for key, value in ROW.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [("way", "buy"), ("way", ""), ("way", None), ("state", "NEW"), ("state", "suspended"), ("px", "cheap"), ("px", "")],
)
def test_an_unknown_word_is_never_guessed(lent: Lent, name: str, value: str | None) -> None:
    exchange = lent.open(Reading, KEYS)
    with pytest.raises((LookupError, ValueError)):
        exchange.read_order({**ROW, name: value})


def test_what_cannot_be_read_has_no_definite_answer(lent: Lent) -> None:
    for body in (b'{"ok": [{"id": 7}]}', b'{"ok": [7]}'):
        exchange = tiny(lent, Canned(body=body), order_row=Row(Order, id="id", side="way"), orders=Reading.orders)
        with pytest.raises(OutcomeUnknown, match="Tiny: the reply is not as its documentation says"):
            ask(exchange, "orders")


def test_a_value_from_elsewhere_comes_before_the_rows(reading: Reading) -> None:
    row = {**ROW, "state": "not in any table", "px": ""}
    order = reading.order_row(row, status=Status.CLOSED, price=Decimal(5))
    assert (order.status, order.price, order.amount) == (Status.CLOSED, Decimal(5), READ.amount)
    del row["state"]
    assert reading.order_row(row, status=Status.CLOSED, price=Decimal(5)) == order


def test_levels_are_read_past_further_columns(reading: Reading) -> None:
    assert levels([["1.5", "2", "0", "13"], [1, "0.5", None]]) == [(1.5, 2.0), (1.0, 0.5)]
    assert levels([["x", 7, "1.5", "2"]], 2, 3) == [(1.5, 2.0)]
    rows = [{"price": "1.5", "volume": 2, "orders": 3}]
    assert reading.read_book({"asks": rows, "bids": []}, 9) == Depth(9, [(1.5, 2.0)], [])
    with pytest.raises(LookupError):
        levels([["1.5"]])


@pytest.mark.parametrize(("digits", "step"), [(0, "1"), (2, "0.01"), ("8", "0.00000001")])
def test_digits_are_read_as_a_step(digits: object, step: str) -> None:
    assert step_of(digits) == Decimal(step)


@pytest.mark.parametrize("digits", [-1, "-1", 1.5, "", None, True])
def test_what_is_no_number_of_digits_is_no_step(digits: object) -> None:
    with pytest.raises(ValueError, match="whole number"):
        step_of(digits)
