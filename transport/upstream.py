"""One exchange at one address: all that is known of it for as long as the process lives, shared by all calls."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary

from protocol.models import Listing, Market, Symbol
from transport.cache import Cache
from transport.clock import Offset
from transport.flights import Flights
from transport.limits import Limits
from transport.nonces import Nonces
from transport.services import Services
from transport.vendor import Vendor

T = TypeVar("T")

_LISTING = 3600.0  # seconds for which a list of markets, or a market of it, is kept
_MISSES = 5.0  # seconds between two lists asked for because a market was not in the last one
_ACCOUNT_FACT = 60.0  # seconds for which a fact of an account is kept
_IN_TURN = 10.0  # seconds in which a value that comes back is one of two that are set in turn
_MOST = 1000  # accounts of which a fact or the last market is kept, and problems that are logged once


class Kept(Generic[T]):
    """A cache of values that an exchange rarely changes, each kept for a number of seconds. Thread-safe."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._values: OrderedDict[str, tuple[float, T]] = OrderedDict()
        self._asking: WeakValueDictionary[str, Any] = WeakValueDictionary()
        """By key, the lock that is held by whoever asks for a value."""
        self._lock = threading.Lock()

    def get(
        self,
        ask: Callable[[], T],
        key: str = "",
        *,
        keep: Callable[[T], bool] = lambda value: True,
        patience: float = threading.TIMEOUT_MAX,
    ) -> T:
        """Return the value kept under the key, or else the one that ``ask`` returns, which is then kept.

        Of several threads one asks, and the others wait for its value: for ``patience`` seconds, then they ask too.
        keep: returns True for a value that is worth it.
        """
        if kept := self._fresh(key):
            return kept[1]
        with self._lock:
            asking = self._asking.setdefault(key, threading.RLock())
        has_waited = asking.acquire(timeout=patience)
        try:
            if kept := self._fresh(key):
                return kept[1]
            value = ask()
            if keep(value) and self._asking.get(key) is asking:  # else it was forgotten meanwhile
                self.put(value, key)
            return value
        finally:
            if has_waited:
                asking.release()

    def put(self, value: T, key: str = "") -> None:
        """Keep a value under the key; where there are too many, those that were kept first are forgotten."""
        with self._lock:
            self._values.pop(key, None)
            self._values[key] = (time.monotonic(), value)
            while len(self._values) > _MOST:
                self._values.popitem(last=False)

    def holds(self, key: str = "") -> bool:
        """Return True if a value is kept under the key, and not for too long."""
        return self._fresh(key) is not None

    def __len__(self) -> int:
        return len(self._values)

    def since(self, key: str = "") -> float:
        """Return when the value under the key was kept, in ``time.monotonic()`` seconds."""
        kept = self._values.get(key)
        return kept[0] if kept else float("-inf")

    def forget(self, key: str = "") -> None:
        """Forget a value, also one that is being asked for, so that the next call asks again."""
        with self._lock:
            self._values.pop(key, None)
            self._asking.pop(key, None)

    def _fresh(self, key: str) -> tuple[float, T] | None:
        kept = self._values.get(key)
        return kept if kept and time.monotonic() - kept[0] <= self._seconds else None


class Upstream:
    """One exchange at one address. Thread-safe.

    address: scheme and host. hosts: those of each of its hosts by name, empty for the first. headers: those of every
    request.
    withdrawals: True if strategies may withdraw, transfer and manage keys there. exact_orders: True if orders are sent
    to the digit. testing: True if it trades test money. clock: the offset of the exchange's clock. listing: its
    markets. flights: the requests that calls share. cache: replies to public questions. rules: single markets, by FMZ's
    names, that were asked for before there was a listing. last_symbols: by account and exchange object, the market that
    FMZ named last.
    """

    def __init__(
        self,
        vendor: type[Vendor],
        services: Services,
        *,
        address: str = "",
        hosts: Mapping[str, str] | None = None,
        testing: bool = False,
        withdrawals: bool = False,
        exact_orders: bool = False,
        clock: Offset | None = None,
    ) -> None:
        self.services = services
        self.address = address or vendor.url
        self.hosts = vendor.addresses(address, hosts or {}, testing)
        self.headers: Mapping[str, str] = {**vendor.headers, **(vendor.testnet_headers if testing else {})}
        self.withdrawals = withdrawals
        self.exact_orders = exact_orders
        self.testing = testing
        self.clock = clock or Offset()
        self.listing: Kept[Listing] = Kept(_LISTING)
        self.last_symbols: Kept[Symbol | None] = Kept(float("inf"))
        self.rules: Kept[Market] = Kept(_LISTING)
        self.limits = Limits(
            vendor,
            self.address,
            services.counters,
            services.timeline,
            services.sleep,
            lambda: services.now() + self.clock.known,
        )
        self.nonces = Nonces(services.database, services.now)
        self.flights = Flights(vendor.name)
        self.cache = Cache()
        self._account_facts: dict[str, Kept[Any]] = {}
        self._attached: Any = None
        self._attaching = threading.Lock()
        self._mentioned: set[str] = set()
        self._chosen: OrderedDict[str, tuple[str, str, float]] = OrderedDict()
        self._refreshed = float("-inf")

    def attached(self, make: Callable[[], T]) -> T:
        """Return the one object that an exchange's adapter keeps here for itself, made when it is first asked for."""
        with self._attaching:
            if self._attached is None:
                self._attached = make()
            attached: T = self._attached
            return attached

    def account_fact(self, account: str, fact: str, ask: Callable[[], T], patience: float) -> T:
        """Return a fact of an account, such as its position mode, as the exchange said within the last minute; else as
        ``ask`` returns it. patience: seconds for which another thread that asks is waited for."""
        kept: Kept[T] = self._account_facts.setdefault(fact, Kept(_ACCOUNT_FACT))
        return kept.get(ask, account, patience=patience)

    def forget_account(self, account: str) -> None:
        """Forget all facts of an account, so that the next calls ask again."""
        for kept in tuple(self._account_facts.values()):
            kept.forget(account)

    def may_refresh_listing(self, younger_than: float) -> bool:
        """Forget the list of markets because one is not in it, and return True; False where the list is younger than a
        time in ``time.monotonic()`` seconds, or was forgotten so within the last few seconds."""
        now = time.monotonic()
        if self.listing.since() >= younger_than or now - self._refreshed < _MISSES:
            return False
        self._refreshed = now
        self.listing.forget()
        return True

    def alternates(self, key: str, value: str) -> bool:
        """Note the value that callers chose under a key; return True where it takes the place of one that took its own
        within the last few seconds, as when two callers choose in turn."""
        now = time.monotonic()
        last, before, since = self._chosen.pop(key, ("", "", float("-inf")))
        self._chosen[key] = (last, before, since) if value == last else (value, last, now)
        while len(self._chosen) > _MOST:
            self._chosen.popitem(last=False)
        return value == before != last and now - since < _IN_TURN

    def is_new(self, problem: str) -> bool:
        """Return True where a problem has not been logged before."""
        if problem in self._mentioned or len(self._mentioned) >= _MOST:
            return False
        self._mentioned.add(problem)
        return True


class Upstreams:
    """The process's upstreams, one for each exchange, made when it is first called. Thread-safe.

    addresses: exchange's name → address instead of its own. hosts: exchange's name → addresses of its other hosts, by
    name, instead of its own. testnets: names of the exchanges to use with test money.
    withdrawals, exact_orders: see Upstream. clock: makes an exchange's clock offset.
    """

    def __init__(
        self,
        services: Services,
        *,
        addresses: Mapping[str, str] | None = None,
        hosts: Mapping[str, Mapping[str, str]] | None = None,
        testnets: frozenset[str] = frozenset(),
        withdrawals: bool = False,
        exact_orders: bool = False,
        clock: Callable[[], Offset] = Offset,
    ) -> None:
        self.services = services
        self._addresses = addresses or {}
        self._hosts = hosts or {}
        self._testnets = testnets
        self._withdrawals = withdrawals
        self._exact_orders = exact_orders
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
                    hosts=self._hosts.get(vendor.name),
                    testing=vendor.name in self._testnets,
                    withdrawals=self._withdrawals,
                    exact_orders=self._exact_orders,
                    clock=self._clock(),
                )
            return self._upstreams[vendor.name]
