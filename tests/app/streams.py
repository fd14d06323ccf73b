"""Bodies that only the server knows the length of."""

import io
from typing import Any

from flask import Response
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder, run_wsgi_app


class CountedStream(io.RawIOBase):
    """A body that never ends. read_count: bytes that were read of it; more than ``most`` fail the test."""

    def __init__(self, body: bytes, *, most: int) -> None:
        super().__init__()
        self.read_count = 0
        self._body = body
        self._most = most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = self._body[self.read_count : self.read_count + len(buffer)].ljust(len(buffer), b" ")
        self.read_count += len(chunk)
        assert self.read_count <= self._most, "read beyond what is allowed"
        buffer[: len(chunk)] = chunk
        return len(chunk)


def post_stream(client: FlaskClient, body: CountedStream, **environ: Any) -> Response:
    """Return the reply to a body that is a stream."""
    builder = EnvironBuilder(path="/probe", method="POST", base_url="http://127.0.0.1:6666")
    asked = {**builder.get_environ(), "wsgi.input": body, **environ}
    builder.close()
    chunks, status, headers = run_wsgi_app(client.application, asked)
    return client.application.response_class(b"".join(chunks), status, headers)
