"""What the documents promise is there, and what is there is in the documents."""

import re
from pathlib import Path

import pytest

from exchanges import EXCHANGES
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


@pytest.mark.parametrize("exchange", EXCHANGES.values(), ids=lambda exchange: exchange.name)
def test_every_exchange_is_listed(exchange: type) -> None:
    assert f"| `/{exchange.name}` |" in README


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
