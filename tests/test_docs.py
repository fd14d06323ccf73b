"""What the documents promise is there, and what is there is in the documents."""

import re
import sys
from pathlib import Path

import pytest

from exchanges import EXCHANGES
from exchanges.__main__ import main
from protocol import errors
from protocol.methods import METHODS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
LABELS = {
    kind.label for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.GatewayError)
}


@pytest.mark.parametrize("label", sorted(LABELS))
def test_every_error_label_is_explained(label: str) -> None:
    assert f"\n| `{label}` |" in README


def test_the_table_of_exchanges_is_the_registrys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "README.md"
    copy.write_text(README)
    monkeypatch.setattr(sys, "argv", ["exchanges", str(copy)])
    main()
    assert copy.read_text() == README, "run: python -m exchanges README.md"
    assert all(f"`/{exchange.name}`" in README for exchange in EXCHANGES.values())


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_shown_with_a_curl(method: str) -> None:
    assert f'-d \'{{"method": "{method}"' in README


def test_every_setting_is_in_the_table_and_no_other() -> None:
    read = set(re.findall(r'read\(f?"([A-Z_{}.a-z()]+)"', (ROOT / "settings.py").read_text()))
    named = {name.replace("{name.upper()}", "<EXCHANGE>") for name in read}
    assert set(re.findall(r"^\| `([A-Z_<>]+)` \| ", README.partition("## Settings")[2], re.MULTILINE)) == named


def test_the_documents_name_no_file_that_is_not_there() -> None:
    for document in (README, (ROOT / "CONTRIBUTING.md").read_text()):
        for name in re.findall(r"`((?:exchanges|protocol|tests)/[\w/.]+\.py)`", document):
            assert (ROOT / name).exists(), name
