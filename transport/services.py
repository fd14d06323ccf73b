"""The services that the process lends to every exchange: network, database, counters of limits, clock."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine

from transport.clock import epoch_ms
from transport.counters import Counters
from transport.http import Http


@dataclass(frozen=True, slots=True)
class Services:
    """The process's services, made once.

    counters: of limits and bans. timeline: returns ms that only grow, for how long ago something was; the same for all
    that share the database. now: returns the wall clock's ms since the epoch, for what is sent and shown. sleep: waits
    for seconds.
    """

    http: Http
    database: Engine
    counters: Counters
    timeline: Callable[[], int]
    now: Callable[[], int] = epoch_ms
    sleep: Callable[[float], None] = time.sleep
