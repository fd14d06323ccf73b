"""A call of a page is FMZ's call: the same view, journal and schemas; beside it what was sent to the exchange."""

import json
from collections.abc import Iterator

import pytest
import responses
from flask.testing import FlaskClient
from sqlalchemy import Engine

from console.trace import TracedHttp
from exchanges.kit.gateway import SENDER
from orders.journal import Journal
from settings import Settings
from tests.conftest import Clock, client_of
from tests.console.conftest import call
from tests.lent import Lent

ORDER = {"symbol": "BTC_USDT", "type": "buy", "price": "10000", "amount": "0.01"}
KEYS = {"access_key": "QQkeyQQkeyQQkey", "secret_key": "V1dzZWNyZXRXV3NlY3JldA=="}


def test_a_repeated_order_is_sent_once(browser: FlaskClient, state: Engine) -> None:
    body = {"access_key": "k", "secret_key": "s", "nonce": 1_700_000_000_001, "method": "trade", "params": ORDER}
    first, again = (call(browser, "paper", body).get_json() for _ in range(2))
    assert first["data"] == again["data"]
    assert again["raw"]["replayed"] is True
    by_fmz = browser.post("/paper", json=body).get_json()
    assert by_fmz == again
    [kept] = Journal(state, lambda: 0).list_orders(everything=True)
    assert kept.answered_as == kept.client_id, "the answer was delivered"


def test_an_error_is_told_as_fmz_is_told_it(browser: FlaskClient) -> None:
    body = {"method": "trade", "params": {**ORDER, "amount": "x"}}
    assert call(browser, "paper", body).get_json() == browser.post("/paper", json=body).get_json()
    assert "no exchange of that name" in call(browser, "nope", body).get_json()["error"]


def test_the_verb_and_the_object_are_taken_over(browser: FlaskClient) -> None:
    answer = call(browser, "paper", {"method": "__api_reset", "params": {}}, Http_Method="BREW")
    assert "Http-Method must be one of" in answer.get_json()["error"]


def test_without_a_request_there_is_a_time_only(browser: FlaskClient) -> None:
    trace = json.loads(
        call(browser, "paper", {"method": "ticker", "params": {"symbol": "BTC_USDT"}}).headers["Console-Trace"]
    )
    assert trace["sent"] == []
    assert trace["ms"] > 0


@pytest.fixture
def kraken(state: Engine, clock: Clock) -> Iterator[FlaskClient]:
    lent = Lent(TracedHttp(), state, deadline=5.0, now=clock, sleep=lambda seconds: None, measure_clocks=False)
    with responses.RequestsMock(target=SENDER) as exchange:
        exchange.post("https://api.kraken.com/0/private/BalanceEx", json={"error": [], "result": {}})
        yield client_of(lent.app(Settings()))


def test_what_was_sent_is_shown_without_values(kraken: FlaskClient) -> None:
    answer = call(kraken, "kraken", {**KEYS, "nonce": 5, "method": "accounts", "params": {}})
    assert "data" in answer.get_json()
    [sent] = json.loads(answer.headers["Console-Trace"])["sent"]
    assert sent.pop("ms") >= 0
    assert sent == {
        "verb": "POST",
        "host": "api.kraken.com",
        "path": "/0/private/BalanceEx",
        "names": sent["names"],
        "status": 200,
    }
    assert sent["names"] in ([], ["nonce"])
    for secret in KEYS.values():
        assert secret not in str(answer.headers)


def test_what_fmz_asks_is_not_noted(kraken: FlaskClient) -> None:
    answer = kraken.post("/kraken", json={**KEYS, "nonce": 5, "method": "accounts", "params": {}})
    assert "data" in answer.get_json()
    assert "Console-Trace" not in answer.headers
