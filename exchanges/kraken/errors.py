"""Kraken's error texts: https://docs.kraken.com/exchange/guides/general/errors

A reply may list several errors; the first entry of this table that is among them decides.
"""

from exchanges.base import (
    AuthenticationFailed,
    InsufficientFunds,
    InvalidOrder,
    Maintenance,
    OrderNotFound,
    OutcomeUnknown,
    RateLimited,
    WrongTime,
)

REFUSALS = {
    "EGeneral:Internal error": OutcomeUnknown,
    "EDatabase:Internal error": OutcomeUnknown,
    "EGeneral:Invalid arguments:cl_ord_id": OutcomeUnknown,  # an order has our id, perhaps this one
    "EGeneral:Invalid arguments:deadline": WrongTime,
    "EAPI:Invalid key": AuthenticationFailed,
    "EAPI:Invalid signature": AuthenticationFailed,
    "EAPI:Invalid nonce": AuthenticationFailed,
    "EGeneral:Permission denied": AuthenticationFailed,
    "EAccount:Invalid permissions": AuthenticationFailed,
    "EAuth:Account temporary disabled": AuthenticationFailed,
    "EAuth:Account unconfirmed": AuthenticationFailed,
    "ESession:Invalid session": AuthenticationFailed,
    "ETrade:Locked": AuthenticationFailed,
    "ETrade:User Locked": AuthenticationFailed,
    "EAPI:Rate limit exceeded": RateLimited,
    "EAPI:Domain rate limit exceeded": RateLimited,
    "EAuth:Rate limit exceeded": RateLimited,
    "EAuth:Domain rate limit exceeded": RateLimited,
    "EOrder:Rate limit exceeded": RateLimited,
    "EOrder:Domain rate limit exceeded": RateLimited,
    "EAuth:Too many requests": RateLimited,
    "EGeneral:Too many requests": RateLimited,
    "EGeneral:Temporary lockout": RateLimited,
    "EOrder:Orders limit exceeded": RateLimited,
    "EOrder:Scheduled orders limit exceeded": RateLimited,
    "EService:Throttled": RateLimited,
    "EService:Market in ": Maintenance,
    "EOrder:Insufficient funds": InsufficientFunds,
    "EOrder:Insufficient margin": InsufficientFunds,
    "EFunding:Insufficient funds": InsufficientFunds,
    "EFunding:Insufficient margin": InsufficientFunds,
    "EOrder:Margin level too low": InsufficientFunds,
    "EOrder:Unknown order": OrderNotFound,
    "EQuery:Unknown order": OrderNotFound,
    "EOrder:Order minimum not met": InvalidOrder,
    "EOrder:Cost minimum not met": InvalidOrder,
    "EOrder:Tick size check failed": InvalidOrder,
    "EOrder:Invalid price": InvalidOrder,
    "EOrder:Invalid order": InvalidOrder,
    "EGeneral:Invalid arguments:price": InvalidOrder,
    "EGeneral:Invalid arguments:volume": InvalidOrder,
    "EGeneral:Invalid arguments:viqc": InvalidOrder,
    # Any other word of the service, such as Unavailable, Busy, Timeout or Deadline elapsed, is not about the order, and
    # nowhere is it said that nothing was done.
    "EService:": OutcomeUnknown,
}

BANS = {
    "EGeneral:Temporary lockout": 300.0,  # seconds: "a few minutes"
    "EService:Throttled": 10.0,
    "EAPI:Rate limit exceeded": 5.0,  # "a few seconds", like the next three
    "EAuth:Rate limit exceeded": 5.0,
    "EAuth:Too many requests": 5.0,
    "EGeneral:Too many requests": 5.0,
}
