"""FMZ's name of a contract means another one after a rollover: an order stays where it was sent."""

import pytest
from sqlalchemy import Engine

from orders.intents import State
from orders.journal import Journal
from protocol.errors import InvalidCall, OrderNotFound
from protocol.models import NewOrder, Order, OrderId, Symbol
from tests.conftest import Clock
from tests.orders.shop import BTC, SECOND, UNCLEAR, Market, Robot, Shop

QUARTER = Symbol.parse("BTC_USDT.quarter")


class Dated(Shop):
    """An account whose contract ``quarter`` is another one after a rollover; an order is known in its own only."""

    name = "Dated"
    has_contracts = True
    current: str | None = "MAR"
    asked: list[str]
    contract_of: dict[str, str]

    def resolve(self, symbol: Symbol) -> Symbol:
        if not symbol.contract:
            raise InvalidCall("no contract is chosen")
        return symbol

    def market(self, symbol: Symbol) -> str:
        if symbol.contract != "quarter":
            return symbol.contract
        if self.current is None:
            raise InvalidCall("Dated lists no market quarter")
        return f"{symbol.base}{self.current}"

    def trade(self, order: NewOrder) -> OrderId:
        self.contract_of[order.client_id] = self.market(order.symbol)
        return super().trade(order)

    def find(self, symbol: Symbol, client_id: str) -> OrderId | None:
        self.asked.append(self.market(symbol))
        return super().find(symbol, client_id) if self.contract_of[client_id] == self.market(symbol) else None

    def orders(self, symbol: Symbol | None) -> list[Order]:
        assert symbol
        self.asked.append(self.market(symbol))
        return super().orders(symbol)

    def order(self, symbol: Symbol, order_id: str) -> Order:
        self.asked.append(self.market(symbol))
        order = super().order(symbol, order_id)
        if self.contract_of[order.client_id] != self.market(symbol):
            raise OrderNotFound("Dated has no such order there")
        return order

    def cancel(self, symbol: Symbol, order_id: str) -> bool:
        self.asked.append(self.market(symbol))
        return True


class OldDated(Dated):
    """One without client ids."""

    name = "OldDated"
    client_id = None


@pytest.fixture(params=[Dated, OldDated])
def robot(request: pytest.FixtureRequest, market: Market, journal: Journal, clock: Clock) -> Robot:
    kind = type(request.param.__name__, (request.param,), {"contract_of": {}, "asked": []})
    return Robot(market, journal, clock, kind)


def asked(robot: Robot) -> list[str]:
    assert issubclass(robot.kind, Dated)
    return robot.kind.asked


def roll(robot: Robot, to: str | None = "JUN") -> None:
    assert issubclass(robot.kind, Dated)
    robot.kind.current = to
    asked(robot).clear()


def test_an_unclear_order_is_looked_for_where_it_was_sent(robot: Robot, market: Market, journal: Journal) -> None:
    market.error, market.lists = UNCLEAR, False
    client_id = robot.buy_unclear("1", symbol=QUARTER, seconds=1)
    roll(robot)
    market.error, market.lists = None, True
    assert robot.buy("1", symbol=QUARTER) == 1
    assert robot.marks == {"replayed": True}
    assert len(market.sent) == 1
    assert set(asked(robot)) == {"BTCMAR"}
    intent = journal.get(client_id)
    assert intent
    assert (intent.state, intent.market_name, str(intent.symbol)) == (State.ACCEPTED, "BTCMAR", "BTC_USDT.quarter")


def test_the_next_contract_is_a_line_of_its_own(robot: Robot, market: Market) -> None:
    market.error, market.lists = UNCLEAR, False
    robot.buy_unclear("1", symbol=QUARTER, seconds=1)
    roll(robot)
    market.error, market.lists = None, True
    assert robot.buy("2", symbol=QUARTER) == 2
    assert robot.marks == {}
    assert len(market.sent) == 2


def test_one_contract_by_two_names_is_one_line(robot: Robot, market: Market) -> None:
    market.error, market.lists = UNCLEAR, False
    robot.buy_unclear("1", symbol=QUARTER, seconds=1)
    market.error, market.lists = None, True
    assert robot.buy("2", symbol=Symbol.parse("BTC_USDT.BTCMAR")) == 1
    assert robot.marks == {"adopted": True}
    assert len(market.sent) == 1


def test_an_order_is_sent_to_the_market_that_was_written(robot: Robot, market: Market) -> None:
    robot.buy("1", symbol=QUARTER)
    [sent] = market.sent
    assert (sent.symbol.contract, sent.market_name) == ("BTCMAR", "BTCMAR")


@pytest.mark.parametrize("to", ["JUN", None])
@pytest.mark.parametrize("given", ["BTC_USDT.quarter", "BTC_USDT", "btc", "BTC_USDT.BTCMAR"])
def test_an_order_is_shown_and_cancelled_where_it_was_sent(robot: Robot, given: str, to: str | None) -> None:
    assert robot.buy("1", symbol=QUARTER) == 1
    roll(robot, to)
    desk = robot.open_desk("")
    assert desk.order(Symbol.parse(given), "1").id == 1
    assert desk.replies == [b'{"order": true}']
    assert robot.open_desk("").cancel(Symbol.parse(given), "1") is True
    assert asked(robot) == ["BTCMAR", "BTCMAR"]


def test_an_order_that_the_journal_does_not_know_is_where_the_name_says(robot: Robot) -> None:
    robot.buy("1", symbol=QUARTER)
    roll(robot)
    with pytest.raises(OrderNotFound):
        robot.open_desk("").order(QUARTER, "7")
    with pytest.raises(InvalidCall, match="no contract is chosen"):
        robot.open_desk("").order(BTC, "7")
    with pytest.raises(OrderNotFound):
        robot.open_desk("").order(Symbol.parse("ETH_USDT.quarter"), "1")
    assert asked(robot) == ["BTCJUN", "ETHJUN"]


def test_an_id_that_is_known_in_two_contracts_is_where_the_name_says(robot: Robot, market: Market) -> None:
    robot.buy("1", symbol=QUARTER)
    roll(robot)
    market.orders.clear()  # the next order gets the same id
    assert robot.buy("2", symbol=QUARTER) == 1
    asked(robot).clear()
    assert robot.open_desk("").order(QUARTER, "1").id == 1
    assert asked(robot) == ["BTCJUN"]


def test_without_the_journal_an_order_is_where_the_name_says(
    robot: Robot, state: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    robot.buy("1", symbol=QUARTER)
    with state.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE orders RENAME TO away")
    try:
        assert robot.open_desk("").cancel(QUARTER, "1") is True
    finally:
        with state.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE away RENAME TO orders")
    assert "the journal could not be read for an order" in caplog.text


def test_an_adopted_order_is_shown_where_it_was_sent(robot: Robot, market: Market, clock: Clock) -> None:
    market.error, market.lists = UNCLEAR, False
    robot.buy_unclear("1", symbol=QUARTER, seconds=1)
    market.error, market.lists = None, True
    clock.ms += SECOND
    assert robot.buy("2", symbol=Symbol.parse("BTC_USDT.BTCMAR")) == 1
    roll(robot)
    assert robot.open_desk("").order(QUARTER, "1").id == 1
    assert asked(robot) == ["BTCMAR"]
