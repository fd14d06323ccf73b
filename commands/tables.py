"""Tables: for a person in front of a terminal, and plain where a program reads."""

import sys
from collections.abc import Sequence

import click

from exchanges.listing import aligned


def show(rows: Sequence[Sequence[str]], after: str = "") -> None:
    """Print a table, the titles first, and a text after it; what does not fit on the terminal's screen is paged."""
    if not sys.stdout.isatty():
        click.echo(aligned(rows) + after, nl=False)
        return
    from rich import box  # imported here: it takes a tenth of a second
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    titles, *body = rows
    table = Table(*titles, box=box.SIMPLE_HEAD)
    for row in body:
        table.add_row(*map(Text, row))  # a text alone would be read as markup
    with console.capture() as capture:
        console.print(table)
        console.print(after, highlight=False, markup=False)
    text = capture.get()
    if text.count("\n") >= console.height:
        click.echo_via_pager(text)
    else:
        click.echo(text, nl=False)
