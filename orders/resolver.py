"""The background resolver: it looks up orders whose outcome is still unknown.

Keys are never stored. It uses those that this process has been called with since it started, so an order of another
account waits until the account's next call.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import cached_property

from sqlalchemy.exc import SQLAlchemyError

from orders.intents import OPEN, Intent
from orders.journal import Journal
from orders.lookup import Lookup
from orders.trader import Trader

log = logging.getLogger("fmz-gateway")

_ROUND = 1.0  # seconds from one round to the next
_CLEANING_MS = 3_600_000  # from one deletion of old rows to the next
_ACCOUNTS = 1000  # the latest, whose keys are remembered


class _Account:
    """An account whose orders can be looked up. connect: returns its exchange, ready for one call."""

    def __init__(self, connect: Callable[[], Trader]) -> None:
        self.connect = connect

    @cached_property
    def name(self) -> str:
        """Return the account's name in the journal; computed on first use, because few calls place orders."""
        return self.connect().account

    def may_look_for(self, intent: Intent) -> bool:
        """Return True if an order was placed with this account's key and secret."""
        return intent.account == self.name and intent.secret_digest in ("", self.connect().secret_digest)


class Resolver:
    """The threads that look up unresolved orders, one for each exchange that this process has been called for, so that
    an exchange that hangs does not delay the orders of another. Call ``start`` where orders are really sent."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._accounts: OrderedDict[tuple[str, Hashable], _Account] = OrderedDict()
        self._lock = threading.Lock()
        self._threads: dict[str, threading.Thread] = {}
        self._started = False
        self._stopped = threading.Event()
        self._cleaned_ms: int | None = None

    def start(self) -> None:
        """Start looking, until ``stop`` or the end of the process."""
        with self._lock:
            self._started = True
            for exchange, _ in self._accounts:
                self._watch(exchange)

    def stop(self) -> None:
        """Stop looking, and wait for the threads to end."""
        self._stopped.set()
        for thread in self._threads.values():
            thread.join()

    def remember(self, exchange: str, keys: Hashable, connect: Callable[[], Trader]) -> None:
        """Remember an account. keys: its key and secret, because one with a wrong secret must not take its place.
        connect: returns its exchange, ready for one call."""
        with self._lock:
            self._accounts[exchange, keys] = _Account(connect)
            self._accounts.move_to_end((exchange, keys))
            while len(self._accounts) > _ACCOUNTS:
                self._accounts.popitem(last=False)
            if self._started:
                self._watch(exchange)

    def run_once(self, exchange: str) -> int:
        """Look up every order of an exchange that is due, once; return the number of those that were resolved."""
        due = self._journal.list_due(exchange)
        if not due:
            return 0
        with self._lock:
            known = [account for (name, _), account in self._accounts.items() if name == exchange]
        resolved = 0
        for intent in due:
            account = next((account for account in known if account.may_look_for(intent)), None)
            if account is None:
                continue
            self._journal.count_look(intent)
            found = Lookup(account.connect(), self._journal, time.sleep).look(intent)
            resolved += found.state not in OPEN
        return resolved

    def clean(self) -> None:
        """Delete old rows, once an hour of the time that their age is counted by."""
        now = self._journal.now()
        if self._cleaned_ms is None or now - self._cleaned_ms >= _CLEANING_MS:
            self._cleaned_ms = now
            self._journal.delete_old()

    def _watch(self, exchange: str) -> None:
        if exchange not in self._threads:
            thread = threading.Thread(target=self._run, args=(exchange,), name=f"resolver {exchange}", daemon=True)
            self._threads[exchange] = thread
            thread.start()

    def _run(self, exchange: str) -> None:
        while not self._stopped.wait(_ROUND):
            try:
                self.run_once(exchange)
                self.clean()
            except SQLAlchemyError as error:
                log.error("the journal cannot be read: %s", type(error).__name__)
            except Exception as error:  # noqa: BLE001 - a failure at one order must not end the look-ups of all others
                log.error("unexpected %s while looking for orders", type(error).__name__)
