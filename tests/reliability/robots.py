"""Robots on the simulated exchange, as published strategies are: they look, and buy and sell, turn after turn. They
check every answer against what they ordered."""

import json
import random
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from time import perf_counter
from typing import Any, ClassVar

from exchanges.paper import dated
from tests.reliability.load import Client, CutOff, Refused

OPEN, CANCELLED = "open", "cancelled"
MOST_FEE = 0.001  # of what an order gets
NOISE = 1e-7  # of the money that was moved, by which sums of JSON's numbers may be off
BARS = 100
MARKET = 0.3  # of the orders
PATIENT = 0.5  # of the orders that still rest, which are left for one more turn
ACTIVE = 0.6  # of the turns without a resting order, in which there is a new one


class WrongAnswer(Exception):
    """An answer that no strategy expects."""


@dataclass
class Placed:
    """An order that was placed. deal, value: what was filled of it, in base or contracts and in quote."""

    order_id: Any
    side: str
    closes: bool = False
    deal: float = 0.0
    value: float = 0.0


@dataclass
class Robot(ABC):
    """A strategy with an account of its own. port: of the service. key: its account's, which its choices are made from.
    clock: returns the time in ms. pair: its market. contract: its contract, by FMZ's name.

    calls: its calls, by method. ms: how long it waited for each of the latest answers. placed: its orders. wrong:
    answers that were not as expected."""

    route: ClassVar[str]

    port: int
    key: str
    clock: Callable[[], int]
    pair: str
    size: str
    contract: str = ""
    calls: Counter[str] = field(default_factory=Counter)
    ms: list[float] = field(default_factory=list)
    placed: list[Placed] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    cancelled: int = 0
    resting: Placed | None = None

    def __post_init__(self) -> None:
        self._client = Client(self.port)
        self._dice = random.Random(self.key)

    def turn(self) -> None:
        """Do what a strategy does in one round of its loop."""
        try:
            self.prepare()
            ticker = self.look()
            self.review()
            self.compare()
            if self.resting is None and self._dice.random() < ACTIVE:
                self.trade(ticker)
            # An answer comes when the call before is over on the service's side too, so that no time passes within one.
            self.check(self.ask("accounts") != [], "no balances")
        except (WrongAnswer, Refused, CutOff, ValueError, LookupError) as error:
            self.wrong.append(f"{self.key} at {self.clock()}: {type(error).__name__} {error}")

    def finish(self) -> None:
        """Cancel what rests, close what is held, and check that no money is held any more."""
        try:
            self.prepare()
            self.review(patience=0.0)
            self.close_all()
            frozen = [row for row in self.ask("accounts") if row["frozen"]]
            self.check(not frozen and not self.ask("orders", symbol=self.pair), f"not all is over: {frozen}")
            self.compare()
        except (WrongAnswer, Refused, CutOff, ValueError, LookupError) as error:
            self.wrong.append(f"{self.key} at the end: {type(error).__name__} {error}")
        self._client.close()

    @abstractmethod
    def prepare(self) -> None:
        """Choose what is traded."""

    def look(self) -> dict[str, Any]:
        """Ask for the market; return the ticker."""
        ticker: dict[str, Any] = self.ask("ticker", symbol=self.pair)
        depth = self.ask("depth", symbol=self.pair)
        bars = self.ask("records", symbol=self.pair, period=self._dice.choice(["1", "5", "60"]), limit=BARS)
        agree = (ticker["buy"], ticker["sell"]) == (depth["bids"][0][0], depth["asks"][0][0])
        self.check(agree and ticker["time"] == self.clock(), f"ticker {ticker} is not of the book, or of now")
        self.check(len(bars) == BARS and bars == sorted(bars), f"{len(bars)} bars, or not in order")
        self.check(bars[-1][4] == ticker["last"], f"the last bar ends at {bars[-1][4]}, not at {ticker['last']}")
        return ticker

    def review(self, patience: float = PATIENT) -> None:
        """Ask what became of the order that rested, and cancel it or wait for one more turn."""
        listed = {row["id"] for row in self.ask("orders", symbol=self.pair)}
        status = self.update(self.resting) if self.resting else ""
        expected = {self.resting.order_id} if self.resting and status == OPEN else set()
        self.check(listed == expected, f"orders {listed} are listed as open, not {expected}")
        if status == OPEN and self.resting and self._dice.random() >= patience:
            self.check(self.ask("cancel", symbol=self.pair, id=str(self.resting.order_id)) is True, "not cancelled")
            status = self.update(self.resting)
            self.check(status == CANCELLED, f"a cancelled order is {status}")
            self.cancelled += 1
        if status != OPEN:
            self.resting = None

    def update(self, order: Placed) -> str:
        """Ask for an order; return its status."""
        row = self.ask("order", symbol=self.pair, id=str(order.order_id))
        same = (row["id"], row["type"]) == (order.order_id, order.side)
        self.check(same and row["deal_amount"] >= order.deal, f"{row} is not what became of {order}")
        deal, value = row["deal_amount"], row["deal_amount"] * row["avg_price"]
        self.count(order, deal - order.deal, value - order.value)
        order.deal, order.value = deal, value
        return str(row["status"])

    def buy_or_sell(self, side: str, price: str, amount: str, *, closes: bool = False) -> None:
        """Place an order. A market order, whose price is -1, must be filled at once."""
        placed = Placed(self.ask("trade", symbol=self.pair, type=side, price=price, amount=amount)["id"], side, closes)
        self.placed.append(placed)
        if price != "-1":
            self.resting = placed
            return
        status = self.update(placed)
        self.check(status == "closed" and placed.deal > 0, f"a market order is {status}, {placed.deal} of it filled")

    def near(self, side: str, ticker: dict[str, Any]) -> str:
        """Return a price for a limit order: the best of its own side, which the market may reach, or -1 for a market
        order."""
        best = ticker["buy" if side == "buy" else "sell"]
        return "-1" if self._dice.random() < MARKET else f"{Decimal(repr(best)):f}"

    @abstractmethod
    def count(self, order: Placed, deal: float, value: float) -> None:
        """Count what was filled of an order since it was asked for last."""

    @abstractmethod
    def compare(self) -> None:
        """Compare what the account shows with what was ordered."""

    @abstractmethod
    def trade(self, ticker: dict[str, Any]) -> None:
        """Place an order near the price."""

    @abstractmethod
    def close_all(self) -> None:
        """Close every position."""

    def ask(self, method: str, **params: Any) -> Any:
        """Return an answer's data. Raises WrongAnswer for an error."""
        self.calls[method] += 1
        keys = {"access_key": self.key, "secret_key": "secret", "nonce": self.calls.total()}
        body = json.dumps({**keys, "method": method, "params": params}).encode()
        begun = perf_counter()
        answer = json.loads(self._client.ask(self.route, body))
        self.ms.append((perf_counter() - begun) * 1000)
        if "data" not in answer:
            raise WrongAnswer(f"{method} {params}: {answer.get('error')}")
        return answer["data"]

    def latest_ms(self) -> list[float]:
        """Return what the answers took that came since this was asked last."""
        latest, self.ms = self.ms, []
        return latest

    def check(self, so: bool, what: str) -> None:
        """Raise WrongAnswer if something is not so."""
        if not so:
            raise WrongAnswer(what)


class SpotRobot(Robot):
    """Buys, and sells what it bought."""

    route = "/paper"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._opening = self._balances()
        self._amounts = {"buy": 0.0, "sell": 0.0}
        self._values = {"buy": 0.0, "sell": 0.0}

    def prepare(self) -> None:
        """Do nothing: there are no contracts."""

    def close_all(self) -> None:
        """Do nothing: there are no positions."""

    def count(self, order: Placed, deal: float, value: float) -> None:
        self._amounts[order.side] += deal
        self._values[order.side] += value

    def compare(self) -> None:
        """Compare both currencies with all that was bought and sold; fees may be anything up to the highest."""
        base, quote = self.pair.lower().split("_")
        balances = self._balances()
        for currency, got, given in (
            (base, self._amounts["buy"], self._amounts["sell"]),
            (quote, self._values["sell"], self._values["buy"]),
        ):
            change, most, noise = balances[currency] - self._opening[currency], got - given, NOISE * (got + given)
            so = most - MOST_FEE * got - noise <= change <= most + noise
            self.check(so, f"{currency} changed by {change}, where {got} came and {given} went")

    def trade(self, ticker: dict[str, Any]) -> None:
        side = "sell" if self._amounts["buy"] > self._amounts["sell"] else "buy"
        price = self.near(side, ticker)
        spends = side == "buy" and price == "-1"  # such an order names quote
        self.buy_or_sell(side, price, f"{float(self.size) * ticker['sell']:.4f}" if spends else self.size)

    def _balances(self) -> dict[str, float]:
        return {row["currency"]: row["free"] + row["frozen"] for row in self.ask("accounts")}


class FuturesRobot(Robot):
    """Opens a position, adds to it and closes it; goes on in the next contract where one ends."""

    route = "/Futures_paper"
    leverage = 5
    most = 6.0  # contracts

    def __post_init__(self) -> None:
        super().__post_init__()
        self._traded = self.own_name()
        self._held: dict[str, float] = {}  # direction → contracts
        self.deliveries = 0
        self.rollovers = 0

    def prepare(self) -> None:
        """Choose the contract; if its name means another one since the last turn, end what was begun there first."""
        name = self.own_name()
        if name != self._traded:
            self._leave(self._traded)
            self._traded = name
        self._choose(self.contract)

    def count(self, order: Placed, deal: float, value: float) -> None:
        opposite = {"buy": "sell", "sell": "buy"}[order.side]
        way, change = (opposite, -deal) if order.closes else (order.side, deal)
        self._held[way] = self._held.get(way, 0.0) + change
        if not self._held[way]:
            del self._held[way]

    def compare(self) -> None:
        """Compare the positions with what was opened and closed."""
        rows = {("buy", "sell")[row["Type"]]: row["Amount"] for row in self.ask("io", code=3, args=[])}
        self.check(rows == self._held, f"positions {rows}, not {self._held}")

    def trade(self, ticker: dict[str, Any]) -> None:
        if self._held and (max(self._held.values()) >= self.most or self._dice.random() < 0.5):
            self._close(ticker)
            return
        way = next(iter(self._held), "") or self._dice.choice(["buy", "sell"])
        self.ask("io", code=1, args=[way])
        self.buy_or_sell(way, self.near(way, ticker), self.size)

    def close_all(self) -> None:
        if self._held:
            self._close()

    def _close(self, ticker: dict[str, Any] | None = None) -> None:
        """Close the position; at the market's price without a ticker."""
        [(way, amount)] = self._held.items()
        side = "sell" if way == "buy" else "buy"
        self.ask("io", code=1, args=[f"close{way}"])
        self.buy_or_sell(side, self.near(side, ticker) if ticker else "-1", f"{amount:g}", closes=True)

    def _choose(self, contract: str) -> None:
        self.ask("io", code=2, args=[contract])
        self.ask("io", code=0, args=[self.leverage])

    def _leave(self, name: str) -> None:
        """End what was begun in a contract. One that was delivered has ended it by itself, and cannot be chosen."""
        listing = dated.listing(name)
        assert listing, "a contract without an end is always the same"
        delivered = listing.market.delivery_ms <= self.clock()
        self._choose(self.contract if delivered else name)
        self.review(patience=0.0)
        if delivered:
            self.deliveries += 1
            self._held.clear()
        else:
            self.rollovers += 1
            self.compare()
            self.close_all()
        self.compare()

    def own_name(self) -> str:
        """Return the own name of the contract that FMZ's name means now."""
        named = f"{self.pair}.{self.contract}"
        return next((market.id for market in dated.markets(self.clock()) if str(market.symbol) == named), named)
