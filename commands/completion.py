"""``fmz-gateway completion``: the script with which a shell completes the command."""

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

_SHELLS = {kind.name: kind for kind in (BashComplete, ZshComplete, FishComplete)}
_PROGRAM, _VARIABLE = "fmz-gateway", "_FMZ_GATEWAY_COMPLETE"


@click.command(epilog="Example: fmz-gateway completion bash >> ~/.bash_completion")
@click.argument("shell", type=click.Choice(list(_SHELLS)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script with which SHELL completes commands, options, exchanges and methods."""
    completer = _SHELLS[shell](ctx.find_root().command, {}, _PROGRAM, _VARIABLE)
    click.echo(completer.source_template % completer.source_vars())  # its source() looks for a bash to ask its version
