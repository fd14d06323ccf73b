"""The pages that call an exchange: the playground, the market and the account; and the form that asks for the token."""

from importlib.metadata import version
from typing import Any

from flask import Blueprint, g, redirect, render_template, request, session, url_for
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from console import guard, language
from console.gateway import Gateway
from console.operations import operations
from console.tries import may_try
from exchanges import listing
from exchanges.base.abilities import can
from exchanges.registry import Money
from protocol.errors import GatewayError, InvalidCall, Unsupported, cause

_ELSEWHERE = ("exchange", "service address", "limits")
"""Facts that the page shows in another place."""

Page = str | tuple[str, int] | Response


def blueprint(gateway: Gateway) -> Blueprint:
    """Return the pages of a gateway."""
    pages = Blueprint("pages", __name__)
    add_frame(pages, gateway)

    @pages.get("/")
    def playground() -> Page:
        return render_template(
            "playground.html", **_exchange(gateway, _wanted(gateway)), operations=operations(), gateway=gateway
        )

    @pages.get("/console/market")
    def market() -> Page:
        return render_template("market.html", **_exchange(gateway, _wanted(gateway)), gateway=gateway)

    @pages.get("/console/account")
    def account() -> Page:
        return render_template("account.html", **_exchange(gateway, _wanted(gateway)), gateway=gateway)

    @pages.get("/console/exchange/<name>")
    def exchange(name: str) -> Page:
        return render_template("_exchange.html", **_exchange(gateway, name))

    @pages.get("/console/sign-in")
    def sign_in() -> Page:
        if session.get("admitted") or not gateway.settings.token:
            return redirect(url_for("console.pages.playground"), 303)
        return render_template("sign_in.html", problem="", by_money=_nameless(gateway))

    @pages.post("/console/sign-in")
    def check_token() -> Page:
        if not may_try(gateway.upstreams.services, request.remote_addr or ""):
            return render_template("sign_in.html", problem="often", by_money=_nameless(gateway)), 429
        if not guard.is_token(request.form.get("token", ""), gateway.settings):
            return render_template("sign_in.html", problem="wrong", by_money=_nameless(gateway))
        guard.start_session(admitted=True)
        return redirect(url_for("console.pages.playground"), 303)

    @pages.post("/console/sign-out")
    def sign_out() -> Page:
        session.clear()
        return redirect(url_for("console.pages.playground"), 303)

    return pages


def add_frame(pages: Blueprint, gateway: Gateway) -> None:
    """Give the pages of a blueprint what each of them shows, and its errors a page."""

    @pages.before_request
    def choose_language() -> None:
        language.choose()

    @pages.context_processor
    def frame() -> dict[str, Any]:
        return {
            "Money": Money,
            "csrf": session.get("csrf", ""),
            "language": language.current(),
            "languages": language.LANGUAGES,
            "tag": language.TAGS[language.current()],
            "may_sign_out": bool(session.get("admitted")),
            "version": version("fmz-gateway"),
        }

    @pages.errorhandler(GatewayError)
    def refused(error: GatewayError) -> Page:
        return _error_page(gateway, str(error), 403)

    @pages.errorhandler(SQLAlchemyError)
    def no_database(error: SQLAlchemyError) -> Page:
        return _error_page(gateway, f"NOT_SENT the gateway's own database cannot be used ({cause(error)})", 503)


def _error_page(gateway: Gateway, text: str, status: int) -> Page:
    g.outcome = text.partition(" ")[0]
    return render_template("error.html", text=text, by_money=_nameless(gateway)), status


def _nameless(gateway: Gateway) -> dict[Money, list[str]]:
    """Return the kinds of money there are, without the exchanges, for who may be a stranger."""
    return {money: [] for money in gateway.by_money()}


def _wanted(gateway: Gateway) -> str:
    """Return the name of the exchange in the page's address, or of the default one."""
    return request.args.get("exchange") or gateway.settings.default_exchange


def _exchange(gateway: Gateway, name: str) -> dict[str, Any]:
    """Return what a page shows of one exchange: its name, its money, and all about it, or why it cannot be used."""
    try:
        kind = gateway.registry.find(name)
        address = gateway.upstreams.of(kind).address
        facts = {**listing.facts(gateway.registry, name), "address": address}
    except (InvalidCall, Unsupported) as error:
        return {"name": name, "money": gateway.money(name), "facts": {}, "problem": str(error)}
    facts = {title: fact for title, fact in facts.items() if fact and title not in _ELSEWHERE}
    return {"name": kind.name, "money": gateway.money_of(kind), "facts": facts, "problem": "", "has": _calls(kind)}


def _calls(kind: Any) -> str:
    """Return the calls that an exchange has, by FMZ's names, for the page's script."""
    more = {"historyorders": "history"}
    names = [*listing.CALLS, *listing.FUTURES, "markets", "tickers", "modify", *more]
    return " ".join(name for name in names if can(kind, more.get(name, name)))
