"""Lists with a row that cannot be read: it never takes the others."""

import json
import logging
from decimal import Decimal
from typing import Any

import pytest

from exchanges.base import Order, OutcomeUnknown, Row, Trade
from protocol.wire import write
from tests.lent import Lent
from tests.tiny import KEYS, Canned, Tiny, ask

GOOD = {"id": 0, "side": "buy", "px": "1", "qty": "2", "done": "0", "state": "new"}


class Listing(Tiny):
    """Tiny, with lists."""

    order_row = Row(Order, id="id", side="side", price="px", amount="qty", filled="done", status="state")
    trade_row = Row(Trade, id="id", time="time", price="px", amount="qty", side="side")

    def orders(self, symbol: Any) -> list[Order]:
        return self.read_all(self.read_order, self.signed("GET", "orders"), keep=True)

    def trades(self, symbol: Any) -> list[Trade]:
        return self.read_all(self.trade_row, self.get("trades"))

    def read_order(self, row: Any) -> Order:
        return self.order_row(row, average=lambda: Decimal(row["avg"]))


def listing(lent: Lent, *rows: dict[str, Any]) -> Listing:
    lent.http = Canned(body=json.dumps({"ok": list(rows)}).encode())
    lent.__post_init__()
    lent.deadline = 10.0
    return lent.open(Listing, KEYS)


def test_a_row_is_left_out_where_it_costs_nothing(lent: Lent) -> None:
    rows = [{**GOOD, "time": 1_700_000_000_000, "side": side} for side in ("buy", "both", "sell")]
    exchange = listing(lent, *rows)
    assert [trade.side for trade in exchange.trades(None)] == ["buy", "sell"]
    assert exchange.unreadable_rows == ["side: unknown side 'both'"]


def test_an_open_order_is_given_with_what_can_be_read(lent: Lent) -> None:
    odd = {**GOOD, "avg": "1", "id": 7, "px": "", "state": "pause"}
    good, partly = listing(lent, {**GOOD, "avg": "1"}, odd).orders(None)
    assert (good.id, good.price, good.status) == (0, Decimal(1), "open")
    assert (partly.id, partly.amount, partly.status.value) == (7, Decimal(2), "open")
    assert str(partly.price) == "None", "what cannot be read is no number"


def test_it_is_marked_beside_the_answer_and_logged_once(lent: Lent, caplog: pytest.LogCaptureFixture) -> None:
    exchange = listing(lent, {**GOOD, "avg": "1"}, GOOD)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            reply = json.loads(write(ask(exchange.fresh(), "orders", symbol="BTC_USDT")))
    assert [row["avg_price"] for row in reply["data"]] == [1, None]
    assert reply["raw"]["unreadable"] == ["it lacks 'avg'"]
    assert reply["raw"]["ok"][0]["id"] == 0
    assert caplog.text.count("a row of a list cannot be read (it lacks 'avg')") == 1


def test_a_list_of_which_nothing_can_be_read_is_an_error(lent: Lent) -> None:
    exchange = listing(lent, {**GOOD, "time": 1, "px": "x"}, {**GOOD, "time": 1, "px": "NaN"})
    with pytest.raises(OutcomeUnknown, match=r"documentation says \(px: 'x' is no number\)"):
        ask(exchange, "trades", symbol="BTC_USDT")


def test_an_empty_list_is_empty(lent: Lent) -> None:
    assert listing(lent).trades(None) == []
