"""The command ``fmz-gateway``: it serves, calls what serves, and looks at exchanges and orders."""

import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from app import open_database, open_timeline
from commands import tables
from commands.call import call
from commands.completion import completion
from commands.health import health
from commands.openapi import openapi
from commands.probe import probe
from exchanges import DEFAULT, listing
from exchanges.kit import cli as kit
from orders import cli
from orders.journal import Journal
from protocol.errors import GatewayError
from settings import Settings, WrongSetting
from transport.clock import epoch_ms

_OWN_OPTIONS = ("-h", "--help", "--version")


class Commands(click.Group):
    """A group of commands. It suggests the nearest one for a word that is none, and ends with a sentence where a
    setting is wrong or an exchange refuses."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (WrongSetting, GatewayError) as error:
            click.echo(f"fmz-gateway: {getattr(error, 'message', error)}", err=True)
            sys.exit(1)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.commands:
            near = get_close_matches(args[0], self.commands, n=1)
            hint = f", perhaps {near[0]}" if near else ""
            ctx.fail(f"there is no command {args[0]!r}{hint}; there are {', '.join(self.commands)}")
        return super().resolve_command(ctx, args)


@click.group(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog="Example: fmz-gateway serve"
)
@click.version_option(package_name="fmz-gateway", message="%(version)s")
def commands() -> None:
    """Trade on any exchange from FMZ Quant. Without a command it serves."""


@commands.command(
    context_settings={"ignore_unknown_options": True}, epilog="Example: fmz-gateway serve --bind unix:/run/fmz.sock"
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[GUNICORN'S OPTIONS]")
def serve(options: tuple[str, ...]) -> None:
    """Serve FMZ's calls on 127.0.0.1:6666, behind gunicorn, or behind waitress where SERVER says so."""
    settings = Settings.load()
    if settings.server == "waitress":
        if options:
            raise WrongSetting(f"{' '.join(options)} is for gunicorn; with waitress, BIND says where to listen")
        from waitress_server import serve as serve_with_waitress  # imported here: gunicorn's gateway needs none of it

        serve_with_waitress(settings)
        return
    from gunicorn.app.wsgiapp import run  # imported here: Windows has no gunicorn

    places = (Path(__file__).parent, Path(sys.prefix) / "share" / "fmz-gateway")
    [config, *_] = [place / "gunicorn.conf.py" for place in places if (place / "gunicorn.conf.py").exists()]
    ours = ["--config", str(config), "wsgi:app"]
    given = list(options)
    # After SIGUSR2 gunicorn starts this command with the arguments as they are now.
    sys.argv[1:] = given if given[:3] == ours else [*ours, *given]
    run(prog="fmz-gateway")


@commands.command(epilog=f"Example: fmz-gateway exchanges {DEFAULT}")
@click.argument("name", required=False)
def exchanges(name: str | None) -> None:
    """List every exchange and what it can do, or show one. Fails if one cannot be used."""
    registry = Settings.load().registry
    if name:
        click.echo(listing.describe(registry, name), nl=False)
    else:
        tables.show(listing.rows(registry), listing.library(registry))
    problems = [] if name else listing.Problems(registry).sentences
    for problem in problems:
        click.echo(f"fmz-gateway: {problem}", err=True)
    sys.exit(bool(problems))


@commands.group(cls=Commands, epilog="Example: fmz-gateway orders list")
@click.pass_context
def orders(ctx: click.Context) -> None:
    """List the journal's orders, resolve by hand those that no exchange can be asked for, and delete old ones."""
    settings = Settings.load()
    database = open_database(settings)
    ctx.call_on_close(database.dispose)
    timeline = open_timeline(database)
    ctx.obj = cli.Book(Journal(database, timeline, settings.retry_window), timeline() - epoch_ms(), tables.show)


for command in cli.COMMANDS:
    orders.add_command(command)
for command in (call, health, *kit.COMMANDS, probe, openapi, completion):
    commands.add_command(command)


def main() -> None:
    """Run the command line. Options alone are gunicorn's."""
    given = sys.argv[1:]
    is_command = given and (not given[0].startswith("-") or given[0] in _OWN_OPTIONS)
    commands.main(given if is_command else ["serve", "--", *given], prog_name="fmz-gateway")


if __name__ == "__main__":
    main()
