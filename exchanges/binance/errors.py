"""Binance's error codes. Spot: https://developers.binance.com/docs/binance-spot-api-docs/errors
Futures: https://developers.binance.com/docs/derivatives/usds-margined-futures/error-code"""

from exchanges.base import (
    AuthenticationFailed,
    InsufficientFunds,
    InvalidOrder,
    Maintenance,
    OrderNotFound,
    OutcomeUnknown,
    RateLimited,
    WrongTime,
    codes,
)

REFUSALS = codes({
    OutcomeUnknown: "-1000 -1001 -1006 -1007",
    RateLimited: "-1003 -1008 -1015 -1034",
    Maintenance: "-1016",
    WrongTime: "-1021",
    AuthenticationFailed: "-1002 -1022 -1099 -2008 -2014 -2015",
    OrderNotFound: "-2013 -2026",  # unknown, and archived
    InvalidOrder: "-1013 -1111",
})  # fmt: skip

# Codes with several meanings, told apart by the text.
REFUSAL_TEXTS = {
    "-(1010|2010) Duplicate order": OutcomeUnknown,  # an order has our id, perhaps this one
    r"-\d+ Market is closed": Maintenance,
    "-(1010|2010) .*insufficient balance": InsufficientFunds,
    "-(1010|2010|2011) .*(disabled on this account|may not place|(permitted|restricted) for this account)": (
        AuthenticationFailed
    ),
    "-(1010|2011) .*[Uu]nknown order": OrderNotFound,
    "-110[02] .*'orderId'": OrderNotFound,  # an id that Binance never gives
    "-1100 .*'(price|quantity|quoteOrderQty)'": InvalidOrder,  # too many digits
    r"-(1010|2010) (Filter failure|Price \* QTY)": InvalidOrder,
}

FUTURES_REFUSALS = REFUSALS | codes({
    OutcomeUnknown: "-4116",  # an order has our id, perhaps this one
    WrongTime: "-5028",
    AuthenticationFailed: (  # addresses, permissions, accounts that may only reduce, countries
        "-1005 -1011 -1109 -2017 -4087 -4088 -4188 -4192 -4202 -4203 -4205 -4206 -4401 -4402 -4403"
    ),
    InsufficientFunds: "-2018 -2019 -2024 -2028 -4050 -4051",
    InvalidOrder: "-4001 -4002 -4003 -4004 -4005 -4013 -4014 -4016 -4023 -4024 -4164 -4183 -4184 -5029",
    Maintenance: "-4140 -4141",
    RateLimited: "-4400",
})  # fmt: skip

BANS = {"-1003": 60.0}  # seconds: too much weight, which is counted by the minute
