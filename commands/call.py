"""``fmz-gateway call``: ask the running gateway as FMZ's host does."""

import os
import shlex
import sys
from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit

import click
import requests
from click.shell_completion import CompletionItem

from exchanges import DEFAULT
from protocol import host, wire
from protocol.errors import InvalidCall, OutcomeUnknown
from protocol.methods import METHODS
from setting_types import is_loopback
from settings import Settings

URL = "http://127.0.0.1:6666"

url_option = click.option("--url", default=URL, show_default=True, help="The address of the gateway.")
_KEYS = ("ACCESS_KEY", "SECRET_KEY")
_UNCLEAR = "no answer came; what was asked may have been done: look before you ask again, see fmz-gateway orders list"
_PATIENCE = (5, 330)  # seconds for the connection, and for the answer: DEADLINE is 300 at most


def _exchanges(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    names = Settings.load().registry.names
    return [CompletionItem(name) for name in names if name.lower().startswith(begun.lower())]


def _methods(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in METHODS if name.startswith(begun)]


@click.command(epilog=f"Example: fmz-gateway call {DEFAULT} ticker symbol=BTC_USDT")
@click.argument("exchange", shell_complete=_exchanges)
@click.argument("method", shell_complete=_methods)
@click.argument("parameters", nargs=-1, metavar="[NAME=VALUE]...")
@url_option
@click.option("--object", "object_name", default="", help="The exchange object's name, as in ?object=.")
@click.option("--verb", default="", help="The HTTP method of a pass-through; POST if none is given.")
@click.option("--curl", is_flag=True, help="Print the call as a curl command instead of making it.")
def call(
    exchange: str, method: str, parameters: tuple[str, ...], url: str, object_name: str, verb: str, curl: bool
) -> None:
    """Call METHOD of EXCHANGE on the running gateway, and print its answer, JSON.

    Keys come from ACCESS_KEY and SECRET_KEY in the environment, or are asked for where METHOD needs them; a gateway's
    TOKEN is that of the settings. An error goes to standard error, with exit status 1.
    """
    params = host.read_params(parameters)
    place = f"{url.rstrip('/')}/{quote(exchange)}" + (f"?{urlencode({'object': object_name})}" if object_name else "")
    headers = {"Http-Method": verb} if verb else {}
    if curl:
        click.echo(_curl(place, method, params, headers, has_token=bool(Settings.load().token)))
        return
    reply = ask(place, host.write_call(method, params, keys_for(method)), headers)
    answer = wire.read(reply)
    if "error" in answer:
        click.echo(f"fmz-gateway: {answer['error']}", err=True)
        sys.exit(1)
    click.echo(reply)


def ask(place: str, body: str = "", headers: Mapping[str, str] | None = None) -> bytes:
    """Return what a gateway answers: to a call, or to a look at a page where there is no body. The token of the
    settings goes with it. Raises InvalidCall where none is reached or a secret would go in the clear, and
    OutcomeUnknown where one may have been and no answer came."""
    parts = urlsplit(place)
    address = f"{parts.scheme}://{parts.netloc}"
    token = Settings.load().token
    if (token or body) and parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise InvalidCall(f"{address} is another machine's and not https, and keys or a token would go in the clear")
    given = {**(headers or {}), **({"Authorization": f"Bearer {token}"} if token else {})}
    with requests.Session() as session:
        session.trust_env = False  # no proxy, and no password of a .netrc
        try:
            reply = session.request(
                "POST" if body else "GET", place, data=body.encode(), headers=given, timeout=_PATIENCE,
                allow_redirects=False,
            )  # fmt: skip
        except (requests.RequestException, ValueError) as error:
            if _was_sent(error):
                raise OutcomeUnknown(f"{address}: {_UNCLEAR}") from None
            raise InvalidCall(f"no gateway answers at {address}; start it with fmz-gateway, or set --url") from None
    if reply.headers.get("Content-Type") != "application/json":
        raise OutcomeUnknown(f"{address} answered HTTP {reply.status_code}, not as a gateway does: {_UNCLEAR}")
    return reply.content


def _was_sent(error: Exception) -> bool:
    """Return True if a request may have arrived: its connection was made, as far as can be told."""
    if isinstance(error, requests.ReadTimeout | requests.exceptions.ChunkedEncodingError):
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    is_refused = isinstance(error, requests.ConnectTimeout) or type(reason).__name__ == "NewConnectionError"
    return isinstance(error, requests.ConnectionError) and not is_refused


def keys_for(method: str) -> tuple[str, ...]:
    """Return the access key and the secret key; asked for where the method needs them and a person can answer."""
    given = tuple(os.environ.get(name, "") for name in _KEYS)
    if any(given) or host.is_public(method) or not sys.stdin.isatty():
        return given if any(given) else ()
    access_key = click.prompt("Access key", default="", show_default=False, err=True)
    return access_key, click.prompt("Secret key", default="", show_default=False, hide_input=True, err=True)


def _curl(place: str, method: str, params: dict[str, object], headers: Mapping[str, str], *, has_token: bool) -> str:
    """Return the call as a command for a shell, with the names of the variables where keys and the token would be."""
    words = ["curl", "-s", shlex.quote(place)]
    for name, value in headers.items():
        words += ["-H", shlex.quote(f"{name}: {value}")]
    if has_token:
        words += ["-H", '"Authorization: Bearer $TOKEN"']
    marks = () if host.is_public(method) else _KEYS
    body = shlex.quote(host.write_call(method, params, marks))
    for name in marks:
        body = body.replace(f'"{name}"', f'"\'"${name}"\'"')
    return " ".join([*words, "-d", body])
