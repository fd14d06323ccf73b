"""Our client ids through ccxt: each exchange of the list carries ours under its own name, and finds an order by it,
open or done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from exchanges.base import ALPHANUMERIC, NewOrder, Side, Symbol
from exchanges.ccxt.client_ids import RULES
from exchanges.ccxt.futures import CcxtFutures
from exchanges.ccxt.names import FUTURES, name_of
from tests.exchanges.ccxt.canned import Canned, give_market, open_exchange
from tests.exchanges.ccxt.conftest import bridged
from tests.lent import Lent

pytestmark = pytest.mark.usefixtures("unlimited")

BASE = {"price": "60000.5", "side": "BUY", "type": "LIMIT", "time": 1700000000000, "updateTime": 1700000000000}
QUANTITIES = {"origQty": "0.01", "executedQty": "0", "cummulativeQuoteQty": "0", "timeInForce": "GTC"}


@dataclass(frozen=True)
class Proof:
    """market: the exchange's name of it. place: verb and path of a new order. row: makes its order row of an id and a
    state. look: verb and path of each look-up → how a row, or none, is wrapped there. asks: the name of our id in the
    look-up, empty where it is not asked for. states: its words for open and done. placed: wraps the row of a new
    order."""

    market: str
    place: str
    row: Callable[[str, str], dict[str, Any]]
    look: Mapping[str, Callable[[Any], Any]]
    asks: str
    states: tuple[str, str] = ("NEW", "FILLED")
    placed: Callable[[Any], Any] = field(default=lambda row: row)


def binance(prefix: str, market: str = "BTCUSDT", absent: int = -2013) -> Proof:
    def row(client_id: str, state: str) -> dict[str, Any]:
        return {"symbol": market, "orderId": 7, "clientOrderId": client_id, "status": state, **BASE, **QUANTITIES}

    missing = (400, {"code": absent, "msg": "Order does not exist."})
    return Proof(
        market, f"POST {prefix}order", row, {f"GET {prefix}order": lambda row: row or missing}, "origClientOrderId"
    )


def okx(market: str) -> Proof:
    def row(client_id: str, state: str) -> dict[str, Any]:
        return {
            "instId": market, "ordId": "7", "clOrdId": client_id, "px": "60000.5", "sz": "0.01", "side": "buy",
            "ordType": "limit", "state": state, "accFillSz": "0", "avgPx": "", "cTime": "1700000000000", "sCode": "0",
        }  # fmt: skip

    def wrapped(row: Any) -> Any:
        if row is None:
            return {"code": "51603", "msg": "Order does not exist", "data": []}
        return {"code": "0", "msg": "", "data": [row]}

    look = {"GET /api/v5/trade/order": wrapped}
    return Proof(market, "POST /api/v5/trade/order", row, look, "clOrdId", ("live", "filled"), wrapped)


def _bingx_row(client_id: str, state: str) -> dict[str, Any]:
    return {"symbol": "BTC-USDT", "orderId": 7, "clientOrderID": client_id, "status": state, **BASE, **QUANTITIES}


def _bingx(row: Any) -> Any:
    if row is None:
        return {"code": 80016, "msg": "order not exist"}
    return {"code": 0, "msg": "", "debugMsg": "", "data": row}


def _whitebit_row(client_id: str, state: str) -> dict[str, Any]:
    return {
        "orderId": 7, "id": 7, "clientOrderId": client_id, "market": "BTC_USDT", "side": "buy", "type": "limit",
        "timestamp": 1700000000.5, "ctime": 1700000000.5, "dealMoney": "0", "dealStock": "0", "amount": "0.01",
        "left": "0.01", "dealFee": "0", "price": "60000.5", "status": state,
    }  # fmt: skip


def _xt_row(client_id: str, state: str) -> dict[str, Any]:
    return {
        "symbol": "btc_usdt", "orderId": "7", "clientOrderId": client_id, "side": "BUY", "type": "LIMIT",
        "timeInForce": "GTC", "price": "60000.5", "origQty": "0.01", "executedQty": "0", "leavingQty": "0.01",
        "avgPrice": None, "state": state, "time": 1700000000000, "updatedTime": 1700000000000,
    }  # fmt: skip


def _xt(result: Any) -> Any:
    return {"rc": 0, "mc": "SUCCESS", "ma": [], "result": result}


PROOFS: dict[tuple[str, str], Proof] = {
    ("binance", "spot"): binance("/api/v3/"),
    ("binanceus", "spot"): binance("/api/v3/"),
    ("binanceusdm", "swap"): binance("/fapi/v1/"),
    ("okx", "spot"): okx("BTC-USDT"),
    ("okxus", "spot"): okx("BTC-USDT"),
    ("myokx", "spot"): okx("BTC-USDT"),
    ("myokx", "swap"): okx("BTC-USDT-SWAP"),
    ("bingx", "spot"): Proof(
        "BTC-USDT", "POST /openApi/spot/v1/trade/order", _bingx_row, {"GET /openApi/spot/v1/trade/query": _bingx},
        "clientOrderID", ("PENDING", "FILLED"), _bingx,
    ),
    ("weex", "spot"): binance("/api/v3/", absent=-2200),
    ("toobit", "spot"): Proof(
        "BTCUSDT", "POST /api/v1/spot/order", binance("").row,
        {"GET /api/v1/spot/order": lambda row: row or (400, {"code": -2013, "msg": "Order does not exist."})},
        "origClientOrderId",
    ),
    ("xt", "spot"): Proof(
        "btc_usdt", "POST /v4/order", _xt_row,
        {
            "GET /v4/open-order": lambda row: _xt([row] if row and row["state"] == "NEW" else []),
            "GET /v4/history-order": lambda row: _xt({"items": [row] if row and row["state"] == "FILLED" else []}),
        },
        "", placed=_xt,
    ),
    ("whitebit", "spot"): Proof(
        "BTC_USDT", "POST /api/v4/order/new", _whitebit_row,
        {
            "POST /api/v4/orders": lambda row: [[row]] if row and row["status"] == "NEW" else [[]],
            "POST /api/v4/trade-account/order/history": lambda row: {"BTC_USDT": [row]} if row else {},
        },
        "clientOrderId", placed=lambda row: row,
    ),
}  # fmt: skip
BROKERS = ("CCXT", "6b9ad766b55dBCDE", "x-TKT5PX2F", "x-cvBPrNm9", "177321641268789", "b-WEEX")
ELSEWHERE = {("kraken", "spot")}  # test_outcome.py and test_differences.py, before the fake


def test_every_rule_is_proved() -> None:
    assert RULES.keys() == PROOFS.keys() | ELSEWHERE
    assert all(rule.form.length >= 18 for rule in RULES.values())


@pytest.mark.parametrize(("exchange_id", "mode"), PROOFS)
def test_our_id_is_sent_and_found(exchange_id: str, mode: str, state: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    proof, rule, swap = PROOFS[exchange_id, mode], RULES[exchange_id, mode], mode == "swap"
    client_id = rule.form.render(2**127 + 4711)
    assert set(client_id) <= set(ALPHANUMERIC)
    give_market(monkeypatch, proof.market, swap=swap)
    monkeypatch.setattr(CcxtFutures, "hedged", lambda *_: False)
    kind = bridged(exchange_id, (FUTURES if swap else "") + name_of(exchange_id))
    assert kind.client_id == rule.form
    symbol = Symbol.parse("BTC_USDT.swap" if swap else "BTC_USDT")
    order = NewOrder(
        symbol=symbol, side=Side.BUY, price=Decimal("60000.50"), amount=Decimal("0.010"), client_id=client_id
    )

    http = Canned({proof.place: proof.placed(proof.row(client_id, proof.states[0]))})
    exchange = open_exchange(Lent(http=http, state=state, measure_clocks=False), kind)
    assert str(exchange.trade(order)) == "7"
    assert len(http.sent) == 1
    asked = http.params()
    assert asked[rule.native] == client_id
    carried = f"{asked} {dict(http.sent[-1].headers)}"
    if exchange_id != "xt":  # whose class writes it into every order, without an option
        assert not any(broker in carried for broker in BROKERS), "ccxt's own id as a broker"
    numbers = [Decimal(str(value)) for value in asked.values() if str(value).replace(".", "").isdigit()]
    assert {order.amount, order.price} <= set(numbers), "neither cut nor rounded"

    for word in proof.states:
        http = Canned({path: wrap(proof.row(client_id, word)) for path, wrap in proof.look.items()})
        exchange = open_exchange(Lent(http=http, state=state, measure_clocks=False), kind)
        assert str(exchange.find(symbol, client_id)) == "7", word
        assert not proof.asks or http.params()[proof.asks] == client_id

    http = Canned({path: wrap(None) for path, wrap in proof.look.items()})
    exchange = open_exchange(Lent(http=http, state=state, measure_clocks=False), kind)
    assert exchange.find(symbol, client_id) is None


def test_another_exchange_is_given_no_client_id(state: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    give_market(monkeypatch, "btc_idr")
    kind = bridged("indodax", "Indodax")
    assert kind.client_id is None
    http = Canned({"POST /tapi": {"success": 1, "return": {"order_id": 7, "receive_btc": "0"}}})
    exchange = open_exchange(Lent(http=http, state=state, measure_clocks=False), kind)
    order = NewOrder(
        symbol=Symbol.parse("BTC_USDT"), side=Side.BUY, price=Decimal(60000), amount=Decimal("0.01"), client_id="ours"
    )
    assert exchange.trade(order) == "7"
    assert "ours" not in str(http.params())
