"""The envelope and the parameters that FMZ sends, in every spelling of its hosts."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from protocol import schemas
from protocol.errors import InvalidCall
from protocol.models import Direction, Symbol

NOT_NUMBERS: list[Any] = [
    "", " ", "abc", "NaN", "Infinity", "1e5000", "1e-5000", "1_000", "1,5", "１２", "٣", " 1", "1\n", "0x10", "--1",
    True, False, None, [], ["1"], {}, {"a": 1},
]  # fmt: skip
NOT_SYMBOLS: list[Any] = [
    " ", "_", "BTC/USDT", "BTC_USDT_X", "BTC_USDT\n", "BTC\ud800", "A" * 41, 1, True, ["BTC_USDT"], {"BTC": "USDT"},
]  # fmt: skip
KEY = "a string of at most 8 KiB"
NOT_TEXTS: list[Any] = [1, 1.5, True, [], {}, ["a"], "\ud800", "a\udfff"]


def refusal(schema: Any, data: Any) -> str:
    """Return the sentence that refuses ``data``."""
    with pytest.raises(InvalidCall) as refused:
        schema.read(data)
    return refused.value.message


# The envelope -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "nonce"),
    [
        ({"nonce": "1500793319499"}, 1500793319499),
        ({"nonce": "1502345965295519602"}, 1502345965295519602),
        ({"nonce": 1623307269528738000}, 1623307269528738000),
        ({"nonce": 0}, 0),
        ({"nonce": ""}, 0),
        ({"nonce": None}, 0),
        ({}, 0),
    ],
)
def test_a_nonce_of_either_dialect_is_read(body: dict[str, Any], nonce: int) -> None:
    assert schemas.CallSchema().read({"method": "ticker"} | body)["nonce"] == nonce


@pytest.mark.parametrize("nonce", [-1, "-1", "1.5", Decimal("1.5"), "1e18", "abc", " 1", True, [], {}])
def test_a_nonce_that_is_none_is_refused(nonce: Any) -> None:
    assert refusal(schemas.CallSchema(), {"method": "m", "nonce": nonce}) == "nonce must be a whole number, or its text"


def test_what_is_absent_or_null_in_the_envelope_is_empty() -> None:
    empty = {"access_key": "", "secret_key": "", "nonce": 0, "method": "m", "params": {}}
    assert schemas.CallSchema().read({"method": "m"}) == empty
    nulls = {"access_key": None, "secret_key": None, "nonce": None, "params": None}
    assert schemas.CallSchema().read({"method": "m", **nulls}) == empty


@pytest.mark.parametrize(
    ("top", "params", "key"),
    [
        ("a", {}, "a"), ("a", {"access_key": "b"}, "b"), ("a", {"access_key": ""}, "a"),
        ("a", {"access_key": None}, "a"), (None, {"access_key": "b"}, "b"), ("", {"access_key": "b"}, "b"),
        (None, {"access_key": None}, ""),
    ],
)  # fmt: skip
def test_keys_in_params_win_and_are_no_parameters(top: Any, params: dict[str, Any], key: str) -> None:
    call = schemas.CallSchema().read({"access_key": top, "method": "m", "params": {"symbol": "btc"} | params})
    assert call["access_key"] == key
    assert call["params"] == {"symbol": "btc"}


@pytest.mark.parametrize("text", NOT_TEXTS, ids=ascii)
@pytest.mark.parametrize(("field", "must"), [("access_key", KEY), ("secret_key", KEY), ("method", "a string")])
def test_what_must_be_text_is_text(field: str, must: str, text: Any) -> None:
    assert refusal(schemas.CallSchema(), {"method": "m", field: text}) == f"{field} must be {must}"


@pytest.mark.parametrize("text", NOT_TEXTS, ids=ascii)
@pytest.mark.parametrize("field", ["access_key", "secret_key"])
def test_a_key_in_params_is_text(field: str, text: Any) -> None:
    assert refusal(schemas.CallSchema(), {"method": "m", "params": {field: text}}) == f"params.{field} must be {KEY}"


@pytest.mark.parametrize("where", [lambda key: key, lambda key: {"params": key}])
@pytest.mark.parametrize("field", ["access_key", "secret_key"])
def test_a_key_has_a_greatest_length(field: str, where: Callable[[dict[str, str]], dict[str, Any]]) -> None:
    longest = where({field: "é" * 4096})
    assert schemas.CallSchema().read({"method": "m", **longest})[field] == "é" * 4096  # type: ignore[literal-required]
    assert f"{field} must be {KEY}" in refusal(
        schemas.CallSchema(), {"method": "m", **where({field: "é" * 4096 + "x"})}
    )


@pytest.mark.parametrize("method", [{}, {"method": None}])
def test_a_method_is_needed(method: dict[str, Any]) -> None:
    assert refusal(schemas.CallSchema(), method).startswith("method ")


@pytest.mark.parametrize("params", [[], "a=b", 1, True, [["symbol", "btc"]]])
def test_params_are_an_object(params: Any) -> None:
    assert refusal(schemas.CallSchema(), {"method": "m", "params": params}) == "params must be a JSON object"


def test_every_wrong_parameter_is_named_at_once_and_none_is_quoted() -> None:
    message = refusal(schemas.TradeParams(), {"symbol": "B/U", "type": "hold", "price": "cheap", "amount": "0"})
    assert re.findall(r"(?:^|; )(\w+) must be", message) == ["symbol", "type", "price", "amount"]
    assert not any(quoted in message for quoted in ("B/U", "hold", "cheap"))


# The methods' parameters ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["ETH_BTC", "btc", "btc_cny", "BTC_USDT.swap", "USDT.swap"])
@pytest.mark.parametrize("schema", [schemas.SymbolParams(), schemas.OrdersParams()], ids=["one", "orders"])
def test_a_market_is_read(schema: Any, text: str) -> None:
    symbol = schema.read({"symbol": text, "contract": "ignored", "": 1})["symbol"]
    assert (symbol, symbol.text) == (Symbol.parse(text), text)


@pytest.mark.parametrize("text", NOT_SYMBOLS, ids=ascii)
@pytest.mark.parametrize("schema", [schemas.SymbolParams(), schemas.OrdersParams()], ids=["one", "orders"])
def test_what_is_no_market_is_refused(schema: Any, text: Any) -> None:
    assert refusal(schema, {"symbol": text}).startswith("symbol must be a market such as BTC_USDT")


@pytest.mark.parametrize("params", [{}, {"symbol": None}, {"symbol": ""}, {"Symbol": "BTC_USDT"}])
def test_a_market_is_needed_except_for_open_orders(params: dict[str, Any]) -> None:
    assert refusal(schemas.SymbolParams(), params).startswith("symbol ")
    assert schemas.OrdersParams().read(params) == {"symbol": None}


def test_accounts_takes_anything_and_uses_nothing() -> None:
    assert schemas.NoParams().read({}) == schemas.NoParams().read({"symbol": "ETH_BTC"}) == {}


@pytest.mark.parametrize(("given", "period"), [("1440", 1440), (1440, 1440), ("1", 1), (1, 1), ("0005", 5)])
def test_a_period_is_minutes(given: Any, period: int) -> None:
    assert schemas.RecordsParams().read({"symbol": "btc", "period": given})["period"] == period


@pytest.mark.parametrize("period", [*NOT_NUMBERS, "0", 0, "-1", -1, "1.5", Decimal("1.5"), "1e3", "9" * 50], ids=ascii)
def test_a_wrong_period_is_refused(period: Any) -> None:
    assert refusal(schemas.RecordsParams(), {"symbol": "btc", "period": period}).startswith("period ")


def test_a_period_is_needed() -> None:
    message = refusal(schemas.RecordsParams(), {"symbol": "btc"})
    assert message == "period is missing; it must be a positive whole number of minutes"


@pytest.mark.parametrize(
    ("params", "limit"),
    [
        ({}, None), ({"limit": None}, None), ({"limit": ""}, None), ({"limit": 0}, None), ({"limit": "0"}, None),
        ({"limit": "00"}, None), ({"limit": "100"}, 100), ({"limit": 100}, 100), ({"limit": str(2**63 - 1)}, 2**63 - 1),
    ],
)  # fmt: skip
def test_a_limit_is_bars_and_may_be_missing(params: dict[str, Any], limit: int | None) -> None:
    assert schemas.RecordsParams().read({"symbol": "btc", "period": 1, **params})["limit"] == limit


@pytest.mark.parametrize(
    "limit", [" ", "abc", "-1", -1, "1.5", Decimal("1.5"), "1_000", "１２", True, False, [], {}, ["1"]], ids=ascii
)
def test_a_wrong_limit_is_refused(limit: Any) -> None:
    message = refusal(schemas.RecordsParams(), {"symbol": "btc", "period": 1, "limit": limit})
    assert message == "limit must be a positive whole number of bars"


@pytest.mark.parametrize(
    ("given", "order_id"),
    [
        ("XXX", "XXX"), ("123456", "123456"), (123456, "123456"), (2**70, str(2**70)),
        ("poimd55sdfheqxv", "poimd55sdfheqxv"), ("ETH-USDT,1547130415509278720", "ETH-USDT,1547130415509278720"),
        ("00012", "00012"), ("a" * 128, "a" * 128),
    ],
)  # fmt: skip
def test_an_order_id_is_text_or_a_number(given: Any, order_id: str) -> None:
    assert schemas.OrderParams().read({"symbol": "btc", "id": given})["order_id"] == order_id


@pytest.mark.parametrize(
    "order_id",
    ["", " ", "a b", "a\n", "\0", "é", "１", "\ud800", "a" * 129, 10**200, Decimal("1.5"), True, False, None, [], {}],
    ids=ascii,
)
def test_a_wrong_order_id_is_refused(order_id: Any) -> None:
    assert refusal(schemas.OrderParams(), {"symbol": "btc", "id": order_id}).startswith("id ")


def trade(**params: Any) -> dict[str, Any]:
    """Return a right order, but for ``params``; one that is ``...`` is left out."""
    order = {"symbol": "ETH_BTC", "type": "buy", "price": "1000", "amount": "1"} | params
    return {name: value for name, value in order.items() if value is not ...}


@pytest.mark.parametrize("word", [*Direction])
@pytest.mark.parametrize("case", [str.lower, str.upper, str.title, str.swapcase])
def test_an_orders_type_is_one_of_four_words_in_any_case(word: Direction, case: Any) -> None:
    assert schemas.TradeParams().read(trade(type=case(str(word))))["direction"] is word


@pytest.mark.parametrize(
    "word",
    [
        "", " ", "Buy ", " sell", "b", "buys", "long", "short", "close_buy", "closebuy_today", "close", "0", "1", 0,
        1, "ſell", "ｂuy", "buy\n", "buy;postOnly", "bu\u0443", "買", True, None, [], ["buy"], {"buy": 1}, ...,
    ],
    ids=ascii,
)  # fmt: skip
def test_any_other_type_is_refused_and_never_a_sale(word: Any) -> None:
    assert refusal(schemas.TradeParams(), trade(type=word)).startswith("type ")


@pytest.mark.parametrize(
    ("given", "amount"),
    [
        ("1", "1"), ("0.00000001", "0.00000001"), (1, "1"), (Decimal("0.10"), "0.10"), ("1e-8", "1E-8"), ("+2", "2"),
        ("1234567890123456789012345678.12345678", "1234567890123456789012345678.12345678"),
    ],
)  # fmt: skip
def test_an_amount_stays_exact(given: Any, amount: str) -> None:
    read = schemas.TradeParams().read(trade(amount=given))["amount"]
    assert read.as_tuple() == Decimal(amount).as_tuple()


@pytest.mark.parametrize(
    "amount",
    [
        *NOT_NUMBERS, ..., "0", 0, "0.0", "-0", "0e10", "-1", -1, "-0.00000001", Decimal("-1.5"), Decimal("1e5000"),
        10**50,
    ],
    ids=ascii,
)  # fmt: skip
def test_a_wrong_amount_is_refused(amount: Any) -> None:
    assert refusal(schemas.TradeParams(), trade(amount=amount)).startswith("amount ")


@pytest.mark.parametrize("price", ["-1", -1, "0", 0, "-1.0", Decimal("-1"), "0.00", "-0", "-0.5", "-1e3"])
def test_a_price_that_is_not_positive_means_market(price: Any) -> None:
    assert schemas.TradeParams().read(trade(price=price))["price"] is None


@pytest.mark.parametrize(
    ("given", "price"), [("1000", "1000"), (1000, "1000"), (Decimal("0.10"), "0.10"), ("1e-8", "1E-8")]
)
def test_a_price_stays_exact(given: Any, price: str) -> None:
    assert str(schemas.TradeParams().read(trade(price=given))["price"]) == price


@pytest.mark.parametrize("price", [*NOT_NUMBERS, ..., Decimal("1e5000"), 10**50], ids=ascii)
def test_a_missing_or_wrong_price_is_refused_and_never_means_market(price: Any) -> None:
    assert refusal(schemas.TradeParams(), trade(price=price)).startswith("price ")


# io -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "code", "args"),
    [
        ({"code": 0, "args": [12]}, 0, [12]), ({"code": "3", "args": []}, 3, []), ({"code": 3}, 3, []),
        ({"code": 4, "args": [None, {}, "x"]}, 4, [None, {}, "x"]),
    ],
)  # fmt: skip
def test_an_io_call_is_a_code_with_arguments(params: Any, code: int, args: list[Any]) -> None:
    assert schemas.IoParams().read(params) == {"code": code, "args": args}


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "code is missing; it must be a whole number"), ({"code": -1}, "code must be a whole number"),
        ({"code": "x"}, "code must be a whole number"), ({"code": True}, "code must be a whole number"),
        ({"code": 0, "args": "swap"}, "args must be a JSON array"),
        ({"code": 0, "args": {"0": 1}}, "args must be a JSON array"),
    ],
)  # fmt: skip
def test_a_wrong_io_call_is_refused(params: Any, message: str) -> None:
    assert refusal(schemas.IoParams(), params) == message


@pytest.mark.parametrize(
    ("schema", "args", "asked"),
    [
        (schemas.LeverageArguments(), [12], {"leverage": 12, "symbol": None}),
        (schemas.LeverageArguments(), ["12"], {"leverage": 12, "symbol": None}),
        (schemas.LeverageArguments(), ["BTC_USDT.swap", 15], {"leverage": 15, "symbol": Symbol("BTC", "USDT", "swap")}),
        (schemas.LeverageArguments(), ["", 15], {"leverage": 15, "symbol": None}),
        (schemas.DirectionArguments(), ["closesell"], {"direction": Direction.CLOSE_SELL}),
        (schemas.DirectionArguments(), ["BUY"], {"direction": Direction.BUY}),
        (schemas.ContractArguments(), ["quarter"], {"contract": "quarter"}),
        (schemas.PositionsArguments(), [], {"symbol": None}),
        (schemas.PositionsArguments(), [""], {"symbol": None}),
        (schemas.PositionsArguments(), [None], {"symbol": None}),
        (schemas.PositionsArguments(), ["swap"], {"symbol": Symbol("SWAP")}),
        (schemas.PositionsArguments(), ["USDT.swap"], {"symbol": Symbol("USDT", "", "swap")}),
        (schemas.PositionsArguments(), ["BTC_USDT.swap"], {"symbol": Symbol("BTC", "USDT", "swap")}),
    ],
)
def test_io_arguments_are_read(schema: Any, args: list[Any], asked: dict[str, Any]) -> None:
    assert schema.read(args) == asked


@pytest.mark.parametrize(
    ("schema", "args", "message"),
    [
        (schemas.LeverageArguments(), [], "leverage is missing; it must be a positive whole number"),
        (schemas.LeverageArguments(), [0], "leverage must be a positive whole number"),
        (schemas.LeverageArguments(), [-5], "leverage must be a positive whole number"),
        (schemas.LeverageArguments(), [Decimal("2.5")], "leverage must be a positive whole number"),
        (schemas.LeverageArguments(), ["NaN"], "leverage must be a positive whole number"),
        (schemas.LeverageArguments(), [True], "leverage must be a positive whole number"),
        (schemas.LeverageArguments(), [15, "BTC_USDT.swap"], "leverage must be a positive whole number"),
        (schemas.LeverageArguments(), ["B/U", 15], "symbol must be a market such as BTC_USDT.swap"),
        (schemas.LeverageArguments(), [1, 2, 3], "args takes at most 2"),
        (schemas.DirectionArguments(), [], "direction is missing; it must be buy, sell, closebuy or closesell"),
        (schemas.DirectionArguments(), ["long"], "direction must be buy, sell, closebuy or closesell"),
        (schemas.DirectionArguments(), ["buy", "sell"], "args takes at most 1"),
        (schemas.ContractArguments(), [], "contract is missing; it must be a contract code such as swap"),
        (schemas.ContractArguments(), [1], "contract must be a contract code such as swap"),
        (schemas.ContractArguments(), [["swap"]], "contract must be a contract code such as swap"),
        (schemas.PositionsArguments(), ["B/U"], "symbol must be a market or a contract code"),
        (schemas.PositionsArguments(), [3], "symbol must be a market or a contract code"),
        (schemas.PositionsArguments(), [{}], "symbol must be a market or a contract code"),
    ],
)
def test_wrong_io_arguments_are_refused(schema: Any, args: list[Any], message: str) -> None:
    wrong = refusal(schema, args).split("; ")
    assert message in ("; ".join(wrong), wrong[0])
