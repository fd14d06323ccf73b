"""FMZ's names and words on a spot exchange, and those that are for futures."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from exchanges.base import Exchange
from protocol.errors import Unsupported
from protocol.models import Direction, NewOrder, Side, Symbol
from tests.lent import Lent
from tests.tiny import BTC, Canned, tiny


def test_a_market_without_a_quote_gets_the_usual_one(lent: Lent) -> None:
    exchange = tiny(lent)
    assert exchange.resolve(Symbol.parse("btc")) == BTC
    assert exchange.resolve(Symbol.parse("eth_btc")) == Symbol("ETH", "BTC")
    assert exchange.scope(None) is None
    assert exchange.scope(Symbol.parse("btc")) == BTC


Call = Callable[[Exchange], object]
FUTURES_ONLY: dict[str, Call] = {
    "BTC_USDT.swap": lambda exchange: exchange.resolve(Symbol.parse("BTC_USDT.swap")),
    "SetContractType": lambda exchange: exchange.set_contract("swap"),
    "SetDirection": lambda exchange: exchange.set_direction(Direction.BUY),
    "SetMarginLevel": lambda exchange: exchange.set_leverage(5, None),
    "GetPositions": lambda exchange: exchange.positions(None),
    "an order of type closebuy": lambda exchange: exchange.new_order(BTC, Direction.CLOSE_BUY, None, Decimal(1)),
}


@pytest.mark.parametrize(("what", "call"), FUTURES_ONLY.items(), ids=FUTURES_ONLY)
def test_what_is_for_futures_is_refused_with_the_way_there(lent: Lent, what: str, call: Call) -> None:
    http = Canned()
    with pytest.raises(Unsupported) as refused:
        call(tiny(lent, http))
    hint = "set the service address's path to /FuturesTiny"
    assert refused.value.message == f"Tiny is a spot exchange and {what} is for futures: {hint}"
    assert http.sent == []


def test_an_exchange_without_futures_says_that(lent: Lent) -> None:
    exchange = tiny(lent, futures="")
    with pytest.raises(Unsupported, match="SetDirection is for futures: it has no futures"):
        exchange.set_direction(Direction.BUY)


def test_looking_an_order_up_by_client_id_is_no_exchanges_duty(lent: Lent) -> None:
    with pytest.raises(Unsupported, match="Tiny has no look-up of orders by client id"):
        tiny(lent).find(BTC, "x")


@pytest.mark.parametrize("direction", [Direction.BUY, Direction.SELL])
def test_a_spot_order_is_what_it_says(lent: Lent, direction: Direction) -> None:
    order = tiny(lent).new_order(Symbol.parse("btc"), direction, Decimal(5), Decimal(2))
    assert replace(order, client_id="") == NewOrder(
        symbol=BTC, side=Side(direction), price=Decimal(5), amount=Decimal(2)
    )
