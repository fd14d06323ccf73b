"""``fmz-gateway orders``: list the journal, and resolve by hand the orders that no exchange can be asked for."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn

import click

from orders.intents import OPEN, Intent
from orders.journal import Journal
from protocol.numbers import plain

_TITLES = ("id", "created (UTC)", "exchange", "account", "symbol", "side", "price", "amount", "state", "order")
_COLUMNS = "{:<36} {:<19} {:<16} {:<8} {:<16} {:<4} {:>14} {:>14} {:<8} {}"
_DAY_MS = 86_400_000
Rows = Sequence[Sequence[str]]
_ORDER = click.argument("client_id")


def _print(rows: Rows) -> None:
    for row in rows:
        click.echo(_COLUMNS.format(*row))


@dataclass(frozen=True, slots=True)
class Book:
    """The journal that the commands are given as their context's object. ahead_ms: how far its clock is ahead of the
    wall clock, for the dates that are shown. show: prints a table."""

    journal: Journal
    ahead_ms: int = 0
    show: Callable[[Rows], None] = _print

    def find(self, client_id: str) -> Intent:
        """Return an order, or end with a sentence if there is none."""
        intent = self.journal.get(client_id)
        if intent is None:
            _fail(f"there is no order {client_id}")
        return intent


@click.command("list", epilog="Example: fmz-gateway orders list --all")
@click.option("--all", "everything", is_flag=True, help="The latest 100 orders, whatever their outcome.")
@click.pass_obj
def list_orders(book: Book, everything: bool) -> None:
    """List the orders whose outcome is unknown."""
    book.show([_TITLES, *(_row(intent, book.ahead_ms) for intent in book.journal.list_orders(everything=everything))])


@click.command(epilog="Example: fmz-gateway orders show oog0Sl11O4qD4q2QwcGPfg")
@_ORDER
@click.pass_obj
def show(book: Book, client_id: str) -> None:
    """Show all details of one order. CLIENT_ID is the first word after ORDER_STATE_UNKNOWN."""
    click.echo(_details(book.find(client_id), book.ahead_ms))


@click.command(epilog="Example: fmz-gateway orders resolve oog0Sl11O4qD4q2QwcGPfg --none")
@_ORDER
@click.option("--order", "order_id", metavar="ID", help="It exists at the exchange, with this id.")
@click.option("--none", "is_absent", is_flag=True, help="It does not exist.")
@click.pass_obj
def resolve(book: Book, client_id: str, order_id: str | None, is_absent: bool) -> None:
    """Set the outcome of an order by hand. CLIENT_ID is the first word after ORDER_STATE_UNKNOWN."""
    if (order_id is not None) is is_absent:
        raise click.UsageError("say either --order ID or --none")
    intent = book.find(client_id)
    if intent.state not in OPEN:
        _fail(f"{intent.client_id} is {intent.state} already")
    if not intent.is_abandoned(book.journal.now()):
        until = _time(intent.expires_ms - book.ahead_ms)
        _fail(f"{intent.client_id} is still in progress: wait until {until} UTC")
    book.journal.resolve_by_hand(intent, order_id)
    click.echo(_details(book.find(client_id), book.ahead_ms))


class _Days(click.ParamType[int]):
    """A number of days, such as ``90d``: one at least, because a repeat of a request is known by its order."""

    name = "days"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = re.fullmatch(r"([1-9][0-9]{0,3})d", str(value))
        if not found:
            self.fail(f"{value!r} is no number of days; expected one such as 90d, 1d at least", param, ctx)
        return int(found[1])


@click.command(epilog="Example: fmz-gateway orders prune --older-than 90d")
@click.option("--older-than", "days", type=_Days(), required=True, help="Days since they were placed, such as 90d.")
@click.pass_obj
def prune(book: Book, days: int) -> None:
    """Delete old orders whose outcome is known. A running gateway deletes those of over 30 days by itself.

    A request that is repeated later than that is a new order.
    """
    click.echo(f"{book.journal.delete_old(days * _DAY_MS)} orders deleted")


COMMANDS = (list_orders, show, resolve, prune)
"""The commands, whose context's object is a Book."""


def _fail(reason: str) -> NoReturn:
    click.echo(f"fmz-gateway: {reason}", err=True)
    raise click.exceptions.Exit(1)


def _row(intent: Intent, ahead_ms: int) -> tuple[str, ...]:
    return (
        intent.client_id,
        _time(intent.created_ms - ahead_ms),
        intent.exchange,
        intent.account[:8],
        str(intent.symbol),
        intent.side,
        _price(intent),
        plain(intent.amount),
        intent.state,
        "" if intent.order_id is None else str(intent.order_id),
    )


def _details(intent: Intent, ahead_ms: int) -> str:
    facts = {
        "id": intent.client_id,
        "exchange": intent.exchange,
        "account": intent.account,
        "nonce": intent.nonce or "none",
        "order": f"{intent.side} {plain(intent.amount)} {intent.symbol} at {_price(intent)}",
        "closes": "a position" if intent.closes else "nothing",
        "created": _time(intent.created_ms - ahead_ms),
        "state": intent.state,
        "exchange's id": "not known" if intent.order_id is None else intent.order_id,
        "told unknown": _time(intent.told_ms - ahead_ms) if intent.told_ms else "no",
        "id given to": intent.answered_as or "nobody yet",
        "reply": intent.reply or "none",
    }
    return "\n".join(f"{name:<14} {value}" for name, value in facts.items())


def _price(intent: Intent) -> str:
    return "market" if intent.price is None else plain(intent.price)


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
