"""The names of FMZ's calls: the spellings of each, and the calls that no exchange is asked for."""

from collections.abc import Mapping

PASS_THROUGH = "__api_"  # nosec B105  # noqa: S105 - no password
"""The beginning of a pass-through's name; a resource of the exchange follows."""

ONE_MARKET = ("ticker", "depth", "records", "trades", "order")
"""The reads of one market."""
PUBLIC = ("ticker", "depth", "records", "trades", "tickers", "fundings")
"""The reads of market data, which are the same for everyone."""
KEYLESS = (*PUBLIC, "markets")
"""The reads that need no key."""
CHANGES = ("trade", "modify", "cancel")
"""The calls that place, modify or cancel an order."""

_CONDITION = (
    "orders with a condition. Nothing was sent. Watch the price in the strategy, and place a plain order with Buy, "
    "Sell or CreateOrder when it is reached; or make the exchange's own call with exchange.IO"
)
REFUSED: Mapping[str, str] = {
    "createconditionorder": _CONDITION,
    "cancelconditionorder": _CONDITION,
    "conditionorder": _CONDITION,
    "conditionorders": _CONDITION,
    "historyconditionorders": _CONDITION,
}
"""Calls that no exchange is asked for → what is not supported, and what to do instead."""

_LISTS = ("accounts", "assets", "orders", "historyorders", "positions", "markets", "tickers", "fundings")
_SINGULAR = {"account": "accounts", "position": "positions"}
_READS = {name: name for name in (*ONE_MARKET, *_LISTS, *REFUSED)} | _SINGULAR
_SPELLINGS = {
    **_READS,
    **{f"get{spelling}": name for spelling, name in _READS.items()},
    **{"trade": "trade", "createorder": "trade", "modify": "modify", "modifyorder": "modify"},
    **{"cancel": "cancel", "cancelorder": "cancel", "io": "io"},
}
"""Spellings in small letters, without underscores → our names. None that begins with ``get`` changes anything."""


def method_name(spelling: str) -> str:
    """Return our name of a call, empty for an unknown one: ``GetOrders``, ``get_orders``, ``getorders`` and ``Orders``
    are ``orders``."""
    return _SPELLINGS.get(spelling.lower().replace("_", ""), "")
