"""One exchange at one address: what is known of it for as long as the process lives, shared by all calls."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from protocol.models import Listing
from transport.clock import Offset
from transport.limits import Limits
from transport.nonces import Nonces
from transport.services import Services
from transport.vendor import Vendor

T = TypeVar("T")

_LISTING = 3600.0  # seconds that a list of markets is good for
_POSITION_MODE = 60.0  # seconds that a position mode is good for
_MOST = 1000  # accounts whose position modes are kept


class Kept(Generic[T]):
    """What an exchange said and seldom changes, kept for a number of seconds. Thread-safe; two threads may ask for the
    same once each."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._values: OrderedDict[str, tuple[float, T]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, ask: Callable[[], T], key: str = "") -> T:
        """Return what is kept under the key, else what ``ask`` gives, which is kept."""
        with self._lock:
            kept = self._values.get(key)
        if kept and time.monotonic() - kept[0] <= self._seconds:
            return kept[1]
        value = ask()
        with self._lock:
            self._values[key] = (time.monotonic(), value)
            while len(self._values) > _MOST:
                self._values.popitem(last=False)
        return value

    def forget(self, key: str = "") -> None:
        """Ask anew next time."""
        with self._lock:
            self._values.pop(key, None)


class Upstream:
    """One exchange at one address. Thread-safe.

    address: scheme and host. headers: those of every request. withdrawals: whether strategies may withdraw, transfer
    and manage keys there. clock: how far the exchange's clock is ahead of ours. listing: its markets.
    position_modes: by account, whether long and short positions of a market are kept apart.
    """

    def __init__(
        self,
        vendor: type[Vendor],
        services: Services,
        *,
        address: str = "",
        testing: bool = False,
        withdrawals: bool = False,
        clock: Offset | None = None,
    ) -> None:
        self.services = services
        self.address = address or vendor.url
        self.headers: Mapping[str, str] = {**vendor.headers, **(vendor.testnet_headers if testing else {})}
        self.withdrawals = withdrawals
        self.clock = clock or Offset()
        self.listing: Kept[Listing] = Kept(_LISTING)
        self.position_modes: Kept[bool] = Kept(_POSITION_MODE)
        self.limits = Limits(vendor, self.address, services.counters, services.now, services.sleep)
        self.nonces = Nonces(services.database, services.now)


class Upstreams:
    """The process's upstreams, one for each exchange, made when it is first called. Thread-safe.

    addresses: exchange's name → address instead of its own. testnets: names of the exchanges that are asked for test
    money. withdrawals: see Upstream. clock: makes an exchange's clock offset.
    """

    def __init__(
        self,
        services: Services,
        *,
        addresses: Mapping[str, str] | None = None,
        testnets: frozenset[str] = frozenset(),
        withdrawals: bool = False,
        clock: Callable[[], Offset] = Offset,
    ) -> None:
        self.services = services
        self._addresses = addresses or {}
        self._testnets = testnets
        self._withdrawals = withdrawals
        self._clock = clock
        self._upstreams: dict[str, Upstream] = {}
        self._lock = threading.Lock()

    def of(self, vendor: type[Vendor]) -> Upstream:
        """Return the upstream of an exchange."""
        with self._lock:
            if vendor.name not in self._upstreams:
                self._upstreams[vendor.name] = Upstream(
                    vendor,
                    self.services,
                    address=self._addresses.get(vendor.name, ""),
                    testing=vendor.name in self._testnets,
                    withdrawals=self._withdrawals,
                    clock=self._clock(),
                )
            return self._upstreams[vendor.name]
