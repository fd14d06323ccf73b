"""The journal fails, before an order is sent and after it; and what is stored in it."""

import json

import pytest
from sqlalchemy import Engine

from orders.journal import Journal
from protocol.errors import ExchangeError, NotSent
from protocol.models import NewOrder, OrderId
from tests.orders.shop import UNCLEAR, Market, Robot, Shop


def break_journal(state: Engine) -> None:
    """Drop the journal's table."""
    with state.begin() as connection:
        connection.exec_driver_sql("DROP TABLE orders")


def test_no_journal_no_order(robot: Robot, market: Market, state: Engine) -> None:
    break_journal(state)
    with pytest.raises(NotSent, match=r"journal cannot be written.*Nothing was sent"):
        robot.buy("1")
    assert market.sent == []


def test_a_journal_that_fails_after_the_sending_changes_no_answer(
    robot: Robot, market: Market, state: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    market.on_order = lambda: break_journal(state)
    assert robot.buy("1") == 1
    assert "the journal could not be written for Shopa1" in caplog.text


def test_a_journal_that_fails_after_an_unclear_sending_is_still_reported(
    robot: Robot, market: Market, state: Engine
) -> None:
    market.on_order = lambda: break_journal(state)
    market.error, market.lists = UNCLEAR, False
    robot.buy_unclear()


def test_a_journal_that_fails_while_an_order_is_looked_for_leaves_it_unknown(
    old: Robot, market: Market, state: Engine
) -> None:
    market.on_order = lambda: break_journal(state)
    market.error = UNCLEAR
    old.buy_unclear()
    assert len(market.sent) == 1


def test_what_is_stored_has_no_secret_and_is_json(robot: Robot, market: Market, journal: Journal) -> None:
    class Echo(Shop):
        reply = b'{"echo": "my secret"}'

        def trade(self, order: NewOrder) -> OrderId:
            order_id = super().trade(order)
            self.replies = [self.reply]
            return order_id

    robot.kind = Echo
    robot.buy("1")
    intent = journal.get("Shopa1")
    assert intent
    assert intent.reply == '{"echo": "my ******"}'
    Echo.reply = b'{"n": secret}'
    robot.buy("2")
    intent = journal.get("Shopa2")
    assert intent
    assert intent.reply is None
    assert robot.buy("2") == 2
    assert robot.desk
    assert robot.desk.replies == []
    market.creates, market.error = False, ExchangeError("Shop -1 your secret is wrong")
    with pytest.raises(ExchangeError):
        robot.buy("3")
    intent = journal.get("Shopa3")
    assert intent
    assert json.dumps(intent.reply) == '"REFUSED Shop -1 your ****** is wrong"'
