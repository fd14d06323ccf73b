"""The forms in the OpenAPI document are those of what is read: no value that fits one is refused, none that does not is
taken."""

from decimal import Decimal
from typing import Any

import pytest
from marshmallow import ValidationError, fields

from protocol import pass_through, schemas
from protocol.methods import METHODS
from tests.protocol.validators import validator

KINDS = [
    schemas.CallSchema,
    *dict.fromkeys(type(method.params) for method in METHODS.values()),
    schemas.ContractArguments,
    schemas.DirectionArguments,
    schemas.LeverageArguments,
    schemas.PositionsArguments,
    pass_through.RawParams,
]
FIELDS = {f"{kind.__name__}.{name}": found for kind in KINDS for name, found in kind().fields.items()}
VALUES_OF = {name: found.value_field for name, found in FIELDS.items() if isinstance(found, fields.Dict)}
READERS = {name: found for name, found in (FIELDS | VALUES_OF).items() if isinstance(found, schemas.Reader)}
VALUES: list[Any] = [
    "", " ", "0", "1", "-1", "00", "1.5", "-1.5", "01.50", ".", "1.", "1e5", "-", "abc", "buy", "Buys", "closesell",
    "swap", "BTC_USDT", "btc", "BTC_USDT.swap", "BTC_USDT.", "_USDT", "BTC-USDT", "BTC_USDT_X", "币安_USDT", "a b",
    "\x00", "quarter!", "!", "~", "é", "x" * 40, "x" * 41, "x" * 128, "x" * 129, "x" * 8192, "x" * 8193, "1" * 18,
    "9" * 41, "0" * 40, "0" * 41, 0, 1, -1, 5, 2**63 - 1, 2**63, 10**39, 1.5, -1.5, 1e-40, -1e-40, 1e-300, -1e-300,
    1e40, 1e300, True, False, None, [], ["1"], {}, {"a": 1},
]  # fmt: skip
FURTHER = ["1.", "1e5", "0" * 41, "9" * 41]
"""Texts of which a form promises less than is read."""


def as_read(value: Any) -> Any:
    """Return a value as the reader of JSON gives it."""
    return Decimal(str(value)) if isinstance(value, float) else value


def takes(found: schemas.Reader, value: Any) -> bool:
    try:
        found.deserialize(as_read(value))
    except ValidationError:
        return False
    return True


def fits(found: schemas.Reader, value: Any) -> bool:
    if isinstance(value, float) and "integer" in found.form.get("type", ()):
        return False  # 1e40 is a whole number to JSON Schema, and none to those who read JSON
    return found.allow_none if value is None else validator(found.form).is_valid(value)


@pytest.mark.parametrize("name", READERS)
def test_a_form_is_of_what_is_read(name: str) -> None:
    found = READERS[name]
    differ = [value for value in VALUES if fits(found, value) != takes(found, value)]
    assert [value for value in differ if value not in FURTHER] == []
    assert [value for value in differ if fits(found, value)] == [], "a form may promise less, and never more"
