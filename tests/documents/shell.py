"""A shell that runs the documents' blocks, one after the other."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

DOCUMENTED = "http://127.0.0.1:6666"
"""The gateway's address in the documents."""
_COMMAND = """\
fmz-gateway() {
    case "$1" in call | health) set -- "$@" --url "$GATEWAY" ;; esac
    command fmz-gateway "$@"
}
"""
_VARYING = re.compile(r"\b1795353\d{6}\b|(?<=\"client_id\":\")[\w-]{22}(?=\")")  # times of the documents' minutes, ids


@dataclass
class Shell:
    """A shell. home: its home and first working directory. address, state_url: the gateway's, and its database's."""

    home: Path
    address: str
    state_url: str

    def run(self, text: str) -> "subprocess.CompletedProcess[str]":
        """Run a block where the last one ended; return its exit status and what it printed."""
        place = self.home / ".place"
        text = text.replace(DOCUMENTED, self.address)
        script = f'{_COMMAND}cd "$(cat {place} 2>/dev/null || pwd)"\ntrap "pwd > {place}" EXIT\n{text}\n'
        env = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "GATEWAY": self.address,
            "STATE_URL": self.state_url,
        }
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], env=env, cwd=self.home, capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip


def is_shown(printed: str, shown: str) -> bool:
    """Return True if a document shows what was printed. ``…`` stands for anything; times and client order ids may be
    others."""
    parts = (re.escape(part) for part in _VARYING.sub("*", shown.strip()).split("…"))
    return re.fullmatch(".*?".join(parts), _VARYING.sub("*", printed.strip()), re.DOTALL) is not None
