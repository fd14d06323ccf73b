"""Exchanges without client ids: an unclear order is recognised by its terms among the open ones."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from orders.intents import State
from orders.journal import Journal
from orders.lookup import Lookup
from protocol.deadline import Deadline
from protocol.errors import NotSent, OrderStateUnknown, OutcomeUnknown
from protocol.models import NewOrder, Side, Symbol
from tests.conftest import Clock
from tests.orders.shop import BTC, SECOND, UNCLEAR, Market, Robot


def test_a_new_open_order_like_it_is_taken_for_it(old: Robot, market: Market) -> None:
    market.add(NewOrder(symbol=BTC, side=Side.BUY, price=Decimal(100), amount=Decimal(1)))  # there before
    market.error = UNCLEAR
    assert old.buy("1") == 2
    assert old.marks == {"found": True}


@pytest.mark.parametrize("count", [0, 2])
def test_none_or_several_like_it_are_not(old: Robot, market: Market, count: int) -> None:
    market.error, market.creates = UNCLEAR, False
    market.on_order = lambda: [market.add(market.sent[-1]) for _ in range(count)]
    client_id = old.buy_unclear("1")
    market.error, market.creates, market.on_order = None, True, lambda: None
    with pytest.raises(OrderStateUnknown, match=f"cannot be asked for it.*fmz-gateway orders resolve {client_id}"):
        old.buy("2")
    assert len(market.sent) == 1


@pytest.mark.parametrize("change", [{"side": Side.SELL}, {"price": Decimal(101)}, {"amount": Decimal(2)}])
def test_another_order_is_not_like_it(old: Robot, market: Market, change: dict[str, Any]) -> None:
    market.error, market.creates = UNCLEAR, False
    market.on_order = lambda: market.add(replace(market.sent[-1], **change))
    old.buy_unclear("1")


def test_an_order_that_belongs_to_another_intent_is_not_it(
    old: Robot, market: Market, journal: Journal, clock: Clock
) -> None:
    """Check the case of a worker that was a moment faster."""
    market.error, market.creates = UNCLEAR, False
    like_it = NewOrder(symbol=BTC, side=Side.BUY, price=Decimal(100), amount=Decimal(1))

    def on_order() -> None:
        intent = journal.get("OldShopa1")
        assert intent
        theirs = replace(intent, client_id="theirs", nonce="8", symbol=Symbol.parse("ETH_USDT"), market_name="ETH_USDT")
        assert journal.begin(theirs) is None
        journal.decide(replace(theirs, state=State.ACCEPTED, order_id=market.add(like_it).id))

    market.on_order = on_order
    old.buy_unclear("1")


def test_an_old_unclear_order_does_not_claim_a_later_one(
    old: Robot, market: Market, journal: Journal, clock: Clock
) -> None:
    """Check two orders with the same terms, of which only the later one came about."""
    market.error, market.creates = UNCLEAR, False
    old.buy_unclear("1")
    clock.ms += 61 * SECOND
    market.creates, market.lists = True, False
    old.buy_unclear("2")
    market.lists = True
    exchange = old.kind(market, "", old.account, Deadline.after(5.0))
    for intent in sorted(journal.list_orders(), key=lambda one: one.created_ms):
        Lookup(exchange, journal, old.sleep).look(intent)
    first, second = journal.get("OldShopa1"), journal.get("OldShopa2")
    assert first
    assert second
    assert (first.state, second.state, second.order_id) == (State.UNKNOWN, State.ACCEPTED, 1)


def test_absence_of_an_order_that_cannot_be_asked_for_proves_nothing(old: Robot, market: Market, clock: Clock) -> None:
    market.error, market.creates = UNCLEAR, False
    old.buy_unclear("1")
    market.error, market.creates = None, True
    clock.ms += 50 * SECOND
    with pytest.raises(OrderStateUnknown):
        old.buy("2", seconds=1)
    clock.ms += 11 * SECOND
    assert old.buy("3") == 1


def test_without_the_list_of_open_orders_nothing_is_sent(old: Robot, market: Market) -> None:
    market.lookup_error = OutcomeUnknown("down")
    with pytest.raises(NotSent, match=r"down\. That was asked before the order, which was not sent"):
        old.buy("1")
    assert market.sent == []
