"""The code blocks of the documents, and what each of them is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = tuple(
    path.relative_to(ROOT).as_posix()
    for path in (
        ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("**/*.md")),
    )
    if "." not in path.stem  # a translation, which has the same blocks
)  # fmt: skip
_FENCE = re.compile(r"^( *)```(.*)$")
_BETWEEN = 1  # lines of prose between a command and what it prints


@dataclass(frozen=True)
class Block:
    """A code block. line: of its first fence. indent: spaces before its fences. command: the block in a shell's words
    that this one shows the output of, if it does."""

    document: str
    line: int
    language: str
    text: str
    indent: int = 0
    command: "Block | None" = None

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def blocks_of(document: str, text: str) -> Iterator[Block]:
    """Yield the code blocks of a text in Markdown. Raises ValueError for a fence without an end."""
    before: Block | None = None
    lines = enumerate(text.splitlines(), 1)
    between = 0
    for number, line in lines:
        fence = _FENCE.match(line)
        if not fence:
            before = None if line.startswith("#") else before
            between += bool(line.strip())
            continue
        indent, language = len(fence[1]), fence[2]
        inside = []
        for _, code in lines:
            if code == f"{fence[1]}```":
                break
            inside.append(code[indent:])
        else:
            raise ValueError(f"{document}:{number}: the code block has no end")
        follows = before if before and before.language == "sh" and between <= _BETWEEN else None
        before = Block(document, number, language, "\n".join(inside), indent, follows if language == "json" else None)
        between = 0
        yield before


BLOCKS = tuple(block for document in DOCUMENTS for block in blocks_of(document, (ROOT / document).read_text()))


def of_language(language: str, *documents: str) -> list[Block]:
    """Return the blocks in a language: those of some documents, or all."""
    return [block for block in BLOCKS if block.language == language and block.document in (documents or DOCUMENTS)]
