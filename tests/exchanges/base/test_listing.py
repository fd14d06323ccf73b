"""The list of markets: kept for an hour, and what it says of a refused order."""

import pytest

from protocol.errors import InvalidCall, InvalidOrder, NotSent, OutcomeUnknown
from protocol.models import Symbol
from tests.lent import Lent
from tests.tiny import BTC, ORDER, RULES, Canned, Lister, ask, tiny

STEP = b'{"code": 14, "message": "bad step"}'


def test_markets_are_asked_for_once_an_hour(lent: Lent) -> None:
    lister = Lister(RULES)
    exchange = tiny(lent, markets=lister)
    assert exchange.rules(BTC) is exchange.rules(BTC) is RULES
    assert lister.asked == 1


def test_a_failure_is_not_kept(lent: Lent) -> None:
    exchange = tiny(lent, markets=Lister(OutcomeUnknown("busy"), RULES))
    with pytest.raises(OutcomeUnknown):
        exchange.rules(BTC)
    assert exchange.rules(BTC) is RULES


def test_a_market_that_is_not_listed_is_an_invalid_call(lent: Lent) -> None:
    exchange = tiny(lent, markets=Lister(RULES))
    with pytest.raises(InvalidCall, match="Tiny lists no market ETH_USDT"):
        exchange.rules(Symbol.parse("ETH_USDT"))


def test_a_refusal_by_a_markets_rule_says_the_rule(lent: Lent) -> None:
    exchange = tiny(lent, Canned(400, STEP), markets=Lister(RULES))
    with pytest.raises(InvalidOrder) as refused:
        ask(exchange, "trade", **ORDER)
    assert str(refused.value) == (
        "INVALID_ORDER Tiny 14 bad step; BTC_USDT has price step 0.10, amount step 0.00000001, least amount 0, "
        "least value 5"
    )


def test_a_refusal_by_a_rule_that_cannot_be_had_stands_alone(lent: Lent) -> None:
    exchange = tiny(lent, Canned(400, STEP), markets=Lister(NotSent("no network")))
    with pytest.raises(InvalidOrder) as refused:
        ask(exchange, "trade", **ORDER)
    assert str(refused.value) == "INVALID_ORDER Tiny 14 bad step"
