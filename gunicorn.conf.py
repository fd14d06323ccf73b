"""How gunicorn runs the gateway: one worker with threads, for its work is waiting for exchanges."""

import ctypes
import select
import socket
import struct
import sys
import time
from contextlib import suppress

from gunicorn.workers.gthread import ThreadWorker

from app import open_database
from settings import Settings, WrongSetting, configure_logging, is_loopback

try:
    _settings = Settings.load()
except WrongSetting as error:
    sys.exit(f"fmz-gateway: {error}")

configure_logging(_settings.log_level)

bind = _settings.bind


# Closing a listening socket resets the connections that nobody has accepted yet, and one can come in between the last
# look and the closing. So the kernel is told first to overlook whatever would open another one: load the byte with the
# TCP flags; where SYN is set, drop the packet; else keep it.
_SO_ATTACH_FILTER = 26  # Linux's, see socket(7)
_NO_SYN = b"".join(
    struct.pack("HBBI", *step)
    for step in [(0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 2**32 - 1)]
)
_UNDER_WAY = 0.1  # seconds that a connection may take to be made


def _turn_away(listener):
    """Let nobody else begin a connection. Who tries asks again after a second, and is refused then, or finds the next
    gateway there."""
    program = ctypes.create_string_buffer(_NO_SYN)
    if sys.platform == "linux" and listener.family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError):  # a kernel that cannot do it
            filtering = struct.pack("HP", len(_NO_SYN) // 8, ctypes.addressof(program))
            listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filtering)


class Worker(ThreadWorker):
    """gunicorn's worker with threads, which on a stop lets in who waits at the door, and then shuts it at once: left
    open until the end, it would take in callers only to cut them off."""

    def set_accept_enabled(self, enabled):
        super().set_accept_enabled(enabled)
        if not self.alive:
            end = time.monotonic() + _UNDER_WAY
            for listener in self.sockets:
                while select.select([listener], [], [], max(0.0, end - time.monotonic()))[0]:
                    self.accept(listener)
                listener.close()


# One worker keeps one pool of warm connections; threads cost little while they wait for an exchange. A second worker
# is safe, for all that must be shared is in the database.
workers = 1
worker_class = Worker
threads = 32

# FMZ's host asks again within seconds; a kept connection saves it the handshake.
keepalive = 75

# A call ends by its own deadline; a worker that is silent much longer is stuck.
timeout = int(_settings.deadline) + 30

# On a stop, calls under way are answered first.
graceful_timeout = int(_settings.deadline) + 5

# The gateway logs its own calls, without the query, where a token may be.
accesslog = None
loglevel = _settings.log_level.lower()
errorlog = "-"


def on_starting(server):
    """Refuse what would fail in every worker, and an address that the settings would refuse."""
    try:
        open_database(_settings).dispose()
    except WrongSetting as error:
        sys.exit(f"fmz-gateway: {error}")
    for address in server.cfg.address:
        if isinstance(address, tuple) and not is_loopback(address[0]) and not _settings.guarded:
            sys.exit(f"fmz-gateway: {address[0]} can be reached from other machines; set TOKEN or ALLOWED_CLIENTS")

    stop = server.stop

    def stop_listening(graceful=True):
        if not (server.reexec_pid or server.master_pid or server.systemd):  # else somebody goes on with the same socket
            for listener in server.LISTENERS:
                _turn_away(listener.sock)
        stop(graceful)

    server.stop = stop_listening


def post_worker_init(worker):
    """Look for orders that nobody has learned the fate of, those of the last run included."""
    worker.wsgi.extensions["resolver"].start()


def when_ready(server):
    """Tell whoever started it where it is, and what to try."""
    host, port = server.cfg.address[0]
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}/{_settings.default_exchange}"
    print(
        f"\nfmz-gateway is ready. Service address for FMZ's General Protocol form:\n\n    {address}\n\nTry it:\n\n"
        f"""    curl -s {address} -d '{{"method": "ticker", "params": {{"symbol": "BTC_USDT"}}}}'\n""",
        flush=True,
    )
