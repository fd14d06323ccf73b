"""Ten minutes of calls at five times what is allowed, to imitations of exchanges that count and ban: none of them ever
has to refuse. Time is simulated. What is allowed is written here once more for some, as published; for all others it is
as declared, and the calls are those of their conversations."""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from database import open_state
from exchanges import EXCHANGES, find
from exchanges.base.exchange import Exchange
from exchanges.base.futures import FuturesExchange
from protocol.deadline import Deadline
from protocol.errors import RateLimited
from protocol.models import Symbol
from tests.conftest import Clock
from tests.lent import Lent
from tests.transport.banning import (
    Banning,
    Falling,
    Params,
    Rule,
    Windows,
    World,
    by_symbol,
    calls,
    new,
    of_account,
    of_instrument,
    of_pair,
    schedule,
)
from tests.transport.declared_world import world_of
from transport.credentials import Credentials

pytestmark = pytest.mark.long

KEYS = Credentials("ten-minutes", "dGVuLW1pbnV0ZXM=", "passphrase")
SPOT, SWAP = Symbol("BTC", "USDT"), Symbol("BTC", "USDT", "swap")


DAY = {"symbol": "BTCUSDT", "closeTime": 1, "lastPrice": "1", "highPrice": "1", "lowPrice": "1", "volume": "1"}
TOP = {"symbol": "BTCUSDT", "bidPrice": "1", "askPrice": "1"}
BOOK = {"E": 1, "asks": [["1", "1"]], "bids": [["1", "1"]]}
LISTED = {
    "symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT", "filters": [],
    "isSpotTradingAllowed": True, "contractType": "PERPETUAL",
}  # fmt: skip
DONE = {"orderId": 1, "status": "CANCELED"}


def one_or_all(row: Any) -> Callable[[Params], Any]:
    return lambda params: row if params.get("symbol") else [row]


BINANCE = World(
    rules={
        "weight": Rule(
            lambda: Windows(6000, 60_000),
            calls({
                "GET /api/v3/ticker/24hr": by_symbol(2, 80), "GET /api/v3/depth": 5, "GET /api/v3/account": 20,
                "GET /api/v3/openOrders": by_symbol(6, 80), "POST /api/v3/order": 1, "DELETE /api/v3/order": 1,
                "GET /api/v3/exchangeInfo": 20,
            }),
            lambda account, params: "",
        ),
        "requests": Rule(lambda: Windows(61_000, 300_000), lambda asked, params: 1),
        "orders a second": Rule(lambda: Windows(10, 1000), calls({"POST /api/v3/order": 1}), of_account),
        "orders": Rule(lambda: Windows(50, 10_000), calls({"POST /api/v3/order": 1}), of_account),
    },
    answers={
        "GET /api/v3/ticker/24hr": one_or_all({**DAY, **TOP}), "GET /api/v3/depth": BOOK,
        "GET /api/v3/account": {"balances": []}, "GET /api/v3/openOrders": [], "POST /api/v3/order": DONE,
        "DELETE /api/v3/order": DONE, "GET /api/v3/exchangeInfo": {"symbols": [LISTED]},
    },
    asked=[
        ("Binance", 3.0, lambda exchange: exchange.tickers()), ("Binance", 2.9, lambda exchange: exchange.orders(None)),
        ("Binance", 1.0, lambda exchange: exchange.accounts()), ("Binance", 1.0, lambda exchange: exchange.depth(SPOT)),
        ("Binance", 1.0, lambda exchange: exchange.ticker(SPOT)),
        ("Binance", 0.5, lambda exchange: exchange.orders(SPOT)),
        ("Binance", 0.5, lambda exchange: exchange.trade(new(SPOT))),
        ("Binance", 0.5, lambda exchange: exchange.cancel(SPOT, "1")),
    ],
    rushed=[("Binance", lambda exchange: exchange.trade(new(SPOT)))],
    pressed={"weight": 3.0 * 80 + 2.9 * 80 + 20 + 5 + 2 + 0.5 * 6 + 0.5 + 0.5},
)  # fmt: skip

FUTURES_BINANCE = World(
    rules={
        "weight": Rule(
            lambda: Windows(2400, 60_000),
            calls({
                "GET /fapi/v1/ticker/24hr": by_symbol(1, 40), "GET /fapi/v1/ticker/bookTicker": by_symbol(2, 5),
                "GET /fapi/v1/depth": 5, "GET /fapi/v3/account": 5, "GET /fapi/v1/openOrders": by_symbol(1, 40),
                "DELETE /fapi/v1/order": 1, "GET /fapi/v1/exchangeInfo": 1, "GET /fapi/v1/positionSide/dual": 30,
            }),
        ),
        "orders": Rule(lambda: Windows(300, 10_000), calls({"POST /fapi/v1/order": 1}), of_account),
        "orders a minute": Rule(lambda: Windows(1200, 60_000), calls({"POST /fapi/v1/order": 1}), of_account),
    },
    answers={
        "GET /fapi/v1/ticker/24hr": one_or_all(DAY), "GET /fapi/v1/ticker/bookTicker": one_or_all(TOP),
        "GET /fapi/v1/depth": BOOK, "GET /fapi/v3/account": {"assets": []}, "GET /fapi/v1/openOrders": [],
        "POST /fapi/v1/order": DONE, "DELETE /fapi/v1/order": DONE,
        "GET /fapi/v1/exchangeInfo": {"symbols": [LISTED]},
        "GET /fapi/v1/positionSide/dual": {"dualSidePosition": False},
    },
    asked=[
        ("Futures_Binance", 2.3, lambda exchange: exchange.tickers()),
        ("Futures_Binance", 2.3, lambda exchange: exchange.orders(None)),
        ("Futures_Binance", 0.5, lambda exchange: exchange.accounts()),
        ("Futures_Binance", 0.5, lambda exchange: exchange.depth(SWAP)),
        ("Futures_Binance", 0.5, lambda exchange: exchange.ticker(SWAP)),
        ("Futures_Binance", 0.5, lambda exchange: exchange.trade(new(SWAP))),
        ("Futures_Binance", 0.5, lambda exchange: exchange.cancel(SWAP, "1")),
    ],
    rushed=[("Futures_Binance", lambda exchange: exchange.trade(new(SWAP)))],
    pressed={"weight": 2.3 * 45 + 2.3 * 40 + 2.5 + 2.5 + 1.5 + 0.5},
)  # fmt: skip


def okx_listed(params: Params) -> Any:
    kind = params["instType"]
    name = {"SPOT": "BTC-USDT", "SWAP": "BTC-USDT-SWAP", "FUTURES": "BTC-USDT-231229"}[kind]
    row = {
        "instId": name, "alias": "quarter" if kind == "FUTURES" else "", "state": "live", "tickSz": "0.1", "lotSz": "1",
        "minSz": "1", "maxLmtSz": "1000", "ctVal": "1", "ctMult": "1", "ctValCcy": "BTC", "baseCcy": "BTC",
        "quoteCcy": "USDT", "ts": "1", "last": "1", "bidPx": "1", "askPx": "1", "high24h": "1", "low24h": "1",
        "vol24h": "1",
    }  # fmt: skip
    return {"code": "0", "data": [row]}


def okx(*rows: Any) -> Any:
    return {"code": "0", "data": list(rows)}


def in_two_seconds(asked: str, amount: int, apart: Any = lambda account, params: "") -> dict[str, Rule]:
    verb, path = asked.split()
    return {asked: Rule(lambda: Windows(amount, 2000), calls({f"{verb} /api/v5/{path}": 1}), apart)}


BOTH = ("OKX", SPOT), ("Futures_OKX", SWAP)
OKX = World(
    rules={
        **in_two_seconds("GET market/ticker", 20), **in_two_seconds("GET market/tickers", 20),
        **in_two_seconds("GET market/books", 40), **in_two_seconds("GET account/balance", 10, of_account),
        **in_two_seconds("GET trade/orders-pending", 60, of_account),
        **in_two_seconds("GET account/config", 5, of_account),
        **in_two_seconds("GET public/instruments", 20, lambda account, params: params["instType"]),
        **in_two_seconds("POST trade/order", 60, of_instrument),
        **in_two_seconds("POST trade/cancel-order", 60, of_instrument),
    },
    answers={
        "GET /api/v5/market/ticker": lambda params: okx_listed({"instType": "SPOT"}),
        "GET /api/v5/market/tickers": okx_listed, "GET /api/v5/public/instruments": okx_listed,
        "GET /api/v5/market/books": okx({"ts": "1", "asks": [], "bids": []}),
        "GET /api/v5/account/balance": okx({"details": []}),
        "GET /api/v5/account/config": okx({"acctLv": "2", "posMode": "net_mode"}),
        "GET /api/v5/trade/orders-pending": okx(), "POST /api/v5/trade/order": okx({"ordId": "1", "sCode": "0"}),
        "POST /api/v5/trade/cancel-order": okx({"ordId": "1", "sCode": "0"}),
    },
    asked=[
        *((name, 6.5, lambda exchange: exchange.raw("GET", "api/v5/account/config", {})) for name, _ in BOTH),
        *((name, 0.5, lambda exchange, symbol=symbol: exchange.cancel(symbol, "1")) for name, symbol in BOTH),
    ],
    rushed=[
        (name, ask)
        for name, symbol in BOTH
        for ask in (
            lambda exchange: exchange.tickers(), lambda exchange: exchange.accounts(),
            lambda exchange, symbol=symbol: exchange.ticker(symbol),
            lambda exchange, symbol=symbol: exchange.depth(symbol),
            lambda exchange, symbol=symbol: exchange.orders(symbol),
            lambda exchange, symbol=symbol: exchange.trade(new(symbol)),
        )
    ],
    pressed={"GET account/config": 13.0},
    crowd=20,
)  # fmt: skip


def kraken(result: Any) -> Any:
    return {"error": [], "result": result}


QUOTE = {"a": ["1"], "b": ["1"], "c": ["1"], "h": ["1", "1"], "l": ["1", "1"], "v": ["1", "1"]}
PAIR = {
    "wsname": "XBT/USDT", "status": "online", "tick_size": "0.1", "lot_decimals": 8, "ordermin": "1", "costmin": "1",
}  # fmt: skip
PRIVATE = "POST /0/private/"
KRAKEN = World(
    rules={
        # Orders that are cancelled are older than five minutes here, which adds nothing.
        "private": Rule(
            lambda: Falling(15, 3030),
            lambda asked, params: int(asked.startswith(PRIVATE) and not asked.endswith(("AddOrder", "CancelOrder"))),
            of_account,
        ),
        "orders": Rule(lambda: Falling(60, 1000), calls({f"{PRIVATE}AddOrder": 1}), of_pair),
        "public": Rule(
            lambda: Windows(1, 1000),
            lambda asked, params: int(asked.startswith("GET /0/public/") and not asked.endswith(("OHLC", "Trades"))),
        ),
        "trades": Rule(lambda: Windows(1, 1000), calls({"GET /0/public/Trades": 1}), of_pair),
    },
    answers={
        "GET /0/public/Ticker": kraken({"XBTUSDT": QUOTE}), "GET /0/public/AssetPairs": kraken({"XBTUSDT": PAIR}),
        "GET /0/public/Depth": kraken({"XBTUSDT": {"asks": [], "bids": []}}),
        "GET /0/public/Trades": kraken({"XBTUSDT": [], "last": "1"}), f"{PRIVATE}BalanceEx": kraken({}),
        f"{PRIVATE}OpenOrders": kraken({"open": {}}), f"{PRIVATE}AddOrder": kraken({"txid": ["A-B"]}),
        f"{PRIVATE}CancelOrder": kraken({"count": 1}),
    },
    asked=[
        ("Kraken", 2.0, lambda exchange: exchange.ticker(SPOT)), ("Kraken", 2.0, lambda exchange: exchange.depth(SPOT)),
        ("Kraken", 1.1, lambda exchange: exchange.tickers()), ("Kraken", 0.3, lambda exchange: exchange.trades(SPOT)),
        ("Kraken", 0.9, lambda exchange: exchange.accounts()), ("Kraken", 0.9, lambda exchange: exchange.orders(SPOT)),
        ("Kraken", 0.4, lambda exchange: exchange.trade(new(SPOT))),
        ("Kraken", 0.3, lambda exchange: exchange.cancel(SPOT, "A-B")),
    ],
    rushed=[("Kraken", lambda exchange: exchange.trade(new(SPOT)))],
    pressed={"private": 1.8, "public": 5.1},
)  # fmt: skip


# Ten minutes ------------------------------------------------------------------------------------------------------


PUBLISHED = (BINANCE, FUTURES_BINANCE, OKX, KRAKEN)
DECLARED = [
    world_of(kind)
    for kind in EXCHANGES.values()
    if kind.limits and kind.name not in {name for world in PUBLISHED for name, *_ in world.asked}
]


@pytest.mark.parametrize("world", [*PUBLISHED, *DECLARED], ids=lambda world: world.asked[0][0])
def test_ten_minutes_at_five_times_the_limit(world: World) -> None:
    clock = Clock()
    http = Banning(clock, world.rules, world.answers)

    def sleep(seconds: float) -> None:
        clock.ms += round(seconds * 1000)

    state = open_state("sqlite://")
    lent = Lent(http, state, now=clock, sleep=sleep, measure_clocks=False)

    refusals: list[str] = []

    def ask(name: str, call: Callable[[Any], Any], patience: float) -> bool:
        try:
            call(exchanges[name].fresh(Deadline.after(patience)))
        except RateLimited as error:
            refusals.append(error.message)
            return False
        return True

    exchanges: dict[str, Exchange] = {name: lent.open(find(name), KEYS) for name, *_ in world.asked}
    for exchange in exchanges.values():
        exchange.listing()  # and the account's mode: they are asked for now and then only
        exchange.prepare(new(SWAP if isinstance(exchange, FuturesExchange) else SPOT))
    answered: Counter[tuple[str, bool]] = Counter()
    clock.ms += 60_000
    begun = clock.ms
    for due, name, call in sorted(schedule(world, begun), key=lambda row: row[0]):
        late = clock.ms > due
        clock.ms = max(clock.ms, due)
        kind = "cancel" if "cancel" in call.__code__.co_names else "other"
        answered[kind, ask(name, call, 0.02 if late else 0.2)] += 1
    state.dispose()

    assert http.refused == []
    assert clock.ms < begun + world.minutes * 60_000 + 1000
    assert answered["cancel", False] == 0
    assert answered["cancel", True] > 10 * world.minutes
    assert answered["other", False] > answered["other", True]
    assert all(re.search(r"is used up, retry_after=\d+\.\d seconds; nothing was sent$", text) for text in refusals)
    for name, pressure in world.pressed.items():
        [counter] = http.counters[name].values()
        assert pressure >= 5 * counter.allowed(1)
        assert counter.used >= world.filled * counter.allowed(world.minutes * 60), name
