"""Every code block of the documents is run, or listed with the reason why it cannot be."""

import re

import pytest

from tests.documents.blocks import BLOCKS, DOCUMENTS, ROOT, Block, blocks_of
from tests.documents.classes import HELD, NOT_RUN, Row, is_listed, is_run

TEXT = """\
# Title

```sh
echo a
```

prints

```json
"a"
```

- An item:

  ```sh
    indented
  ```

## Another title

```json
"b"
```
"""


def test_blocks_are_found() -> None:
    first, shown, item, alone = blocks_of("a.md", TEXT)
    assert first == Block("a.md", 3, "sh", "echo a")
    assert (shown.text, shown.command) == ('"a"', first)
    assert (item.text, item.indent, item.line) == ("  indented", 2, 15)
    assert alone.command is None


def test_a_block_without_an_end_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"a\.md:1: the code block has no end"):
        list(blocks_of("a.md", "```sh\necho a\n"))


def test_there_are_documents_and_blocks() -> None:
    assert {"README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/STRATEGIES.md"} <= set(DOCUMENTS)
    assert len(BLOCKS) > 60


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_is_run_or_listed(block: Block) -> None:
    assert is_run(block) + is_listed(block, NOT_RUN) + is_listed(block, HELD) == 1, (
        f"{block.language or 'no language'}: give the fence a language that is run, or list it in classes.py"
    )


@pytest.mark.parametrize("row", [*NOT_RUN, *HELD], ids=lambda row: f"{row[0]}: {row[1]}")
def test_what_is_listed_is_one_block_that_is_there(row: Row) -> None:
    assert sum(is_listed(block, [row]) for block in BLOCKS) == 1
    for test in re.findall(r"tests/[\w/]+\.py", row[2]):
        assert (ROOT / test).exists(), test


@pytest.mark.parametrize("document", DOCUMENTS)
def test_code_is_in_fences(document: str) -> None:
    """Check that no code is only indented: such a block has no language."""
    outside = re.sub(r"(?ms)^( *)```.*?^\1```$", "", (ROOT / document).read_text())
    assert not re.findall(r"\n\n( {4,}\S.*)", outside)


def test_the_targets_of_make_are_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for block in BLOCKS:
        assert set(re.findall(r"^make ([a-z-]+)", block.text, re.MULTILINE)) <= targets, block


def test_the_extras_are_there() -> None:
    extras = set(re.findall(r"^([a-z]+) =$", (ROOT / "setup.cfg").read_text().partition("extras_require]")[2], re.M))
    for document in DOCUMENTS:
        found = re.findall(r"(?:fmz-gateway|'\.)\[(\w+)\]", (ROOT / document).read_text())
        assert set(found) <= extras, document
