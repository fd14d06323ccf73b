"""How often an exchange may be asked: its published limits, as data, and the turn that every call waits for."""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import ceil
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from pyrate_limiter import Rate
from sqlalchemy import Engine

from database import Complaint
from protocol.errors import RateLimited
from transport.counters import LONGEST_KEY, Charge, Wait, opened

if TYPE_CHECKING:
    from transport.pipeline import Pipeline

log = logging.getLogger("fmz-gateway")

_REFUSED = (418, 429)  # HTTP statuses after which nothing more is sent
_UNNAMED = 10.0  # seconds to stay away when nobody says how long
_LONGEST = 3 * 86_400_000  # ms; no exchange says that it bans for longer
_SKEW = 1000  # ms that the exchange's clock may be behind ours
_MARKET = 60  # characters of a market's name that tell it from others


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``amount`` of weight in any ``seconds``.

    per: whose calls count together. by: a parameter (the market's name) each value of which is counted for itself.
    costs: patterns of a whole ``VERB /path``, or ``VERB /path?name=value&…`` with the names sorted → weight; the first
    that fits decides. default: the weight of all other calls; what weighs 0 is not counted. reserve: the share of
    ``burst`` that is kept for cancels. burst: for limits published as a counter that goes down by ``amount`` in
    ``seconds``, how high it may stand.

    The algorithm lets through ``burst`` at once, and what comes back meanwhile. Where an exchange counts windows, these
    two together stay below its amount in any window, by a twentieth, for calls that overtake each other on their way.
    """

    name: str
    amount: int
    seconds: float
    per: Literal["address", "account"] = "address"
    by: str = ""
    costs: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    default: int = 0
    reserve: float = 0.2
    burst: int = 0
    patterns: tuple[tuple[re.Pattern[str], int], ...] = field(init=False, repr=False, compare=False)
    """The costs, ready for use."""
    rates: Mapping[bool, Rate] = field(init=False, repr=False, compare=False)
    """By whether a call cancels."""

    def __post_init__(self) -> None:
        heaviest = max(1, self.default, *self.costs.values())
        burst = self.burst or max(self.amount // 5, heaviest)
        refill = self.amount if self.burst else self.amount - burst - self.amount // 20
        ordinary = max(heaviest, burst - max(1, int(burst * self.reserve)) if self.reserve else burst)
        if refill < 1 or heaviest > burst:
            raise ValueError(f"the limit {self.name} is too small for a call of weight {heaviest}")
        interval = round(self.seconds * 1000)
        rates = {True: Rate(refill, interval, burst), False: Rate(refill, interval, ordinary)}
        object.__setattr__(self, "rates", rates)
        patterns = ((re.compile(rf"(?:{asked})(?:\?.*)?", re.DOTALL), cost) for asked, cost in self.costs.items())
        object.__setattr__(self, "patterns", tuple(patterns))

    def weight(self, asked: str) -> int:
        """What a call costs."""
        for pattern, cost in self.patterns:
            if pattern.fullmatch(asked):
                return cost
        return self.default

    def charge(self, weight: int, address: str, account: str, params: Mapping[str, Any], *, cancels: bool) -> Charge:
        """What a call spends of this limit."""
        rate = self.rates[cancels]
        whose = (account if self.per == "account" else "", ascii(params.get(self.by, ""))[:_MARKET])
        # Twins that share a host share its limits; where the numbers differ it is another limit.
        key = " ".join((address, f"{self.amount}/{self.seconds:g}s", self.name, *whose))[:LONGEST_KEY]
        depth = self.rates[True].burst * ceil(rate.interval * 1000 / rate.limit)
        return Charge(self.name, key, rate, weight, depth)


class Limits:
    """What is left of every limit, for all workers. ``now``: the clock, in milliseconds since the epoch. ``url``: a
    Redis or SQLAlchemy URL, for several hosts; empty for ``engine``. Raises OSError, SQLAlchemyError."""

    def __init__(self, engine: Engine, now: Callable[[], int], sleep: Callable[[float], None], url: str = "") -> None:
        self._now = now
        self._sleep = sleep
        self._counters = opened(url, engine)
        self._closed: dict[str, int] = {}  # address → until when, in ms, as this process was told
        self._warn = Complaint("the limits cannot be counted (%s), calls are sent without; see LIMITS_URL")

    def take(self, exchange: "Pipeline", asked: str, params: Mapping[str, Any], patience: float) -> None:
        """Wait for a call's turn, ``patience`` seconds at most. ``asked``: its ``VERB /path``.

        Raises RateLimited when its turn would come later. Where the limits cannot be counted, every call has its turn.
        """
        address, charges = _address(exchange), _charges(exchange, asked, params)
        begun, slept = self._now(), 0.0
        # What was slept has passed, whatever the clock says.
        while wait := self._wait(address, charges, max(self._now(), begun + round(slept * 1000)), patience - slept):
            if slept + wait.ms / 1000 > patience:
                why = f"its limit of {wait.limit} is used up" if wait.limit else "it told us to stay away"
                retry_after = ceil(wait.ms / 100) / 10
                raise RateLimited(f"{exchange.name}: {why}, retry_after={retry_after} seconds; nothing was sent")
            self._sleep(wait.ms / 1000)
            slept += wait.ms / 1000

    def heed(self, exchange: "Pipeline", status: int, retry_after: str, words: str) -> None:
        """Read a refusal: where it bans us, send nothing more to that address until the time that it named."""
        usual = next((seconds for pattern, seconds in exchange.bans.items() if re.search(pattern, words)), None)
        if usual is None and status not in _REFUSED:
            return
        now = self._now()
        latest = now + _LONGEST
        named = [min(_retry_after(retry_after, now), latest), *(time for time in _times(words) if time <= latest)]
        until = max((time for time in named if time > now), default=now + round((usual or _UNNAMED) * 1000))
        log.warning("%s told us to stay away for %.0f s", exchange.name, (until - now) / 1000)
        address = _address(exchange)
        self._closed[address] = max(until, self._closed.get(address, 0))
        try:
            self._counters.close(address, until)
        except self._counters.failures as error:
            self._warn(error)

    def _wait(self, address: str, charges: list[Charge], now: int, patience: float) -> Wait | None:
        closed = self._closed.get(address, 0) - now
        wait = None
        try:
            wait = self._counters.take(address, [] if closed > 0 else charges, now, round(patience * 1000))
        except self._counters.failures as error:
            self._warn(error)
        return max(wait or Wait(0), Wait(closed)) if closed > 0 else wait


def _address(exchange: "Pipeline") -> str:
    return exchange.services.urls.get(exchange.name, exchange.url)


def _charges(exchange: "Pipeline", asked: str, params: Mapping[str, Any]) -> list[Charge]:
    if not exchange.limits:
        return []
    # A function's value is not known before the request is made.
    known = {name: value for name, value in params.items() if value is not None and not callable(value)}
    text = f"{asked}?{'&'.join(f'{name}={known[name]}' for name in sorted(known))}"
    address, account = _address(exchange), exchange.account
    cancels = bool(re.match(exchange.cancels, asked))
    return [
        limit.charge(weight, address, account, known, cancels=cancels)
        for limit in exchange.limits
        if (weight := limit.weight(text))
    ]


def _retry_after(text: str, now: int) -> int:
    """The header ``Retry-After``, seconds or a date, as a time in ms; 0 where it is neither."""
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", text.strip()):
        return now + ceil(float(text) * 1000)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return 0
    return round((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() * 1000) + _SKEW


def _times(words: str) -> list[int]:
    """The times in a refusal's words, seconds or milliseconds since the epoch, in ms."""
    found = re.findall(r"(?<![0-9])(?:[0-9]{13}|[0-9]{10})(?![0-9])", words)
    return [int(digits) * (1000 if len(digits) == 10 else 1) + _SKEW for digits in found]
