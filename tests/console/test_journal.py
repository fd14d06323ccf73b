"""The page of orders does what ``fmz-gateway orders`` does, and never more."""

import logging
from collections.abc import Callable
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from orders.intents import Intent, State
from orders.journal import Journal
from orders.table import ORDERS, to_row
from protocol.models import Side, Symbol
from tests.conftest import NOW, Clock
from tests.console.conftest import ORIGIN, call, csrf_of
from transport.credentials import Credentials

KEYS = Credentials.from_fields("QQkeyQQkeyQQkey", "WWsecretWWsecretWW")
ORDER = {"symbol": "BTC_USDT", "type": "buy", "price": "10000", "amount": "0.01"}
Keep = Callable[..., Intent]


@pytest.fixture
def keep(state: Engine) -> Keep:
    """Return a function that writes an unclear order into the journal."""

    def keep(**changed: Any) -> Intent:
        given: dict[str, Any] = {
            "client_id": "oog0Sl11O4qD4q2QwcGPfg", "exchange": "paper", "account": KEYS.account, "nonce": "1",
            "symbol": Symbol.parse("BTC_USDT"), "market_name": "BTC_USDT", "side": Side.BUY, "price": Decimal(7),
            "amount": Decimal("0.5"), "closes": False, "created_ms": NOW - 60_000, "expires_ms": NOW - 50_000,
            "state": State.UNKNOWN, "secret_digest": KEYS.secret_digest,
        }  # fmt: skip
        intent = Intent(**{**given, **changed})
        with state.begin() as connection:
            connection.execute(ORDERS.insert().values(to_row(intent)))
        return intent

    return keep


@pytest.fixture
def journal(state: Engine) -> Journal:
    return Journal(state, lambda: NOW)


def send(browser: FlaskClient, way: str, **form: str) -> str:
    """Send a form of the first order; return the page that follows."""
    path = f"/console/orders/oog0Sl11O4qD4q2QwcGPfg/{way}"
    data = {"csrf": csrf_of(browser), **form}
    return unescape(browser.post(path, data=data, headers={"Origin": ORIGIN}, follow_redirects=True).text)


def state_of(journal: Journal) -> State:
    found = journal.get("oog0Sl11O4qD4q2QwcGPfg")
    assert found
    return found.state


def test_without_orders_it_says_so(browser: FlaskClient) -> None:
    page = browser.get("/console/orders").text
    assert "None. The outcome of every order is known." in page
    assert "No order went through this gateway yet." in page


def test_unclear_orders_come_first(browser: FlaskClient, keep: Keep) -> None:
    call(browser, "paper", {"nonce": 7, "method": "trade", "params": ORDER})
    keep(exchange="Kraken")
    page = browser.get("/console/orders").text
    assert page.index("oog0Sl11O4qD4q2QwcGPfg") < page.index("The latest orders") < page.index(">accepted<")
    assert page.count("REAL MONEY") == 2
    assert "2023-11-14 22:12:20" in page


def test_an_order_that_exists_is_found(browser: FlaskClient, state: Engine, journal: Journal, clock: Clock) -> None:
    body = {"access_key": KEYS.key, "secret_key": KEYS.secret, "nonce": 7, "method": "trade", "params": ORDER}
    placed = call(browser, "paper", body).get_json()
    [intent] = journal.list_orders(everything=True)
    unclear = {"state": State.UNKNOWN, "order_id": None, "answered_as": "", "told_ms": NOW}
    with state.begin() as connection:
        connection.execute(ORDERS.update().values(unclear))
    form = {"csrf": csrf_of(browser), "key": KEYS.key, "secret": KEYS.secret}
    path = f"/console/orders/{intent.client_id}/look"
    page = browser.post(path, data=form, headers={"Origin": ORIGIN}, follow_redirects=True).text
    assert f"Its id there: {placed['data']['id']}" in page
    [found] = journal.list_orders(everything=True)
    assert (found.state, found.order_id, found.look_count) == (State.ACCEPTED, placed["data"]["id"], 1)


def test_an_order_that_does_not_exist_is_absent(browser: FlaskClient, keep: Keep, journal: Journal) -> None:
    keep()
    assert "safe to send it again" in send(browser, "look", key=KEYS.key, secret=KEYS.secret)
    assert state_of(journal) is State.ABSENT


@pytest.mark.parametrize("keys", [{"key": "another", "secret": KEYS.secret}, {"key": KEYS.key, "secret": "another"}])
def test_other_keys_look_for_nothing(browser: FlaskClient, keep: Keep, journal: Journal, keys: dict[str, str]) -> None:
    keep()
    assert "These are not the keys that it was placed with." in send(browser, "look", **keys)
    assert state_of(journal) is State.UNKNOWN


def test_a_looks_keys_are_in_no_log_and_no_page(
    browser: FlaskClient, keep: Keep, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    keep()
    page = send(browser, "look", key=KEYS.key, secret=KEYS.secret)
    assert "looked for, and absent" in caplog.text
    for key in (KEYS.key, KEYS.secret):
        assert key not in caplog.text
        assert key not in page


def test_without_keys_those_of_the_accounts_calls_are_used(browser: FlaskClient, keep: Keep, journal: Journal) -> None:
    keep(told_ms=NOW)
    assert "It is still unclear" in send(browser, "look")
    call(browser, "paper", {"access_key": KEYS.key, "secret_key": KEYS.secret, "method": "accounts", "params": {}})
    assert "safe to send it again" in send(browser, "look")
    assert state_of(journal) is State.ABSENT


def test_an_order_in_progress_is_left_alone(browser: FlaskClient, keep: Keep, journal: Journal) -> None:
    keep(expires_ms=NOW + 1)
    for page in (
        send(browser, "look", key=KEYS.key, secret=KEYS.secret),
        send(browser, "resolve", found="no", sure="on"),
    ):
        assert "still in progress" in page
    assert state_of(journal) is State.UNKNOWN


def test_what_was_seen_is_written(browser: FlaskClient, keep: Keep, journal: Journal) -> None:
    keep(exchange="Kraken")
    assert "Its id there: OUF4EM" in send(browser, "resolve", found="yes", order="OUF4EM", sure="on")
    found = journal.get("oog0Sl11O4qD4q2QwcGPfg")
    assert found
    assert (found.state, found.order_id, found.told_ms) == (State.ACCEPTED, "OUF4EM", NOW - 50_000)
    assert "Its id there: OUF4EM" in send(browser, "resolve", found="no", sure="on"), "an outcome is written once"


def test_that_it_does_not_exist_is_written(browser: FlaskClient, keep: Keep, journal: Journal) -> None:
    keep(exchange="Kraken")
    assert "safe to send it again" in send(browser, "resolve", found="no", sure="on")
    assert state_of(journal) is State.ABSENT


@pytest.mark.parametrize(
    "form",
    [{}, {"found": "no"}, {"sure": "on"}, {"found": "yes", "sure": "on"}, {"found": "yes", "order": " ", "sure": "on"}],
)
def test_half_a_form_writes_nothing(browser: FlaskClient, keep: Keep, journal: Journal, form: dict[str, str]) -> None:
    keep()
    assert "Nothing was written" in send(browser, "resolve", **form)
    assert state_of(journal) is State.UNKNOWN


@pytest.mark.parametrize("way", ["look", "resolve"])
def test_a_form_of_another_site_writes_nothing(browser: FlaskClient, keep: Keep, journal: Journal, way: str) -> None:
    keep()
    csrf = csrf_of(browser)
    path = f"/console/orders/oog0Sl11O4qD4q2QwcGPfg/{way}"
    whole = {"found": "no", "sure": "on", "key": KEYS.key, "secret": KEYS.secret}
    assert browser.post(path, data={**whole, "csrf": csrf}, headers={"Origin": "http://evil"}).status_code == 403
    assert browser.post(path, data=whole, headers={"Origin": ORIGIN}).status_code == 403
    assert state_of(journal) is State.UNKNOWN


def test_an_unknown_order_is_said_to_be_none(browser: FlaskClient) -> None:
    assert "There is no such order." in send(browser, "resolve", found="no", sure="on")
