"""``fmz-gateway completion``, and what a shell is told."""

import pytest

from tests.commands.conftest import Command


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_asks_the_command(command: Command, shell: str) -> None:
    done = command("completion", shell)
    assert done.exit_code == 0
    assert f"_FMZ_GATEWAY_COMPLETE={shell}_complete" in done.stdout


@pytest.mark.parametrize(
    ("begun", "words"),
    [
        ("fmz-gateway or", ["orders"]),
        ("fmz-gateway orders p", ["prune"]),
        ("fmz-gateway call futures_pape", ["Futures_paper"]),
        ("fmz-gateway call paper tick", ["ticker", "tickers"]),
        ("fmz-gateway call --ur", ["--url"]),
    ],
)
def test_words_are_completed(command: Command, begun: str, words: list[str]) -> None:
    variables = {"COMP_WORDS": begun, "COMP_CWORD": str(len(begun.split()) - 1)}
    done = command(_FMZ_GATEWAY_COMPLETE="bash_complete", **variables)
    assert done.stdout.split() == [f"plain,{word}" for word in words]
