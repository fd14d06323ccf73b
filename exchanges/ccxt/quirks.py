"""Lists, by ccxt's ids, the things that single exchanges need beyond what their classes say."""

from collections.abc import Mapping
from typing import Any

from exchanges.base import OrderNotFound, OutcomeUnknown
from protocol.errors import GatewayError

NEUTRAL: Mapping[str, str] = dict.fromkeys(
    ("htx", "bittrade", "okx", "okxus", "myokx", "coinbase", "cryptocom", "phemex", "woofipro", "modetrade"), "fmz"
)
"""Exchanges whose classes cannot do without a broker's id in an order, or take ccxt's own if there is none → what they
are given. ApeX, BloFin and Derive check theirs, so that ccxt's own stays there."""

BROKER_HEADERS = frozenset({
    "apca-partner-id", "broker-id", "input-source", "open-api-partner", "paradex-partner", "referer", "referrer",
    "source", "x-bb-api-platform", "x-bitopro-api", "x-channel-api-code", "x-fb-client", "x-gate-channel-id",
    "x-source-key",
})  # fmt: skip
"""Headers, in small letters, that name a broker and are not sent; none of them is signed."""

_OKX = {"createOrder": "privatePostTradeOrder"}  # ccxt sends batches of one, which have another limit
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "bitvavo": {"operatorId": 1},  # of the account's trader or bot, a number of one's own, which orders must have
    "okx": _OKX,
    "okxus": _OKX,
    "myokx": _OKX,
}
"""Options of ccxt that are set."""

KEYED_DATA = frozenset({"alpaca", "coinspot", "luno", "mudrex"})
"""Exchanges that want keys for some of their public data, such as the list of markets."""

CLIENT_ID_PARAMS: Mapping[str, str] = {"toobit": "newClientOrderId"}
"""The parameter that carries a client id through ccxt, where it is not ``clientOrderId``."""

CODES: Mapping[str, Mapping[str, type[GatewayError]]] = {
    "p2b": {"2030": OrderNotFound},  # "Order not found"
    "xt": {
        "ORDER_005": OrderNotFound,  # "Order not exist"
        "COMMON_002": OutcomeUnknown,  # "System busy, please try it later"
        "COMMON_003": OutcomeUnknown,  # "Operation failed, please try it later"
    },
}
"""Error codes that ccxt takes for something else, of exchanges that send no words with them."""

MODIFIED_IN_PLACE = frozenset({("okx", "spot"), ("kraken", "spot"), ("binanceusdm", "swap")})
"""Exchanges and the mode whose ``editOrder`` is one request that keeps the order's id, as a test of each shows;
elsewhere it is a cancel and a new order, or nobody has looked."""

CANCELLED_BY_REPLY = frozenset({"whitebit"})
"""Exchanges that answer a cancellation with the order as it was, and then forget it unless something was filled."""
