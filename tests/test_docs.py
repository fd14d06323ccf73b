"""The documents promise what is there, and nothing that is there is missing in them."""

import re
import sys
from pathlib import Path

import pytest

from exchanges import EXCHANGES, base
from exchanges.__main__ import main
from exchanges.base import FuturesExchange
from monitoring import metrics
from protocol import errors
from protocol.methods import METHODS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
DOCS = ROOT / "docs"
LABELS = {
    kind.label for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.GatewayError)
}


@pytest.mark.parametrize("label", sorted(LABELS))
def test_every_error_label_is_explained(label: str) -> None:
    assert f"\n| `{label}` |" in (DOCS / "ERRORS.md").read_text()


@pytest.mark.parametrize(("document", "mark"), [("docs/EXCHANGES.md", "exchanges"), ("docs/EXCHANGES.md", "orders")])
def test_the_tables_of_exchanges_are_the_registrys(
    document: str, mark: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / document).read_text()
    copy = tmp_path / "copy.md"
    copy.write_text(text)
    monkeypatch.setattr(sys, "argv", ["exchanges", str(copy)])
    main()
    assert copy.read_text() == text, f"run: python -m exchanges {document}"
    table = text.partition(f"<!-- {mark} -->")[2].partition(f"<!-- /{mark} -->")[0]
    assert all(f"| `/{exchange.name}` |" in table for exchange in EXCHANGES.values())


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_shown_with_a_curl(method: str) -> None:
    assert f'-d \'{{"method": "{method}"' in (DOCS / "CALLS.md").read_text()


def test_every_setting_is_in_the_table_and_no_other() -> None:
    read = set(re.findall(r'read\(f?"([A-Z_{}.a-z()]+)"', (ROOT / "settings.py").read_text()))
    named = {name.replace("{name.upper()}", "<EXCHANGE>").replace("{host.upper()}", "<HOST>") for name in read}
    assert set(re.findall(r"^\| `([A-Z_<>]+)` \| ", (DOCS / "SETTINGS.md").read_text(), re.MULTILINE)) == named


def test_every_metric_is_in_the_table_and_no_other() -> None:
    table = (ROOT / "docs" / "OPERATIONS.md").read_text()
    assert re.findall(r"^\| `(fmz_gateway_\w+)` \| ", table, re.MULTILINE) == list(metrics.NAMES)


def test_the_documents_name_no_file_that_is_not_there() -> None:
    for document in (README, (ROOT / "CONTRIBUTING.md").read_text()):
        for name in re.findall(r"`((?:exchanges|protocol|tests)/[\w/.]+\.py)`", document):
            assert (ROOT / name).exists(), name


ADAPTERS = (ROOT / "docs" / "ADAPTERS.md").read_text()


def test_every_public_name_of_an_adapter_is_explained() -> None:
    declared = {
        name
        for kind in FuturesExchange.__mro__[:-1]
        for name in {**vars(kind), **getattr(kind, "__annotations__", {})}
        if not name.startswith("_")
    }
    prose = re.sub(r"(?s)```.*?```", "", ADAPTERS)
    words = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", prose))))
    assert declared | set(base.__all__) <= words, sorted((declared | set(base.__all__)) - words)


PUBLIC = """
    ALPHANUMERIC AuthenticationFailed Balance Calls Candle ClientId Cost DATED Depth Exchange ExchangeError
    Funding FuturesExchange HmacMd5Form HmacNonceForm InsufficientFunds
    InvalidCall InvalidOrder Level Limit MONDAY Maintenance Market Md5Query NewOrder NotSent Order OrderFilled
    OrderId OrderNotFound OutcomeUnknown PERPETUAL Position PositionSide RateLimited Row Side Signer Status Symbol
    THURSDAY Ticker TickerRow Trade Unsupported WrongTime by_limit codes covers double exact hmac_signer
    identifier known levels milliseconds plain price_or_zero priced whole without_symbol
"""


def test_the_public_names_stay() -> None:
    """Check the names that adapters in other people's folders use. A name may be added here, never taken away."""
    assert set(base.__all__) >= set(PUBLIC.split())


def test_the_story_of_an_adapter_is_that_of_the_one_in_the_tests() -> None:
    adapter = (ROOT / "tests" / "exchanges" / "smallex" / "smallex.py").read_text()
    blocks = re.findall(r"```python\n(.*?)```", ADAPTERS, re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        assert block in adapter, block
    assert f"{len(adapter.splitlines())} lines" in ADAPTERS


def test_every_code_of_the_made_up_exchange_is_in_its_adapter() -> None:
    folder = ROOT / "tests" / "exchanges" / "smallex"
    codes = set(re.findall(r"\d{4}", re.sub(r"(?s).*## Codes", "", (folder / "API.md").read_text())))
    assert len(codes) == 11
    for code in codes:
        assert code in (folder / "smallex.py").read_text(), code
