"""All the fake exchanges, by the names that the gateway has for the real ones."""

from importlib import import_module
from pathlib import Path

from exchanges import EXCHANGES
from tests.fakes import FakeExchange

_CLASSES = {
    name: kind
    for path in sorted(Path(__file__).parent.glob("*.py"))
    if path.stem not in ("__init__", Path(__file__).stem)
    for name, kind in vars(import_module(f"{__package__}.{path.stem}")).items()
}


def _fake_of(name: str) -> type[FakeExchange]:
    wanted = f"Fake{name.replace('_', '')}"
    assert wanted in _CLASSES, f"{name} is built in and has no fake: add a class {wanted} to a module of tests/fakes"
    kind: type[FakeExchange] = _CLASSES[wanted]
    return kind


FAKES: dict[str, type[FakeExchange]] = {kind.name: _fake_of(kind.name) for kind in EXCHANGES.values() if kind.url}
