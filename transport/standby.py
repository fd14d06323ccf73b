"""Keeps a connection to each exchange that is called young, so that the first call after a pause, perhaps an order,
neither waits for a new one nor meets one that the exchange is just closing. Nothing is sent over it meanwhile."""

import logging
import threading
import time
from contextlib import suppress
from queue import Empty
from typing import Any

from urllib3 import HTTPConnectionPool

from protocol.deadline import Deadline
from transport.connections import Adapter, Progress, current_progress

log = logging.getLogger("fmz-gateway")

_ROUND = 1.0  # seconds from one look to the next
_ACTIVE = 300.0  # seconds after its last call for which an exchange is looked at
_IDLE = 20.0  # seconds without a request after which a connection is replaced: no call is to find one of 45
_CONNECTS_WITHIN = 5.0  # seconds
_FAILED = 10.0  # seconds for which an exchange that cannot be reached is left alone
_CLOSES_EARLY = 600.0  # seconds for which one is that closed a connection sooner than we would have replaced it


class Standby:
    """The thread that looks after the connections of an adapter. Those through a proxy are left alone: who connects
    there asks it to."""

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter
        self._not_before: dict[HTTPConnectionPool, float] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="standby", daemon=True)

    def start(self) -> None:
        """Start looking, until ``stop`` or the end of the process."""
        self._thread.start()

    def stop(self) -> None:
        """Stop looking, and wait for the thread to end."""
        self._stopped.set()
        self._thread.join()

    def look(self, now: float) -> None:
        """Replace what is too old, or has ended at that age. now: ``time.monotonic()`` seconds."""
        for pool, called in list(self._adapter.called.items()):
            if now - called <= _ACTIVE and now >= self._not_before.get(pool, now) and not pool.proxy:
                self._look_at(pool, now)

    def _run(self) -> None:
        while not self._stopped.wait(_ROUND):
            self.look(time.monotonic())

    def _look_at(self, pool: HTTPConnectionPool, now: float) -> None:
        connection = _take(pool)
        if connection is None:
            return
        token = current_progress.set(Progress(Deadline.after(_CONNECTS_WITHIN)))
        try:
            is_open, is_young = connection.is_connected, now - connection.used_at < _IDLE
            if not (is_open and is_young):
                connection.close()
                if is_young:  # to replace it would let an order meet the next one just when that is closed
                    self._not_before[pool] = now + _CLOSES_EARLY
                else:
                    connection.connect()
        except Exception as error:  # noqa: BLE001 - the next call says what is wrong, and no failure may end the thread
            log.debug("%s: no connection stands by: %s", pool.host, type(error).__name__)
            connection.close()
            self._not_before[pool] = now + _FAILED
        finally:
            current_progress.reset(token)
            pool._put_conn(connection)


def _take(pool: HTTPConnectionPool) -> Any:
    """Take the connection that the next request would be sent over; return None if none is idle."""
    kept: Any = pool.pool  # a stack: below its connections are as many None as there may be more
    with suppress(Empty, IndexError):  # other threads take some too
        if kept and kept.queue[-1]:
            if connection := kept.get(block=False):
                return connection
            pool._put_conn(None)
    return None
