"""The exchanges of ccxt that are given client order ids, and how an order is found by one.

ccxt passes an id on to almost every exchange, often under a name that the exchange does not know, so only those are
here for which a test shows the id in the order's request under the exchange's own name, and the look-up that finds it.
All others are treated as exchanges without client order ids.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exchanges.base import ALPHANUMERIC, ClientId

_PLAIN = ClientId(22, ALPHANUMERIC)
"""128 bits in letters and digits, which all exchanges here accept."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """A call that returns the order with a client id, or a list where it is.

    method: of ccxt; one of the exchange's own resources if it is not ``unified``. client_id, symbol: the parameters'
    names; no client id is asked for where its name is empty.
    """

    method: str
    client_id: str = "clientOrderId"
    symbol: str = ""
    unified: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """The client ids of one exchange. form: their length and letters. native: the exchange's own name of one in a new
    order's request. look_ups: calls that find an order, tried one after the other, open orders first."""

    form: ClientId
    native: str
    look_ups: tuple[LookUp, ...]


_FETCH = (LookUp("fetch_order", unified=True),)
_BINANCE = Rule(_PLAIN, "newClientOrderId", _FETCH)
_OKX = Rule(_PLAIN, "clOrdId", _FETCH)

RULES: Mapping[tuple[str, str], Rule] = {
    ("binance", "spot"): _BINANCE,
    ("binanceus", "spot"): _BINANCE,
    ("binanceusdm", "swap"): _BINANCE,
    ("okx", "spot"): _OKX,
    ("okxus", "spot"): _OKX,
    ("myokx", "spot"): _OKX,
    ("myokx", "swap"): _OKX,
    ("kraken", "spot"): Rule(
        ClientId(32, "0123456789abcdef"),  # a UUID without dashes
        "cl_ord_id",
        (LookUp("fetch_open_orders", unified=True), LookUp("fetch_closed_orders", unified=True)),
    ),
    ("bingx", "spot"): Rule(
        _PLAIN, "newClientOrderId", (LookUp("spotV1PrivateGetTradeQuery", "clientOrderID", "symbol"),)
    ),
    ("weex", "spot"): Rule(_PLAIN, "newClientOrderId", _FETCH),
    # Its resource for one client id cannot be asked: ccxt signs that call with a parameter that it does not send.
    ("xt", "spot"): Rule(
        _PLAIN,
        "clientOrderId",
        (
            LookUp("fetch_open_orders", "", unified=True),
            LookUp("fetch_closed_orders", "", unified=True),
            LookUp("fetch_canceled_orders", "", unified=True),
        ),
    ),
    ("whitebit", "spot"): Rule(
        _PLAIN,
        "clientOrderId",
        (
            LookUp("v4PrivatePostOrders", "clientOrderId", "market"),
            LookUp("v4PrivatePostTradeAccountOrderHistory", "clientOrderId", "market"),
        ),
    ),
    ("toobit", "spot"): Rule(_PLAIN, "newClientOrderId", (LookUp("privateGetApiV1SpotOrder", "origClientOrderId"),)),
}
"""ccxt's id of an exchange and the mode → its rule."""


def look_up_row(ccxt: Any, look: LookUp, name: str, client_id: str) -> Any:
    """Return ccxt's row of the order that one look-up finds, None if it finds none. name: the market's, in ccxt."""
    method = getattr(ccxt, look.method)
    if look.unified:
        where = ("", name) if look.method == "fetch_order" else (name, None, None)
        found = method(*where, {look.client_id: client_id} if look.client_id else {})
        rows = [found] if isinstance(found, dict) else found
        return next((row for row in rows if str(row["clientOrderId"]).replace("-", "") == client_id), None)
    market = ccxt.market(name)
    asked = {look.client_id: client_id} | ({look.symbol: market["id"]} if look.symbol else {})
    row = _row_with(method(asked), client_id)
    return ccxt.parse_order(row, market) if row else None


def _row_with(reply: Any, client_id: str) -> Any:
    """Return the object in a reply that has our id as a value, None if none has."""
    if isinstance(reply, dict) and client_id in [value for value in reply.values() if isinstance(value, str)]:
        return reply
    inner = reply.values() if isinstance(reply, dict) else reply if isinstance(reply, list) else ()
    return next((row for part in inner if (row := _row_with(part, client_id))), None)
