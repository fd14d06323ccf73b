"""The web console: pages for a browser, in front of the same gateway that FMZ calls.

It has no way of its own to an exchange: what a page asks goes through FMZ's view, with the same schemas, desk and
journal.
"""

from datetime import timedelta

from flask import Blueprint, Flask
from flask.sansio.app import App

from console import calls, cases, guard, health, journal, language, last_calls, pages
from console.gateway import Gateway
from settings import Settings

__all__ = ["NAME", "Gateway", "blueprint"]

NAME = "console"
"""The blueprint's name, and the first word of its paths."""

_SESSION = timedelta(hours=12)


def blueprint(gateway: Gateway) -> Blueprint:
    """Return the console of a gateway, to be registered once."""
    settings = gateway.settings
    made = Blueprint(
        NAME, __name__, static_folder="static", static_url_path=f"/{NAME}/static", template_folder="templates"
    )
    guard.protect(made, settings)
    parts = (
        pages.blueprint(gateway),
        journal.blueprint(gateway),
        health.blueprint(gateway),
        last_calls.blueprint(gateway),
        calls.blueprint(),
        cases.blueprint(settings),
    )
    for part in parts:
        made.register_blueprint(part)
    made.record(lambda state: _configure(state.app, settings))
    return made


def _configure(app: App, settings: Settings) -> None:
    assert isinstance(app, Flask)
    app.secret_key = settings.session_key
    app.session_interface = guard.Sessions()
    app.config.update(
        SESSION_COOKIE_NAME=f"fmz_gateway_{settings.port}",  # browsers send cookies to every port of a host
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=_SESSION,
    )
    language.start(app)
