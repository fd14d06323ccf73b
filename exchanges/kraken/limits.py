"""Kraken's rate limits, of the lowest tier, because an account's tier cannot be asked for:
https://docs.kraken.com/exchange/guides/rest/ratelimits and …/general/ratelimits

The counters may rise to 15 and 60, and fall by 0.33 and 1 a second, in steps. A cancel adds up to 8 to the second one,
and an amendment up to 4, depending on the order's age, but neither names its market: room is kept for one. Public
calls:
https://support.kraken.com/articles/206548367
"""

from exchanges.base import Cost, Limit

LIMITS = (
    Limit(
        "private calls", 33, 100.0, burst=14, per="account", reserve=0.25,  # 3: a look-up of an unclear order
        costs={
            "POST private/AddOrder": 0,
            "POST private/AddOrderBatch": 0,
            "POST private/AmendOrder": 0,
            "POST private/EditOrder": 0,
            "POST private/CancelOrder": 0,
            "POST private/CancelOrderBatch": 0,
            # A look-up is two calls; the first pays for both, so that the second need not wait.
            "POST private/OpenOrders": Cost(1, having={"cl_ord_id": 3}),
            "POST private/ClosedOrders": Cost(2, having={"cl_ord_id": 0}),
            "POST private/TradesHistory": 2,
            "POST private/QueryTrades": 2,
            "POST private/Ledgers": 2,
            "POST private/QueryLedgers": 2,
            "POST *": 1,
        },
    ),
    Limit(
        "orders of this market", 60, 60.0, burst=50, per="account", by="pair", reserve=0,
        costs={"POST private/AddOrder": 1, "POST private/EditOrder": 7, "POST private/AddOrderBatch": 8},
    ),
    Limit(
        "public calls", 9, 10.0, burst=1, reserve=0,
        costs={"GET public/OHLC": 0, "GET public/Trades": 0, "GET public/*": 1},
    ),
    Limit(
        "candles and trades of this market", 9, 10.0, burst=1, by="pair", reserve=0,
        costs={"GET public/OHLC": 1, "GET public/Trades": 1},
    ),
)  # fmt: skip
