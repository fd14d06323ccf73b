"""The recorder: it writes the conversations that there are, from their replies alone; and from an exchange that it
asks, without anybody's keys."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exchanges import EXCHANGES, open_registry
from exchanges.kit import layout
from exchanges.kit.cases import Conversation, as_request, cases_of, load
from exchanges.kit.files import COMMON, read_file
from exchanges.kit.recorder import case_of, disguised, mask, record
from exchanges.kit.subject import Failed, Subject
from exchanges.kit.verify import CHECKS
from tests.command import Run
from tests.exchanges.kit.conftest import SMALLEX
from tests.exchanges.smallex.fake import FakeSmallex
from tests.fakes import KEY, SECRET


def plain(conversation: Conversation, common: dict[str, Any]) -> bool:
    """Return True for a conversation without calls before it, and with the keys of all."""
    usual = {"method": conversation.method, **common.get("call", {})}
    return not conversation.before and {**conversation.asked, "params": None} == {**usual, "params": None}


@pytest.mark.long
@pytest.mark.parametrize("route", EXCHANGES)
def test_what_is_sent_and_answered_is_filled_in(route: str) -> None:
    folder = cases_of(EXCHANGES[route])
    common = read_file(folder / COMMON)
    for one in load(folder):
        if not one.sent or not plain(one, common):
            continue
        replies = [(reply.status, reply.body) for reply in one.got]
        case = case_of(EXCHANGES[route], common, one.method, one.asked["params"], replies)
        sent = [as_request(common, step) for step in case["steps"]]
        expected = [(request.method, request.url, request.body) for request in one.sent]
        assert [(request.method, request.url, request.body) for request in sent] == expected, one
        assert case["answered"].items() <= {**one.answered, **case["answered"]}.items()
        assert case["answered"].get("data") == one.answered.get("data"), one


def test_too_few_and_too_many_replies_are_told() -> None:
    common = read_file(cases_of(EXCHANGES["binance"]) / COMMON)
    reply: tuple[int, Any] = (200, {})
    for replies in ([], [reply, reply]):
        with pytest.raises(ValueError, match=f"requests were sent, and there are {len(replies)} replies"):
            case_of(EXCHANGES["binance"], common, "ticker", {"symbol": "BTC_USDT"}, replies)


def test_a_request_to_another_host_is_written_whole_and_checked(folder: Path) -> None:
    adapter, past = folder / "smallex.py", "https://past.smallex.example"
    text = adapter.read_text().replace('signed("GET", "balances")', 'call("GET", "balances", signed=True, host="past")')
    adapter.write_text(text.replace('    sends = "json"\n', f'    sends = "json"\n    hosts = {{"past": "{past}"}}\n'))
    kind, cases = open_registry(folder).find("smallex"), folder / "cases" / "smallex"
    common = read_file(cases / COMMON)
    case = case_of(kind, common, "accounts", {}, [(200, {"code": 0, "data": []})])
    [step] = case["steps"]
    assert step["sent"] == f"GET {past}/v2/balances"
    assert as_request(common, step).url == f"{past}/v2/balances"
    record(kind, "accounts", {}, title="past", source="", folder=cases, replies=[(200, {"code": 0, "data": []})])
    [found] = [one for one in load(cases) if one.title == "past"]
    assert "past.smallex.example" in CHECKS["hosts"](Subject(kind, [found]))
    undeclared = type("Smallex", (kind,), {"hosts": {}, "__module__": kind.__module__})
    with pytest.raises(Failed, match="declare it as url, or in hosts"):
        CHECKS["hosts"](Subject(undeclared, [found]))


def test_ids_names_and_addresses_are_replaced_by_others_of_their_kind() -> None:
    reply = {
        "orderId": 36493663, "uid": "a-17", "email": "me@home.example", "symbolName": "BTC", "price": "36493663",
        "orders": [{"orderId": 36493663}], "fee": Decimal("0.10"), "ok": True, "tradeId": None,
    }  # fmt: skip
    hidden = disguised(reply)
    assert hidden["orderId"] == mask(36493663) == hidden["orders"][0]["orderId"] != 36493663
    assert len(str(hidden["orderId"])) == 8
    assert isinstance(hidden["orderId"], int)
    assert hidden["uid"] != "a-17"
    assert hidden["uid"][1] == "-"
    assert "me@home" not in hidden["email"]
    kept = ("symbolName", "price", "fee", "ok", "tradeId")
    assert {name: hidden[name] for name in kept} == {name: reply[name] for name in kept}


# The command ------------------------------------------------------------------------------------------------------


def test_an_exchange_is_asked_and_the_case_can_be_played(run: Run, folder: Path) -> None:
    with FakeSmallex() as fake:
        keys = {"FMZ_ACCESS_KEY": KEY, "FMZ_SECRET_KEY": SECRET, "SMALLEX_URL": fake.url, "EXCHANGES_DIR": str(folder)}
        for method, title in (("ticker", "asked"), ("accounts", "asked too")):
            done = run("record", "smallex", method, "symbol=BTC_USDT", "--title", title, **keys)
            assert done.returncode == 0, done.stderr
            assert done.stdout.startswith(f"'{title}' is in {folder}/cases/smallex/{method}.json: read it")
    text = (folder / "cases" / "smallex" / "accounts.json").read_text()
    assert KEY not in text
    assert SECRET not in text
    asked = layout.read(text)["asked too"]
    assert asked["steps"][0]["sent"] == "GET /v2/balances"
    assert asked["answered"]["data"] == [{"currency": "btc", "free": Decimal("1.5"), "frozen": Decimal("0.5")}]
    done = run("verify", folder / "smallex.py")
    assert "| conversations | ok | 33, to the byte |" in done.stdout, done.stderr


def test_replies_of_the_documentation_need_no_exchange(run: Run, folder: Path) -> None:
    reply = folder / "reply.json"
    reply.write_text(json.dumps([{"got": {"code": 3002, "message": "balance is too small"}}]))
    params = ("symbol=BTC_USDT", "type=buy", "price=1.10", "amount=3")
    done = run("record", folder / "smallex.py", "trade", *params, "--title", "no money", "--replies", reply)
    assert done.returncode == 0, done.stderr
    case = layout.read((folder / "cases" / "smallex" / "trade.json").read_text())["no money"]
    assert case["steps"][0]["json"]["px"] == "1.10"
    assert case["answered"] == {"error": "INSUFFICIENT_FUNDS Smallex 3002 balance is too small"}
    again = run("record", folder / "smallex.py", "trade", *params, "--title", "no money", "--replies", reply)
    assert (again.returncode, "has a case 'no money' already: give another --title" in again.stderr) == (1, True)


def test_a_case_can_be_shown_without_being_written(run: Run, folder: Path) -> None:
    reply = folder / "reply.json"
    reply.write_text(json.dumps([{"got": {"code": 3002, "message": "balance is too small"}}]))
    params = ("symbol=BTC_USDT", "type=buy", "price=1.10", "amount=3")
    before = {path: path.read_bytes() for path in folder.rglob("*.json")}
    done = run("record", folder / "smallex.py", "trade", *params, "--title", "no money", "--replies", reply, "--show")
    assert done.returncode == 0, done.stderr
    shown = layout.read(done.stdout)
    assert shown.keys() == {"source", "no money"}
    assert shown["no money"]["answered"] == {"error": "INSUFFICIENT_FUNDS Smallex 3002 balance is too small"}
    assert {path: path.read_bytes() for path in folder.rglob("*.json")} == before


@pytest.mark.parametrize("options", [(), ("--orders",)])
def test_nothing_is_changed_at_an_exchange_without_being_asked_to(
    run: Run, folder: Path, options: tuple[str, ...]
) -> None:
    with FakeSmallex() as fake:
        order = ("symbol=BTC_USDT", "type=buy", "price=1", "amount=3", "--title", "an order", *options)
        done = run("record", "smallex", "trade", *order, SMALLEX_URL=fake.url, EXCHANGES_DIR=str(folder))
        assert done.returncode == 1
        assert "trade may change something at Smallex: give --orders and set SMALLEX_TESTNET=1" in done.stderr
        assert not fake.asked


def test_a_parameter_without_a_value_is_told(run: Run) -> None:
    done = run("record", "paper", "ticker", "BTC_USDT", "--title", "x")
    assert done.returncode == 2
    assert "'BTC_USDT' is not NAME=VALUE, such as symbol=BTC_USDT" in done.stderr


def test_the_published_example_is_among_the_cases() -> None:
    example = (SMALLEX / "API.md").read_text().partition("gives\n`")[2].partition("`")[0]
    assert len(example) == 88
    assert example in (SMALLEX / "cases" / "smallex" / "accounts.json").read_text()
