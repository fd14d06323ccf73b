"""Public reads through ccxt share requests like all others; what has keys does not."""

from typing import Any

import pytest
from sqlalchemy import Engine

from exchanges.base import RateLimited, Symbol
from exchanges.ccxt.bridge import bridge
from exchanges.ccxt.calls import CcxtCalls
from tests.exchanges.ccxt.canned import Canned, give_market, open_exchange
from tests.lent import Lent
from transport.flights import Flights, Send
from transport.limits import Limits
from transport.reply import Reply

BTC = Symbol("BTC", "USDT")
TICKER = {
    "code": "0", "msg": "",
    "data": [{"instId": "BTC-USDT", "ts": "1700000000000", "last": "1.5", "bidPx": "1.4", "askPx": "1.6",
              "open24h": "1", "high24h": "2", "low24h": "1", "vol24h": "9", "volCcy24h": "9"}],
}  # fmt: skip
BALANCE = {"code": "0", "msg": "", "data": [{"uTime": "1700000000000", "details": []}]}
REPLIES = {"GET /api/v5/market/ticker": TICKER, "GET /api/v5/account/balance": BALANCE}


class Process:
    """One process, in which every call has an exchange of its own."""

    def __init__(self, state: Engine, http: Canned) -> None:
        self._lent = Lent(http=http, state=state, measure_clocks=False, sleep=lambda seconds: None)
        self._kind = bridge("okx", "OKX", futures=False)

    def open(self, max_age_ms: int = 0) -> CcxtCalls:
        exchange = open_exchange(self._lent, self._kind)
        assert isinstance(exchange, CcxtCalls)
        exchange.max_age_ms = max_age_ms
        return exchange


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls that a limit was taken for."""
    taken: list[str] = []
    monkeypatch.setattr(Limits, "take", lambda _, asked, *more, **urgent: taken.append(asked))
    give_market(monkeypatch, "BTC-USDT")
    return taken


def test_who_is_given_anothers_reply_sends_nothing_and_takes_no_limit(
    state: Engine, taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    landed: dict[str, Reply] = {}

    def share(_: Flights, question: str, send: Send, deadline: object) -> tuple[Reply, bool]:
        if question in landed:
            return landed[question], False
        landed[question] = send(lambda: None)
        return landed[question], True

    monkeypatch.setattr(Flights, "share", share)
    process = Process(state, http := Canned(REPLIES))
    tickers = [process.open().ticker(BTC) for _ in range(3)]
    assert tickers[0] == tickers[1] == tickers[2]
    assert (len(http.sent), len(taken)) == (1, 1)


def test_what_has_keys_is_not_shared(state: Engine, taken: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Flights, "share", lambda *_: pytest.fail("shared"))
    process = Process(state, http := Canned(REPLIES))
    for _ in range(2):
        process.open(max_age_ms=60_000).accounts()
    assert len(http.sent) == 2
    assert len(taken) >= 2


def test_replies_are_kept_for_who_takes_them(state: Engine, taken: list[str]) -> None:
    process = Process(state, http := Canned(REPLIES))
    first, second = process.open(max_age_ms=60_000), process.open(max_age_ms=60_000)
    assert first.ticker(BTC) == second.ticker(BTC)
    assert first.age_ms is None
    assert second.age_ms is not None
    assert (len(http.sent), len(taken)) == (1, 1)
    process.open().ticker(BTC)
    assert len(http.sent) == 2


def test_no_refusal_is_kept(state: Engine, taken: list[str]) -> None:
    refusal: Any = {"code": "51001", "msg": "Instrument ID does not exist", "data": []}
    process = Process(state, http := Canned({"GET /api/v5/market/ticker": [refusal, TICKER]}))
    with pytest.raises(Exception, match="51001"):
        process.open(max_age_ms=60_000).ticker(BTC)
    assert process.open(max_age_ms=60_000).ticker(BTC).last == 1.5
    assert len(http.sent) == 2


def test_a_used_up_limit_is_told_and_nothing_is_sent(state: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise RateLimited("OKX: its limit of calls is used up; nothing was sent")

    give_market(monkeypatch, "BTC-USDT")
    monkeypatch.setattr(Limits, "take", refuse)
    process = Process(state, http := Canned(REPLIES))
    with pytest.raises(RateLimited, match="its limit of calls is used up"):
        process.open().ticker(BTC)
    assert http.sent == []
