"""The suite runs on real servers where there are some, as it does in ``.ci/run``."""

from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import text

from database import open_state
from tests.servers import STATE_URL, database


@pytest.mark.skipif(
    not STATE_URL, reason="needs a PostgreSQL server: set TEST_STATE_URL, or run .ci/servers make test-servers"
)
def test_the_state_is_kept_by_postgresql(state_url: str, tmp_path: Path) -> None:
    engine = open_state(state_url)
    with engine.connect() as connection, database(tmp_path) as other:
        assert connection.execute(text("SELECT version()")).scalar_one().startswith("PostgreSQL ")
        mine = connection.execute(text("SELECT current_schema()")).scalar_one()
        assert mine.startswith("test_")
        assert mine not in other
        tables = text("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()")
        assert connection.execute(tables).scalar_one() > 5
    engine.dispose()


def test_redis_answers(redis_url: str) -> None:
    with Redis.from_url(redis_url) as server:
        assert server.info("server")["redis_version"]
        assert server.dbsize() == 0
