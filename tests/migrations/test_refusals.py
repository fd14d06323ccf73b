"""A database that no release made, or a later one, is refused, and nothing in it is changed."""

from pathlib import Path

import pytest

from app import open_database
from database import open_state
from settings import Settings, WrongSetting
from tables import VERSION, WrongDatabase
from tests.migrations.old_database import content, run
from tests.servers import database


def refused(url: str, why: str, **settings: str) -> None:
    """Check that a database is refused with one sentence, and that nothing in it is changed."""
    before = content(url)
    with pytest.raises(WrongDatabase, match=why):
        open_state(url)
    with pytest.raises(WrongSetting, match=rf"^STATE_URL is wrong: {why}.*\. Nothing was changed$"):
        open_database(Settings(state_url=url))
    assert content(url) == before


def test_a_later_version_is_refused(old_url: str) -> None:
    open_state(old_url).dispose()
    run(old_url, f"UPDATE {VERSION.name} SET version_num = '0099'", "ALTER TABLE orders ADD COLUMN news TEXT")
    refused(old_url, r"the database has tables of version 0099, made by a later release .* Start the later release")


def test_a_later_version_of_the_limits_own_database_is_refused(state_url: str, tmp_path: Path) -> None:
    limits = tmp_path / "limits"
    limits.mkdir()
    with database(limits, tables=False) as url:
        open_state(url).dispose()
        run(url, f"UPDATE {VERSION.name} SET version_num = '0099'")
        with pytest.raises(WrongSetting, match=r"^LIMITS_URL is wrong: the database has tables of version 0099"):
            open_database(Settings(state_url=state_url, limits_url=url))


def test_tables_that_lack_a_column_are_refused(old_url: str) -> None:
    """Check tables such as those of a gateway from before 0.1.0."""
    run(old_url, "ALTER TABLE orders DROP COLUMN looks")
    refused(old_url, "the database's table orders has no column looks: it was not made by a release of the gateway")


def test_the_latest_tables_without_a_column_are_refused(old_url: str) -> None:
    open_state(old_url).dispose()
    run(old_url, "ALTER TABLE orders DROP COLUMN reply")
    refused(old_url, "the database's table orders has no column reply")


def test_the_latest_tables_without_their_version_are_refused(old_url: str) -> None:
    open_state(old_url).dispose()
    run(old_url, f"DELETE FROM {VERSION.name}")
    refused(old_url, "the database's table orders has no column (answer|told)")


def test_somebody_elses_table_is_refused(empty_url: str) -> None:
    run(empty_url, "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT)")
    refused(empty_url, "the database's table orders has no column account")
