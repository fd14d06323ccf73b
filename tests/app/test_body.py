"""Bodies: their size, length and content type."""

import json

import pytest
from flask.testing import FlaskClient

from app import MAX_BODY
from tests.app.conftest import Serve
from tests.app.probe import TICKER, answer_of, error_of
from tests.app.streams import CountedStream, post_stream


def padded(size: int) -> bytes:
    """Return a right call of so many bytes."""
    body = json.dumps({**TICKER, "padding": ""}).encode()
    return body[:-2] + b"x" * (size - len(body)) + body[-2:]


def test_a_body_of_a_mebibyte_is_read(client: FlaskClient) -> None:
    assert "data" in answer_of(client.post("/probe", data=padded(MAX_BODY)))


@pytest.mark.parametrize("size", [MAX_BODY + 1, MAX_BODY * 2, 10**15])
def test_a_larger_body_is_refused_before_it_is_read(client: FlaskClient, size: int) -> None:
    body = CountedStream(b"", most=0)
    reply = post_stream(client, body, CONTENT_LENGTH=str(size))
    assert error_of(reply) == "INVALID_CALL the body is over 1048576 bytes"
    assert reply.headers["Connection"] == "close"
    assert body.read_count == 0


def test_of_a_body_without_a_length_no_more_is_read_than_is_allowed(client: FlaskClient) -> None:
    body = CountedStream(b"", most=MAX_BODY + 64 * 1024)
    environ = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    reply = post_stream(client, body, **environ)
    assert error_of(reply) == "INVALID_CALL the body is over 1048576 bytes"
    assert reply.headers["Connection"] == "close"


def test_no_more_is_read_than_the_length_says(client: FlaskClient) -> None:
    call = json.dumps(TICKER).encode()
    body = CountedStream(call, most=len(call))
    assert "data" in answer_of(post_stream(client, body, CONTENT_LENGTH=str(len(call))))
    assert body.read_count == len(call)


@pytest.mark.parametrize("length", ["", "x", "-5"])
def test_without_a_length_nothing_is_read(client: FlaskClient, length: str) -> None:
    body = CountedStream(json.dumps(TICKER).encode(), most=0)
    assert error_of(post_stream(client, body, CONTENT_LENGTH=length)).startswith("INVALID_CALL the body is empty")


def test_a_stranger_is_refused_before_the_body_is_read(serve: Serve) -> None:
    body = CountedStream(b"", most=0)
    reply = post_stream(serve(token="x" * 16), body, CONTENT_LENGTH="100")
    assert error_of(reply, 403).startswith("ACCESS_DENIED")


@pytest.mark.parametrize(
    "media_type",
    [
        None, "application/json", "application/json; charset=utf-8", "application/json; charset=utf-16", "text/plain",
        "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "multipart/form-data", "nonsense",
        ";", "",
    ],
)  # fmt: skip
def test_the_content_type_does_not_matter(client: FlaskClient, media_type: str | None) -> None:
    headers = {} if media_type is None else {"Content-Type": media_type}
    assert "data" in answer_of(client.post("/probe", data=json.dumps(TICKER).encode(), headers=headers))


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"method=ticker", b"\xff", b'{"method": NaN}', b"[" * 100_000, b'"' * 1000]
)
def test_what_is_no_call_is_an_invalid_one(client: FlaskClient, body: bytes) -> None:
    assert error_of(client.post("/probe", data=body)).startswith("INVALID_CALL ")
