"""A translated page says what its English page says today, with the same commands, links and numbers."""

import re
from pathlib import Path

import pytest

from docs.translations import ROOT, head_of, translations

TRANSLATIONS = translations()
FENCED = re.compile(r"(?ms)^```.*?^```$")


def without_blocks(path: Path) -> str:
    return FENCED.sub("", path.read_text())


def codes_of(path: Path) -> list[str]:
    return sorted(re.findall(r"`([^`\n]+)`", without_blocks(path)))


def links_of(path: Path) -> list[str]:
    """Return where a page leads, apart from the language, and from the anchors of its own titles."""
    found = re.findall(r"\]\(([^)]+)\)|<(http[^>]+)>", without_blocks(path))
    targets = [re.sub(r"\.(zh|id)\.md", ".md", "".join(pair)) for pair in found]
    return sorted({"#" if target.startswith("#") else target for target in targets})


def shape_of(path: Path) -> list[str]:
    """Return the kinds of lines that a page is made of: titles, list items and rows of tables."""
    return re.findall(r"(?m)^(#+ |- |\d+\. |\|)", without_blocks(path))


@pytest.mark.parametrize("path", TRANSLATIONS, ids=lambda path: path.name)
class TestTranslation:
    def test_is_of_the_english_page_of_today(self, path: Path) -> None:
        assert path.read_text().startswith(head_of(TRANSLATIONS[path])), (
            f"{TRANSLATIONS[path].name} has changed: translate the change into {path.name}, then run: make translated"
        )

    def test_has_the_same_blocks(self, path: Path) -> None:
        assert FENCED.findall(path.read_text()) == FENCED.findall(TRANSLATIONS[path].read_text()) != []

    def test_has_the_same_names_and_commands(self, path: Path) -> None:
        assert codes_of(path) == codes_of(TRANSLATIONS[path]) != []

    def test_leads_to_the_same_pages(self, path: Path) -> None:
        assert links_of(path) == links_of(TRANSLATIONS[path]) != []

    def test_has_the_same_parts(self, path: Path) -> None:
        assert shape_of(path) == shape_of(TRANSLATIONS[path]) != []


def test_every_translation_is_known() -> None:
    assert {*ROOT.glob("*.*.md"), *ROOT.glob("docs/*.*.md")} == TRANSLATIONS.keys()
