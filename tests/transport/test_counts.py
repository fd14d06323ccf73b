"""The counts of the transport for the metrics."""

import pytest
import requests

from protocol.deadline import Deadline
from protocol.errors import GatewayError
from tests.counting import counted, total
from tests.transport.conftest import PER_SECOND, Sleeper, Worker, take, until_denied
from transport.http import Http


def test_a_wait_for_a_limit_is_counted(worker: Worker, sleeper: Sleeper) -> None:
    limits = worker.limits(PER_SECOND, name="Tiny")

    def act() -> None:  # at once: Redis forgets an unused counter by its own clock
        until_denied(limits)
        take(limits, patience=0.2)

    found = counted(act)
    assert sleeper.slept == [0.125]
    assert total(found, "fmz_gateway_limit_wait_seconds_count", exchange="Tiny") == 1
    assert total(found, "fmz_gateway_limit_wait_seconds_sum", exchange="Tiny") == 0.125


@pytest.mark.parametrize(("status", "count"), [(429, 1), (418, 1), (400, 0)])
def test_a_ban_is_counted(worker: Worker, status: int, count: int) -> None:
    limits = worker.limits(PER_SECOND, name="Banning")
    found = counted(lambda: limits.heed(status, "7", ""))
    assert total(found, "fmz_gateway_bans_total", exchange="Banning") == count


def test_a_request_is_timed_whatever_comes_of_it() -> None:
    def act() -> None:
        with pytest.raises(GatewayError):
            Http().send("Closed", requests.Request("GET", "http://127.0.0.1:1"), Deadline.after(5))

    assert total(counted(act), "fmz_gateway_exchange_seconds_count", exchange="Closed") == 1
