"""``make bench-profile``, ``python -m bench.profile [CALL …]``: the processor time of calls by layer, of those that are
named, or of all. py-spy looks at the gateway from outside, which slows it down little."""

import argparse
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.client import asked
from bench.fake import BASES
from bench.measures import Bench, limit_order, read
from bench.stage import Peer, fake
from tests.service import children


def paper_order(number: int) -> tuple[str, dict[str, Any]]:
    """Return an order on paper, of a new account after each hundred: simulated money is not endless."""
    route, call = limit_order(route="paper")(number)
    return route, call | {"access_key": f"key {call['nonce'] // 100}"}


CALLS = {
    "ticker": read(),
    "200 levels": read("depth"),
    "1,000 bars": read("records"),
    "limit order": limit_order(BASES),
    "paper order": paper_order,
}
SECONDS = 8
SAMPLES = 400  # a second
SMALLEST = 0.01  # of the time; smaller layers are one row
STANDARD = "Python's own modules"


def layer(stack: str) -> str:
    """Return the layer that a stack is in: the innermost library, or package or module of ours. What the standard
    library does is done for its caller."""
    for frame in reversed(stack.split(";")):
        found = re.search(r"\(([^:()]+\.py):\d+\)$", frame)
        name = found[1].partition("/")[0] if found else ""
        if name and name.removesuffix(".py") not in sys.stdlib_module_names:
            return name
    return STANDARD


def shares(stacks: Iterable[str]) -> Mapping[str, float]:
    """Return each layer's share of the samples. stacks: lines of py-spy's raw form: a stack, and how often it was
    seen."""
    seen: Counter[str] = Counter()
    for line in stacks:
        stack, _, times = line.rpartition(" ")
        seen[layer(stack)] += int(times)
    return {name: times / seen.total() for name, times in seen.items()}


def profile(bench: Bench, name: str) -> Mapping[str, float]:
    """Return the µs that each layer takes of a call."""
    call = CALLS[name]
    with bench.service() as gateway:
        bench.exchange.reset()
        asked(gateway.port, call, 1, 200)
        before, calls = gateway.cpu(), bench.calls(1000)
        assert not asked(gateway.port, call, 1, calls).failed
        whole = 1_000_000 * (gateway.cpu() - before) / calls
        raw = bench.directory / f"{name}.raw"
        with _spy(gateway, raw) as spy:
            while spy.poll() is None:
                asked(gateway.port, call, 1, 40)
        assert spy.returncode == 0, "py-spy failed: it must be allowed to look into processes, as root may"
        return {layer: whole * share for layer, share in shares(raw.read_text().splitlines()).items()}


def _spy(gateway: Peer, raw: Path) -> "subprocess.Popen[bytes]":
    """Start py-spy on the gateway's worker: it counts stacks of the threads that run."""
    [worker] = children(gateway.pid)
    options = ["--gil", "--format", "raw", "--duration", f"{SECONDS}", "--rate", f"{SAMPLES}", "--output", str(raw)]
    command = [
        str(Path(sys.executable).with_name("py-spy")),
        "record",
        *options,
        "--pid",
        str(worker),
    ]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def table(profiles: Mapping[str, Mapping[str, float]]) -> str:
    """Return the µs of each call by layer, in Markdown, the largest first."""
    totals = {name: sum(times.values()) for name, times in profiles.items()}
    layers = {layer for times in profiles.values() for layer in times}
    large = [
        layer
        for layer in layers
        if any(times.get(layer, 0) > SMALLEST * totals[name] for name, times in profiles.items())
    ]
    large.sort(key=lambda layer: -sum(times.get(layer, 0) for times in profiles.values()))
    rows: list[tuple[str, Sequence[float]]] = [
        (layer, [times.get(layer, 0) for times in profiles.values()]) for layer in large
    ]
    rest = [totals[name] - sum(times.get(layer, 0) for layer in large) for name, times in profiles.items()]
    rows += [("all others", rest), ("**whole call**", list(totals.values()))]
    lines = [f"| processor µs | {' | '.join(profiles)} |", f"|---{'|--:' * len(profiles)}|"]
    lines += [f"| {name} | {' | '.join(f'{value:,.0f}' for value in values)} |" for name, values in rows]
    return "\n".join(lines)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.profile", description="The processor time of a call, by layer."
    )
    parser.add_argument("calls", nargs="*", metavar="CALL", help=f"of {', '.join(CALLS)}")
    given = parser.parse_args()
    if unknown := set(given.calls) - CALLS.keys():
        parser.error(f"no such call: {', '.join(sorted(unknown))}; there are {', '.join(CALLS)}")
    with tempfile.TemporaryDirectory() as folder, fake(Path(folder)) as exchange:
        bench = Bench(exchange, Path(folder), None, 1)
        print(table({name: profile(bench, name) for name in given.calls or CALLS}))


if __name__ == "__main__":
    main()
