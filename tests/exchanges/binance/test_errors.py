"""Binance's tables of states and error codes, against its documentation."""

import pytest

from exchanges.binance.api import BinanceApi
from exchanges.binance.futures import FuturesBinance
from exchanges.binance.spot import Binance
from protocol.errors import (
    AuthenticationFailed,
    ExchangeError,
    GatewayError,
    InsufficientFunds,
    InvalidOrder,
    Maintenance,
    OrderNotFound,
    OutcomeUnknown,
    RateLimited,
    WrongTime,
)
from protocol.models import Status
from tests.exchanges.binance.recorder import KEYS
from tests.lent import Lent


def test_every_documented_status_is_known() -> None:
    # https://developers.binance.com/docs/binance-spot-api-docs/enums and, a part of these,
    # https://developers.binance.com/docs/derivatives/usds-margined-futures/common-definition
    documented = "NEW PENDING_NEW PARTIALLY_FILLED FILLED CANCELED PENDING_CANCEL REJECTED EXPIRED EXPIRED_IN_MATCH"
    assert set(BinanceApi.statuses) == set(documented.split())
    assert FuturesBinance.statuses == Binance.statuses
    assert {name for name, status in Binance.statuses.items() if status is Status.CLOSED} == {"FILLED"}


# https://developers.binance.com/docs/binance-spot-api-docs/errors: what is not here is an ExchangeError.
SPOT_REFUSALS: dict[str, type[GatewayError]] = {
    "-1000 An unknown error occurred while processing the request.": OutcomeUnknown,
    "-1001 Internal error; unable to process your request. Please try again.": OutcomeUnknown,
    "-1002 You are not authorized to execute this request.": AuthenticationFailed,
    "-1003 Too many requests queued.": RateLimited,
    "-1006 An unexpected response was received from the message bus. Execution status unknown.": OutcomeUnknown,
    "-1007 Timeout waiting for response from backend server. Send status unknown; execution status unknown.": (
        OutcomeUnknown
    ),
    "-1008 Server is currently overloaded with other requests. Please try again in a few minutes.": RateLimited,
    "-1013 Filter failure: PRICE_FILTER": InvalidOrder,
    "-1013 Filter failure: PERCENT_PRICE": InvalidOrder,
    "-1013 Filter failure: LOT_SIZE": InvalidOrder,
    "-1013 Filter failure: MIN_NOTIONAL": InvalidOrder,
    "-1013 Filter failure: NOTIONAL": InvalidOrder,
    "-1013 Filter failure: MARKET_LOT_SIZE": InvalidOrder,
    "-1013 Filter failure: MAX_POSITION": InvalidOrder,
    "-1013 Filter failure: MAX_NUM_ORDERS": InvalidOrder,
    "-1013 Market is closed.": Maintenance,
    "-1015 Too many new orders; current limit is 100 orders per 10 SECOND.": RateLimited,
    "-1016 This service is no longer available.": Maintenance,
    "-1021 Timestamp for this request is outside of the recvWindow.": WrongTime,
    "-1021 Timestamp for this request was 1000ms ahead of the server's time.": WrongTime,
    "-1022 Signature for this request is not valid.": AuthenticationFailed,
    "-1034 Too many concurrent connections; current limit is '5'.": RateLimited,
    "-1111 Parameter 'price' has too much precision.": InvalidOrder,
    "-2010 Market is closed.": Maintenance,
    "-2010 Account has insufficient balance for requested action.": InsufficientFunds,
    "-2010 Price * QTY is zero or less.": InvalidOrder,
    "-2010 Filter failure: MAX_NUM_ORDERS": InvalidOrder,
    "-2010 This action is disabled on this account.": AuthenticationFailed,
    "-2010 This account may not place or cancel orders.": AuthenticationFailed,
    "-2010 This symbol is not permitted for this account.": AuthenticationFailed,
    "-2010 This symbol is restricted for this account.": AuthenticationFailed,
    "-2011 Unknown order sent.": OrderNotFound,
    "-2011 This account may not place or cancel orders.": AuthenticationFailed,
    "-2013 Order does not exist.": OrderNotFound,
    "-2014 API-key format invalid.": AuthenticationFailed,
    "-2015 Invalid API-key, IP, or permissions for action.": AuthenticationFailed,
    # Refused for reasons of their own:
    "-1014 Unsupported order combination.": ExchangeError,
    "-1020 This operation is not supported.": ExchangeError,
    "-1100 Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,20}$'.": ExchangeError,
    "-1102 Mandatory parameter 'side' was not sent, was empty/null, or malformed.": ExchangeError,
    "-1121 Invalid symbol.": ExchangeError,
    "-2010 Duplicate order sent.": OutcomeUnknown,
    "-2010 Market orders are not supported for this symbol.": ExchangeError,
    "-2010 Order book liquidity is less than symbol minimum quantity.": ExchangeError,
    "-2011 Order was not canceled due to cancel restrictions.": ExchangeError,
    "-2016 No trading window could be found for the symbol. Try ticker/24hrs instead.": ExchangeError,
    "-2021 Order cancel-replace partially failed": ExchangeError,
    "-2022 Order cancel-replace failed.": ExchangeError,
    "-2026 Order was canceled or expired with no executed qty over 90 days ago and has been archived.": OrderNotFound,
}
# https://developers.binance.com/docs/derivatives/usds-margined-futures/error-code
FUTURES_CODES: dict[type[GatewayError], list[int]] = {
    OutcomeUnknown: [1000, 1001, 1006, 1007, 4116],
    RateLimited: [1003, 1008, 1015, 4400],
    Maintenance: [1016, 4140, 4141],
    AuthenticationFailed: [ 1005, 1109, 4192, 4202, 4203, 4205, 4206, 4401, 4403,
        1002, 1011, 1022, 1099, 2014, 2015, 2017, 4087, 4088, 4402],
    WrongTime: [1021, 5028],
    InsufficientFunds: [2018, 2019, 2024, 2028, 4050, 4051],
    InvalidOrder: [
        1013, 1111, 4001, 4002, 4003, 4004, 4005, 4013, 4014, 4016, 4023, 4024, 4164, 4183, 4184, 5029,
    ],
    OrderNotFound: [2026, 2013],
    ExchangeError: [
        1004, 1010, 1014, 1020, 1023, 1100, 1101, 1102, 1103, 1104, 1105, 1106, 1108, 1110, 1112, 1113,
        1114, 1115, 1116, 1117, 1118, 1119, 1120, 1121, 1122, 1125, 1126, 1127, 1128, 1130, 1136, 2010, 2011, 2012,
        2016, 2020, 2021, 2022, 2023, 2025, 2027, 4000, 4006, 4007, 4008, 4009, 4010, 4011, 4012, 4015, 4017,
        4018, 4019, 4020, 4021, 4022, 4025, 4026, 4027, 4028, 4029, 4030, 4031, 4032, 4033, 4044, 4045, 4046, 4047,
        4048, 4049, 4052, 4053, 4054, 4055, 4056, 4057, 4058, 4059, 4060, 4061, 4062, 4067, 4068, 4082, 4083, 4084,
        4085, 4086, 4104, 4109, 4114, 4115, 4117, 4118, 4131, 4135, 4137, 4138, 4139, 4142, 4144, 4161, 4165,
        4167, 4168, 4169, 4170, 4171, 4172, 4208, 4209, 4210, 4211, 5021,
        5022, 5024, 5025, 5026, 5027, 5037, 5038, 5039, 5040, 5041, 5043,
    ],
}  # fmt: skip


@pytest.mark.parametrize("said", SPOT_REFUSALS)
def test_spot_refusals_are_told_apart(said: str, lent: Lent) -> None:
    code, _, words = said.partition(" ")
    assert type(lent.open(Binance, KEYS).refused(code, words)) is SPOT_REFUSALS[said]


@pytest.mark.parametrize(
    ("code", "expected"), [(code, expected) for expected, codes in FUTURES_CODES.items() for code in codes]
)
def test_futures_refusals_are_told_apart(code: int, expected: type[GatewayError], lent: Lent) -> None:
    assert type(lent.open(FuturesBinance, KEYS).refused(-code, "words of its own")) is expected


def test_a_longer_code_is_another_code(lent: Lent) -> None:
    assert type(lent.open(FuturesBinance, KEYS).refused(-10210, "longer")) is ExchangeError
