"""``make openapi``: schemathesis asks the running service as its OpenAPI document says, and as it does not.

The service is the one that ``make run`` starts, with a state of its own, on a free port of loopback. It has the two
simulated exchanges alone, so that no call can leave this machine.
"""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import PIPE, STDOUT
from tempfile import TemporaryDirectory
from urllib.request import urlopen

from tests.service import ROOT, Service, running

HERE = Path(__file__).parent
EXCHANGES = ("paper", "Futures_paper")
SETTINGS = {"EXCHANGES": ",".join(EXCHANGES), "PLUGINS": "0", "EXCHANGES_DIR": "", "LOG_LEVEL": "WARNING"}
PROGRAM = f"{sys.prefix}/openapi/bin/schemathesis"
LONGEST = 180  # seconds for each; both take a dozen where nothing else runs


def main() -> None:
    """Ask both exchanges at once; exit with 1 where something is not as the document says."""
    began = time.monotonic()
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(ask, EXCHANGES))
    failed = [exchange for exchange, (is_right, _) in zip(EXCHANGES, answers, strict=True) if not is_right]
    print(*(text for _, text in answers), sep="\n")  # noqa: T201
    print(f"make openapi: {time.monotonic() - began:.0f} s, {', '.join(failed) or 'nothing'} failed")  # noqa: T201
    sys.exit(bool(failed))


def ask(exchange: str) -> tuple[bool, str]:
    """Return True if all answers of the service are as its document says, when it is asked about an exchange; and what
    was found, with what the service's log warned of."""
    with TemporaryDirectory() as name, running(Path(name), SETTINGS) as service:
        document = f"http://127.0.0.1:{service.port}/openapi.json"
        command = [PROGRAM, "--config-file", str(HERE / "schemathesis.toml"), "--no-color", "run", document]
        # Nothing else of what this machine has set, its proxies above all.
        given = {"PATH": os.environ["PATH"], "HOME": name, "PYTHONPATH": str(ROOT), "EXCHANGE": exchange}
        try:
            done = subprocess.run(
                command, cwd=name, env=given, timeout=LONGEST, stdout=PIPE, stderr=STDOUT, text=True, check=False
            )
        except subprocess.TimeoutExpired:
            return False, f"{exchange}: not done within {LONGEST} s; is the machine busy?"
        left = requests_to_exchanges(service)
        return done.returncode == 0 and not left, "\n".join([done.stdout, *left, service.log.read_text()])


def requests_to_exchanges(service: Service) -> list[str]:
    """Return the counts of what left this machine."""
    with urlopen(f"http://127.0.0.1:{service.port}/metrics") as page:
        lines = page.read().decode().splitlines()
    assert any(line.startswith("fmz_gateway_calls_total{") for line in lines), "nothing was counted"
    return [line for line in lines if line.startswith("fmz_gateway_exchange_seconds_count")]


if __name__ == "__main__":
    main()
