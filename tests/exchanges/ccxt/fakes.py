"""The fakes of three exchanges with market data, for those who ask for it too."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from werkzeug import Request
from werkzeug.test import EnvironBuilder

from tests.fakes import PRICE, Account, FakeExchange, FakeOrder
from tests.fakes.binance import FakeBinance, FakeFuturesBinance
from tests.fakes.kraken import FakeKraken
from tests.fakes.okx import FakeOKX

TIME = 1_700_000_000_000


class WithMarkets(FakeExchange):
    """An exchange that also gives fixed replies, by path."""

    fixed: ClassVar[Mapping[str, Any]] = {}

    def reply(self, request: Request) -> tuple[int, bytes]:
        if request.path not in self.fixed:
            return super().reply(request)
        with self._lock:
            self.asked[request.method, request.path] += 1
        return 200, json.dumps(self.fixed[request.path]).encode()


class FormSigned(WithMarkets):
    """An exchange that takes a signed form, which ccxt sends, for a signed query, which the gateway sends."""

    def check(self, request: Request, account: Account | None) -> Mapping[str, str]:
        """Return the parameters of a signed request."""
        if request.method in ("POST", "PUT") and not request.query_string:
            builder = EnvironBuilder(path=request.path, query_string=request.get_data().decode(), method=request.method)
            return super().check(builder.get_request(), account)
        return super().check(request, account)


def candle(time: int, *rest: str) -> list[Any]:
    """Return a bar of one minute, with what an exchange adds to it."""
    return [time, "60000.1", "60010.2", "59990.3", "60005.4", "12.5", *rest]


_BINANCE_DAY = {
    "symbol": "BTCUSDT", "bidPrice": "59999.99", "bidQty": "4", "askPrice": "60000.01", "askQty": "1",
    "lastPrice": "60000.00", "highPrice": "61000.50", "lowPrice": "59000.25", "volume": "8913.30", "openTime": 1,
    "quoteVolume": "1", "closeTime": TIME, "openPrice": "1", "weightedAvgPrice": "1", "priceChange": "0",
    "priceChangePercent": "0", "prevClosePrice": "1", "lastQty": "1", "firstId": 1, "lastId": 2, "count": 2,
}  # fmt: skip
_BINANCE_TRADE = {"id": 28457, "price": "60000.01", "qty": "0.5", "quoteQty": "1", "time": TIME, "isBuyerMaker": True}
_BINANCE_AGGREGATE = {"a": 28457, "p": "60000.01", "q": "0.5", "f": 1, "l": 1, "T": TIME, "m": True, "M": True}
_BINANCE_BOOK = {"lastUpdateId": 1, "bids": [["59999.99", "4.31"], ["59999.98", "1"]], "asks": [["60000.01", "1.2"]]}


class FullBinance(FormSigned, FakeBinance):
    """Binance, spot."""

    fixed = {
        "/api/v3/ticker/24hr": _BINANCE_DAY,
        "/api/v3/depth": _BINANCE_BOOK,
        "/api/v3/klines": [candle(TIME + i * 60000, str(TIME + 1), "1", "1", "1", "1", "0") for i in range(3)],
        "/api/v3/aggTrades": [_BINANCE_AGGREGATE, {**_BINANCE_AGGREGATE, "a": 28458, "T": TIME + 1, "m": False}],
        "/api/v3/trades": [_BINANCE_TRADE, {**_BINANCE_TRADE, "id": 28458, "time": TIME + 1, "isBuyerMaker": False}],
    }

    def info(self, account: Any, params: Any) -> Any:
        [market] = super().info(account, params)["symbols"]
        more = {"permissions": ["SPOT"], "permissionSets": [["SPOT"]], "orderTypes": ["LIMIT", "MARKET"]}
        decimals = {"baseAssetPrecision": 8, "quoteAssetPrecision": 8, "quotePrecision": 8}
        return {"symbols": [{**market, **more, **decimals, "isMarginTradingAllowed": False}]}


class FullOKX(WithMarkets, FakeOKX):
    """OKX, spot. Open orders are of all kinds where none is named."""

    def open(self, account: Account, params: Mapping[str, Any]) -> Any:
        return super().open(account, {"instType": self.kind, **params})

    fixed = {
        "/api/v5/market/ticker": {"code": "0", "msg": "", "data": [{
            "instType": "SPOT", "instId": "BTC-USDT", "last": "60000", "lastSz": "1", "askPx": "60000.1", "askSz": "1",
            "bidPx": "59999.9", "bidSz": "4", "open24h": "1", "high24h": "61000.5", "low24h": "59000.2",
            "volCcy24h": "1", "vol24h": "2222", "ts": str(TIME), "sodUtc0": "1", "sodUtc8": "1",
        }]},
        "/api/v5/market/books": {"code": "0", "msg": "", "data": [{
            "asks": [["60000.1", "1.2", "0", "1"]], "bids": [["59999.9", "4.3", "0", "2"]], "ts": str(TIME),
        }]},
        "/api/v5/market/candles": {"code": "0", "msg": "", "data": [
            candle(TIME + i * 60000, "1", "1", "1") for i in reversed(range(3))
        ]},
        "/api/v5/market/trades": {"code": "0", "msg": "", "data": [
            {"side": side, "sz": "0.5", "px": "60000.1", "tradeId": f"{7 + i}", "ts": str(TIME + i)}
            for i, side in enumerate(("sell", "buy"))
        ]},
    }  # fmt: skip


def _kraken(result: Any) -> Any:
    return {"error": [], "result": result}


class FullKraken(WithMarkets, FakeKraken):
    """Kraken, spot. A new order is described in words, as ccxt reads them."""

    def new(self, account: Account, params: Mapping[str, str]) -> Any:
        answer = super().new(account, params)
        how = f"limit {params['price']}" if "price" in params else "market"
        answer["result"]["descr"]["order"] = f"{params['type']} {params['volume']} {params['pair']} @ {how}"
        return answer

    def _shown(self, orders: list[FakeOrder]) -> dict[str, dict[str, Any]]:
        costs = {order.id: f"{float(order.done) * PRICE:.5f}" for order in orders}
        return {order_id: {**row, "cost": costs[order_id]} for order_id, row in super()._shown(orders).items()}

    fixed = {
        "/0/public/AssetPairs": _kraken({"XBTUSDT": {
            "altname": "XBTUSDT", "wsname": "XBT/USDT", "aclass_base": "currency", "base": "XXBT", "quote": "USDT",
            "aclass_quote": "currency", "pair_decimals": 1, "cost_decimals": 8, "lot_decimals": 8,
            "lot_multiplier": 1, "leverage_buy": [], "leverage_sell": [], "fees": [[0, 0.4]], "fees_maker": [[0, 0.25]],
            "ordermin": "0.0001", "costmin": "0.5", "tick_size": "0.1", "status": "online",
        }}),
        "/0/public/Assets": _kraken({
            name: {"aclass": "currency", "altname": other, "decimals": 10, "display_decimals": 5, "status": "enabled"}
            for name, other in (("XXBT", "XBT"), ("USDT", "USDT"), ("ZUSD", "USD"))
        }),
        "/0/public/Ticker": _kraken({"XBTUSDT": {
            "a": ["60000.1", "1", "1.0"], "b": ["59999.9", "4", "4.0"], "c": ["60000.0", "0.1"], "v": ["1", "163.25"],
            "p": ["1", "1"], "t": [1, 2], "l": ["1", "59000.2"], "h": ["1", "61000.5"], "o": "1",
        }}),
        "/0/public/Depth": _kraken({"XBTUSDT": {
            "asks": [["60000.1", "1.2", 1700000000]], "bids": [["59999.9", "4.3", 1700000000]],
        }}),
        "/0/public/OHLC": _kraken({"XBTUSDT": [
            [1700000000 + i * 60, "60000.1", "60010.2", "59990.3", "60005.4", "1", "12.5", 7] for i in range(3)
        ], "last": 1700000060}),
        "/0/public/Trades": _kraken({"XBTUSDT": [
            ["60000.1", "0.5", 1700000000.25 + i, side, "l", "", 71 + i] for i, side in enumerate("sb")
        ], "last": "1700000001250000000"}),
    }  # fmt: skip


class FullFuturesBinance(FormSigned, FakeFuturesBinance):
    """Binance, USDⓈ-margined futures, with a position."""

    fixed = {
        "/fapi/v1/leverageBracket": [{"symbol": "BTCUSDT", "brackets": [{
            "bracket": 1, "initialLeverage": 125, "notionalCap": 50000, "notionalFloor": 0, "maintMarginRatio": 0.004,
            "cum": 0.0,
        }]}],
        "/fapi/v1/premiumIndex": [
            {"symbol": symbol, "markPrice": "60000.1", "indexPrice": "60000", "estimatedSettlePrice": "60000",
             "lastFundingRate": "0.00012345", "interestRate": "0.0001", "nextFundingTime": TIME, "time": TIME - 1}
            for symbol in ("BTCUSDT", "BTCUSDT_270326")
        ],
        "/fapi/v3/positionRisk": [{
            "symbol": "BTCUSDT", "positionSide": "BOTH", "positionAmt": "-0.020", "entryPrice": "60000.5",
            "breakEvenPrice": "0.0", "markPrice": "60000", "unRealizedProfit": "0.01", "liquidationPrice": "0",
            "isolatedMargin": "0", "notional": "-1200", "marginAsset": "USDT", "isolatedWallet": "0",
            "initialMargin": "60", "maintMargin": "4.8", "positionInitialMargin": "60", "openOrderInitialMargin": "0",
            "adl": 2, "bidNotional": "0", "askNotional": "0", "updateTime": TIME, "leverage": "20",
        }],
    }  # fmt: skip

    def info(self, account: Any, params: Any) -> Any:
        [market] = super().info(account, params)["symbols"]
        more = {"marginAsset": "USDT", "orderTypes": ["LIMIT", "MARKET"], "underlyingType": "COIN", "onboardDate": 1}
        return {"symbols": [{**market, **more, "deliveryDate": 4133404800000, "pricePrecision": 2}]}


FULL: dict[str, type[FakeExchange]] = {"Binance": FullBinance, "OKX": FullOKX, "Kraken": FullKraken}
