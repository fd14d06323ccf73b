"""Calls that have waited for a thread; each has five seconds in all."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask.testing import FlaskClient

from protocol.deadline import arrived
from protocol.models import Symbol, Ticker
from tests.app.conftest import Serve
from tests.app.probe import TICKER, Probe, answer_of, error_of
from tests.lent import Lent


@pytest.fixture
def client(lent: Lent, serve: Serve) -> FlaskClient:
    lent.deadline = 5.0
    return serve()


@contextmanager
def waited(seconds: float) -> Iterator[None]:
    """Let the call have arrived these seconds ago."""
    token = arrived.set(time.monotonic() - seconds)
    try:
        yield
    finally:
        arrived.reset(token)


@pytest.mark.parametrize("seconds", [4.1, 5.0, 100.0, float("inf")])
def test_a_call_with_too_little_time_left_is_told_so_and_not_sent(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.delattr(Probe, "ticker")
    with waited(seconds):
        text = error_of(client.post("/probe", json=TICKER))
    assert text == "BUSY Probe: too many calls wait for it; nothing was sent, it is safe to try again"


def test_the_deadline_of_a_call_counts_from_its_arrival(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[float] = []
    ticker = Probe.ticker

    def noted(self: Probe, symbol: Symbol) -> Ticker:
        left.append(self.deadline.left())
        return ticker(self, symbol)

    monkeypatch.setattr(Probe, "ticker", noted)
    with waited(3.0):
        answer_of(client.post("/probe", json=TICKER))
    answer_of(client.post("/probe", json=TICKER))
    assert 1 < left[0] <= 2 < 4 < left[1] <= 5


@pytest.mark.parametrize("seconds", [0.0, 3.0])
def test_a_caller_that_hung_up_while_it_waited_is_not_sent(client: FlaskClient, seconds: float) -> None:
    ours, callers = socket.socketpair()
    callers.close()
    with ours, waited(seconds):
        reply = client.post("/probe", json=TICKER, environ_overrides={"gunicorn.socket": ours})
        if seconds:
            text = "NOT_SENT Probe: the caller closed the connection before its turn came; nothing was sent"
            assert error_of(reply) == text
        else:
            answer_of(reply)
