"""The simulated exchange's API, which its spot and futures adapters share."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import islice
from typing import Any, ClassVar, TypeVar

import orjson

from exchanges.base import *
from exchanges.paper import simulation
from exchanges.paper.ledger import Ledger, locked_ledger
from exchanges.paper.listings import Listing
from exchanges.paper.matching import Account
from exchanges.paper.money import NOTHING, shown, trimmed
from exchanges.paper.records import PaperOrder, PaperPosition

_CANDLES = 500  # if no limit is given
_TRADES = 100

R = TypeVar("R", PaperOrder, PaperPosition)


class PaperApi(Exchange):
    """The API that spot and futures share."""

    periods = {1: "1m", 5: "5m", 15: "15m", 60: "1h", 240: "4h", 1440: "1d"}
    client_id = ClientId(36, ALPHANUMERIC + "-_")
    allowed_calls = ("* *",)  # no money can leave it
    kind: ClassVar[type[Account]]
    """The class of the exchange's accounts, which has their rules."""

    def market(self, symbol: Symbol) -> str:
        return self.kind.listing(str(symbol)).market.id

    def unwrap(self, payload: Any) -> Any:
        return payload

    def ticker(self, symbol: Symbol) -> Ticker:
        listing, now = self.traded(symbol), self.upstream.services.now()
        book = simulation.book(listing, now)
        day = simulation.bar_until(listing, now // simulation.MINUTE - simulation.WINDOW + 1, now)
        bid, ask, last, high, low = (
            float(listing.price(ticks)) for ticks in (book.bids[0][0], book.asks[0][0], day.close, day.high, day.low)
        )
        volume = float(listing.amount(day.volume))
        return Ticker(time=now, bid=bid, ask=ask, last=last, high=high, low=low, volume=volume)

    def depth(self, symbol: Symbol) -> Depth:
        listing, now = self.traded(symbol), self.upstream.services.now()
        bids, asks = (
            [(float(listing.price(ticks)), float(listing.amount(lots))) for ticks, lots in levels]
            for levels in simulation.book(listing, now)
        )
        return Depth(time=now, asks=asks, bids=bids)

    def candles(self, symbol: Symbol, period: int, limit: int | None) -> Iterable[Candle]:
        listing, now = self.traded(symbol), self.upstream.services.now()
        live = now // (period * simulation.MINUTE)
        for index in range(live + 1 - (limit or _CANDLES), live + 1):
            over = index < live
            bar = simulation.bar(listing, period, index) if over else simulation.bar_until(listing, index * period, now)
            first, high, low, last = (float(listing.price(ticks)) for ticks in bar[:4])
            yield Candle(index * period * simulation.MINUTE, first, high, low, last, float(listing.amount(bar.volume)))

    def trades(self, symbol: Symbol) -> list[Trade]:
        listing = self.traded(symbol)
        latest = islice(simulation.prints_until(listing, self.upstream.services.now()), _TRADES)
        return [
            Trade(one.id, one.time, float(listing.price(one.price)), float(listing.amount(one.amount)), one.side)
            for one in reversed(list(latest))
        ]

    def accounts(self) -> list[Balance]:
        with self.ledger() as ledger:
            account = ledger.account
            balances = [
                Balance(currency, trimmed(free), trimmed(account.frozen(currency)))
                for currency, free in account.free.items()
            ]
        self.show(balances)
        return balances

    def trade(self, order: NewOrder) -> OrderId:
        order, multiple = replace(order, market_name=self.market(order.symbol)), self.multiple(order.symbol)
        with self.ledger() as ledger:  # which may have been waited for
            self.last_check()
            placed = ledger.place(order, multiple)
        self.show(placed)
        return placed.id

    def orders(self, symbol: Symbol | None) -> list[Order]:
        with self.ledger() as ledger:
            found = self.meant(symbol, ledger.account.open())
        self.show(found)
        return [self.read_order(order) for order in found]

    def order(self, symbol: Symbol, order_id: str) -> Order:
        market = self.market(symbol)
        with self.ledger() as ledger:
            found = ledger.order(market, order_id)
        self.show(found)
        return self.read_order(found)

    def find(self, symbol: Symbol, client_id: str) -> OrderId | None:
        market = self.market(symbol)
        with self.ledger() as ledger:
            found = ledger.find(client_id)
        return found.id if found and found.symbol == market else None

    def modify(self, order_id: str, order: NewOrder) -> OrderId:
        order = replace(order, market_name=self.market(order.symbol))
        with self.ledger() as ledger:  # which may have been waited for
            self.last_check()
            modified = ledger.modify(order_id, order)
        self.show(modified)
        return modified.id

    def cancel(self, symbol: Symbol, order_id: str) -> bool:
        market = self.market(symbol)
        with self.ledger() as ledger:
            found = ledger.order(market, order_id)
            ledger.account.cancel(found)
        self.show(found)
        return True

    def markets(self) -> list[Market]:
        return [listing.market for listing in self.kind.listings.values()]

    def tickers(self) -> list[tuple[Symbol, Ticker]]:
        return [(market.symbol, self.ticker(market.symbol)) for market in self.markets()]

    def history(self, symbol: Symbol | None, since: int | None, limit: int | None) -> list[Order]:
        with self.ledger() as ledger:
            past = self.meant(symbol, ledger.past(since or 0))
        found = past if not limit else past[:limit] if since else past[-limit:]
        self.show(found)
        return [self.read_order(order) for order in found]

    def raw(self, verb: str, path: str, params: Mapping[str, Any]) -> Any:
        match verb, path.strip("/"):
            case "GET", "time":
                return self.upstream.services.now()
            case "POST", "reset":
                with self.ledger() as ledger:
                    ledger.reset()
                return True
        raise InvalidCall(f"{self.name} has GET time and POST reset, and no {verb} {path}")

    def ledger(self) -> AbstractContextManager[Ledger]:
        """Return a context that opens the account's ledger for one operation."""
        services = self.upstream.services
        return locked_ledger(services.database, self.name, self.account, self.kind, services.now)

    def multiple(self, symbol: Symbol) -> int:
        """Return the leverage of a new order."""
        return 1

    def traded(self, symbol: Symbol) -> Listing:
        """Return a market that is traded now. Raises InvalidCall."""
        return self.kind.listing(self.market(symbol))

    def meant(self, symbol: Symbol | None, records: Iterable[R]) -> list[R]:
        """Return the records of the markets that a list's argument means. Raises InvalidCall for one that there is
        not."""
        market = self.market(symbol) if symbol else None
        return [record for record in records if market in (None, record.symbol)]

    def read_order(self, order: PaperOrder) -> Order:
        listing = self.kind.listing(order.symbol)
        return Order(
            id=order.id,
            side=order.side,
            price=trimmed(order.price),
            amount=trimmed(order.amount),
            filled=trimmed(order.filled),
            average=trimmed(listing.average(order.cost, order.filled)) if order.filled else NOTHING,
            status=order.status,
            client_id=order.client_id,
        )

    def show(self, record: Any) -> None:
        """Keep the exchange's own record as its reply, with numbers as text."""
        self.replies.append(orjson.dumps(record, default=shown))
