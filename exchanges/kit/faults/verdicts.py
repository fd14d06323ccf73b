"""The table ORDERS: fault → the label that an order's error begins with, if no order came about."""

from collections.abc import Mapping

_UNKNOWN = "ORDER_STATE_UNKNOWN"

ORDERS: Mapping[str, str] = {
    "reset unread": _UNKNOWN,  # the connection was made, so bytes may have left
    "reset after head": _UNKNOWN,
    "reset after request": _UNKNOWN,
    "close without answer": _UNKNOWN,
    "hang": _UNKNOWN,
    "drip head": _UNKNOWN,
    "drip body": _UNKNOWN,
    "endless chunks": _UNKNOWN,
    "endless interim": _UNKNOWN,
    "garbage": _UNKNOWN,
    "200 page": _UNKNOWN,
    "200 empty": _UNKNOWN,
    "204": _UNKNOWN,
    "502 page": _UNKNOWN,
    "503 page": _UNKNOWN,
    "503 json": _UNKNOWN,
    "cut body": _UNKNOWN,
    "cut json": _UNKNOWN,
    "big body": _UNKNOWN,
    "bomb": _UNKNOWN,
    "small bomb": _UNKNOWN,
    "wrong encoding": _UNKNOWN,
    "unknown encoding": _UNKNOWN,
    "redirect": _UNKNOWN,
    "redirect with bomb": _UNKNOWN,
    "502 echo": _UNKNOWN,
    "cut echo": _UNKNOWN,
    "headers that echo": _UNKNOWN,
    "400 json": "REFUSED",
    "400 page": "REFUSED",
    "400 echo": "REFUSED",
    "403 page": "REFUSED",
    "401 page": "AUTHENTICATION_FAILED",
}
