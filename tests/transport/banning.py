"""Imitations of exchanges that count what they are asked, and ban who asks for too much."""

import bisect
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import requests

from exchanges.kit import layout
from protocol.deadline import Deadline
from protocol.models import NewOrder, Side, Symbol
from tests.conftest import Clock
from transport.http import Http
from transport.reply import Reply
from transport.signing import Signer

LATENCY = 100  # ms that a request is under way at most: calls overtake each other

Params = Mapping[str, Any]


# How exchanges count ------------------------------------------------------------------------------------------------


@dataclass
class Windows:
    """So much in any so many ms, by windows that stand and by windows that slide."""

    amount: int
    ms: int
    standing: Counter[int] = field(default_factory=Counter)
    sliding: list[tuple[int, int]] = field(default_factory=list)
    used: int = 0

    def add(self, now: int, cost: int) -> bool:
        """Count a call, and say whether it is one too many."""
        self.used += cost
        self.standing[now // self.ms] += cost
        del self.sliding[: bisect.bisect_left(self.sliding, (now - self.ms - 2 * LATENCY,))]
        place = bisect.bisect_right(self.sliding, (now, cost))
        self.sliding.insert(place, (now, cost))
        sums = (
            sum(cost for arrived, cost in self.sliding if end - self.ms < arrived <= end)
            for end, _ in self.sliding[place:]
        )
        return self.standing[now // self.ms] > self.amount or max(sums) > self.amount

    def allowed(self, seconds: float) -> float:
        """Return how much there may be in so long a time."""
        return self.amount * seconds * 1000 / self.ms


@dataclass
class Falling:
    """A counter that may stand at ``amount``, and falls by one every ``ms``, all at once."""

    amount: int
    ms: int
    height: int = 0
    fallen: int = 0
    used: int = 0

    def add(self, now: int, cost: int) -> bool:
        self.used += cost
        self.height = max(0, self.height - max(0, now // self.ms - self.fallen)) + cost
        self.fallen = max(self.fallen, now // self.ms)
        return self.height > self.amount

    def allowed(self, seconds: float) -> float:
        return seconds * 1000 / self.ms


@dataclass
class Rule:
    """A published limit: a fresh counter for each of ``apart``, and what a call costs."""

    counter: Callable[[], Windows | Falling]
    cost: Callable[[str, Params], int]
    apart: Callable[[str, Params], str] = lambda account, params: ""


def calls(costs: Mapping[str, int | Callable[[Params], int]]) -> Callable[[str, Params], int]:
    """The cost of calls that begin so; 0 of others."""

    def cost(asked: str, params: Params) -> int:
        found = costs.get(asked, 0)
        return found if isinstance(found, int) else found(params)

    return cost


def by_symbol(one: int, everyone: int) -> Callable[[Params], int]:
    return lambda params: one if params.get("symbol") else everyone


def of_account(account: str, params: Params) -> str:
    return account


def of_pair(account: str, params: Params) -> str:
    return f"{account} {params['pair']}"


def of_instrument(account: str, params: Params) -> str:
    return f"{account} {params['instId']}"


class Banning(Http):
    """An exchange that counts every call when it arrives, refuses one that is too many, and then all."""

    def __init__(self, clock: Clock, rules: Mapping[str, Rule], answers: Mapping[str, Any]) -> None:
        super().__init__()
        self.clock = clock
        self.rules = rules
        self.answers = answers
        self.counters: dict[str, dict[str, Windows | Falling]] = {
            name: defaultdict(rule.counter) for name, rule in rules.items()
        }
        self.refused: list[str] = []
        self.answered: Counter[str] = Counter()
        self.chance = random.Random(1)

    def send(self, exchange: str, request: requests.Request, deadline: Deadline) -> Reply:
        arrived = self.clock.ms + self.chance.randrange(LATENCY)
        asked = f"{request.method} {urlsplit(str(request.url)).path}"
        given: Any = (request.params, request.data, request.json)
        params = {name: value for carried in given for name, value in (carried or {}).items()}
        account = request.auth.credentials.key if isinstance(request.auth, Signer) else ""
        many = [
            name
            for name, rule in self.rules.items()
            if (cost := rule.cost(asked, params))
            and self.counters[name][rule.apart(account, params)].add(arrived, cost)
        ]
        if many or self.refused:
            self.refused.append(f"{asked}: {', '.join(many)}")
            return Reply(exchange, 429 if len(self.refused) == 1 else 418, "application/json", b"{}", "120")
        self.answered[asked] += 1
        answer = self.answers[asked]
        body = answer(params) if callable(answer) else answer
        return Reply(exchange, 200, "application/json", layout.inline(body).encode())


# The exchanges ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """An exchange's rules and answers; what is asked of it how often a second; what a crowd asks at once, once a
    minute; which rules are pressed five times over; and for how long."""

    rules: Mapping[str, Rule]
    answers: Mapping[str, Any]
    asked: Sequence[tuple[str, float, Callable[[Any], Any]]]
    rushed: Sequence[tuple[str, Callable[[Any], Any]]]
    pressed: Mapping[str, float]
    """Rule → what is asked of it in a second."""
    crowd: int = 100
    minutes: int = 10
    filled: float = 0.7
    """The least share of what is allowed that such rules are used to."""


def new(symbol: Symbol) -> NewOrder:
    return NewOrder(symbol=symbol, side=Side.BUY, price=Decimal("1.5"), amount=Decimal(1), client_id="c")


def schedule(world: World, now: int) -> Iterator[tuple[int, str, Callable[[Any], Any]]]:
    """Return when what is asked for, in ms."""
    until = now + world.minutes * 60_000
    due = [(now + round(index * 10), index) for index in range(len(world.asked))]
    for minute in range(world.minutes):
        for name, ask in world.rushed:
            yield from [(now + minute * 60_000 + 500, name, ask)] * world.crowd
    while due:
        begun, index = min(due)
        due.remove((begun, index))
        name, often, ask = world.asked[index]
        yield begun, name, ask
        if begun + 1000 / often < until:
            due.append((round(begun + 1000 / often), index))
