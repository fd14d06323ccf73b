"""The leverage that the exchange is told before an order, and instruments by their own names."""

from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from protocol.errors import InvalidCall, OutcomeUnknown
from protocol.models import Position, PositionSide, Symbol
from tests.lent import Lent
from tests.tiny import KEYS, RULES, SWAP, Canned, FuturesTiny, Lister, order

QUARTER = replace(RULES, symbol=Symbol("BTC", "USDT", "quarter"), id="BTC-270326")


class Levered(FuturesTiny):
    """Keeps the leverages that the exchange was told."""

    told: ClassVar[list[tuple[str, int]]]

    def apply_leverage(self, symbol: Symbol, leverage: int) -> None:
        self.told.append((str(symbol), leverage))


def levered(lent: Lent, **declared: Any) -> Levered:
    kind: type[Levered] = type("Levered", (Levered,), {"told": [], **declared})
    return replace(lent, http=Canned(), deadline=10.0).open(kind, KEYS)


def test_one_markets_leverage_is_told_at_once(lent: Lent) -> None:
    exchange = levered(lent)
    exchange.set_leverage(20, SWAP)
    exchange.prepare(order(SWAP))
    assert exchange.told == [("BTC_USDT.swap", 20)]


def test_all_markets_leverage_is_told_before_the_first_order_that_opens_in_each(lent: Lent) -> None:
    exchange = levered(lent)
    exchange.set_leverage(20, None)
    exchange.prepare(order(SWAP, closes=True))
    assert exchange.told == []
    exchange.prepare(order(SWAP))
    again = levered(lent)  # another worker
    again.prepare(order(SWAP))
    again.prepare(order(Symbol.parse("ETH_USDT.swap")))
    assert (exchange.told, again.told) == ([("BTC_USDT.swap", 20)], [("ETH_USDT.swap", 20)])


def test_a_leverage_that_the_exchange_refused_is_told_again(lent: Lent) -> None:
    exchange = levered(lent, apply_leverage=lambda self, symbol, leverage: self.call("POST", "/x")["no"])
    exchange.set_leverage(20, None)
    with pytest.raises(OutcomeUnknown, match="it lacks 'no'"):
        exchange.prepare(order(SWAP))
    again = levered(lent)
    again.prepare(order(SWAP))
    assert again.told == [("BTC_USDT.swap", 20)]


def test_an_order_without_a_leverage_tells_none(lent: Lent) -> None:
    exchange = levered(lent)
    exchange.prepare(order(SWAP))
    assert exchange.told == []


def test_the_exchanges_own_name_of_an_instrument_is_a_contract(lent: Lent) -> None:
    exchange = levered(lent, markets=Lister(QUARTER))
    assert exchange.set_contract("BTC-270326")
    resolved = exchange.resolve(Symbol.parse("BTC_USDT"))
    assert (str(resolved), exchange.rules(resolved).id) == ("BTC_USDT.BTC-270326", "BTC-270326")


def test_an_instrument_is_of_its_own_pair_only(lent: Lent) -> None:
    exchange = levered(lent, markets=Lister(QUARTER))
    exchange.set_contract("BTC-270326")
    with pytest.raises(InvalidCall, match="BTC-270326 is a contract of BTC_USDT, not of ETH_USDT"):
        exchange.rules(exchange.resolve(Symbol.parse("ETH_USDT")))


def test_a_contract_that_has_moved_on_is_told_the_leverage_again(lent: Lent) -> None:
    told: list[tuple[str, int]] = []
    levered(lent).set_leverage(20, None)
    for name in ("BTC-270326", "BTC-270326", "BTC-270625"):
        levered(lent, told=told, market=lambda self, symbol, name=name: name).prepare(order(SWAP))
    assert told == [("BTC_USDT.swap", 20)] * 2


def test_what_the_exchange_reports_renews_what_is_known(lent: Lent) -> None:
    market = replace(RULES, symbol=SWAP, id="BTCUSDT")
    held = Position(
        symbol=SWAP, side=PositionSide.LONG, amount=Decimal(1), frozen=Decimal(0), price=Decimal(1), profit=Decimal(0),
        margin=Decimal(1), leverage=Decimal("3.00"),
    )  # fmt: skip
    exchange = levered(lent, markets=Lister(market), open_positions=lambda self, symbol: [held])
    exchange.set_leverage(5, None)
    for _ in range(2):
        exchange.prepare(order(SWAP))
    assert exchange.told == [("BTC_USDT.swap", 5)]
    exchange.positions(None)  # 3: it was changed in the exchange's app
    exchange.prepare(order(SWAP))
    assert exchange.told == [("BTC_USDT.swap", 5)] * 2


def test_a_call_applies_anew(lent: Lent) -> None:
    exchange = levered(lent)
    for _ in range(2):
        exchange.set_leverage(5, None)
        exchange.prepare(order(SWAP))
    assert exchange.told == [("BTC_USDT.swap", 5)] * 2
