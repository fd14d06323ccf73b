"""The simulated futures accounts: every rule, in numbers that can be worked out by hand.

The tape's book has bids of 1 at 100 and 2 at 99, and asks of 1 at 101 and 2 at 102.
"""

from decimal import Decimal

import pytest

from exchanges.paper import FuturesPaper
from exchanges.paper.tables import FILLS
from protocol.errors import ExchangeError, InsufficientFunds, InvalidCall, InvalidOrder
from protocol.models import Position, Status, Symbol
from tests.conftest import Clock
from tests.exchanges.paper.conftest import Tape
from tests.exchanges.paper.trading import BUY, LONG, SELL, SHORT, SWAP, dec, money, order_of, place
from tests.lent import Lent


def test_a_long_from_its_opening_to_its_close(swaps: FuturesPaper, tape: Tape) -> None:
    """1 at 101 and 1 at 102 cost 203: a margin of 20.3 at 10 times, and a fee of 0.05 %."""
    place(swaps, BUY, None, "2")
    assert money(swaps) == dec("9979.5985", "20.3")
    [position] = swaps.positions(None)
    assert position == Position(
        symbol=SWAP,
        side=LONG,
        amount=Decimal(2),
        frozen=Decimal(0),
        price=Decimal("101.5"),
        profit=Decimal(-1),  # the latest trade was at 101
        margin=Decimal("20.3"),
        leverage=Decimal(10),
    )
    tape.bids = [("110", "1"), ("108", "9")]
    place(swaps, SELL, None, "1", closes=True)
    # 110 - 101.5 = 8.5 is made, 10.15 of margin is free, the fee is 0.055
    assert money(swaps) == dec("9998.1935", "10.15")
    [position] = swaps.positions(None)
    assert (position.amount, position.price) == dec("1", "101.5")
    place(swaps, SELL, "110", "1", closes=True)
    assert swaps.positions(None) == []
    assert money(swaps) == dec("10016.7885", "0")


def test_a_short_loses_when_prices_rise(swaps: FuturesPaper, tape: Tape, clock: Clock) -> None:
    place(swaps, SELL, None, "1")  # at 100
    assert money(swaps) == dec("9989.95", "10")
    tape.trade(clock.ms, "103", "1")
    [position] = swaps.positions(None)
    assert (position.side, position.price, position.profit) == (SHORT, *dec("100", "-3"))
    tape.asks = [("105", "1")]
    place(swaps, BUY, None, "1", closes=True)
    assert money(swaps) == dec("9994.8975", "0")  # 9989.95 + 10 - 5 - 0.0525


def test_long_and_short_stand_side_by_side(swaps: FuturesPaper) -> None:
    place(swaps, BUY, None, "1")
    place(swaps, SELL, None, "1")
    place(swaps, BUY, None, "1", symbol=Symbol.parse("LTC_USDT.swap"))
    assert [(str(p.symbol), p.side) for p in swaps.positions(None)] == [
        ("LTC_USDT.swap", LONG),
        ("SOL_USDT.swap", LONG),
        ("SOL_USDT.swap", SHORT),
    ]
    assert len(swaps.positions(SWAP)) == 2
    assert len(swaps.positions(Symbol.parse("SOL_USDT"))) == 2
    assert len(swaps.positions(Symbol.parse("USDT.swap"))) == 3
    assert len(swaps.positions(swaps.scope(Symbol.parse("swap")))) == 3
    assert swaps.positions(Symbol.parse("BTC_USDT.swap")) == []


def test_an_opening_limit_order_freezes_margin_and_fee(swaps: FuturesPaper, tape: Tape, clock: Clock) -> None:
    """2 at 90 are worth 180: 18 of margin and 0.09 of fee; filled as a maker, it pays 0.036."""
    placed = place(swaps, BUY, "90", "2")
    assert money(swaps) == dec("9981.91", "18.09")
    assert swaps.orders(swaps.scope(Symbol.parse("swap")))[0].id == placed
    tape.trade(clock.ms + 1, "89", "1")
    clock.ms += 1
    assert money(swaps) == dec("9981.937", "18.045")  # 9 and 9.045
    tape.trade(clock.ms + 1, "89", "1")
    clock.ms += 1
    assert money(swaps) == dec("9981.964", "18")
    assert order_of(swaps, placed).average == 90
    assert [(p.side, p.amount, p.price) for p in swaps.positions(None)] == [(LONG, *dec("2", "90"))]


def test_a_cancelled_opening_order_gives_its_margin_back(swaps: FuturesPaper) -> None:
    placed = place(swaps, SELL, "110", "3")
    assert money(swaps) == dec("9966.835", "33.165")
    swaps.cancel(SWAP, str(placed))
    assert money(swaps) == dec("10000", "0")


def test_margin_must_be_there(swaps: FuturesPaper) -> None:
    with pytest.raises(InsufficientFunds, match=r"needs 10050 USDT; 10000 is free"):
        place(swaps, BUY, "100", "1000")
    place(swaps, BUY, "100", "995")  # 9950 of margin, 49.75 of fee
    assert money(swaps) == dec("0.25", "9999.75")
    with pytest.raises(InsufficientFunds, match=r"needs 10\.05 USDT; 0\.25 is free"):
        place(swaps, SELL, None, "1")
    with pytest.raises(InsufficientFunds):
        place(swaps, BUY, "100", "1" + "0" * 39)


def test_a_closing_order_holds_a_part_of_the_position(swaps: FuturesPaper, tape: Tape, clock: Clock) -> None:
    place(swaps, BUY, None, "3")
    before = money(swaps)
    placed = place(swaps, SELL, "120", "2", closes=True)
    assert money(swaps) == before
    [position] = swaps.positions(None)
    assert (position.amount, position.frozen) == dec("3", "2")
    with pytest.raises(InsufficientFunds) as refused:
        place(swaps, SELL, None, "2", closes=True)
    assert refused.value.message == (
        "Futures_paper: the account holds only 3 contracts of long SOL_USDT.swap, of which other orders close 2"
    )
    with pytest.raises(ExchangeError, match=r"^REFUSED Futures_paper: the account has no short SOL_USDT\.swap"):
        place(swaps, BUY, None, "1", closes=True)
    tape.trade(clock.ms + 1, "125", "9")
    clock.ms += 1
    assert order_of(swaps, placed).status is Status.CLOSED
    [position] = swaps.positions(None)
    assert (position.amount, position.frozen) == dec("1", "0")


def test_the_whole_margin_is_lost_at_the_bankruptcy_price(swaps: FuturesPaper, tape: Tape, clock: Clock) -> None:
    """1 long at 101 with 10.1 of margin is worth nothing at 90.9."""
    place(swaps, BUY, None, "1")
    take_profit = place(swaps, SELL, "120", "1", closes=True)
    more = place(swaps, BUY, "50", "1")
    free, _ = money(swaps)
    tape.trade(clock.ms + 1, "90.91", "9")
    clock.ms += 1
    assert len(swaps.positions(None)) == 1
    tape.trade(clock.ms + 1, "90.9", "1")
    clock.ms += 1
    assert swaps.positions(None) == []
    assert order_of(swaps, take_profit).status is Status.CANCELLED
    assert order_of(swaps, more).status is Status.OPEN
    assert money(swaps) == (free, Decimal("5.025"))


def test_a_short_is_liquidated_above(swaps: FuturesPaper, tape: Tape, clock: Clock) -> None:
    swaps.set_leverage(20, None)
    place(swaps, SELL, None, "1")  # at 100, so it is lost at 105
    place(swaps, BUY, None, "1")  # the long beside it stays
    tape.trade(clock.ms + 1, "104.99", "1")
    clock.ms += 1
    assert len(swaps.positions(None)) == 2
    tape.trade(clock.ms + 1, "107", "1")
    clock.ms += 1
    assert [position.side for position in swaps.positions(None)] == [LONG]


def test_a_fall_fills_an_order_before_it_liquidates(swaps: FuturesPaper, tape: Tape, clock: Clock) -> None:
    """1 at 101 and 1 at 95 are 196 with 19.6 of margin: lost at 88.2, not at 90.9."""
    place(swaps, BUY, None, "1")
    place(swaps, BUY, "95", "1")
    tape.trade(clock.ms + 1, "90", "1")
    clock.ms += 1
    [position] = swaps.positions(None)
    assert (position.amount, position.price, position.margin) == dec("2", "98", "19.6")
    tape.trade(clock.ms + 1, "88.2", "1")
    clock.ms += 1
    assert swaps.positions(None) == []


def test_no_loss_is_greater_than_the_margin(swaps: FuturesPaper, tape: Tape, lent: Lent) -> None:
    """The book can be beyond the bankruptcy price before a trade is."""
    place(swaps, BUY, None, "1")
    tape.bids = [("80", "1")]
    free, _ = money(swaps)
    place(swaps, SELL, None, "1", closes=True)
    assert money(swaps) == (free, Decimal(0))
    with lent.state.connect() as connection:
        [_, close] = connection.execute(FILLS.select())
    assert (close.profit, close.fee) == dec("-10.1", "0")


def test_a_long_without_leverage_is_never_liquidated(swaps: FuturesPaper, tape: Tape, clock: Clock) -> None:
    swaps.set_leverage(1, None)
    place(swaps, BUY, None, "1")
    tape.trade(clock.ms + 1, "0.01", "1")
    clock.ms += 1
    [position] = swaps.positions(None)
    assert (position.margin, position.profit) == dec("101", "-100.99")


def test_an_odd_leverage_rounds_margin_down_and_loses_nothing(swaps: FuturesPaper) -> None:
    swaps.set_leverage(3, None)
    place(swaps, BUY, None, "1")
    assert money(swaps) == dec("9966.282833333334", "33.666666666666")
    place(swaps, BUY, "90", "7")
    place(swaps, SELL, None, "1", closes=True)
    [order] = swaps.orders(None)
    swaps.cancel(SWAP, str(order.id))
    assert money(swaps) == dec("9998.8995", "0")  # 1 lost, fees of 0.0505 and 0.05


def test_the_leverage_stays_while_something_stands_on_it(swaps: FuturesPaper) -> None:
    swaps.set_leverage(20, SWAP)
    placed = place(swaps, BUY, "90", "1")
    assert swaps.set_leverage(20, SWAP) is True
    assert swaps.set_leverage(5, Symbol.parse("BTC_USDT.swap")) is True
    with pytest.raises(ExchangeError, match=r"SOL_USDT\.swap has a position or an opening order at leverage 20"):
        swaps.set_leverage(10, SWAP)
    swaps.cancel(SWAP, str(placed))
    place(swaps, BUY, None, "1")
    with pytest.raises(ExchangeError, match="leverage 20"):
        swaps.set_leverage(10, None)
    place(swaps, SELL, None, "1", closes=True)
    assert swaps.set_leverage(10, SWAP) is True
    assert swaps.set_leverage(125, SWAP) is True
    with pytest.raises(InvalidCall, match="leverage 126"):
        swaps.set_leverage(126, SWAP)


def test_contracts_are_whole(swaps: FuturesPaper) -> None:
    with pytest.raises(InvalidOrder, match=r"amount 1\.5 is not a multiple of the amount step 1"):
        place(swaps, BUY, None, "1.5")


def test_a_contract_is_worth_what_the_market_says(swaps: FuturesPaper) -> None:
    symbol = Symbol.parse("BTC_USDT.swap")  # 0.001 BTC
    place(swaps, BUY, "90", "1000", symbol=symbol)
    assert money(swaps) == dec("9990.955", "9.045")


def test_a_market_order_beyond_the_book_is_cancelled_for_the_rest(swaps: FuturesPaper) -> None:
    order = order_of(swaps, place(swaps, BUY, None, "5"))
    assert (order.amount, order.filled, order.status) == (*dec("5", "3"), Status.CANCELLED)
    assert order.average == Decimal("101.666666666666")
