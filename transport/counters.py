"""Counters of all rate limits, and the bans of exchanges: for all workers in a database, for all hosts in Redis or in a
shared database.

A counter is one number, the time at which it will be empty again, which is all that the generic cell rate algorithm
needs. A ban is kept as a time too.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from math import ceil

from pyrate_limiter import GCRA, Decision, Rate, RedisStateStore, StateStore
from sqlalchemy import BigInteger, Column, Connection, Engine, String, Table, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from database import METADATA, open_state

REDIS = ("redis://", "rediss://", "unix://")
_REDIS_PATIENCE = 1.0  # seconds: better a call that is not counted than a late one
_PREFIX = "fmz-gateway"
_SWEEP = 1000  # calls of take between two deletions of old rows
_IDLE = 86_400_000  # ms after which an unused counter is deleted
_LATE_US = 6_000_000  # that a call's time may be behind the others' once it has waited for the database

_GCRA = GCRA()

LONGEST_KEY = 400
_TIMES = Table(
    "limits",
    METADATA,
    Column("name", String(LONGEST_KEY), primary_key=True),  # of a counter, or the address of an exchange
    Column("until", BigInteger, nullable=False),  # µs since the epoch
)
_WANTED = (
    select(_TIMES.c.name, _TIMES.c.until)
    .where(_TIMES.c.name.in_(bindparam("names", expanding=True)))
    .order_by(_TIMES.c.name)  # every process locks in the same order
)
_LOCKED = _WANTED.with_for_update()
_SET = update(_TIMES).where(_TIMES.c.name == bindparam("of")).values(until=bindparam("to"))
_POSTPONE = _SET.where(_TIMES.c.until < bindparam("to"))


@dataclass(frozen=True, slots=True)
class Charge:
    """The cost of a call for one counter. ``limit``: its name for people. ``depth``: how many µs ahead of the clock the
    counter can be, by its own rules."""

    limit: str
    key: str
    rate: Rate
    weight: int
    depth: int


@dataclass(frozen=True, slots=True, order=True)
class Wait:
    """The time, in ms, until a call can go, and the limit that makes it wait; no limit if the exchange has banned
    us."""

    ms: int
    limit: str = ""


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
    """Counters on SQLite or PostgreSQL, with one transaction for each call."""

    failures = (SQLAlchemyError,)

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        # Losing the latest counts in a power cut does no harm, so no call waits for the disk.
        self._writing = engine.execution_options(fleeting=True)
        self._reading = engine.execution_options(reading=True)
        self._takes = count()
        self._seen: dict[str, int] = {}

    def take(self, address: str, charges: Sequence[Charge], now: int, patience: int = 0) -> Wait | None:
        if not charges:
            with self._reading.connect() as connection:
                return _ban_wait(_times(connection, [address]).get(address, 0), now)
        # Counters only grow: if the values seen last mean too long a wait, the database need not be asked.
        waits = [wait for charge in charges if (wait := _step(charge, self._seen.get(charge.key, 0), now)[1])]
        if waits and max(waits).ms > patience:
            return max(waits)
        if next(self._takes) % _SWEEP == 0:
            self._sweep(now)
        with self._writing.begin() as connection:
            kept = self._locked(connection, [charge.key for charge in charges], address)
            closed = _ban_wait(kept.get(address, 0), now)
            if closed:
                return closed
            steps = {charge.key: _step(charge, kept[charge.key], now) for charge in charges}
            waits = [wait for _, wait in steps.values() if wait]
            # Also if nothing is spent: what a clock ahead has written would make every call wait until that time.
            unspent = {charge.key: _brought_back(charge, kept[charge.key], now) for charge in charges}
            later = unspent if waits else {key: full_at_us for key, (full_at_us, _) in steps.items()}
            changed = [{"of": key, "to": full_at_us} for key, full_at_us in later.items() if full_at_us != kept[key]]
            if changed:
                connection.execute(_SET, changed)
        self._seen |= later
        return max(waits, default=None)

    def close(self, address: str, expires_ms: int) -> None:
        with self._writing.begin() as connection:
            self._locked(connection, [address], address)
            connection.execute(_POSTPONE, {"of": address, "to": expires_ms * 1000})

    def dispose(self) -> None:
        self._writing.dispose()

    def _locked(self, connection: Connection, names: list[str], address: str) -> dict[str, int]:
        """Return the times under those names, created if missing, and an address's ban if there is one; all locked."""
        found = _times(connection, [address, *names], lock=True)
        missing = sorted(set(names) - found.keys())
        for name in missing:
            try:
                with connection.begin_nested():
                    connection.execute(insert(_TIMES).values(name=name, until=0))
            except IntegrityError:
                pass  # another worker was faster
        return _times(connection, [address, *names], lock=True) if missing else found

    def _sweep(self, now: int) -> None:
        self._seen.clear()
        with self._writing.begin() as connection:
            connection.execute(_TIMES.delete().where(_TIMES.c.until < (now - _IDLE) * 1000))


def _times(connection: Connection, names: list[str], *, lock: bool = False) -> dict[str, int]:
    rows = connection.execute(_LOCKED if lock else _WANTED, {"names": names})
    return {row.name: row.until for row in rows}


def _step(charge: Charge, full_at_us: int, now: int) -> tuple[int, Wait | None]:
    """Return a counter's next time, and the wait for it if there is one."""
    full_at_us = min(full_at_us, now * 1000 + charge.depth)
    [later], decision = _GCRA.step([charge.rate], (full_at_us,), now, charge.weight)
    return int(later), _wait(charge, decision)


def _brought_back(charge: Charge, full_at_us: int, now: int) -> int:
    """Return a counter's time, or that of a full counter where a clock ahead has written it."""
    most = now * 1000 + charge.depth
    return most if full_at_us > most + _LATE_US else full_at_us


def _wait(charge: Charge, decision: Decision) -> Wait | None:
    if decision.allowed:
        return None
    assert decision.retry_after_ms is not None, "a weight above the burst"
    return Wait(decision.retry_after_ms, charge.limit)


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
            decision = store.check(_GCRA, [charge.rate], now, charge.weight)
            assert isinstance(decision, Decision)
            if wait := _wait(charge, decision):
                return wait
        return None

    def close(self, address: str, expires_ms: int) -> None:
        self._redis.zadd(f"{_PREFIX}:closed", {address: expires_ms}, gt=True)

    def dispose(self) -> None:
        self._redis.close()

    def _store(self, charge: Charge) -> StateStore:
        return RedisStateStore(self._redis, f"{_PREFIX}:{charge.key}", ttl_ms=ceil(2 * charge.depth / 1000))


def _peek(charge: Charge, store: StateStore, now: int) -> Wait | None:
    state = store.read(_GCRA, [charge.rate])
    assert isinstance(state, tuple)
    return _step(charge, int(state[0]), now)[1]
