"""The market that an account's exchange object named last, which a read without a symbol means."""

from dataclasses import replace
from typing import Any

import pytest

from exchanges.base import Exchange, InvalidCall, Symbol, Ticker, Unsupported
from protocol.names import CHANGES, ONE_MARKET
from tests.lent import Lent
from tests.tiny import BTC, KEYS, Canned, FuturesTiny, Lister, Tiny, ask, futures, io, tiny

ETH = Symbol("ETH", "USDT")
TICKER = Ticker(time=0, bid=1.0, ask=1.0, last=1.0, high=1.0, low=1.0, volume=1.0)
PARAMS: dict[str, dict[str, Any]] = {
    "records": {"period": 1},
    "order": {"id": "7"},
    "cancel": {"id": "7"},
    "trade": {"type": "buy", "price": "1", "amount": "2"},
}


MARKET_NEEDED = sorted({*CHANGES} - {"modify"})
"""The changes that FMZ must name a market for; that of an order to modify may be known by its id."""


class Reading(Tiny):
    """Keeps the markets that its reads were asked for."""

    markets_asked: list[str]

    def ticker(self, symbol: Symbol) -> Ticker:
        self.markets_asked.append(str(symbol))
        return TICKER

    def past_orders(self, symbol: Symbol | None, since: int | None, limit: int | None) -> list[Any]:
        self.markets_asked.append(str(self.one_market(symbol, "past orders")))
        return []


class FuturesReading(Reading, FuturesTiny):
    """The same, of futures."""


def reading(lent: Lent, kind: type[Reading] = Reading, **declared: Any) -> Reading:
    """Return an exchange for one call, at an upstream of its own."""
    own: type[Reading] = type(kind.__name__, (kind,), {"markets_asked": [], **declared})
    return replace(lent, http=Canned(), deadline=10.0).open(own, KEYS)


def again(exchange: Exchange, key: str = KEYS.key, name: str = "") -> Exchange:
    """Return the exchange for another call: of another account or by another exchange object, if they are named."""
    keys = replace(exchange.credentials, key=key)
    return type(exchange)(keys, exchange.upstream, exchange.deadline, object_name=name)


def test_a_read_without_a_symbol_is_of_the_market_named_last(lent: Lent) -> None:
    exchange = reading(lent)
    for params in ({"symbol": "BTC_USDT"}, {}, {"symbol": ""}, {"symbol": "eth"}, {"symbol": None}):
        assert "data" in ask(again(exchange), "GetTicker", **params)
    assert exchange.markets_asked == ["BTC_USDT"] * 3 + ["ETH_USDT"] * 2


@pytest.mark.parametrize("method", ["trade", "cancel", "order", "historyorders"])
def test_a_market_counts_as_named_even_where_its_call_fails(lent: Lent, method: str) -> None:
    exchange = reading(lent)
    ask(exchange, "ticker", symbol="ETH_USDT")
    with pytest.raises(InvalidCall):
        ask(again(exchange), method, symbol="LTC_USDT", type="hold", id="", since="x")
    ask(again(exchange), "ticker")
    assert exchange.markets_asked[-1] == "LTC_USDT"


def test_accounts_and_objects_have_markets_of_their_own(lent: Lent) -> None:
    exchange = reading(lent)
    ask(exchange, "ticker", symbol="BTC_USDT")
    for other in (again(exchange, key="other"), again(exchange, name="second"), reading(lent)):
        with pytest.raises(InvalidCall, match="ticker needs a symbol"):
            ask(other, "ticker")
    ask(again(exchange, name="second"), "ticker", symbol="ETH_USDT")
    ask(again(exchange), "ticker")
    assert exchange.markets_asked == ["BTC_USDT", "ETH_USDT", "BTC_USDT"]


def test_a_key_and_an_object_are_not_taken_for_another_pair_of_them(lent: Lent) -> None:
    exchange = tiny(lent)
    again(exchange, key="a', 'b", name="c").note_symbol(BTC)
    assert again(exchange, key="a", name="b', 'c").last_symbol is None


def test_of_many_accounts_the_oldest_are_forgotten(lent: Lent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transport.upstream._MOST", 2)
    exchange = tiny(lent)
    for key in ("first", "second", "first", "third"):
        again(exchange, key=key).note_symbol(BTC)
    assert [again(exchange, key=key).last_symbol for key in ("first", "second", "third")] == [BTC, None, BTC]


@pytest.mark.parametrize("method", [*ONE_MARKET, *MARKET_NEEDED])
@pytest.mark.parametrize("symbol", [{}, {"symbol": ""}, {"symbol": None}])
def test_the_error_without_a_market_names_the_call(lent: Lent, method: str, symbol: dict[str, Any]) -> None:
    with pytest.raises(
        InvalidCall, match=f"^INVALID_CALL {method} needs a symbol such as BTC_USDT, and none was given"
    ):
        ask(tiny(lent), method, **PARAMS.get(method, {}), **symbol)


@pytest.mark.parametrize("method", MARKET_NEEDED)
def test_no_order_is_placed_or_cancelled_in_the_market_named_last(lent: Lent, method: str) -> None:
    http = Canned()
    exchange = tiny(lent, http)
    exchange.note_symbol(BTC)
    with pytest.raises(InvalidCall, match=f"{method} needs a symbol"):
        ask(exchange, method, **PARAMS[method])
    assert http.sent == []


def test_no_order_is_modified_in_the_market_named_last(lent: Lent) -> None:
    """It may be another order's: exchanges that count the ids of each market give one id to several."""
    exchange = reading(lent, order_row=None, modify=lambda *_: pytest.fail("an order was modified"))
    exchange.note_symbol(BTC)
    with pytest.raises(InvalidCall, match="order 7 needs a symbol such as BTC_USDT: none was given"):
        ask(exchange, "ModifyOrder", id="7", type="buy", price="1", amount="2")


def test_a_list_of_one_market_is_of_the_one_named_last(lent: Lent) -> None:
    exchange = reading(lent)
    with pytest.raises(Unsupported, match="lists past orders of one market only: name it"):
        ask(exchange, "GetHistoryOrders")
    ask(exchange, "ticker", symbol="eth")
    assert ask(again(exchange), "GetHistoryOrders") == {"data": []}
    assert exchange.markets_asked == ["ETH_USDT"] * 2


def test_a_range_is_of_the_market_named_last_if_that_is_in_it(lent: Lent) -> None:
    exchange = reading(lent, FuturesReading, markets=Lister(Unsupported("FuturesReading has no list of markets")))
    ask(exchange, "ticker", symbol="BTC_USDT.swap")
    for range_ in ("USDT.swap", "swap"):
        assert ask(again(exchange), "historyorders", symbol=range_) == {"data": []}
    with pytest.raises(Unsupported, match=r"lists past orders of one market only: name one of \.?.*quarter"):
        ask(again(exchange), "historyorders", symbol="USDT.quarter")
    assert exchange.markets_asked == ["BTC_USDT.swap"] * 3


def test_a_range_is_no_market_that_was_named(lent: Lent) -> None:
    exchange = futures(lent)
    for params in ({"symbol": "USDT.swap"}, {"symbol": "swap"}):
        with pytest.raises(Unsupported):
            ask(exchange, "positions", **params)
    with pytest.raises(Unsupported):
        io(exchange, 3, "BTC_USDT.swap")
    assert exchange.last_symbol is None


def test_a_contract_that_was_chosen_goes_with_the_pair(lent: Lent) -> None:
    exchange = reading(lent, FuturesReading, markets=Lister(Unsupported("FuturesReading has no list of markets")))
    for contract in ("swap", "quarter"):
        io(exchange, 2, contract)
        ask(exchange, "ticker", **({"symbol": "BTC_USDT"} if contract == "swap" else {}))
    assert exchange.markets_asked == ["BTC_USDT.swap", "BTC_USDT.quarter"]
