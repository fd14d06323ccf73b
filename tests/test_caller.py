"""The things that can be seen of a caller by threads that must not write to it."""

import socket
from collections.abc import Iterator

import pytest

from delivery import Caller


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Yield the service's end of a connection, and the caller's."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_a_caller_that_waits_is_connected_and_is_sent_nothing(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    caller = Caller(ours, "HTTP/1.1")
    assert caller.is_connected()
    theirs.setblocking(False)
    with pytest.raises(BlockingIOError):
        theirs.recv(1)


def test_a_caller_that_has_sent_its_next_request_is_connected(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    theirs.send(b"POST / HTTP/1.1\r\n")
    assert Caller(ours, "HTTP/1.1").is_connected()
    assert ours.recv(4) == b"POST", "it was only looked at"


@pytest.mark.parametrize("how", [socket.SHUT_WR, socket.SHUT_RDWR])
def test_a_caller_that_has_ended_its_sending_may_be_gone(ends: tuple[socket.socket, socket.socket], how: int) -> None:
    ours, theirs = ends
    theirs.shutdown(how)
    assert not Caller(ours, "HTTP/1.1").is_connected()


def test_a_connection_that_we_have_closed_has_no_caller(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, _ = ends
    ours.close()
    assert not Caller(ours, "HTTP/1.1").is_connected()


def test_a_caller_that_no_server_shows_is_not_known_to_be_connected() -> None:
    assert not Caller(None, "HTTP/1.1").is_connected()
