"""Tells, by ccxt's ids, how an order names its position on an account in hedge mode, where the long and the short
position of a market are kept apart.

ccxt has a parameter for it, ``hedged``, which some classes overlook, and with which others name the wrong position when
an order closes. So it is used only where a test shows what the exchange is sent.
"""

from collections.abc import Callable, Mapping

from exchanges.base import NewOrder, PositionSide

UNIFIED = frozenset({
    "binancecoinm", "binanceusdm", "bingx", "bitget", "bybit", "bybitid", "bydfi", "kucoin", "kucoinfutures", "myokx",
    "phemex",
})  # fmt: skip
"""Exchanges that ``hedged`` is right for."""

WORDS: Mapping[str, tuple[str, Mapping[PositionSide, str]]] = {
    "blofin": ("positionSide", {PositionSide.LONG: "long", PositionSide.SHORT: "short"}),
    "poloniex": ("posSide", {PositionSide.LONG: "LONG", PositionSide.SHORT: "SHORT"}),
}
"""Exchanges that take their own parameter through ccxt → its name, and their words for the two positions."""

ALWAYS_NAMED = frozenset({
    "bitrue", "deepcoin", "digifinex", "gate", "hashkey", "mexc", "toobit", "weex", "xt",
})  # fmt: skip
"""Exchanges whose orders say in either mode which position they open or close, so that the mode need not be known."""

NOT_REDUCE_ONLY = frozenset({
    "bigone", "bitstamp", "bullish", "cryptocom", "gemini", "onetrading", "whitebit", "zebpay",
})  # fmt: skip
"""Exchanges whose classes cannot mark an order as reduce-only: it would go out as one that may open a position."""

LEVERAGE_SIDES: Mapping[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "bingx": ("side", ("BOTH",), ("LONG", "SHORT")),
    "xt": ("positionSide", ("LONG", "SHORT"), ("LONG", "SHORT")),
}
"""Exchanges that set a leverage for one side of the positions → the parameter, the sides in one-way mode, and in hedge
mode."""


def names_positions(exchange_id: str) -> bool:
    """Return True if an order can name its position in hedge mode."""
    return exchange_id in UNIFIED or exchange_id in WORDS


def position_params(exchange_id: str, order: NewOrder, side: PositionSide, *, hedged: bool) -> dict[str, object]:
    """Return the parameters by which an order opens or closes a position, and never does the other. side: of the
    position. hedged: True if the account keeps the positions of a market apart."""
    if hedged and exchange_id in WORDS:
        name, words = WORDS[exchange_id]
        return {name: words[side]}  # with its side, this says that it closes
    return {**({"hedged": True} if hedged else {}), **({"reduceOnly": True} if order.closes else {})}


def leverage_params(exchange_id: str, hedged: Callable[[], bool]) -> list[dict[str, str]]:
    """Return the parameters of each call that sets a leverage. hedged: asked where it matters."""
    if exchange_id not in LEVERAGE_SIDES:
        return [{}]
    name, one_way, apart = LEVERAGE_SIDES[exchange_id]
    return [{name: side} for side in (apart if hedged() else one_way)]
