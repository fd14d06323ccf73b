"""The things that the tests lend to exchanges in place of the process: a client, a database, a clock."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy import Engine

from app import create_app
from console import NAME as CONSOLE
from exchanges.base import Exchange
from exchanges.kit.gateway import NoOffset
from protocol.deadline import Deadline
from settings import Settings
from transport.clock import Offset, epoch_ms
from transport.counters import connect_counters
from transport.credentials import Credentials
from transport.http import Http
from transport.services import Services
from transport.upstream import Upstreams

E = TypeVar("E", bound=Exchange)


class Templates(BytecodeCache):
    """The compiled templates of all applications of this process. Jinja compares what each was compiled from."""

    def __init__(self) -> None:
        self._compiled: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._compiled:
            bucket.bytecode_from_string(self._compiled[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._compiled[bucket.key] = bucket.bytecode_to_string()


TEMPLATES = Templates()


@dataclass
class Lent:
    """deadline: seconds of each call. limits_url: where limits are counted, ``state`` if empty. measure_clocks: True
    where the exchanges' own clocks are asked for. timeline: ``now`` without one. The rest is that of Services and
    Upstreams."""

    http: Any
    state: Engine
    deadline: float = 10.0
    urls: Mapping[str, str] = field(default_factory=dict)
    hosts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    testnets: frozenset[str] = frozenset()
    limits_url: str = ""
    withdrawals: bool = False
    exact_orders: bool = True
    now: Callable[[], int] = epoch_ms
    sleep: Callable[[float], None] = time.sleep
    measure_clocks: bool = True
    timeline: Callable[[], int] | None = None
    upstreams: Upstreams = field(init=False)

    def __post_init__(self) -> None:
        services = Services(
            self.http or Http(),
            self.state,
            connect_counters(self.limits_url, self.state),
            self.timeline or self.now,
            self.now,
            self.sleep,
        )
        self.upstreams = Upstreams(
            services,
            addresses=self.urls,
            hosts=self.hosts,
            testnets=self.testnets,
            withdrawals=self.withdrawals,
            exact_orders=self.exact_orders,
            clock=Offset if self.measure_clocks else NoOffset,
        )

    def open(self, kind: type[E], keys: Credentials, request: str = "") -> E:
        """Return an exchange for one call."""
        return kind(keys, self.upstreams.of(kind), Deadline.after(self.deadline), request)

    def app(self, settings: Settings | None = None) -> Flask:
        """Return the service, by default without the console: most tests want none, and it takes time to make."""
        app = create_app(replace(settings or Settings(console=False), deadline=self.deadline), self.upstreams)
        if CONSOLE in app.blueprints:
            app.jinja_env.bytecode_cache = TEMPLATES
        return app
