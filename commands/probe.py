"""``fmz-gateway probe``: a simulated gateway that records what FMZ's host sends, without keys and values."""

import json
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING, Any, TextIO

import click
from werkzeug.exceptions import HTTPException
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request

from app import MAX_BODY, create_app
from exchanges import DEFAULT, EXCHANGES
from exchanges.registry import Registry
from protocol import shapes
from setting_types import is_loopback
from settings import Settings, WrongSetting

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_HEADERS = "fmz_gateway.headers"  # where the names are, as the caller wrote them: WSGI has them in capitals
_VERBS = ("GET", "POST", "PUT", "DELETE", "PATCH")
_SIMULATED = {route: kind for route, kind in EXCHANGES.items() if not kind.url}


class Record:
    """A WSGI application around the gateway's: it writes a line of JSON for each request. Thread-safe."""

    def __init__(self, app: "WSGIApplication", out: TextIO) -> None:
        self._app = app
        self._out = out
        self._lock = Lock()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        request = Request(environ)
        request.max_content_length = MAX_BODY
        try:
            body = request.get_data()
        except HTTPException as error:
            return error(environ, start_response)
        environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        for name in ("HTTP_TRANSFER_ENCODING", "wsgi.input_terminated"):
            environ.pop(name, None)
        answer = b"".join(self._app(environ, start_response))
        self._write(_line(request, body, answer))
        return [answer]

    def _write(self, line: dict[str, Any]) -> None:
        with self._lock:
            self._out.write(json.dumps(line) + "\n")
            self._out.flush()


def _line(request: Request, body: bytes, answer: bytes) -> dict[str, Any]:
    verb = request.headers.get("Http-Method", "").upper()
    environ = request.environ
    names = environ.get(_HEADERS) or list(request.headers.keys())
    return {
        **shapes.describe(body),
        "verb": request.method,
        "protocol": environ.get("SERVER_PROTOCOL", ""),
        "path": shapes.safe_names([request.path], body)[0],
        "query": shapes.safe_names(request.args.keys(), body),
        "headers": shapes.safe_names(names, body),
        "http_method": verb if verb in _VERBS else "other" if verb else "",
        "answer": _label(answer),
    }


def _label(answer: bytes) -> str:
    """Return OK, or the label of the answer's error."""
    try:
        return str(json.loads(answer).get("error", "OK")).partition(" ")[0]
    except ValueError:
        return ""


class _Handler(WSGIRequestHandler):
    """The request handler of the recorder's server; its log would have queries."""

    def make_environ(self) -> "WSGIEnvironment":
        return {**super().make_environ(), _HEADERS: list(self.headers.keys())}

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        return


def open_recorder(host: str, port: int, folder: Path, out: TextIO) -> BaseWSGIServer:
    """Return a server, not started yet, of the simulated exchanges alone, which writes its record to ``out``. folder:
    where its database is."""
    settings = Settings(
        host=host,
        port=port,
        state_url=f"sqlite:///{folder}/state.db",
        registry=Registry(_SIMULATED),
        metrics=False,
    )
    return make_server(host, port, Record(create_app(settings), out), threaded=True, request_handler=_Handler)


def robot(address: str) -> str:
    """Return the robot that calls every function of FMZ's API once."""
    spot, futures = sorted(_SIMULATED.values(), key=lambda kind: kind.name != EXCHANGES[DEFAULT].name)
    text = (Path(__file__).parent / "robot.js").read_text()
    for word, value in (("ADDRESS", address), ("SPOT", spot.name), ("FUTURES", futures.name)):
        text = text.replace(word, value)
    return text


@click.command(epilog="Example: fmz-gateway probe --out record.jsonl")
@click.option("--bind", default="127.0.0.1:6667", show_default=True, help="The address to listen on.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A file for the record.")
@click.option("--robot", "only_robot", is_flag=True, help="Print the robot and end.")
def probe(bind: str, out: Path | None, only_robot: bool) -> None:
    """Record what FMZ's host sends, and print a robot that calls every function of FMZ's API once.

    Each request is a line of JSON: its method, the types of its parameters, the names of its headers. No key, secret or
    value is in it. The exchanges that answer are simulated.
    """
    host, _, port = bind.rpartition(":")
    if not (host and port.isdigit() and int(port) < 2**16):
        raise WrongSetting("--bind is wrong: expected host:port, such as 127.0.0.1:6667")
    if not is_loopback(host):
        click.echo(f"fmz-gateway: {host} can be reached from other machines, and what is sent has keys in it", err=True)
    address = f"http://{bind}"
    click.echo(robot(address), err=not only_robot)
    if only_robot:
        return
    with TemporaryDirectory() as folder, out.open("a") if out else nullcontext(sys.stdout) as file:
        server = open_recorder(host, int(port), Path(folder), file)
        click.echo(f"fmz-gateway: recording at {address}; run the robot above, then stop this with Ctrl-C", err=True)
        try:
            server.serve_forever()
        finally:
            server.server_close()
