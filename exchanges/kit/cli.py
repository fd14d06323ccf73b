"""``fmz-gateway verify`` and ``check``: the kit on the command line."""

import logging
import sys
from pathlib import Path

import click

from app import open_upstreams
from exchanges import DEFAULT, open_registry
from exchanges.base import Exchange, FuturesExchange, Symbol
from exchanges.kit import check as checking
from protocol.deadline import Deadline
from protocol.errors import InvalidCall
from settings import Settings
from transport.credentials import Credentials

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
    sys.exit(failed)


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


COMMANDS = (check, verify)
"""The commands."""
