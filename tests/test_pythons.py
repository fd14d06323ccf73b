"""The Pythons that setup.cfg claims are those that the tests are run on."""

import json
import re
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).parent.parent
CONFIG = ConfigParser()
CONFIG.read(ROOT / "setup.cfg")
CLAIMED = re.findall(r"^Programming Language :: Python :: (3\.\d+)$", CONFIG["metadata"]["classifiers"], re.MULTILINE)
OLDEST = CONFIG["options"]["python_requires"].removeprefix(">=")


def test_every_python_that_is_claimed_is_tested() -> None:
    [tested] = re.findall(r"^ +python: (\[.*\])$", (ROOT / ".github/workflows/tests.yml").read_text(), re.MULTILINE)
    assert json.loads(tested) == CLAIMED


def test_the_oldest_python_is_one_everywhere() -> None:
    assert CLAIMED[0] == OLDEST
    assert f"Python {OLDEST} or later" in (ROOT / "README.md").read_text()
    assert f"--python-version {OLDEST} " in (ROOT / "Makefile").read_text()
    assert f'target-version = "py{OLDEST.replace(".", "")}"' in (ROOT / "pyproject.toml").read_text()
