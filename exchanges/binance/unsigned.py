"""Binance's calls without a signature, as ``VERB resource`` with ``*`` for anything."""

SPOT_UNSIGNED = (
    "* ping", "* time", "* exchangeInfo", "* executionRules", "* depth", "* trades", "* historicalTrades",
    "* aggTrades", "* klines", "* uiKlines", "* avgPrice", "* referencePrice*", "* ticker", "* ticker/*",
    "* /sapi/v1/system/status",
)  # fmt: skip

FUTURES_UNSIGNED = (
    "* /fapi/v?/ping", "* /fapi/v?/time", "* /fapi/v?/exchangeInfo", "* /fapi/v?/depth", "* /fapi/v?/trades",
    "* /fapi/v?/aggTrades", "* /fapi/v?/*klines", "* /fapi/v?/*Klines", "* /fapi/v?/premiumIndex",
    "* /fapi/v?/fundingRate", "* /fapi/v?/fundingInfo", "* /fapi/v?/ticker/*", "* /fapi/v?/openInterest",
    "* /fapi/v?/indexInfo", "* /fapi/v?/assetIndex", "* /fapi/v?/constituents", "* /fapi/v?/insuranceBalance",
    "* /fapi/v?/symbolAdlRisk", "* /futures/data/*",
)  # fmt: skip
