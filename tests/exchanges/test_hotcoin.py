"""Hotcoin: the host that is signed, refusals by their codes and words, pages of orders, and what they prove."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from exchanges.hotcoin import Hotcoin
from protocol.errors import (
    AuthenticationFailed,
    ExchangeError,
    GatewayError,
    InsufficientFunds,
    InvalidOrder,
    OrderNotFound,
    OutcomeUnknown,
    RateLimited,
    Unsupported,
    WrongTime,
)
from protocol.models import NewOrder, Side, Symbol
from tests.lent import Lent
from tests.recorder import Recorder
from transport.credentials import Credentials
from transport.signing import HmacHostQuery

KEYS = Credentials("fmz-key", "fmz-secret")
BTC_USDT = Symbol("BTC", "USDT")


Open = Callable[..., tuple[Hotcoin, Recorder]]


@pytest.fixture
def open_with(lent: Lent) -> Open:
    def open_with(answer: Callable[[str, dict[str, str]], Any]) -> tuple[Hotcoin, Recorder]:
        http = Recorder(answer)
        own = Lent(http, lent.state, now=lent.now, sleep=lent.sleep, deadline=5.0, measure_clocks=False)
        return own.open(Hotcoin, KEYS), http

    return open_with


def success(data: Any) -> Any:
    return {"code": 200, "msg": "success", "time": 1700000000000, "data": data}


def test_the_host_of_the_documentation_is_signed() -> None:
    assert issubclass(Hotcoin.signer, HmacHostQuery)
    assert f"https://{Hotcoin.signer.host}" == Hotcoin.url


# Refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "text", "kind"), [
    (300, "failed", OutcomeUnknown),
    (300, "", OutcomeUnknown),
    (300, "Insufficient balance", OutcomeUnknown),  # its words are not among the documented ones
    (300, "Illegal tradeAmount value", InvalidOrder),
    (300, "Illegal tradePrice value", InvalidOrder),
    (300, "Illegal request", ExchangeError),
    (300, "Illegal symbol format", ExchangeError),
    (20001, "Insufficient balance", InsufficientFunds),
    (20002, "Trading is suspended", ExchangeError),
    (20002, "", OutcomeUnknown),
    (20002, None, OutcomeUnknown),
    (1000, "Timestamp out of range", WrongTime),
    (1000, "symbol is empty", ExchangeError),
    (1000, "", ExchangeError),
    (10170, "", ExchangeError),
    (10173, "", AuthenticationFailed),
    (20724, "", RateLimited),
    (40008, "", ExchangeError),
    (40010, "", OrderNotFound),
    ("300", "failed", OutcomeUnknown),
])  # fmt: skip
def test_refusals_of_an_order(code: object, text: str | None, kind: type[GatewayError], open_with: Open) -> None:
    exchange, http = open_with(lambda *_: {"code": code, "msg": text, "time": 1700000000000, "data": None})
    with pytest.raises(GatewayError) as error:
        exchange.trade(NewOrder(symbol=BTC_USDT, side=Side.BUY, price=Decimal(5), amount=Decimal(1), client_id="x"))
    assert type(error.value) is kind
    assert http.paths == ["/v1/order/place"]
    assert not http.sent[0].body


def test_every_documented_state_is_known() -> None:
    assert Hotcoin.statuses.keys() == {"1", "2", "3", "4", "5", "8"}


# Lists of orders, in pages of 100 ---------------------------------------------------------------------------------


def listing(size: int, *, kind: str = "entrutsHis", **changes: Any) -> Callable[[str, dict[str, str]], Any]:
    """Return an exchange with so many orders, all open or all past, numbered from 1."""

    def answer(path: str, query: dict[str, str]) -> Any:
        assert path == "/v1/order/entrust"
        assert query["count"] == "100"
        numbers = range(1, size + 1)[(int(query["page"]) - 1) * 100 : int(query["page"]) * 100]
        rows = [
            {"id": number, "type": 0, "price": "5", "count": "1", "leftcount": "1", "successamount": "0"}
            | {"clientOrderId": f"of {number}"}
            | changes
            for number in numbers
        ]
        return success({"entrutsCur": [], "entrutsHis": None} | {kind: rows})

    return answer


def test_open_orders_are_read_to_the_last_page(open_with: Open) -> None:
    exchange, http = open_with(listing(101, kind="entrutsCur"))
    assert [order.id for order in exchange.orders(BTC_USDT)] == list(range(1, 102))
    assert [(query["page"], query["type"]) for query in http.queries] == [("1", "1"), ("2", "1")]


@pytest.mark.parametrize("kind", ["entrutsCur", "entrutsHis"])
def test_an_order_is_found_on_a_later_page(kind: str, open_with: Open) -> None:
    exchange, http = open_with(listing(1000, kind=kind))
    assert exchange.find(BTC_USDT, "of 250") == 250
    assert {query["type"] for query in http.queries} == {"0"}
    assert len(http.sent) == 3


def test_a_list_that_ends_proves_that_an_order_is_not_there(open_with: Open) -> None:
    exchange, http = open_with(listing(250))
    assert exchange.find(BTC_USDT, "ours") is None
    assert len(http.sent) == 3


def test_a_list_that_goes_on_proves_nothing(open_with: Open) -> None:
    exchange, _ = open_with(listing(1000))
    with pytest.raises(Unsupported, match="lists over 1000 orders"):
        exchange.find(BTC_USDT, "ours")


def test_a_row_without_a_client_order_id_proves_nothing(open_with: Open) -> None:
    def without(path: str, query: dict[str, str]) -> Any:
        return success({"entrutsCur": [{"id": 7}], "entrutsHis": [{"id": 8, "clientOrderId": "ours"}]})

    exchange, _ = open_with(without)
    assert exchange.find(BTC_USDT, "ours") == 8
    with pytest.raises(Unsupported, match="without their client order ids"):
        exchange.find(BTC_USDT, "another")


# Cancelling -------------------------------------------------------------------------------------------------------


def test_an_order_that_stays_open_is_looked_at_for_three_seconds(open_with: Open) -> None:
    row = {"id": 7, "statusCode": 4}
    exchange, http = open_with(lambda path, query: success(None if path.endswith("cancel") else row))
    assert exchange.cancel(BTC_USDT, "7") is False
    assert [path.rpartition("/")[2] for path in http.paths] == ["detailById", "cancel", *["detailById"] * 6]
