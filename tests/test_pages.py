"""The things that pages name are there: other pages and their titles, labels, settings, routes and commands."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from werkzeug.routing import MapAdapter

import cli
from exchanges import EXCHANGES, open_registry
from exchanges.base import ranges
from protocol import errors
from protocol.models import CONTRACT_CODES
from settings import Settings
from tests.lent import Lent

ROOT = Path(__file__).parent.parent
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
NAMES = [path.relative_to(ROOT).as_posix() for path in PAGES]
FENCED = re.compile(r"(?ms)^ *```.*?^ *```$")


def prose(name: str) -> str:
    return FENCED.sub("", (ROOT / name).read_text())


def spans(name: str) -> list[str]:
    """Return what a page has between backticks."""
    return [re.sub(r"\s+", " ", span) for span in re.findall(r"`([^`]+)`", prose(name))]


def links(name: str) -> Iterator[str]:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(name)):
        if not re.match(r"https?:|mailto:", link):
            yield link


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's titles, as the forge and Sphinx make them."""
    titles = re.findall(r"(?m)^#+ (.+)$", FENCED.sub("", path.read_text()))
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_somewhere(name: str) -> None:
    for link in links(name):
        target, _, anchor = link.partition("#")
        path = (ROOT / name).parent / target if target else ROOT / name
        assert path.exists(), link
        if anchor:
            assert anchor in anchors(path), f"{link}: there are {sorted(anchors(path))}"


def test_every_page_is_in_the_index() -> None:
    linked = {(ROOT / "docs" / link.partition("#")[0]).resolve() for link in links("docs/README.md")}
    assert {path for path in PAGES if path.name != "README.md" or path.parent == ROOT} <= linked


LABELS = {kind.label for kind in errors.kinds()}
SETTINGS = set(re.findall(r"(?m)^\| `([A-Z_]+)` \| ", (ROOT / "docs" / "SETTINGS.md").read_text()))
OTHERS = {
    "ACCESS_KEY", "SECRET_KEY", "FMZ_ACCESS_KEY", "FMZ_SECRET_KEY",  # read by commands
    "EXPIRE_MAKER",  # a word of an exchange
}  # fmt: skip
REGISTRY = open_registry()
MADE_UP = {"smallex"}
"""Exchanges that the pages make up."""


OF_ONE_EXCHANGE = {
    *(f"{name.upper()}_{what}" for name in REGISTRY.names for what in ("URL", "TESTNET", "PROXY")),
    *(f"{kind.name.upper()}_{host.upper()}_URL" for kind in EXCHANGES.values() for host in kind.hosts),
    "SMALLEX_HISTORY_URL",
}


def is_setting(name: str) -> bool:
    return name in SETTINGS or name in OF_ONE_EXCHANGE


@pytest.mark.parametrize("name", NAMES)
def test_every_word_in_capitals_is_a_label_or_a_setting(name: str) -> None:
    for span in spans(name):
        word, is_set, _ = span.split(" ")[0].partition("=")
        if re.fullmatch(r"[A-Z]+(_[A-Z]+)*", word) and (is_set or "_" in word) and not word.endswith(("_USDT", "_USD")):
            assert is_setting(word) or word in OTHERS or (word in LABELS and not is_set), span


def test_every_label_has_a_cause_and_a_next_step() -> None:
    _, *sections = re.split(r"(?m)^## ", (ROOT / "docs" / "ERRORS.md").read_text())
    explained = [section.partition("\n")[0] for section in sections]
    assert sorted(explained) == sorted(LABELS)
    for section in sections:
        assert re.search(r"\*\*Cause\.\*\* \w[^*]+\n\n\*\*Next step\.\*\* \S", section), section


def test_every_exchange_is_on_the_first_page() -> None:
    assert {f"/{exchange.name}" for exchange in EXCHANGES.values()} <= set(spans("README.md"))


def test_every_contract_code_is_explained() -> None:
    assert CONTRACT_CODES - {ranges.DATED} <= set(spans("docs/FUTURES.md"))


@pytest.fixture
def routes(lent: Lent) -> MapAdapter:
    return lent.app(Settings()).url_map.bind("localhost")


@pytest.mark.parametrize("name", NAMES)
def test_every_route_is_answered(name: str, routes: MapAdapter) -> None:
    whole = (ROOT / name).read_text()
    addresses = re.findall(r"http://127\.0\.0\.1:6666(/[\w/.]*)?(?![\w<])", whole)
    for path in {*addresses, *(span for span in spans(name) if re.fullmatch(r"/[A-Za-z_/]+", span))} - {""}:
        method = "GET" if routes.test(path, "GET") else "POST"
        _, values = routes.match(path, method)
        exchange = values.get("name", "")
        if exchange and "library" not in values and exchange.lower() not in {*MADE_UP, "exchange", "digitalasset"}:
            assert REGISTRY.name_of(exchange), path


def commands_of(name: str) -> Iterator[list[str]]:
    """Yield the words of each command of ours on a page: between backticks, or in a block for the shell."""
    blocks = re.findall(r"(?ms)^ *```sh\n(.*?)^ *```$", (ROOT / name).read_text())
    indented = re.findall(r"(?m)^ {4,}(?:\S+/)?(fmz-gateway .*|make .*)$", prose(name))
    for text in (*spans(name), *indented, *(line.strip() for block in blocks for line in block.splitlines())):
        words = text.partition("  #")[0].split()
        while words and "=" in words[0]:
            words = words[1:]
        if words and Path(words[0]).name in ("fmz-gateway", "make"):
            yield [Path(words[0]).name, *words[1:]]


TARGETS = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text()))


@pytest.mark.parametrize("name", NAMES)
def test_every_command_is_there(name: str) -> None:
    for program, *words in commands_of(name):
        if program == "make":
            assert {word for word in words if "=" not in word} <= TARGETS, words
            continue
        command: click.Command = cli.commands
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            [word, *words] = words
            assert word in command.commands, f"{name}: {word}"
            command = command.commands[word]
        known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        if command is not cli.commands:  # without a command, options are gunicorn's
            assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known, (name, words)
