"""The rules of one market, asked for alone as long as the whole list is not at hand."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from protocol.errors import InvalidCall, NotSent, OutcomeUnknown
from protocol.models import Market, NewOrder, OrderId, Symbol
from tests.lent import Lent
from tests.tiny import BTC, ORDER, RULES, Lister, Tiny, ask, order, tiny

ETH = Symbol("ETH", "USDT")


class Alone:
    """An exchange's ``list_one``: a market by its name, or what a test says first."""

    def __init__(self, *first: list[Market] | Exception) -> None:
        self.first = list(first)
        self.asked: list[str] = []

    def __call__(self, exchange: Tiny, symbol: Symbol) -> list[Market]:
        self.asked.append(str(symbol))
        answer = self.first.pop(0) if self.first else [replace(RULES, symbol=symbol, id=f"{symbol.base}-T")]
        if isinstance(answer, Exception):
            raise answer
        return answer


def opened(lent: Lent, alone: Alone, lister: Lister, **declared: Any) -> Tiny:
    """Return an exchange that has both lists."""
    return tiny(lent, list_one=lambda self, symbol: alone(self, symbol), markets=lister, **declared)


def test_a_market_is_asked_for_alone_once_an_hour(lent: Lent, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("transport.upstream.time.monotonic", lambda: now[0])
    alone, lister = Alone(), Lister(RULES)
    exchange = opened(lent, alone, lister)
    for seconds, asked in ((0, 1), (3599, 1), (2, 2)):
        now[0] += seconds
        assert exchange.rules(BTC) == replace(RULES, id="BTC-T")
        assert alone.asked == ["BTC_USDT"] * asked
    assert lister.asked == 0


def test_the_list_is_used_where_it_is_at_hand(lent: Lent) -> None:
    alone, lister = Alone(), Lister(RULES)
    exchange = opened(lent, alone, lister)
    assert exchange.rules(BTC)
    assert exchange.listing() == {"BTC_USDT": RULES}, "what wants the list asks for it"
    assert exchange.rules(BTC) is RULES
    with pytest.raises(InvalidCall, match="Tiny lists no market ETH_USDT"):
        exchange.fresh().rules(ETH)
    assert (alone.asked, lister.asked) == (["BTC_USDT"], 2)


def test_many_markets_are_asked_for_with_the_list(lent: Lent) -> None:
    alone, lister = Alone(), Lister(RULES)
    exchange = opened(lent, alone, lister)
    few = [Symbol(f"C{number}", "USDT") for number in range(5)]
    for symbol in (*few, *few):
        exchange.rules(symbol)
    assert (alone.asked, lister.asked) == ([str(symbol) for symbol in few], 0)
    assert exchange.rules(BTC) is RULES
    assert (len(alone.asked), lister.asked) == (5, 1)


@pytest.mark.parametrize(
    ("miss", "error"),
    [
        ([], InvalidCall),
        ([replace(RULES, symbol=ETH)], InvalidCall),
        (NotSent("no network"), NotSent),
        (OutcomeUnknown("busy"), OutcomeUnknown),
    ],
)
def test_a_miss_is_not_kept(lent: Lent, miss: Any, error: type[Exception]) -> None:
    alone, lister = Alone(miss), Lister(RULES)
    exchange = opened(lent, alone, lister)
    with pytest.raises(error):
        exchange.rules(BTC)
    assert exchange.rules(BTC).symbol == BTC
    assert (len(alone.asked), lister.asked) == (2, 0)


def test_a_market_that_takes_no_orders_has_rules_and_is_no_listing(lent: Lent) -> None:
    suspended = replace(RULES, tradable=False)
    exchange = opened(lent, Alone([suspended]), Lister(suspended))
    assert exchange.rules(BTC) is suspended
    assert exchange.listing() == {}


def test_an_exchange_that_cannot_be_asked_for_one_is_asked_for_all(lent: Lent) -> None:
    lister = Lister(RULES)
    assert tiny(lent, markets=lister).rules(BTC) is RULES
    assert lister.asked == 1


@pytest.mark.parametrize(("first", "sent"), [([], "2"), ([NotSent("no network")], "2.000000001")])
def test_the_fit_of_an_order_asks_for_its_market_alone(lent: Lent, first: Any, sent: str) -> None:
    placed: list[NewOrder] = []

    def place(exchange: Tiny, order: NewOrder) -> OrderId:
        placed.append(order)
        return 7

    alone, lister = Alone(*first), Lister(RULES)
    exchange = opened(replace(lent, exact_orders=False), alone, lister, trade=place)
    assert ask(exchange, "trade", **{**ORDER, "amount": "2.000000001"})["data"] == {"id": 7}
    assert [format(order.amount.normalize(), "f") for order in placed] == [sent]
    assert (alone.asked, lister.asked) == (["BTC_USDT"], 0)


def test_a_refused_order_is_told_the_rules_of_its_market(lent: Lent) -> None:
    exchange = opened(lent, Alone(), Lister(RULES))
    assert exchange.explain(order(price=Decimal(1))).startswith("BTC_USDT has price step 0.10")
