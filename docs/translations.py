"""``python -m docs.translations``: mark every translated page as one of the English page as it is now.

A translation begins with a comment that has its English page and a digest of that. A test compares the digest, so that
a change of the English page alone does not pass.
"""

import re
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parents[1]
LANGUAGES = ("zh", "id")
PAGES = ("README.md", "docs/START.md")
"""The English pages that are translated."""

_HEAD = re.compile(r"\A<!-- .* -->\n\n")


def translations() -> dict[Path, Path]:
    """Return each translation → its English page."""
    english = [ROOT / page for page in PAGES]
    return {page.with_suffix(f".{language}.md"): page for page in english for language in LANGUAGES}


def head_of(english: Path) -> str:
    """Return the comment with which a translation of a page begins."""
    digest = sha256(english.read_bytes()).hexdigest()[:16]
    return f"<!-- {english.name} {digest}: when it changes, change this page too, then say so: make translated -->\n\n"


def main() -> None:
    """Write the comments anew."""
    for path, english in translations().items():
        path.write_text(head_of(english) + _HEAD.sub("", path.read_text()))


if __name__ == "__main__":
    main()
