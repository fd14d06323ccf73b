"""Tables of error codes: each code once, and matched whole."""

from dataclasses import replace

import pytest

from exchanges import EXCHANGES
from exchanges.base import (
    AuthenticationFailed,
    Exchange,
    ExchangeError,
    InvalidOrder,
    OrderNotFound,
    RateLimited,
    codes,
)
from exchanges.okx.spot import OKX
from tests.lent import Lent
from tests.tiny import KEYS, Canned

NUMBERED = [
    kind for kind in EXCHANGES.values() if kind.refusals and all(code.lstrip("-").isdigit() for code in kind.refusals)
]
"""Those whose errors have numbers; Kraken's are texts with details behind them."""


def test_a_table_is_turned_around() -> None:
    assert codes({RateLimited: "429 1015", OrderNotFound: " 3004\n", InvalidOrder: ""}) == {
        "429": RateLimited,
        "1015": RateLimited,
        "3004": OrderNotFound,
    }


def test_a_code_stands_there_once() -> None:
    with pytest.raises(ValueError, match=r"^the code 3004 is listed twice$"):
        codes({RateLimited: "429 3004", OrderNotFound: "3004"})
    with pytest.raises(ValueError, match="429"):
        codes({RateLimited: "429 1015 429"})


def test_most_exchanges_number_their_errors() -> None:
    assert {kind.name for kind in NUMBERED} >= {"Binance", "Futures_Binance", "OKX", "Futures_OKX", "CoinPark"}


@pytest.mark.parametrize("kind", NUMBERED, ids=lambda kind: kind.name)
def test_a_longer_code_is_another_code(kind: type[Exchange], lent: Lent) -> None:
    exchange = replace(lent, http=Canned()).open(kind, KEYS)
    for code in {*kind.refusals, *kind.bans}:
        for longer in (*(f"{code}{digit}" for digit in range(10)), f"1{code}", code[:-1]):
            if longer not in kind.refusals:
                assert type(exchange.refused(longer, "words of its own")) is ExchangeError, longer
                assert exchange.entry(kind.bans, longer) is None, longer


@pytest.mark.parametrize("kind", NUMBERED, ids=lambda kind: kind.name)
def test_every_code_is_found_whole(kind: type[Exchange], lent: Lent) -> None:
    exchange = replace(lent, http=Canned()).open(kind, KEYS)
    for code, expected in kind.refusals.items():
        assert type(exchange.refused(code, "words of its own")) is expected


@pytest.mark.parametrize(
    ("code", "kind", "ban"),
    [
        ("50105", AuthenticationFailed, None),
        (50105, AuthenticationFailed, None),
        ("50011", RateLimited, 2.0),
        ("500110", ExchangeError, None),
        ("150011", ExchangeError, None),
        ("5001", ExchangeError, None),
    ],
)
def test_a_code_is_not_its_beginning(lent: Lent, code: object, kind: type[Exception], ban: float | None) -> None:
    exchange = lent.open(OKX, KEYS)
    assert type(exchange.refused(code, "words of its own")) is kind
    assert exchange.entry(OKX.bans, str(code)) == ban
