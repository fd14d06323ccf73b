"""The command ``fmz-gateway orders``."""

import re
from pathlib import Path

import pytest

from cli import Commands
from orders.cli import COMMANDS, Book
from orders.journal import Journal
from protocol.errors import NotSent
from tests.command import run_command
from tests.conftest import Clock
from tests.orders.shop import UNCLEAR, Market, Robot


def main(journal: Journal, arguments: list[str]) -> int:
    """Run one command; return its exit status."""
    group = Commands("orders", commands=COMMANDS)
    with pytest.raises(SystemExit) as end:
        group.main(arguments, prog_name="fmz-gateway orders", obj=Book(journal))
    assert isinstance(end.value.code, int)
    return end.value.code


@pytest.fixture
def unclear(old: Robot, market: Market, clock: Clock) -> str:
    """Return the client id of an order that cannot be asked for."""
    old.buy("1")
    clock.ms += 1
    market.error, market.creates = UNCLEAR, False
    client_id = old.buy_unclear("2", price="100.50")
    market.error, market.creates = None, True
    return client_id


def test_unresolved_orders_are_listed(unclear: str, journal: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(journal, ["list"]) == 0
    titles, row = capsys.readouterr().out.splitlines()
    assert " ".join(titles.split()) == "id created (UTC) exchange account symbol side price amount state order"
    assert row.split() == f"{unclear} 2023-11-14 22:13:20 OldShop a BTC_USDT buy 100.50 1 unknown".split()


def test_nothing_unresolved_is_an_empty_list(journal: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(journal, ["list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_all_orders_are_listed_the_latest_first(
    unclear: str, journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(journal, ["list", "--all"]) == 0
    assert [row.split()[0] for row in capsys.readouterr().out.splitlines()[1:]] == [unclear, "OldShopa1"]


def test_old_orders_with_an_outcome_are_deleted(
    unclear: str, journal: Journal, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    clock.ms += 24 * 3_600_000
    assert main(journal, ["prune", "--older-than", "1d"]) == 0
    assert capsys.readouterr().out == "1 orders deleted\n"
    assert [intent.client_id for intent in journal.list_orders(everything=True)] == [unclear], "its outcome is unknown"
    assert main(journal, ["prune", "--older-than", "1d"]) == 0
    assert capsys.readouterr().out == "0 orders deleted\n"


@pytest.mark.parametrize("days", ["0d", "90", "-1d", "1h", "", "99999d", "1d "])
def test_a_number_of_days_that_is_none_deletes_nothing(
    days: str, unclear: str, journal: Journal, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    clock.ms += 365 * 24 * 3_600_000
    assert main(journal, ["prune", "--older-than", days]) == 2
    assert "expected one such as 90d, 1d at least" in capsys.readouterr().err
    assert len(journal.list_orders(everything=True)) == 2


def test_an_order_is_shown(unclear: str, journal: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(journal, ["show", unclear]) == 0
    shown = capsys.readouterr().out
    assert "order          buy 1 BTC_USDT at 100.50" in shown
    assert "state          unknown" in shown
    assert "nonce          2" in shown


def test_a_person_says_that_it_exists(
    unclear: str, old: Robot, journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(journal, ["resolve", unclear, "--order", "4711"]) == 0
    assert "exchange's id  4711" in capsys.readouterr().out
    assert old.buy("3") == "4711"
    assert old.marks == {"adopted": True}
    assert old.buy("4") == 2


def test_a_person_says_that_it_does_not(unclear: str, old: Robot, journal: Journal) -> None:
    assert main(journal, ["resolve", unclear, "--none"]) == 0
    with pytest.raises(NotSent, match="OldShopa2: resolved by hand; it is safe to try again"):
        old.buy("2", "100.50")
    assert old.buy("3") == 2


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["show", "nothing"], "there is no order nothing"),
        (["resolve", "nothing", "--none"], "there is no order nothing"),
        (["resolve", "OldShopa1", "--none"], "OldShopa1 is accepted already"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    unclear: str, journal: Journal, capsys: pytest.CaptureFixture[str], arguments: list[str], why: str
) -> None:
    before = journal.list_orders(everything=True)
    assert main(journal, arguments) == 1
    assert capsys.readouterr().err == f"fmz-gateway: {why}\n"
    assert journal.list_orders(everything=True) == before


def test_an_order_under_way_is_not_a_persons_business(
    robot: Robot, market: Market, journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    def on_order() -> None:
        assert main(journal, ["resolve", "Shopa1", "--none"]) == 1

    market.on_order = on_order
    assert robot.buy("1") == 1
    assert re.search(r"Shopa1 is still in progress: wait until 2023-11-14 22:13:3\d UTC", capsys.readouterr().err)


@pytest.mark.parametrize("arguments", [[], ["resolve", "x"], ["resolve", "x", "--none", "--order", "1"], ["sell"]])
def test_wrong_words_are_explained(journal: Journal, arguments: list[str]) -> None:
    assert main(journal, arguments) == 2


def test_the_command_reads_the_services_settings(tmp_path: Path, state_url: str) -> None:
    done = run_command(["orders", "list"], {"STATE_URL": state_url, "PATH": ""}, tmp_path)
    assert (done.returncode, done.stdout.split()[0]) == (0, "id"), done.stderr
    wrong = run_command(["orders", "list"], {"STATE_URL": "nonsense", "PATH": ""}, tmp_path)
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("fmz-gateway: STATE_URL is wrong: ")
