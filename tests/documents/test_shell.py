"""The documents' commands run, and print what is shown."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import count

import pytest
from sqlalchemy import Engine

from orders.intents import Intent
from orders.journal import Journal
from protocol.models import Side, Symbol
from tests.conftest import NOW, Clock
from tests.documents.blocks import BLOCKS, Block, of_language
from tests.documents.classes import is_run
from tests.documents.shell import Shell, is_shown

ELSEWHERE = ("docs/ADAPTERS.md",)
"""Documents with a story of their own: see test_adapters.py."""
COMMANDS = [block for block in of_language("sh") if is_run(block) and block.document not in ELSEWHERE]
SHOWN = {block.command: block for block in BLOCKS if block.command}
STOPPED = {"fmz-gateway new Smallex ": "add cases that succeed and cases that fail"}
"""The beginnings of blocks whose last command fails, as the document says → what it says."""


@pytest.fixture
def unclear(state: Engine) -> Iterator[str]:
    """Yield client ids of unclear orders, as many as are asked for."""
    journal = Journal(state, Clock(NOW))

    def make(number: int) -> str:
        intent = Intent(
            client_id=f"unclear{number}", exchange="OldShop", account="a", nonce=str(number), market_name=f"M{number}",
            symbol=Symbol("BTC", "USDT"), side=Side.BUY, price=Decimal(1), amount=Decimal(1), closes=False,
            created_ms=NOW, expires_ms=NOW,
        )  # fmt: skip
        assert journal.begin(intent) is None
        journal.mark_unknown(intent)
        journal.mark_reported(intent)
        return intent.client_id

    return (make(number) for number in count())


@pytest.mark.long
@pytest.mark.parametrize("document", sorted({block.document for block in COMMANDS}))
def test_the_commands_print_what_is_shown(document: str, shell: Shell, unclear: Iterator[str]) -> None:
    for block in COMMANDS:
        if block.document != document:
            continue
        text = re.sub("CLIENT_ID", lambda _: next(unclear), block.text)
        done = shell.run(text.replace("--order ID", "--order 77"))
        said = next((said for beginning, said in STOPPED.items() if block.text.startswith(beginning)), "")
        assert done.returncode == bool(said), f"{block}: {done.stderr}"
        assert said in done.stderr, block
        if block in SHOWN:
            assert is_shown(done.stdout, SHOWN[block].text), f"{SHOWN[block]} shows another answer: {done.stdout}"


@pytest.mark.parametrize("block", of_language("sh"), ids=str)
def test_what_cannot_be_run_can_be_read_by_a_shell(block: Block) -> None:
    done = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert not re.search(r"\\\\$", block.text, re.MULTILINE), "a doubled backslash does not go on in the next line"


@pytest.mark.parametrize(
    ("printed", "shown", "same"),
    [
        ('{"a":1}', '{"a":1}', True),
        ('{"a":1,"b":2}', '{"a":1,…}', True),
        ('{"a":1,"b":2}', '{"b":1,…}', False),
        ('{"a":1}', '{"a":2}', False),
        ('{"time":1795353166700}', '{"time":1795353166983}', True),
        ('{"time":1795353166700}', '{"time":1795999999999}', False),
        ('{"client_id":"isAAKDqrOi_0stS6vFXcHa"}', '{"client_id":"nW1wbaPxXWfqW9FOt09I5d"}', True),
    ],
)
def test_what_is_shown_is_compared(printed: str, shown: str, same: bool) -> None:
    assert is_shown(printed, shown) is same


def test_a_wrong_answer_in_a_document_is_noticed(shell: Shell) -> None:
    block = replace(COMMANDS[0], text=COMMANDS[0].text.replace("BTC_USDT", "ETH_USDT"))
    assert not is_shown(shell.run(block.text).stdout, SHOWN[COMMANDS[0]].text)
