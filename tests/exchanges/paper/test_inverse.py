"""Coin-margined contracts, in numbers that can be worked out by hand: a contract of BTC_USD is 100 dollars, in coins.

At 100 it is worth one bitcoin, at 125 only 0.8, at 80 it is 1.25.
"""

from decimal import Decimal

import pytest

from exchanges.paper import FuturesPaper
from exchanges.paper.tables import FILLS
from protocol.errors import ExchangeError, InsufficientFunds, InvalidOrder
from protocol.models import Position, Side, Status, Symbol
from tests.conftest import Clock
from tests.exchanges.paper.conftest import Tape
from tests.exchanges.paper.trading import BUY, LONG, SELL, SHORT, dec, money, place
from tests.lent import Lent

BTC = Symbol.parse("BTC_USD.swap")
ETH = Symbol.parse("ETH_USD.quarter")


def level(tape: Tape, price: str) -> None:
    """Let the book be at one price, with much on either side."""
    tape.bids = tape.asks = [(price, "100000")]


def coins(exchange: FuturesPaper) -> tuple[Decimal, Decimal]:
    return money(exchange, "BTC")


def test_a_long_from_its_opening_to_its_close(swaps: FuturesPaper, tape: Tape, clock: Clock) -> None:
    """2 contracts at 100 are worth 2 BTC: a margin of 0.2 at 10 times, a fee of 0.001."""
    level(tape, "100")
    place(swaps, BUY, None, "2", symbol=BTC)
    assert coins(swaps) == dec("0.799", "0.2")
    assert money(swaps) == dec("10000", "0")
    tape.trade(clock.ms, "125", "1")
    [position] = swaps.positions(None)
    assert position == Position(
        symbol=BTC,
        side=LONG,
        amount=Decimal(2),
        frozen=Decimal(0),
        price=Decimal(100),
        profit=Decimal("0.4"),  # 2 x 100 x (1/100 - 1/125)
        margin=Decimal("0.2"),
        leverage=Decimal(10),
    )
    level(tape, "125")
    place(swaps, SELL, None, "1", symbol=BTC, closes=True)
    # 0.2 is made, 0.1 of margin is free, the fee is 0.05 % of 0.8
    assert coins(swaps) == dec("1.0986", "0.1")
    place(swaps, SELL, None, "1", symbol=BTC, closes=True)
    assert coins(swaps) == dec("1.3982", "0")
    assert swaps.positions(None) == []


def test_a_short_gains_when_the_price_falls(swaps: FuturesPaper, tape: Tape, clock: Clock) -> None:
    level(tape, "100")
    place(swaps, SELL, None, "1", symbol=BTC)
    tape.trade(clock.ms, "80", "1")
    [position] = swaps.positions(None)
    assert (position.side, position.profit) == (SHORT, Decimal("0.25"))
    level(tape, "80")
    place(swaps, BUY, None, "1", symbol=BTC, closes=True)
    assert coins(swaps) == dec("1.248875", "0")  # 1 - 0.0005 + 0.25 - 0.000625


def test_a_contract_of_eth_is_ten_dollars_in_eth(swaps: FuturesPaper, tape: Tape) -> None:
    level(tape, "40")
    place(swaps, BUY, None, "8", symbol=ETH)
    assert money(swaps, "ETH") == dec("9.799", "0.2")
    assert coins(swaps) == dec("1", "0")
    assert str(swaps.positions(None)[0].symbol) == "ETH_USD.quarter"


@pytest.mark.parametrize("price", ["56306.12", "64000.01", "33333.33", "9999.99"])
def test_the_price_of_a_position_is_the_price_that_was_paid(swaps: FuturesPaper, tape: Tape, price: str) -> None:
    """Although its value in coins was rounded, and again when a part was closed."""
    level(tape, price)
    order_id = place(swaps, BUY, None, "7", symbol=BTC)
    assert swaps.order(BTC, str(order_id)).average == Decimal(price)
    for left in ("6", "3", "1"):
        [position] = swaps.positions(None)
        place(swaps, SELL, None, str(position.amount - Decimal(left)), symbol=BTC, closes=True)
        [position] = swaps.positions(None)
        assert (position.amount, position.price) == dec(left, price)


def test_an_opening_order_freezes_coins(swaps: FuturesPaper, tape: Tape, clock: Clock) -> None:
    """2 at 80 are worth 2.5 BTC: 0.25 of margin and 0.00125 of fee; filled as a maker, it pays 0.0005."""
    placed = place(swaps, BUY, "80", "2", symbol=BTC)
    assert coins(swaps) == dec("0.74875", "0.25125")
    tape.trade(clock.ms + 1, "79", "1")
    clock.ms += 1
    assert coins(swaps) == dec("0.749125", "0.250625")
    swaps.cancel(BTC, str(placed))
    assert coins(swaps) == dec("0.87475", "0.125")


def test_a_buy_below_its_limit_needs_what_it_really_costs(swaps: FuturesPaper, tape: Tape) -> None:
    """At a lower price a contract is more coins: 8 at 80 need 1 BTC and fees, 8 at 100 would need 0.8."""
    level(tape, "80")
    with pytest.raises(InsufficientFunds, match=r"^INSUFFICIENT_FUNDS Futures_paper: the order needs 1\.005 BTC; 1 is"):
        place(swaps, BUY, "100", "8", symbol=BTC)
    place(swaps, BUY, "100", "7", symbol=BTC)
    assert coins(swaps) == dec("0.120625", "0.875")


def test_margin_must_be_there_in_coins(swaps: FuturesPaper, tape: Tape) -> None:
    level(tape, "100")
    for size in ("10", "1" + "0" * 39):
        with pytest.raises(InsufficientFunds, match="BTC; 1 is free"):
            place(swaps, BUY, "100", size, symbol=BTC)


@pytest.mark.parametrize(
    ("opens", "closes", "leverage", "before", "lost_at", "left", "margin"),
    [
        (BUY, SELL, 4, "80.01", "80", "0.7495", "-0.25"),  # with 0.25 of margin it is worth 1.25 BTC there
        (SELL, BUY, 5, "124.99", "125", "0.7995", "-0.2"),  # with 0.2 of margin it is worth 0.8 BTC
    ],
)
def test_the_whole_margin_is_lost_at_the_bankruptcy_price(
    swaps: FuturesPaper, tape: Tape, clock: Clock, lent: Lent,
    opens: Side, closes: Side, leverage: int, before: str, lost_at: str, left: str, margin: str,
) -> None:  # fmt: skip
    swaps.set_leverage(leverage, BTC)
    level(tape, "100")
    place(swaps, opens, None, "1", symbol=BTC)
    closing = place(swaps, closes, "200" if closes is SELL else "50", "1", symbol=BTC, closes=True)
    tape.trade(clock.ms + 1, before, "9")
    clock.ms += 1
    assert len(swaps.positions(None)) == 1
    tape.trade(clock.ms + 1, lost_at, "1")
    clock.ms += 1
    assert swaps.positions(None) == []
    assert coins(swaps) == dec(left, "0")
    assert swaps.order(BTC, str(closing)).status is Status.CANCELLED
    with lent.state.connect() as connection:
        [_, lost] = connection.execute(FILLS.select())
    assert (lost.price, lost.profit, lost.fee, lost.fee_currency) == (*dec(lost_at, margin, "0"), "BTC")


def test_a_short_without_leverage_is_never_lost(swaps: FuturesPaper, tape: Tape, clock: Clock) -> None:
    swaps.set_leverage(1, ETH)
    level(tape, "40")
    place(swaps, SELL, None, "8", symbol=ETH)
    tape.trade(clock.ms + 1, "4000000", "1")
    clock.ms += 1
    [position] = swaps.positions(None)
    assert (position.margin, position.profit) == dec("2", "-1.99998")


def test_no_loss_is_greater_than_the_margin(swaps: FuturesPaper, tape: Tape) -> None:
    level(tape, "100")
    place(swaps, BUY, None, "1", symbol=BTC)
    level(tape, "50")
    place(swaps, SELL, None, "1", symbol=BTC, closes=True)
    assert coins(swaps) == dec("0.8995", "0")


def test_linear_and_inverse_contracts_are_apart(swaps: FuturesPaper, tape: Tape) -> None:
    level(tape, "100")
    place(swaps, BUY, None, "1", symbol=BTC)
    place(swaps, BUY, None, "100", symbol=Symbol.parse("BTC_USDT.swap"))
    assert coins(swaps) == dec("0.8995", "0.1")
    assert money(swaps) == dec("9998.995", "1")
    assert [str(one.symbol) for one in swaps.positions(Symbol.parse("BTC_USD"))] == ["BTC_USD.swap"]
    assert len(swaps.positions(swaps.scope(Symbol.parse("USD.swap")))) == 1
    assert len(swaps.positions(swaps.scope(Symbol.parse("swap")))) == 2
    with pytest.raises(ExchangeError, match=r"no short BTC_USD\.swap to close"):
        place(swaps, BUY, None, "1", symbol=BTC, closes=True)


def test_contracts_are_whole(swaps: FuturesPaper) -> None:
    with pytest.raises(InvalidOrder, match=r"amount 0\.5 is not a multiple of the amount step 1"):
        place(swaps, BUY, None, "0.5", symbol=BTC)
