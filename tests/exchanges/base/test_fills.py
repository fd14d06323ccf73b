"""The average price of fills is exact, or not known."""

from decimal import Decimal

import pytest

from exchanges.base.fills import average_price

FILLS = [(Decimal("0.1"), Decimal("0.1")), (Decimal("0.4"), Decimal("0.2"))]


def test_an_average_is_weighted_by_amounts_to_the_last_digit() -> None:
    assert average_price(FILLS, Decimal("0.30")) == Decimal("0.3")
    assert average_price(iter(FILLS), Decimal("0.3")) == Decimal("0.3")


@pytest.mark.parametrize("filled", ["0.1", "0.2", "0.4", "0"])
def test_the_average_of_other_fills_than_the_orders_is_not_known(filled: str) -> None:
    assert average_price(FILLS, Decimal(filled)) == 0


def test_nothing_filled_has_no_average() -> None:
    assert average_price([], Decimal(0)) == 0
    assert average_price([], Decimal(1)) == 0
