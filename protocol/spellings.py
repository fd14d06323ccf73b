"""The spellings of an order's parameters: FMZ does not document which of them its host sends.

Each is rewritten to one, before anything else reads them.
"""

from typing import Any

from protocol.errors import InvalidCall
from protocol.models import Symbol

_ID_NAMES = ("id", "orderId", "order_id", "orderid", "OrderId")  # of a modified order


def with_type(order: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of a new order with its ``side``, as CreateOrder calls it, under ``type``. Raises
    InvalidCall where both are there and differ."""
    if "side" not in order:
        return order
    side = order["side"]
    if order.get("type", side) != side:
        raise InvalidCall("type and side differ, and it is not clear which one counts; nothing was sent")
    return {name: value for name, value in order.items() if name != "side"} | {"type": side}


def with_market(order: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of a modified order with its id under ``id``, and the market that an id such as
    ``BTC_USDT,17`` names under ``symbol``: an order's own market is not FMZ's current one. A code that is no symbol of
    FMZ, as in ``BTC-USDT,17``, says nothing. Raises InvalidCall for two ids that differ."""
    given = {name: order[name] for name in _ID_NAMES if name in order}
    rest = {name: value for name, value in order.items() if name not in given}
    if not given:
        return rest
    if len({str(value) for value in given.values()}) > 1:
        raise InvalidCall(f"{' and '.join(given)} differ, and it is not clear which order is meant; nothing was sent")
    [order_id, *_] = given.values()
    market, comma, own_id = str(order_id).rpartition(",")
    named = {"symbol": market} if comma and _names_market(market) else {}
    return {**rest, **named, "id": own_id if comma else order_id}


def _names_market(market: str) -> bool:
    try:
        return bool(Symbol.parse(market).quote)
    except ValueError:
        return False
