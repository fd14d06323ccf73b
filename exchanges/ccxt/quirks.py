"""Lists, by ccxt's ids, the things that single exchanges need beyond what their classes say."""

from collections.abc import Mapping
from typing import Any

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
OPTIONS: Mapping[str, Mapping[str, Any]] = {"okx": _OKX, "okxus": _OKX, "myokx": _OKX}
"""Options of ccxt that are set."""

CLIENT_ID_PARAMS: Mapping[str, str] = {"toobit": "newClientOrderId"}
"""The parameter that carries a client id through ccxt, where it is not ``clientOrderId``."""
