"""Werkzeug's server in a thread of this process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from werkzeug.serving import BaseWSGIServer, ThreadedWSGIServer


@contextmanager
def served(server: BaseWSGIServer) -> Iterator[str]:
    """Let a server serve, yield its address, and stop it when every request has ended."""
    if isinstance(server, ThreadedWSGIServer):
        # Werkzeug would wait for none. What a request does after its answer, such as to write that it was delivered,
        # would go on when its database is closed, and leave a connection open.
        server.daemon_threads = False
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
