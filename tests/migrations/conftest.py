"""Databases of an older release, and what trades on one that was upgraded."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from database import open_state
from orders.journal import Journal
from tests.conftest import Clock
from tests.migrations.old_database import build
from tests.orders.shop import Market, Robot
from tests.servers import database


@pytest.fixture
def empty_url(tmp_path: Path) -> Iterator[str]:
    """Yield the URL of a database without tables."""
    with database(tmp_path, tables=False) as url:
        yield url


@pytest.fixture
def old_url(empty_url: str) -> str:
    """Return the URL of a database of 0.1.0."""
    build(empty_url)
    return empty_url


@pytest.fixture
def upgraded(old_url: str) -> Iterator[Engine]:
    """Yield the engine of a database of 0.1.0 that was opened."""
    engine = open_state(old_url)
    yield engine
    engine.dispose()


@pytest.fixture
def journal(upgraded: Engine, clock: Clock) -> Journal:
    return Journal(upgraded, clock)


@pytest.fixture
def market() -> Market:
    return Market()


@pytest.fixture
def robot(market: Market, journal: Journal, clock: Clock) -> Robot:
    return Robot(market, journal, clock)
