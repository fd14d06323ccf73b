"""A call of the playground becomes a conversation case, without anybody's keys, and never an order."""

import shutil
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from console import cases
from exchanges.kit import layout
from settings import Settings
from tests.conftest import client_of
from tests.console.conftest import ORIGIN, csrf_of
from tests.exchanges.smallex.fake import FakeSmallex
from tests.fakes import KEY, SECRET
from tests.lent import Lent

SMALLEX = Path(__file__).parents[1] / "exchanges" / "smallex"
KEYS = {"access_key": KEY, "secret_key": SECRET}


@pytest.fixture
def smallex(lent: Lent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """Return a browser before a gateway that has Smallex as somebody's own file."""
    folder = tmp_path / "exchanges"
    shutil.copytree(SMALLEX, folder)
    folder.chmod(0o700)
    (folder / "smallex.py").chmod(0o600)
    (folder / "fake.py").unlink()
    for name, value in {
        "EXCHANGES_DIR": str(folder), "STATE_URL": f"sqlite:///{tmp_path}/other.db", "HOME": str(tmp_path),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)  # where there is no .env
    return client_of(lent.app(Settings.load()))


def save(browser: FlaskClient, name: str, method: str, params: dict[str, Any], **headers: str) -> TestResponse:
    given = {"Origin": ORIGIN, "X-CSRF-Token": csrf_of(browser), **headers}
    return browser.post(f"/console/case/{name}", json={**KEYS, "method": method, "params": params}, headers=given)


@pytest.mark.long
def test_what_was_asked_and_answered_is_a_case_without_keys(
    smallex: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeSmallex() as fake:
        monkeypatch.setenv("SMALLEX_URL", fake.url)
        answer = save(smallex, "smallex", "accounts", {})
    assert answer.headers["Content-Disposition"] == "attachment; filename=accounts.json"
    assert KEY not in answer.text
    assert SECRET not in answer.text
    case = layout.read(answer.text)["as asked in the console"]
    assert case["asked"] == {}
    assert case["steps"][0]["sent"] == "GET /v2/balances"
    assert case["steps"][0]["signature"]
    assert case["answered"]["data"] == [{"currency": "btc", "free": Decimal("1.5"), "frozen": Decimal("0.5")}]


@pytest.mark.long
def test_an_order_is_never_sent_for_a_case(smallex: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    order = {"symbol": "BTC_USDT", "type": "buy", "price": "1", "amount": "3"}
    with FakeSmallex() as fake:
        monkeypatch.setenv("SMALLEX_URL", fake.url)
        error = save(smallex, "smallex", "trade", order).get_json()["error"]
        assert not fake.asked
    assert error.startswith("INVALID_CALL no case was recorded: ")
    assert "trade may change something at Smallex" in error


STRANGE: dict[str, dict[str, Any]] = {
    "an option": {"--orders": "1"},
    "a name with a sign": {"symbol=x": "BTC_USDT"},
    "a line": {"symbol": "BTC\nUSDT"},
    "a zero byte": {"symbol": "BTC\0"},
}


@pytest.mark.parametrize("params", STRANGE.values(), ids=STRANGE)
def test_strange_parameters_reach_no_command(
    browser: FlaskClient, monkeypatch: pytest.MonkeyPatch, params: dict[str, Any]
) -> None:
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("a process was begun"))
    error = save(browser, "paper", "ticker", params).get_json()["error"]
    assert error.startswith("INVALID_CALL no case was recorded: its parameters must be")


def test_the_keys_are_in_no_argument_and_no_error(browser: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[list[str]] = []

    def run(command: list[str], *, env: dict[str, str], **_: Any) -> Any:
        begun.append(command)
        assert (env["FMZ_ACCESS_KEY"], env["FMZ_SECRET_KEY"]) == (KEY, SECRET)
        assert "PROMETHEUS_MULTIPROC_DIR" not in env
        return subprocess.CompletedProcess(command, 1, "", f"a line\nfmz-gateway: it failed with {SECRET}\n")

    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "/nowhere")
    monkeypatch.setattr("subprocess.run", run)
    error = save(browser, "paper", "accounts", {}).get_json()["error"]
    assert error == "INVALID_CALL no case was recorded: it failed with " + "*" * len(SECRET)
    assert not {KEY, SECRET} & {*begun[0]}


def test_one_case_is_recorded_at_a_time(browser: FlaskClient) -> None:
    with cases._recording:
        assert "another case is being recorded" in save(browser, "paper", "ticker", {}).get_json()["error"]


@pytest.mark.parametrize("headers", [{"X-CSRF-Token": ""}, {"Origin": "http://evil.example"}])
def test_no_other_page_records_a_case(browser: FlaskClient, headers: dict[str, str]) -> None:
    assert save(browser, "paper", "ticker", {}, **headers).status_code == 403
