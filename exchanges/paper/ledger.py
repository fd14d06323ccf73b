"""The ledger: accounts, orders, positions and fills in the database.

Every operation is one transaction: it locks the account, applies all trades of the market until now, then acts. Workers
queue for an account, and it makes no difference which of them is asked, or how often.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, Insert
from sqlalchemy.exc import IntegrityError

from exchanges.paper import tables
from exchanges.paper.matching import Account, Reach
from exchanges.paper.money import NOTHING
from exchanges.paper.records import PaperOrder, PaperPosition
from prepared import Prepared
from protocol.errors import OrderNotFound, OutcomeUnknown
from protocol.models import NewOrder, PositionSide, Side, Status

_SKEW = 2000  # ms that the clocks of hosts may differ by
_KEPT = 30 * 86_400_000  # ms for which past orders and fills are kept, as long as in the gateway's journal
_CLEANING = 3_600_000  # ms from one deletion of older ones to the next
_MOVED = ("symbol", "time", "side", "price", "amount", "fee", "fee_currency", "profit")


@contextmanager
def locked_ledger(
    engine: Engine, exchange: str, name: str, kind: type[Account], clock: Callable[[], int]
) -> Iterator["Ledger"]:
    """Yield an account's ledger, locked and brought up to date; changes are kept unless an error is raised. clock:
    returns ms since the epoch."""
    with engine.begin() as connection:
        account_id, seen = _lock(connection, exchange, name, kind, clock())
        now = clock()  # not before the lock, which may have been waited for
        if seen > now + _SKEW:  # the clock was set back, and the market goes on from where it is now
            seen = now
        ledger = Ledger(connection, account_id, kind, max(seen, now))
        ledger.account.advance(seen, ledger.now)
        if seen // _CLEANING != ledger.now // _CLEANING:
            ledger.delete_old()
        yield ledger
        ledger.save()


def _lock(connection: Connection, exchange: str, name: str, kind: type[Account], now: int) -> tuple[int, int]:
    """Return the account's id, and the time until which the market's trades were applied to it; both are made at first
    use."""
    mine = {"exchange": exchange, "account": name}
    rows = tables.ACCOUNT.rows(connection, mine)
    if not rows:
        try:
            with connection.begin_nested():
                made = _insert(connection, tables.INSERT_ACCOUNT, mine | {"seen": now})
                _open_balances(connection, made, kind)
        except IntegrityError:
            pass  # another worker was faster
        rows = tables.ACCOUNT.rows(connection, mine)
    [row] = rows
    return row["id"], row["seen"]


def _insert(connection: Connection, into: Insert, row: Mapping[str, Any]) -> int:
    [row_id] = list(connection.execute(into, row).inserted_primary_key or [])
    return int(row_id)


def _open_balances(connection: Connection, account_id: int, kind: type[Account]) -> None:
    for currency, free in kind.opening.items():
        tables.INSERT_BALANCE.change(connection, {"account_id": account_id, "currency": currency, "free": free})


class Ledger:
    """One account's ledger, within one transaction. Its time, in ms, is the clock's, and steps back only if the clock
    was set back."""

    def __init__(self, connection: Connection, account_id: int, kind: type[Account], now: int) -> None:
        self.now = now
        self._connection = connection
        self._id = account_id
        self._kind = kind
        self._saved: dict[int, PaperOrder] = {}
        """The orders as they are in the database, of those that the account has loaded."""
        self._load()

    def place(self, new: NewOrder, leverage: int) -> PaperOrder:
        """Place an order. Raises OutcomeUnknown where an order has its client id, perhaps this one; else what
        ``Account.place`` raises."""
        twin = self.find(new.client_id)
        if twin:
            raise OutcomeUnknown(f"{self._kind.exchange}: order {twin.id} already has the client id {new.client_id}")
        order = self.account.place(new, leverage, self.now)
        row = {name: value for name, value in asdict(order).items() if name != "id"}
        row |= {"account_id": self._id, "client_id": order.client_id or None}
        order.id = _insert(self._connection, tables.INSERT_ORDER, row)
        return self._keep(order)

    def modify(self, order_id: str, new: NewOrder) -> PaperOrder:
        """Modify an open order of the market that ``new`` names. Raises OrderNotFound, and what ``Account.modify``
        raises."""
        order = self.order(new.market_name, order_id)
        self.account.modify(order, new, self.now)
        return order

    def order(self, market: str, order_id: str) -> PaperOrder:
        """Return one order of a market, by the exchange's own name, open or not. Raises OrderNotFound."""
        # A number that is longer than any id of the database would overflow it.
        number = int(order_id) if order_id.isascii() and order_id.isdigit() and len(order_id) < 19 else 0
        order = self.account.orders.get(number) or self._first(tables.ORDER_BY_ID, number)
        if order is None or order.symbol != market:
            raise OrderNotFound(f"{self._kind.exchange}: the account has no order {order_id} of {market}")
        return order

    def find(self, client_id: str) -> PaperOrder | None:
        """Return the order with this client id, open or not; None if there is none."""
        if not client_id:
            return None
        loaded = (order for order in self.account.orders.values() if order.client_id == client_id)
        return next(loaded, None) or self._first(tables.ORDER_BY_CLIENT_ID, client_id)

    def past(self, since: int) -> list[PaperOrder]:
        """Return the orders created from ``since`` (ms) on that are no longer open, oldest first."""
        kept = [_order(row) for row in self._rows(tables.PAST_ORDERS, since=since)]
        # Orders that the market has just filled are still open in the database.
        just = [order for order in self.account.orders.values() if order.status is not Status.OPEN]
        return sorted((*kept, *(order for order in just if order.created >= since)), key=lambda order: order.id)

    def reset(self) -> None:
        """Reset the account to its beginning: no orders, no positions, no fills, the opening balances."""
        for table in (tables.FILLS, tables.ORDERS, tables.POSITIONS, tables.BALANCES):
            self._connection.execute(table.delete().where(table.c.account_id == self._id))
        _open_balances(self._connection, self._id, self._kind)
        self._load()

    def delete_old(self) -> None:
        """Delete the account's fills of over 30 days ago, and its orders of then that are not open and have no later
        fill."""
        for old in (tables.DELETE_OLD_FILLS, tables.DELETE_OLD_ORDERS):
            self._connection.execute(old, {"of": self._id, "before": self.now - _KEPT})

    def save(self) -> None:
        """Write the changes to the database."""
        self._change(tables.SEE, now=self.now)
        for currency, free in self.account.free.items():
            if free == self._free.get(currency, NOTHING):
                continue
            if currency in self._free:
                self._change(tables.CHANGE_BALANCE, of_currency=currency, new_free=free)
            else:
                self._change(tables.INSERT_BALANCE, currency=currency, free=free)
        for order in self.account.orders.values():
            if order != self._saved[order.id]:
                changed = {f"new_{name}": getattr(order, name) for name in tables.ORDER_CHANGES}
                self._change(tables.CHANGE_ORDER, **changed | {"of": order.id})
        if self.account.positions != self._positions:
            self._change(tables.DELETE_POSITIONS)
            for position in self.account.positions.values():
                self._change(tables.INSERT_POSITION, **asdict(position))
        for fill in self.account.fills:
            row = {name: getattr(fill, name) for name in _MOVED} | {"order_id": fill.order.id if fill.order else None}
            self._connection.execute(tables.INSERT_FILL, {"account_id": self._id, **row})

    def _load(self) -> None:
        """Load the account, but for its orders: most operations need none, and there may be hundreds."""
        positions = (
            PaperPosition(**row | {"side": PositionSide(row["side"])}) for row in self._rows(tables.POSITIONS_OF)
        )
        self._free = {row["currency"]: row["free"] for row in self._rows(tables.BALANCES_OF)}
        # An account of an earlier release has nothing of the currencies that came later.
        owned = dict.fromkeys(self._kind.opening, NOTHING) | self._free
        self._saved.clear()
        self.account = self._kind(
            free=dict(sorted(owned.items())),
            positions={(position.symbol, position.side): position for position in positions},
            stored=self._reaches(),
            load=self._load_orders,
        )
        self._positions = {key: copy(position) for key, position in self.account.positions.items()}

    def _reaches(self) -> dict[str, Reach]:
        """Return the markets that have open orders, with the prices at which these are filled."""
        reaches: dict[str, Reach] = {}
        for symbol, side, lowest, highest in map(dict.values, self._rows(tables.REACHES_OF)):
            low, high = reaches.get(symbol, (None, None))
            # A double has all digits of a price that the market can reach.
            ticks = round(self._kind.listing(symbol).ticks(Decimal(repr(highest if side == Side.BUY else lowest))))
            reaches[symbol] = (ticks, high) if side == Side.BUY else (low, ticks)
        return reaches

    def _load_orders(self, market: str) -> list[PaperOrder]:
        orders = [_order(row) for row in self._rows(tables.OPEN_ORDERS, market=market)]
        for order in orders:
            self._saved.setdefault(order.id, copy(order))  # one that was asked for by itself may have been changed
        return orders

    def _first(self, wanted: Prepared, key: int | str) -> PaperOrder | None:
        row = next(iter(self._rows(wanted, key=key)), None)
        if row is None:
            return None
        order = _order(row)
        return self._keep(order) if order.status is Status.OPEN else order

    def _keep(self, order: PaperOrder) -> PaperOrder:
        """Return an order that is in the database as it is now; what changes of it will be saved."""
        self.account.orders[order.id] = order
        self._saved[order.id] = copy(order)
        return order

    def _rows(self, wanted: Prepared, **values: Any) -> list[dict[str, Any]]:
        return wanted.rows(self._connection, {"of": self._id, **values})

    def _change(self, change: Prepared, **values: Any) -> None:
        """Make a change, of the account where the values name nothing else."""
        change.change(self._connection, {"of": self._id, "account_id": self._id, **values})


def _order(row: dict[str, Any]) -> PaperOrder:
    read = {"side": Side(row["side"]), "status": Status(row["status"]), "client_id": row["client_id"] or ""}
    return PaperOrder(**row | read)
