"""The spellings of FMZ's calls: each means one call, and none that begins with ``get`` changes anything."""

from collections.abc import Callable

import pytest

from protocol.methods import METHODS
from protocol.names import CHANGES, ONE_MARKET, REFUSED, method_name

FMZ = {
    "Ticker": "ticker", "Depth": "depth", "Records": "records", "Trades": "trades", "Order": "order",
    "Account": "accounts", "Accounts": "accounts", "Assets": "assets", "Orders": "orders", "Markets": "markets",
    "Tickers": "tickers", "Fundings": "fundings", "HistoryOrders": "historyorders", "Positions": "positions",
    "Position": "positions", "ConditionOrder": "conditionorder", "ConditionOrders": "conditionorders",
    "HistoryConditionOrders": "historyconditionorders",
}  # fmt: skip
"""FMZ's functions without ``Get`` → our names."""
ACTIONS = {
    "Trade": "trade", "CreateOrder": "trade", "Cancel": "cancel", "CancelOrder": "cancel",
    "Modify": "modify", "ModifyOrder": "modify",
    "CreateConditionOrder": "createconditionorder", "CancelConditionOrder": "cancelconditionorder", "IO": "io",
}  # fmt: skip


def snake(name: str) -> str:
    """Return ``create_order`` for ``CreateOrder``."""
    return "".join(f"_{letter}" if letter.isupper() else letter for letter in name).strip("_").lower()


SPELLINGS: list[Callable[[str], str]] = [str, str.lower, str.upper, snake]


@pytest.mark.parametrize("spell", SPELLINGS)
@pytest.mark.parametrize(("function", "name"), FMZ.items())
def test_a_read_may_begin_with_get(function: str, name: str, spell: Callable[[str], str]) -> None:
    assert method_name(spell(function)) == method_name(spell(f"Get{function}")) == name


@pytest.mark.parametrize("spell", [str, str.lower, snake])
@pytest.mark.parametrize(("function", "name"), ACTIONS.items())
def test_an_action_is_read_in_every_spelling(function: str, name: str, spell: Callable[[str], str]) -> None:
    assert method_name(spell(function)) == name


def test_nothing_that_begins_with_get_changes_anything() -> None:
    assert {method_name(f"Get{function}") for function in ACTIONS} - set(REFUSED) == {""}


def test_every_name_is_a_method_or_refused() -> None:
    assert {*FMZ.values(), *ACTIONS.values()} == {*METHODS, *REFUSED}
    assert {*ONE_MARKET, *CHANGES} < {*METHODS}
    assert all(method_name(name) == name for name in (*METHODS, *REFUSED))


@pytest.mark.parametrize(
    "other", ["", "get", "buy", "sell", "trade s", "tradeorder", "orderss", "__api_", "ｔrade", "Get"]
)
def test_any_other_name_is_unknown(other: str) -> None:
    assert method_name(other) == ""
