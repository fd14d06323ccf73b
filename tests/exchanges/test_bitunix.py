"""Bitunix: nonces, refusals in their classes, lists to their ends, and what closes a position."""

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from exchanges.bitunix import FuturesBitunix
from protocol.errors import (
    AuthenticationFailed,
    ExchangeError,
    GatewayError,
    InsufficientFunds,
    InvalidCall,
    InvalidOrder,
    NotSent,
    OrderNotFound,
    OutcomeUnknown,
    RateLimited,
    Unsupported,
)
from protocol.models import NewOrder, PositionSide, Side, Symbol
from tests.lent import Lent
from tests.recorder import Recorder
from transport.credentials import Credentials

KEYS = Credentials("fmz-key", "fmz-secret")
SWAP = Symbol("BTC", "USDT", "swap")
MARKET = {
    "symbol": "BTCUSDT",
    "base": "BTC",
    "quote": "USDT",
    "minTradeVolume": "0.0001",
    "basePrecision": 4,
    "quotePrecision": 1,
    "symbolStatus": "OPEN",
}
ORDER = {
    "orderId": "1",
    "symbol": "BTCUSDT",
    "qty": "0.5",
    "tradeQty": "0",
    "price": "60000",
    "side": "BUY",
    "orderType": "LIMIT",
    "status": "NEW",
    "ctime": "1700000000000",
}
POSITION = {"positionId": "7", "symbol": "BTCUSDT", "qty": "0.5", "side": "LONG", "positionMode": "HEDGE"}
CLOSE = NewOrder(symbol=SWAP, side=Side.SELL, price=None, amount=Decimal("0.5"), closes=True, client_id="x")


Connect = Callable[..., tuple[FuturesBitunix, Recorder]]


@pytest.fixture
def connect(lent: Lent) -> Connect:
    """Return a function that connects to an exchange which answers by resource: with data, with what a function makes
    of the query, or with the code of an error."""

    def connect(**replies: Any) -> tuple[FuturesBitunix, Recorder]:
        known = {"trading_pairs": [MARKET], "account": {"positionMode": "HEDGE"}, **replies}

        def answer(path: str, query: dict[str, str]) -> Any:
            reply = known[path.rpartition("/")[2]]
            reply = reply(query) if callable(reply) else reply
            code, data = (reply, None) if isinstance(reply, int) else (0, reply)
            return {"code": code, "data": data, "msg": "words"}

        recorder = Recorder(answer)
        return replace(lent, http=recorder, deadline=60.0).open(FuturesBitunix, KEYS, "a request"), recorder

    return connect


def resources(recorder: Recorder) -> list[str]:
    """Return the resources that were asked for."""
    return [path.rpartition("/")[2] for path in recorder.paths]


# Calls ------------------------------------------------------------------------------------------------------------


def test_every_call_has_a_nonce_of_its_own(connect: Connect) -> None:
    exchange, recorder = connect(get_pending_positions=[])
    exchange.positions(None)
    exchange.positions(None)
    nonces = {str(request.headers["nonce"]) for request in recorder.sent if "nonce" in request.headers}
    assert len(nonces) == 2
    assert {len(nonce) for nonce in nonces} == {32}


# Refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        (OutcomeUnknown, "10001 30042"),
        (AuthenticationFailed, "10003 10004 10007"),
        (RateLimited, "10005 10006"),
        (InsufficientFunds, "20003 20008"),
        (OrderNotFound, "20007 30011 10013"),
        (InvalidOrder, "30016 30017 30013 30039 30014 30015 30001 30002 30003"),
        (ExchangeError, "10002 10008 20001 20002 20011 20012 20015 30040 20005 20006 20009 30004 30018 30019 99999"),
    ],
)
def test_a_code_has_its_class(connect: Connect, kind: type[GatewayError], codes: str) -> None:
    for code in codes.split():
        exchange, _ = connect(get_order_detail=int(code))
        with pytest.raises(kind) as caught:
            exchange.order(SWAP, "1")
        assert type(caught.value) is kind, code


def test_an_order_that_is_not_there_is_not_found_by_our_id(connect: Connect) -> None:
    assert connect(get_order_detail=20007)[0].find(SWAP, "x") is None
    assert connect(get_order_detail=ORDER)[0].find(SWAP, "x") == "1"
    replies: tuple[Any, ...] = (10001, None, [])
    for unclear in replies:
        exchange, _ = connect(get_order_detail=unclear)
        with pytest.raises((OutcomeUnknown, TypeError)):  # the desk takes both for an order that may exist
            exchange.find(SWAP, "x")


@pytest.mark.parametrize("lists", [{"successList": []}, {"successList": None}, {}])
def test_a_cancel_that_failed_within_a_success_is_a_refusal(connect: Connect, lists: dict[str, Any]) -> None:
    failed = {"orderId": "1", "clientId": "", "errorMsg": "order not found", "errorCode": "20007"}
    exchange, _ = connect(cancel_orders={**lists, "failureList": [failed]})
    with pytest.raises(OrderNotFound, match="20007 order not found"):
        exchange.cancel(SWAP, "1")


def test_a_failure_among_successes_is_left_to_who_passed_the_call_through(connect: Connect) -> None:
    failed = {"orderId": "1", "clientId": "", "errorMsg": "order not found", "errorCode": "20007"}
    reply = {"successList": [{"orderId": "2", "clientId": ""}], "failureList": [failed]}
    assert connect(cancel_orders=reply)[0].raw("POST", "api/v1/futures/trade/cancel_orders", {}) == reply


# Lists ------------------------------------------------------------------------------------------------------------


def test_open_orders_are_read_to_the_last_page(connect: Connect) -> None:
    def page(query: dict[str, str]) -> dict[str, Any]:
        start = int(query["skip"])
        rows = [{**ORDER, "orderId": str(number)} for number in range(start, min(start + 100, 150))]
        return {"orderList": rows, "total": "150"}

    exchange, recorder = connect(get_pending_orders=page)
    assert [order.id for order in exchange.orders(SWAP)] == [str(number) for number in range(150)]
    assert recorder.queries[-1] == {"symbol": "BTCUSDT", "skip": "100", "limit": "100"}


def test_the_last_past_orders_are_read_no_further_than_asked(connect: Connect) -> None:
    def page(query: dict[str, str]) -> dict[str, Any]:
        cancelled = query.get("queryCanceled") == "true"
        first = 1_700_000_000_000 + cancelled - 2 * int(query["skip"])
        status = "CANCELED" if cancelled else "FILLED"
        rows = [
            {**ORDER, "orderId": f"{first - 2 * i}", "ctime": str(first - 2 * i), "status": status} for i in range(100)
        ]
        return {"orderList": rows, "total": "100000"}

    exchange, recorder = connect(get_history_orders=page)
    newest = [str(1_700_000_000_001 - i) for i in range(120)]
    assert [order.id for order in exchange.history(SWAP, None, 120)] == newest[::-1]
    assert resources(recorder).count("get_history_orders") == 4
    with pytest.raises(Unsupported, match="over 5000 orders"):
        exchange.history(SWAP, 1, 5)


def test_null_is_an_empty_list(connect: Connect) -> None:
    exchange, _ = connect(get_pending_positions=None, get_pending_orders={"orderList": None, "total": "0"})
    assert exchange.positions(None) == []
    assert exchange.orders(None) == []


def test_an_average_of_fills_is_exact(connect: Connect) -> None:
    fills = [{"qty": "0.1", "price": "0.1"}, {"qty": "0.2", "price": "0.4"}]
    row = {**ORDER, "tradeQty": "0.3", "status": "PART_FILLED"}
    exchange, _ = connect(get_order_detail=row, get_history_trades={"tradeList": fills})
    assert exchange.order(SWAP, "1").average == Decimal("0.3")


def test_an_order_is_known_also_where_its_fills_are_not(connect: Connect) -> None:
    row = {**ORDER, "tradeQty": "0.3", "status": "PART_FILLED"}
    exchange, _ = connect(get_order_detail=row, get_history_trades=10001)
    order = exchange.order(SWAP, "1")
    assert (order.filled, order.average) == (Decimal("0.3"), Decimal(0))


# Closing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply", [10001, {"no": "list"}, [{**POSITION, "side": "UP"}], [{**POSITION, "positionMode": "?"}]]
)
def test_an_order_is_not_sent_where_its_position_is_not_clear(connect: Connect, reply: Any) -> None:
    exchange, recorder = connect(get_pending_positions=reply)
    with pytest.raises(NotSent, match="asked before the order, which was not sent"):
        exchange.trade(CLOSE)
    assert "place_order" not in resources(recorder)


@pytest.mark.parametrize("reply", [[], None, [{**POSITION, "side": "SHORT"}], [{**POSITION, "qty": "0"}]])
def test_what_is_not_held_cannot_be_closed(connect: Connect, reply: Any) -> None:
    exchange, recorder = connect(get_pending_positions=reply)
    with pytest.raises(InvalidCall, match="no long position"):
        exchange.trade(CLOSE)
    assert "place_order" not in resources(recorder)


@pytest.mark.parametrize(("word", "side"), [("LONG", "BUY"), ("BUY", "BUY"), ("SHORT", "SELL"), ("SELL", "SELL")])
def test_a_closing_order_in_hedge_mode_names_the_position(connect: Connect, word: str, side: str) -> None:
    other = {**POSITION, "positionId": "8", "side": "SHORT" if side == "BUY" else "LONG"}
    exchange, recorder = connect(
        get_pending_positions=[other, {**POSITION, "side": word}], place_order={"orderId": "1", "clientId": "x"}
    )
    assert exchange.trade(replace(CLOSE, side=Side.SELL if side == "BUY" else Side.BUY)) == "1"
    sent = json.loads(str(recorder.sent[-1].body, "utf-8"))  # type: ignore[arg-type]
    assert sent == {
        "symbol": "BTCUSDT", "qty": "0.5", "orderType": "MARKET", "clientId": "x", "side": side, "tradeSide": "CLOSE",
        "positionId": "7",
    }  # fmt: skip


def test_a_positions_side_is_read_by_either_word(connect: Connect) -> None:
    row = {**POSITION, "avgOpenPrice": "1", "unrealizedPNL": "-2", "margin": "3", "leverage": 4, "side": "SELL"}
    [position] = connect(get_pending_positions=[row])[0].positions(SWAP)
    assert (position.side, position.profit, position.leverage) == (PositionSide.SHORT, Decimal(-2), Decimal(4))


def test_a_closing_order_asks_for_no_position_in_one_way_mode(connect: Connect) -> None:
    exchange, recorder = connect(account=[{"positionMode": "ONE_WAY"}], place_order={"orderId": "1", "clientId": "x"})
    assert exchange.trade(CLOSE) == "1"
    assert "get_pending_positions" not in resources(recorder)
    sent = json.loads(str(recorder.sent[-1].body, "utf-8"))  # type: ignore[arg-type]
    assert sent == {
        "symbol": "BTCUSDT", "qty": "0.5", "orderType": "MARKET", "clientId": "x", "side": "SELL", "reduceOnly": True,
    }  # fmt: skip


@pytest.mark.parametrize("reply", [10001, {"positionMode": "?"}, None])
def test_an_order_is_not_sent_where_the_position_mode_is_not_clear(connect: Connect, reply: Any) -> None:
    for order in (CLOSE, replace(CLOSE, closes=False)):
        exchange, recorder = connect(account=reply)
        with pytest.raises(NotSent, match="asked before the order, which was not sent"):
            exchange.trade(order)
        assert "place_order" not in resources(recorder)


@pytest.mark.parametrize(
    ("mode", "word", "side"),
    [
        ("HEDGE", "CLOSE", Side.SELL),
        ("HEDGE", "OPEN", Side.BUY),
        ("ONE_WAY", "CLOSE", Side.BUY),
        (None, None, Side.BUY),
    ],
)
def test_the_side_of_an_order_in_hedge_mode_is_that_of_its_position(
    connect: Connect, mode: str | None, word: str | None, side: Side
) -> None:
    row = {**ORDER, "positionMode": mode, "tradeSide": word}
    assert connect(get_order_detail=row)[0].order(SWAP, "1").side is side


def test_every_documented_state_is_known() -> None:
    states = "INIT NEW PART_FILLED FILLED CANCELED PART_FILLED_CANCELED EXPIRED"
    assert FuturesBitunix.statuses.keys() == set(states.split())
