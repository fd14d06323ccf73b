"""Upgrades of an older database's tables, one module in ``versions`` for each step.

There is no downgrade: a database is upgraded when a gateway opens it, and to run the older gateway again, restore the
copy of the older database. Importing this package takes a tenth of a second, so it is imported only for an older
database.
"""

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import Revision
from sqlalchemy import Connection


def scripts() -> ScriptDirectory:
    """Return the upgrade steps."""
    return ScriptDirectory(str(Path(__file__).parent))


def upgrade(connection: Connection, version_table: str) -> None:
    """Upgrade the tables to the latest version, within the connection's transaction.

    version_table: the table that holds the version of the others; without it, the first step is taken too.
    """
    steps = scripts()

    def to_the_latest(version: Revision | tuple[str, ...], _: MigrationContext) -> object:
        return steps._upgrade_revs("head", version)  # type: ignore[arg-type]  # as alembic.command.upgrade does

    with EnvironmentContext(Config(), steps, fn=to_the_latest) as environment:
        environment.configure(connection=connection, version_table=version_table)
        environment.run_migrations()
