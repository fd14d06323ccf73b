"""FMZ's names of markets and its four words for an order."""

import dataclasses
import re
from decimal import Decimal

import pytest
from hypothesis import given, settings, strategies

from protocol.models import Balance, Direction, Side, Symbol


@pytest.mark.parametrize(
    ("text", "base", "quote", "contract"),
    [
        ("BTC_USDT", "BTC", "USDT", ""),
        ("btc_usdt", "BTC", "USDT", ""),
        ("btc", "BTC", "", ""),
        ("BTC_USDT.swap", "BTC", "USDT", "swap"),
        ("BTC_USD.next_quarter", "BTC", "USD", "next_quarter"),
        ("BTC_USDT.BTC-240108-40000-C", "BTC", "USDT", "BTC-240108-40000-C"),
        ("USDT.swap", "USDT", "", "swap"),
        ("swap", "SWAP", "", ""),
        ("1INCH_USDT", "1INCH", "USDT", ""),
        ("1000PEPE_USDT.swap", "1000PEPE", "USDT", "swap"),
        ("币安人生_USDT", "币安人生", "USDT", ""),
        ("A" * 40 + "_" + "B" * 40 + "." + "c" * 40, "A" * 40, "B" * 40, "c" * 40),
    ],
)
def test_a_symbol_is_read(text: str, base: str, quote: str, contract: str) -> None:
    symbol = Symbol.parse(text)
    assert (symbol.base, symbol.quote, symbol.contract, symbol.text) == (base, quote, contract, text)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "_", ".", "BTC_", "_USDT", "BTC__USDT", "BTC_USDT_X", "BTC_USDT.", ".swap", "BTC_.swap",
        "BTC_USDT.swap.x",
        "BTC/USDT", "BTC-USDT", "BTC:USDT", "BTC USDT", " BTC_USDT", "BTC_USDT ", "BTC_USDT\n", "BTC\r\n_USDT", "BTC\0",
        "BTC_USDT&symbol=x", "BTC_USDT?x", "BTC_USDT#", "../BTC", "BTC%5fUSDT", "BTC_USDT.swáp", "BTC_USDT.swap\n",
        "A" * 41, "BTC_" + "B" * 41, "BTC_USDT." + "c" * 41, "'BTC'", '"BTC"', "{BTC}", "BTC_USDT;x",
        "ß" * 21, "BTC_" + "ß" * 21, "ǰ",
    ],
)  # fmt: skip
def test_what_is_no_symbol_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a symbol"):
        Symbol.parse(text)


@pytest.mark.parametrize("text", ["BTC_USDT", "BTC", "BTC_USDT.swap", "USDT.swap"])
def test_a_symbol_is_written_as_it_was_read(text: str) -> None:
    assert str(Symbol.parse(text)) == text


def test_what_fmz_wrote_does_not_count_in_a_comparison() -> None:
    assert Symbol.parse("btc_usdt.swap") == Symbol.parse("BTC_USDT.swap")
    assert len({Symbol.parse("btc"), Symbol.parse("BTC"), Symbol("BTC")}) == 1


def test_a_contract_code_is_taken_in_any_case_and_an_instruments_own_name_keeps_its() -> None:
    assert Symbol.parse("BTC_USDT.SWAP") == Symbol.parse("BTC_USDT.Swap") == Symbol("BTC", "USDT", "swap")
    assert Symbol.parse("USD.Futures").contract == "futures"
    assert Symbol.parse("BTC_USDT.Next_Quarter").contract == "next_quarter"
    assert Symbol.parse("BTC_USDT.BTC-USDT-231229").contract == "BTC-USDT-231229"
    assert Symbol.parse("BTC_USDT.btcusdt_241227").contract == "btcusdt_241227"
    assert Symbol.parse("BTC_USDT.SWAP").text == "BTC_USDT.SWAP"


@settings(derandomize=True)
@given(strategies.text())
def test_parsing_never_fails_otherwise_and_keeps_nothing_but_letters_and_digits(text: str) -> None:
    try:
        symbol = Symbol.parse(text)
    except ValueError:
        return
    assert re.fullmatch(r"[^\W_]+(_[^\W_]+)?(\.[A-Za-z0-9_-]+)?", text)
    assert text.isprintable()
    assert symbol.text == text


@pytest.mark.parametrize(
    ("word", "side", "closes"),
    [
        ("buy", Side.BUY, False),
        ("sell", Side.SELL, False),
        ("closebuy", Side.SELL, True),
        ("closesell", Side.BUY, True),
    ],
)
def test_a_closing_word_names_the_position_it_closes(word: str, side: Side, closes: bool) -> None:
    assert (Direction(word).side, Direction(word).closes) == (side, closes)


def test_models_are_frozen() -> None:
    balance = Balance("btc", Decimal(1), Decimal(0))
    with pytest.raises(dataclasses.FrozenInstanceError):
        balance.free = Decimal(2)  # type: ignore[misc] # it is frozen
