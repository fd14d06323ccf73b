"""The background resolver: goes on looking for orders whose outcome nobody has learned yet.

Keys are never stored. It looks with those that this process has been called with since it started, so an order of an
account that stays silent waits until the account is heard of again.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from orders.journal import OPEN, Journal
from orders.lookup import Lookup
from orders.venue import Venue

log = logging.getLogger("fmz-gateway")

_ROUND = 1.0  # seconds from one round to the next
_FORGET = 3600.0  # seconds from one deletion of old rows to the next
_ACCOUNTS = 1000  # whose keys are remembered, the latest


class Resolver:
    """A thread for each exchange that a process has been called for, so that one that hangs keeps no other's orders
    waiting; ``start`` it where orders are really sent."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._accounts: OrderedDict[tuple[str, str], Callable[[], Venue]] = OrderedDict()
        self._lock = threading.Lock()
        self._threads: dict[str, threading.Thread] = {}
        self._started = False
        self._stopped = threading.Event()
        self._forgot = float("-inf")

    def start(self) -> None:
        """Look from now on, until ``stop`` or the process's end."""
        with self._lock:
            self._started = True
            for exchange, _ in self._accounts:
                self._watch(exchange)

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        for thread in self._threads.values():
            thread.join()

    def meet(self, exchange: str, account: str, opened: Callable[[], Venue]) -> None:
        """Remember how an account's exchange is asked."""
        with self._lock:
            self._accounts[exchange, account] = opened
            self._accounts.move_to_end((exchange, account))
            while len(self._accounts) > _ACCOUNTS:
                self._accounts.popitem(last=False)
            if self._started:
                self._watch(exchange)

    def round(self, exchange: str) -> int:
        """Look once for every order of an exchange that it is time to look for; how many were resolved."""
        resolved = 0
        for intent in self._journal.due(exchange):
            with self._lock:
                opened = self._accounts.get((exchange, intent.account))
            if opened is None:
                continue
            self._journal.looked(intent)
            found = Lookup(opened(), self._journal, time.sleep).look(intent)
            resolved += found.state not in OPEN
        return resolved

    def _watch(self, exchange: str) -> None:
        if exchange not in self._threads:
            thread = threading.Thread(target=self._run, args=(exchange,), name=f"resolver {exchange}", daemon=True)
            self._threads[exchange] = thread
            thread.start()

    def _run(self, exchange: str) -> None:
        while not self._stopped.wait(_ROUND):
            try:
                self.round(exchange)
                if time.monotonic() - self._forgot > _FORGET:
                    self._forgot = time.monotonic()
                    self._journal.forget()
            except SQLAlchemyError as error:
                log.error("the journal cannot be read: %s", type(error).__name__)
            except Exception as error:  # noqa: BLE001 - one order's trouble must not end the looking for all others
                log.error("unexpected %s while looking for orders", type(error).__name__)
