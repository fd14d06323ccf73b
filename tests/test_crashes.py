"""The proofs of ``tests.reliability`` about crashes, storms and stops, small: the real service, killed and pressed."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.reliability import crashes, load, storms
from tests.service import ROOT

pytestmark = pytest.mark.long

TURNED_AWAY = """
import socket, sys
from worker import turn_away
for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    with socket.create_server((host, 0), family=family) as listener:
        address = listener.getsockname()[:2]
        with socket.create_connection(address) as early:
            turn_away(listener)
            try:
                socket.create_connection(address, timeout=0.3)
            except TimeoutError:
                pass
            else:
                sys.exit("let in")
            early.sendall(b"still heard")
            with listener.accept()[0] as accepted:
                accepted.settimeout(5)
                assert accepted.recv(20) == b"still heard"
                accepted.sendall(b"and answered")
            assert early.recv(20) == b"and answered"
"""


def test_the_same_request_from_many_threads_to_two_services_is_one_order() -> None:
    outcome = storms.storm("Binance", lent=2, threads=20, rounds=1)
    assert outcome.passed, outcome


def test_kills_at_instants_of_an_order() -> None:
    plans = list(crashes.plans(quick=True))
    outcome = crashes.kills(plans, absent_after=0.5)
    assert outcome.passed, outcome
    assert outcome.figures["kills"] == sum(len(plan) for _, plan in plans)


def test_gunicorn_is_killed_and_started_again() -> None:
    outcome = crashes.restarts(1, ("Binance",), robots_each=1, instant="made")
    assert outcome.figures["adopted"] == 1
    assert outcome.passed, outcome


def test_a_stop_under_load_cuts_nobody_off() -> None:
    outcome = load.stops(1, clients=8)
    assert outcome.passed, outcome


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such filter")
def test_who_knocks_after_a_stop_began_is_turned_away_and_who_came_before_is_served(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", TURNED_AWAY], env=environment, check=True)


def test_requests_of_every_kind() -> None:
    outcome = load.soak(500, processes=1, accounts=20)
    assert outcome.passed, outcome
