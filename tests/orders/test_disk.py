"""An order is on the disk before it is sent; nothing after that waits for the disk."""

from sqlalchemy import Connection, Engine

from tests.orders.shop import Market, Robot
from tests.servers import listening


def waits_for_disk(connection: Connection) -> bool:
    """Return True if what a transaction commits survives a power cut."""
    if connection.dialect.name == "sqlite":
        return connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    return connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_only_the_row_that_comes_before_the_order_waits_for_the_disk(
    robot: Robot, market: Market, state: Engine
) -> None:
    commits: list[bool | str] = []
    market.on_order = lambda: commits.append("the order is sent")
    with listening(state, "commit", lambda connection: commits.append(waits_for_disk(connection))):
        robot.buy("1")
    assert commits == [True, "the order is sent", False, False]
