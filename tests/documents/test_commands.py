"""The commands that the documents name in their sentences are there, with the options that they are given."""

import re
import shlex

import click
import pytest

from cli import commands
from tests.documents.blocks import DOCUMENTS, ROOT

NAMED = sorted({
    (document, words)
    for document in DOCUMENTS
    for words in re.findall(r"`(?:\S+/)?fmz-gateway ([^`]+)`", (ROOT / document).read_text())
})  # fmt: skip


def unknown(text: str) -> str:
    """Return the first word of a command line that is no command or option, empty if there is none."""
    command: click.Command = commands
    for word in shlex.split(text):
        if word.startswith("-"):
            if word not in command.get_help_option_names(click.Context(command)) + [
                name for option in command.params for name in option.opts
            ]:
                return word
        elif isinstance(command, click.Group):
            if word not in command.commands:
                return word
            command = command.commands[word]
    return ""


@pytest.mark.parametrize(("document", "words"), NAMED)
def test_a_command_in_a_sentence_is_there(document: str, words: str) -> None:
    assert not unknown(words), document


def test_a_command_that_is_not_there_is_noticed() -> None:
    assert len(NAMED) > 15
    assert unknown("order list") == "order"
    assert unknown("orders lists") == "lists"
    assert unknown("orders prune --older 7d") == "--older"
