"""An imitation of an exchange that counts as the exchange's limits are declared, and is asked what its conversations
ask."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from exchanges.base import Exchange, Symbol
from exchanges.base.abilities import can
from exchanges.kit.cases import Conversation, Request
from tests import shown
from tests.transport.banning import Falling, Params, Rule, Windows, World, new
from transport.limit import Limit, Weights

Ask = Callable[[Any, Symbol, Mapping[str, Any]], Any]

ASKED: Mapping[str, Ask] = {
    "ticker": lambda exchange, symbol, params: exchange.ticker(symbol),
    "tickers": lambda exchange, symbol, params: exchange.tickers(),
    "depth": lambda exchange, symbol, params: exchange.depth(symbol),
    "records": lambda exchange, symbol, params: exchange.records(symbol, int(params["period"]), None),
    "trades": lambda exchange, symbol, params: exchange.trades(symbol),
    "accounts": lambda exchange, symbol, params: exchange.accounts(),
    "orders": lambda exchange, symbol, params: exchange.orders(symbol),
    "order": lambda exchange, symbol, params: exchange.order(symbol, str(params["id"])),
    "trade": lambda exchange, symbol, params: exchange.trade(new(symbol)),
}
"""FMZ's methods → how the exchange is asked."""
PRESSURE = 6  # times what is allowed
CANCELS = 2.0  # a second, which is never too much


def world_of(kind: type[Exchange]) -> World:
    """Return the world of an exchange. Raises Failed where a conversation is missing."""
    subject = shown.subject(kind.name.lower())
    weights = {limit.name: Weights(limit, kind.path) for limit in kind.limits}
    asked, pressed = [], Counter[str]()
    for method, ask in ASKED.items():
        if not can(kind, method):
            continue
        case = subject.success(method)
        tightest, often = _tightest(kind, weights, case)
        if tightest:
            asked.append((kind.name, often, _asking(ask, case, shown.ticker(subject.route))))
            pressed[tightest] += round(often * sum(_weight(weights[tightest], sent) for sent in case.sent))
    cancel = subject.success("cancel")
    asked.append((kind.name, CANCELS, _cancelling(cancel)))
    return World(
        rules={limit.name: _rule(limit, weights[limit.name]) for limit in kind.limits},
        answers=_answers(subject.conversations),
        asked=asked,
        rushed=[],
        pressed=pressed,
        minutes=1,
        filled=0.5,  # a call that waits keeps all others waiting
    )


def _tightest(kind: type[Exchange], weights: Mapping[str, Weights], case: Conversation) -> tuple[str, float]:
    """Return the limit that a conversation uses up first, and how often a second it is to be asked; empty if none
    counts it."""
    costs = {name: _weight(one, case.sent[-1]) for name, one in weights.items()}
    counting = [limit for limit in kind.limits if costs[limit.name]]
    allowed = {limit.name: limit.amount / limit.seconds / costs[limit.name] for limit in counting}
    name = min(allowed, key=lambda name: allowed[name], default="")
    return name, PRESSURE * allowed.get(name, 0)


def _weight(weights: Weights, sent: Request) -> int:
    return weights.of(_call(sent), {})


def _call(sent: Request) -> str:
    return f"{sent.method} {urlsplit(sent.url).path}"


def _rule(limit: Limit, weights: Weights) -> Rule:
    interval = limit.seconds * 1000

    def counter() -> Windows | Falling:
        if limit.burst:
            return Falling(limit.burst, round(interval / limit.amount))
        return Windows(limit.amount, round(interval))

    def apart(account: str, params: Params) -> str:
        return f"{account if limit.per == 'account' else ''} {params.get(limit.by, '')}"

    return Rule(counter, weights.of, apart)


def _answers(conversations: list[Conversation]) -> dict[str, Any]:
    """Return the replies, by ``VERB /path``; the first of each that succeeds."""
    found: dict[str, Any] = {}
    for case in conversations:
        if "data" in case.answered:
            for sent, got in zip(case.sent, case.got, strict=True):
                found.setdefault(_call(sent), got.body)
    return found


def _asking(ask: Ask, case: Conversation, ticker: Conversation) -> Callable[[Any], Any]:
    """Return what asks as a conversation does, for the market of a ticker where it names none."""
    params = {**ticker.asked["params"], **case.asked["params"]}
    return lambda exchange: ask(exchange, exchange.resolve(Symbol.parse(params["symbol"])), params)


def _cancelling(case: Conversation) -> Callable[[Any], Any]:
    params = case.asked["params"]
    symbol = Symbol.parse(params["symbol"])
    return lambda exchange: exchange.cancel(exchange.resolve(symbol), str(params["id"]))
