"""The simulated exchange's accounts: every rule, in numbers that can be worked out by hand.

The tape's book has bids of 1 at 100 and 2 at 99, and asks of 1 at 101 and 2 at 102.
"""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from exchanges.paper import FuturesPaper, Paper
from exchanges.paper.ledger import FILLS
from protocol.errors import ExchangeError, InsufficientFunds, InvalidCall, OrderFilled, OrderNotFound
from protocol.models import NewOrder, Order, OrderId, Position, PositionSide, Side, Status, Symbol
from transport.services import Services
from transport.signing import Credentials

SPOT = Symbol.parse("ETH_USDT")  # tick 0.01, lot 0.0001, minimum 0.001 and 5 USDT
SWAP = Symbol.parse("SOL_USDT.swap")  # a contract is 1 SOL
BUY, SELL = Side.BUY, Side.SELL
LONG, SHORT = PositionSide.LONG, PositionSide.SHORT


@pytest.fixture
def spot(services: Services, tape: Any) -> Paper:
    return Paper(Credentials(), services)


@pytest.fixture
def swaps(services: Services, tape: Any) -> FuturesPaper:
    return FuturesPaper(Credentials(), services)


def place(exchange: Any, side: Side, price: str | None, amount: str, **more: Any) -> OrderId:
    symbol = more.pop("symbol", SWAP if isinstance(exchange, FuturesPaper) else SPOT)
    exact = None if price is None else Decimal(price)
    return exchange.trade(NewOrder(symbol=symbol, side=side, price=exact, amount=Decimal(amount), **more))


def order_of(exchange: Any, order_id: OrderId) -> Order:
    return exchange.order(SWAP if isinstance(exchange, FuturesPaper) else SPOT, str(order_id))


def money(exchange: Any, currency: str = "USDT") -> tuple[Decimal, Decimal]:
    [balance] = [balance for balance in exchange.accounts() if balance.currency == currency]
    return balance.free, balance.frozen


def dec(*numbers: str) -> tuple[Decimal, ...]:
    return tuple(Decimal(number) for number in numbers)


# Spot -----------------------------------------------------------------------------------------------------------------


def test_an_account_is_made_at_first_use(spot: Paper, swaps: FuturesPaper) -> None:
    assert {row.currency: row.free for row in spot.accounts() if row.free} == {"USDT": 10000, "BTC": 1, "ETH": 10}
    assert {row.currency for row in spot.accounts()} == {"USDT", "BTC", "ETH", "SOL", "LTC", "DOGE"}
    assert [(row.currency, row.free) for row in swaps.accounts()] == [("USDT", 10000)]


def test_balances_and_positions_keep_their_order(spot: Paper, swaps: FuturesPaper) -> None:
    def listed() -> tuple[list[str], list[tuple[str, str]]]:
        positions = [(str(position.symbol), position.side) for position in swaps.positions(None)]
        return [row.currency for row in spot.accounts()], positions

    for side in (SELL, BUY):
        place(swaps, side, None, "1")
    before = listed()
    place(spot, BUY, "90", "1")
    place(swaps, SELL, None, "1")
    assert listed() == before == (sorted(before[0]), sorted(before[1]))


def test_accounts_are_told_apart_by_key(spot: Paper, services: Services) -> None:
    other = Paper(Credentials("another"), services)
    mine = place(spot, BUY, "90", "1")
    assert money(other) == dec("10000", "0")
    assert other.orders(None) == []
    with pytest.raises(OrderNotFound):
        other.order(SPOT, str(mine))
    with pytest.raises(OrderNotFound):
        other.cancel(SPOT, str(mine))
    assert order_of(spot, mine).status is Status.OPEN


def test_a_resting_buy_freezes_its_worth(spot: Paper) -> None:
    placed = place(spot, BUY, "90.5", "2")
    assert money(spot) == dec("9819", "181")
    assert order_of(spot, placed) == Order(
        id=placed,
        side=BUY,
        price=Decimal("90.5"),
        amount=Decimal(2),
        filled=Decimal(0),
        average=Decimal(0),
        status=Status.OPEN,
    )
    assert spot.cancel(SPOT, str(placed)) is True
    assert money(spot) == dec("10000", "0")
    assert order_of(spot, placed).status is Status.CANCELLED


def test_a_resting_sell_freezes_its_amount(spot: Paper) -> None:
    placed = place(spot, SELL, "110", "2.5")
    assert money(spot, "ETH") == dec("7.5", "2.5")
    assert money(spot) == dec("10000", "0")
    spot.cancel(SPOT, str(placed))
    assert money(spot, "ETH") == dec("10", "0")


def test_a_market_buy_spends_quote_and_walks_the_book(spot: Paper) -> None:
    """152.50 buys 1 at 101 and, with 51.50 left, 0.5049 at 102 (51.4998); the fee is 0.1 % of 1.5049."""
    bought = order_of(spot, place(spot, BUY, None, "152.5"))
    assert (bought.price, bought.amount, bought.filled, bought.status) == (0, *dec("1.5049", "1.5049"), Status.CLOSED)
    assert bought.average == Decimal("101.3355040202")  # 152.4998 / 1.5049
    assert money(spot) == dec("9847.5002", "0")
    assert money(spot, "ETH") == dec("11.5033951", "0")


def test_a_market_buy_beyond_the_book_leaves_the_rest_free(spot: Paper) -> None:
    bought = order_of(spot, place(spot, BUY, None, "1000"))
    assert (bought.amount, bought.filled, bought.status) == (3, 3, Status.CLOSED)
    assert money(spot) == dec("9695", "0")
    assert money(spot, "ETH") == dec("12.997", "0")


def test_a_market_sell_walks_the_book(spot: Paper) -> None:
    """2 sold at 100 and 99 are 199, less 0.1 %."""
    sold = order_of(spot, place(spot, SELL, None, "2"))
    assert (sold.filled, sold.average, sold.status) == (2, Decimal("99.5"), Status.CLOSED)
    assert money(spot) == dec("10198.801", "0")
    assert money(spot, "ETH") == dec("8", "0")


def test_a_market_sell_beyond_the_book_is_cancelled_for_the_rest(spot: Paper) -> None:
    sold = order_of(spot, place(spot, SELL, None, "5"))
    assert (sold.amount, sold.filled, sold.status) == (5, 3, Status.CANCELLED)
    assert money(spot, "ETH") == dec("7", "0")
    assert money(spot) == dec("10297.702", "0")  # 100 + 198 less 0.298


def test_a_crossing_limit_takes_up_to_its_price_and_rests(spot: Paper) -> None:
    placed = place(spot, BUY, "101", "3")
    order = order_of(spot, placed)
    assert (order.filled, order.average, order.status) == (1, 101, Status.OPEN)
    assert money(spot) == dec("9697", "202")
    assert money(spot, "ETH") == dec("10.999", "0")
    spot.cancel(SPOT, str(placed))
    cancelled = order_of(spot, placed)
    assert (cancelled.filled, cancelled.status) == (1, Status.CANCELLED)
    assert money(spot) == dec("9899", "0")


def test_a_crossing_limit_pays_the_book_s_price(spot: Paper) -> None:
    placed = place(spot, SELL, "50", "1")
    assert order_of(spot, placed).average == 100
    assert money(spot) == dec("10099.9", "0")


def test_a_resting_order_is_filled_by_later_trades(spot: Paper, tape: Any, clock: Any) -> None:
    tape.trade(clock.ms, "90", "5")  # before the order: it has seen this one
    placed = place(spot, BUY, "95", "2")
    tape.trade(clock.ms + 10, "95.01", "9")  # too dear
    tape.trade(clock.ms + 20, "95", "0.5")  # at its price
    tape.trade(clock.ms + 30, "94", "1.2")  # through it: filled at its own price all the same
    tape.trade(clock.ms + 40, "90", "9")
    clock.ms += 19
    assert order_of(spot, placed).filled == 0
    clock.ms += 1
    assert order_of(spot, placed).filled == Decimal("0.5")
    assert money(spot) == dec("9810", "142.5")
    assert money(spot, "ETH") == dec("10.4996", "0")  # the maker's fee is 0.08 %
    clock.ms += 10
    assert order_of(spot, placed).filled == Decimal("1.7")
    clock.ms += 1000
    order = order_of(spot, placed)
    assert (order.filled, order.average, order.status) == (2, 95, Status.CLOSED)
    assert money(spot) == dec("9810", "0")
    assert money(spot, "ETH") == dec("11.9984", "0")


def test_a_trade_is_shared_by_price_then_time(spot: Paper, tape: Any, clock: Any) -> None:
    worse, first, second = (place(spot, BUY, price, "1") for price in ("94", "95", "95"))
    tape.trade(clock.ms + 1, "93", "1.5")
    clock.ms += 1
    assert [order_of(spot, one).filled for one in (worse, first, second)] == [0, 1, Decimal("0.5")]
    dear, cheap = (place(spot, SELL, price, "1") for price in ("106", "105"))
    tape.trade(clock.ms + 1, "107", "1.5")
    clock.ms += 1
    assert [order_of(spot, one).filled for one in (dear, cheap)] == [Decimal("0.5"), 1]


@pytest.mark.parametrize(
    ("side", "price", "amount", "words"),
    [
        (BUY, "100.001", "1", "price 100.001 is not a multiple of the tick size 0.01 of ETH_USDT"),
        (BUY, "90", "1.00001", "amount 1.00001 is not a multiple of the lot size 0.0001 of ETH_USDT"),
        (SELL, None, "1.00001", "amount 1.00001 is not a multiple of the lot size 0.0001 of ETH_USDT"),
        (BUY, "90", "0.0009", "amount 0.0009 is below the minimum 0.001 of ETH_USDT"),
        (BUY, "90", "0.05", "the order's worth in USDT, 4.5 is below the minimum 5 of ETH_USDT"),
        (SELL, None, "0.04", "the order's worth in USDT, 4 is below the minimum 5 of ETH_USDT"),
        (BUY, None, "4.99", "the order's worth in USDT, 4.99 is below the minimum 5 of ETH_USDT"),
    ],
)
def test_the_market_s_rules_are_kept(spot: Paper, side: Side, price: str | None, amount: str, words: str) -> None:
    with pytest.raises(ExchangeError) as refused:
        place(spot, side, price, amount)
    assert str(refused.value) == f"REFUSED paper: {words}"
    assert spot.orders(None) == []
    assert money(spot) == dec("10000", "0")


@pytest.mark.parametrize(
    ("side", "price", "amount", "words"),
    [
        (BUY, "90", "112", "needs 10080 USDT; 10000 is free"),
        (BUY, "200", "51", "needs 10200 USDT; 10000 is free"),
        (BUY, None, "10000.01", "needs 10000.01 USDT; 10000 is free"),
        (SELL, "110", "10.0001", "needs 10.0001 ETH; 10 is free"),
        (SELL, None, "11", "needs 11 ETH; 10 is free"),
        (SELL, "110", "1" + "0" * 39, "needs 1" + "0" * 39 + " ETH; 10 is free"),
        (BUY, None, "1" + "0" * 39, "needs 1" + "0" * 39 + " USDT; 10000 is free"),
        (BUY, "1" + "0" * 39, "1" + "0" * 39, "needs 1" + "0" * 78 + " USDT; 10000 is free"),
    ],
)
def test_what_is_not_there_cannot_be_ordered(spot: Paper, side: Side, price: str, amount: str, words: str) -> None:
    with pytest.raises(InsufficientFunds) as refused:
        place(spot, side, price, amount)
    assert str(refused.value) == f"INSUFFICIENT_FUNDS paper: the order {words}"
    assert money(spot) == dec("10000", "0")


def test_frozen_money_is_not_free(spot: Paper) -> None:
    place(spot, BUY, "90", "100")
    with pytest.raises(InsufficientFunds, match="needs 1080 USDT; 1000 is free"):
        place(spot, BUY, "90", "12")


@pytest.mark.parametrize("order_id", ["999", "0", "-1", "abc", "1.0", "١", "9" * 40, " 1"])
def test_an_unknown_order_is_not_found(spot: Paper, order_id: str) -> None:
    place(spot, BUY, "90", "1")
    with pytest.raises(OrderNotFound, match="has no order"):
        spot.order(SPOT, order_id)
    with pytest.raises(OrderNotFound):
        spot.cancel(SPOT, order_id)


def test_an_order_of_another_market_is_not_found(spot: Paper) -> None:
    placed = place(spot, BUY, "90", "1")
    with pytest.raises(OrderNotFound, match="no order 1 of BTC_USDT"):
        spot.order(Symbol.parse("BTC_USDT"), str(placed))
    with pytest.raises(InvalidCall, match="it has BTC_USDT"):
        spot.order(Symbol.parse("XRP_USDT"), str(placed))


def test_cancelling_what_is_over(spot: Paper) -> None:
    filled, open_ = place(spot, BUY, "101", "1"), place(spot, BUY, "90", "1")
    with pytest.raises(OrderFilled, match=f"ORDER_FILLED paper: order {filled} is filled, and cannot"):
        spot.cancel(SPOT, str(filled))
    assert spot.cancel(SPOT, str(open_)) is True
    assert spot.cancel(SPOT, str(open_)) is True
    assert money(spot) == dec("9899", "0")


def test_an_order_filled_meanwhile_cannot_be_cancelled(spot: Paper, tape: Any, clock: Any) -> None:
    placed = place(spot, BUY, "95", "1")
    tape.trade(clock.ms + 5, "95", "1")
    clock.ms += 5
    with pytest.raises(OrderFilled, match="is filled, and cannot"):
        spot.cancel(SPOT, str(placed))
    assert order_of(spot, placed).status is Status.CLOSED


def test_open_orders_of_one_market_or_of_all(spot: Paper) -> None:
    eth, btc = place(spot, BUY, "90", "1"), place(spot, BUY, "90", "1", symbol=Symbol.parse("BTC_USDT"))
    place(spot, BUY, "101", "1")
    assert [order.id for order in spot.orders(None)] == [eth, btc]
    assert [order.id for order in spot.orders(SPOT)] == [eth]
    assert spot.orders(Symbol.parse("SOL_USDT")) == []
    with pytest.raises(InvalidCall):
        spot.orders(Symbol.parse("XRP_USDT"))


def test_a_client_id_finds_its_order(spot: Paper, services: Services) -> None:
    assert spot.find(SPOT, "mine-1") is None
    placed = place(spot, BUY, "90", "1", client_id="mine-1")
    assert spot.find(SPOT, "mine-1") == placed
    assert spot.find(Symbol.parse("BTC_USDT"), "mine-1") is None
    assert Paper(Credentials("another"), services).find(SPOT, "mine-1") is None
    with pytest.raises(ExchangeError, match=f"order {placed} already has the client id mine-1"):
        place(spot, BUY, "90", "1", client_id="mine-1")
    spot.cancel(SPOT, str(placed))
    assert spot.find(SPOT, "mine-1") == placed
    place(Paper(Credentials("another"), services), BUY, "90", "1", client_id="mine-1")


def test_orders_without_a_client_id_are_many(spot: Paper) -> None:
    assert place(spot, BUY, "90", "1") != place(spot, BUY, "90", "1")
    assert spot.find(SPOT, "") is None


def test_a_clock_that_steps_back_does_no_harm(spot: Paper, tape: Any, clock: Any) -> None:
    placed = place(spot, BUY, "95", "2")
    tape.trade(clock.ms + 50, "95", "1")
    clock.ms += 100
    assert order_of(spot, placed).filled == 1
    clock.ms -= 90
    assert order_of(spot, placed).filled == 1
    later = place(spot, BUY, "95", "1")
    clock.ms += 60
    assert [order_of(spot, one).filled for one in (placed, later)] == [1, 0]


def test_the_record_is_shown_as_it_is(spot: Paper) -> None:
    placed = place(spot, BUY, "90.50", "2", client_id="a")
    assert json.loads(spot.reply or b"") == {
        "id": placed, "symbol": "ETH_USDT", "side": "buy", "price": "90.5", "amount": "2", "closes": False,
        "leverage": 1, "client_id": "a", "created": 1_700_000_000_000, "filled": "0", "cost": "0", "frozen": "181",
        "status": "open",
    }  # fmt: skip
    calls: list[Callable[[], Any]] = [
        spot.accounts,
        lambda: spot.orders(None),
        lambda: spot.order(SPOT, str(placed)),
        lambda: spot.cancel(SPOT, str(placed)),
    ]
    for call in calls:
        spot.reply = None
        call()
        assert json.loads(spot.reply or b"")


def test_its_own_small_api(spot: Paper, swaps: FuturesPaper, clock: Any) -> None:
    assert spot.raw("GET", "time", {}) == clock.ms
    assert swaps.raw("GET", "time", {}) == clock.ms
    with pytest.raises(InvalidCall, match="paper has GET time and POST reset, and no GET reset"):
        spot.raw("GET", "reset", {})


def test_a_reset_puts_an_account_back(spot: Paper, swaps: FuturesPaper) -> None:
    place(spot, BUY, None, "500", client_id="a")
    old = place(spot, BUY, "90", "1")
    place(swaps, BUY, None, "1")
    assert spot.raw("POST", "reset", {}) is True
    assert money(spot) == dec("10000", "0")
    assert money(spot, "ETH") == dec("10", "0")
    assert spot.orders(None) == []
    assert len(swaps.positions(None)) == 1
    assert swaps.raw("POST", "reset", {}) is True
    assert swaps.positions(None) == []
    assert money(swaps) == dec("10000", "0")
    new = place(spot, BUY, "90", "1", client_id="a")
    assert isinstance(new, int)
    assert new > int(old)


# Swaps ----------------------------------------------------------------------------------------------------------------


def test_a_long_from_its_opening_to_its_close(swaps: FuturesPaper, tape: Any) -> None:
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


def test_a_short_loses_when_prices_rise(swaps: FuturesPaper, tape: Any, clock: Any) -> None:
    place(swaps, SELL, None, "1")  # at 100
    assert money(swaps) == dec("9989.95", "10")
    tape.trade(clock.ms, "103", "1")
    [position] = swaps.positions(None)
    assert (position.side, position.price, position.profit) == (SHORT, 100, -3)
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
    assert len(swaps.positions(Symbol.parse("swap"))) == 3
    assert swaps.positions(Symbol.parse("BTC_USDT.swap")) == []


def test_an_opening_limit_order_freezes_margin_and_fee(swaps: FuturesPaper, tape: Any, clock: Any) -> None:
    """2 at 90 are worth 180: 18 of margin and 0.09 of fee; filled as a maker, it pays 0.036."""
    placed = place(swaps, BUY, "90", "2")
    assert money(swaps) == dec("9981.91", "18.09")
    assert swaps.orders(Symbol.parse("swap"))[0].id == placed
    tape.trade(clock.ms + 1, "89", "1")
    clock.ms += 1
    assert money(swaps) == dec("9981.937", "18.045")  # 9 and 9.045
    tape.trade(clock.ms + 1, "89", "1")
    clock.ms += 1
    assert money(swaps) == dec("9981.964", "18")
    assert order_of(swaps, placed).average == 90
    assert [(p.side, p.amount, p.price) for p in swaps.positions(None)] == [(LONG, 2, 90)]


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


def test_a_closing_order_holds_a_part_of_the_position(swaps: FuturesPaper, tape: Any, clock: Any) -> None:
    place(swaps, BUY, None, "3")
    before = money(swaps)
    placed = place(swaps, SELL, "120", "2", closes=True)
    assert money(swaps) == before
    [position] = swaps.positions(None)
    assert (position.amount, position.frozen) == (3, 2)
    with pytest.raises(ExchangeError) as refused:
        place(swaps, SELL, None, "2", closes=True)
    assert refused.value.message == (
        "paper: the account holds only 3 contracts of long SOL_USDT.swap, of which other orders close 2"
    )
    with pytest.raises(ExchangeError, match=r"holds only 0 contracts of short SOL_USDT\.swap$"):
        place(swaps, BUY, None, "1", closes=True)
    tape.trade(clock.ms + 1, "125", "9")
    clock.ms += 1
    assert order_of(swaps, placed).status is Status.CLOSED
    [position] = swaps.positions(None)
    assert (position.amount, position.frozen) == (1, 0)


def test_the_whole_margin_is_lost_at_the_bankruptcy_price(swaps: FuturesPaper, tape: Any, clock: Any) -> None:
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


def test_a_short_is_liquidated_above(swaps: FuturesPaper, tape: Any, clock: Any) -> None:
    swaps.set_leverage(20, None)
    place(swaps, SELL, None, "1")  # at 100, so it is lost at 105
    place(swaps, BUY, None, "1")  # the long beside it stays
    tape.trade(clock.ms + 1, "104.99", "1")
    clock.ms += 1
    assert len(swaps.positions(None)) == 2
    tape.trade(clock.ms + 1, "107", "1")
    clock.ms += 1
    assert [position.side for position in swaps.positions(None)] == [LONG]


def test_a_fall_fills_an_order_before_it_liquidates(swaps: FuturesPaper, tape: Any, clock: Any) -> None:
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


def test_no_loss_is_greater_than_the_margin(swaps: FuturesPaper, tape: Any) -> None:
    """The book can be beyond the bankruptcy price before a trade is."""
    place(swaps, BUY, None, "1")
    tape.bids = [("80", "1")]
    free, _ = money(swaps)
    place(swaps, SELL, None, "1", closes=True)
    assert money(swaps) == (free, 0)
    with swaps.services.state.connect() as connection:
        [_, close] = connection.execute(FILLS.select())
    assert (close.profit, close.fee) == dec("-10.1", "0")


def test_a_long_without_leverage_is_never_liquidated(swaps: FuturesPaper, tape: Any, clock: Any) -> None:
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
    with pytest.raises(InvalidCall, match="leverage 101"):
        swaps.set_leverage(101, SWAP)


def test_contracts_are_whole(swaps: FuturesPaper) -> None:
    with pytest.raises(ExchangeError, match=r"amount 1\.5 is not a multiple of the lot size 1 of SOL_USDT\.swap"):
        place(swaps, BUY, None, "1.5")


def test_a_contract_is_worth_what_the_market_says(swaps: FuturesPaper) -> None:
    symbol = Symbol.parse("BTC_USDT.swap")  # 0.001 BTC
    place(swaps, BUY, "90", "1000", symbol=symbol)
    assert money(swaps) == dec("9990.955", "9.045")


def test_a_market_order_beyond_the_book_is_cancelled_for_the_rest(swaps: FuturesPaper) -> None:
    order = order_of(swaps, place(swaps, BUY, None, "5"))
    assert (order.amount, order.filled, order.status) == (5, 3, Status.CANCELLED)
    assert order.average == Decimal("101.666666666666")
