"""``fmz-gateway new``, ``verify``, ``record`` and ``check``: the kit on the command line."""

import logging
import sys
from contextlib import nullcontext
from pathlib import Path

import click

from app import open_upstreams
from exchanges import DEFAULT, open_registry
from exchanges.base import Exchange, FuturesExchange, Symbol
from exchanges.kit import check as checking
from exchanges.kit import scaffold
from exchanges.kit.cases import cases_of
from protocol.deadline import Deadline
from protocol.errors import InvalidCall
from settings import Settings
from transport.credentials import Credentials

_READS = frozenset({
    "ticker", "depth", "records", "trades", "accounts", "assets", "order", "orders", "markets", "tickers",
    "historyorders", "fundings", "positions",
})  # fmt: skip
"""The methods that change nothing at an exchange."""
_KIT = "the kit is not installed: pip install 'fmz-gateway[kit]'"

_key = click.option("--access-key", envvar="FMZ_ACCESS_KEY", prompt=True, help="Asked for, or from FMZ_ACCESS_KEY.")
_secret = click.option(
    "--secret-key", envvar="FMZ_SECRET_KEY", prompt=True, hide_input=True, help="Likewise, from FMZ_SECRET_KEY."
)
_cases = click.option(
    "--cases",
    type=click.Path(path_type=Path),
    help="The folder of its conversations, if not cases/NAME beside its file.",
)


@click.command(epilog=f"Example: fmz-gateway check {DEFAULT}")
@click.argument("name")
@click.option("--market", default="BTC_USDT", show_default=True, help="The market to look at, in FMZ's words.")
@_key
@_secret
def check(name: str, market: str, access_key: str, secret_key: str) -> None:
    """Check an exchange with your keys, as FMZ has them. Only reads; fails if something does not work."""
    settings = Settings.load()
    kind = settings.registry.find(name)
    try:
        symbol = Symbol.parse(market if "." in market or not issubclass(kind, FuturesExchange) else f"{market}.swap")
    except ValueError as error:
        raise click.BadParameter(f"{market!r} is {error}, such as BTC_USDT", param_hint="--market") from None
    upstreams = open_upstreams(settings)
    credentials = Credentials.from_fields(access_key, secret_key)
    failed = False
    for finding in checking.check(kind(credentials, upstreams.of(kind), Deadline.after(60)), symbol):
        click.echo(f"{finding.mark:<5} {finding.what:<15} {credentials.scrub(finding.said, kind.name)}")
        failed |= finding.mark == "FAIL"
    upstreams.services.database.dispose()
    sys.exit(failed)


@click.command(epilog="Example: fmz-gateway new Smallex")
@click.argument("name")
@click.option(
    "--like", type=click.Choice([*scaffold.LIKES]), default=next(iter(scaffold.LIKES)), show_default=True,
    help="The exchange that signs most like it.",
)  # fmt: skip
@click.option("--package", is_flag=True, help="Make an installable package, with the kit in its own CI.")
@click.option("--to", type=click.Path(path_type=Path), help="The folder to write into, if not EXCHANGES_DIR.")
def new(name: str, like: str, package: bool, to: Path | None) -> None:
    """Write the first files of an adapter: they load, and answer UNSUPPORTED to what is not filled in yet."""
    settings = Settings.load()
    taken = [one for one in settings.registry.names if one.lower() == name.lower()]
    if taken and not settings.registry.is_of_library(name):
        raise InvalidCall(f"{taken[0]} is there already: give another name")
    folder = to or (Path() if package else settings.exchanges_dir)
    if folder is None:
        raise InvalidCall("there is no home directory for the exchanges: give --to FOLDER")
    try:
        paths = scaffold.write(name, like, folder, package=package)
    except (ValueError, OSError) as error:
        sys.exit(f"fmz-gateway: {error}")
    for path in paths:
        click.echo(path)


@click.command(epilog="Example: fmz-gateway verify smallex.py")
@click.argument("name", metavar="NAME|FILE")
@_cases
def verify(name: str, cases: Path | None) -> None:
    """Verify an adapter: play its conversations, and try what every adapter must keep. Ends with a table; fails if a
    check does. Asks no exchange."""
    try:
        from exchanges.kit import verify as verifying
        from exchanges.kit.files import CaseError
    except ImportError:
        sys.exit(f"fmz-gateway: {_KIT}")
    logging.getLogger().addHandler(logging.NullHandler())  # what the gateway logs meanwhile is meant to go wrong
    failed = False
    for kind in _kinds(name):
        try:
            subject = verifying.open_subject(kind, cases)
        except CaseError as error:
            sys.exit(f"fmz-gateway: {error}")
        results = []
        for result in verifying.verify(subject):
            results.append(result)
            click.echo(f"{result.mark:<5} {result.check:<17} {result.said}", err=True)
        click.echo(verifying.table(kind, results), nl=False)
        failed |= any(result.mark == "FAIL" for result in results)
    sys.exit(failed)


@click.command(epilog="Example: fmz-gateway record smallex ticker symbol=BTC_USDT --title 'a ticker'")
@click.argument("name", metavar="NAME|FILE")
@click.argument("method")
@click.argument("params", nargs=-1, metavar="[PARAM=VALUE]...")
@click.option("--title", required=True, help="The title of the case.")
@click.option("--source", default="", help="The address of the documentation of this behaviour.")
@click.option("--orders", is_flag=True, help="Allow a call that changes something, with test money.")
@click.option(
    "--replies",
    type=click.Path(exists=True, path_type=Path),
    help='Replies from the documentation, a JSON list of {"status": 200, "got": …}, instead of asking.',
)
@click.option("--access-key", envvar="FMZ_ACCESS_KEY", default="", help="Or FMZ_ACCESS_KEY; for private calls.")
@click.option("--secret-key", envvar="FMZ_SECRET_KEY", default="", help="Or FMZ_SECRET_KEY.")
@click.option("--show", is_flag=True, help="Print a file with this case alone, and write nothing.")
@_cases
def record(
    name: str,
    method: str,
    params: tuple[str, ...],
    title: str,
    source: str,
    orders: bool,
    replies: Path | None,
    access_key: str,
    secret_key: str,
    show: bool,
    cases: Path | None,
) -> None:
    """Record a conversation: ask the exchange, or take its replies from a file, and write the case. Keys, signatures,
    ids, names and addresses are replaced. Only reads, unless --orders is given and the exchange's testnet is set."""
    from exchanges.kit import layout, recorder  # imported here, as above

    [kind] = _kinds(name)
    asked = dict(_pairs(params))
    try:
        if replies:
            got = [(reply.get("status", 200), reply["got"]) for reply in layout.read(replies.read_text("utf-8"))]
        else:
            settings = Settings.load()
            _require_test_money(kind, settings, method, orders=orders)
            keys = {"access_key": access_key, "secret_key": secret_key}
            asked, got = recorder.listen(kind, settings, keys, method, asked)
        folder = cases or cases_of(kind)
        with recorder.alone(folder) if show else nullcontext(folder) as place:
            path = recorder.record(kind, method, asked, title=title, source=source, folder=place, replies=got)
            text = path.read_text(encoding="utf-8")
    except (ValueError, KeyError, TypeError) as error:
        sys.exit(f"fmz-gateway: {error}")
    click.echo(text if show else f"{title!r} is in {path}: read it, for what may not be published", nl=not show)


def _require_test_money(kind: type[Exchange], settings: Settings, method: str, *, orders: bool) -> None:
    """Raise InvalidCall for a call that changes something, but for one with test money that was asked for."""
    if method in _READS or (orders and kind.name in settings.testnets):
        return
    setting = f"{kind.name.upper()}_TESTNET=1"
    raise InvalidCall(
        f"{method} may change something at {kind.name}: give --orders and set {setting}; nothing was sent"
    )


def _pairs(params: tuple[str, ...]) -> list[tuple[str, str]]:
    for param in params:
        if "=" not in param:
            raise click.BadParameter(f"{param!r} is not NAME=VALUE, such as symbol=BTC_USDT", param_hint="PARAM")
    return [(param.partition("=")[0], param.partition("=")[2]) for param in params]


def _kinds(name: str) -> list[type[Exchange]]:
    """Return the adapters with a name, or those in a file. Raises InvalidCall, Unsupported."""
    if not name.endswith(".py"):
        return [Settings.load().registry.find(name)]
    path = Path(name).absolute()
    registry = open_registry(path.parent)
    found = [one for one in registry.names if registry.origin(one) == f"in {path.name}"]
    if not found:
        raise InvalidCall("; ".join(registry.problems) or f"there is no adapter in {path}")
    return [registry.find(one) for one in found]


COMMANDS = (check, new, verify, record)
"""The commands."""
