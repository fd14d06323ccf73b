"""``fmz-gateway orders``: what the journal knows, and a person's answer where no exchange can give one."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from orders.journal import OPEN, Intent, Journal, State
from protocol.errors import NotSent
from protocol.numbers import plain

_TITLES = ("id", "created (UTC)", "exchange", "account", "symbol", "side", "price", "amount", "state", "order")
_COLUMNS = "{:<36} {:<19} {:<16} {:<8} {:<16} {:<4} {:>14} {:>14} {:<8} {}"


def main(journal: Journal, arguments: Sequence[str]) -> int:
    """Run one command; the process's exit status."""
    parser = argparse.ArgumentParser(prog="fmz-gateway orders", description="The journal of orders.")
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="orders whose outcome is not known")
    listing.add_argument("--all", action="store_true", help="the latest 100 orders, whatever became of them")
    show = commands.add_parser("show", help="everything known of one order")
    resolve = commands.add_parser("resolve", help="say what became of an order whose outcome is not known")
    answer = resolve.add_mutually_exclusive_group(required=True)
    answer.add_argument("--order", metavar="ID", help="it exists at the exchange, with this id")
    answer.add_argument("--none", action="store_true", help="it does not exist")
    for command in (show, resolve):
        command.add_argument("client_id", metavar="CLIENT_ID", help="as ORDER_STATE_UNKNOWN tells it")
    asked = parser.parse_args(arguments)
    if asked.command == "list":
        found = journal.listed(everything=asked.all)
        print(_COLUMNS.format(*_TITLES))
        print(*map(_line, found), sep="\n", end="\n" if found else "")
        return 0
    intent = journal.get(asked.client_id)
    if intent is None:
        return _failed(f"there is no order {asked.client_id}")
    if asked.command == "show":
        print(_details(intent))
        return 0
    if intent.state not in OPEN:
        return _failed(f"{intent.client_id} is {intent.state} already")
    if not intent.left_alone(journal.now()):
        return _failed(f"{intent.client_id} is under way just now: wait until {_time(intent.expires_ms)} UTC")
    journal.decide(_answered(intent, asked.order))
    print(_details(journal.get(intent.client_id) or intent))
    return 0


def _answered(intent: Intent, order_id: str | None) -> Intent:
    intent = replace(intent, told_ms=intent.told_ms or intent.expires_ms)
    if order_id is not None:
        return replace(intent, state=State.ACCEPTED, order_id=order_id)
    said = f"{intent.exchange} has no order {intent.client_id}, by a person's word; it is safe to try again"
    return replace(intent, state=State.ABSENT, reply=str(NotSent(said)))


def _failed(why: str) -> int:
    print(f"fmz-gateway: {why}", file=sys.stderr)
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
        "caller told": _time(intent.told_ms) if intent.told_ms else "nothing unclear",
        "answered": intent.answered_as or "nobody yet",
        "reply": intent.reply or "none",
    }
    return "\n".join(f"{name:<14} {value}" for name, value in facts.items())


def _price(intent: Intent) -> str:
    return "market" if intent.price is None else plain(intent.price)


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
