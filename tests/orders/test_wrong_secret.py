"""A key with another secret is told nothing of the orders that were placed with the right one."""

from functools import partial

import pytest
from sqlalchemy import Engine, text

from orders.intents import State
from orders.journal import Journal
from orders.resolver import Resolver
from protocol.deadline import Deadline
from protocol.errors import AuthenticationFailed, NotSent
from protocol.models import OrderId, Symbol
from tests.conftest import Clock, client_of
from tests.lent import Lent
from tests.orders.shop import UNCLEAR, Market, Robot, Shop
from transport.credentials import Credentials
from transport.http import Http


class Stranger(Shop):
    """The same account, with another secret."""

    secret_digest = "another"

    def find(self, symbol: Symbol, client_id: str) -> OrderId | None:
        raise AssertionError("no look-up with another secret")


@pytest.fixture
def stranger(market: Market, journal: Journal, clock: Clock) -> Robot:
    return Robot(market, journal, clock, Stranger)


def leave_unclear(robot: Robot) -> None:
    robot.market.error, robot.market.lists = UNCLEAR, False
    robot.buy_unclear("1")
    robot.market.error, robot.market.lists = None, True


def test_a_repeat_is_not_answered(robot: Robot, stranger: Robot, market: Market) -> None:
    robot.buy("1")
    with pytest.raises(AuthenticationFailed, match="made before with another secret key") as raised:
        stranger.buy("1")
    assert "Shopa1" not in str(raised.value)
    assert stranger.desk
    assert stranger.desk.replies == []
    assert robot.buy("1") == 1
    assert len(market.sent) == 1


def test_an_unclear_order_is_neither_told_nor_looked_up_nor_adopted(
    robot: Robot, stranger: Robot, market: Market
) -> None:
    leave_unclear(robot)
    with pytest.raises(NotSent, match="an earlier order of BTC_USDT buy is still in progress") as raised:
        stranger.buy("2")
    assert "Shopa1" not in str(raised.value)
    assert stranger.sleeps == []
    assert robot.buy("3") == 1
    assert robot.marks == {"adopted": True}
    assert len(market.sent) == 1


def test_an_order_whose_answer_was_not_delivered_is_not_adopted(robot: Robot, stranger: Robot, market: Market) -> None:
    robot.is_listening = False
    robot.buy("1")
    market.creates, market.error = False, AuthenticationFailed("Shop: wrong signature")
    with pytest.raises(AuthenticationFailed, match="wrong signature"):
        stranger.buy("2")
    market.creates, market.error, robot.is_listening = True, None, True
    assert robot.buy("3") == 1
    assert robot.marks == {"adopted": True}


def test_an_order_without_a_digest_is_told_to_who_has_the_key(robot: Robot, stranger: Robot, state: Engine) -> None:
    robot.buy("1")
    with state.begin() as connection:
        connection.execute(text("UPDATE orders SET secret_digest = ''"))
    assert stranger.buy("1") == 1


@pytest.mark.parametrize("first", ["right", "wrong"])
def test_the_resolver_looks_with_the_secret_that_an_order_was_placed_with(
    robot: Robot, journal: Journal, market: Market, first: str
) -> None:
    leave_unclear(robot)
    resolver = Resolver(journal)
    kinds: dict[str, type[Shop]] = {"right": Shop, "wrong": Stranger}
    for secret in sorted(kinds, key=lambda name: name != first):
        resolver.remember("Shop", ("a", secret), partial(kinds[secret], market, "", "a", Deadline.after(5)))
    robot.clock.ms += 1000
    assert resolver.run_once("Shop") == 1
    intent = journal.get("Shopa1")
    assert intent
    assert intent.state is State.ACCEPTED


def test_another_secret_alone_looks_for_nothing(robot: Robot, journal: Journal, market: Market) -> None:
    leave_unclear(robot)
    resolver = Resolver(journal)
    resolver.remember("Shop", "wrong", partial(Stranger, market, "", "a", Deadline.after(5)))
    robot.clock.ms += 1000
    assert resolver.run_once("Shop") == 0


def test_a_digest_is_of_key_secret_and_passphrase_and_shows_none_of_them() -> None:
    digests = {
        Credentials(key, secret, passphrase).secret_digest
        for key in ("k", "l") for secret in ("s", "t") for passphrase in ("", "p")
    }  # fmt: skip
    assert len(digests) == 8
    assert {len(digest) for digest in digests} == {64}
    assert Credentials("k", "s,p").secret_digest != Credentials("k", "s", "p").secret_digest
    assert Credentials("k", "s").secret_digest in digests


def test_the_service_tells_another_secret_nothing(state: Engine, clock: Clock) -> None:
    client = client_of(Lent(Http(), state, now=clock, measure_clocks=False).app())

    def buy(secret: str) -> str:
        order = {"symbol": "BTC_USDT", "type": "buy", "price": "30000", "amount": "0.1"}
        body = {"access_key": "key", "secret_key": secret, "nonce": 7, "method": "trade", "params": order}
        return client.post("/paper", json=body).get_data(as_text=True)

    assert '"id":1' in buy("right")
    assert buy("wrong").startswith('{"error":"AUTHENTICATION_FAILED paper: the same request was made before')
    assert '"replayed":true' in buy("right")
