"""The kit's check of modified orders finds the mistakes that it is for, in an adapter that is right but for it."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from exchanges import EXCHANGES
from exchanges.base import Exchange, ExchangeError, NewOrder, OrderId, OutcomeUnknown
from exchanges.kit.subject import Failed, NotClaimed, Subject
from exchanges.kit.verify import CHECKS, open_subject

ROUTE = "okx"


def check(**wrong: Any) -> str:
    """Return what the check says of the adapter, with other methods."""
    right = EXCHANGES[ROUTE]
    found = open_subject(right)
    return CHECKS["modified orders"](Subject(type(right.__name__, (right,), wrong), found.conversations, found.facts))


def failure(**wrong: Any) -> str:
    with pytest.raises(Failed) as error:
        check(**wrong)
    return str(error.value)


def right(self: Exchange, order_id: str, order: NewOrder) -> OrderId:
    return EXCHANGES[ROUTE].modify(self, order_id, order)


def test_a_right_adapter_passes() -> None:
    assert check() == "34: NOT_SENT before the first byte, ORDER_STATE_UNKNOWN after it"


def test_what_is_not_claimed_is_not_checked() -> None:
    with pytest.raises(NotClaimed):
        CHECKS["modified orders"](open_subject(EXCHANGES["bitgo"]))


def test_a_digit_that_is_lost_is_found() -> None:
    def call(self: Exchange, verb: str, resource: str, *, params: Mapping[str, Any] | None = None, **more: Any) -> Any:
        rounded = {**(params or {})}
        if "newSz" in rounded:
            rounded["newSz"] = round(rounded["newSz"], 8)
        return EXCHANGES[ROUTE].call(self, verb, resource, params=rounded, **more)

    assert "modify: the amount 0.12345678901234567 is not in the request as it is" in failure(call=call)


def test_a_second_try_is_found() -> None:
    def twice(self: Exchange, order_id: str, order: NewOrder) -> OrderId:
        try:
            return right(self, order_id, order)
        except OutcomeUnknown:
            return right(self, order_id, order)

    assert "502 page: it was sent again" in failure(modify=twice)


def test_an_unclear_outcome_that_is_told_as_a_refusal_is_found() -> None:
    def refuse(self: Exchange, order_id: str, order: NewOrder) -> OrderId:
        try:
            return right(self, order_id, order)
        except OutcomeUnknown as error:
            raise ExchangeError(error.message) from None

    assert "hang: REFUSED instead of ORDER_STATE_UNKNOWN" in failure(modify=refuse)


def test_an_id_that_is_nowhere_is_found() -> None:
    found = open_subject(EXCHANGES[ROUTE])
    case = found.success("modify")
    case.answered["data"]["id"] = "777"
    with pytest.raises(Failed, match=re.escape("the id 777 is neither the order's nor in the reply")):
        CHECKS["modified orders"](found)
