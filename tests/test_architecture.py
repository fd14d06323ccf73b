"""The house rules that a reader relies on: imports point one way, names stay home."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from exchanges import EXCHANGES

ROOT = Path(__file__).parent.parent
SOURCES = [
    *ROOT.glob("*.py"),
    *ROOT.glob("commands/**/*.py"),
    *ROOT.glob("console/**/*.py"),
    *ROOT.glob("migrations/**/*.py"),
    *ROOT.glob("monitoring/**/*.py"),
    *ROOT.glob("protocol/**/*.py"),
    *ROOT.glob("orders/**/*.py"),
    *ROOT.glob("exchanges/**/*.py"),
    *ROOT.glob("transport/**/*.py"),
]

# What each package or module may import of ours. A request goes from the first to the last.
SHARED = {
    "database",
    "tables",
    "prepared",
    "monitoring.metrics",
    "protocol.deadline",
    "protocol.models",
    "protocol.errors",
    "protocol.numbers",
}
ALLOWED = {
    "protocol": {"protocol"},
    "migrations": {"migrations"},
    "console": {"console", "access", "settings", "orders", "exchanges", "protocol", "transport", "monitoring.latest"}
    | SHARED,
    "database.py": {"prepared", "tables"},
    "tables.py": {"migrations", "prepared"},
    "orders": {"orders", *SHARED},
    "exchanges": {"exchanges", "transport", *SHARED},
    "transport": {"transport", *SHARED},
}
# The kit stands beside the command line, above all: it plays FMZ's host, and an exchange on loopback.
KIT = "exchanges/kit/"

OURS = (
    "app",
    "arrival",
    "cli",
    "commands",
    "console",
    "lanes",
    "monitoring",
    "waitress_server",
    "worker",
    "wsgi",
    "setting_types",
    "settings",
    "database",
    "tables",
    "prepared",
    "migrations",
    "protocol",
    "orders",
    "exchanges",
    "transport",
)

# Names that only FMZ's own formats use.
WIRE_NAMES = ("__api_", "access_key", "secret_key", "avg_price", "margin_level", "closebuy", "closesell")

# Modules that may open a connection, and those that may sign.
NETWORK = {
    "transport/connections.py",
    "transport/standby.py",  # sends nothing
    "arrival.py",  # these are for callers only
    "delivery.py",
    "worker.py",
}
SIGNING = {
    "transport/credentials.py",
    "transport/signing.py",
    "transport/declared.py",
    "exchanges/kit/signatures.py",  # proves the others, and sends nothing
}


@cache
def _nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text())))


@cache
def _imports(path: Path) -> frozenset[str]:
    found: set[str] = set()
    for node in _nodes(path):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return frozenset(found)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _code_strings(path: Path) -> list[str]:
    """Every string of a module that is not a docstring."""
    nodes = _nodes(path)
    docs = {
        id(node.body[0].value)
        for node in nodes
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    constants = [node for node in nodes if isinstance(node, ast.Constant) and id(node) not in docs]
    return [node.value for node in constants if isinstance(node.value, str)]


RIDDLES = re.compile(r"(What|Whether|How|Where|When|Who|Why|Which)\b")  # a docstring says what it is, or what it does


def test_no_docstring_begins_as_a_question() -> None:
    for path in (*SOURCES, *ROOT.glob("tests/**/*.py"), *ROOT.glob("bench/*.py")):
        for node in _nodes(path):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                assert not RIDDLES.match(str(node.value.value)), f"{_name(path)}:{node.lineno}"


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_imports_point_one_way(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    ours = {name for name in _imports(path) if name.split(".")[0] in OURS}
    allowed = tuple(f"{module}." for module in (OURS if _name(path).startswith(KIT) else ALLOWED.get(package, OURS)))
    assert all(f"{name}.".startswith(allowed) for name in ours), ours


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_one_module_has_the_network_and_one_the_signatures(path: Path) -> None:
    imports = {name.split(".")[0] for name in _imports(path)}
    if _name(path) not in NETWORK and not _name(path).startswith(KIT):
        assert not imports & {"socket", "http", "urllib3"}
    if _name(path) not in SIGNING:
        assert not imports & {"hmac", "hashlib"}


@pytest.mark.parametrize("path", [path for path in SOURCES if "protocol" not in path.parts], ids=_name)
def test_fmz_names_stay_in_protocol(path: Path) -> None:
    if _name(path).startswith(KIT):
        return
    texts = _code_strings(path)
    used = {name for name in WIRE_NAMES for text in texts if name in text}
    assert not used


# Tables by the ids of a library that has the same exchanges, and the kinds of API that a new adapter may be like.
IDS = {"exchanges/ccxt/client_ids.py", "exchanges/ccxt/quirks.py", "exchanges/kit/scaffold.py"}


@pytest.mark.parametrize("route", EXCHANGES)
def test_an_exchange_is_named_in_its_own_module_only(route: str) -> None:
    name = EXCHANGES[route].name
    home = "/".join(EXCHANGES[route].__module__.split(".")[:2])
    for path in SOURCES:
        if _name(path).startswith((home, "exchanges/__init__")) or _name(path) in IDS:
            continue
        assert not re.search(rf"\b{name}\b", path.read_text(), re.IGNORECASE), path


def test_only_the_command_line_uses_the_kit() -> None:
    users = {_name(path) for path in SOURCES if any(name.startswith("exchanges.kit") for name in _imports(path))}
    assert {name for name in users if not name.startswith(KIT)} == {"cli.py"}


def test_protocol_knows_no_framework() -> None:
    for path in ROOT.glob("protocol/**/*.py"):
        assert not {name.split(".")[0] for name in _imports(path)} & {"flask", "requests", "sqlalchemy", "gunicorn"}


def test_one_module_calls_the_library_without_types() -> None:
    importers = {_name(path) for path in SOURCES if {"ccxt"} & {name.split(".")[0] for name in _imports(path)}}
    assert importers == {"exchanges/ccxt/library.py"}
