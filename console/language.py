"""The language of a page: the one that was chosen, else the first that the browser wants and that there is."""

from pathlib import Path

from flask import request, session
from flask.sansio.app import App
from flask_babel import Babel, gettext

LANGUAGES = {"en": "English", "zh": "中文", "id": "Bahasa Indonesia"}
TAGS = {"en": "en", "zh": "zh-Hans", "id": "id"}
"""The tags by which a page tells a screen reader its language."""

_FOLDER = Path(__file__).parent / "translations"


def start(app: App) -> None:
    """Let an app's templates be translated."""
    Babel(app, default_translation_directories=str(_FOLDER), locale_selector=current)


def current() -> str:
    """Return the language of this request."""
    chosen = session.get("language")
    return chosen if chosen in LANGUAGES else request.accept_languages.best_match(LANGUAGES, "en") or "en"


def choose() -> None:
    """Remember the language that the address asks for, if there is such a one."""
    if request.args.get("lang") in LANGUAGES:
        session["language"] = request.args["lang"]


def translated(text: str) -> str:
    """Return a text in the language of this request."""
    return str(gettext(text))
