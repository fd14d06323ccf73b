"""The findings of bandit that are left as they are have a reason beside them."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
MARK = re.compile(r"# nosec\b.*")
REASONED = re.compile(r"# nosec B\d{3}  # (noqa: S\d{3} - )?\w[^#]{3,}")


def test_nothing_is_left_without_a_number_and_a_reason() -> None:
    names = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    marks = [
        found[0]
        for name in names.split()
        if not name.startswith("tests/")
        for line in (ROOT / name).read_text().splitlines()
        if (found := MARK.search(line))
    ]
    assert marks
    assert not [mark for mark in marks if not REASONED.fullmatch(mark)]
