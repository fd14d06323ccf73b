"""Checks of an adapter's readers: the replies of its conversations are changed, and the answers must follow, or not."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from exchanges.base import FuturesExchange
from exchanges.base.abilities import can
from exchanges.kit.conversations import Conversation
from exchanges.kit.subject import Failed, NotClaimed, Path, Subject, changed, containers, leaves, number

_DIGITS = Decimal("0.123456789012345678")  # more than a double has
_NO_STATE = {str: "fmz_no_such_state", int: 98_765, Decimal: Decimal(98_765), bool: "fmz_no_such_state"}
_BOOK = ("asks", "bids")


def digits_out(subject: Subject) -> str:
    """Check that an order's price and amount are sent to the digit."""
    _needs(subject, "trade")
    limit = next(filter(_has_price, subject.successes("trade")), None)
    if limit is None:
        raise Failed("add a limit order that succeeds to trade.json")
    wrong_digits(subject, limit)
    return "price and amount of an order"


def wrong_digits(subject: Subject, order: Conversation) -> None:
    """Raise Failed if an order that is placed or modified, in the last request of a conversation, loses a digit."""
    price, amount = "12345.678901234567", "2345" if _counts(subject) else "0.12345678901234567"
    params = {**order.asked["params"], "price": price, "amount": amount}
    sent, answer = subject.ask(replace(order, asked={**order.asked, "params": params}))
    text = sent[-1].url + sent[-1].body if sent else ""
    for name, digits in (("price", price), ("amount", amount)):
        if digits not in text:
            raise Failed(f"{order.method}: the {name} {digits} is not in the request as it is; the answer was {answer}")


def digits_back(subject: Subject) -> str:
    """Check that an order's numbers come back to the digit."""
    order = _shown_order(subject)
    body, data = order.got[-1].body, order.answered["data"]
    for name in ("price", "amount"):
        wanted = number(data[name])
        places = [path for path, leaf in leaves(body) if wanted and number(leaf) == wanted]
        if not any(_follows(subject, order, path, name) for path in places):
            raise Failed(f"order: the {name} of a reply is not answered to the digit: read it with exact()")
    return "price and amount of an order"


def _follows(subject: Subject, order: Conversation, path: Path, name: str) -> bool:
    given = next(leaf for place, leaf in leaves(order.got[-1].body) if place == path)
    longer = Decimal(str(given)) + _DIGITS
    value = str(longer) if isinstance(given, str) else longer
    answer = subject.answer(order, changed(order.got[-1].body, path, value))
    return "data" in answer and number(answer["data"][name]) == longer


def states(subject: Subject) -> str:
    """Check that each state in ``statuses`` is answered as it says, and that an unknown one is an error."""
    order = _shown_order(subject)
    statuses = subject.kind.statuses
    if not statuses:
        raise Failed('statuses is empty: write all states of the documentation, as {"new": Status.OPEN}')
    body = order.got[-1].body
    for path, leaf in leaves(body):
        if str(leaf) not in statuses:
            continue
        unknown = subject.answer(order, changed(body, path, _NO_STATE[type(leaf)]))
        if "error" not in unknown:
            continue  # not what the state is read from
        for word, status in statuses.items():
            value = word if isinstance(leaf, str) else type(leaf)(word)
            shown = subject.answer(order, changed(body, path, value))
            if "data" in shown and shown["data"]["status"] != status.value:
                raise Failed(f"order: the state {word!r} is answered as {shown['data']['status']}, not as {status}")
        return f"{len(statuses)} states, and an unknown one is an error"
    raise Failed("order: an unknown state of an order is not an error: read it by statuses, never guess it")


def bars(subject: Subject) -> str:
    """Check that bars are answered in ascending order and once each, however they come."""
    _needs(subject, "records")
    return _in_order(subject, "records", lambda row: row[0], "bars", repeat=True)


def trades(subject: Subject) -> str:
    """Check that trades are answered in ascending order, however they come."""
    _needs(subject, "trades")
    return _in_order(subject, "trades", lambda row: row["time"], "trades", repeat=False)


def _in_order(subject: Subject, method: str, time: Callable[[Any], int], what: str, *, repeat: bool) -> str:
    for case in subject.successes(method):
        body = case.got[-1].body
        for path, rows in containers(body):
            if not _is_table(rows) or len(rows) < 2:
                continue
            other = [*reversed(rows), rows[0]] if repeat else [*reversed(rows)]
            data = subject.answer(case, changed(body, path, other)).get("data") or []
            times = [time(row) for row in data]
            if times != sorted(times) or sorted(data, key=str) != sorted(case.answered["data"], key=str):
                raise Failed(f"{method}: {what} that come in another order, or twice, are answered so: {data}")
            return f"{len(rows)} {what}, reversed" + (" and one twice" if repeat else "")
    raise Failed(f"add a case that succeeds with at least two {what} to {method}.json")


def book(subject: Subject) -> str:
    """Check that an order book is answered sorted, however it comes."""
    _needs(subject, "depth")
    for case in subject.successes("depth"):
        body = turned = case.got[-1].body
        for path, rows in containers(body):
            if _is_table(rows):
                turned = changed(turned, path, [*reversed(rows)])
        if turned == body:
            continue
        data = subject.answer(case, turned).get("data")
        if not data or any(data[side] != case.answered["data"][side] for side in _BOOK):
            raise Failed(f"depth: a book that comes in another order is answered so: {data}")
        return "each side reversed"
    raise Failed("add a case that succeeds with at least two prices on a side to depth.json")


def empty(subject: Subject) -> str:
    """Check that an empty account, book and list of open orders are answered as empty, not as errors."""
    shown = []
    for method, what in (("accounts", "account"), ("orders", "list of open orders"), ("depth", "book")):
        if not can(subject.kind, method):
            continue
        answers = (
            subject.answer(case, body) for case in subject.successes(method) for body in _emptied(case.got[-1].body)
        )
        if not any(map(_is_empty, answers)):
            raise Failed(f"{method}: no reply that lists nothing is answered as an empty {what}")
        shown.append(what)
    if not shown:
        raise NotClaimed
    return ", ".join(shown)


def _emptied(body: Any) -> Iterator[Any]:
    """Yield copies of a body with all of its tables empty, and with one list or object empty."""
    without_rows = body
    for path, rows in containers(body):
        if _is_table(rows):
            without_rows = changed(without_rows, path, [])
    yield without_rows
    for path, rows in containers(body):
        if rows:
            yield changed(body, path, type(rows)())


def _is_table(value: Any) -> bool:
    """Return True for a list of rows that have nothing but numbers and texts."""
    if not isinstance(value, list) or not value or not isinstance(value[0], list | Mapping):
        return False
    return not any(isinstance(cell, list | Mapping) for path, cell in containers(value[0]) if path)


def _is_empty(answer: Mapping[str, Any]) -> bool:
    data = answer.get("data")
    return data == [] or (isinstance(data, Mapping) and all(data.get(side) == [] for side in _BOOK))


def models(subject: Subject) -> str:
    """Check that the adapter's methods give what their models say, in all conversations."""
    if subject.played and subject.observed.wrong:
        raise Failed("; ".join(dict.fromkeys(subject.observed.wrong)))
    return "the types of every field"


def _shown_order(subject: Subject) -> Conversation:
    """Return a conversation that shows an order with a price, open if there is one."""
    _needs(subject, "order")
    shown = [one for one in subject.of("order", "data") if one.sent and number(one.answered["data"]["price"])]
    if not shown:
        raise Failed("add a case that shows an order with a price to order.json")
    return next((one for one in shown if one.answered["data"]["status"] == "open"), shown[0])


def _needs(subject: Subject, method: str) -> None:
    if not can(subject.kind, method):
        raise NotClaimed


def _has_price(case: Conversation) -> bool:
    price = number(case.asked["params"].get("price"))
    return bool(price and price > 0)


def _counts(subject: Subject) -> bool:
    """Return True where amounts are whole contracts."""
    return issubclass(subject.kind, FuturesExchange)
