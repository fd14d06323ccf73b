"""The second signer: it finds what an adapter signs wrongly, in every scheme, and shows it whole."""

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from exchanges import EXCHANGES, open_registry
from exchanges.base import Exchange, Signer
from exchanges.kit import layout, signatures
from exchanges.kit.cases import Request, cases_of, load
from exchanges.kit.differences import difference
from exchanges.kit.facts import facts_of
from exchanges.kit.files import COMMON, EXAMPLE, SIGNATURE, CaseError, canonical_text, read_file
from exchanges.kit.gateway import KEYS, NOW
from exchanges.kit.recorder import case_of
from exchanges.kit.signatures import Scheme
from exchanges.kit.subject import Failed, Subject
from exchanges.kit.verify import CHECKS
from tests.exchanges.kit.conftest import SMALLEX

SIGNED = [route for route, kind in EXCHANGES.items() if kind.signer is not Signer]
DOCUMENT = (Path(__file__).parents[3] / "docs" / "ADAPTERS.md").read_text()
SMALLEX_CASES = SMALLEX / "cases" / "smallex"


def test_it_shares_nothing_with_the_signers_that_send() -> None:
    tree = ast.parse(Path(str(signatures.__file__)).read_text())
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not any(str(module).startswith(("transport", "exchanges.base")) for module in modules)


def with_signer(kind: type[Exchange], signer: type[Signer]) -> Subject:
    """Return an exchange with another signer, and a conversation that signs a request."""
    folder = cases_of(kind)
    case = next(one for one in load(folder) if one.method == "accounts" and "data" in one.answered)
    mistaken = type(kind.__name__, (kind,), {"signer": signer, "__module__": kind.__module__})
    return Subject(mistaken, [case], facts_of(folder))


@pytest.mark.parametrize("route", SIGNED)
def test_every_exchange_is_signed_as_its_documentation_says(route: str) -> None:
    kind = EXCHANGES[route]
    assert " as exchange.json signs them" in CHECKS["signatures"](with_signer(kind, kind.signer))


@pytest.mark.parametrize("route", [route for route in SIGNED if route != "coinpark"])  # which sends the text itself
def test_a_text_in_another_order_is_found(route: str) -> None:
    right: Any = EXCHANGES[route].signer
    wrong = type("Wrong", (right,), {"__slots__": (), "text": lambda self, request: right.text(self, request)[::-1]})
    with pytest.raises(Failed, match="the text that is signed differs from character"):
        CHECKS["signatures"](with_signer(EXCHANGES[route], wrong))


@pytest.mark.parametrize("route", SIGNED)
def test_another_signature_of_the_right_text_is_found(route: str) -> None:
    right = EXCHANGES[route].signer
    sign = staticmethod(lambda text, secret: right.signature(text + b" ", secret))
    wrong = type("Wrong", (right,), {"__slots__": (), "signature": sign})
    with pytest.raises(Failed, match=r"gives .* by exchange\.json.*, and .* by|example is .* the adapter "):
        CHECKS["signatures"](with_signer(EXCHANGES[route], wrong))


# The recorder -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("right", "wrong", "said"), [
    ("{seconds}\\n{verb}", "{seconds}|{verb}", "GET /v2/balances: the text that is signed differs from character 11"),
    ("{seconds}\\n{verb}", "{verb}\\n{seconds}", "GET /v2/balances: the text that is signed differs from character 1 "),
    ('digest="sha512"', 'digest="sha256"', r"(hmac-sha512, base64), and "),
    ('encoding="base64"', 'encoding="hex"', r"(hmac-sha512, base64), and "),
    ('"SX-SIGN": "{signature}"', '"SX-SIGNED": "{signature}"', "1 requests were signed, and 0 carry a signature where"),
])  # fmt: skip
def test_a_request_that_is_signed_wrongly_is_not_recorded(folder: Path, right: str, wrong: str, said: str) -> None:
    adapter = folder / "smallex.py"
    text = adapter.read_text()
    assert right in text
    adapter.write_text(text.replace(right, wrong))
    replies = [(200, {"code": 0, "data": []})]
    with pytest.raises(ValueError, match="Nothing was written") as refused:
        case_of(open_registry(folder).find("smallex"), read_file(SMALLEX_CASES / COMMON), "accounts", {}, replies)
    assert said in str(refused.value)


# What is said of a difference ---------------------------------------------------------------------------------------


def test_both_texts_are_shown_whole_and_the_first_difference_is_marked() -> None:
    assert difference("it", "a\nb&c", "a\nb|c") == (
        "it differs from character 4 on: '&' by exchange.json, '|' by the adapter\n"
        "  exchange.json  a\\nb&c\n"
        "  adapter        a\\nb|c\n"
        "                     ^"
    )
    assert difference("it", "ab", "a").startswith(
        "it differs from character 2 on: 'b' by exchange.json, nothing by the"
    )


def test_the_text_of_a_digest_within_is_shown_too() -> None:
    scheme = Scheme.of({**PLAIN, "of": ["path", {"of": ["nonce", "b"], "digest": "sha256", "encoding": "raw"}],
                        "params": {"nonce": "nonce", "sign": "signature"}})  # fmt: skip
    [said] = scheme.mistakes([request("nonce=7&b=8&sign=x")], [b"/a"], KEYS, NOW)
    assert said.endswith("\n  a digest in it is of '78'")


PLAIN = {"of": ["sorted"], "digest": "hmac-sha256", "params": {"key": "key", "sign": "signature"}}


def request(query: str, body: str = "", verb: str = "GET") -> Request:
    return Request(verb, f"https://x.test/a?{query}", {}, body)


def test_the_order_of_parameters_counts_only_where_it_is_signed() -> None:
    sign = "f8ed96dd40cee8cc3ba1e5cdbdf77b7d1d44ac8b0cd6e2eff1d4fb7a98d7ab6c"
    scheme = Scheme.of(PLAIN)
    one, other = (
        list(scheme.mistakes([request(query)], [b"a=1&key=fmz-key"], KEYS, NOW))
        for query in (f"key=fmz-key&a=1&sign={sign}", f"sign={sign}&a=1&key=fmz-key")
    )
    assert one == other
    ordered = Scheme.of({**PLAIN, "of": ["query"]})
    [wrong] = ordered.mistakes([request(f"key=fmz-key&a=1&sign={sign}")], [b"a=1&key=fmz-key"], KEYS, NOW)
    assert "differs from character 1 on: 'k' by exchange.json, 'a' by the adapter" in wrong


@pytest.mark.parametrize(("change", "said"), [
    ({"of": []}, "`signature` says the parts that it is `of`, a `digest` such as"),
    ({"digest": "rot13"}, "a `digest` such as hmac-sha256 or md5, and an `encoding` of raw, hex, HEX, base64"),
    ({"encoding": "base32"}, "a `digest` such as hmac-sha256 or md5, and an `encoding` of raw, hex, HEX, base64"),
    ({"headers": {}}, "says which one of its `headers` or `params` carries the signature"),
    ({"of": [{"of": ["body"], "dijest": "md5"}]}, "a digest in `signature` has dijest; it may have of, join, digest"),
    ({"wrong": 1}, "`signature` has wrong; it may have source, of, join, digest, encoding, secret"),
])  # fmt: skip
def test_a_scheme_that_cannot_be_understood_is_named(folder: Path, change: dict[str, object], said: str) -> None:
    path = folder / "cases" / "smallex" / COMMON
    document = layout.read(path.read_text())
    path.write_text(layout.write({**document, "signature": {**document["signature"], **change}}, opened=1))
    with pytest.raises(CaseError) as error:
        facts_of(path.parent)
    assert said in str(error.value)


@pytest.mark.parametrize(("change", "said"), [
    ({"of": ["seconds", "made_up"]}, "`signature` names 'made_up', which is no word and no parameter of GET /v2/"),
    ({"of": [{"text": "/api"}, "body"]}, "the text that is signed differs from character 1 on: '/' by exchange.json"),
    ({"examples": [{"values": {}, "signature": ""}]}, "an example of `signature` lacks the value of 'seconds'"),
])  # fmt: skip
def test_a_scheme_that_is_not_the_adapters_is_told(folder: Path, change: dict[str, object], said: str) -> None:
    assert said in failure_with(folder, lambda scheme: {**scheme, "examples": []} | change)


def test_a_published_example_is_signed_by_both(folder: Path) -> None:
    def other(scheme: dict[str, Any]) -> dict[str, Any]:
        [example] = scheme["examples"]
        return {**scheme, "examples": [{**example, "signature": "c2lnbmF0dXJl"}]}

    said = failure_with(folder, other)
    assert said.startswith("a published example is c2lnbmF0dXJl: exchange.json gives 13IqshC504Gw")
    assert said.count("13IqshC504Gw") == 2


def test_the_documents_example_is_the_made_up_exchanges() -> None:
    shown = re.search(r'(?s)```json\n("signature": .*?)\n```', DOCUMENT)
    assert shown
    assert layout.read(f"{{{shown[1]}}}")["signature"] == read_file(SMALLEX_CASES / COMMON)["signature"]


def test_every_member_and_word_is_explained() -> None:
    section = DOCUMENT.partition("### The second signer")[2].partition("\n### ")[0]
    words = set(re.findall(r'"(\w+)": ', inspect.getsource(signatures._Signed)))
    assert {"key", "seconds", "target", "glued"} < words
    for name in {*SIGNATURE, *EXAMPLE, *words}:
        assert f"`{name}`" in section or f'"{name}"' in section, name


def failure_with(folder: Path, other: Any) -> str:
    """Return what the check says with another scheme in exchange.json."""
    path = folder / "cases" / "smallex" / COMMON
    document = layout.read(path.read_text())
    path.write_text(layout.write({**document, "signature": other(document["signature"])}, opened=1))
    path.write_text(canonical_text(path))
    subject = Subject(open_registry(folder).find("smallex"), load(path.parent), facts_of(path.parent))
    with pytest.raises(Failed) as error:
        CHECKS["signatures"](subject)
    return str(error.value)


def test_without_a_scheme_nothing_is_proved(folder: Path) -> None:
    path = folder / "cases" / "smallex" / COMMON
    document = layout.read(path.read_text())
    del document["signature"]
    path.write_text(layout.write(document, opened=1))
    subject = Subject(open_registry(folder).find("smallex"), load(path.parent), facts_of(path.parent))
    with pytest.raises(Failed, match=r"add `signature` to exchange\.json, from the documentation"):
        CHECKS["signatures"](subject)


@pytest.mark.parametrize(("word", "value"), [
    ("verb", "POST"), ("host", "x.test"), ("path", "/a"), ("query", "b=%2F&a=1"), ("target", "/a?b=%2F&a=1"),
    ("body", '{"n": 1.50, "t": true}'), ("sorted", "a=1&b=/&n=1.50&t=true"), ("encoded", "a=1&b=%2F"),
    ("glued", "a1b/"), ("time", "1700000000123"), ("seconds", "1700000000"), ("iso", "2023-11-14T22:13:20.123Z"),
    ("key", "fmz-key"), ("secret", "s"), ("passphrase", "p,q"), ("b", "/"),
])  # fmt: skip
def test_every_word_has_its_value(word: str, value: str) -> None:
    scheme = Scheme.of({**PLAIN, "of": [word], "params": {"sign": "signature"}})
    keys = {"access_key": "fmz-key", "secret_key": "s,p,q"}
    sent = request("b=%2F&a=1&sign=x", '{"n": 1.50, "t": true}', "POST")
    [said] = scheme.mistakes([sent], [b"\0"], keys, NOW + 123)
    if word == "secret":  # which is never shown
        assert "exchange.json  \n" in said
    else:
        assert f"exchange.json  {value}\n" in said
