"""Failures: a bug, a lost database, an exchange's words; none of them reveals a secret."""

import logging
from decimal import Decimal

import pytest
import responses
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from exchanges.base.futures_settings import FuturesSettings
from protocol.errors import ExchangeError
from protocol.models import Balance, Symbol, Ticker
from tables import METADATA
from tests.app.probe import TICKER, Probe, error_of
from tests.lent import Lent

SECRETS = {"access_key": "KEY-8f3a91c07d", "secret_key": "SECRET-5b1e77aa02,PASSPHRASE-c4d9"}


PARTS = ("8f3a91c07d", "5b1e77aa02", "PASSPHRASE-c4d9")


def failing(monkeypatch: pytest.MonkeyPatch, raised: Exception) -> None:
    def ticker(self: Probe, symbol: Symbol) -> Ticker:
        raise raised

    monkeypatch.setattr(Probe, "ticker", ticker)


@pytest.mark.parametrize(
    "kind", [RuntimeError, ValueError, KeyError, TypeError, RecursionError, AssertionError, OSError, MemoryError]
)
def test_a_bug_of_ours_is_reported_without_its_words(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: type[Exception]
) -> None:
    failing(monkeypatch, kind("words that quote SECRET-5b1e77aa02"))
    text = error_of(client.post("/probe", json={**TICKER, **SECRETS}))
    assert text == "INTERNAL_ERROR a bug in the gateway; its log says where"
    [record] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert f"unexpected {kind.__name__} at " in record.getMessage()
    assert "test_failures.py:" in record.getMessage()
    assert not record.exc_info
    assert "words that quote" not in caplog.text


def test_a_lost_database_is_reported(
    lent: Lent, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def ticker(self: Probe, symbol: Symbol) -> Ticker:
        FuturesSettings(self.upstream.services.database, "Probe", "SECRET-5b1e77aa02").put("contract", "swap")
        raise AssertionError("unreachable")

    monkeypatch.setattr(Probe, "ticker", ticker)
    METADATA.drop_all(lent.state)
    text = error_of(client.post("/probe", json={**TICKER, **SECRETS}))
    assert text.startswith("INTERNAL_ERROR the gateway's own database cannot be used; see STATE_URL")
    assert "the database failed: " in caplog.text
    assert "SECRET" not in caplog.text


def test_a_database_errors_statement_is_not_reported(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failing(monkeypatch, OperationalError("SELECT 'statement'", {"key": "parameter"}, Exception("cause")))
    text = error_of(client.post("/probe", json=TICKER))
    assert not any(word in text + caplog.text for word in ("statement", "parameter", "cause"))


@pytest.mark.parametrize(
    "words",
    [
        "bad key {access_key}", "{secret_key}", "sign mismatch: secret_key={secret_key}&x",
        "…{access_key}…{secret_key}…",
    ],
)  # fmt: skip
def test_an_exchanges_words_are_scrubbed(client: FlaskClient, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    failing(monkeypatch, ExchangeError(words.format(**SECRETS)))
    text = error_of(client.post("/probe", json={**TICKER, **SECRETS}))
    assert text.startswith("REFUSED ")
    assert "******" in text
    assert not any(part in text for part in PARTS)


def test_words_that_are_no_unicode_are_reported_all_the_same(
    client: FlaskClient, network: responses.RequestsMock
) -> None:
    network.post("https://www.bitgo.cn/appApi.html", body=b'{"code": 1, "msg": "odd \\ud800 words"}')
    call = {**SECRETS, "method": "accounts"}
    assert error_of(client.post("/bitgo", json=call)).startswith(
        "NO_DEFINITE_ANSWER BitGo HTTP 200: 38 bytes of text/plain"
    )


def test_a_reply_of_ours_that_has_no_json_form_is_a_mistake_of_ours(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def accounts(self: Probe) -> list[Balance]:
        return [Balance("\ud800", Decimal(1), Decimal(0))]

    monkeypatch.setattr(Probe, "accounts", accounts)
    assert error_of(client.post("/probe", json={"method": "accounts"})).startswith("INTERNAL_ERROR ")


@pytest.mark.parametrize("key", ["INSUFFICIENT_FUNDS", "FUNDS", "Futures_paper", "usdt", "p"])
def test_a_key_that_is_a_word_of_ours_leaves_the_error_readable(client: FlaskClient, key: str) -> None:
    order = {"symbol": "BTC_USDT.swap", "type": "buy", "price": "30000", "amount": "100000"}
    call = {"access_key": key, "secret_key": key, "nonce": "7", "method": "trade", "params": order}
    for _ in range(2):  # the second time from the journal
        text = error_of(client.post("/Futures_paper", json=call))
        assert text.startswith("INSUFFICIENT_FUNDS Futures_paper: the order needs ")
