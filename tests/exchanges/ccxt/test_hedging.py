"""Position modes through ccxt: which position an order opens or closes, on accounts that keep long and short ones
apart, and a closing order never opens one."""

from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any

import ccxt
import pytest
import requests
from sqlalchemy import Engine

from exchanges.base import NewOrder, Side, Symbol, Unsupported
from exchanges.ccxt.futures import CcxtFutures
from exchanges.ccxt.hedging import ALWAYS_NAMED, NOT_REDUCE_ONLY, UNIFIED, WORDS
from exchanges.ccxt.names import FUTURES, name_of
from protocol.deadline import Deadline
from protocol.errors import GatewayError, OutcomeUnknown
from tests.exchanges.ccxt.canned import Canned, give_market, open_exchange
from tests.exchanges.ccxt.conftest import Call, bridged
from tests.exchanges.ccxt.fakes import FullFuturesBinance
from tests.fakes import KEY
from tests.lent import Lent
from transport.reply import Reply

SYMBOL = Symbol.parse("BTC_USDT.swap")
LIMIT = {"symbol": "BTC_USDT.swap", "type": "buy", "price": "60000.5", "amount": "0.010"}
DIRECTIONS = {"buy": (Side.BUY, False), "sell": (Side.SELL, False), "closebuy": (Side.SELL, True),
              "closesell": (Side.BUY, True)}  # fmt: skip

pytestmark = pytest.mark.usefixtures("unlimited")


# Before the fake of an exchange ---------------------------------------------------------------------------------------


def hedge(call_swaps: Call) -> None:
    assert "data" in call_swaps("__api_fapiPrivatePostPositionSideDual", {"dualSidePosition": "true"})


def test_in_hedge_mode_an_order_names_its_position(call_swaps: Call, swaps: FullFuturesBinance) -> None:
    hedge(call_swaps)
    for direction in DIRECTIONS:
        assert "data" in call_swaps("trade", {**LIMIT, "type": direction}), direction
    assert [(order.side, order.position) for order in swaps.orders] == [
        ("BUY", "LONG"), ("SELL", "SHORT"), ("SELL", "LONG"), ("BUY", "SHORT"),
    ]  # fmt: skip


def test_in_one_way_mode_an_order_names_none(call_swaps: Call, swaps: FullFuturesBinance) -> None:
    for direction in DIRECTIONS:
        assert "data" in call_swaps("trade", {**LIMIT, "type": direction}), direction
    assert {order.position for order in swaps.orders} <= {"", "BOTH"}


def test_the_mode_is_asked_for_once_a_minute_and_account(call_swaps: Call, swaps: FullFuturesBinance) -> None:
    for key in (KEY, KEY, f"{KEY}-2"):
        assert "data" in call_swaps("trade", LIMIT, key=key)
    assert swaps.asked["GET", "/fapi/v1/positionSide/dual"] == 2


def test_after_a_refusal_the_mode_is_asked_for_anew(call_swaps: Call, swaps: FullFuturesBinance) -> None:
    assert "data" in call_swaps("trade", LIMIT)
    hedge(call_swaps)
    assert "-4061" in call_swaps("trade", LIMIT)["error"]
    assert "data" in call_swaps("trade", LIMIT)
    assert [order.position for order in swaps.orders][1:] == ["LONG"]


@pytest.mark.parametrize("reply", [{"code": -1000, "msg": "down"}, {}, {"dualSidePosition": None}])
def test_without_the_mode_no_order_is_sent(
    reply: Any, call_swaps: Call, swaps: FullFuturesBinance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FullFuturesBinance, "mode", lambda *_: reply)
    assert call_swaps("trade", LIMIT)["error"].startswith("NOT_SENT ")
    assert swaps.orders == []


# By the requests that are sent ----------------------------------------------------------------------------------------


class Silent(Canned):
    """Answers what has no reply with an empty one."""

    def send(self, exchange: str, request: requests.Request, deadline: Deadline) -> Reply:
        try:
            return super().send(exchange, request, deadline)
        except AssertionError:
            return Reply(exchange, 200, "application/json", b"{}")


_BYBIT = {"retCode": 0, "retMsg": "OK", "result": {"uta": 1, "unifiedMarginStatus": 5}, "time": 1700000000000}
CLASSIC: Mapping[str, Mapping[str, Any]] = {
    **{key: {"GET /v5/user/query-api": _BYBIT, "GET /v5/account/info": _BYBIT} for key in ("bybit", "bybitid")},
    "bitget": {"GET /api/v3/account/settings": {"code": "25245", "msg": "not unified"}},
    "kucoin": {"GET /api/ua/v1/account/mode": {"code": "200000", "data": {"selfAccountMode": "CLASSIC"}}},
    "kucoinfutures": {"GET /api/ua/v1/account/mode": {"code": "200000", "data": {"selfAccountMode": "CLASSIC"}}},
}
"""The questions to an exchange before an order, for its kind of account."""


def sent(exchange_id: str, *, hedged: bool, state: Engine, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return the parameters of an order in each direction."""
    give_market(monkeypatch, "BTC-USDT", swap=True)
    monkeypatch.setattr(CcxtFutures, "hedged", lambda self, symbol=None: hedged and exchange_id not in ALWAYS_NAMED)
    http = Silent(CLASSIC.get(exchange_id, {}))
    kind = bridged(exchange_id, FUTURES + name_of(exchange_id))
    asked = []
    for side, closes in DIRECTIONS.values():
        exchange = open_exchange(Lent(http=http, state=state, measure_clocks=False), kind)
        order = NewOrder(symbol=SYMBOL, side=side, price=Decimal(60000), amount=Decimal(1), closes=closes)
        with suppress(GatewayError):  # the reply is empty
            exchange.trade(order)
        assert http.sent[-1].method == "POST", http.sent[-1].url
        asked.append(http.params())
    return asked


NATIVE: Mapping[str, tuple[tuple[str, ...], list[str]]] = {
    **dict.fromkeys(
        ("binanceusdm", "binancecoinm", "bingx", "bydfi", "kucoin", "kucoinfutures"),
        (("side", "positionSide"), ["buy long", "sell short", "sell long", "buy short"]),
    ),
    "myokx": (("side", "posSide"), ["buy long", "sell short", "sell long", "buy short"]),
    "phemex": (("side", "posSide"), ["buy long", "sell short", "sell long", "buy short"]),
    "poloniex": (("side", "posSide"), ["buy long", "sell short", "sell long", "buy short"]),
    "blofin": (("side", "positionSide"), ["buy long", "sell short", "sell long", "buy short"]),
    "deepcoin": (("side", "posSide"), ["buy long", "sell short", "sell long", "buy short"]),
    "weex": (("side", "positionSide"), ["buy long", "sell short", "sell long", "buy short"]),
    "xt": (("orderSide", "positionSide"), ["buy long", "sell short", "sell long", "buy short"]),
    # 1 is the long position, 2 the short one.
    **dict.fromkeys(("bybit", "bybitid"), (("side", "positionIdx"), ["buy 1", "sell 2", "sell 1", "buy 2"])),
    # The side is that of the position, not that of the trade.
    "bitget": (("side", "tradeSide"), ["buy open", "sell open", "buy close", "sell close"]),
    "bitrue": (("side", "open"), ["buy open", "sell open", "sell close", "buy close"]),
    **dict.fromkeys(("hashkey", "toobit"), (("side",), ["buy_open", "sell_open", "sell_close", "buy_close"])),
    # 1 opens a long position, 3 a short one; 4 closes a long one, 2 a short one.
    "mexc": (("side",), ["1", "3", "4", "2"]),
    # 1 opens a long position, 2 a short one; 3 closes a long one, 4 a short one.
    "digifinex": (("type",), ["1", "2", "3", "4"]),
    # The sign is the side.
    "gate": (("size", "reduce_only"), ["1 none", "-1 none", "-1 true", "1 true"]),
}
"""ccxt's id → the exchange's own names, and their values for an order that opens a long position, opens a short one,
closes a long one and closes a short one."""


@pytest.mark.parametrize("exchange_id", sorted(NATIVE))
def test_which_position_an_order_names(exchange_id: str, state: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    names, values = NATIVE[exchange_id]
    found = sent(exchange_id, hedged=True, state=state, monkeypatch=monkeypatch)
    assert [" ".join(str(asked.get(name)).lower() for name in names) for asked in found] == values


def test_every_exchange_of_the_tables_is_shown() -> None:
    assert NATIVE.keys() == UNIFIED | WORDS.keys() | ALWAYS_NAMED


def test_the_tables_say_one_thing_of_an_exchange() -> None:
    assert not UNIFIED & WORDS.keys()
    assert not ALWAYS_NAMED & (UNIFIED | WORDS.keys())


@pytest.mark.parametrize(
    ("exchange_id", "path", "name", "one_way", "apart"),
    [
        ("bingx", "/openApi/swap/v2/trade/leverage", "side", ["BOTH"], ["LONG", "SHORT"]),
        ("xt", "/future/user/v1/position/adjust-leverage", "positionSide", ["LONG", "SHORT"], ["LONG", "SHORT"]),
    ],
)
def test_a_leverage_is_that_of_all_positions(
    exchange_id: str,
    path: str,
    name: str,
    one_way: list[str],
    apart: list[str],
    state: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    give_market(monkeypatch, "BTC-USDT", swap=True)
    for hedged, sides in ((False, one_way), (True, apart)):
        monkeypatch.setattr(CcxtFutures, "hedged", lambda self, symbol=None, hedged=hedged: hedged)
        http = Canned({f"POST {path}": {"code": 0, "returnCode": 0, "msgInfo": "success", "data": {}, "result": {}}})
        lent = Lent(http=http, state=state, measure_clocks=False)
        exchange = open_exchange(lent, bridged(exchange_id, FUTURES + name_of(exchange_id)))
        assert exchange.set_leverage(20, SYMBOL) is True
        asked = [http.params(number) for number in range(len(http.sent))]
        assert [(one[name], str(one["leverage"])) for one in asked] == [(side, "20") for side in sides]


# Where ccxt cannot say ------------------------------------------------------------------------------------------------


def order_on(exchange_id: str, http: Canned, state: Engine, *, closes: bool) -> None:
    exchange = open_exchange(
        Lent(http=http, state=state, measure_clocks=False), bridged(exchange_id, FUTURES + name_of(exchange_id))
    )
    exchange.prepare(NewOrder(symbol=SYMBOL, side=Side.SELL, price=Decimal(60000), amount=Decimal(1), closes=closes))


@pytest.mark.parametrize("exchange_id", sorted(NOT_REDUCE_ONLY))
def test_a_closing_order_that_might_open_is_refused(
    exchange_id: str, state: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_market(monkeypatch, "BTC-USDT", swap=True)
    http = Canned({})
    with pytest.raises(Unsupported, match="one that closes might open a position"):
        order_on(exchange_id, http, state, closes=True)
    assert http.sent == []


@pytest.mark.parametrize(("mode", "refused"), [("HEDGE", True), ("ONE_WAY", False)])
def test_an_account_in_hedge_mode_is_refused_where_orders_cannot_name_positions(
    mode: str, refused: bool, state: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_market(monkeypatch, "BTC-USDT", swap=True)
    http = Canned({"GET /futures/api/v3/trade/position_mode": [[{"symbol": "BTC-USDT", "positionMode": mode}]]})
    if refused:
        with pytest.raises(Unsupported, match="Set the account to one-way mode; nothing was sent"):
            order_on("btse", http, state, closes=False)
    else:
        order_on("btse", http, state, closes=False)
    assert [request.method for request in http.sent] == ["GET"]


def test_a_reply_without_a_mode_is_not_taken_for_one_way_mode(state: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    give_market(monkeypatch, "BTC-USDT", swap=True)
    http = Canned({"GET /futures/api/v3/trade/position_mode": [[]]})
    with pytest.raises(OutcomeUnknown, match="it has no position mode"):
        order_on("btse", http, state, closes=False)


def test_markets_whose_mode_cannot_be_asked_for_get_orders_in_the_form_of_one_way_mode(
    state: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_market(monkeypatch, "BTC-USDT", swap=True)

    def refuse(self: CcxtFutures, ask: object) -> None:
        raise Unsupported("the ccxt library cannot do that for inverse swaps; nothing was sent")

    monkeypatch.setattr(CcxtFutures, "read", refuse)
    monkeypatch.setattr(CcxtFutures, "unified", lambda self, symbol: "BTC/USDT:USDT")
    monkeypatch.setattr(CcxtFutures, "market", lambda self, symbol: "BTC-USDT")
    exchange = open_exchange(Lent(http=Canned({}), state=state), bridged("bingx", "Futures_BingX"))
    assert isinstance(exchange, CcxtFutures)
    assert exchange.hedged(SYMBOL) is False


@pytest.mark.parametrize(("index", "hedged"), [("0", False), ("1", True)])
def test_positions_say_the_mode_where_no_call_does(
    index: str, hedged: bool, state: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_market(monkeypatch, "BTC-USDT", swap=True)
    row = {"symbol": "BTC-USDT", "positionIdx": index, "side": "Buy", "size": "1", "avgPrice": "60000", "leverage": "5"}
    reply = {"retCode": 0, "retMsg": "OK", "result": {"list": [row], "category": "linear"}, "time": 1700000000000}
    http = Silent({"GET /v5/position/list": reply})
    exchange = open_exchange(Lent(http=http, state=state, measure_clocks=False), bridged("bybit", "Futures_Bybit"))
    assert isinstance(exchange, CcxtFutures)
    assert exchange.hedged(SYMBOL) is hedged


# Every exchange of the library ----------------------------------------------------------------------------------------


def test_every_other_class_can_mark_an_order_as_reduce_only() -> None:
    # ccxt passes on what it does not know. Two exchanges have that very name, and list their orders with it.
    swaps = {name for name in ccxt.exchanges if getattr(ccxt, name)().has.get("swap")}
    assert {name for name in swaps if not _marks(getattr(ccxt, name))} == NOT_REDUCE_ONLY | {"aster", "poloniex"}


def _marks(kind: type[Any]) -> bool:
    if kind().has.get("createReduceOnlyOrder") is True:
        return True
    own = [method for base in kind.__mro__ for method in vars(base).values() if _is_of(method, base)]
    return any("create" in method.__name__ or "order_request" in method.__name__ for method in own if _reads(method))


def _is_of(method: Any, base: type) -> bool:
    return hasattr(method, "__code__") and method.__module__ == base.__module__ == f"ccxt.{base.__name__}"


def _reads(method: Any) -> bool:
    return "'reduceOnly'" in repr(method.__code__.co_consts)
