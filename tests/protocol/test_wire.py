"""JSON in: only what every reader understands in the same way. JSON out: every digit."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings, strategies

from protocol import wire
from protocol.errors import InvalidCall

TWICE = "a key twice"
NOT_JSON = "not valid JSON"


def named(value: object) -> str:
    """Return a parameter's name in a test's name."""
    return repr(value)[:30] if isinstance(value, str | bytes) else type(value).__name__


@pytest.mark.parametrize(
    ("body", "call"),
    [
        (b"{}", {}),
        (b' \r\n\t{"a" : 1}\n', {"a": 1}),
        (b'{"a": [1, "1", true, false, null, {"b": {}}]}', {"a": [1, "1", True, False, None, {"b": {}}]}),
        ('{"a": "é 币 😀"}'.encode(), {"a": "é 币 😀"}),
        (rb'{"a": "\u00e9 \ud83d\ude00 \ud800"}', {"a": "é 😀 \ud800"}),
        (b'{"a": 1, "A": 2, "a ": 3}', {"a": 1, "A": 2, "a ": 3}),
        (b'{"n": 1623307269528738000}', {"n": 1623307269528738000}),
        (b'{"n": ' + b"9" * 4000 + b"}", {"n": 10**4000 - 1}),
    ],
)  # fmt: skip
def test_a_call_is_read(body: bytes, call: Any) -> None:
    assert wire.read(body) == call


@pytest.mark.parametrize("number", ["0.1", "1.10", "1e-8", "123456789012345678901234567890.123456789", "1E+3", "-0.0"])
def test_fractions_are_read_to_the_last_digit(number: str) -> None:
    [value] = wire.read(f'{{"a": {number}}}'.encode()).values()
    assert isinstance(value, Decimal)
    assert value.as_tuple() == Decimal(number).as_tuple()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "empty"), (b"  \r\n ", "empty"), (b"[]", "not a JSON object"), (b'"a"', "not a JSON object"),
        (b"1", "not a JSON object"),
        (b"null", "not a JSON object"), (b"true", "not a JSON object"),
        (b"{", NOT_JSON), (b"{}{}", NOT_JSON), (b"{} x", NOT_JSON), (b"{'a': 1}", NOT_JSON), (b'{"a": 1,}', NOT_JSON),
        (b"{a: 1}", NOT_JSON), (b'{"a": 01}', NOT_JSON), (b'{"a": +1}', NOT_JSON), (b'{"a": .5}', NOT_JSON),
        (b'{"a": 1.}', NOT_JSON),
        (b'{"a": 0x1}', NOT_JSON), (b'{"a": 1_000}', NOT_JSON), ('{"a": １}'.encode(), NOT_JSON),
        (b'{"a": "\n"}', NOT_JSON),
        (b'{"a": "\\x"}', NOT_JSON), (b'{"a": 1} // comment', NOT_JSON), (b"a=b&c=d", NOT_JSON), (b"\0", NOT_JSON),
        (b'{"a": 1e99999999999999999999}', NOT_JSON), (b'{"a": ' + b"9" * 5000 + b"}", NOT_JSON),
        (b'{"a": "\xff"}', NOT_JSON), (b'{"a": "\xed\xa0\x80"}', NOT_JSON), (b'{"a": "\xc0\xaf"}', NOT_JSON),
        (b"\xef\xbb\xbf{}", NOT_JSON), ("{}".encode("utf-16"), NOT_JSON), ("{}".encode("utf-16-le"), NOT_JSON),
        ("{}".encode("utf-32"), NOT_JSON), ('{"a": "é"}'.encode("latin-1"), NOT_JSON),
        (b'{"a": NaN}', "NaN is not a number"), (b'{"a": [-Infinity]}', "-Infinity is not a number"),
        (b'{"a": Infinity}', "Infinity is not"),
        (b'{"a": 1, "a": 1}', TWICE), (b'{"a": 1, "\\u0061": 2}', TWICE), (b'{"x": {"a": 1, "b": 2, "a": 3}}', TWICE),
        (b'{"x": [[{"y": {"a": null, "a": null}}]]}', TWICE), (b'{"a": 1, "b": {"c": {}}, "a": 2}', TWICE),
        (b"[" * 100_000, "nested"), (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested"),
    ],
    ids=named,
)  # fmt: skip
def test_what_could_be_read_in_two_ways_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(InvalidCall, match=message) as refused:
        wire.read(body)
    assert len(str(refused.value)) < 120


@settings(derandomize=True)
@given(strategies.binary())
def test_reading_fails_in_one_way_only(body: bytes) -> None:
    with pytest.raises(InvalidCall):
        wire.read(b"\xff" + body)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("0E-8"), b"0.00000000"), (Decimal("1E+3"), b"1000"), (Decimal("0E+3"), b"0"),
        (Decimal("1E-8"), b"0.00000001"),
        (Decimal("0.10"), b"0.10"), (Decimal("-0.5"), b"-0.5"), (Decimal("-0"), b"-0"),
        (Decimal("1234567890123456789012345678.901234567890"), b"1234567890123456789012345678.901234567890"),
        (0, b"0"), (-1, b"-1"), (2**53, b"9007199254740992"), (2**63 - 1, b"9223372036854775807"), (1.5, b"1.5"),
        (1e-8, b"1e-8"),
        ("é\n", '"é\\n"'.encode()), (True, b"true"), (None, b"null"), ([], b"[]"), ((1, 2.5), b"[1,2.5]"),
        (wire.verbatim([b'{"b": 1.10,  "a": 1e400}']), b'{"b": 1.10,  "a": 1e400}'),
    ],
    ids=named,
)  # fmt: skip
def test_a_reply_is_written_digit_by_digit(value: Any, text: bytes) -> None:
    assert wire.write({"data": value}) == b'{"data":' + text + b"}"


@settings(derandomize=True)
@given(strategies.decimals(allow_nan=False, allow_infinity=False, places=20, min_value=-(10**20), max_value=10**20))
def test_decimals_are_json_numbers_of_the_same_value(number: Decimal) -> None:
    [read] = json.loads(wire.write([number]), parse_float=Decimal, parse_int=Decimal)
    assert read == number


def test_what_has_no_json_form_is_our_own_mistake() -> None:
    with pytest.raises(TypeError):
        wire.write({"data": object()})
