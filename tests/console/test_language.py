"""No text of the console is missing in any language, and what is served is what the catalogues say."""

import re
from pathlib import Path

import pytest
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from flask.testing import FlaskClient

from console import words
from console.language import LANGUAGES, TAGS
from console.operations import operations
from exchanges import EXCHANGES, listing
from exchanges.registry import Registry
from orders.intents import State

CONSOLE = Path(__file__).parents[2] / "console"
TRANSLATED = [name for name in LANGUAGES if name != "en"]
PLACES = re.compile(r"\{\w+\}")


def catalogue(language: str) -> dict[str, str]:
    path = CONSOLE / "translations" / language / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as file:
        return {str(one.id): str(one.string) for one in read_po(file) if one.id and not one.fuzzy}


def texts() -> set[str]:
    """Return every text in the console's code and templates."""
    methods = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
    keywords = {**DEFAULT_KEYWORDS, "marked": None}
    return {str(text) for _, _, text, _, _ in extract_from_dir(CONSOLE, methods, keywords=keywords)}


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_text_is_missing(language: str) -> None:
    found = catalogue(language)
    assert len(texts()) > 100
    assert texts() == found.keys(), "run: make words"
    assert not [text for text, translated in found.items() if not translated]
    for text, translated in found.items():
        assert sorted(PLACES.findall(text)) == sorted(PLACES.findall(translated)), text


@pytest.mark.parametrize("language", TRANSLATED)
def test_what_is_served_is_the_catalogue(language: str) -> None:
    with (CONSOLE / "translations" / language / "LC_MESSAGES" / "messages.mo").open("rb") as file:
        assert {one.id: one.string for one in read_mo(file) if one.id} == catalogue(language), "run: make words"


def test_every_word_from_elsewhere_is_marked() -> None:
    hints = {one.must for operation in operations() for one in operation.inputs if not one.choices}
    assert hints == set(words.HINTS)
    facts = {title for name in EXCHANGES for title in listing.facts(Registry(EXCHANGES), name)}
    assert facts - {"exchange", "service address", "limits"} <= set(words.FACTS)
    assert {*State, "buy", "sell"} == set(words.STATES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_is_in_one_language(browser: FlaskClient, language: str) -> None:
    page = browser.get("/", headers={"Accept-Language": {"zh": "zh-CN,zh;q=0.9"}.get(language, language)}).text
    assert f'<html lang="{TAGS[language]}">' in page
    for text in ("Playground", "What it can do", "a plain decimal number above zero", "SIMULATED", "market orders"):
        assert (f">{text}<" in page) is (language == "en"), text
        assert f">{catalogue(language)[text] if language != 'en' else text}<" in page


def test_a_chosen_language_stays(browser: FlaskClient) -> None:
    browser.get("/?lang=id")
    assert '<html lang="id">' in browser.get("/console/market").text
    browser.get("/?lang=xx")
    assert '<html lang="id">' in browser.get("/console/health").text
