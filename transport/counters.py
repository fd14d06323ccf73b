"""Counters of all rate limits, and the bans of exchanges: for all workers in a database, for all hosts in Redis or in a
shared database.

A counter is a time, see ``charges``; a ban is kept as a time too.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import count
from math import ceil

from pyrate_limiter import Decision, RedisStateStore, StateStore
from sqlalchemy import BigInteger, Column, Connection, Engine, String, Table, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from database import open_state
from prepared import Glance, Prepared
from tables import METADATA
from transport.charges import ALGORITHM, Charge, Wait, brought_back, step, wait_of
from transport.credits import Credit, Credits, extended

REDIS = ("redis://", "rediss://", "unix://")
_REDIS_PATIENCE = 1.0  # seconds: better a call that is not counted than a late one
_PREFIX = "fmz-gateway"
_SWEEP = 1000  # calls of take between two deletions of old rows
_IDLE = 86_400_000  # ms after which an unused counter is deleted
_TRIES = 5  # to lock rows that others may clear away meanwhile
_FRESH = 0.01  # seconds for which a ban is not looked up again; many calls at once look once

LONGEST_KEY = 400
_TIMES = Table(
    "limits",
    METADATA,
    Column("name", String(LONGEST_KEY), primary_key=True),  # of a counter, or the address of an exchange
    Column("until", BigInteger, nullable=False),  # µs since the epoch
)
_END = Prepared(select(_TIMES.c.until).where(_TIMES.c.name == bindparam("name")))
_OF = update(_TIMES).where(_TIMES.c.name == bindparam("of")).values(until=bindparam("to"))
_SET = Prepared(_OF)
_POSTPONE = Prepared(_OF.where(_TIMES.c.until < bindparam("to")))


class Counters(ABC):
    """The store of counters and bans, which are changed by one call after the other."""

    failures: tuple[type[Exception], ...]
    """The exceptions that it raises when it cannot be used."""

    def __init__(self) -> None:
        self._bans: dict[str, int] = {}  # address → expiry in ms since the epoch; this process's own

    @abstractmethod
    def take(self, address: str, charges: Sequence[Charge], now: int, patience: int = 0) -> Wait | None:
        """Spend every charge at ``now`` (ms) and return None; or spend none of them and return how long to wait. A wait
        that is longer than ``patience`` (ms) may be returned too short, but never below ``patience``."""

    def ban(self, address: str, expires_ms: int) -> None:
        """Stop all calls to an address until a time; an earlier ban is never shortened. If the counters fail, this
        process stops all the same."""
        self._bans[address] = max(expires_ms, self._bans.get(address, 0))
        self.close(address, expires_ms)

    def banned_until(self, address: str) -> int:
        """Return when this process's own ban from an address ends, in ms; 0 without one."""
        return self._bans.get(address, 0)

    @abstractmethod
    def close(self, address: str, expires_ms: int) -> None:
        """Write a ban for all processes."""

    @abstractmethod
    def dispose(self) -> None:
        """Close all connections."""


def check_redis(url: str) -> str:
    """Return a Redis URL, checked without connecting. Raises ValueError."""
    try:
        from redis import Redis
    except ImportError:
        raise ValueError("Redis's driver is not installed: pip install 'fmz-gateway[redis]'") from None
    try:
        Redis.from_url(url)
    except ValueError:  # its own text may quote a password
        raise ValueError("expected redis://<user>:<password>@<host>:<port>/<number>") from None
    return url


def connect_counters(url: str, engine: Engine) -> Counters:
    """Return the counters at a Redis or SQLAlchemy URL, or in ``engine`` if it is empty. Raises OSError,
    SQLAlchemyError."""
    if url.startswith(REDIS):
        return RedisCounters(url)
    return SqlCounters(open_state(url) if url else engine)


class SqlCounters(Counters):
    """Counters on SQLite or PostgreSQL. What this process has in credit it spends by itself, the rest in a transaction;
    bans that other processes were told are seen within 10 ms."""

    failures = (SQLAlchemyError,)

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        # Losing the latest counts in a power cut does no harm, so no call waits for the disk.
        self._writing = engine.execution_options(fleeting=True)
        self._glance = Glance(engine)
        self._seen: dict[str, tuple[float, int]] = {}  # address → when, by time.monotonic(), and its ban's end in µs
        self._visits = count()
        self._credits = Credits()

    def take(self, address: str, charges: Sequence[Charge], now: int, patience: int = 0) -> Wait | None:
        # If what was seen last means too long a wait, the database need not be asked.
        wait = self._credits.wait(charges, now)
        if wait and wait.ms > patience:
            return wait
        if self._credits.cover(charges, now):
            closed = _ban_wait(self._ban_end(address), now)
            if closed or self._credits.spend(charges, now):
                return closed
        if next(self._visits) % _SWEEP == 0:
            self._sweep(now)
        return self._visit(address, charges, now)

    def _ban_end(self, address: str) -> int:
        """Return when an address's ban ends, in µs; 0 without one."""
        now = time.monotonic()
        seen_at, end_us = self._seen.get(address, (float("-inf"), 0))
        if now - seen_at > _FRESH:
            end_us = next((row["until"] for row in self._glance.rows(_END, {"name": address})), 0)
            self._seen[address] = now, end_us
        return end_us

    def _visit(self, address: str, charges: Sequence[Charge], now: int) -> Wait | None:
        """Take the charges in the database, as ``take`` does, and a credit where nobody else takes anything."""
        keys = [charge.key for charge in charges]
        with self._writing.begin() as connection:
            kept = self._locked(connection, keys, address)
            closed = _ban_wait(kept.get(address, 0), now)
            if closed or self._credits.spend(charges, now):  # another thread was here meanwhile
                return closed
            # Not earlier: what another thread of this process takes would look like another's.
            credits, wait = _taken(charges, self._credits.withdraw(keys), kept, now)
            ends = {key: credit.end_us for key, credit in credits.items()}
            for key, end_us in ends.items():
                if end_us != kept[key]:
                    _SET.change(connection, {"of": key, "to": end_us})
        self._credits.put(credits)
        return wait

    def close(self, address: str, expires_ms: int) -> None:
        with self._writing.begin() as connection:
            self._locked(connection, [address], address)
            _POSTPONE.change(connection, {"of": address, "to": expires_ms * 1000})

    def dispose(self) -> None:
        self._writing.dispose()

    def _locked(self, connection: Connection, names: list[str], address: str) -> dict[str, int]:
        """Return the times under those names, created if missing, and an address's ban if there is one; all locked."""
        for _ in range(_TRIES):
            found = _times(connection, [address, *names], lock=True)
            missing = sorted(set(names) - found.keys())
            if not missing:
                return found
            for name in missing:
                try:
                    with connection.begin_nested():
                        connection.execute(insert(_TIMES).values(name=name, until=0))
                except IntegrityError:
                    pass  # another worker was faster, and its row may be cleared away before it is locked here
        raise SQLAlchemyError("the counts are not there after they were made")

    def _sweep(self, now: int) -> None:
        self._credits.clear()
        with self._writing.begin() as connection:
            # Only those that nobody has locked: two that wait for each other's would be a deadlock.
            idle = select(_TIMES.c.name).where(_TIMES.c.until < (now - _IDLE) * 1000).with_for_update(skip_locked=True)
            connection.execute(_TIMES.delete().where(_TIMES.c.name.in_(idle)))


def _taken(
    charges: Sequence[Charge], own: Mapping[str, Credit], kept: Mapping[str, int], now: int
) -> tuple[dict[str, Credit], Wait | None]:
    """Return the credits once all charges are spent; or those that there are, and the longest wait. own: the credits
    before. kept: the counters' times in the database."""
    taken, waits = dict[str, Credit](), list[Wait]()
    for charge in charges:
        end_us = kept[charge.key]
        credit = own.get(charge.key)
        if credit and credit.end_us == end_us:  # nobody else has taken anything since
            spent_us, wait = step(charge, credit.spent_us, now)
            taken[charge.key] = extended(charge, spent_us, end_us, now)
        else:
            spent_us, wait = step(charge, end_us, now)
            taken[charge.key] = Credit(spent_us, spent_us)
        waits += [wait] if wait else []
    if not waits:
        return taken, None
    # Also if nothing is spent: what a clock ahead has written would make every call wait until that time.
    ends = {charge.key: brought_back(charge, kept[charge.key], now) for charge in charges}
    seen = {key: Credit(end_us, end_us) for key, end_us in ends.items()}
    return seen | {key: credit for key, credit in own.items() if credit.end_us == ends[key]}, max(waits)


def _times(connection: Connection, names: list[str], *, lock: bool = False) -> dict[str, int]:
    rows = _wanted(len(names), lock=lock).rows(connection, {f"name{i}": name for i, name in enumerate(names)})
    return {row["name"]: row["until"] for row in rows}


@cache
def _wanted(count: int, *, lock: bool) -> Prepared:
    """Return the query of the times under so many names."""
    of_names = select(_TIMES.c.name, _TIMES.c.until).where(
        _TIMES.c.name.in_(bindparam(f"name{i}") for i in range(count))
    )
    wanted = of_names.order_by(_TIMES.c.name)  # every process locks in the same order
    return Prepared(wanted.with_for_update() if lock else wanted)


def _ban_wait(expires_us: int, now: int) -> Wait | None:
    return Wait(ceil(expires_us / 1000) - now) if expires_us > now * 1000 else None


class RedisCounters(Counters):
    """Counters in Redis: the library's own store for each, and a sorted set for the bans."""

    def __init__(self, url: str) -> None:
        super().__init__()
        from redis import Redis, RedisError  # imported here: an optional dependency
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self.failures = (RedisError, OSError)
        self._redis = Redis.from_url(
            url,
            socket_timeout=_REDIS_PATIENCE,
            socket_connect_timeout=_REDIS_PATIENCE,
            retry=Retry(NoBackoff(), 1),  # over a new connection, if a kept one was closed
        )
        try:
            self._redis.ping()
        except RedisError as error:
            raise ConnectionError(str(error)) from None

    def take(self, address: str, charges: Sequence[Charge], now: int, patience: int = 0) -> Wait | None:
        closed = _ban_wait(int(self._redis.zscore(f"{_PREFIX}:closed", address) or 0) * 1000, now)
        if closed:
            return closed
        # Read first, so that a counter that denies costs the others nothing. If they change meanwhile, the call costs
        # too much rather than too little.
        stores = [(charge, self._store(charge)) for charge in charges]
        waits = [wait for charge, store in stores if (wait := _peek(charge, store, now))]
        if waits:
            return max(waits)
        for charge, store in stores:
            decision = store.check(ALGORITHM, [charge.rate], now, charge.weight)
            assert isinstance(decision, Decision)
            if wait := wait_of(charge, decision):
                return wait
        return None

    def close(self, address: str, expires_ms: int) -> None:
        self._redis.zadd(f"{_PREFIX}:closed", {address: expires_ms}, gt=True)

    def dispose(self) -> None:
        self._redis.close()

    def _store(self, charge: Charge) -> StateStore:
        return RedisStateStore(self._redis, f"{_PREFIX}:{charge.key}", ttl_ms=ceil(2 * charge.depth / 1000))


def _peek(charge: Charge, store: StateStore, now: int) -> Wait | None:
    state = store.read(ALGORITHM, [charge.rate])
    assert isinstance(state, tuple)
    return step(charge, int(state[0]), now)[1]
