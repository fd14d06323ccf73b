"""The boundary to the ccxt library, which has no types: everything that imports it or calls its instances is here.

An instance is made once for each upstream, and copied for each call: a copy takes a fifth of a millisecond, shares the
markets, and nothing that a call leaves behind, a key, a token or an account's mode, can reach the next one.
"""

import copy
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Protocol

import ccxt
from ccxt.base.decimal_to_precision import decimal_to_precision

from exchanges.ccxt.addresses import hosts, moved, order
from exchanges.ccxt.quirks import NEUTRAL, OPTIONS
from protocol.numbers import plain

logging.getLogger("ccxt.base.exchange").setLevel(logging.WARNING)  # at DEBUG it writes headers with keys

_MODES = {"spot": ("spot",), "swap": ("swap", "linear", "inverse", "future")}
_BROKERS = ("broker", "partner")
_LATEST = 1000  # accounts whose last nonces are kept
_CREDENTIALS = tuple(ccxt.Exchange.requiredCredentials)


class Hooks(Protocol):
    """The gateway's part of one call: what an instance does not do itself."""

    refusal: BaseException | None
    numbers: frozenset[Decimal]
    """The numbers of an order, which are written as they are: ccxt would cut them to the market's steps."""

    @property
    def session(self) -> Any:
        """Return what sends requests, as requests.Session does."""

    def wait(self, cost: float) -> None:
        """Wait for the limits. cost: of the call, in ccxt's units."""

    def now_us(self) -> int:
        """Return the time by the exchange's clock, in µs since the epoch."""

    def next_nonce(self, unit_us: int) -> int:
        """Return a number greater than all before it of this key, in units of so many µs since the epoch."""


class _Hooked:
    """The methods of ccxt's base class that are the gateway's own."""

    hooks: Hooks
    nonce: Callable[[], int]
    """Of ccxt's class, which this one is mixed into."""

    def throttle(self, cost: float | None = None) -> None:
        # ccxt calls this before it signs, so that no signature ages, and no nonce is overtaken, in the queue.
        self.hooks.wait(1 if cost is None else float(cost))

    def milliseconds(self) -> int:
        return self.hooks.now_us() // 1000

    def microseconds(self) -> int:
        return self.hooks.now_us()

    def seconds(self) -> int:
        return self.hooks.now_us() // 1_000_000

    def incrementing_nonce(self) -> int:
        # ccxt calls this where an exchange wants a growing number, and nonce() where it wants a time.
        number = self.nonce()
        unit_us = 1_000_000 if number < 10**11 else 1000 if number < 10**14 else 1
        return self.hooks.next_nonce(unit_us)

    def sleep(self, milliseconds: float) -> None:
        """Do nothing: ccxt sleeps between tries of its own, and it has none here."""

    def handle_errors(self, *args: Any) -> Any:
        try:
            # ccxt's class, which this one is mixed into, has the method.
            return super().handle_errors(*args)  # type: ignore[misc]
        except Exception as error:
            self.hooks.refusal = error
            raise

    def close(self, clean_instance_data: bool = False) -> None:
        """Do nothing: there is no session to close."""


class Library:
    """One of ccxt's exchanges, in one mode. mode: ``spot`` or ``swap``. Raises AttributeError for an unknown id."""

    def __init__(self, exchange_id: str, mode: str) -> None:
        self.id = exchange_id
        self.mode = mode
        self._kind: Any = type(exchange_id, (_Hooked, getattr(ccxt, exchange_id)), {})
        self.sample = self._make()
        self.rate_limit_ms = float(self.sample.rateLimit)
        self.required = [name for name in _CREDENTIALS if self.sample.requiredCredentials.get(name)]
        self.serial = _calls(type(self.sample), "incrementing_nonce")
        """True if its signed calls carry a growing number, so that they must arrive one after the other."""

    def has(self, capability: str) -> bool:
        """Return True for what the exchange itself can do; what ccxt would only emulate is not meant."""
        return self.sample.has.get(capability) is True

    @property
    def trades(self) -> bool:
        """Return True if the exchange has this mode at all."""
        return bool(self.sample.has.get(self.mode))

    @property
    def address(self) -> str:
        """Return the scheme and host of its first address."""
        return min(hosts(self.sample), key=order(self.sample))

    @property
    def test_address(self) -> str:
        """Return the scheme and host of its first address for test money, empty without one."""
        if not self.sample.urls.get("test"):
            return ""
        instance = self._make()
        try:
            instance.set_sandbox_mode(True)
        except ccxt.BaseError:
            return ""
        return min(hosts(instance), key=order(instance))

    def periods(self) -> dict[int, str]:
        """Return minutes → ccxt's name of a bar's length; none of a month or more, which have no fixed length."""
        if not self.has("fetchOHLCV"):
            return {}
        lengths = {name: self.seconds(name) for name in self.sample.timeframes or {}}
        return {seconds // 60: name for name, seconds in lengths.items() if 60 <= seconds <= 14 * 86400}

    def seconds(self, name: str) -> int:
        """Return the length that ccxt's name of one says, such as ``8h``; 0 for a name that says no fixed one."""
        fixed = name[-1:] in "mhdw" and name[:-1].isdigit()
        return int(self.sample.parse_timeframe(name)) if fixed else 0

    def feature(self, method: str, name: str) -> Any:
        """Return what ccxt says of a method's feature in this mode, None if it says nothing."""
        features = self.sample.features or {}
        found = features.get(self.mode) or {}
        if self.mode == "swap":
            found = found.get("linear") or found.get("inverse") or {}
        return (found.get(method) or {}).get(name)

    def open(self, *, testing: bool, address: str) -> "Engine":
        """Return an engine. testing: use test money. address: scheme and host instead of the exchange's own, if
        given."""
        instance = self._make()
        if testing:
            instance.set_sandbox_mode(True)
        if address:
            instance.urls["api"] = moved(instance.urls["api"], address)
        instance.hosts = hosts(instance)
        return Engine(self, instance)

    def _make(self) -> Any:
        # Numbers stay doubles. With Decimal, which ccxt has a setting for, its safe_string() leaves them out silently:
        # a market buy's cost becomes an amount of coins, and an average price 0.
        instance = self._kind({"enableRateLimit": True, "verbose": False, "session": object()})
        options = instance.options
        neutral = NEUTRAL.get(self.id, "")
        for name in options:
            if any(word in name.lower() for word in _BROKERS):
                options[name] = _blank(options[name], neutral)
            elif name.startswith("warnOn"):
                options[name] = False
            elif isinstance(options[name], dict) and "warnWithoutSymbol" in options[name]:
                options[name]["warnWithoutSymbol"] = False
        options.update(OPTIONS.get(self.id, {}))
        options["defaultType"] = self.mode
        options["adjustForTimeDifference"] = False  # the clock is the gateway's
        _narrow(options.get("fetchMarkets"), _MODES[self.mode])
        instance.has = {**instance.has, "fetchCurrencies": False}  # a further call for what orders do not need
        return instance


class Engine:
    """A ccxt exchange at one address, shared by all calls. Thread-safe."""

    def __init__(self, library: Library, prototype: Any) -> None:
        self._library = library
        self._prototype = prototype
        self._lock = threading.Lock()
        self._nonces: OrderedDict[str, int] = OrderedDict()
        self.hosts: frozenset[str] = prototype.hosts
        """Scheme and host of every address that ccxt declares for the exchange."""
        self.names: Mapping[str, str] = {}
        """The exchange's own names of markets → ccxt's."""
        self.ids: Mapping[str, str] = {}
        """ccxt's names of markets → the exchange's own."""

    @contextmanager
    def checkout(self, hooks: Hooks, credentials: Mapping[str, str]) -> Iterator[Any]:
        """Yield an instance for one call. It has no keys any more when the call is over."""
        with self._lock:
            instance = copy.copy(self._prototype)
        instance.options = copy.deepcopy(instance.options)
        instance.headers = dict(instance.headers or {})
        instance.hooks, instance.session = hooks, hooks.session
        instance.decimal_to_precision = instance.decimalToPrecision = _exactly(hooks)
        for name, value in credentials.items():
            setattr(instance, name, value)
        try:
            yield instance
        finally:
            vars(instance).clear()

    def load(self, instance: Any) -> list[dict[str, Any]]:
        """Ask for the markets with an instance that has no keys, share them with all later calls, and return those of
        this mode."""
        instance.load_markets(True)
        return self.share(instance)

    def share(self, instance: Any) -> list[dict[str, Any]]:
        """Have all later calls use the markets of an instance, and return those of this mode."""
        rows = [row for row in instance.markets.values() if row.get(self._library.mode)]
        with self._lock:
            self._prototype.set_markets_from_exchange(instance)
            self._prototype.options = copy.deepcopy(instance.options)
            self.names = {row["id"]: row["symbol"] for row in rows}
            self.ids = {name: market for market, name in self.names.items()}
        return rows

    def next_nonce(self, account: str, least: int) -> int:
        """Return a number greater than all before it of an account. least: the smallest that it may be."""
        with self._lock:
            number = max(least, self._nonces.pop(account, 0) + 1)
            self._nonces[account] = number
            while len(self._nonces) > _LATEST:
                self._nonces.popitem(last=False)
        return number

    def last_nonce(self, account: str) -> int:
        """Return an account's last nonce, 0 if it had none."""
        return self._nonces.get(account, 0)

    def endpoint(self, name: str) -> bool:
        """Return True if a name is that of an implicit method: one of the exchange's own resources."""
        parents = type(self._prototype).__mro__
        return any(kind.__module__.startswith("ccxt.abstract.") and name in vars(kind) for kind in parents)


def lineage(error: BaseException) -> list[str]:
    """Return the names of ccxt's classes that an error belongs to, its own first; none for an error that is not
    ccxt's."""
    return [kind.__name__ for kind in type(error).__mro__ if issubclass(kind, ccxt.BaseError)]


def _exactly(hooks: Hooks) -> Callable[..., Any]:
    def write(number: Any, *rules: Any, **more: Any) -> Any:
        own = next((one for one in hooks.numbers if one == Decimal(str(number))), None)
        return decimal_to_precision(number, *rules, **more) if own is None else plain(own)

    return write


def _calls(kind: type, name: str) -> bool:
    """Return True if a method of an exchange's own classes calls another method."""
    own = [base for base in kind.__mro__ if base.__module__.startswith("ccxt.") and ".base." not in base.__module__]
    codes = [getattr(method, "__code__", None) for base in own for method in vars(base).values()]
    return any(code is not None and name in code.co_names for code in codes)


def _blank(value: Any, neutral: str) -> Any:
    if isinstance(value, dict):
        return {name: _blank(inner, neutral) for name, inner in value.items()}
    return neutral if isinstance(value, str) else value


def _narrow(wanted: Any, kinds: tuple[str, ...]) -> None:
    """Leave out markets of other modes, which cost calls of their own, where ccxt has a list of kinds."""
    types = wanted.get("types") if isinstance(wanted, dict) else None
    if isinstance(types, list):
        wanted["types"] = [kind for kind in types if kind in kinds] or types
    elif isinstance(types, dict):
        wanted["types"] = {kind: kind in kinds and bool(given) for kind, given in types.items()}
