"""An older database is upgraded when it is opened, and nothing in it is lost."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from database import open_state
from exchanges.base.futures_settings import FuturesSettings
from migrations.versions import v0002_names_with_units as v0002
from orders.intents import OPEN, Intent, State
from orders.journal import Journal
from orders.resolver import Resolver
from protocol import wire
from protocol.deadline import Deadline
from protocol.errors import ExchangeError, NotSent
from protocol.models import NewOrder, Side, Symbol
from tables import VERSION, VERSIONS
from tests.conftest import NOW, Clock, client_of
from tests.lent import Lent
from tests.migrations.old_database import HIGH, ORDERS, ROWS, content
from tests.orders.shop import BTC, Market, Robot, Shop
from transport.charges import Wait
from transport.counters import SqlCounters
from transport.http import Http
from transport.nonces import Nonces

RENAMED = v0002._NAMES


def test_every_row_is_what_it_was(old_url: str) -> None:
    before = content(old_url)
    assert {table: len(rows) for table, rows in before.items()} == {table: len(rows) for table, rows in ROWS.items()}
    open_state(old_url).dispose()
    after = content(old_url)
    assert after.pop(VERSION.name) == [{"version_num": VERSIONS[-1]}]
    assert after.pop("timeline") == []
    before["orders"] = [
        {RENAMED.get(name, name): value for name, value in row.items()}
        | {"market_name": row["symbol"], "secret_digest": ""}
        for row in before["orders"]
    ]
    assert after == before


def test_the_journal_reads_the_old_orders(journal: Journal) -> None:
    assert {intent.client_id: intent.state.value for intent in journal.list_orders(everything=True)} == {
        row["client_id"]: row["state"] for row in ORDERS
    }
    assert journal.get("Shopa9") == Intent(
        client_id="Shopa9", exchange="Shop", account="a", nonce="", symbol=Symbol("BTC", "USDT", text="btc_usdt"),
        market_name="BTC_USDT", side=Side.BUY, price=Decimal(100), amount=Decimal(1), closes=True,
        created_ms=NOW - 29_991, expires_ms=NOW - 18_000, state=State.ACCEPTED, order_id="ABC-é", answered_as="Shopa9",
    )  # fmt: skip
    unknown = journal.get("Shopa7")
    assert unknown
    assert (unknown.unclear_since_ms, unknown.told_ms, unknown.looked_ms, unknown.look_count) == (
        NOW - 12_000, NOW - 11_000, NOW - 9_000, 3,
    )  # fmt: skip
    held = journal.get("Shopa10")
    assert held
    assert held.open_before == frozenset({"1", "lost"})
    adopted = journal.get("Shopa5")
    assert adopted
    assert adopted.answered_as == "Shopa6"


def test_an_old_request_that_is_repeated_is_given_the_stored_reply(robot: Robot, market: Market) -> None:
    assert robot.buy("1") == 1
    assert robot.marks == {"replayed": True}
    assert robot.desk
    assert robot.desk.replies == [b'{"id": 1}']
    assert robot.buy("6") == 5
    with pytest.raises(ExchangeError, match="Shop -1 余额不足 \N{PILE OF POO}"):
        robot.buy("2")
    with pytest.raises(NotSent, match="Shop has no order Shopa4"):
        robot.buy("4")
    assert market.sent == []


def test_an_old_unknown_order_is_found_and_is_the_answer_to_the_next(
    robot: Robot, market: Market, journal: Journal
) -> None:
    market.add(NewOrder(symbol=BTC, side=Side.BUY, price=Decimal(100), amount=Decimal(1), client_id="Shopa7"))
    assert robot.buy("20") == 1
    assert robot.marks == {"adopted": True}
    assert market.sent == []
    found = journal.get("Shopa7")
    assert found
    assert (found.state, found.answered_as) == (State.ACCEPTED, "Shopa20")


def test_the_resolver_decides_what_the_old_gateway_left(journal: Journal, market: Market, clock: Clock) -> None:
    resolver = Resolver(journal)
    resolver.remember("Shop", "a", lambda: Shop(market, "", "a", Deadline.after(5.0)))
    clock.ms += 60_000
    assert resolver.run_once("Shop") == 2
    for client_id in ("Shopa7", "Shopa8"):
        intent = journal.get(client_id)
        assert intent
        assert intent.state is State.ABSENT
    assert [intent.client_id for intent in journal.list_orders() if intent.state in OPEN] == ["Shopa10"]


def test_what_was_not_sent_may_be_tried_again(robot: Robot, market: Market, clock: Clock) -> None:
    clock.ms += 100_000
    assert robot.buy("3") == 1
    assert len(market.sent) == 1


def test_nonces_go_on_above_the_old_ones(upgraded: Engine, clock: Clock) -> None:
    with Nonces(upgraded, clock).reserve("a", Deadline.after(1.0)) as nonce:
        assert nonce > HIGH


def test_an_address_that_was_closed_stays_closed(upgraded: Engine) -> None:
    assert SqlCounters(upgraded).take("https://shop.example", [], NOW) == Wait(9_000)


def test_futures_settings_are_kept(upgraded: Engine) -> None:
    settings = FuturesSettings(upgraded, "Shop", "a")
    assert (settings.get("leverage"), settings.get("leverage", "BTC_USDT.swap")) == ("10", "20")


def test_a_simulated_account_goes_on(upgraded: Engine, clock: Clock) -> None:
    lent = Lent(http=Http(), state=upgraded, now=clock, measure_clocks=False)
    client = client_of(lent.app())

    def ask(method: str, **params: str) -> Any:
        body = {"access_key": "fmz-key", "secret_key": "x", "nonce": "77", "method": method, "params": params}
        return wire.read(client.post("/paper", data=wire.write(body)).get_data())

    [kept] = ask("orders", symbol="BTC_USDT")["data"]
    assert (kept["id"], kept["price"], kept["amount"]) == (1, 10, 1)
    assert {one["currency"]: one["free"] for one in ask("accounts")["data"]}["usdt"] == 9990
    assert ask("trade", symbol="BTC_USDT", type="buy", price="11", amount="1")["data"] == {"id": 3}
