"""An exchange with several hosts: each call goes to the one that it is for, wherever the settings put them."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest

from exchanges import EXCHANGES
from protocol.errors import RateLimited
from settings import Settings, WrongSetting
from tests.conftest import NOW
from tests.lent import Lent
from tests.recorder import Recorder
from tests.tiny import KEYS, Tiny
from transport.limit import Limit


class Hosts(Tiny):
    """Has a host for public data, and one for the past."""

    name = "Hosts"
    url = "https://trade.test"
    hosts = {"public": "https://data.test", "history": "https://past.test"}
    testnet = "https://play.test"
    testnet_hosts = {"history": "https://past.play.test"}
    limits = (Limit("calls", 40, 600.0, default=1, reserve=0),)

    def time(self) -> int:
        now: int = self.call("GET", "time", host="history", safe=False)["now"]
        return now

    def ask_all(self) -> None:
        """Make a call to each host."""
        self.get("ticker")
        self.signed("POST", "orders")
        self.call("GET", "fills", signed=True, host="history")
        self.call("GET", "status", host="")


Open = Callable[..., tuple[Hosts, Recorder]]


@pytest.fixture
def open_with(lent: Lent) -> Open:
    def open_with(**options: Any) -> tuple[Hosts, Recorder]:
        http = Recorder(lambda *_: {"ok": {"now": NOW}})

        own = replace(lent, **{"http": http, "deadline": 5.0, "measure_clocks": False, **options})

        return own.open(Hosts, KEYS), http

    return open_with


def asked(http: Recorder) -> list[str]:
    return [str(urlsplit(str(request.url)).netloc) for request in http.sent]


@pytest.mark.parametrize(("options", "expected"), [
    ({}, ["data.test", "trade.test", "past.test", "trade.test"]),
    ({"testnets": frozenset({"Hosts"}), "urls": {"Hosts": "https://play.test"}},
     ["play.test", "play.test", "past.play.test", "play.test"]),
    ({"urls": {"Hosts": "https://other.test"}}, ["other.test"] * 4),
    ({"hosts": {"Hosts": {"history": "https://own.test"}}}, ["data.test", "trade.test", "own.test", "trade.test"]),
    ({"urls": {"Hosts": "https://other.test"}, "hosts": {"Hosts": {"history": "https://own.test"}}},
     ["other.test", "other.test", "own.test", "other.test"]),
])  # fmt: skip
def test_each_call_goes_to_its_host(open_with: Open, options: dict[str, Any], expected: list[str]) -> None:
    exchange, http = open_with(**options)
    exchange.ask_all()
    assert asked(http) == expected
    assert [request.headers.get("X-Key") for request in http.sent] == [None, KEYS.key, KEYS.key, None]


def test_the_clock_is_asked_of_the_host_that_has_it(open_with: Open) -> None:
    exchange, http = open_with(measure_clocks=True)
    exchange.clock_offset()
    assert asked(http) == ["past.test"]


def test_limits_count_the_calls_of_all_hosts(open_with: Open) -> None:
    exchange, http = open_with()
    exchange.ask_all()
    exchange.ask_all()
    with pytest.raises(RateLimited, match="its limit of calls is used up"):
        exchange.ask_all()
    assert asked(http).count("past.test") == 2


def test_equal_questions_to_two_hosts_are_two(open_with: Open) -> None:
    exchange, http = open_with()
    exchange.max_age_ms = 1000
    for host in ("public", "history", "public"):
        exchange.call("GET", "ticker", host=host)
    assert asked(http) == ["data.test", "past.test"]


def test_a_host_that_is_not_declared_is_the_adapters_mistake(open_with: Open) -> None:
    exchange, http = open_with()
    with pytest.raises(AssertionError, match="Hosts declares no host 'archive'"):
        exchange.call("GET", "fills", host="archive")
    assert not http.sent


# Settings -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    def load(**given: str) -> Settings:
        with patch.dict(os.environ, {"HOME": str(tmp_path), **given}, clear=True):
            return Settings.load()

    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(EXCHANGES, "hosts", Hosts)
    return load


def test_each_host_has_a_setting(load: Callable[..., Settings]) -> None:
    settings = load(HOSTS_URL="https://other.test", HOSTS_PUBLIC_URL="https://own.test", INDODAX_PUBLIC_URL="")
    assert (settings.urls, settings.host_urls) == (
        {"Hosts": "https://other.test"}, {"Hosts": {"public": "https://own.test"}},
    )  # fmt: skip


def test_a_host_may_be_set_in_the_file(load: Callable[..., Settings], tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("HOSTS_PUBLIC_URL=https://file.test\nHOSTS_HISTORY_URL=https://file.test\n")
    settings = load(HOSTS_PUBLIC_URL="https://own.test")
    assert settings.host_urls == {"Hosts": {"public": "https://own.test", "history": "https://file.test"}}


def test_a_wrong_host_in_the_file_is_told(load: Callable[..., Settings], tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("HOSTS_PUBLC_URL=https://file.test\n")
    with pytest.raises(WrongSetting, match=r"^HOSTS_PUBLC_URL is wrong: Hosts has no host 'publc'"):
        load()


@pytest.mark.parametrize(("given", "said"), [
    ({"HOSTS_PUBLC_URL": "https://x.test"}, "HOSTS_PUBLC_URL is wrong: Hosts has no host 'publc', but public, history"),
    ({"HOSTS_PUBLIC_URL": "https://x.test/v1"}, "HOSTS_PUBLIC_URL is wrong: expected scheme and host only"),
    ({"HOSTS_PUBLIC_URL": "http://x.test"}, "HOSTS_PUBLIC_URL is wrong: only https is allowed"),
    ({"HOSTS_HISTORY_URL": "https://past.play.test"},
     "HOSTS_HISTORY_URL is wrong: https://past.play.test is for test money; set HOSTS_TESTNET=1 for it"),
    ({"HOSTS_HISTORY_URL": "https://past.test", "HOSTS_TESTNET": "1"},
     "HOSTS_HISTORY_URL is wrong: https://past.test is for real money, and HOSTS_TESTNET asks for test money"),
    ({"HOSTS_URL": "https://data.test", "HOSTS_TESTNET": "1"}, "HOSTS_URL is wrong: https://data.test is for real"),
])  # fmt: skip
def test_a_wrong_host_is_told_at_the_start(load: Callable[..., Settings], given: dict[str, str], said: str) -> None:
    with pytest.raises(WrongSetting) as wrong:
        load(**given)
    assert str(wrong.value).startswith(said)


def test_settings_of_others_are_left_alone(load: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXCHANGES, "hosts_public", type("Other", (Tiny,), {"name": "Hosts_public"}))
    settings = load(HOSTS_PUBLIC_URL="https://own.test", BITGO_WALLET_URL="not ours: https://x.test/wallet")
    assert (settings.urls, settings.host_urls) == ({"Hosts_public": "https://own.test"}, {})
