"""Replies of the real exchanges, by route: a ticker whose last price is 3.5, and the lists of futures."""

from collections.abc import Iterable
from typing import Any

TICKERS = {
    "bitgo": '{"data": {"buy": 1, "sell": 2, "last": 3.5, "high": 4, "low": 0.5, "vol": 6}}',
    "coinpark": '{"result": {"buy": 1, "sell": 2, "last": 3.5, "high": 4, "low": 0.5, "vol": 6, "timestamp": 1}}',
    "binance": '{"bidPrice": "1", "askPrice": "2", "lastPrice": "3.5", "highPrice": "4", "lowPrice": "0.5",'
    ' "volume": "6", "closeTime": 1700000000000}',
    "okx": '{"code": "0", "msg": "", "data": [{"bidPx": "1", "askPx": "2", "last": "3.5", "high24h": "4",'
    ' "low24h": "0.5", "vol24h": "6", "ts": "1700000000000"}]}',
    "kraken": '{"error": [], "result": {"LTCCNY": {"b": ["1", "1", "1"], "a": ["2", "1", "1"], "c": ["3.5", "1"],'
    ' "h": ["4", "4"], "l": ["0.5", "0.5"], "v": ["6", "6"]}}}',
    "indodax": '{"ticker": {"buy": "1", "sell": "2", "last": "3.5", "high": "4", "low": "0.5", "vol_ltc": "6",'
    ' "vol_cny": "20", "server_time": 1700000000}}',
    "hotcoin": '{"status": "ok", "timestamp": 1700000000, "ticker": [{"symbol": "ltc_cny", "buy": 1, "sell": 2,'
    ' "last": 3.5, "high": 4, "low": 0.5, "vol": 6, "change": 1}]}',
}
TICKERS |= {
    # Its ticker and the best of its book.
    "futures_bitunix": '{"code": 0, "msg": "", "data": [{"lastPrice": "3.5", "high": "4", "low": "0.5", "baseVol": "6",'
    ' "quoteVol": "21", "asks": [["2", "1"]], "bids": [["1", "1"]]}]}',
}
TICKERS |= {"futures_binance": TICKERS["binance"], "futures_okx": TICKERS["okx"]}


def markets_of(bases: Iterable[str]) -> dict[str, Any]:
    """Return the lists of markets, which futures are asked for first, with a perpetual swap of each base."""
    return {
        "futures_binance": {
            "symbols": [
                {"symbol": f"{base}USDT", "contractType": "PERPETUAL", "status": "TRADING", "baseAsset": base}
                | {"quoteAsset": "USDT", "filters": []}
                for base in bases
            ]
        },
        "futures_okx": {
            "code": "0",
            "msg": "",
            "data": [
                {"instId": f"{base}-USDT-SWAP", "alias": "", "state": "live", "tickSz": "0.01", "lotSz": "1"}
                | {"minSz": "1", "maxLmtSz": "1000", "ctVal": "1", "ctMult": "1", "ctValCcy": base}
                for base in bases
            ],
        },
        "futures_bitunix": {
            "code": 0,
            "msg": "",
            "data": [
                {"symbol": f"{base}USDT", "base": base, "quote": "USDT", "symbolStatus": "OPEN"}
                | {"minTradeVolume": "1", "basePrecision": 0, "quotePrecision": 2}
                for base in bases
            ],
        },
    }
