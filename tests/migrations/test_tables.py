"""An upgraded database has the tables of a new one."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine

import migrations
from database import open_state
from tables import METADATA, VERSION, VERSIONS
from tests.migrations.old_database import ROWS, build, content, layout, plain_engine
from tests.servers import database

ROOT = Path(__file__).parents[2]


def differences(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        options = {"version_table": VERSION.name, "compare_type": True, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), METADATA))


def test_an_upgraded_database_is_like_a_new_one(upgraded: Engine, tmp_path: Path) -> None:
    assert differences(upgraded) == []
    (tmp_path / "other").mkdir()
    with database(tmp_path / "other", tables=False) as url:
        new = open_state(url)
        assert differences(new) == []
        assert layout(upgraded) == layout(new)
        new.dispose()


def test_all_steps_on_an_empty_database_lead_to_the_same(empty_url: str, state: Engine) -> None:
    engine = plain_engine(empty_url)
    with engine.begin() as connection:
        migrations.upgrade(connection, VERSION.name)
    assert differences(engine) == []
    assert layout(engine) == layout(state)
    engine.dispose()


def test_every_step_is_a_version_in_order() -> None:
    assert [step.revision for step in migrations.scripts().walk_revisions()] == list(reversed(VERSIONS))


@pytest.mark.parametrize("without", ["orders", "paper_fills"])
def test_a_database_that_had_not_all_tables_has_them_then(empty_url: str, without: str) -> None:
    """Check a database like the limits' own, which had no orders."""
    build(empty_url, without=without)
    engine = open_state(empty_url)
    assert differences(engine) == []
    assert content(empty_url)["limits"] == sorted(
        ROWS["limits"], key=lambda row: str(row["name"]).lower(), reverse=True
    )
    engine.dispose()


def test_a_table_that_is_missing_from_the_latest_version_is_created(state: Engine, state_url: str) -> None:
    with state.begin() as connection:
        connection.exec_driver_sql("DROP TABLE orders")
    again = open_state(state_url)
    assert differences(again) == []
    again.dispose()


def test_alembic_is_imported_for_an_upgrade_only(empty_url: str) -> None:
    code = (
        "import sys, app\n"
        "for _ in range(2): app.open_state(sys.argv[1]).dispose()\n"
        "sys.exit('alembic' in sys.modules or 'migrations' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, empty_url], cwd=ROOT, check=True)
