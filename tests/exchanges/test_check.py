"""The check of an exchange with a user's keys: what works, and what to do where it does not."""

import re
import subprocess
from pathlib import Path

import pytest

from exchanges.base import Symbol
from exchanges.kit.check import check
from exchanges.okx.futures import FuturesOKX
from protocol.errors import AuthenticationFailed, Maintenance, NotSent, OutcomeUnknown, RateLimited
from tests.command import Run, run_command
from tests.fakes import KEY, PASSPHRASE, SECRET, FakeExchange
from tests.fakes.binance import FakeBinance
from tests.fakes.kraken import FakeKraken
from tests.lent import Lent
from tests.tiny import BTC, RULES, Lister, tiny


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that runs the command on an exchange at an address."""

    def run(name: str, url: str = "", key: str = KEY, **settings: str) -> "subprocess.CompletedProcess[str]":
        keys = {"FMZ_ACCESS_KEY": key, "FMZ_SECRET_KEY": f"{SECRET},{PASSPHRASE}"}
        env = {"HOME": str(tmp_path), "PATH": "", **keys, **settings}
        env |= {f"{name.upper()}_URL": url} if url else {}
        return run_command(["check", name], env, tmp_path)

    return run


class Whole(FakeBinance):
    """Binance with a ticker and a key's rights."""

    routes = FakeBinance.routes | {
        ("GET", "/api/v3/ticker/24hr"): "ticker",
        ("GET", "/sapi/v1/account/apiRestrictions"): "rights",
    }
    public = (*FakeBinance.public, "ticker")
    withdraws = False

    def ticker(self, account: object, params: object) -> object:
        return {"bidPrice": "1", "askPrice": "2", "lastPrice": "3.5", "highPrice": "4", "lowPrice": "0.5"} | {
            "volume": "6", "closeTime": 1700000000000,
        }  # fmt: skip

    def rights(self, account: object, params: object) -> object:
        return {"ipRestrict": False, "enableWithdrawals": self.withdraws, "enableReading": True}


def found(done: "subprocess.CompletedProcess[str]") -> dict[str, tuple[str, str]]:
    """Return what was said: its name → its mark, and the text."""
    lines = re.findall(r"^(\w+) +(\S+(?: \S+)?)  +(.+)$", done.stdout, re.MULTILINE)
    return {what: (mark, said) for mark, what, said in lines}


def test_all_is_well(run: Run) -> None:
    with Whole() as fake:
        done = run("Binance", fake.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert {what: mark for what, (mark, _) in found(done).items()} == {
        "address": "ok", "clock": "ok", "key": "ok", "withdrawals": "ok", "position mode": "skip",
        "smallest order": "ok",
    }  # fmt: skip
    assert "0.00001 of BTC_USDT and 5 USDT; amount step 0.00001, price step 0.01" in done.stdout
    assert fake.orders == []


def test_a_key_that_may_withdraw_is_warned_of(run: Run) -> None:
    with Whole() as fake:
        fake.withdraws = True
        done = run("Binance", fake.url)
    assert done.returncode == 0
    assert found(done)["withdrawals"][0] == "warn"
    assert "Make a key without that right" in done.stdout


def test_a_wrong_key_fails_with_the_next_step(run: Run) -> None:
    with Whole() as fake:
        done = run("Binance", fake.url, key="nobody-knows-this-key")
    assert done.returncode == 1
    mark, said = found(done)["key"]
    assert mark == "FAIL"
    assert said.startswith("AUTHENTICATION_FAILED Binance -2015 Invalid API-key, IP, or permissions for action")
    assert "Check what goes into FMZ's two fields (access key; secret key)" in said
    assert "nobody-knows" not in done.stdout + done.stderr


def test_a_wrong_clock_is_warned_of(run: Run) -> None:
    with Whole() as fake:
        fake.clock_ahead = -60.0
        done = run("Binance", fake.url)
    assert done.returncode == 0
    mark, said = found(done)["clock"]
    assert mark == "warn"
    assert re.match(r"it is \d{5} ms behind this machine's; .* Set this machine's clock", said)


@pytest.mark.long
def test_an_exchange_that_is_not_there_fails(run: Run) -> None:
    done = run("Kraken", "http://127.0.0.1:9", DEADLINE="1")
    assert done.returncode == 1
    assert found(done)["address"][0] == "FAIL"
    assert "Check this machine's network, KRAKEN_URL, KRAKEN_PROXY and CA_FILE" in done.stdout


def test_what_cannot_be_asked_is_said(run: Run) -> None:
    fake: FakeExchange
    with FakeKraken() as fake:
        done = run("Kraken", fake.url)
    assert found(done)["withdrawals"] == ("skip", "Kraken has no call that says what a key may do")


def test_paper_needs_no_keys(run: Run) -> None:
    done = run("paper")
    assert done.returncode == 0
    assert found(done)["key"] == ("ok", "accepted; the account holds 3 currencies")


def test_words_that_are_wrong_are_said(run: Run) -> None:
    done = run("krakn")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("fmz-gateway: no exchange of that name, perhaps Kraken")


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (AuthenticationFailed("x"), "Check what goes into FMZ's two fields"),
        (NotSent("x"), "Check this machine's network, TINY_URL, TINY_PROXY and CA_FILE"),
        (OutcomeUnknown("x"), "Check this machine's network"),
        (RateLimited("x"), "Try again later"),
        (Maintenance("x"), "Try again later"),
    ],
)
def test_each_failure_has_a_next_step(lent: Lent, error: Exception, advice: str) -> None:
    findings = {finding.what: finding for finding in check(tiny(lent, markets=Lister(error)), BTC)}
    assert findings["smallest order"].mark == "FAIL"
    assert advice in findings["smallest order"].said


def test_the_position_mode_of_futures_is_told(lent: Lent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FuturesOKX, "position_mode", lambda _: True)
    exchange = lent.open(FuturesOKX, tiny(lent).credentials)
    findings = {finding.what: finding for finding in check(exchange, Symbol("BTC", "USDT", "swap"))}
    assert findings["position mode"].said == "hedged: long and short positions of a market are kept apart"


def test_the_rules_are_told(lent: Lent) -> None:
    findings = {finding.what: finding for finding in check(tiny(lent, markets=Lister(RULES)), BTC)}
    assert findings["smallest order"].said == "0 of BTC_USDT and 5 USDT; amount step 0.00000001, price step 0.1"
