"""Deliveries of dated contracts: positions are settled, orders cancelled, and what FMZ calls a contract moves on."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from flask.testing import FlaskClient

from exchanges.paper import FuturesPaper
from exchanges.paper.tables import FILLS
from protocol.errors import ExchangeError
from protocol.models import Status, Symbol
from tests.conftest import Ask, Clock
from tests.exchanges.paper.conftest import Tape
from tests.exchanges.paper.trading import BUY, LONG, SELL, SHORT, dec, money, place
from tests.lent import Lent
from transport.credentials import Credentials

DELIVERY = int(datetime(2023, 11, 17, 8, tzinfo=UTC).timestamp() * 1000)
DAY = 24 * 3_600_000
THIS_WEEK = Symbol.parse("BTC_USDT.this_week")  # a contract is 0.001 BTC
OWN = Symbol.parse("BTC_USDT.BTC-USDT-231117")
NEXT_WEEK = Symbol.parse("BTC_USDT.next_week")
COIN = Symbol.parse("BTC_USD.this_week")


def level(tape: Tape, price: str) -> None:
    tape.bids = tape.asks = [(price, "100000")]


@pytest.fixture
def held(swaps: FuturesPaper, tape: Tape, clock: Clock) -> FuturesPaper:
    """1000 contracts long at 100, which are 1 BTC: 10 of margin, and 0.05 of fee. Then the price is 104, and from the
    delivery on 120."""
    level(tape, "100")
    place(swaps, BUY, None, "1000", symbol=THIS_WEEK)
    assert money(swaps) == dec("9989.95", "10")
    tape.trade(DELIVERY - 60_000, "104", "1")
    tape.trade(DELIVERY, "120", "1")
    return swaps


@pytest.mark.parametrize("late", [0, 1, DAY, 900 * DAY])
def test_a_position_is_settled_at_the_price_of_the_delivery(
    held: FuturesPaper, clock: Clock, late: int, lent: Lent
) -> None:
    """Whenever somebody asks: 4 are made, and 0.01 % of 104 is the fee."""
    clock.ms = DELIVERY + late
    assert money(held) == dec("10003.9396", "0")
    assert held.positions(None) == []
    with lent.state.connect() as connection:
        [*_, end] = connection.execute(FILLS.select())
    assert (end.order_id, end.symbol, end.time, end.side) == (None, "BTC-USDT-231117", DELIVERY, "sell")
    assert (end.price, end.amount, end.profit, end.fee) == dec("104", "1000", "4", "0.0104")


def test_nothing_is_settled_before(held: FuturesPaper, clock: Clock) -> None:
    clock.ms = DELIVERY - 1
    [position] = held.positions(THIS_WEEK)
    assert (str(position.symbol), position.profit) == ("BTC_USDT.this_week", Decimal(4))
    assert money(held) == dec("9989.95", "10")


def test_a_delivery_happens_once(held: FuturesPaper, clock: Clock) -> None:
    clock.ms = DELIVERY - 1
    for _ in range(3):
        clock.ms += 1
        assert money(held) == dec("10003.9396", "0")


def test_a_short_in_coins_is_settled_too(swaps: FuturesPaper, tape: Tape, clock: Clock) -> None:
    """1 contract at 100 is 1 BTC, and 1.25 at 80: less a margin of 0.1, fees of 0.0005 and 0.000125."""
    level(tape, "100")
    place(swaps, SELL, None, "1", symbol=COIN)
    tape.trade(DELIVERY - 1, "80", "1")
    clock.ms = DELIVERY + DAY
    assert money(swaps, "BTC") == dec("1.249375", "0")


def test_the_margin_is_lost_before_the_delivery_or_not_at_all(
    held: FuturesPaper, tape: Tape, clock: Clock, lent: Lent
) -> None:
    tape.trades[-1:] = [(DELIVERY - 1, "90", "1"), (DELIVERY, "1", "1")]
    clock.ms = DELIVERY + DAY
    assert money(held) == dec("9989.95", "0")
    with lent.state.connect() as connection:
        [_, lost] = connection.execute(FILLS.select())
    assert (lost.time, lost.profit) == (DELIVERY - 1, Decimal(-10))


def test_open_orders_are_cancelled_at_the_delivery(held: FuturesPaper, clock: Clock) -> None:
    opening = place(held, BUY, "90", "1000", symbol=THIS_WEEK)
    take_profit = place(held, SELL, "110", "1000", symbol=THIS_WEEK, closes=True)
    other = place(held, BUY, "90", "1000", symbol=NEXT_WEEK)
    clock.ms = DELIVERY + DAY
    assert money(held) == dec("9994.8946", "9.045")
    for order_id in (opening, take_profit):
        assert held.order(OWN, str(order_id)).status is Status.CANCELLED
        assert held.cancel(OWN, str(order_id)) is True
    assert [order.id for order in held.orders(None)] == [other]
    assert [order.id for order in held.history(Symbol.parse("BTC_USDT"), None, None)][1:] == [opening, take_profit]


def test_an_order_that_was_filled_in_part_stays_so(swaps: FuturesPaper, tape: Tape, clock: Clock) -> None:
    placed = place(swaps, BUY, "90", "1000", symbol=THIS_WEEK)
    tape.trade(clock.ms + 1, "90", "400")
    clock.ms = DELIVERY
    order = swaps.order(OWN, str(placed))
    assert (order.status, order.filled) == (Status.CANCELLED, Decimal(400))
    assert money(swaps) == dec("9999.9892", "0")  # fees of 0.02 % and 0.01 % of 36


def test_a_contract_that_was_delivered_takes_no_orders(held: FuturesPaper, clock: Clock) -> None:
    """An order may have waited for its account, and be placed after the delivery."""
    clock.ms = DELIVERY
    with pytest.raises(
        ExchangeError, match=r"^REFUSED Futures_paper: BTC-USDT-231117 was delivered, and takes no more"
    ):
        place(held, BUY, None, "1", symbol=OWN)
    assert place(held, BUY, None, "1000", symbol=THIS_WEEK)
    assert [str(one.symbol) for one in held.positions(None)] == ["BTC_USDT.this_week"]


def test_a_position_is_named_by_what_its_contract_is_called_now(
    swaps: FuturesPaper, tape: Tape, clock: Clock, lent: Lent
) -> None:
    level(tape, "100")
    place(swaps, BUY, None, "1000", symbol=NEXT_WEEK)
    place(swaps, SELL, None, "1000", symbol=Symbol.parse("BTC_USDT.quarter"))
    clock.ms = DELIVERY
    found = lent.open(FuturesPaper, Credentials()).positions(None)
    assert [(str(one.symbol), one.side) for one in found] == [
        ("BTC_USDT.this_week", LONG),
        ("BTC_USDT.quarter", SHORT),
    ]
    assert len(swaps.positions(Symbol.parse("USDT.futures"))) == 2
    assert swaps.positions(NEXT_WEEK) == []


def test_the_leverage_of_a_contract_stays_when_its_name_moves_on(swaps: FuturesPaper, tape: Tape, clock: Clock) -> None:
    level(tape, "100")
    swaps.set_leverage(20, NEXT_WEEK)
    place(swaps, BUY, None, "1000", symbol=NEXT_WEEK)
    clock.ms = DELIVERY
    place(swaps, BUY, None, "1000", symbol=THIS_WEEK)
    [position] = swaps.positions(None)
    assert (position.leverage, position.margin) == dec("20", "10")
    with pytest.raises(ExchangeError, match="BTC-USDT-231124 has a position or an opening order at leverage 20"):
        swaps.set_leverage(5, THIS_WEEK)


# Through the gateway --------------------------------------------------------------------------------------------------


def order(ask: Ask, symbol: str, price: str) -> int:
    placed = ask("Futures_paper", "trade", {"symbol": symbol, "type": "buy", "price": price, "amount": "10"})
    assert "data" in placed, placed
    return int(placed["data"]["id"])


def test_an_order_is_found_shown_and_cancelled_in_the_contract_it_was_sent_to(
    ask: Ask, clock: Clock, client: FlaskClient
) -> None:
    placed = order(ask, "BTC_USDT.next_week", "40000")
    other = order(ask, "BTC_USDT.quarter", "40000")
    clock.ms = DELIVERY + 60_000
    newer = order(ask, "BTC_USDT.next_week", "40000")
    for name in ("BTC_USDT.next_week", "BTC_USDT.BTC-USDT-231124", "BTC_USDT"):
        found = ask("Futures_paper", "order", {"symbol": name, "id": str(placed)})
        assert (found["data"]["status"], found["raw"]["symbol"]) == ("open", "BTC-USDT-231124")

    def shown(symbol: str) -> list[int]:
        return [row["id"] for row in ask("Futures_paper", "orders", {"symbol": symbol})["data"]]

    assert shown("BTC_USDT.this_week") == [placed]
    assert shown("BTC_USDT.next_week") == [newer]
    assert shown("BTC_USDT") == [placed, other, newer]
    assert shown("futures") == [placed, other, newer]
    assert ask("Futures_paper", "cancel", {"symbol": "BTC_USDT.next_week", "id": str(placed)})["data"] is True
    assert shown("BTC_USDT") == [other, newer]


def test_a_strategy_rolls_its_position(ask: Ask, clock: Clock) -> None:
    """Hold this week's contract to its delivery, see it gone, and open the next one by the same name."""
    ask("Futures_paper", "io", {"code": 2, "args": ["this_week"]})
    order(ask, "BTC_USD", "-1")
    [row] = ask("Futures_paper", "io", {"code": 3, "args": []})["data"]
    assert (row["ContractType"], row["Symbol"], row["Amount"]) == ("this_week", "BTC_USD.this_week", 10)
    clock.ms = DELIVERY
    assert ask("Futures_paper", "io", {"code": 3, "args": []})["data"] == []
    assert order(ask, "BTC_USD", "-1")
    [row] = ask("Futures_paper", "io", {"code": 3, "args": ["this_week"]})["raw"]
    assert row["symbol"] == "BTC-USD-231124"


def test_an_order_of_a_contract_that_was_delivered_is_shown_as_cancelled(ask: Ask, clock: Clock) -> None:
    placed = order(ask, "ETH_USDT.this_week", "1000")
    clock.ms = DELIVERY + 5 * DAY
    found = ask("Futures_paper", "order", {"symbol": "ETH_USDT.this_week", "id": str(placed)})
    assert found["data"]["status"] == "cancelled"
    past = ask("Futures_paper", "historyorders", {"symbol": "ETH_USDT", "limit": 5})["data"]
    assert [row["id"] for row in past] == [placed]
