"""The page of an account shows and cancels orders by FMZ's own calls."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.console.conftest import call

KEYS = {"access_key": "QQkeyQQkeyQQkey", "secret_key": "WWsecretWWsecretWW"}
ORDER = {"symbol": "BTC_USDT", "type": "buy", "price": "10000", "amount": "0.01"}


def ask(browser: FlaskClient, method: str, params: dict[str, str], query: str = "", **more: Any) -> Any:
    """Return what a call of the page is answered."""
    body = {**KEYS, "method": method, "params": params, **more}
    answer = call(browser, f"paper{query}", body).get_json()
    return answer.get("data", answer)


def open_ids(browser: FlaskClient) -> list[str]:
    return [str(order["id"]) for order in ask(browser, "orders", {"symbol": "BTC_USDT"})]


def test_the_page_has_a_place_for_everything(browser: FlaskClient) -> None:
    page = browser.get("/console/account?exchange=Futures_paper").text
    for panel in ("balances", "orders", "positions"):
        assert f'data-panel="{panel}"' in page
    assert 'data-has="' in page
    assert "positions" in page.partition('data-has="')[2].partition('"')[0].split()
    spot = browser.get("/console/account?exchange=paper").text
    assert "positions" not in spot.partition('data-has="')[2].partition('"')[0].split()


def test_an_open_order_is_cancelled_once_and_gone(browser: FlaskClient) -> None:
    placed = str(ask(browser, "trade", ORDER, nonce=7)["id"])
    assert open_ids(browser) == [placed]
    assert ask(browser, "cancel", {"symbol": "BTC_USDT", "id": placed}) is True
    assert open_ids(browser) == []


@pytest.mark.parametrize("headers", [{"X_CSRF_Token": ""}, {"Origin": "http://evil.example"}])
def test_no_other_page_cancels_an_order(browser: FlaskClient, headers: dict[str, str]) -> None:
    placed = str(ask(browser, "trade", ORDER, nonce=7)["id"])
    body = {**KEYS, "method": "cancel", "params": {"symbol": "BTC_USDT", "id": placed}}
    assert call(browser, "paper", body, **headers).status_code == 403
    assert open_ids(browser) == [placed]


def test_an_object_has_a_contract_of_its_own(browser: FlaskClient) -> None:
    chosen = {**KEYS, "method": "io", "params": {"code": 2, "args": ["swap"]}}
    asked = {**KEYS, "method": "ticker", "params": {"symbol": "BTC_USDT"}}
    assert call(browser, "Futures_paper?object=second", chosen).get_json() == {"data": True}
    assert "data" in call(browser, "Futures_paper?object=second", asked).get_json()
    assert "no contract is chosen" in call(browser, "Futures_paper?object=third", asked).get_json()["error"]
