"""gunicorn's settings: one worker with threads, because a call spends its time waiting for an exchange."""

import ctypes
import gc
import os
import resource
import sys
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from typing import cast
from weakref import WeakKeyDictionary

from flask import Flask
from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker as AnyWorker
from gunicorn.workers.gthread import ThreadWorker

from app import open_database, start_threads
from monitoring import logs
from monitoring.files import open_folder
from setting_types import is_loopback
from settings import Settings, WrongSetting, in_force, put_in_force
from worker import Worker, turn_away

_previous = in_force()  # set after a SIGHUP, which reads this file again
try:
    _settings = Settings.load()
    open_database(_settings).dispose()  # what fails here would fail in every worker
except WrongSetting as error:
    if not _previous:
        sys.exit(f"fmz-gateway: {error}")
    print(f"fmz-gateway: {error}; the previous settings stay in force", file=sys.stderr, flush=True)
    _settings = _previous
put_in_force(_settings)

logs.configure(_settings.log_level, _settings.log_format)

bind = _settings.bind

# One worker keeps one pool of open connections; threads cost little while they wait for an exchange, of which each may
# have half. A second worker is safe, because everything that must be shared is in the database.
workers = 1
worker_class = Worker
threads = 64

# Connections at once; when there are more, the oldest that has sent nothing is closed. Half of the files that a process
# may have open are left for exchanges and the database.
worker_connections = min(512, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)

# Seconds. FMZ's host calls again soon; a kept connection saves the handshake.
keepalive = 75

# Seconds. A call ends by its own deadline; a worker that is silent much longer is stuck.
timeout = int(_settings.deadline) + 30

# Seconds. On a stop, calls under way are answered first.
graceful_timeout = int(_settings.deadline) + 5

# Objects that are made before the collector looks for garbage among them. A call leaves about 20, some KiB in all, so
# that less than 2 MiB wait.
_GARBAGE = 5_000

# Bytes from which glibc takes memory from the system by itself, and gives it back at once. Unless it is told, it moves
# this up when large bodies come, and keeps them for each thread: 174 MB instead of 89 after some of a megabyte.
_LARGE = 128 * 1024
_MMAP_THRESHOLD = -3  # glibc's number for it
# Bytes at the end of its memory that it keeps when they are free. It moves this up too, while Python loads modules.
_TRIM_THRESHOLD = -1  # glibc's number for it

# glibc would keep memory for groups of threads apart, 4 MiB of it unused, so that they need not wait for each other.
# They rarely do: Python lets one of them run at a time.
_MOST_ARENAS = -8  # glibc's number for it

# The gateway logs its own calls, without the query, where a token may be.
accesslog = None
loglevel = _settings.log_level.lower()
errorlog = "-"
logconfig_dict = logs.gunicorn_config(_settings.log_level, _settings.log_format)

# gunicorn's control socket has one path for all gateways of a user.
control_socket_disable = "--control-socket" not in " ".join([*sys.argv, os.environ.get("GUNICORN_CMD_ARGS", "")])


def _exposed(server: Arbiter) -> str:
    """Return the reason why an address that was given to gunicorn is unsafe; empty if none is."""
    for address in server.cfg.address:
        if isinstance(address, tuple) and not is_loopback(address[0]) and not _settings.guarded:
            return f"{address[0]} can be reached from other machines; set TOKEN or ALLOWED_CLIENTS"
    return ""


def on_reload(server: Arbiter) -> None:
    """Keep the previous settings if the new ones would leave an address that others can reach without a guard."""
    if exposed := _exposed(server):
        print(f"fmz-gateway: {exposed}; the previous settings stay in force", file=sys.stderr, flush=True)
        assert _previous
        put_in_force(_previous)


def on_starting(server: Arbiter) -> None:
    """Stop the start for an address that the settings would refuse, open the workers' common metrics, and turn new
    callers away when a stop begins."""
    if exposed := _exposed(server):
        sys.exit(f"fmz-gateway: {exposed}")

    if _settings.metrics_dir:
        try:
            open_folder(_settings.metrics_dir)
        except OSError as error:
            print(f"fmz-gateway: each worker has metrics of its own: {error}", file=sys.stderr, flush=True)

    stop = server.stop

    def stop_listening(graceful: bool = True) -> None:
        if not (server.reexec_pid or server.master_pid or server.systemd):  # they keep the socket in use
            for listener in server.LISTENERS:
                turn_away(listener.sock)
        stop(graceful)

    server.stop = stop_listening  # type: ignore[method-assign] # gunicorn has no hook there


_processors: WeakKeyDictionary[AnyWorker, int] = WeakKeyDictionary()


def _least_used(workers: Iterable[AnyWorker]) -> int:
    """Return the processor that the fewest of these workers run on. Gateways of one machine begin with different
    ones."""
    taken, all_ = Counter(map(_processors.get, workers)), sorted(os.sched_getaffinity(0))
    return min(all_, key=lambda one: (taken[one], (one + os.getpid()) % len(all_)))


def pre_fork(server: Arbiter, worker: ThreadWorker) -> None:
    """Choose the worker's processor, and let it share the master's memory: the collector would write into every object
    that it looks at, and so have the system copy it."""
    if _settings.pin_workers and hasattr(os, "sched_setaffinity"):  # macOS has none
        _processors[worker] = _least_used(server.WORKERS.values())
    gc.collect()
    gc.freeze()


def post_worker_init(worker: ThreadWorker) -> None:
    """Start the threads beside the calls; let the garbage collector look at nothing that lasts as long as the worker,
    and the system have back what large bodies took."""
    # Python lets one thread run at a time. On one processor they follow each other without waking another one, and the
    # memory that they work on is near: with 32 callers a fifth less of its time. Threads are where the first one is.
    if worker in _processors:
        with suppress(OSError):  # some sandboxes forbid it
            os.sched_setaffinity(0, {_processors[worker]})
    app = cast(Flask, worker.wsgi)  # to gunicorn it is any WSGI application
    start_threads(app)
    # Code and tables are some 80,000 objects, which every full collection would look through: 15 ms and more in which
    # no thread goes on. What is not frozen is little, and takes less than one.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GARBAGE, 20, 20)
    system = ctypes.CDLL(None)
    if hasattr(system, "mallopt"):  # glibc's
        system.mallopt(_MMAP_THRESHOLD, _LARGE)
        system.mallopt(_TRIM_THRESHOLD, _LARGE)
        system.mallopt(_MOST_ARENAS, 1)


def when_ready(server: Arbiter) -> None:
    """Print the gateway's address and a first call to try."""
    place, option = server.cfg.address[0], ""
    if isinstance(place, tuple):
        host, port = place
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}/{_settings.default_exchange}"
    else:
        address, option = f"http://localhost/{_settings.default_exchange}", f" --unix-socket {place}"
    logs.announce(address, _settings.log_format, option)
