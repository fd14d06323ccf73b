"""The log: one line for each call, without its contents."""

import json
import logging
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from monitoring.logs import Text, json_formatter
from tests.app.conftest import Serve
from tests.app.probe import TICKER, Probe
from tests.conftest import client_of
from tests.lent import Lent
from transport.http import Http


@pytest.mark.parametrize(
    ("path", "call", "line"),
    [
        ("/probe", TICKER, "/probe ticker ok "),
        ("/Probe/?token=hidden-token", TICKER, "/Probe/ ticker ok "),
        ("/nope", TICKER, "/nope ticker INVALID_CALL "),
        ("/probe", {"method": "hidden-method"}, "/probe ? INVALID_CALL "),
        ("/probe", {"method": "__api_hidden/resource"}, "/probe __api_ AUTHENTICATION_FAILED "),
        ("/probe", [], "/probe - INVALID_CALL "),
        ("/x%0d%0a2026-01-01 ERROR forged", TICKER, "/x%0D%0A2026-01-01%20ERROR%20forged ticker INVALID_CALL "),
        ("/" + "x" * 500, TICKER, "/" + "x" * 39 + " ticker INVALID_CALL "),
    ],
)
def test_a_call_is_one_line_of_the_log_without_its_contents(
    client: FlaskClient, caplog: pytest.LogCaptureFixture, path: str, call: Any, line: str
) -> None:
    caplog.set_level(logging.INFO, "fmz-gateway")
    client.post(path, json=call)
    [message] = [record.getMessage() for record in caplog.records if record.name == "fmz-gateway"]
    assert message.startswith(line)
    assert re.search(r" [0-9.]+ ms (real|-)$", message)
    assert message.isprintable()
    assert "hidden" not in message


# The money that a call moves --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "testnets", "money"),
    [
        ("/probe", [], "real"),
        ("/probe", ["Probe"], "testnet"),
        ("/paper", [], "simulated"),
        ("/nope", [], "-"),
    ],
)
def test_a_call_says_last_which_money_it_moves(
    state: Engine, caplog: pytest.LogCaptureFixture, path: str, testnets: list[str], money: str
) -> None:
    caplog.set_level(logging.INFO, "fmz-gateway")
    lent = Lent(Http(), state, testnets=frozenset(testnets), measure_clocks=False)
    client_of(lent.app()).post(path, json=TICKER)
    [message] = [record.getMessage() for record in caplog.records if record.name == "fmz-gateway"]
    assert message.endswith(f" ms {money}")


# The id of a request ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["a", "robot-7.order_12", "X" * 64, "550e8400-e29b-41d4-a716-446655440000"])
@pytest.mark.parametrize("path", ["/probe", "/nope", "/a/b", "/health/live"])
def test_the_callers_id_comes_back(client: FlaskClient, path: str, given: str) -> None:
    assert client.post(path, json=TICKER, headers={"X-Request-Id": given}).headers["X-Request-Id"] == given


@pytest.mark.parametrize("given", [None, "", "X" * 65, "a b", "a\tb", "a;b", "é", "<script>", '"', "a/b", "%0a"])
def test_another_id_is_replaced(client: FlaskClient, given: str | None) -> None:
    headers = {} if given is None else {"X-Request-Id": given}
    made = [client.post("/probe", json=TICKER, headers=headers).headers["X-Request-Id"] for _ in range(2)]
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in made)
    assert made[0] != made[1]


def test_who_is_refused_has_an_id_too(serve: Serve) -> None:
    reply = serve(token="x" * 16).post("/probe", json=TICKER, headers={"X-Request-Id": "mine"})
    assert (reply.status_code, reply.headers["X-Request-Id"]) == (403, "mine")


# JSON -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def shaped(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Return the log, whose formatter may be changed: other tests have the same one afterwards."""
    before = caplog.handler.formatter
    yield caplog
    caplog.handler.setFormatter(before)


@pytest.fixture
def lines(shaped: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    """Return a function that returns the lines that a program reads."""
    caplog = shaped
    caplog.handler.setFormatter(json_formatter())
    caplog.set_level(logging.DEBUG)

    def read() -> list[dict[str, Any]]:
        return [json.loads(line) for line in caplog.text.splitlines()]

    return read


def test_a_call_is_one_line_of_json(client: FlaskClient, lines: Callable[[], list[dict[str, Any]]]) -> None:
    client.post("/PROBE?token=hidden", json=TICKER, headers={"X-Request-Id": "mine"})
    [line] = [line for line in lines() if line["logger"] == "fmz-gateway"]
    ms = line["ms"]
    assert datetime.fromisoformat(line.pop("timestamp")).tzinfo
    assert line == {
        "event": f"/PROBE ticker ok {ms} ms real", "level": "info", "logger": "fmz-gateway", "request_id": "mine",
        "exchange": "Probe", "money": "real", "path": "/PROBE", "method": "ticker", "outcome": "ok", "ms": ms,
    }  # fmt: skip
    assert isinstance(ms, float)


def test_every_line_of_a_call_has_its_id_and_money(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    monkeypatch.setattr(Probe, "ticker", lambda *_: 1 / 0)
    for name in ("first", "second"):
        client.post("/probe", json=TICKER, headers={"X-Request-Id": name})
    ours = [line for line in lines() if line["logger"] == "fmz-gateway"]
    assert [(line["request_id"], line["level"], line["money"]) for line in ours] == [
        ("first", "error", "real"), ("first", "info", "real"), ("second", "error", "real"), ("second", "info", "real"),
    ]  # fmt: skip


def test_every_line_of_text_of_a_call_ends_with_its_money(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, shaped: pytest.LogCaptureFixture
) -> None:
    shaped.handler.setFormatter(Text("%(message)s"))
    shaped.set_level(logging.INFO, "fmz-gateway")
    monkeypatch.setattr(Probe, "ticker", lambda *_: 1 / 0)
    client.post("/probe", json=TICKER)
    mistake, call = [line for line in shaped.text.splitlines() if "probe" in line.lower() or "unexpected" in line]
    assert re.fullmatch(r"unexpected ZeroDivisionError at .* real", mistake)
    assert re.fullmatch(r"/probe ticker INTERNAL_ERROR [0-9.]+ ms real", call)


def test_the_money_of_a_call_is_not_said_of_the_next(
    client: FlaskClient, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    client.post("/probe", json=TICKER)
    client.post("/nope", json=TICKER)
    assert [line["money"] for line in lines() if line["logger"] == "fmz-gateway"] == ["real", "-"]


@pytest.mark.parametrize("word", ["a\nb", 'quo"te', "\u2028", "\x1b[31m", "é"])
def test_a_line_stays_one_line(word: str) -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "%s", (word,), None)
    text = json_formatter().format(record)
    assert len(text.split("\n")) == 1
    assert json.loads(text)["event"] == word


def test_what_a_line_may_hold_is_named() -> None:
    """A record's other attributes are no part of it: a library may put anything there."""
    record = logging.LogRecord("x", logging.INFO, "", 0, "said", (), None)
    record.__dict__ |= {"secret_key": "hidden", "outcome": "ok"}
    text = json_formatter().format(record)
    assert "hidden" not in text
    assert json.loads(text)["outcome"] == "ok"
