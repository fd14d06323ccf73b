"""A reply: its numbers, and what is no JSON."""

from decimal import Decimal

import pytest

from transport.reply import MAX_EXCERPT, Reply


def reply(body: bytes) -> Reply:
    return Reply("Test", 200, "application/json", body)


NUMBERS = ["0.00000001", "99999999.99999999", "123456789012345678.00000001", "1E-8", "0.10"]


@pytest.mark.parametrize("text", NUMBERS)
def test_exact_numbers_keep_every_digit(text: str) -> None:
    [number] = reply(f"[{text}]".encode()).json(exact=True)
    assert isinstance(number, Decimal)
    assert number.as_tuple() == Decimal(text).as_tuple()


@pytest.mark.parametrize("text", NUMBERS)
def test_market_data_are_doubles(text: str) -> None:
    [number] = reply(f"[{text}]".encode()).json(exact=False)
    assert isinstance(number, float)
    assert number == float(text)


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize(
    "body",
    [
        b"[NaN]",
        b"[Infinity]",
        b"[-Infinity]",
        b"",
        b"<html>",
        b'{"a": 1',
        b"\xff",
        b"[" * 200_000,
        b"{'a': 1}",
        b"[1,]",
    ],
)
def test_what_is_no_json_is_refused(body: bytes, exact: bool) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the class is what adapters rely on
        reply(body).json(exact=exact)


def test_whole_numbers_stay_whole() -> None:
    assert reply(b"[9007199254740993]").json(exact=True) == [9007199254740993]
    assert reply(b"[9007199254740993]").json(exact=False) == [9007199254740993]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "an empty reply"),
        (b"  <HTML>secret page</HTML>", "not the expected JSON but 26 bytes of application/json"),
        (b'{"a":\n\t1', '8 bytes of application/json: {"a": 1'),
        (b"\xff\xfe", "2 bytes of application/json: \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_an_excerpt_says_what_came(body: bytes, said: str) -> None:
    assert reply(body).excerpt() == said


def test_an_excerpt_is_short() -> None:
    assert len(reply(b"x" * 10_000).excerpt()) == MAX_EXCERPT
