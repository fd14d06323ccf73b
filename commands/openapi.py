"""``fmz-gateway openapi``: the calls, as a document for programs."""

import click

from protocol import wire


@click.command(epilog="Example: fmz-gateway openapi > openapi.json")
def openapi() -> None:
    """Print the calls as an OpenAPI document, which the gateway has at /openapi.json too."""
    from protocol.openapi import document  # imported here: it takes a tenth of a second

    click.echo(wire.write(document()))
