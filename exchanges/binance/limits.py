"""Binance's rate limits; its documentation has the weight of each call beside the call."""

from exchanges.base import Limit, by_limit, without_symbol

_ORDERS = {
    "POST order": 1,
    "POST sor/order": 1,
    "POST order/cancelReplace": 1,
    "PUT order/*": 1,
    "POST order/oco": 3,
    "POST orderList/*": 3,
}

# Amounts: https://developers.binance.com/docs/binance-spot-api-docs/enums, and query-unfilled-order-count: 10 orders a
# second and 50 in ten seconds, hence 6 at once and 42 in ten seconds. 61,000 requests in five minutes would exceed the
# weight, so that limit is not counted.
SPOT = (
    Limit(
        "weight", 6000, 60.0, default=20,
        costs={
            "GET ping": 1,
            "GET time": 1,
            "GET klines": 2,
            "GET uiKlines": 2,
            "GET avgPrice": 2,
            "GET referencePrice*": 2,
            "GET aggTrades": 4,
            "GET order": 4,
            "GET orderList": 4,
            "GET openOrderList": 6,
            "GET trades": 25,
            "GET historicalTrades": 25,
            "GET historicalBlockTrades": 25,
            "GET rateLimit/order": 40,
            "GET depth": by_limit({100: 5, 500: 25, 1000: 50, 5000: 250}, rows=100),
            "GET ticker/price": without_symbol(4, one=2),
            "GET ticker/bookTicker": without_symbol(4, one=2),
            "GET executionRules": without_symbol(40, one=2),
            "GET openOrders": without_symbol(80, one=6),
            "GET ticker/24hr": without_symbol(80, one=2),
            "GET ticker": without_symbol(200, one=4),
            "GET ticker/tradingDay": without_symbol(200, one=4),
            "POST */test": 20,
            "POST /api/v3/*": 1,
            "PUT /api/v3/*": 1,
            "DELETE /api/v3/*": 1,
        },
    ),
    Limit("orders", 42, 10.0, burst=6, per="account", reserve=0, costs=_ORDERS),
    Limit("orders a day", 160_000, 86_400.0, per="account", reserve=0, costs=_ORDERS),
)  # fmt: skip

_FUTURES_ORDERS = {
    "POST order": 1,
    "PUT order": 1,
    "POST algoOrder": 1,
    "PUT algoOrder": 1,
    "POST batchOrders": 5,
    "PUT batchOrders": 5,
}
_BARS = by_limit({99: 1, 499: 2, 1000: 5, 1500: 10}, rows=500)

# Amounts: exchangeInfo.
FUTURES = (
    Limit(
        "weight", 2400, 60.0, default=30,
        costs={
            "GET fundingRate": 0,
            "GET fundingInfo": 0,
            "GET ping": 1,
            "GET time": 1,
            "GET exchangeInfo": 1,
            "GET openInterest": 1,
            "GET indexInfo": 1,
            "GET order": 1,
            "GET openOrder": 1,
            "GET algoOrder": 1,
            "GET constituents": 2,
            "GET trades": 5,
            "GET allOrders": 5,
            "GET userTrades": 5,
            "GET symbolConfig": 5,
            "GET accountConfig": 5,
            "GET forceOrders": 50,
            "GET depth": by_limit({50: 2, 100: 5, 500: 10, 1000: 20}, rows=500),
            "GET ticker/bookTicker": without_symbol(5, one=2),
            "GET premiumIndex": without_symbol(10, one=1),
            "GET assetIndex": without_symbol(10, one=1),
            "GET openAlgoOrders": without_symbol(40, one=1),
            "GET openOrders": without_symbol(40, one=1),
            "GET ticker/24hr": without_symbol(40, one=1),
            "POST countdownCancelAll": 10,
            "POST batchOrders": 5,
            "PUT batchOrders": 5,
            "DELETE batchOrders": 5,
            "POST convert/*": 200,
            "POST /fapi/v1/*": 1,
            "PUT /fapi/v1/*": 1,
            "DELETE /fapi/v1/*": 1,
            "GET /futures/data/*": 0,
            "GET /fapi/v?/ticker/price": without_symbol(2, one=1),
            "GET /fapi/v?/balance": 5,
            "GET /fapi/v?/account": 5,
            "GET /fapi/v?/positionRisk": 5,
            "GET /fapi/v1/*klines": _BARS,
            "GET /fapi/v1/*Klines": _BARS,
            "GET /fapi/v1/*/asyn": 300,  # 1000, but only a few a month are allowed
        },
    ),
    Limit("orders", 300, 10.0, per="account", reserve=0, costs=_FUTURES_ORDERS),
    Limit("orders a minute", 1200, 60.0, per="account", reserve=0, costs=_FUTURES_ORDERS),
    Limit("funding rates", 500, 300.0, reserve=0, costs={"GET fundingRate": 1, "GET fundingInfo": 1}),
    Limit("statistics", 1000, 300.0, reserve=0, costs={"GET /futures/data/*": 1}),
)  # fmt: skip
