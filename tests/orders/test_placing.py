"""One request: an order is written down before it is sent, and a refusal is final."""

import re
from decimal import Decimal

import pytest

from orders.intents import State
from orders.journal import Journal
from protocol.errors import (
    AuthenticationFailed,
    ExchangeError,
    GatewayError,
    InsufficientFunds,
    InvalidCall,
    InvalidOrder,
    NotSent,
    RateLimited,
    Unsupported,
)
from protocol.models import Direction, Side
from tests.orders.shop import BTC, Market, Robot


def test_an_order_is_written_before_it_is_sent_and_its_id_after(robot: Robot, market: Market, journal: Journal) -> None:
    def on_order() -> None:
        intent = journal.get("Shopa7")
        assert intent
        assert (intent.state, intent.symbol, intent.side, intent.price, intent.amount) == (
            State.SENDING, BTC, Side.BUY, Decimal("100.50"), Decimal("1.0"),
        )  # fmt: skip

    market.on_order = on_order
    assert robot.buy("7", "100.50", "1.0") == 1
    intent = journal.get("Shopa7")
    assert intent
    assert (intent.state, intent.order_id, intent.reply) == (State.ACCEPTED, 1, '{"id": 1}')
    assert robot.marks == {}


@pytest.mark.parametrize(
    "error",
    [
        InsufficientFunds("Shop -1 too little"),
        ExchangeError("Shop -2 no"),
        AuthenticationFailed("Shop -3 who"),
        Unsupported("Shop cannot"),
        InvalidCall("Shop does not know it"),
    ],
)
def test_a_refusal_is_final(robot: Robot, market: Market, journal: Journal, error: GatewayError) -> None:
    market.creates, market.error = False, error
    for _ in range(3):
        with pytest.raises(type(error), match=re.escape(error.message)):
            robot.buy("1")
    assert len(market.sent) == 1
    assert market.lookup_count == 0
    intent = journal.get("Shopa1")
    assert intent
    assert intent.state is State.REFUSED


@pytest.mark.parametrize("words", ["NUL \0", "half a character \ud800"])
def test_a_refusal_in_words_that_no_database_takes_is_a_refusal(robot: Robot, market: Market, words: str) -> None:
    market.creates, market.error = False, ExchangeError(words)
    with pytest.raises(ExchangeError, match=re.escape(words)):
        robot.buy("1")
    with pytest.raises(ExchangeError, match=re.escape(words[:-1])):
        robot.buy("1")
    assert len(market.sent) == 1


def test_a_refusal_by_a_rule_names_the_rule_each_time(robot: Robot, market: Market) -> None:
    market.creates, market.error = False, InvalidOrder("Shop -4 price")
    for _ in range(2):
        with pytest.raises(InvalidOrder, match=r"Shop -4 price; the market's rules$"):
            robot.buy("1")
    assert len(market.sent) == 1


@pytest.mark.parametrize("error", [NotSent("no connection"), RateLimited("wait")])
def test_what_was_not_sent_may_be_tried_again_with_the_same_nonce(
    robot: Robot, market: Market, error: GatewayError
) -> None:
    market.creates, market.error = False, error
    with pytest.raises(type(error)):
        robot.buy("1")
    market.creates, market.error = True, None
    assert robot.buy("1") == 1
    assert robot.buy("1") == 1
    assert len(market.sent) == 2
    assert len(market.orders) == 1


def test_directions_are_the_exchanges_business(robot: Robot, market: Market) -> None:
    desk = robot.open_desk("1")
    desk.place(BTC, Direction.SELL, None, Decimal(3))
    assert (market.sent[0].side, market.sent[0].price) == (Side.SELL, None)
