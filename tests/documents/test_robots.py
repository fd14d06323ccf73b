"""The documents' robots trade, and lose no order and double none when answers are lost."""

import json
import re
import urllib.request
from typing import Any

import pytest

from tests.documents.blocks import ROOT, Block, of_language
from tests.documents.gateway import Service
from tests.documents.plugin import Plugin
from tests.documents.robots import KEY, SECRET, Object, Run, run_robot
from tests.documents.shell import DOCUMENTED

ROBOTS = of_language("javascript")
_OBJECT = re.compile(rf"{DOCUMENTED}(/[\w/?=]+)(?:, label (\w+))?")


def objects(robot: str, service: Service) -> list[Object]:
    """Return the exchange objects that a robot's first lines say it needs."""
    return [(service.address + place, label) for place, label in _OBJECT.findall(robot)]


def placed(service: Service, route: str) -> list[dict[str, Any]]:
    """Return the orders of the robots' account that are open or filled, at least in part."""
    found = []
    for method in ("orders", "historyorders"):
        call = {"access_key": KEY, "secret_key": SECRET, "method": method, "params": dict[str, str]()}
        with urllib.request.urlopen(f"{service.address}/{route}", json.dumps(call).encode(), timeout=10) as reply:
            found += json.load(reply)["data"]
    return [order for order in found if order["status"] != "cancelled" or order["deal_amount"]]


@pytest.mark.parametrize("block", ROBOTS, ids=str)
def test_a_robot_trades(block: Block, service: Service) -> None:
    needed = objects(block.text, service)
    run = run_robot(block.text, needed, orders=len(needed))
    assert run.ended in ("traded", "main returned"), run.log
    assert {order["exchange"] for order in run.ids} == {address for address, _ in needed}, "each object has traded"
    for order in run.ids:
        route = order["exchange"].removeprefix(service.address).strip("/").partition("?")[0]
        assert order["id"] in [one["id"] for one in placed(service, route)], run.log


def robot(words: str) -> str:
    """Return the document's robot that has these words."""
    [found] = [block.text for block in ROBOTS if words in block.text]
    return found


def run_one(words: str, service: Service, **options: Any) -> Run:
    """Run the document's robot that has these words."""
    text = robot(words)
    return run_robot(text, objects(text, service), **options)


def test_the_robot_of_the_first_page_buys_and_sells(service: Service) -> None:
    run = run_one("rising", service, orders=2)
    assert [order["type"] for order in placed(service, "paper")] == ["buy", "sell"]
    assert run.ended == "traded"


def test_the_robot_of_the_first_page_waits_until_its_order_is_filled(plugin: Plugin) -> None:
    """An order that is not filled yet is no reason to buy again."""
    bars = [[60 * minute, 1, 1, 1, 1 + minute, 1] for minute in range(30)]
    row = {"id": 1, "price": 0, "amount": 0.01, "type": "buy", "status": "open", "deal_amount": 0}
    filled = row | {"status": "closed", "deal_amount": 0.01}
    answers: dict[str, list[Any]] = {
        "records": [bars],
        "accounts": [[]],
        "trade": [{"id": 1}],
        "order": [row, row, row, filled],
    }
    plugin.answers = {method: [json.dumps({"data": one}) for one in each] for method, each in answers.items()}
    run = run_robot(robot("rising"), [(plugin.address, "")], steps=40)
    assert run.ended == "out of steps"
    assert [params["type"] for method, params in plugin.asked if method == "trade"] == ["buy"]


def test_a_futures_object_is_known_by_its_label(service: Service) -> None:
    assert run_one("isFutures", service).log == ["coins 1", "contracts 2"]


def test_two_objects_keep_their_directions_apart(service: Service) -> None:
    log = run_one("far's direction", service).log
    assert log[:2] == ["short the swap 1", "long the quarter 2"]
    held = {(one["Symbol"], one["Type"], one["Amount"]) for one in json.loads(log[2])}
    assert held == {("BTC_USDT.swap", 1, 2), ("BTC_USDT.quarter", 0, 2)}


def test_a_position_of_a_value_in_money_is_opened_and_closed(service: Service) -> None:
    assert run_one("CONTRACT", service).log == ["opened 7 1", "closed 7 2"]


def test_a_retry_ends_where_it_cannot_help(service: Service) -> None:
    log = run_one("REFUSALS", service).log
    assert log[0].startswith("given up: Buy: INSUFFICIENT_FUNDS paper: ")
    assert log[1].startswith("too late to cancel: CancelOrder: ORDER_FILLED paper: ")
    assert log[2:] == ["bought 0.1"]


def test_a_retry_ends_with_the_labels_that_do_not_pass() -> None:
    lists = re.findall(r"var ([A-Z]+) = \[(.*?)\]", robot("REFUSALS"), re.DOTALL)
    named = {name: set(re.findall('"([A-Z_]+)"', labels)) for name, labels in lists}
    errors = (ROOT / "docs" / "ERRORS.md").read_text().partition("\n## ")[0]
    cures = dict(re.findall(r"^\| `([A-Z_]+)` \| .* \| ([^|]+) \|$", errors, re.MULTILINE))
    assert named["PASSES"] == {label for label, cure in cures.items() if re.match("yes|later|after that", cure)}
    of_other_calls = {"ORDER_NOT_FOUND", "ORDER_FILLED"}
    assert named["REFUSALS"] == cures.keys() - named["PASSES"] - of_other_calls - {"INTERNAL_ERROR"}


def test_a_retry_after_a_lost_answer_is_the_same_order(plugin: Plugin) -> None:
    """The error has no label, or one that leaves open what was done, whatever words follow."""
    errors = ["connect ECONNREFUSED", "ORDER_STATE_UNKNOWN x: REFUSED is no answer", "BUSY x"]
    plugin.answers = {
        "ticker": ['{"data":{"sell":100}}'],
        "trade": ["<html>", *(json.dumps({"error": error}) for error in errors), '{"data":{"id":7}}'],
        "order": ['{"data":{"id":7,"deal_amount":100}}'],
    }
    assert run_robot(robot("REFUSALS"), [(plugin.address, "")]).log[-1] == "bought 100"
    sent = [params for method, params in plugin.asked if method == "trade"]
    assert sent == [sent[0]] * 5


def test_a_bug_of_the_gateway_stops_the_robot(plugin: Plugin) -> None:
    plugin.answers = {"ticker": ['{"data":{"sell":100}}'], "trade": ['{"error":"INTERNAL_ERROR a bug"}']}
    run = run_robot(robot("REFUSALS"), [(plugin.address, "")])
    assert run.ended == "error"
    assert [method for method, _ in plugin.asked] == ["ticker", "trade"]


# Lost answers -----------------------------------------------------------------------------------------------------

NAIVE = "function main() { while (!exchange.Buy(58418.35, 0.01)) { Sleep(3000) } }"
RETRIES = "function main() { Log(_C(exchange.Buy, 58418.35, 0.01)) }"


@pytest.mark.parametrize("text", [NAIVE, RETRIES])
def test_an_answer_that_the_gateway_knows_is_lost_doubles_nothing(text: str, service: Service) -> None:
    service.lost = 1
    run = run_robot(text, [(f"{service.address}/paper", "")])
    assert "socket hang up" in run.log[0]
    assert [order["id"] for order in placed(service, "paper")] == [1] == [order["id"] for order in run.ids]


def test_the_tests_can_lose_an_answer_unnoticed(service: Service) -> None:
    """Check that the next test shows something: the limit that docs/RELIABILITY.md names."""
    service.lost, service.is_noticed = 1, False
    run_robot(NAIVE, [(f"{service.address}/paper", "")])
    assert len(placed(service, "paper")) == 2


@pytest.mark.parametrize("is_noticed", [True, False])
@pytest.mark.parametrize("lost", [0, 1])
def test_the_buy_loop_never_doubles(lost: int, is_noticed: bool, service: Service) -> None:
    service.lost, service.is_noticed = lost, is_noticed
    run = run_one("TARGET", service, steps=40)
    [order] = placed(service, "paper")
    assert (order["type"], order["deal_amount"], order["status"]) == ("buy", 0.05, "closed")
    assert run.ended == "out of steps"
    assert run.log == (["Buy: socket hang up", "perhaps ordered: Buy: socket hang up"] if lost else ["ordered 1"])
