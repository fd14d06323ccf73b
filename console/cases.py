"""A call as a conversation of the exchange's tests, which the kit's recorder makes.

It does so in a process of its own: the recorder asks with nothing known beforehand, and plays what it was told with
other keys, at another time, and with signatures that are always the same. None of that may ever reach a real call.
"""

import os
import re
import subprocess  # nosec B404  # the gateway's own command, without a shell
import sys
from pathlib import Path
from threading import Lock

from flask import Blueprint, Response, request

from monitoring.metrics import FOLDER
from protocol.calls import Call, read_call
from protocol.errors import Busy, InvalidCall
from settings import Settings
from transport.credentials import Credentials

_COMMANDS = Path(__file__).parents[1] / "cli.py"
_TITLE = "as asked in the console"
_START = 30.0  # seconds beside those of a call, for the process to begin and to play what it was told
_LONGEST = 400  # characters of an error that are shown

_recording = Lock()


def blueprint(settings: Settings) -> Blueprint:
    """Return the route that gives a case as a file. An error is told as FMZ is told one."""
    cases = Blueprint("cases", __name__)

    @cases.post("/console/case/<name>")
    def save(name: str) -> Response:
        kind = settings.registry.find(name)
        call = read_call(request.get_data(cache=False), "")
        headers = {"Content-Disposition": f"attachment; filename={call.name or 'case'}.json"}
        return Response(_record(kind.name, call, settings), headers=headers, mimetype="application/json")

    return cases


def _record(exchange: str, call: Call, settings: Settings) -> str:
    """Return the file with the case of a call. Raises Busy, InvalidCall."""
    if not _recording.acquire(blocking=False):
        raise Busy("another case is being recorded; nothing was asked, try again in some seconds")
    try:
        done = subprocess.run(  # nosec B603  # noqa: S603 - the gateway's own command, without a shell
            [sys.executable, str(_COMMANDS), "record", "--show", "--title", _TITLE, "--", exchange, call.name]
            + [_argument(name, value) for name, value in call.params.items()],
            env=_environment(call),
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=settings.deadline + _START,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Busy("the exchange does not answer in time; no case was recorded, try again") from None
    finally:
        _recording.release()
    if done.returncode:
        raise InvalidCall(f"no case was recorded: {_reason(done.stderr, call)}")
    return done.stdout


def _argument(name: str, value: object) -> str:
    """Return a parameter as the command takes it. Raises InvalidCall."""
    text = str(value)
    if not re.fullmatch(r"[a-z_]+", name) or not text.isprintable():
        raise InvalidCall("no case was recorded: its parameters must be those of FMZ's method, as plain text")
    return f"{name}={text}"


def _environment(call: Call) -> dict[str, str]:
    """Return the environment of the command, which has the keys: other users see arguments, and not this."""
    own = {name: value for name, value in os.environ.items() if name != FOLDER}  # it is no worker, and counts nothing
    return own | {"FMZ_ACCESS_KEY": call.access_key, "FMZ_SECRET_KEY": call.secret_key}


def _reason(stderr: str, call: Call) -> str:
    """Return what the command said last, without any part of the keys."""
    said = (stderr.strip().splitlines() or ["the recorder ended without a word"])[-1].removeprefix("fmz-gateway: ")
    return Credentials.from_fields(call.access_key, call.secret_key).scrub(said)[:_LONGEST]
