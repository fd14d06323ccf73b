"""Every method of FMZ on every exchange of ccxt, without a network: it asks the exchange for something, or says why it
cannot, and never ends otherwise."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import requests
from sqlalchemy import Engine

from exchanges.base import (
    AuthenticationFailed,
    Exchange,
    InvalidCall,
    InvalidOrder,
    NewOrder,
    NotSent,
    Side,
    Symbol,
    Unsupported,
)
from exchanges.base.abilities import can
from exchanges.ccxt import names
from exchanges.ccxt.api import CcxtApi
from exchanges.ccxt.futures import CcxtFutures
from exchanges.ccxt.quirks import MODIFIED_IN_PLACE
from exchanges.ccxt.spot import CcxtSpot
from exchanges.checks import WrongAdapter
from protocol.deadline import Deadline
from protocol.errors import GatewayError
from tests.exchanges.ccxt.canned import give_market
from tests.exchanges.ccxt.conftest import bridged
from tests.lent import Lent
from transport.credentials import Credentials

KEYS = Credentials.from_fields("0x" + "1" * 40, ",".join(["0x" + "1" * 64] * 4))
ASKED = "asked the exchange"
STATIC = "returned without asking"
REFUSED = {kind.label for kind in (Unsupported, InvalidCall, InvalidOrder, AuthenticationFailed)}
"""The errors for what the library, or an exchange in it, cannot do: it wants another market, order or form of keys."""


class Offline:
    """An HTTP client without a network."""

    asked = 0

    def send(self, exchange: str, request: requests.Request, deadline: Deadline) -> Any:
        self.asked += 1
        raise NotSent(f"{exchange} was not reached; nothing was sent")


def order(symbol: Symbol, *, price: Decimal | None = Decimal(60000), side: Side = Side.BUY) -> NewOrder:
    return NewOrder(symbol=symbol, side=side, price=price, amount=Decimal(1), client_id="7" * 22)


def place(one: Exchange, new: NewOrder) -> None:
    one.prepare(new)
    one.trade(new)


METHODS: dict[str, tuple[tuple[str, ...], Callable[[Exchange, Symbol], Any]]] = {
    "ticker": (("fetchTicker",), lambda one, symbol: one.ticker(symbol)),
    "depth": (("fetchOrderBook",), lambda one, symbol: one.depth(symbol)),
    "records": (("fetchOHLCV",), lambda one, symbol: one.records(symbol, 1440, 2)),
    "trades": (("fetchTrades",), lambda one, symbol: one.trades(symbol)),
    "tickers": (("fetchTickers",), lambda one, symbol: one.tickers()),
    "accounts": (("fetchBalance",), lambda one, symbol: one.accounts()),
    "a limit order": (("createOrder",), lambda one, symbol: place(one, order(symbol))),
    "a market sell": (("createOrder",), lambda one, symbol: place(one, order(symbol, price=None, side=Side.SELL))),
    "a market buy": (("createOrder",), lambda one, symbol: place(one, order(symbol, price=None))),
    "order": (("fetchOrder", "fetchOpenOrders"), lambda one, symbol: one.order(symbol, "7")),
    "orders": (("fetchOpenOrders",), lambda one, symbol: one.orders(symbol)),
    "cancel": (("cancelOrder",), lambda one, symbol: one.cancel(symbol, "7")),
    "history": (
        ("fetchCanceledAndClosedOrders", "fetchClosedOrders", "fetchOrders"),
        lambda one, symbol: one.history(symbol, None, 2),
    ),
}
"""A method → the capabilities of ccxt of which it needs one, and a call of it."""
FUTURES: dict[str, tuple[tuple[str, ...], Callable[[Exchange, Symbol], Any]]] = {
    "positions": (("fetchPositions",), lambda one, symbol: one.positions(symbol)),
    "fundings": (("fetchFundingRates", "fetchFundingRate"), lambda one, symbol: one.fundings(symbol)),
    "leverage": (("setLeverage",), lambda one, symbol: one.set_leverage(5, symbol)),
}


def routes(*, futures: bool) -> list[type[CcxtApi]]:
    """Return the classes of all exchanges that have spot markets, or swaps."""
    found: list[type[CcxtApi]] = []
    for exchange_id in names.ids():
        try:
            kind = bridged(exchange_id, (names.FUTURES if futures else "") + names.name_of(exchange_id))
        except WrongAdapter:
            continue
        assert issubclass(kind, CcxtFutures if futures else CcxtSpot)
        found.append(kind)
    return found


def offline(state: Engine) -> Lent:
    """Return what a process has, without a network. The library's object of an exchange is made once in each."""
    return Lent(http=Offline(), state=state, measure_clocks=False, sleep=lambda seconds: None)


def outcome(kind: type[CcxtApi], call: Callable[[Exchange, Symbol], Any], symbol: Symbol, lent: Lent) -> str:
    """Return ASKED, or the label of the error that came before anything was asked."""
    label, before = STATIC, lent.http.asked
    try:
        call(lent.open(kind, KEYS.copy()), symbol)
    except GatewayError as error:
        label = error.label
    return ASKED if lent.http.asked > before else label


@pytest.mark.parametrize("futures", [False, True])
@pytest.mark.usefixtures("unlimited")
def test_every_method_asks_or_is_refused(futures: bool, state: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    give_market(monkeypatch, "BTC-USDT", swap=futures)
    symbol = Symbol.parse("BTC_USDT.swap" if futures else "BTC_USDT")
    results = []
    for kind in routes(futures=futures):
        lent = offline(state)
        for method, (capabilities, call) in (METHODS | (FUTURES if futures else {})).items():
            result = outcome(kind, call, symbol, lent)
            results.append(result)
            has = any(map(kind.library.has, capabilities))
            assert result in ({ASKED} | REFUSED if has else {Unsupported.label}), (kind.name, method, result)
    assert len(results) > 50 * len(METHODS)
    assert results.count(ASKED) > 0.7 * len(results), "most are asked for something"


@pytest.mark.parametrize("futures", [False, True])
def test_only_what_a_test_shows_is_modified_in_place(futures: bool) -> None:
    kinds = [kind for kind in routes(futures=futures) if can(kind, "modify")]
    assert {(kind.library.id, kind.library.mode) for kind in kinds} == {
        one for one in MODIFIED_IN_PLACE if one[1] == ("swap" if futures else "spot")
    }
    assert all(kind.library.has("editOrder") for kind in kinds)


@pytest.mark.parametrize("futures", [False, True])
@pytest.mark.usefixtures("unlimited")
def test_every_list_of_markets_is_asked_for(futures: bool, state: Engine) -> None:
    symbol = Symbol.parse("BTC_USDT")
    wrong = {
        kind.name: result
        for kind in routes(futures=futures)
        if (result := outcome(kind, lambda one, symbol: one.markets(), symbol, offline(state))) not in (ASKED, STATIC)
    }
    assert wrong == {}


@pytest.mark.usefixtures("unlimited")
def test_orders_have_the_number_that_bitvavo_wants(state: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    give_market(monkeypatch, "BTC-USDT")
    kind = bridged("bitvavo", "Bitvavo")
    assert issubclass(kind, CcxtApi)
    for method in ("a limit order", "cancel"):
        assert outcome(kind, METHODS[method][1], Symbol.parse("BTC_USDT"), offline(state)) == ASKED
