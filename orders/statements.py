"""The journal's statements for every order."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import BindParameter, Boolean, ColumnElement, and_, bindparam, case, insert, literal, or_

from orders.intents import OPEN, State
from orders.table import ORDERS
from prepared import Prepared

_C = ORDERS.c


def _is_in(column: Any, values: Iterable[str]) -> ColumnElement[bool]:
    found: ColumnElement[bool] = column.in_([literal(value) for value in values])  # a list would be expanded each time
    return found


def _within(after: str) -> ColumnElement[bool]:
    """Return the condition for an order that was reported, or else ended, after a time."""
    after_ms: BindParameter[int] = bindparam(after)
    return or_(_C.told_ms > after_ms, and_(_C.told_ms == 0, _C.expires_ms > after_ms))


def _update(where: ColumnElement[bool], *columns: str, **values: Any) -> Prepared:
    """Return a change of the order ``of``. columns: those that are given with it, by their names."""
    given: dict[str, Any] = {column: bindparam(f"new_{column}") for column in columns}
    return Prepared(ORDERS.update().where(_C.client_id == bindparam("of"), where).values(given | values))


_UNRESOLVED = _is_in(_C.state, OPEN)
_UNANSWERED = _C.answered_as == ""
_SAME_NONCE = and_(
    _C.exchange == bindparam("exchange"), _C.account == bindparam("account"), _C.nonce == bindparam("nonce")
)
_SAME_ID = _C.client_id == bindparam("client_id")

BY_ID = Prepared(ORDERS.select().where(_SAME_ID))
OF_NONCE = Prepared(ORDERS.select().where(_SAME_NONCE).order_by(_C.created_ms).limit(1))
OF_REQUEST = Prepared(ORDERS.select().where(or_(_SAME_NONCE, _SAME_ID)).order_by(_C.created_ms))
BLOCKS = Prepared(
    ORDERS.select()
    .where(
        _C.exchange == bindparam("exchange"),
        _C.account == bindparam("account"),
        _C.market_name.in_([bindparam("market_name"), bindparam("symbol")]),  # the second in orders of 0.1.0
        _C.side == bindparam("side"),
        _C.closes == bindparam("closes"),
        _is_in(_C.state, (*OPEN, State.ACCEPTED)),
        _UNANSWERED,
        or_(_within("after_ms"), and_(_C.state != literal(State.ACCEPTED), _within("unknown_after_ms"))),
    )
    .order_by(_C.created_ms)
)
"""The orders of a line that are unresolved, or whose id no caller was given."""

INSERT = Prepared(insert(ORDERS))
DELETE = Prepared(ORDERS.delete().where(_SAME_ID))
# In the row both times may have been moved since the intent was read.
_TOLD = case((_C.told_ms > 0, _C.told_ms), else_=_C.expires_ms)
DECIDE = _update(
    _UNRESOLVED, "state", "order_id", "reply", told_ms=case((bindparam("is_told", type_=Boolean), _TOLD), else_=0)
)
MARK_UNKNOWN = _update(_UNRESOLVED, "unclear_since_ms", state=literal(State.UNKNOWN))
MARK_REPORTED = _update(_UNRESOLVED, "told_ms", state=literal(State.UNKNOWN))
MARK_DELIVERED = _update(_UNANSWERED, answered_as=_C.client_id)
MARK_UNDELIVERED = _update(_UNANSWERED, "told_ms")
COUNT_LOOK = _update(_UNRESOLVED, "looked_ms", "look_count")
