"""The documents' adapters are loaded, and verified by the kit; the story of one is gone through as it is told."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from exchanges import open_registry
from exchanges.kit import recorder, scaffold
from exchanges.kit.verify import CHECKS, Result, open_subject, verify
from tests.documents.blocks import ROOT, Block, of_language
from tests.documents.shell import Shell

SMALLEX = ROOT / "tests" / "exchanges" / "smallex"
TICKER = {"ts": 1700000000000, "bid": "1", "ask": "2", "last": "1.5", "high": "3", "low": "0.5", "vol": "10"}
ADAPTERS = of_language("python", "README.md")
STORY = of_language("python", "docs/ADAPTERS.md")


def failures(results: list[Result]) -> dict[str, str]:
    """Return what was said by the checks that failed."""
    return {result.check: result.said for result in results if result.mark == "FAIL"}


@pytest.mark.parametrize("block", ADAPTERS, ids=str)
def test_an_adapter_of_a_document_works(block: Block, tmp_path: Path) -> None:
    scaffold.write("Smallex", "okx", tmp_path, package=False)
    (tmp_path / "smallex.py").write_text(block.text)
    registry = open_registry(tmp_path)
    assert not registry.problems
    kind = registry.find("Smallex")
    cases = tmp_path / "cases" / "smallex"
    recorder.record(
        kind, "ticker", {"symbol": "BTC_USDT"}, title="a ticker", source="", folder=cases, replies=[(200, TICKER)]
    )
    subject = open_subject(kind, cases)
    assert subject.success("ticker").answered["data"]["buy"] == 1
    results = list(verify(subject))
    assert {result.check for result in results if result.mark == "ok"} >= {"declarations", "conversations", "hosts"}
    assert failures(results) == {"methods": "add a case that fails to ticker.json"}


def test_every_python_block_is_an_adapter_or_a_part_of_the_story() -> None:
    assert {str(block) for block in (*ADAPTERS, *STORY)} == {str(block) for block in of_language("python")}


@pytest.mark.long
def test_the_story_of_an_adapter_can_be_gone_through(shell: Shell) -> None:
    begin, record, check = of_language("sh", "docs/ADAPTERS.md")
    begun = shell.run(begin.text)
    assert begun.returncode == 0, begun.stderr
    adapter = shell.home / ".local" / "state" / "fmz-gateway" / "exchanges" / "smallex.py"
    adapter.write_text("\n\n".join([adapter.read_text(), *(block.text for block in STORY)]) + "\n")
    recorded = shell.run(record.text)
    assert recorded.stdout.startswith("'a ticker' is in "), recorded.stderr
    verified = shell.run(check.text)
    said = "add a case that fails to ticker.json"
    assert f"`{said}`" in (ROOT / "docs" / "ADAPTERS.md").read_text()
    assert (verified.returncode, said in verified.stderr) == (1, True), verified.stderr
    assert "| conversations | ok | 1, to the byte |" in verified.stdout


@pytest.fixture
def facts() -> Any:
    """Return the members of ``exchange.json`` that the document shows."""
    shown = ", ".join(block.text for block in of_language("json", "docs/ADAPTERS.md"))
    return json.loads(f"{{{shown}}}")


@pytest.mark.parametrize("check", ["signatures", "costs", "cancels", "bans"])
def test_the_documents_facts_are_those_of_the_adapter(check: str, facts: Any, tmp_path: Path) -> None:
    """Check that ``verify`` takes the facts, and that they are true of the made-up exchange."""
    shutil.copytree(SMALLEX / "cases", tmp_path / "cases")
    shutil.copy(SMALLEX / "smallex.py", tmp_path)
    (tmp_path / "smallex.py").chmod(0o600)
    common = tmp_path / "cases" / "smallex" / "exchange.json"
    common.write_text(json.dumps(json.loads(common.read_text()) | facts))
    CHECKS[check](open_subject(open_registry(tmp_path).find("Smallex")))
