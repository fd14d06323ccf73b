"""The wait that an exchange's rate limits require before a call."""

import logging
import re
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import ceil
from typing import Any

from monitoring import metrics
from protocol.errors import RateLimited
from transport.charges import Charge, Wait
from transport.complaint import Complaint
from transport.counters import Counters
from transport.credentials import Credentials
from transport.limit import Calls, Weights
from transport.vendor import Vendor

log = logging.getLogger("fmz-gateway")

_REFUSED = (418, 429)  # HTTP statuses after which nothing more is sent
_DEFAULT_BAN = 10.0  # seconds, if the exchange gives no time
_LONGEST = 3 * 86_400_000  # ms; no exchange documents a longer ban
_SKEW = 1000  # ms that the exchange's clock may be behind ours


class Limits:
    """One exchange's limits, counted for all workers.

    address: the exchange's scheme and host. now: the clock that counts, in ms, which only moves forward. sleep: waits
    for seconds. exchange_now: the exchange's own clock, in ms since the epoch, for the times that it names.
    """

    def __init__(
        self,
        vendor: type[Vendor],
        address: str,
        counters: Counters,
        now: Callable[[], int],
        sleep: Callable[[float], None],
        exchange_now: Callable[[], int],
    ) -> None:
        self._name = vendor.name
        self._address = address
        self._limits = [(limit, Weights(limit, vendor.path)) for limit in vendor.limits]
        self._cancels = Calls(vendor.cancels, vendor.path)
        self._counters = counters
        self._now = now
        self._sleep = sleep
        self._exchange_now = exchange_now
        self._warn = Complaint("the limits cannot be counted (%s), calls are sent without; see LIMITS_URL")

    def take(
        self,
        asked: str,
        params: Mapping[str, Any],
        credentials: Credentials,
        patience: float,
        *,
        urgent: bool = False,
    ) -> None:
        """Wait until a call may be made, ``patience`` seconds at most. asked: its ``VERB /path``. urgent: it may use
        what is kept for cancels, as they do.

        Raises RateLimited when it would have to wait longer. If the limits cannot be counted, no call waits.
        """
        charges = self._charges(asked, params, credentials, urgent=urgent or asked in self._cancels)
        begun, slept = self._now(), 0.0
        # The time slept has passed, whatever the clock says.
        while wait := self._wait(charges, max(self._now(), begun + round(slept * 1000)), patience - slept):
            if slept + wait.ms / 1000 > patience:
                why = f"its limit of {wait.limit} is used up" if wait.limit else "it refuses calls for now"
                retry_after = ceil(wait.ms / 100) / 10
                raise RateLimited(f"{self._name}: {why}, retry_after={retry_after} seconds; nothing was sent")
            self._sleep(wait.ms / 1000)
            slept += wait.ms / 1000
            metrics.count_wait(self._name, wait.ms / 1000)

    def heed(self, status: int, retry_after: str, words: str, ban: float | None = None) -> None:
        """Read a refusal: if it bans us, send nothing more to that address until the time that it names.

        ban: seconds that its error code bans for, if the reply does not say.
        """
        if ban is None and status not in _REFUSED:
            return
        now = self._exchange_now()
        latest = now + _LONGEST
        named = [min(_retry_after(retry_after, now), latest), *(time for time in _times(words) if time <= latest)]
        expires_ms = max((time for time in named if time > now), default=now + round((ban or _DEFAULT_BAN) * 1000))
        metrics.count_ban(self._name)
        log.warning("%s refuses calls for %.0f s", self._name, (expires_ms - now) / 1000)
        try:
            self._counters.ban(self._address, self._now() + expires_ms - now)
        except self._counters.failures as error:
            self._warn(error)

    def _charges(
        self, asked: str, params: Mapping[str, Any], credentials: Credentials, *, urgent: bool
    ) -> list[Charge]:
        return [
            limit.charge(
                weight,
                self._address,
                credentials.account if limit.per == "account" else "",
                params,
                urgent=urgent,
            )
            for limit, weights in self._limits
            if (weight := weights.of(asked, params))
        ]

    def _wait(self, charges: list[Charge], now: int, patience: float) -> Wait | None:
        banned = self._counters.banned_until(self._address) - now
        wait = None
        try:
            wait = self._counters.take(self._address, [] if banned > 0 else charges, now, round(patience * 1000))
        except self._counters.failures as error:
            self._warn(error)
        return max(wait or Wait(0), Wait(banned)) if banned > 0 else wait


def _retry_after(text: str, now: int) -> int:
    """Return the header ``Retry-After``, seconds or a date, as ms since the epoch; 0 if it is neither."""
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", text.strip()):
        return now + ceil(float(text) * 1000)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return 0
    return round((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() * 1000) + _SKEW


def _times(words: str) -> list[int]:
    """Return the times in a refusal's words, seconds or milliseconds since the epoch, in ms."""
    found = re.findall(r"(?<![0-9])(?:[0-9]{13}|[0-9]{10})(?![0-9])", words)
    return [int(digits) * (1000 if len(digits) == 10 else 1) + _SKEW for digits in found]
