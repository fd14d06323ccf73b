"""The page of orders: the journal, and what to do about an order whose outcome is unknown."""

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for

from console.gateway import Gateway
from console.language import translated as _
from console.pages import Page, add_frame
from orders.intents import OPEN, Intent, State
from orders.lookup import Lookup
from orders.resolver import Resolver
from protocol.deadline import Deadline
from protocol.errors import GatewayError
from protocol.numbers import plain
from transport.credentials import Credentials

_ID_MOST = 128  # characters, as FMZ's calls take


def blueprint(gateway: Gateway) -> Blueprint:
    """Return the page and its two forms."""
    journal = Blueprint("journal", __name__)
    add_frame(journal, gateway)

    @journal.get("/console/orders")
    def orders() -> Page:
        kept = gateway.orders
        unclear = kept.list_orders()
        latest = [intent for intent in kept.list_orders(everything=True) if intent.state not in OPEN]
        money = {name: gateway.money(name) for name in {intent.exchange for intent in (*unclear, *latest)}}
        ahead_ms = kept.now() - gateway.upstreams.services.now()
        return render_template(
            "orders.html",
            unclear=[_row(intent, ahead_ms) for intent in unclear],
            latest=[_row(intent, ahead_ms) for intent in latest],
            money=money,
            by_money=gateway.by_money(),
        )

    @journal.post("/console/orders/<client_id>/look")
    def look(client_id: str) -> Page:
        keys = Credentials.from_fields(request.form.get("key", ""), request.form.get("secret", ""))
        flash(_unready(gateway, client_id) or _look(gateway, client_id, keys))
        return redirect(url_for("console.journal.orders"), 303)

    @journal.post("/console/orders/<client_id>/resolve")
    def resolve(client_id: str) -> Page:
        flash(_unready(gateway, client_id) or _resolve(gateway, client_id))
        return redirect(url_for("console.journal.orders"), 303)

    return journal


def _unready(gateway: Gateway, client_id: str) -> str:
    """Return why nothing can be done about an order, empty if something can."""
    intent = gateway.orders.get(client_id)
    if intent is None:
        return _("There is no such order.")
    if intent.state not in OPEN:
        return _outcome(intent)
    if not intent.is_abandoned(gateway.orders.now()):
        return _("Its own request is still in progress. Wait some seconds, and try again.")
    return ""


def _look(gateway: Gateway, client_id: str, keys: Credentials) -> str:
    """Look an order up, with these keys, or with those that its account was called with; return what is known."""
    intent = _of(gateway, client_id)
    try:
        kind = gateway.registry.find(intent.exchange)
    except GatewayError as error:
        return str(error)
    exchange = kind(keys, gateway.upstreams.of(kind), Deadline.of_request(gateway.settings.deadline))
    if exchange.account == intent.account and intent.secret_digest in ("", exchange.secret_digest):
        gateway.orders.count_look(intent)
        return _outcome(Lookup(exchange, gateway.orders, gateway.upstreams.services.sleep).look(intent))
    if keys.key:
        return _("These are not the keys that it was placed with. Nothing was asked.")
    resolver: Resolver = current_app.extensions["resolver"]
    resolver.run_once(intent.exchange)
    return _outcome(_of(gateway, client_id))


def _resolve(gateway: Gateway, client_id: str) -> str:
    """Write what a person has seen at the exchange, as ``fmz-gateway orders resolve`` does."""
    exists, order_id = request.form.get("found") == "yes", request.form.get("order", "").strip()
    if "found" not in request.form or "sure" not in request.form:
        return _("Nothing was written: say what you found, and that you looked at the exchange.")
    if exists and not (0 < len(order_id) <= _ID_MOST and order_id.isascii() and order_id.isprintable()):
        return _("Nothing was written: an order that exists has an id there, which must be given.")
    gateway.orders.resolve_by_hand(_of(gateway, client_id), order_id if exists else None)
    return _outcome(_of(gateway, client_id))


def _of(gateway: Gateway, client_id: str) -> Intent:
    intent = gateway.orders.get(client_id)
    assert intent is not None, "a row of an unresolved order is never deleted"
    return intent


def _outcome(intent: Intent) -> str:
    """Return what is known of an order, as a sentence."""
    if intent.state is State.ACCEPTED:
        found = _("The order exists at the exchange. Its id there:")
        return f"{found} {intent.order_id}"
    if intent.state in OPEN:
        return _(
            "It is still unclear: the exchange did not answer, or does not show the order yet, or no keys of its "
            "account are known. Try again with its keys, or look at the exchange's own page and say below what "
            "you found."
        )
    return _("The order does not exist at the exchange. It is safe to send it again.")


def _row(intent: Intent, ahead_ms: int) -> dict[str, Any]:
    created = datetime.fromtimestamp((intent.created_ms - ahead_ms) // 1000, UTC)
    return {
        "client_id": intent.client_id,
        "created": created.strftime("%Y-%m-%d %H:%M:%S"),
        "exchange": intent.exchange,
        "account": intent.account[:8],
        "symbol": str(intent.symbol),
        "side": str(intent.side),
        "price": None if intent.price is None else plain(intent.price),
        "amount": plain(intent.amount),
        "state": str(intent.state),
        "order_id": "" if intent.order_id is None else intent.order_id,
    }
