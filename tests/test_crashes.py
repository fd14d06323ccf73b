"""The proofs of ``tests.reliability`` about crashes, storms and stops, small: the real service, killed and pressed."""

from tests.reliability import crashes, load, storms


def test_the_same_request_from_many_threads_to_two_services_is_one_order() -> None:
    outcome = storms.storm("Binance", services=2, threads=20, rounds=1)
    assert outcome.passed, outcome


def test_kills_at_instants_of_an_order() -> None:
    plans = list(crashes.plans(quick=True))
    outcome = crashes.kills(plans, settled=0.5)
    assert outcome.passed, outcome
    assert outcome.figures["kills"] == sum(len(plan) for _, plan in plans)


def test_gunicorn_is_killed_and_started_again() -> None:
    outcome = crashes.restarts(1, ("Binance",), robots_each=1, instant="made")
    assert outcome.figures["adopted"] == 1
    assert outcome.passed, outcome


def test_a_stop_under_load_cuts_nobody_off() -> None:
    outcome = load.stops(1, clients=8)
    assert outcome.passed, outcome


def test_requests_of_every_kind() -> None:
    outcome = load.soak(500, processes=1, accounts=20)
    assert outcome.passed, outcome
