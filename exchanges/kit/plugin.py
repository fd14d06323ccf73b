"""The kit as a plugin of pytest: ``pytest -p exchanges.kit.plugin cases``.

Each folder of conversations (one with ``exchange.json``) is collected: a test for each conversation, and one for each
check of ``verify``. The adapter is the exchange that has the folder's name: in a file of the folder above ``cases``, or
installed, or built in.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from exchanges import open_registry
from exchanges.kit import claims
from exchanges.kit.conversations import Conversation
from exchanges.kit.files import COMMON
from exchanges.kit.subject import Failed, NotClaimed, Subject
from exchanges.kit.verify import CHECKS, checks_of, open_subject


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a folder of conversations."""
    return Folder.from_parent(parent, path=file_path) if file_path.name == COMMON else None


class Folder(pytest.File):
    """A folder of conversations."""

    def collect(self) -> Iterator[pytest.Item]:
        subject = _subject(self.path.parent)
        for case in subject.conversations:
            yield Played.from_parent(self, name=f"{case.method}: {case.title}", subject=subject, case=case)
        for name in checks_of(subject.kind):
            if name != "conversations":  # each one is a test
                yield Checked.from_parent(self, name=name, subject=subject)


class _Item(pytest.Item):
    """A test of an adapter."""

    def __init__(self, *, subject: Subject, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type] # pytest's own
        self.subject = subject

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        return str(excinfo.value) if isinstance(excinfo.value, Failed) else str(excinfo.getrepr())

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, f"{self.subject.kind.name}: {self.name}"


class Played(_Item):
    """A conversation, played."""

    def __init__(self, *, case: Conversation, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type] # pytest's own
        self.case = case

    def runtest(self) -> None:
        if said := claims.conversation(self.subject, self.case):
            raise Failed(said)


class Checked(_Item):
    """A check of ``verify``."""

    def runtest(self) -> None:
        try:
            CHECKS[self.name](self.subject)
        except NotClaimed:
            pytest.skip("not claimed")


@cache
def _subject(folder: Path) -> Subject:
    above = folder.parent.parent
    return open_subject(open_registry(above if any(above.glob("*.py")) else None).find(folder.name), folder)
