"""Every conversation in tests/exchanges/cases, through the real application: what FMZ asked, what we sent, what the
exchange said, what FMZ is told."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import responses

from exchanges import EXCHANGES
from exchanges.__main__ import can
from exchanges.base.futures import FuturesExchange
from protocol.methods import METHODS
from tests.conftest import Ask
from transport.limits import Limits

CASES = Path(__file__).parent / "exchanges" / "cases"


def conversations() -> list[Any]:
    found = []
    for path in sorted(CASES.glob("*/*.json")):
        for case in json.loads(path.read_text(), parse_float=Decimal):
            found.append(pytest.param(path.parent.name, case, id=f"{path.parent.name}/{path.stem}: {case['title']}"))
    return found


@pytest.fixture(autouse=True)
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a conversation no time passes between two calls; limits have tests of their own."""
    monkeypatch.setattr(Limits, "take", lambda *_, **__: None)


@pytest.mark.parametrize(("route", "case"), conversations())
def test_conversation(route: str, case: dict[str, Any], ask: Ask) -> None:
    assert case["source"]
    for asked in case.get("before", []):
        assert "data" in ask(route, **asked)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as exchange:
        for sent, got in zip(case.get("sent", []), case.get("got", []), strict=True):
            body = got["body"] if isinstance(got["body"], str) else json.dumps(got["body"], default=float)
            exchange.add(sent["method"], sent["url"].partition("?")[0], body=body, status=got.get("status", 200))
        answer = ask(route, **case["asked"])
        assert [_as_sent(call.request, like) for call, like in _pairs(exchange.calls, case)] == case.get("sent", [])
    expected = case["answered"]
    assert {key: answer.get(key) for key in expected} == expected
    assert "error" in expected or "error" not in answer


def _pairs(calls: Any, case: dict[str, Any]) -> Any:
    assert len(calls) == len(case.get("sent", [])), [call.request.url for call in calls]
    return zip(calls, case.get("sent", []), strict=True)


def _as_sent(request: Any, like: dict[str, Any]) -> dict[str, Any]:
    """The request in a case's terms; of its headers only those that the case names."""
    body = request.body.decode() if isinstance(request.body, bytes) else request.body
    seen = {"method": request.method, "url": request.url, "body": body or ""}
    if "headers" in like:
        seen["headers"] = {name: request.headers.get(name) for name in like["headers"]}
    return {name: seen[name] for name in like}


@pytest.mark.parametrize("route", EXCHANGES)
def test_every_method_has_a_conversation_that_succeeds_and_one_that_fails(route: str) -> None:
    cases = {path.stem: json.loads(path.read_text()) for path in (CASES / route).glob("*.json")}
    assert cases.keys() >= {*METHODS, "__api_"}, "a method without a conversation"
    for method in METHODS:
        outcomes = {"error" if "error" in case["answered"] else "data" for case in cases[method]}
        assert outcomes == {"error", "data"} - _impossible(route, method), method


# Methods that an exchange may lack → where it says that it has one.
CLAIMS = {"markets": "markets", "tickers": "tickers", "historyorders": "history"}


def _impossible(route: str, method: str) -> set[str]:
    """What cannot happen: futures on spot, what an exchange does not claim, failures where nothing is asked of it."""
    exchange = EXCHANGES[route]
    if method in ("io", "fundings") and not issubclass(exchange, FuturesExchange):
        return {"data"}
    if method in CLAIMS and not can(exchange, CLAIMS[method]):
        return {"data"}
    return {"error"} if method in ("accounts", "assets", "markets", "tickers") and not exchange.url else set()
