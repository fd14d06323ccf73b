"""The timeline: the clock that tells how long ago something was, whatever is done to the wall clock.

It is the machine's steady clock, which all its processes share until it starts again, plus an offset that the database
keeps for each start of a machine. So a process that starts again goes on where it was. A count begins at the wall
clock's time, so that its times are dates too, or at the largest time in the database if the wall clock is behind that.
"""

from collections.abc import Callable

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    String,
    Table,
    bindparam,
    case,
    func,
    insert,
    select,
    update,
)

from database import lock, wait_for_disk
from orders.intents import OPEN, State
from orders.table import ORDERS
from prepared import Prepared
from tables import METADATA, DatabaseReplaced

_SKEW_MS = 2000  # by which the timelines of hosts may differ
_WRITE_MS = 500  # between two times that are written
_LONGEST_MS = 300_000 + _SKEW_MS  # of a call
_BELIEVED_MS = 30 * 86_400_000  # that orders of a release without a timeline may be ahead of the wall clock
_LOCK = 1  # shared by all that write times, alone for who moves them
_C = ORDERS.c

TIMELINE = Table(
    "timeline",
    METADATA,
    Column("boot_id", String(100), primary_key=True),  # a machine, from one start to the next
    Column("offset_ms", BigInteger, nullable=False),  # from its steady clock to the timeline
    Column("seen_ms", BigInteger, nullable=False),  # the latest time that it has written, to half a second
)
_LATEST = select(func.max(TIMELINE.c.seen_ms)).scalar_subquery()
_MINE = Prepared(
    select(TIMELINE.c.offset_ms, TIMELINE.c.seen_ms, _LATEST.label("latest_ms")).where(
        TIMELINE.c.boot_id == bindparam("boot")
    )
)
_WRITE = Prepared(
    update(TIMELINE)
    .where(TIMELINE.c.boot_id == bindparam("boot"), TIMELINE.c.seen_ms < bindparam("now"))
    .values(offset_ms=bindparam("offset"), seen_ms=bindparam("now"))
)


class Timeline:
    """The timeline of a database. Thread-safe.

    wall: returns the wall clock's ms since the epoch. steady: returns ms that only grow. boot: a name for the start of
    the machine that ``steady`` counts from.
    """

    def __init__(self, engine: Engine, wall: Callable[[], int], steady: Callable[[], int], boot: str) -> None:
        self._steady = steady
        self._boot = boot
        self._seen_ms = 0  # the latest time that the database was seen to have
        with engine.begin() as connection:
            lock(connection, _LOCK)
            mine = next(iter(_MINE.rows(connection, {"boot": boot})), None)
            self._offset_ms = mine["offset_ms"] if mine else self._begin(connection, wall())

    def __call__(self) -> int:
        """Return the time in ms: since the epoch, by the wall clock when the count began."""
        return self._steady() + self._offset_ms

    def stamp(self, connection: Connection) -> int:
        """Return the time, in ms, of what is written in this transaction: no earlier than other hosts have written.

        Raises DatabaseReplaced if the database has not seen a time that it had seen before: it is an older copy.
        """
        lock(connection, _LOCK, shared=True)
        seen_ms = self._seen_ms  # before the database is asked, which cannot know less then
        mine = next(iter(_MINE.rows(connection, {"boot": self._boot})), None)
        if mine is None or mine["seen_ms"] < seen_ms:
            raise DatabaseReplaced(
                "the database was replaced by an older copy of itself while the gateway ran: start the gateway again"
            )
        self._seen_ms = max(seen_ms, mine["seen_ms"])
        # Only what is committed, or this process's clock would be ahead of the times that were moved.
        self._offset_ms = max(self._offset_ms, mine["offset_ms"])
        now: int = self._steady() + mine["offset_ms"]
        if mine["latest_ms"] > now + _SKEW_MS:
            return self._follow(connection)
        if now - mine["seen_ms"] > _WRITE_MS:
            self._write(connection, now, mine["offset_ms"])
        return now

    def _follow(self, connection: Connection) -> int:
        """Go on from another host's time, which is ahead of this one's; return it."""
        # Others that do the same keep the lock shared; PostgreSQL lets one of them go on, and the others fail unsent.
        lock(connection, _LOCK)
        [mine] = _MINE.rows(connection, {"boot": self._boot})
        now: int = self._steady() + mine["offset_ms"]
        gap: int = max(0, mine["latest_ms"] - now)
        shift(connection, now, now + gap)
        self._write(connection, now + gap, mine["offset_ms"] + gap)
        return now + gap

    def _begin(self, connection: Connection, wall_ms: int) -> int:
        """Begin the count of a machine that has started; return its offset.

        How long it was off is not known, because the wall clock may have been set meanwhile. So unclear orders are as
        old as they were when the database was last written.
        """
        seen_ms = connection.execute(select(func.max(TIMELINE.c.seen_ms))).scalar()
        if seen_ms is None:
            created = select(func.max(_C.created_ms)).where(_C.created_ms <= wall_ms + _BELIEVED_MS)
            seen_ms = connection.execute(created).scalar() or wall_ms
        now = max(wall_ms, seen_ms)
        shift(connection, seen_ms, now)
        offset_ms = now - self._steady()
        connection.execute(insert(TIMELINE).values(boot_id=self._boot, offset_ms=offset_ms, seen_ms=now))
        return offset_ms

    def _write(self, connection: Connection, now: int, offset_ms: int) -> None:
        wait_for_disk(connection)  # another process may read this time, and then must not find an earlier one
        _WRITE.change(connection, {"boot": self._boot, "now": now, "offset": offset_ms})


def shift(connection: Connection, before_ms: int, now_ms: int) -> None:
    """Move the times of orders that are not clear, or whose id no caller was given, from one time to another: what lies
    between was not counted, and has not passed for them. They do not come to lie in the future."""
    ms = now_ms - before_ms
    if ms <= 0:
        return
    held = (_C.state.in_((*OPEN, State.ACCEPTED)), _C.answered_as == "", _C.created_ms <= before_ms + _SKEW_MS)
    latest = {
        _C.expires_ms: now_ms + _LONGEST_MS,
        _C.unclear_since_ms: now_ms,
        _C.told_ms: now_ms,
        _C.looked_ms: now_ms,
    }
    moved = {time: case((time == 0, 0), (time > most - ms, most), else_=time + ms) for time, most in latest.items()}
    connection.execute(update(ORDERS).where(*held).values(moved))
