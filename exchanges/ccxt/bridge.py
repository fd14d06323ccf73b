"""The classes of ccxt's exchanges, each made when it is first called."""

from types import MappingProxyType
from typing import Any

from exchanges.base import Exchange, Limit
from exchanges.ccxt.client_ids import RULES
from exchanges.ccxt.futures import CcxtFutures
from exchanges.ccxt.library import Library
from exchanges.ccxt.modifying import CcxtModifying
from exchanges.ccxt.names import FUTURES, name_of
from exchanges.ccxt.quirks import CLIENT_ID_PARAMS, MODIFIED_IN_PLACE
from exchanges.ccxt.session import TENTHS
from exchanges.ccxt.spot import CcxtSpot
from exchanges.checks import WrongAdapter

_MANY = 100  # calls' worth of time over which the limit is given: it has whole milliseconds only


def bridge(exchange_id: str, name: str, *, futures: bool) -> type[Exchange]:
    """Return the class of an exchange of ccxt on its spot or its futures route. Raises WrongAdapter where it has none
    of that kind."""
    mode = "swap" if futures else "spot"
    try:
        library = Library(exchange_id, mode)
    except AttributeError:
        raise WrongAdapter("the ccxt library has no exchange of that id") from None
    if not library.trades:
        other = name_of(exchange_id) if futures else FUTURES + name_of(exchange_id)
        raise WrongAdapter(
            f"it has no {'swaps' if futures else 'spot markets'} there; /{other} may have what it trades"
        )
    rule = RULES.get((exchange_id, mode))
    declared: dict[str, Any] = {
        "name": name,
        "url": _https(library.address),
        "testnet": _https(library.test_address),
        "futures": FUTURES + name if not futures and library.sample.has.get("swap") else "",
        "library": library,
        "limits": (limit(library.rate_limit_ms),),
        "periods": MappingProxyType(library.periods()),
        "max_candles": library.feature("fetchOHLCV", "limit") or 500,
        "rule": rule,
        "client_id": rule and rule.form,
        "id_param": CLIENT_ID_PARAMS.get(exchange_id, "clientOrderId"),
        "__module__": __name__,
    }
    kind = CcxtFutures if futures else CcxtSpot
    in_place = (CcxtModifying,) if (exchange_id, mode) in MODIFIED_IN_PLACE else ()
    return type(name, (*in_place, kind), declared)


def limit(rate_limit_ms: float) -> Limit:
    """Return the limit that ccxt's ``rateLimit`` stands for: ms between two calls of cost 1. A call is counted as its
    cost in tenths, of all of an address together, one after the other."""
    costs = {f"{verb} /{tenths}": tenths for verb in ("POST", "DELETE") for tenths in range(1, TENTHS + 1)}
    seconds = _MANY * rate_limit_ms / 1000
    return Limit("calls", _MANY * TENTHS, seconds, costs=costs, burst=TENTHS, reserve=0)


def _https(address: str) -> str:
    return address if address.startswith("https://") else ""
