"""OKX's tables of states and error codes, against its documentation."""

import pytest

from exchanges import EXCHANGES
from exchanges.okx.api import OKXApi
from exchanges.okx.futures import FuturesOKX
from exchanges.okx.spot import OKX
from protocol.errors import (
    AuthenticationFailed,
    ExchangeError,
    InsufficientFunds,
    InvalidOrder,
    Maintenance,
    OrderFilled,
    OrderNotFound,
    OutcomeUnknown,
    RateLimited,
    WrongTime,
)
from protocol.models import Status
from tests.exchanges.okx.conftest import Make

# https://www.okx.com/docs-v5/en/#order-book-trading-trade-get-order-details
STATES = {
    "live": Status.OPEN,
    "partially_filled": Status.OPEN,
    "filled": Status.CLOSED,
    "canceled": Status.CANCELLED,
    "mmp_canceled": Status.CANCELLED,
}

# https://www.okx.com/docs-v5/en/#error-code-rest-api-public: every code that says why keys were refused, that money or
# an order was missing, that an order breaks its market's rules, that there were too many calls, or that it is closed.
CODES: dict[type[Exception], str] = {
    AuthenticationFailed: """50007 50008 50009 50027 51009 51024
        50030 50035 50041 50100 50101 50103 50104 50105 50106 50107 50108 50109 50110 50111 50113 50114 50118 50119
        50120 50121""",
    WrongTime: "50036 50102 50112",
    InsufficientFunds: "51008 51127 51131 51502",
    OrderNotFound: "51063 51400 51401 51402 51405 51503 51509 51603",
    OrderFilled: "51510",
    InvalidOrder: """
        50122 51005 51006 51007 51020 51031 51033 51101 51116 51120 51121 51122 51135 51136 51137 51138 51150 51185
        51201 51202 51203""",
    RateLimited: "50011 50040 50061 51113",
    Maintenance: "50005 50013 50046 50062 51021 51022 51028 51029 51030",
    OutcomeUnknown: "50001 50004 50026 51016 51054 51149 51410 51412",
    # Its own words say it best: none of the above.
    ExchangeError: """
        1 50000 50002 50006 50010 50012 50014 50015 50016 50017 50018 50019 50020 50021 50022 50023
        50024 50025 50028 50029 50032 50033 50037 50038 50039 50042 50044 50047 50051 50052 50053 50059
        50060 50063 50064 50067 50069 50071 50072 50075 50076 50077 50115 50116 51000 51001 51002 51003 51004
        51010 51011 51012 51014 51015 51017 51023 51025 51026 51027 51032 51034 51035 51037 51038 51039
        51041 51043 51056 51087 51102 51103 51104 51105 51106 51107 51108 51109 51110 51111 51112 51115 51117 51123
        51124 51128 51129 51130 51132 51134 51139 51140 51143 51144 51148 51155 51169 51170 51174 51186 51187 51204
        51205 51206 51403 51404 51406 51407 51408 51409 51411 51413 51416 51600 51601 51602""",
}


@pytest.mark.parametrize("kind", [OKX, FuturesOKX])
def test_states_are_all_that_are_documented(kind: type[OKXApi]) -> None:
    assert kind.statuses == STATES


@pytest.mark.parametrize("kind", [OKX, FuturesOKX])
@pytest.mark.parametrize(("error", "code"), [(error, code) for error, codes in CODES.items() for code in codes.split()])
def test_codes_are_told_by_their_kind(kind: type[OKXApi], error: type[Exception], code: str, make: Make) -> None:
    assert type(make(kind).refused(code, "Words.")) is error
    assert type(make(kind).refused(f"{code}_1000", "Words.")) is error  # as the documentation writes its sub-codes


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("Parameter px error", InvalidOrder),
        ("Parameter sz error", InvalidOrder),
        ("Parameter posSide error", ExchangeError),
        ("Parameter szx error", ExchangeError),
    ],
)
def test_a_wrong_parameter_is_the_orders_when_it_is_price_or_amount(
    said: str, error: type[Exception], make: Make
) -> None:
    assert type(make(OKX).refused("51000", said)) is error


def test_client_ids_are_letters_and_digits() -> None:
    assert OKX.client_id
    for number in (0, 1, 2**128 - 1):
        text = OKX.client_id.render(number)
        assert text.isascii()
        assert text.isalnum()
        assert 0 < len(text) <= 32


def test_both_are_registered_and_spot_names_its_twin() -> None:
    assert (EXCHANGES["okx"], EXCHANGES["futures_okx"]) == (OKX, FuturesOKX)
    assert OKX.futures == FuturesOKX.name
