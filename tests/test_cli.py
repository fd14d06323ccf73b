"""The command ``fmz-gateway``, apart from ``orders`` and from serving, which have tests of their own."""

import re
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from exchanges import EXCHANGES
from exchanges.base.abilities import can
from exchanges.kit.cases import cases_of
from exchanges.kit.facts import facts_of
from exchanges.listing import CALLS
from tests.command import PROGRAM, Run, run_command

COMMANDS = {
    "serve",
    "exchanges",
    "orders",
    "call",
    "health",
    "check",
    "new",
    "verify",
    "record",
    "probe",
    "openapi",
    "completion",
}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that runs the command in an empty directory."""

    def run(*words: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        return run_command(words, {"HOME": str(tmp_path), "PATH": "", **settings}, tmp_path)

    return run


@pytest.mark.parametrize("words", [["-h"], ["--help"]])
def test_help_lists_the_commands(run: Run, words: list[str]) -> None:
    done = run(*words)
    assert done.returncode == 0
    assert set(re.findall(r"^  (\w+)  ", done.stdout, re.MULTILINE)) == COMMANDS


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_each_command_has_a_help_with_an_example(run: Run, command: str) -> None:
    done = run(command, "--help")
    assert done.returncode == 0
    assert f"Example: fmz-gateway {command}" in done.stdout


@pytest.mark.long
def test_the_installed_command_says_the_packages_version(tmp_path: Path) -> None:
    done = subprocess.run([PROGRAM, "--version"], env={"PATH": ""}, cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, f"{version('fmz-gateway')}\n", b"")


@pytest.mark.long
def test_the_installed_command_fails_with_a_sentence(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "PATH": "", "DEADLINE": "never"}
    done = subprocess.run([PROGRAM, "exchanges"], env=env, cwd=tmp_path, capture_output=True, check=False)
    said = b"fmz-gateway: DEADLINE is wrong: expected seconds above 0, at most 300\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", said)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("servr", "there is no command 'servr', perhaps serve; there are serve, exchanges, orders, call, "),
        ("wsgi:app", "there is no command 'wsgi:app'; there are serve, exchanges, orders, call, "),
    ],
)
def test_a_word_that_is_no_command_starts_nothing(run: Run, word: str, said: str) -> None:
    done = run(word)
    assert done.returncode == 2
    assert said in done.stderr


def test_exchanges_are_listed(run: Run) -> None:
    done = run("exchanges")
    assert (done.returncode, done.stderr) == (0, "")
    table, _, library = done.stdout.partition("\n\n")
    titles, *lines = table.splitlines()
    assert re.match(r"\d{3} routes in the ccxt library:\n", library)
    assert re.search(r"\bFutures_BingX\b", library)
    assert titles.split() == ["exchange", "trades", "cannot", "client", "ids", "testnet", "from"]
    assert [line.split()[0].lower() for line in lines] == list(EXCHANGES)
    [line] = [line for line in lines if line.startswith("CoinPark ")]
    assert re.split("  +", line) == [
        "CoinPark", "spot", "markets, tickers, past orders, modifying orders", "no", "no", "built in",
    ]  # fmt: skip


@pytest.mark.parametrize("route", EXCHANGES)
def test_an_exchange_that_is_built_in_lacks_no_documented_call_without_a_reason(route: str) -> None:
    kind = EXCHANGES[route]
    unexplained = {call for call in CALLS if not can(kind, call)} - facts_of(cases_of(kind)).lacks.keys()
    assert not unexplained, f"add why {kind.name} lacks it to `lacks` of {cases_of(kind)}/exchange.json"


def test_one_exchange_is_described(run: Run) -> None:
    done = run("exchanges", "okx")
    assert done.returncode == 0
    facts = dict(re.split("  +", line, maxsplit=1) for line in done.stdout.splitlines())
    assert facts["exchange"] == "OKX, built in"
    assert facts["keys"] == "access key; secret key, a comma, and the passphrase"
    assert facts["can"].startswith("ticker, depth, records, ")
    assert facts["testnet"].endswith(", with OKX_TESTNET=1")


def test_an_unknown_exchange_is_said(run: Run) -> None:
    done = run("exchanges", "krakn")
    assert done.returncode == 1
    assert done.stderr.startswith("fmz-gateway: no exchange of that name, perhaps Kraken; there are ")


def test_an_exchange_that_cannot_be_used_is_listed_and_told(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / ".local" / "state" / "fmz-gateway" / "exchanges"
    folder.mkdir(parents=True)
    for path in (folder, *folder.parents):
        if path.is_relative_to(tmp_path):
            path.chmod(0o700)
    path = folder / "smallex.py"
    path.write_text("from exchanges.base import *\n\nclass Smallex(Exchange):\n    name = 'Smallex'\n")
    path.chmod(0o600)
    done = run("exchanges")
    assert done.returncode == 1
    table = done.stdout.partition("\n\n")[0]
    assert re.split("  +", table.splitlines()[-1]) == ["Smallex", "be loaded", "in smallex.py"]
    assert "Smallex, in smallex.py, cannot be loaded: smallex.py, line 3: api is missing" in done.stderr


def test_a_wrong_setting_is_one_sentence(run: Run) -> None:
    for command in (["exchanges"], ["orders", "list"]):
        done = run(*command, DEADLINE="never")
        assert (done.returncode, done.stderr) == (
            1, "fmz-gateway: DEADLINE is wrong: expected seconds above 0, at most 300\n",
        )  # fmt: skip


def test_a_market_that_is_none_is_told(run: Run) -> None:
    done = run("check", "paper", "--market", "BTC/USDT", "--access-key", "a", "--secret-key", "b")
    assert done.returncode == 2
    assert "'BTC/USDT' is not a symbol, such as BTC_USDT" in done.stderr
