"""Orders by their ids, and past ones: what is looked up, read, sorted and cut for every exchange alike."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from exchanges.base import InvalidCall, Order, OutcomeUnknown, RateLimited, Row, Side, Status, Symbol, Unsupported
from tests.lent import Lent
from tests.tiny import BTC, KEYS, Canned, Tiny, tiny

PAST = [(30, 3, "done"), (10, 1, "gone"), (20, 9, "done"), (20, 2, "done"), (25, 4, "new"), (40, 5, "gone")]
"""Times, ids and states."""


class Looking(Tiny):
    """Looks orders up by either id, and lists past ones."""

    order_row = Row(Order, id="id", status="state")

    def order_reply(self, symbol: Symbol, *, order_id: str = "", client_id: str = "") -> Any:
        row = self.signed("GET", "order", id=order_id or None, cid=client_id or None)
        if not row:
            raise self.no_order(order_id or client_id)
        return row

    def past_orders(
        self, symbol: Symbol | None, since: int | None, limit: int | None
    ) -> Iterator[tuple[tuple[int, ...], Order]]:
        for time, number, state in PAST:
            if time >= (since or 0):
                yield (time, number), self.read_order({"id": number, "state": state})

    def read_order(self, row: Any) -> Order:
        nothing = Decimal(0)
        return self.order_row(row, side=Side.BUY, price=nothing, amount=nothing, filled=nothing, average=nothing)


def looking(lent: Lent, http: Canned) -> Looking:
    exchange = tiny(lent, http)
    return Looking(KEYS, exchange.upstream, exchange.deadline)


def test_an_order_is_its_reply_read(lent: Lent) -> None:
    http = Canned(body=b'{"ok": {"id": 7, "state": "done"}}')
    found = looking(lent, http).order(BTC, "7")
    assert (found.id, found.status) == (7, Status.CLOSED)
    assert http.sent[0].params == {"id": "7"}


@pytest.mark.parametrize("word", ["done", "a state in no table"])
def test_only_the_id_is_read_of_an_order_that_is_looked_for(lent: Lent, word: str) -> None:
    http = Canned(body=f'{{"ok": {{"id": "A-7", "state": "{word}"}}}}'.encode())
    assert looking(lent, http).find(BTC, "mine") == "A-7"
    assert http.sent[0].params == {"cid": "mine"}


def test_an_order_that_is_not_there_is_none(lent: Lent) -> None:
    for body in (b'{"ok": null}', b'{"code": 11, "message": "no such order"}'):
        assert looking(lent, Canned(body=body)).find(BTC, "mine") is None


@pytest.mark.parametrize(("code", "kind"), [(12, OutcomeUnknown), (-7, RateLimited)])
def test_a_look_up_that_fails_is_not_an_order_that_does_not_exist(lent: Lent, code: int, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        looking(lent, Canned(400, f'{{"code": {code}, "message": "words"}}'.encode())).find(BTC, "mine")


@pytest.mark.parametrize(
    ("since", "limit", "ids"),
    [
        (None, None, [1, 2, 9, 3, 5]),
        (None, 2, [3, 5]),
        (None, 99, [1, 2, 9, 3, 5]),
        (20, None, [2, 9, 3, 5]),
        (20, 2, [2, 9]),
        (21, 1, [3]),
        (41, 1, []),
    ],
)
def test_past_orders_are_the_first_from_a_time_on_or_the_last(
    lent: Lent, since: int | None, limit: int | None, ids: list[int]
) -> None:
    assert [order.id for order in looking(lent, Canned()).history(BTC, since, limit)] == ids


@pytest.mark.parametrize(
    ("since", "limit", "ids"), [(None, None, [3, 5]), (None, 1, [5]), (None, 3, [9, 3, 5]), (20, None, [2, 9, 3, 5])]
)
def test_past_orders_without_time_and_number_are_those_that_are_surely_complete(
    lent: Lent, since: int | None, limit: int | None, ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Looking, "history_page", 2)
    assert [order.id for order in looking(lent, Canned()).history(BTC, since, limit)] == ids


@pytest.mark.parametrize(("filled", "average", "given"), [("2", "0", "5"), ("2", "3", "3"), ("0", "0", "0")])
def test_the_average_of_an_order_is_asked_for_where_its_row_has_none(
    lent: Lent, filled: str, average: str, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_order(exchange: Looking, row: Any) -> Order:
        read: Order = exchange.order_row(
            row, side=Side.BUY, price=Decimal(0), amount=Decimal(2), filled=Decimal(filled), average=Decimal(average)
        )
        return read

    monkeypatch.setattr(Looking, "read_order", read_order)
    monkeypatch.setattr(Looking, "average_of_fills", lambda exchange, symbol, row, order: Decimal(row["id"]) - 2)
    found = looking(lent, Canned(body=b'{"ok": {"id": 7, "state": "done"}}')).order(BTC, "7")
    assert found.average == Decimal(given)


def test_what_an_exchange_cannot_do_is_unsupported(lent: Lent) -> None:
    http = Canned()
    exchange = tiny(lent, http)
    with pytest.raises(Unsupported, match=r"Tiny has no look-up of orders$"):
        exchange.order(BTC, "7")
    with pytest.raises(Unsupported, match="Tiny has no list of past orders"):
        exchange.history(BTC, None, None)
    with pytest.raises(Unsupported, match="Tiny lists open orders of one market only: name it"):
        exchange.one_market(None, "open orders")
    assert exchange.one_market(BTC, "open orders") is BTC
    assert http.sent == []


@pytest.mark.parametrize(("text", "number"), [("7", 7), ("007", 7), ("18194813", 18194813)])
def test_an_order_id_is_read_as_a_number(text: str, number: int, lent: Lent) -> None:
    assert looking(lent, Canned()).number(text) == number


@pytest.mark.parametrize("text", ["", "x", "1&x", "-1", "+1", "1.0", "1 ", "1_0", "\uff11", "1" * 5000])
def test_an_order_id_that_is_no_number_is_not_sent(text: str, lent: Lent) -> None:
    with pytest.raises(InvalidCall, match="numbers its orders"):
        looking(lent, Canned()).number(text)
