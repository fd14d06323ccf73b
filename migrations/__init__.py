"""Upgrades of an older database's tables, one module in ``versions`` a step.

There is no way back: a database is upgraded when a gateway opens it, and who wants the older gateway again restores the
copy of the older database. Importing this takes a tenth of a second, so it is done only where there is an older one.
"""

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import Revision
from sqlalchemy import Connection


def scripts() -> ScriptDirectory:
    """Return the steps."""
    return ScriptDirectory(str(Path(__file__).parent))


def upgrade(connection: Connection, version_table: str) -> None:
    """Upgrade the tables to the latest version, within the connection's transaction.

    version_table: the table that says which version the others are; the first step is taken where it is missing.
    """
    steps = scripts()

    def to_the_latest(version: Revision | tuple[str, ...], _: MigrationContext) -> object:
        return steps._upgrade_revs("head", version)  # type: ignore[arg-type]  # as alembic.command.upgrade does

    with EnvironmentContext(Config(), steps, fn=to_the_latest) as environment:
        environment.configure(connection=connection, version_table=version_table)
        environment.run_migrations()
