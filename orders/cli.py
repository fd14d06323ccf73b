"""``fmz-gateway orders``: list the journal, and resolve by hand the orders that no exchange can be asked for."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from orders.intents import OPEN, Intent, State
from orders.journal import Journal
from protocol.errors import NotSent
from protocol.numbers import plain

_TITLES = ("id", "created (UTC)", "exchange", "account", "symbol", "side", "price", "amount", "state", "order")
_COLUMNS = "{:<36} {:<19} {:<16} {:<8} {:<16} {:<4} {:>14} {:>14} {:<8} {}"


def main(journal: Journal, arguments: Sequence[str]) -> int:
    """Run one command; return the process's exit status."""
    parser = argparse.ArgumentParser(prog="fmz-gateway orders", description="The journal of orders.")
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="orders whose outcome is unknown")
    listing.add_argument("--all", action="store_true", help="the latest 100 orders, whatever their outcome")
    show = commands.add_parser("show", help="all details of one order")
    resolve = commands.add_parser("resolve", help="set the outcome of an order by hand")
    outcome = resolve.add_mutually_exclusive_group(required=True)
    outcome.add_argument("--order", metavar="ID", help="it exists at the exchange, with this id")
    outcome.add_argument("--none", action="store_true", help="it does not exist")
    for command in (show, resolve):
        command.add_argument("client_id", metavar="CLIENT_ID", help="the first word after ORDER_STATE_UNKNOWN")
    options = parser.parse_args(arguments)
    if options.command == "list":
        found = journal.list_orders(everything=options.all)
        print(_COLUMNS.format(*_TITLES))
        print(*map(_line, found), sep="\n", end="\n" if found else "")
        return 0
    intent = journal.get(options.client_id)
    if intent is None:
        return _fail(f"there is no order {options.client_id}")
    if options.command == "show":
        print(_details(intent))
        return 0
    if intent.state not in OPEN:
        return _fail(f"{intent.client_id} is {intent.state} already")
    if not intent.is_abandoned(journal.now()):
        return _fail(f"{intent.client_id} is still in progress: wait until {_time(intent.expires_ms)} UTC")
    journal.decide(_resolve_by_hand(intent, options.order))
    print(_details(journal.get(intent.client_id) or intent))
    return 0


def _resolve_by_hand(intent: Intent, order_id: str | None) -> Intent:
    intent = replace(intent, told_ms=intent.told_ms or intent.expires_ms)
    if order_id is not None:
        return replace(intent, state=State.ACCEPTED, order_id=order_id)
    said = f"{intent.exchange} has no order {intent.client_id}: resolved by hand; it is safe to try again"
    return replace(intent, state=State.ABSENT, reply=str(NotSent(said)))


def _fail(reason: str) -> int:
    print(f"fmz-gateway: {reason}", file=sys.stderr)
    return 1


def _line(intent: Intent) -> str:
    return _COLUMNS.format(
        intent.client_id,
        _time(intent.created_ms),
        intent.exchange,
        intent.account[:8],
        str(intent.symbol),
        intent.side,
        _price(intent),
        plain(intent.amount),
        intent.state,
        "" if intent.order_id is None else intent.order_id,
    )


def _details(intent: Intent) -> str:
    facts = {
        "id": intent.client_id,
        "exchange": intent.exchange,
        "account": intent.account,
        "nonce": intent.nonce or "none",
        "order": f"{intent.side} {plain(intent.amount)} {intent.symbol} at {_price(intent)}",
        "closes": "a position" if intent.closes else "nothing",
        "created": _time(intent.created_ms),
        "state": intent.state,
        "exchange's id": "not known" if intent.order_id is None else intent.order_id,
        "told unknown": _time(intent.told_ms) if intent.told_ms else "no",
        "id given to": intent.answered_as or "nobody yet",
        "reply": intent.reply or "none",
    }
    return "\n".join(f"{name:<14} {value}" for name, value in facts.items())


def _price(intent: Intent) -> str:
    return "market" if intent.price is None else plain(intent.price)


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
