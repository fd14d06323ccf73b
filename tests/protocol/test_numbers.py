"""Numbers stay what they are, and what is no number stays out. Its kind is a refusal's promise, not its words."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings, strategies

from protocol.errors import UNREADABLE
from protocol.numbers import double, exact, identifier, milliseconds, plain, whole


def named(value: object) -> str:
    """Return a parameter's name in a test's name."""
    return repr(value)[:20] if isinstance(value, str) else type(value).__name__


NO_NUMBERS: list[Any] = [
    "", " ", "abc", "NaN", "nan", "sNaN", "Infinity", "-inf", "1_000", "1,000", "1 000", " 1", "1 ", "1\n", "0x10",
    "1e", "e1", ".", "+", "-", "--1", "1.2.3", "１２", "١٢", "1⁰", "½", "−1", "1e5000", "1e-5000", "1e9999", "9" * 41,
    "0." + "1" * 41, "1e41", "1e-41", "0" * 49, True, False, None, [], ["1"], {}, b"1", object(), 1j,
    float("nan"), float("inf"), Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("1e5000"), 10**41,
    10**5000,
]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "number"),
    [
        ("0", "0"), ("1", "1"), ("+1", "1"), ("-1", "-1"), ("1.", "1"), (".5", "0.5"), ("007", "7"), ("1.50", "1.50"),
        ("1e3", "1E+3"), ("1E-8", "1E-8"), ("-0", "-0"), ("0E-8", "0E-8"), ("0e999", "0E+999"),
        ("1234567890123456789012345678.9012345678", "1234567890123456789012345678.9012345678"),
        ("9" * 40, "9" * 40), ("1e40", "1E+40"), ("1e-40", "1E-40"),
        (0, "0"), (-3, "-3"), (10**30, "1" + "0" * 30), (2**53 + 1, "9007199254740993"),
        (Decimal("0.10"), "0.10"), (Decimal("1E-7"), "1E-7"), (0.1, "0.1"), (1e16, "1E+16"), (5e-7, "5E-7"),
    ],
)  # fmt: skip
def test_exact_reads_a_number_to_its_last_digit(given: Any, number: str) -> None:
    assert str(exact(given)) == number


@pytest.mark.parametrize("given", NO_NUMBERS, ids=named)
def test_exact_refuses(given: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        exact(given)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("1E-8", "0.00000001"), ("0E-8", "0.00000000"), ("1E+3", "1000"), ("0E+3", "0"), ("0E+999", "0"), ("-0", "-0"),
        ("1.50", "1.50"), ("-1.5E-7", "-0.00000015"), ("1E+40", "1" + "0" * 40),
        ("1234567890123456789012345678.9012345678", "1234567890123456789012345678.9012345678"),
    ],
)  # fmt: skip
def test_plain_never_writes_an_exponent(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


@settings(derandomize=True)
@given(strategies.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=12))
def test_a_number_survives_both_ways(number: Decimal) -> None:
    assert exact(plain(number)).as_tuple() == number.as_tuple()


@pytest.mark.parametrize(
    ("given", "number"), [("0", 0), (0, 0), ("12", 12), (1440, 1440), ("0060", 60), ("9" * 40, 10**40 - 1)]
)
def test_whole_reads(given: Any, number: int) -> None:
    assert whole(given) == number


@pytest.mark.parametrize(
    "given",
    [
        "", "-1", -1, "+1", "1.0", "1e3", " 1", "1\n", "1_0", "１", "٣", "²", "9" * 41, 10**40, 10**5000, True, False,
        None, 1.0, Decimal(1), [], ["1"], {}, b"1",
    ],
    ids=named,
)  # fmt: skip
def test_whole_refuses(given: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        whole(given)


@pytest.mark.parametrize(
    ("given", "number"), [("1.5", 1.5), (2, 2.0), (0.1, 0.1), (Decimal("1E-8"), 1e-8), ("1e3", 1e3), ("-0.5", -0.5)]
)
def test_double_reads(given: Any, number: float) -> None:
    assert double(given) == number
    assert type(double(given)) is float


@pytest.mark.parametrize(
    "given",
    [
        "", "abc", "NaN", "inf", "-Infinity", "1e400", float("nan"), float("-inf"), 10**400, Decimal("NaN"),
        Decimal("1e400"),
        True, False, None, [], {}, [1.0],
    ],
    ids=named,
)  # fmt: skip
def test_double_refuses_what_every_reader_of_a_reply_catches(given: Any) -> None:
    with pytest.raises(UNREADABLE):
        double(given)


@pytest.mark.parametrize(
    ("given", "moment"),
    [
        (0, 0), (1_500_793_319, 1_500_793_319_000), (1_500_793_319_499, 1_500_793_319_499),
        ("1500793319", 1_500_793_319_000),
        ("1500793319499", 1_500_793_319_499), (Decimal("1500793319.4999"), 1_500_793_319_499),
        ("1500793319.5", 1_500_793_319_500),
        (1500793319.25, 1_500_793_319_250), (10**11 - 1, (10**11 - 1) * 1000), (10**11, 10**11),
        (10**14 - 1, 10**14 - 1),
    ],
)  # fmt: skip
def test_milliseconds_takes_both_units(given: Any, moment: int) -> None:
    assert milliseconds(given) == moment


@pytest.mark.parametrize(
    "given", [-1, "-1500793319", 10**14, "1500793319499000", 10**18, "1e30", "now", "", None, True, []]
)
def test_milliseconds_refuses_other_units_and_what_is_no_time(given: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        milliseconds(given)


@pytest.mark.parametrize("given", [0, "0", 1, -1, 2**70, "1", "asdf346sfasf532", "ETH-USDT,1547", "00012", "é"])
def test_identifier_keeps_value_and_type(given: Any) -> None:
    assert identifier(given) == given
    assert type(identifier(given)) is type(given)


@pytest.mark.parametrize("given", ["", None, True, False, 1.0, Decimal(1), [], {}, b"1", "\ud800"])
def test_identifier_refuses(given: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        identifier(given)
