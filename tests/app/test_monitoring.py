"""The pages about the gateway itself: alive, ready, and what was counted."""

import logging
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient

from exchanges import EXCHANGES
from exchanges.registry import Registry, Source
from monitoring import metrics
from orders.intents import Intent
from orders.journal import Journal
from protocol.errors import GatewayError
from protocol.models import Side, Symbol
from tables import VERSIONS
from tests.app.conftest import Serve
from tests.app.probe import TICKER, Probe
from tests.conftest import NOW, client_of
from tests.counting import counted, samples, total
from tests.lent import Lent
from tests.servers import changed, renamed

PAGES = ["/health/live", "/health/ready", "/metrics", "/openapi.json"]
TOKEN = "a-token-of-sixteen-characters"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_read_under_the_rules_for_everything_else(serve: Serve, page: str) -> None:
    client = serve(token=TOKEN)
    assert client.get(page).status_code == 403
    assert client.get(f"{page}?token={TOKEN}").status_code == 200
    assert client.get(page, headers={"Authorization": f"Bearer {TOKEN}", "Host": "evil.example"}).status_code == 403
    assert client.get(page, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_no_call_in_the_log_or_the_counts(
    client: FlaskClient, caplog: pytest.LogCaptureFixture, page: str
) -> None:
    caplog.set_level(logging.INFO, "fmz-gateway")
    assert total(counted(lambda: client.get(page)), "fmz_gateway_calls_total") == 0
    assert not [record for record in caplog.records if record.name == "fmz-gateway"]


def test_the_metrics_can_be_switched_off(serve: Serve) -> None:
    client = serve(metrics=False)
    assert client.get("/metrics").status_code == 404
    assert client.get("/health/ready").status_code == 200


@pytest.mark.parametrize("verb", ["POST", "OPTIONS"])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_no_exchange(client: FlaskClient, page: str, verb: str) -> None:
    reply = client.open(page, method=verb, json=TICKER)
    assert reply.status_code == 405
    assert set(reply.headers["Allow"].split(", ")) == {"GET", "HEAD"}


# Ready ------------------------------------------------------------------------------------------------------------


def test_it_is_alive_and_ready(client: FlaskClient) -> None:
    assert client.get("/health/live").get_json() == {"status": "ok"}
    reply = client.get("/health/ready")
    assert reply.status_code == 200
    assert reply.get_json() == {"ready": True, "database": "ok", "journal": "ok", "clock": "ok", "adapters": "ok"}


def test_a_database_that_fails_is_told_without_its_words(client: FlaskClient, lent: Lent) -> None:
    with renamed(lent.state, "fmz_gateway_version"):
        reply = client.get("/health/ready")
    assert reply.status_code == 503
    said = "the gateway's own database cannot be used; see STATE_URL and the disk"
    assert reply.get_json() == {"ready": False, "database": said, "journal": said, "clock": "ok", "adapters": "ok"}
    assert client.get("/health/live").status_code == 200, "a restart would mend nothing"


def test_the_tables_of_a_later_release_are_told(client: FlaskClient, lent: Lent) -> None:
    change = "UPDATE fmz_gateway_version SET version_num = '{}'"
    with changed(lent.state, change.format("9999"), change.format(VERSIONS[-1])):
        reply = client.get("/health/ready")
    assert reply.status_code == 503
    assert "have become those of version 9999" in reply.get_json()["journal"]


@pytest.mark.parametrize(
    ("timeline", "said"),
    [
        (NOW + 4_000, "ok"),
        (NOW - 3_600_000, "the wall clock is 3600 s ahead of the time that was counted; see that NTP runs"),
        (NOW + 60_000, "the wall clock is 60 s behind the time that was counted; see that NTP runs"),
    ],
)
def test_a_wall_clock_that_was_set_is_told_and_stops_nothing(lent: Lent, timeline: int, said: str) -> None:
    reply = client_of(replace(lent, timeline=lambda: timeline).app()).get("/health/ready")
    assert (reply.status_code, reply.get_json()["clock"]) == (200, said)


def test_an_adapter_that_cannot_be_loaded_is_told_once_and_stops_nothing(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    def load() -> Any:
        raise SyntaxError("a colon is missing")

    client = serve(registry=Registry(EXCHANGES, [Source("Broken", "in broken.py", load)]))
    for _ in range(3):
        reply = client.get("/health/ready")
        assert reply.status_code == 200
        assert reply.get_json()["adapters"].startswith("Broken, in broken.py, cannot be loaded: ")
    assert caplog.text.count("cannot be loaded") == 1


# What is counted --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "call", "labels"),
    [
        ("/probe", TICKER, {"exchange": "Probe", "method": "ticker", "outcome": "OK"}),
        ("/PROBE", {"method": "GetDepth"}, {"exchange": "Probe", "method": "depth", "outcome": "INVALID_CALL"}),
        ("/probe", {"method": "hidden"}, {"exchange": "Probe", "method": "?", "outcome": "INVALID_CALL"}),
        ("/hidden", TICKER, {"exchange": "-", "method": "ticker", "outcome": "INVALID_CALL"}),
        ("/probe", [], {"exchange": "-", "method": "-", "outcome": "INVALID_CALL"}),
    ],
)  # fmt: skip
def test_a_call_is_counted_with_its_outcome(client: FlaskClient, path: str, call: Any, labels: dict[str, str]) -> None:
    found = counted(lambda: client.post(path, json=call))
    assert total(found, "fmz_gateway_calls_total", **labels) == total(found, "fmz_gateway_calls_total") == 1
    del labels["outcome"]
    assert total(found, "fmz_gateway_call_seconds_count", **labels) == 1
    assert "hidden" not in metrics.page({}).decode()


def test_an_error_that_nobody_foresaw_is_counted(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Probe, "ticker", lambda *_: 1 / 0)
    found = counted(lambda: client.post("/probe", json=TICKER))
    assert total(found, "fmz_gateway_calls_total", exchange="Probe", outcome=GatewayError.label) == 1


def test_unclear_orders_are_counted_by_exchange(client: FlaskClient, lent: Lent) -> None:
    journal = Journal(lent.state, lent.now)
    for number, exchange in enumerate(["Probe", "Probe", "BitGo"]):
        market = f"C{number}_USDT"
        intent = Intent(
            client_id=market, exchange=exchange, account="a", nonce="", symbol=Symbol.parse(market), market_name=market,
            side=Side.BUY, price=Decimal(1), amount=Decimal(1), closes=False, created_ms=NOW, expires_ms=NOW + 5000,
        )  # fmt: skip
        assert journal.begin(intent) is None
        if number:
            journal.mark_unknown(intent)
    page = client.get("/metrics")
    assert page.content_type == metrics.CONTENT_TYPE
    found = samples(page.get_data())
    names = {key: value for key, value in found.items() if key[0] == "fmz_gateway_unclear_orders"}
    assert names == {
        ("fmz_gateway_unclear_orders", (("exchange", "BitGo"),)): 1,
        ("fmz_gateway_unclear_orders", (("exchange", "Probe"),)): 1,
    }, "one of the three is still being sent"


def test_a_database_that_fails_leaves_the_counts(client: FlaskClient, lent: Lent) -> None:
    with renamed(lent.state, "orders"):
        page = client.get("/metrics").get_data(as_text=True)
    assert "# TYPE fmz_gateway_calls_total counter" in page


def test_every_name_is_on_the_page_with_its_help() -> None:
    page = metrics.page({})
    for name, help_text in metrics.NAMES.items():
        assert f"# HELP {name} {help_text}\n".encode() in page
