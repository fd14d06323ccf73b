"""The format of the conversations in tests/exchanges/cases, which the kit's plugin plays."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exchanges import EXCHANGES
from exchanges.kit import layout
from exchanges.kit.conversations import CaseError, Conversation, canonical_text, compare, load, perform
from protocol.methods import METHODS

CASES = Path(__file__).parent / "exchanges" / "cases"
FILES = sorted(CASES.glob("*/*.json"))


@pytest.mark.parametrize("route", EXCHANGES)
def test_every_exchange_has_a_folder_that_the_kit_plays(route: str) -> None:
    methods = {case.method for case in load(CASES / route)}
    assert methods >= {*METHODS, "__api_"}, f"add tests/exchanges/cases/{route}/, with a file for each method"


# The files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_case_file_is_in_the_one_layout(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text == canonical_text(path), "write what exchanges.kit.conversations.canonical_text(path) returns"
    assert all(len(line) <= layout.WIDTH for line in text.splitlines())


def test_common_steps_and_parts_are_used() -> None:
    for folder in CASES.iterdir():
        common = layout.read((folder / "exchange.json").read_text(encoding="utf-8"))
        text = "".join(path.read_text(encoding="utf-8") for path in folder.iterdir())
        for name in (*common.get("steps", {}), *common.get("parts", {})):
            assert text.count(layout.inline(name)) > 1, f"{folder.name}: {name}"


def test_text_that_is_too_long_for_a_line_is_cut_and_read_as_one() -> None:
    for text in ("word " * 99, "x" * 1000, "a  b\n" * 60, '"\\' * 200, "短 " * 99):
        written = layout.write({"error": text}, opened=1)
        assert layout.read(written) == {"error": text}
        assert max(map(len, written.splitlines())) <= layout.WIDTH


@pytest.mark.parametrize("number", ["0.10", "12345678901234567890123", "0.00000001", "-0.0", "100000000000000000.5"])
def test_digits_stay(number: str) -> None:
    assert layout.inline(layout.read(f"[{number}]")) == f"[{number}]"


COMMON = {
    "host": "https://api.smallex.example",
    "call": {"keys": "k"},
    "requests": {
        "every": {"headers": {"X-Test": False}},
        "POST": {"headers": {"Content-Type": "application/json"}},
        "signed": {"headers": {"SX-SIGN": "{signature}"}, "query": {"time": "1"}},
        "unsigned": {"host": "https://public.smallex.example"},
    },
    "steps": {"the markets": {"sent": "GET /markets", "got": [{"like": "a market"}, {"like": "a market", "id": "B"}]}},
    "parts": {
        "a market": {"id": "A", "rules": {"step": Decimal("0.10"), "least": 1}},
        "a circle": {"more": {"like": "another"}},
        "another": {"like": "a circle"},
    },
}
ORDER = {
    "source": "https://docs.smallex.example",
    "asked": {"price": "1", "amount": "2"},
    "steps": [
        "the markets",
        {"sent": "POST /orders", "query": {"q": "a b"}, "json": {"p": "1"}, "signature": "s", "got": {"id": 7}},
    ],
    "answered": {"data": {"id": "7"}, "raw": {"same as": "steps.1.got"}},
}


def load_from(folder: Path, **files: dict[str, Any]) -> list[Conversation]:
    folder = folder / "smallex"
    folder.mkdir()
    for name, document in {"exchange": COMMON, **files}.items():
        (folder / f"{name}.json").write_text(layout.write(document, opened=2), encoding="utf-8")
    return load(folder)


def test_a_case_is_expanded(tmp_path: Path) -> None:
    refused = {
        "like": "trade: an order",
        "without": ["asked.amount"],
        "but": {"asked.price": "3", "steps.1.status": 400, "steps.1.got": "no", "steps.0.got.0.rules.step": 5},
        "answered": {"error": "REFUSED"},
    }
    changed = {"like": "a market", "rules": {"least": 2}}
    whole = {"source": "here", "call": {"method": "x"}, "asked": {}, "answered": {"data": changed}}
    order, refusal, other = load_from(
        tmp_path, trade={"an order": ORDER}, unlike={"a refusal": refused, "other": whole}
    )
    assert str(order) == "smallex/trade: an order"
    assert order.asked == {"method": "trade", "params": {"price": "1", "amount": "2"}, "keys": "k"}
    assert [reply.text for reply in order.got] == [
        '[{"id": "A", "rules": {"step": 0.10, "least": 1}}, {"id": "B", "rules": {"step": 0.10, "least": 1}}]',
        '{"id": 7}',
    ]
    assert [vars(request) for request in order.sent] == [
        {"method": "GET", "url": "https://public.smallex.example/markets", "headers": {"X-Test": None}, "body": ""},
        {
            "method": "POST",
            "url": "https://api.smallex.example/orders?q=a+b&time=1",
            "headers": {"X-Test": None, "Content-Type": "application/json", "SX-SIGN": "s"},
            "body": '{"p": "1"}',
        },
    ]
    assert order.answered == {"data": {"id": "7"}, "raw": {"id": 7}}
    assert (refusal.source, refusal.sent) == (order.source, order.sent)
    assert refusal.asked == {"method": "unlike", "params": {"price": "3"}, "keys": "k"}
    assert [(reply.status, reply.text) for reply in refusal.got][1] == (400, "no")
    assert refusal.got[0].body[0]["rules"]["step"] == 5
    assert order.got[0].body[0]["rules"]["step"] == Decimal("0.10")
    assert refusal.answered == {"error": "REFUSED"}
    assert other.asked["method"] == "x"
    assert other.answered == {"data": {"id": "A", "rules": {"step": Decimal("0.10"), "least": 2}}}


@pytest.mark.parametrize(
    ("cases", "message"),
    [
        ({"a": {"like": "b"}}, "case 'a': is like 'b', and there is no such case"),
        ({"a": {"like": "order: b"}}, "case 'a': is like 'order: b', and there is no such case"),
        ({"a": {"like": "b"}, "b": {"like": "a"}}, "case 'a': is like itself, through 'a', 'b'"),
        ({"a": {"like": "o", "but": {"steps.9.got": 1}}}, "case 'a': 'steps.9.got' leads to nothing"),
        ({"a": {"like": "o", "without": ["asked.x"]}}, "case 'a': 'asked.x' leads to nothing"),
        ({"a": {**ORDER, "but": {"asked.price": 1}}}, "case 'a': only a case that is `like` another has `but`"),
        ({"a": {**ORDER, "steps": ["x"]}}, "case 'a': there is no step or part 'x' in exchange.json"),
        ({"a": {**ORDER, "answered": {"data": {"like": "another"}}}}, "'another' in exchange.json is like itself"),
        ({"a": {**ORDER, "answered": {"data": {"same as": "steps.5"}}}}, "`same as` 'steps.5' leads to nothing"),
        ({"a": {**ORDER, "answered": {"data": 1, "error": ""}}}, "`answered` has either `data` or `error`"),
        ({"a": {**ORDER, "source": ""}}, "case 'a': `source` is missing"),
        ({"a": {**ORDER, "steps": [{"sent": "/x", "got": 1}]}}, "a step says what is `sent`, such as 'GET /time'"),
        ({"a": {**ORDER, "steps": [{"sent": "GET /x"}]}}, "a step says what is `sent`, such as 'GET /time'"),
        ({"a": {**ORDER, "steps": [{"send": "GET /x"}]}}, "case 'a': a step has send; it may have like, sent, query"),
        ({"a": {**ORDER, "asked": []}}, "case 'a': a case has `asked` [], which must be an object"),
        ({"a": {**ORDER, "steps": [{"sent": 1, "got": 1}]}}, "case 'a': a step has `sent` 1, which must be text"),
        ({"a": {**ORDER, "ask": {}}}, "case 'a': a case has ask; it may have like, source"),
        ({"a": {**ORDER, "steps": [{"sent": "POST /", "body": "", "json": 1, "got": 1}]}}, "one of `form`, `json`"),
        (
            {"a": {**ORDER, "steps": [{"sent": "POST /", "json": Decimal("0.1"), "got": 1}]}},
            "write the text, as `body`",
        ),
    ],
)
def test_a_case_that_cannot_be_understood_is_named(cases: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(CaseError) as error:
        load_from(tmp_path, trade={"o": ORDER, **cases})
    assert message in str(error.value)
    assert "smallex/trade.json" in str(error.value)


@pytest.mark.parametrize(("text", "message"), [
    ('{"a": {}, "a": {}}', "'a' is there twice"), ("[]", "no cases"), ("{", "Expecting"), ('{"a": NaN}', "NaN"),
])  # fmt: skip
def test_a_file_that_cannot_be_read_is_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "trade.json").write_text(text)
    with pytest.raises(CaseError, match=rf"trade\.json: .*{message}"):
        canonical_text(tmp_path / "trade.json")


def test_what_differs_is_shown(tmp_path: Path) -> None:
    [order] = load_from(tmp_path, trade={"an order": ORDER})
    with pytest.raises(AssertionError) as error:
        compare(order, *perform(order, lambda route, **call: json.loads('{"error": "REFUSED no", "raw": null}')))
    shown = str(error.value)
    assert shown.startswith('smallex/trade: an order\nasked {"method": "trade", "params": {"price": "1"')
    assert '-       "method": "POST",' in shown.splitlines()
    assert '+     "error": "REFUSED no",' in shown.splitlines()
