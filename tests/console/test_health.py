"""The page of health says what the limits, clocks, database and adapters say."""

import re

import pytest
from flask.testing import FlaskClient

from exchanges import EXCHANGES
from exchanges.kraken.spot import Kraken
from exchanges.registry import Registry, Source
from settings import Settings
from tests.conftest import NOW, client_of
from tests.console.conftest import Serve
from tests.lent import Lent
from transport.credentials import Credentials


def row_of(page: str, name: str) -> str:
    [row] = re.findall(rf'<th scope="row">{name}</th>.*?(?=<th scope="row">|</section>)', page, re.DOTALL)
    assert isinstance(row, str)
    return row


def test_every_exchange_is_there(browser: FlaskClient) -> None:
    page = browser.get("/console/health").text
    for exchange in EXCHANGES.values():
        assert "none in use" in row_of(page, exchange.name) or not exchange.limits
    assert "None. Every exchange can be loaded." in page


def test_a_limit_in_use_and_a_ban_are_shown(lent: Lent) -> None:
    upstream = lent.upstreams.of(Kraken)
    upstream.limits.take("GET /0/public/Ticker", {}, Credentials(), 1.0)
    lent.upstreams.services.counters.ban(upstream.address, NOW + 61_000)
    row = row_of(client_of(lent.app(Settings())).get("/console/health").text, "Kraken")
    assert "refuses calls for 61 s" in row
    assert "<summary>100 % · public calls (4)</summary>" in row


def test_a_clocks_offset_is_shown(lent: Lent, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = lent.upstreams.of(Kraken).clock
    monkeypatch.setattr(type(clock), "known", property(lambda self: 1234 if self is clock else 0))
    assert '<td class="number">1234</td>' in row_of(
        client_of(lent.app(Settings())).get("/console/health").text, "Kraken"
    )


def test_an_adapter_that_fails_says_why_and_is_not_tried_at_each_view(serve: Serve) -> None:
    tries = 0

    def load() -> None:
        nonlocal tries
        tries += 1
        raise RuntimeError("a mistake in the file")

    registry = Registry(EXCHANGES, [Source("Smallex", "in smallex.py", load)])  # type: ignore[arg-type] # it never returns
    browser = serve(registry=registry)
    page = browser.get("/console/health").text
    assert "Smallex, in smallex.py, cannot be loaded: " in page
    assert "a mistake in the file" in page
    assert browser.get("/console/health").text.count("a mistake in the file") == 1
    assert "a mistake in the file" in browser.get("/health/ready").get_json()["adapters"]
    assert tries == 1
    assert "a mistake in the file" in browser.get("/console/exchange/smallex").text
