"""The end of a request, however it is cut into pieces."""

import pytest

from arrival import MAX_SIZE, Arrival

HEAD = b"POST /paper HTTP/1.1\r\nHost: localhost\r\n"
LENGTH = HEAD + b"content-LENGTH : 5 \r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
WHOLE = [
    HEAD + b"\r\n",
    LENGTH + b"hello",
    CHUNKED + b"0\r\n\r\n",
    CHUNKED + b"5\r\nhello\r\n0\r\n\r\n",
    CHUNKED + b"5;name=value\r\nhello\r\nA\r\n0123456789\r\n0\r\nX-Trailer: 1\r\n\r\n",
    CHUNKED + b"4\r\n\r\n\r\n\r\n0\r\n\r\n",  # what looks like an end is content
]


@pytest.mark.parametrize("request_", WHOLE)
@pytest.mark.parametrize("piece", [1, 3, 1000])
def test_a_request_is_whole_with_its_last_byte(request_: bytes, piece: int) -> None:
    arrival = Arrival()
    for start in range(0, len(request_), piece):
        assert not arrival.whole, bytes(arrival.data)
        arrival.add(request_[start : start + piece])
    assert arrival.whole
    assert arrival.alone
    assert arrival.data == request_


@pytest.mark.parametrize("request_", WHOLE)
def test_what_follows_a_request_is_noticed(request_: bytes) -> None:
    arrival = Arrival()
    arrival.add(request_ + b"P")
    assert arrival.whole
    assert not arrival.alone


@pytest.mark.parametrize(
    "broken",
    [
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        HEAD + b"Content-Length: -5\r\n\r\n",
        HEAD + b"Content-Length: 0x5\r\n\r\n",
        HEAD + b"Transfer-Encoding: gzip\r\n\r\n",
        HEAD + f"Content-Length: {MAX_SIZE}\r\n\r\n".encode(),
        HEAD + b"\n",
        CHUNKED + b"\r\n",
        CHUNKED + b"-1\r\n",
        CHUNKED + b"5 5\r\n",
        CHUNKED + b"123456789\r\n",
        CHUNKED + b"5" * 9000,
        CHUNKED + b"0\r\n" + b"x" * 9000,
        CHUNKED + b"800000\r\n" + b"x" * MAX_SIZE,
        b"x" * (MAX_SIZE + 1),
    ],
)
def test_the_rest_of_what_is_refused_is_not_awaited(broken: bytes) -> None:
    arrival = Arrival()
    arrival.add(broken)
    assert arrival.whole


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("/paper", "paper"), ("/OKX?token=/x", "OKX"), ("/okx/", "okx"), ("/%6fkx%2F", "okx"), ("/", ""), ("/?x", ""),
        ("http://localhost:1/okx#x", "okx"), ("//okx", ""), ("*", ""),
    ],
)  # fmt: skip
def test_the_path_names_an_exchange(target: str, name: str) -> None:
    arrival = Arrival()
    arrival.add(f"POST {target} HTTP/1.1\r\n\r\n".encode())
    assert arrival.name == name


def test_consent_is_awaited_once_and_not_when_the_body_is_there() -> None:
    head = HEAD + b"Expect: 100-Continue\r\nContent-Length: 5\r\n\r\n"
    arrival = Arrival()
    assert [arrival.add(part) for part in (head, b"h", b"ello")] == [True, False, False]
    assert not Arrival().add(head + b"hello")
