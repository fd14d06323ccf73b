"""The page of the last calls: what it shows, what it never shows, and the file that it gives."""

import csv
import re
from io import StringIO
from typing import Any

import pytest
from flask.testing import FlaskClient

from settings import Settings
from tests.conftest import client_of
from tests.console.conftest import call
from tests.lent import Lent

KEYS = {"access_key": "QQkeyQQkeyQQkey", "secret_key": "WWsecretWWsecretWW"}
ORDER = {"symbol": "BTC_USDT", "type": "buy", "price": "10000", "amount": "0.01"}
TICKER = {"method": "ticker", "params": {"symbol": "BTC_USDT"}}


def cells(browser: FlaskClient, **query: str) -> list[list[str]]:
    """Return what the file has, apart from times."""
    answer = browser.get("/console/calls.csv", query_string=query)
    assert answer.mimetype == "text/csv"
    assert answer.headers["Content-Disposition"] == "attachment; filename=calls.csv"
    head, *rows = csv.reader(StringIO(answer.text))
    assert head == ["time (UTC)", "method", "exchange", "money", "outcome", "ms"]
    assert all(re.fullmatch(r"2023-11-14 22:13:20\.000", row[0]) and float(row[5]) >= 0 for row in rows)
    return sorted(row[1:5] for row in rows)


@pytest.fixture
def busy(browser: FlaskClient) -> FlaskClient:
    """Return a browser before a gateway that was called by FMZ and by the console."""
    browser.post("/paper", json=TICKER)
    browser.post("/nope", json=TICKER)
    call(browser, "Futures_paper", {**KEYS, "method": "trade", "nonce": 7, "params": ORDER})
    return browser


def test_without_calls_it_says_so(browser: FlaskClient) -> None:
    assert "No call came since the gateway started." in browser.get("/console/calls").text


def test_each_call_is_there_and_no_page_is(busy: FlaskClient) -> None:
    assert cells(busy) == [
        ["ticker", "-", "-", "INVALID_CALL"],
        ["ticker", "paper", "simulated", "OK"],
        ["trade", "Futures_paper", "simulated", "INVALID_CALL"],
    ]
    page = busy.get("/console/calls").text
    assert page.count('<td class="fixed">2023-11-14 22:13:20.000</td>') == 3
    assert "3 / 3 / 3" in page


@pytest.mark.parametrize(
    ("query", "methods"),
    [
        ({"exchange": "paper"}, ["ticker"]),
        ({"money": "simulated"}, ["ticker", "trade"]),
        ({"money": "real"}, []),
        ({"outcome": "OK"}, ["ticker"]),
        ({"outcome": "failed"}, ["ticker", "trade"]),
        ({"outcome": "INVALID_CALL", "exchange": "Futures_paper"}, ["trade"]),
        ({"q": "TRADE futures"}, ["trade"]),
        ({"q": "<script>"}, []),
    ],
)
def test_it_can_be_filtered_and_searched(busy: FlaskClient, query: dict[str, str], methods: list[str]) -> None:
    assert [row[0] for row in cells(busy, **query)] == methods
    page = busy.get("/console/calls", query_string=query).text
    assert f"{len(methods)} / {len(methods)} / 3" in page
    assert ("No call is like that." in page) is (methods == [])
    assert "<script>" not in page


def test_nothing_of_a_calls_contents_is_there(busy: FlaskClient) -> None:
    for path in ("/console/calls", "/console/calls.csv"):
        text = busy.get(path).text
        for hidden in (*KEYS.values(), "BTC_USDT", "10000", "nope"):
            assert hidden not in text


@pytest.mark.parametrize("path", ["/console/calls", "/console/calls.csv"])
def test_it_is_for_who_has_signed_in(lent: Lent, path: str) -> None:
    assert client_of(lent.app(Settings(token="x" * 16))).get(path).status_code == 303


def test_without_the_console_nothing_is_kept(lent: Lent, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Any] = []
    monkeypatch.setattr("monitoring.latest.LatestCalls.add", lambda *given: kept.append(given))
    client_of(lent.app(Settings(console=False))).post("/paper", json=TICKER)
    assert kept == []
    client_of(lent.app(Settings())).post("/paper", json=TICKER)
    assert len(kept) == 1
