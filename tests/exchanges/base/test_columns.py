"""Tables of market data, read a column at a time: the same models, and the same words for what is wrong."""

import json
from typing import Any

import pytest

from exchanges.base import Candle, OutcomeUnknown, Row, Side, Symbol, Trade, known, levels
from protocol.errors import UNREADABLE
from protocol.numbers import double
from tests.lent import Lent
from tests.tiny import BTC, Canned, Tiny, ask, tiny

START = 1_700_000_000_000  # ms
WRONG: list[Any] = ["", "NaN", "Infinity", "1e400", "x", "1,2", None, True, [], {}, "1" + "0" * 400]


class Tabular(Tiny):
    """Tiny, with bars in lists, and trades in objects whose side no name says."""

    candle_row = Row(Candle, time=0, open=1, high=2, low=3, close=4, volume=6)
    trade_row = Row(Trade, id="id", time="ts", price="px", amount="qty")
    words = {"b": Side.BUY, "s": Side.SELL}

    def candles(self, symbol: Symbol, period: int, limit: int | None) -> list[Candle]:
        return self.read_all(self.candle_row, self.get("bars"))

    def trades(self, symbol: Symbol) -> list[Trade]:
        return self.read_all(self.trade_row, self.get("trades"), side=lambda row: known(self.words, row["way"], "side"))


def tabular(lent: Lent, *rows: Any) -> Tabular:
    http = Canned(body=json.dumps({"ok": list(rows)}).encode())
    exchange = tiny(lent, http, **{name: vars(Tabular)[name] for name in vars(Tabular) if not name.startswith("_")})
    assert isinstance(exchange, Tiny)
    return exchange  # type: ignore[return-value] # it has all that Tabular has


def bar(minute: int, **changed: Any) -> list[Any]:
    """A bar's row. changed: its cells that are others, by their places, as ``c1``."""
    row: list[Any] = [START + minute * 60_000, "1.50", "3", "0.5", "2.00000001", "unused", "1e3", "further"]
    return [changed.get(f"c{place}", cell) for place, cell in enumerate(row)]


def trade(number: int, **changed: Any) -> dict[str, Any]:
    return {"id": number, "ts": START + number, "px": "1.5", "qty": "2", "way": "b", **changed}


def test_bars_are_read_by_their_columns(lent: Lent) -> None:
    assert tabular(lent, bar(0), bar(1, c1=1)).candles(BTC, 1, None) == [
        Candle(START, 1.5, 3.0, 0.5, 2.00000001, 1000.0),
        Candle(START + 60_000, 1.0, 3.0, 0.5, 2.00000001, 1000.0),
    ]


def test_trades_are_read_by_their_columns_and_a_function_of_each_row(lent: Lent) -> None:
    trades = tabular(lent, trade(1), trade(2, id="x-2", way="s")).trades(BTC)
    assert trades == [
        Trade(1, START + 1, 1.5, 2.0, Side.BUY),
        Trade("x-2", START + 2, 1.5, 2.0, Side.SELL),
    ]


def test_no_cell_is_read_by_itself(lent: Lent, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("a cell was read by itself")

    exchange = tabular(lent, *map(bar, range(1000)))
    book = [["1.50000000", "2.0"]] * 200
    for reader in ("double", "exact", "milliseconds"):
        monkeypatch.setattr(f"protocol.numbers.{reader}", never)
    assert len(exchange.candles(BTC, 1, None)) == 1000
    assert levels(book) == [(1.5, 2.0)] * 200


@pytest.mark.parametrize("wrong", WRONG, ids=lambda cell: repr(cell)[:12])
def test_a_bar_with_a_wrong_cell_is_left_out_and_named(lent: Lent, wrong: Any) -> None:
    exchange = tabular(lent, bar(0), bar(1, c3=wrong), bar(2))
    assert [one.time for one in exchange.candles(BTC, 1, None)] == [START, START + 120_000]
    assert exchange.unreadable_rows == [f"3: {repr(wrong)[:40]} is no number"]


@pytest.mark.parametrize("wrong", [*WRONG, -1, 10**14, "1e3.", START * 1000], ids=lambda cell: repr(cell)[:12])
def test_a_bar_with_a_wrong_time_is_left_out_and_named(lent: Lent, wrong: Any) -> None:
    exchange = tabular(lent, bar(0), bar(1, c0=wrong), bar(2))
    assert [one.time for one in exchange.candles(BTC, 1, None)] == [START, START + 120_000]
    [problem] = exchange.unreadable_rows
    assert problem.startswith(f"0: {repr(wrong)[:40]} is no ")


def test_a_bar_that_is_too_short_or_none_is_left_out(lent: Lent) -> None:
    exchange = tabular(lent, bar(0), bar(1)[:3], None, 7, {}, bar(2))
    assert len(exchange.candles(BTC, 1, None)) == 2
    assert len(exchange.unreadable_rows) == 4


@pytest.mark.parametrize("wrong", [{"id": ""}, {"id": None}, {"id": True}, {"way": "both"}, {"px": "NaN"}, {"ts": "x"}])
def test_a_trade_with_a_wrong_cell_is_left_out_and_named(lent: Lent, wrong: dict[str, Any]) -> None:
    exchange = tabular(lent, trade(1), trade(2, **wrong), trade(3))
    assert [one.id for one in exchange.trades(BTC)] == [1, 3]
    [value] = wrong.values()
    assert repr(value) in exchange.unreadable_rows[0]


def test_the_first_row_is_the_one_that_an_error_names(lent: Lent) -> None:
    exchange = tabular(lent, bar(0, c4="second column"), bar(1, c1="first column"))
    with pytest.raises(OutcomeUnknown, match=r"\(4: 'second column' is no number\)"):
        ask(exchange, "records", symbol="BTC_USDT", period=1)


def test_a_table_without_rows_is_empty(lent: Lent) -> None:
    exchange = tabular(lent)
    assert exchange.candles(BTC, 1, None) == []
    assert exchange.trades(BTC) == []
    assert ask(exchange, "records", symbol="BTC_USDT", period=1) == {"data": []}


@pytest.mark.parametrize("wrong", WRONG, ids=lambda cell: repr(cell)[:12])
def test_a_book_with_a_wrong_cell_is_an_error_that_names_it(wrong: Any) -> None:
    rows = [["1.5", "2"], ["1.4", wrong], [wrong, "3"]]
    with pytest.raises(UNREADABLE) as by_column:
        levels(rows)
    with pytest.raises(UNREADABLE) as by_cell:
        double(wrong)
    assert str(by_column.value) == str(by_cell.value)


def test_a_book_names_its_first_wrong_row() -> None:
    with pytest.raises(ValueError, match="'amount'"):
        levels([["1.5", "amount"], ["price", "2"]])
