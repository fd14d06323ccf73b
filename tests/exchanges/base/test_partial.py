"""A partial adapter is an adapter: what it does not have is told, before anything is sent."""

from typing import Any

import pytest

from exchanges.base import Exchange, FuturesExchange, Row, Symbol, Ticker, Unsupported
from tests.lent import Lent
from tests.tiny import KEYS, ORDER, Canned, ask

ANSWERED = {
    "ticker": "", "depth": "order book", "records": "bars",
    "trades": "list of trades", "accounts": "list of balances", "assets": "list of balances",
    "trade": "new orders", "order": "look-up of orders", "orders": "list of open orders", "cancel": "cancelling",
    "modify": "call that modifies an order. Cancel the order with CancelOrder, ask GetOrder what was filled of it",
    "markets": "list of markets", "tickers": "list of tickers", "historyorders": "list of past orders",
}  # fmt: skip


class Smallest(Exchange):
    """An exchange of which only the ticker is known."""

    name = "PartTiny"
    url = "https://smallest.test"
    ticker_row = Row(Ticker, time="t", bid="b", ask="a", last="l", high="h", low="w", volume="v")

    def ticker(self, symbol: Symbol) -> Ticker:
        return self.ticker_row(self.get("ticker", market=symbol))


@pytest.mark.parametrize("method", ANSWERED)
def test_what_an_adapter_does_not_have_is_told(lent: Lent, method: str) -> None:
    http = Canned(body=b'{"t": 1, "b": 1, "a": 2, "l": 1.5, "h": 2, "w": 1, "v": 7}')
    exchange = Lent(http, lent.state).open(Smallest, KEYS)
    params: dict[str, Any] = {**ORDER, "period": "1", "id": "1"}
    if not ANSWERED[method]:
        assert ask(exchange, method, **params)["data"]["vol"] == 7
        return
    with pytest.raises(Unsupported) as refused:
        ask(exchange, method, **params)
    assert refused.value.message.startswith(f"PartTiny has no {ANSWERED[method]}")
    assert http.sent == []


def test_without_a_signer_nothing_is_signed(lent: Lent) -> None:
    exchange = Lent(Canned(), lent.state).open(Smallest, KEYS)
    with pytest.raises(Unsupported, match="PartTiny has no signed calls yet: its adapter declares no signer"):
        ask(exchange, "__api_orders")


def test_a_partial_futures_adapter_is_one_too(lent: Lent) -> None:
    class SmallestFutures(FuturesExchange, Smallest):
        name = "PartFuturesTiny"
        contracts = frozenset({"swap"})
        max_leverage = 10

    exchange = Lent(Canned(), lent.state).open(SmallestFutures, KEYS)
    assert ask(exchange, "io", code=2, args=["swap"]) == {"data": True}
    with pytest.raises(Unsupported, match="PartFuturesTiny has no list of positions"):
        ask(exchange, "io", code=3, args=[])
