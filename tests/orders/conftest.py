"""A journal, and robots on an exchange that does what a test says."""

import pytest
from sqlalchemy import Engine

from orders.journal import Journal
from tests.conftest import Clock
from tests.orders.shop import Market, OldShop, Robot


@pytest.fixture
def journal(state: Engine, clock: Clock) -> Journal:
    """Return the journal."""
    return Journal(state, clock)


@pytest.fixture
def market() -> Market:
    """Return the exchange."""
    return Market()


@pytest.fixture
def robot(market: Market, journal: Journal, clock: Clock) -> Robot:
    """Return a robot on an exchange that takes client ids."""
    return Robot(market, journal, clock)


@pytest.fixture
def old(market: Market, journal: Journal, clock: Clock) -> Robot:
    """Return a robot on an exchange without client ids."""
    return Robot(market, journal, clock, OldShop)
