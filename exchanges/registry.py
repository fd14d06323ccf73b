"""The registry of exchanges: those built in, those of installed packages, files in the user's own folder, and those of
a library that has exchanges of its own.

What is not built in is found by name at the start and loaded when it is first called. One that cannot be loaded says
why, and all others work. A name that is taken is refused, never shadowed: an adapter sees its users' keys.
"""

import ast
import logging
import os
import stat
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from exchanges.base import Exchange
from exchanges.checks import WrongAdapter, check
from protocol.errors import InvalidCall, Unsupported

log = logging.getLogger("fmz-gateway")

GROUP = "fmz_gateway.exchanges"
"""The entry points of packages that bring exchanges: ``Name = package.module:Class``."""
BUILT_IN = "built in"
"""The origin of an exchange that comes with the gateway."""
RESERVED = frozenset({"state", "limits", "exchange", "digitalasset", "console", "metrics"})
"""Names that mean something else: in a setting such as STATE_URL, in the article's service address, or as the path
of a page."""

_ROOT = 0  # the user who may write everything anyway
_OURS = {Path(__file__).parents[1] / name for name in ("exchanges", "transport", "protocol")}

_loading = threading.RLock()


class Money(StrEnum):
    """The money that an exchange's orders move, in the order in which a page warns of it."""

    REAL = "real"
    TESTNET = "testnet"
    SIMULATED = "simulated"


@dataclass(frozen=True, slots=True)
class Source:
    """An exchange that is not loaded yet. name: its route. origin: the package or file that it comes from, in words.
    load: returns its class; raises whatever its code raises."""

    name: str
    origin: str
    load: Callable[[], type[Exchange]]
    explicit: str = ""
    """The address that names the source too, if it is a library: such an exchange gives way to every other."""


class Registry:
    """The exchanges of one process. Thread-safe.

    built_in: classes by their names in lower case. sources: the others, in the order in which they may take a name.
    problems: a sentence for each that cannot be used. allowed: names in lower case, None for all. hint: the end of the
    error for an unknown name.
    """

    def __init__(
        self,
        built_in: Mapping[str, type[Exchange]],
        sources: Iterable[Source] = (),
        problems: list[str] | None = None,
        allowed: frozenset[str] | None = None,
        hint: str = "",
    ) -> None:
        self._built_in = built_in
        self._allowed = allowed
        self._hint = hint
        self._sources: dict[str, Source] = {}
        self._explicit: dict[str, Source] = {}
        self._loaded: dict[str, type[Exchange]] = {}
        self.problems = problems if problems is not None else []
        for source in sources:
            self._add(source)

    def limited_to(self, allowed: frozenset[str]) -> "Registry":
        """Return a registry of only these of the exchanges. allowed: names in lower case."""
        return Registry(self._built_in, self._sources.values(), self.problems, allowed)

    @property
    def names(self) -> list[str]:
        """Return the names of all exchanges that may be called, loaded or not."""
        names = [exchange.name for exchange in self._built_in.values()]
        names += [source.name for source in self._sources.values()]
        return [name for name in names if self._is_allowed(name)]

    def is_of_library(self, name: str) -> bool:
        """Return True for an exchange of a library, of which there are many."""
        source = self._sources.get(name.lower())
        return bool(source and source.explicit)

    def origin(self, name: str) -> str:
        """Return where an exchange comes from, in words."""
        source = self._sources.get(name.lower())
        return source.origin if source else BUILT_IN

    def money(self, kind: type[Exchange], *, testing: bool) -> Money:
        """Return the money of an exchange. Only one that is built in can be without an address, and then it is
        simulated. testing: True where its testnet is used."""
        if self.origin(kind.name) == BUILT_IN and not kind.url:
            return Money.SIMULATED
        return Money.TESTNET if testing else Money.REAL

    def name_of(self, name: str) -> str:
        """Return an exchange's name as it writes it itself, from the same in any case. Raises InvalidCall."""
        route = name.lower()
        found = self._built_in.get(route) or self._sources.get(route) or self._explicit.get(route)
        if found and self._is_allowed(found.name):
            return found.name
        raise self._unknown(route)

    def find(self, name: str) -> type[Exchange]:
        """Return the exchange with this name, in any case. Raises InvalidCall for an unknown one, Unsupported for one
        that cannot be loaded."""
        route = self.name_of(name).lower()
        return self._built_in.get(route) or self._loaded.get(route) or self._load(self._sources[route])

    def _unknown(self, route: str) -> InvalidCall:
        """Return the error for a name that is none, with the nearest one."""
        names = {name.lower(): name for name in self.names}
        [meant] = get_close_matches(route.rpartition("/")[2], names, n=1) or [""]
        perhaps = f", perhaps {names[meant]}" if meant else ""
        own = [name for name in names.values() if not self.is_of_library(name)]
        return InvalidCall(f"no exchange of that name{perhaps}; there are {', '.join(own)}{self._hint}")

    def _is_allowed(self, name: str) -> bool:
        return self._allowed is None or name.lower() in self._allowed

    def _add(self, source: Source) -> None:
        route = source.name.lower()
        if source.explicit and (route in RESERVED or route in self._built_in or route in self._sources):
            return
        if route in RESERVED:
            self.problems.append(f"{source.name}, {source.origin}, is not used: the name is the gateway's own")
        elif route in self._built_in or route in self._sources:
            self.problems.append(
                f"{source.name}, {source.origin}, is not used: the name belongs to the one that is "
                f"{self.origin(route)}; give it another"
            )
        else:
            self._sources[route] = source
            if source.explicit:
                self._explicit[source.explicit] = source

    def _load(self, source: Source) -> type[Exchange]:
        """Return a source's class. One that fails is tried again by the next call: its file may be mended by then."""
        with _loading:
            route = source.name.lower()
            if route not in self._loaded:
                try:
                    kind = source.load()
                    check(kind, source.name)
                except WrongAdapter as error:
                    raise _broken(source, str(error)) from None
                except Exception as error:  # noqa: BLE001 - whatever a stranger's code raises
                    raise _broken(source, _where(error)) from None
                self._loaded[route] = kind
            return self._loaded[route]


def packages() -> Iterator[Source]:
    """Yield the exchanges of installed packages."""
    for point in entry_points(group=GROUP):
        origin = f"in package {point.dist.name} {point.dist.version}" if point.dist else "in a package"
        yield Source(point.name, origin, point.load)


def files(folder: Path, problems: list[str]) -> Iterator[Source]:
    """Yield the exchanges in a folder's files, found by ``name = "…"`` in their classes without being run. What others
    could have written is left out, with a sentence in ``problems``."""
    if not folder.is_dir():
        return
    if wrong := _is_unsafe(folder):
        problems.append(f"the exchanges in {folder} are not used: {wrong}")
        return
    for path in sorted(folder.glob("[!_.]*.py")):
        if wrong := _is_unsafe(path):
            problems.append(f"{path} is not used: {wrong}")
            continue
        try:
            named = list(_named_classes(ast.parse(path.read_bytes(), str(path))))
        except (SyntaxError, ValueError) as error:
            problems.append(f"{path.name} cannot be read: {_where(error)}")
            yield Source(path.stem, f"in {path.name}", _loader(path, ""))
            continue
        if not named:
            problems.append(f'{path.name} has no exchange: give a class name = "…", as text')
        for name, class_name in named:
            yield Source(name, f"in {path.name}", _loader(path, class_name))


def _named_classes(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the ``name`` of each class at the outermost level that has one, and the class's own name."""
    for node in module.body:
        if not isinstance(node, ast.ClassDef):
            continue
        for statement in node.body:
            if not isinstance(statement, ast.Assign):
                continue
            for target in statement.targets:
                pairs = (
                    zip(target.elts, statement.value.elts, strict=False)
                    if isinstance(target, ast.Tuple) and isinstance(statement.value, ast.Tuple)
                    else [(target, statement.value)]
                )
                for left, right in pairs:
                    is_name = isinstance(left, ast.Name) and left.id == "name"
                    if is_name and isinstance(right, ast.Constant) and isinstance(right.value, str):
                        yield right.value, node.name


def _loader(path: Path, class_name: str) -> Callable[[], type[Exchange]]:
    """Return a function that runs a file and returns a class of it. No bytecode is kept: it would be taken for that of
    a file that was mended within the same second."""

    def load() -> type[Exchange]:
        if wrong := _is_unsafe(path):  # it may have changed since the start
            raise WrongAdapter(wrong)
        module = ModuleType(f"fmz_gateway_exchange_{path.stem}")
        module.__file__ = str(path)
        sys.modules[module.__name__] = module  # inspect looks for it there
        exec(compile(path.read_bytes(), path, "exec"), vars(module))  # nosec B102  # noqa: S102 - it is what the folder is for
        kind: type[Exchange] = getattr(module, class_name)
        return kind

    return load


def _is_unsafe(path: Path) -> str:
    """Return why code at a path may be another's, empty if only this user can have written it."""
    if os.name != "posix":
        return ""
    found = path.stat()
    if found.st_uid not in (os.geteuid(), _ROOT):
        return f"it belongs to another user; an adapter sees keys: chown {os.geteuid()} {path}"
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"others can write it, and an adapter sees keys: chmod go-w {path}"
    return ""


def _broken(source: Source, why: str) -> Unsupported:
    error = Unsupported(f"{source.name}, {source.origin}, cannot be loaded: {why}. Nothing was sent")
    log.error("%s", error.message)
    return error


def _where(error: Exception) -> str:
    """Return what was raised, and the file and line of the stranger's code where it was."""
    if isinstance(error, SyntaxError):
        return f"{Path(error.filename or '').name}, line {error.lineno}: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not _OURS & set(Path(frame.filename).parents)] or frames
    place = "".join(f"{Path(frame.filename).name}, line {frame.lineno}: " for frame in theirs[-1:])
    return f"{place}{type(error).__name__}: {error}"
