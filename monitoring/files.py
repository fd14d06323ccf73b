"""The files in which the workers of one gunicorn count, and keep their last calls, so that each of them can tell those
of all."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

from monitoring.metrics import FOLDER

_IN_USE, _CHANGING = "in-use", "changing"  # files that are locked: while the arbiter lives, while counts are added up
_ENDED = 0  # in the place of a process's number: the sum of the workers that have ended
_SIZE = 2 * 1024 * 1024  # bytes of a file, written beforehand: on a full disk, one that grows would kill its process
_ENDED_RINGS = 4  # of processes that have ended, which are kept until the gateway starts anew

_held: list[int] = []


def open_folder(parent: Path) -> None:
    """Name a new folder in ``parent`` for the files of this process's workers, and remove those whose processes have
    all ended. Raises OSError."""
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _locked(parent / _CHANGING, fcntl.LOCK_EX):
        for folder in parent.glob("*/"):
            with suppress(BlockingIOError), _locked(folder / _IN_USE, fcntl.LOCK_EX | fcntl.LOCK_NB):
                rmtree(folder)
        folder = Path(mkdtemp(dir=parent))
        # Locked until this process and all that it forks have ended. A process's number would say nothing in another
        # container.
        _held.append(os.open(folder / _IN_USE, os.O_CREAT | os.O_RDWR, 0o600))
        fcntl.flock(_held[-1], fcntl.LOCK_EX)
    os.environ[FOLDER] = str(folder)


def make_files(folder: Path) -> None:
    """Make this process's files, and add those of workers that have ended to one sum. Raises OSError."""
    with _locked(folder / _CHANGING, fcntl.LOCK_EX):
        ended = [path for path in folder.glob("*_*.db") if not _is_alive(_process_of(path))]
        for kind in ("counter", "histogram"):
            for process in (_ENDED, os.getpid()):
                path = folder / f"{kind}_{process}.db"
                if not path.exists():
                    path.write_bytes(bytes(_SIZE))
        for path in ended:
            total = folder / f"{path.stem.partition('_')[0]}_{_ENDED}.db"
            with suppress(OSError, RuntimeError):  # what was cut off when its process was killed
                _add(path, total)
            path.unlink()


def make_ring(folder: Path, size: int) -> Path:
    """Return this process's file for its last calls, new and empty, and remove those of processes that have ended, but
    for the latest few. Raises OSError."""
    with _locked(folder / _CHANGING, fcntl.LOCK_EX):
        ended = [path for path in folder.glob("calls_*.ring") if not _is_alive(_process_of(path))]
        for path in sorted(ended, key=lambda path: path.stat().st_mtime)[:-_ENDED_RINGS]:
            path.unlink()
        ring = folder / f"calls_{os.getpid()}.ring"
        ring.write_bytes(bytes(size))
    return ring


@contextmanager
def unchanging(folder: Path) -> Iterator[None]:
    """Keep counts from being added up, for as long as they are read."""
    with _locked(folder / _CHANGING, fcntl.LOCK_SH):
        yield


def _add(path: Path, total: Path) -> None:
    """Add the counts in a file to those in another one."""
    from prometheus_client.mmap_dict import MmapedDict

    file: Any = MmapedDict  # the library gives it no types
    counts = file(total)
    for key, value, *_ in file.read_all_values_from_file(path):
        counts.write_value(key, value + counts.read_value(key)[0], 0.0)
    counts.close()


def _process_of(path: Path) -> int:
    return int(path.stem.partition("_")[2])


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)  # which for 0 means this one
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    """Hold a lock on a file. Raises BlockingIOError where another process does and ``how`` says not to wait."""
    file = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(file, how)
        yield
    finally:
        os.close(file)
