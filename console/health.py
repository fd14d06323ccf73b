"""The page of health: limits and bans, clocks, the database, and exchanges that cannot be used."""

from dataclasses import dataclass
from math import ceil
from time import perf_counter

from flask import Blueprint, render_template

from console.gateway import Gateway
from console.pages import Page, add_frame
from exchanges.base import Exchange
from exchanges.registry import Money
from tables import METADATA
from transport.limit import Limit

_TIMES = METADATA.tables["limits"]


@dataclass(frozen=True, slots=True)
class Use:
    """A limit, and how much of it is used now, in percent."""

    name: str
    allowed: str
    percent: int


@dataclass(frozen=True, slots=True)
class Condition:
    """An exchange now. ban_seconds: how long it refuses calls. ahead_ms: of its clock; 0 too if it was not asked."""

    name: str
    money: Money
    address: str
    ahead_ms: int
    ban_seconds: int
    limits: list[Use]


def blueprint(gateway: Gateway) -> Blueprint:
    """Return the page."""
    health = Blueprint("health", __name__)
    add_frame(health, gateway)

    @health.get("/console/health", endpoint="health")
    def show() -> Page:
        begun = perf_counter()
        unclear = len(gateway.orders.list_orders())
        spent_ms = (perf_counter() - begun) * 1000
        database = gateway.upstreams.services.database
        times = _times(gateway)
        return render_template(
            "health.html",
            problems=gateway.problems.sentences,
            conditions=[_condition(gateway, kind, times) for kind in gateway.loaded()],
            database=database.dialect.name,
            place=database.url.render_as_string(hide_password=True),
            spent=f"{spent_ms:.1f}",
            unclear=unclear,
            counts_elsewhere=bool(gateway.settings.limits_url),
            by_money=gateway.by_money(),
        )

    return health


def _times(gateway: Gateway) -> dict[str, int]:
    """Return the counters and bans in the gateway's database, in µs; none where they are in another place."""
    if gateway.settings.limits_url:
        return {}
    with gateway.upstreams.services.database.connect().execution_options(reading=True) as connection:
        return {row.name: row.until for row in connection.execute(_TIMES.select())}


def _condition(gateway: Gateway, kind: type[Exchange], times: dict[str, int]) -> Condition:
    upstream = gateway.upstreams.of(kind)
    services = upstream.services
    now = services.timeline()
    ban_ms = max(services.counters.banned_until(upstream.address), times.get(upstream.address, 0) // 1000) - now
    uses = [_use(limit, upstream.address, times, now) for limit in kind.limits]
    return Condition(
        name=kind.name,
        money=gateway.money(kind.name),
        address=upstream.address,
        ahead_ms=upstream.clock.known,
        ban_seconds=max(0, ceil(ban_ms / 1000)),
        limits=sorted(uses, key=lambda use: -use.percent),
    )


def _use(limit: Limit, address: str, times: dict[str, int], now: int) -> Use:
    """Return the use of a limit by the account or market that uses most of it."""
    charge = limit.charge(1, address, "", {}, urgent=True)
    ahead_us = max((until for key, until in times.items() if limit.owns(key, address)), default=0) - now * 1000
    percent = ceil(100 * ahead_us / charge.depth)
    return Use(limit.name, f"{limit.amount:g} / {limit.seconds:g} s", min(100, max(0, percent)))
