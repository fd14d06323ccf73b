"""A browser's session holds in every worker of the service, and ends with it."""

from pathlib import Path
from typing import Any

import pytest
import requests

from tests.console.conftest import TOKEN, csrf_in
from tests.service import running

pytestmark = pytest.mark.long


def test_a_session_and_the_last_calls_hold_in_every_worker(tmp_path: Path) -> None:
    with running(tmp_path, {"TOKEN": TOKEN, "EXCHANGES": "paper"}, ["--workers", "2"]) as service:
        address = f"http://127.0.0.1:{service.port}"
        browser = requests.Session()
        csrf = csrf_in(browser.get(f"{address}/").text)
        answer = browser.post(f"{address}/console/sign-in", {"csrf": csrf, "token": TOKEN}, headers={"Origin": address})
        assert "console/static/playground.js" in answer.text
        headers = {"Origin": address, "X-CSRF-Token": csrf_in(answer.text), "Connection": "close"}
        ticker: dict[str, Any] = {"method": "ticker", "params": {"symbol": "BTC_USDT"}}
        for _ in range(12):
            assert "data" in browser.post(f"{address}/console/call/paper", json=ticker, headers=headers).json()
        # Each page shows the calls of both workers, whichever answers.
        pages = [browser.get(f"{address}/console/calls", headers={"Connection": "close"}).text for _ in range(6)]
        assert all("12 / 12 / 12" in page for page in pages)
    assert TOKEN not in service.log.read_text()
