"""The calls of FMZ that an adapter can answer, and the words for those that it cannot."""

from collections.abc import Mapping

TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "records": ("candles", "records"),
    "order": ("order_reply", "order"),
    "history": ("past_orders", "history"),
    "positions": ("open_positions", "positions"),
}
"""Methods that the base fills from one of an adapter's own."""
WORDS: Mapping[str, str] = {
    "depth": "order book",
    "records": "bars",
    "trades": "list of trades",
    "accounts": "list of balances",
    "trade": "new orders",
    "order": "look-up of orders",
    "orders": "list of open orders",
    "cancel": "cancelling",
    "modify": "call that modifies an order",
    "history": "list of past orders",
    "markets": "list of markets",
    "tickers": "list of tickers",
    "positions": "list of positions",
    "fundings": "funding rates",
}
"""Methods → what an exchange without them lacks, where that has another name."""
INSTEAD_OF_MODIFYING = (
    "Cancel the order with CancelOrder, ask GetOrder what was filled of it, and place a new one for the rest. Nothing "
    "was sent, and the order is as it was"
)
"""The words after those that an exchange cannot modify orders: what to do."""
_BASE = "exchanges.base."


def can(exchange: type, method: str) -> bool:
    """Return True if an exchange has a method: its own, or its own part of the template behind it; ``find`` is that of
    an order by client id."""
    if method == "find":
        return getattr(exchange, "client_id", None) is not None
    own = TEMPLATES.get(method, (method,))
    theirs = [one for one in exchange.__mro__ if not one.__module__.startswith(_BASE)]
    return any(name in vars(one) for one in theirs for name in own)
