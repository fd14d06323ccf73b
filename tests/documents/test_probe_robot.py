"""The probe's robot on an FMZ host: each of its functions is in the record, with what the host sent for it."""

import json
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from commands.probe import open_recorder, robot
from tests.documents.blocks import of_language
from tests.documents.robots import KEY, SECRET, Run, run_robot
from tests.serving import served

MARK = "__api_mark/"
BY_THE_HOST = {"GetName", "GetCurrency", "SetCurrency", "IO-currency", "GetRawJSON"}
"""The functions that a host answers by itself."""
REFUSED = {
    "CreateOrder-options": "INVALID_CALL", "IO-path": "INVALID_CALL", "IO-body": "INVALID_CALL",
    "IO-address": "INVALID_CALL",
    **dict.fromkeys(
        (
            "CreateConditionOrder", "GetConditionOrder", "GetConditionOrders", "CancelConditionOrder",
            "GetHistoryConditionOrders", "IO-simulate",
        ),
        "UNSUPPORTED",
    ),
}  # fmt: skip
"""The functions that the simulated exchange refuses."""


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[tuple[Run, str, str]]:
    """Yield what the robot did, its text, and the record."""
    out = StringIO()
    server = open_recorder("127.0.0.1", 0, tmp_path, out)
    with served(server) as address:
        text = robot(address)
        needed = re.findall(rf"^// +({address}/\w+)$", text, re.MULTILINE)
        yield run_robot(text, [(one, "") for one in needed], clock=False), text, out.getvalue()


def parts(record: str) -> dict[str, list[dict[str, Any]]]:
    """Return the lines of a record after each mark."""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in map(json.loads, record.splitlines()):
        if line["method"].startswith(MARK):
            found[line["method"].removeprefix(MARK)] = []
        else:
            [*found.values()][-1].append(line)
    return found


def test_the_record_of_the_robot_is_complete(recorded: tuple[Run, str, str]) -> None:
    run, text, record = recorded
    assert (run.ended, run.log[-1]) == ("main returned", "Done. Send the record in, as docs/PROBE.md says.")
    lines = parts(record)
    assert [*lines] == re.findall(r'attempt\(\w+, "([\w-]+)"', text), "every function, in its order"
    assert {name for name, sent in lines.items() if not sent} == BY_THE_HOST
    assert all(len(sent) == 1 and sent[0]["known"] for name, sent in lines.items() if name not in BY_THE_HOST)
    answers = {name: sent[0]["answer"] for name, sent in lines.items() if sent}
    assert {name: answer for name, answer in answers.items() if answer != "OK"} == REFUSED
    assert KEY not in record
    assert SECRET not in record


def test_the_document_shows_a_line_of_the_record(recorded: tuple[Run, str, str]) -> None:
    [block] = of_language("json", "docs/PROBE.md")
    shown, [line] = json.loads(block.text), parts(recorded[2])["GetRecords-period"]
    assert {"Host", "Content-Length"} <= set(line["headers"]) & set(shown["headers"]), "each host has others"
    assert {**line, "headers": 0} == {**shown, "headers": 0}
