"""OKX's rate limits, calls of each resource in two seconds: https://www.okx.com/docs-v5/en/#overview-rate-limits, and
beside each resource."""

from collections.abc import Mapping
from typing import Literal

from exchanges.base import Limit

# (calls, whose calls count together, parameter whose values are counted separately) → resources.
_LIMITS: Mapping[tuple[int, Literal["address", "account"], str], list[str]] = {
    (10, "address", ""): ["GET public/time", "GET market/books-full", "GET market/history-trades"],
    (20, "address", ""): [
        "GET market/ticker", "GET market/tickers", "GET market/history-candles", "GET market/index-tickers",
    ],
    (40, "address", ""): ["GET market/books", "GET market/candles"],
    (100, "address", ""): ["GET market/trades"],
    (20, "address", "instType"): ["GET public/instruments", "GET public/open-interest"],
    (10, "address", "instId"): ["GET public/funding-rate", "GET public/funding-rate-history", "GET public/mark-price"],
    (20, "address", "instId"): ["GET public/price-limit"],
    (5, "account", ""): ["GET account/config", "GET account/trade-fee", "POST account/set-position-mode"],
    (10, "account", ""): [
        "GET account/balance", "GET account/positions", "GET account/positions-history", "GET account/bills",
        "GET trade/fills-history",
    ],
    (20, "account", ""): [
        "GET account/leverage-info", "GET account/max-size", "POST account/set-leverage",
        "GET trade/orders-history-archive", "GET trade/orders-algo-pending", "GET trade/order-algo",
        "POST trade/cancel-algos",
    ],
    (40, "account", ""): ["GET trade/orders-history"],
    (60, "account", ""): ["GET trade/orders-pending", "GET trade/fills"],
    (20, "account", "instId"): ["POST trade/close-position", "POST trade/order-algo"],
    (60, "account", "instId"): [
        "GET trade/order", "POST trade/order", "POST trade/amend-order", "POST trade/cancel-order",
    ],
}  # fmt: skip
_KNOWN = [resource for resources in _LIMITS.values() for resource in resources]

LIMITS = (
    *(
        Limit(resource, amount, 2.0, per=per, by=by, reserve=0, costs={resource: 1})
        for (amount, per, by), resources in _LIMITS.items()
        for resource in resources
    ),
    Limit(
        "orders", 1000, 2.0, per="account", reserve=0,
        costs={
            "POST trade/order": 1,
            "POST trade/amend-order": 1,
            "POST trade/batch-orders": 20,
            "POST trade/amend-batch-orders": 20,
        },
    ),
    # For other resources, the strictest limit of those that strategies use.
    Limit("other calls", 5, 2.0, per="account", default=1, costs=dict.fromkeys(_KNOWN, 0)),
)  # fmt: skip
