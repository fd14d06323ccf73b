"""Guards the console: it admits callers, and says what a browser may do with the pages."""

from secrets import compare_digest, token_urlsafe

from flask import Blueprint, Flask, Request, Response, redirect, request, session, url_for
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from werkzeug.wrappers import Response as AnyResponse

from access import admit_browser
from console import trace
from protocol.errors import AccessDenied
from settings import Settings

_POLICY = "; ".join((
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self' data:",
    "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'",
))  # fmt: skip
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_OPEN = ("console.static", "console.pages.sign_in", "console.pages.check_token")
"""The endpoints that are shown before the token was given."""

_PAGES = "/console/"  # what the paths of pages that change something begin with


class Sessions(SecureCookieSessionInterface):
    """Flask's signed sessions, whose cookie is for TLS only where the page came by TLS. A call of FMZ has none."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        is_call = request.method == "POST" and not request.path.startswith(_PAGES)
        return None if is_call else super().open_session(app, request)

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def protect(blueprint: Blueprint, settings: Settings) -> None:
    """Let only those in who may see the console, and add the headers of every answer."""

    @blueprint.before_request
    def admit() -> AnyResponse | None:
        admit_browser(request, settings)
        if request.endpoint == "console.static":
            return None
        if "csrf" not in session:
            start_session(admitted=False)
        if request.method == "POST":
            _check_csrf()
        if settings.token and not session.get("admitted") and request.endpoint not in _OPEN:
            if request.method == "POST":
                raise AccessDenied("the console's session is over; open the page again and give the token")
            return redirect(url_for("console.pages.sign_in"), 303)
        return None

    @blueprint.after_request
    def add_headers(response: Response) -> Response:
        response.headers.update(_HEADERS)
        if request.endpoint != "console.static":
            response.headers["Cache-Control"] = "no-store"
        if noted := trace.text():
            response.headers["Console-Trace"] = noted
        return response


def start_session(*, admitted: bool) -> None:
    """Begin a session with a new id, so that nobody can have given it to the browser beforehand."""
    language = session.get("language")
    session.clear()
    session.permanent = True
    session.update(id=token_urlsafe(16), csrf=token_urlsafe(32), admitted=admitted)
    if language:
        session["language"] = language


def is_token(given: str, settings: Settings) -> bool:
    """Return True for the gateway's token."""
    return given.isascii() and compare_digest(settings.token, given)


def _check_csrf() -> None:
    given = request.headers.get("X-CSRF-Token") or ""
    if not given and request.mimetype == "application/x-www-form-urlencoded":
        given = request.form.get("csrf", "")
    if not (given.isascii() and compare_digest(session["csrf"], given)):
        raise AccessDenied("the page is out of date; load it again. Nothing was sent")
