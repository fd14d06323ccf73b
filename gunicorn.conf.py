"""gunicorn's settings: one worker with threads, because a call spends its time waiting for an exchange."""

import ctypes
import select
import socket
import struct
import sys
import time
from contextlib import suppress
from typing import cast

from flask import Flask
from gunicorn.arbiter import Arbiter
from gunicorn.workers.gthread import ThreadWorker

from app import open_database
from settings import Settings, WrongSetting, configure_logging, is_loopback

try:
    _settings = Settings.load()
except WrongSetting as error:
    sys.exit(f"fmz-gateway: {error}")

configure_logging(_settings.log_level)

bind = _settings.bind


# Closing a listening socket resets the connections that are not accepted yet, and one can come in between the last
# look and the closing. So the kernel first gets a filter that drops packets that open a connection: load the byte with
# the TCP flags; if SYN is set, drop the packet; else keep it.
_SO_ATTACH_FILTER = 26  # Linux's, see socket(7)
_NO_SYN = b"".join(
    struct.pack("HBBI", *step)
    for step in [(0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 2**32 - 1)]
)
_UNDER_WAY = 0.1  # seconds that a connection may take to be made


def _turn_away(listener: socket.socket) -> None:
    """Refuse new connections: drop the packets that open one. Callers try again after a second, and then are refused,
    or reach the next gateway."""
    program = ctypes.create_string_buffer(_NO_SYN)
    if sys.platform == "linux" and listener.family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError):  # a kernel without such filters
            filtering = struct.pack("HP", len(_NO_SYN) // 8, ctypes.addressof(program))
            listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filtering)


class Worker(ThreadWorker):
    """gunicorn's worker with threads. When a stop begins, it accepts the connections that are already waiting, and then
    closes the listening socket at once: if that stayed open to the end, it would accept callers only to cut them
    off."""

    def set_accept_enabled(self, enabled: bool | None) -> None:
        super().set_accept_enabled(enabled)
        if not self.alive:
            end = time.monotonic() + _UNDER_WAY
            for listener in self.sockets:
                while select.select([listener], [], [], max(0.0, end - time.monotonic()))[0]:
                    self.accept(listener)
                listener.close()


# One worker keeps one pool of open connections; threads cost little while they wait for an exchange. A second worker
# is safe, because everything that must be shared is in the database.
workers = 1
worker_class = Worker
threads = 32

# Seconds. FMZ's host calls again soon; a kept connection saves the handshake.
keepalive = 75

# Seconds. A call ends by its own deadline; a worker that is silent much longer is stuck.
timeout = int(_settings.deadline) + 30

# Seconds. On a stop, calls under way are answered first.
graceful_timeout = int(_settings.deadline) + 5

# The gateway logs its own calls, without the query, where a token may be.
accesslog = None
loglevel = _settings.log_level.lower()
errorlog = "-"


def on_starting(server: Arbiter) -> None:
    """Stop the start for what would fail in every worker, and for an address that the settings would refuse."""
    try:
        open_database(_settings).dispose()
    except WrongSetting as error:
        sys.exit(f"fmz-gateway: {error}")
    for address in server.cfg.address:
        if isinstance(address, tuple) and not is_loopback(address[0]) and not _settings.guarded:
            sys.exit(f"fmz-gateway: {address[0]} can be reached from other machines; set TOKEN or ALLOWED_CLIENTS")

    stop = server.stop

    def stop_listening(graceful: bool = True) -> None:
        if not (server.reexec_pid or server.master_pid or server.systemd):  # they keep the socket in use
            for listener in server.LISTENERS:
                _turn_away(listener.sock)
        stop(graceful)

    server.stop = stop_listening  # type: ignore[method-assign] # gunicorn has no hook there


def post_worker_init(worker: ThreadWorker) -> None:
    """Start the look-ups of orders whose outcome is unknown, those of the last run included."""
    app = cast(Flask, worker.wsgi)  # to gunicorn it is any WSGI application
    app.extensions["resolver"].start()


def when_ready(server: Arbiter) -> None:
    """Print the gateway's address and a first call to try."""
    first = server.cfg.address[0]
    assert isinstance(first, tuple)
    host, port = first
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}/{_settings.default_exchange}"
    print(
        f"\nfmz-gateway is ready. Service address for FMZ's General Protocol form:\n\n    {address}\n\nTry it:\n\n"
        f"""    curl -s {address} -d '{{"method": "ticker", "params": {{"symbol": "BTC_USDT"}}}}'\n""",
        flush=True,
    )
