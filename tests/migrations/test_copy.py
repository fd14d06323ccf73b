"""SQLite's file is copied before it is upgraded."""

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from app import open_database
from database import open_state
from settings import Settings, WrongSetting
from tests.migrations.old_database import content
from tests.servers import STATE_URL

on_sqlite = pytest.mark.skipif(bool(STATE_URL), reason="only SQLite's files are copied")


@on_sqlite
def test_the_file_is_copied_before_the_upgrade(old_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = content(old_url)
    copy = tmp_path / "state.db.before-0.2.0"
    copy.write_bytes(b"of an earlier attempt")
    previous = os.umask(0)
    try:
        open_state(old_url).dispose()
    finally:
        os.umask(previous)
    assert content(f"sqlite:///{copy}") == before
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"state.db", copy.name}
    assert f"; a copy of it is {copy}" in caplog.text


@on_sqlite
def test_what_is_only_in_the_wal_yet_is_copied_too(old_url: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("UPDATE nonces SET high = 7")
        connection.commit()
        open_state(old_url).dispose()
    assert [row["high"] for row in content(f"sqlite:///{tmp_path}/state.db.before-0.2.0")["nonces"]] == [7, 7]


@on_sqlite
def test_without_a_copy_nothing_is_upgraded(old_url: str, tmp_path: Path) -> None:
    before = content(old_url)
    (tmp_path / "state.db.before-0.2.0").mkdir()
    with pytest.raises(WrongSetting, match=r"^STATE_URL is wrong: the database cannot be opened: .*before-0\.2\.0"):
        open_database(Settings(state_url=old_url))
    assert content(old_url) == before


@on_sqlite
def test_a_new_database_is_not_copied(tmp_path: Path) -> None:
    for _ in range(2):
        open_state(f"sqlite:///{tmp_path}/state.db").dispose()
    assert [path.name for path in tmp_path.iterdir()] == ["state.db"]
