"""An exchange that the gateway has itself and the same one bridged, before the same fake, tell FMZ the same, but for
the differences that are listed here with their reasons."""

from typing import Any

import pytest

from exchanges import find
from exchanges.base import Exchange
from tests.exchanges.ccxt.conftest import bridged, calls
from tests.exchanges.ccxt.fakes import FULL
from tests.fakes import PASSPHRASE, SECRET, TOO_MUCH

LIMIT = {"type": "buy", "price": "60000.50", "amount": "0.010"}
WRONG = "d3Jvbmctc2VjcmV0LW9mLWJhc2U2NA=="
ASKED: dict[str, tuple[str, dict[str, Any], dict[str, str]]] = {
    "ticker": ("ticker", {}, {}),
    "depth": ("depth", {}, {}),
    "records": ("records", {"period": 1, "limit": 2}, {}),
    "records that are built": ("records", {"period": 2, "limit": 1}, {}),
    "trades": ("trades", {}, {}),
    "accounts": ("accounts", {}, {}),
    "markets": ("markets", {}, {}),
    "a limit order": ("trade", LIMIT, {}),
    "that order": ("order", {"id": "the last"}, {}),
    "modify": ("modify", {"id": "the last", "type": "buy", "price": "59999.50", "amount": "0.02"}, {}),
    "modify the price alone": ("modify", {"id": "the last", "type": "buy", "price": "59998.5", "amount": "-1"}, {}),
    "the modified order": ("order", {"id": "the last"}, {}),
    "modify to too much": ("modify", {"id": "the last", "type": "buy", "price": "-1", "amount": TOO_MUCH}, {}),
    "open orders": ("orders", {}, {}),
    "cancel": ("cancel", {"id": "the last"}, {}),
    "the cancelled order": ("order", {"id": "the last"}, {}),
    "no open orders": ("orders", {}, {}),
    "cancel again": ("cancel", {"id": "the last"}, {}),
    "modify what is cancelled": ("modify", {"id": "the last", "type": "buy", "price": "1", "amount": "-1"}, {}),
    "a market buy": ("trade", {**LIMIT, "price": "-1", "amount": "100.50"}, {}),
    "the bought order": ("order", {"id": "the last"}, {}),
    "cancel what is filled": ("cancel", {"id": "the last"}, {}),
    "a market sell": ("trade", {"type": "sell", "price": "-1", "amount": "0.010"}, {}),
    "the sold order": ("order", {"id": "the last"}, {}),
    "too little money": ("trade", {**LIMIT, "amount": TOO_MUCH}, {}),
    "a wrong secret": ("accounts", {}, {"secret": WRONG}),
    "an order with a wrong secret": ("trade", LIMIT, {"secret": WRONG, "key": "fake-key-0815-2"}),
    "an unknown key": ("accounts", {}, {"key": "other-key"}),
    "an unknown market": ("ticker", {"symbol": "BTC_NOTHING"}, {}),
    "an unknown order": ("order", {"id": "OUF4EM-FRGI2-MQMWZD"}, {}),
    "a futures call": ("io", {"code": 2, "args": ["swap"]}, {}),
}

_LISTED = (
    "ccxt's list of markets is asked first, and nothing is sent",
    "INVALID_CALL {name} lists no market BTC_NOTHING",
)
_TEXT = "ccxt makes every id a text"
_REPLACED = (
    "ccxt's editOrder is a cancel and a new order there, and is not called",
    "UNSUPPORTED not supported: {name} has no call that modifies an order. Cancel the order with CancelOrder, ask "
    "GetOrder what was filled of it, and place a new one for the rest. Nothing was sent, and the order is as it was",
)
DIFFERENCES: dict[tuple[str, str], tuple[str, Any]] = {
    ("Binance", "an unknown market"): _LISTED,
    ("OKX", "an unknown market"): _LISTED,
    ("Kraken", "an unknown market"): _LISTED,
    **dict.fromkeys([("Binance", title) for title, (method, _, _) in ASKED.items() if method == "modify"], _REPLACED),
    ("Binance", "trades"): (_TEXT, [("id", 28457, "28457"), ("id", 28458, "28458")]),
    ("Kraken", "trades"): (_TEXT, [("id", 71, "71"), ("id", 72, "72")]),
    ("Kraken", "markets"): ("Kraken's own adapter does not say what a contract is worth on spot", None),
    ("Kraken", "an unknown order"): (
        "ccxt takes Kraken's word, which means two things, for that about new orders",
        "INVALID_ORDER Kraken EOrder:Invalid order",
    ),
}
"""Exchange and call → the reason, and what the bridged one says: an error's text, the values that differ, or None where
the test below says it."""


def transcript(kind: type[Exchange]) -> tuple[dict[str, Any], list[Any]]:
    """Return what FMZ is told, by call, and the orders that the fake has in the end."""
    told: dict[str, Any] = {}
    with FULL[kind.name]() as fake, calls(kind, fake.url) as call:
        last = ""
        for title, (method, params, keys) in ASKED.items():
            answer = call(method, {**params, **({"id": last} if params.get("id") == "the last" else {})}, **keys)
            answer.pop("raw", None)
            told[title] = answer.get("data", answer.get("error"))
            if method == "trade" and "data" in answer:
                last = answer["data"]["id"]
        orders = [(one.market, one.side.lower(), one.price, one.amount, one.money, one.state) for one in fake.orders]
    return told, orders


def without_time(value: Any) -> Any:
    return {name: inner for name, inner in value.items() if name != "time"} if isinstance(value, dict) else value


@pytest.mark.usefixtures("unlimited")
@pytest.mark.parametrize(("exchange_id", "name"), [("binance", "Binance"), ("okx", "OKX"), ("kraken", "Kraken")])
def test_the_same_is_told(exchange_id: str, name: str) -> None:
    native, native_orders = transcript(find(name))
    told, orders = transcript(bridged(exchange_id, name))
    assert orders == native_orders, "what reached the exchange"
    assert len(orders) == 3
    for title, ours in native.items():
        theirs = told[title]
        if (name, title) not in DIFFERENCES:
            assert without_time(theirs) == without_time(ours), title
            continue
        reason, what = DIFFERENCES[name, title]
        assert theirs != ours, f"{title}: no longer different, {reason}"
        if isinstance(what, str):
            assert theirs == what.format(name=name)
        elif what:
            key = what[0][0]
            assert [(key, row[key], other[key]) for row, other in zip(ours, theirs, strict=True)] == what
        assert SECRET not in str(theirs)
        assert PASSPHRASE not in str(theirs)


@pytest.mark.usefixtures("unlimited")
def test_the_differences_of_kraken() -> None:
    native, _ = transcript(find("Kraken"))
    told, _ = transcript(bridged("kraken", "Kraken"))
    ours, theirs = native["markets"]["BTC_USDT"], told["markets"]["BTC_USDT"]
    assert {key: value for key, value in theirs.items() if ours[key] != value} == {
        "CtValCcy": "BTC",
        "ct_val_ccy": "BTC",
    }
