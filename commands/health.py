"""``fmz-gateway health``: ask the running gateway how it is."""

import sys

import click

from commands.call import ask, url_option
from protocol import wire


@click.command(epilog="Example: fmz-gateway health --url http://127.0.0.1:6666")
@url_option
def health(url: str) -> None:
    """Ask the running gateway whether it could take an order. Fails if it could not."""
    answer = wire.read(ask(f"{url.rstrip('/')}/health/ready"))
    for name, state in answer.items():
        click.echo(f"{name:<9} {state}")
    sys.exit(answer.get("ready") is not True)
