"""Client order ids: the same for a repeated request, and another for every other."""

import json
import math
import re
from decimal import Decimal

import pytest
from hypothesis import given, settings, strategies

from exchanges.base import ClientId
from protocol.calls import read_call
from protocol.models import Direction
from tests.lent import Lent
from tests.tiny import BTC, KEYS, Tiny
from transport.credentials import Credentials

HEX = ClientId(32, "0123456789abcdef")


class Identified(Tiny):
    """Takes client ids."""

    client_id = HEX


@pytest.mark.parametrize("number", [0, 1, 2**64, 2**128 - 1])
@pytest.mark.parametrize("kind", [HEX, ClientId(36, "abcXYZ-_"), ClientId(18, "01"), ClientId(64, "0123456789")])
def test_a_client_id_is_as_long_as_it_can_be_and_in_its_alphabet(kind: ClientId, number: int) -> None:
    text = kind.render(number)
    assert len(text) == min(kind.length, math.ceil(128 / math.log2(len(kind.alphabet))))
    assert set(text) <= set(kind.alphabet)


@given(strategies.integers(0, 2**128 - 1), strategies.integers(0, 2**128 - 1))
@settings(derandomize=True, deadline=None)
def test_other_numbers_have_other_client_ids(one: int, other: int) -> None:
    assert (HEX.render(one) == HEX.render(other)) is (one == other)


def identified(lent: Lent, request: str, key: str = "key") -> str:
    exchange = lent.open(Identified, Credentials(key, "secret"), request)
    return exchange.new_order(BTC, Direction.BUY, None, Decimal(1)).client_id


def test_the_same_request_has_the_same_client_id_and_every_other_another(lent: Lent) -> None:
    assert identified(lent, "1 trade {}") == identified(lent, "1 trade {}")
    ids = {identified(lent, request, key) for request in ("1 trade {}", "2 trade {}") for key in ("a", "b")}
    assert len(ids) == 4


def test_requests_that_cannot_be_told_apart_have_random_client_ids(lent: Lent) -> None:
    assert identified(lent, "") != identified(lent, "")


def test_where_no_client_id_is_taken_the_journal_still_has_one(lent: Lent) -> None:
    one, same, other = (
        lent.open(Tiny, KEYS, request).new_order(BTC, Direction.BUY, None, Decimal(1)).client_id for request in "112"
    )
    assert one == same != other
    assert re.fullmatch("[A-Za-z0-9]{22}", one)


@pytest.mark.parametrize("nonce", [0, "", None, "0"])
def test_a_call_without_a_nonce_has_no_identity(nonce: object) -> None:
    assert read_call(json.dumps({"method": "trade", "nonce": nonce}).encode(), "").identity == ""


def test_the_order_of_params_is_no_part_of_a_calls_identity() -> None:
    calls = ({"a": "1", "b": 2}, {"b": 2, "a": "1"}, {"a": "1", "b": 3})
    one, same, other = (
        read_call(json.dumps({"method": "trade", "nonce": 5, "params": params}).encode(), "").identity
        for params in calls
    )
    assert one == same != other
