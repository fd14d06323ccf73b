"""The lock of requirements/ is what setup.cfg pins, whole and hashed, so that it cannot go stale unnoticed."""

import re
import tomllib
from collections.abc import Iterable
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BUILD = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
CONFIG = ConfigParser()
CONFIG.read(ROOT / "setup.cfg")
EXTRAS = CONFIG["options.extras_require"]

PINNED = re.compile(r"([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==([^\s;,*]+)(?: *;.*)?")
HASHES = r"(?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+"
LOCKED = re.compile(rf"^([a-z0-9._-]+)==(\S+)(?: ; [^\\\n]+)? \\\n{HASHES}((?: +#.*\n)*)", re.MULTILINE)
"""Name, version, and what it is there for."""


def pins(requirements: Iterable[str]) -> dict[str, str]:
    """Return name → version of requirements that are all pinned."""
    found = {}
    for requirement in requirements:
        pin = PINNED.fullmatch(requirement)
        assert pin, f"{requirement} is not pinned: write name==version"
        found[re.sub("[-_.]+", "-", pin[1]).lower()] = pin[2]
    return found


def names_of(*extras: str) -> list[str]:
    """Return the requirements of setup.cfg, with some of its extras."""
    texts = (CONFIG["options"]["install_requires"], *(EXTRAS[extra] for extra in extras))
    return [line for text in texts for line in text.strip().splitlines()]


def lines_of(name: str) -> list[str]:
    return [line for line in (ROOT / "requirements" / name).read_text().splitlines() if not line.startswith("#")]


REQUIRED = {
    "run": [*BUILD, *names_of()],
    "servers": [*BUILD, *names_of("postgresql", "redis")],
    "test": [*BUILD, *names_of("test")],
    "docs": [*BUILD, *names_of("docs")],
    **{path.stem: lines_of(path.name) for path in (ROOT / "requirements").glob("*.in")},
}


def text_of(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text()


def locked(name: str) -> dict[str, set[str]]:
    """Return name → versions; there may be two, for different Pythons or systems."""
    found: dict[str, set[str]] = {}
    for package, version, _ in LOCKED.findall(text_of(name)):
        found.setdefault(package, set()).add(version)
    return found


@pytest.mark.parametrize("name", REQUIRED)
def test_every_pin_is_the_locked_version(name: str) -> None:
    pinned = {package: {version} for package, version in pins(REQUIRED[name]).items()}
    assert pinned.items() <= locked(name).items(), "run: make lock"


@pytest.mark.parametrize("name", REQUIRED)
def test_nothing_is_locked_that_is_pinned_no_more(name: str) -> None:
    by_us = re.compile(r"# +(via )?(fmz-gateway \(setup\.cfg\)|-r .+)$", re.MULTILINE)
    asked = {package for package, _, askers in LOCKED.findall(text_of(name)) if by_us.search(askers)}
    assert asked == pins(REQUIRED[name]).keys() - pins(BUILD).keys(), "run: make lock"


@pytest.mark.parametrize("name", REQUIRED)
def test_every_locked_line_has_a_hash_and_there_is_nothing_else(name: str) -> None:
    rest = LOCKED.sub("", text_of(name))
    assert locked(name)
    assert all(line.startswith("# ") for line in rest.splitlines()), rest


@pytest.mark.parametrize("name", ["run", "servers"])
def test_what_runs_is_what_was_tested(name: str) -> None:
    assert locked(name).items() <= locked("test").items(), "run: make lock"


@pytest.mark.parametrize("name", ["docs", "audit"])
def test_what_is_installed_beside_the_tests_changes_nothing_of_theirs(name: str) -> None:
    tested = locked("test")
    assert {package: found for package, found in locked(name).items() if found != tested.get(package, found)} == {}


def test_every_lock_is_checked() -> None:
    assert {path.stem for path in (ROOT / "requirements").glob("*.txt")} == REQUIRED.keys()
