"""Every setting: what it is when unset, what it takes, and that a wrong one is told in one sentence."""

import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from importlib.metadata import entry_points
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

import app
import exchanges
from exchanges import registry
from setting_types import is_loopback
from settings import Settings, WrongSetting
from tests.command import run_command

ROOT = Path(__file__).parents[1]
TOKEN = "a-token-of-sixteen-characters-or-more"

Load = Callable[..., Settings]

installed = cache(entry_points)
"""Finds what is installed, which stays the same: to look for it takes half the time of reading the settings."""


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Return Settings.load in an empty directory and an environment of nothing but what is given."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "entry_points", installed)

    def load(bind: str | None = None, *, dotenv: str | bytes = b"", **environment: str) -> Settings:
        if dotenv:
            (tmp_path / ".env").write_bytes(dotenv if isinstance(dotenv, bytes) else dotenv.encode())
        with patch.dict(os.environ, {"HOME": str(tmp_path), **environment}, clear=True):
            return Settings.load(bind)

    return load


def test_unset_settings(load: Load, tmp_path: Path) -> None:
    assert load() == Settings(
        host="127.0.0.1",
        port=6666,
        default_exchange=exchanges.DEFAULT,
        state_url=f"sqlite:///{tmp_path}/.local/state/fmz-gateway/state.db",
        deadline=10.0,
        retry_window=60.0,
        adopt_within=Decimal(5),
        strict_nonces=False,
        ca_file=None,
        token="",
        allowed_clients=(),
        allowed_hosts=(),
        allowed_origins=(),
        allow_withdrawals=False,
        log_level="INFO",
        log_format="text",
        metrics=True,
        urls={},
        proxies={},
    )


@pytest.mark.parametrize(
    "name",
    [
        "BIND", "DEFAULT_EXCHANGE", "STATE_URL", "LIMITS_URL", "BITGO_URL", "BITGO_PROXY", "CA_FILE", "DEADLINE",
        "RETRY_WINDOW", "ADOPT_WITHIN", "CACHE_MS", "STRICT_NONCES", "TOKEN", "ALLOWED_CLIENTS", "ALLOWED_HOSTS",
        "ALLOWED_ORIGINS", "ALLOW_WITHDRAWALS", "METRICS", "LOG_LEVEL", "LOG_FORMAT", "SERVER",
    ],
)  # fmt: skip
@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_setting_is_unset(load: Load, name: str, text: str) -> None:
    assert load(**{name: text}) == load()


@pytest.mark.parametrize(
    ("name", "url", "driver", "extra"),
    [
        ("STATE_URL", "postgresql://u:p@h/db", "psycopg", "postgresql"),
        ("LIMITS_URL", "postgresql://u:p@h/db", "psycopg", "postgresql"),
        ("LIMITS_URL", "redis://h", "redis", "redis"),
    ],
)
def test_a_driver_that_is_not_installed_is_named_with_what_installs_it(
    load: Load, monkeypatch: pytest.MonkeyPatch, name: str, url: str, driver: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, driver, None)
    with pytest.raises(
        WrongSetting, match=rf"^{name} is wrong: .* not installed: pip install 'fmz-gateway\[{extra}\]'$"
    ):
        load(**{name: url})


def test_the_state_follows_xdg(load: Load) -> None:
    assert load(XDG_STATE_HOME="/x").state_url == "sqlite:////x/fmz-gateway/state.db"


RIGHT: list[tuple[str, str, str, Any]] = [
    ("BIND", "127.0.0.1:8080", "bind", "127.0.0.1:8080"),
    ("BIND", "127.1.2.3:1", "host", "127.1.2.3"),
    ("BIND", "localhost:6667", "bind", "localhost:6667"),
    ("BIND", "[::1]:6667", "host", "::1"),
    ("BIND", "[::1]:6667", "bind", "[::1]:6667"),
    ("BIND", " 127.0.0.1:65535 ", "port", 65535),
    ("DEFAULT_EXCHANGE", "BITGO", "default_exchange", "BitGo"),
    ("DEFAULT_EXCHANGE", "coinpark", "default_exchange", "CoinPark"),
    ("STATE_URL", "sqlite:////tmp/x.db", "state_url", "sqlite:////tmp/x.db"),
    ("STATE_URL", "postgres://u:p@h/db", "state_url", "postgres://u:p@h/db"),
    ("STATE_URL", "postgresql+psycopg://u:p@h/db", "state_url", "postgresql+psycopg://u:p@h/db"),
    ("LIMITS_URL", "sqlite:////tmp/x.db", "limits_url", "sqlite:////tmp/x.db"),
    ("LIMITS_URL", "postgresql://u:p@h/db", "limits_url", "postgresql://u:p@h/db"),
    ("LIMITS_URL", "redis://127.0.0.1", "limits_url", "redis://127.0.0.1"),
    ("LIMITS_URL", "rediss://u:p@h:6380/1", "limits_url", "rediss://u:p@h:6380/1"),
    ("LIMITS_URL", "unix:///run/redis.sock?db=1", "limits_url", "unix:///run/redis.sock?db=1"),
    ("BITGO_URL", "https://api.example.com", "urls", {"BitGo": "https://api.example.com"}),
    ("BITGO_URL", "https://api.example.com/", "urls", {"BitGo": "https://api.example.com"}),
    ("BITGO_URL", "HTTPS://API.Example.com:8443", "urls", {"BitGo": "https://api.example.com:8443"}),
    ("BITGO_URL", "http://127.0.0.1:8080", "urls", {"BitGo": "http://127.0.0.1:8080"}),
    ("BITGO_URL", "http://localhost", "urls", {"BitGo": "http://localhost"}),
    ("COINPARK_URL", "http://[::1]:8080", "urls", {"CoinPark": "http://[::1]:8080"}),
    ("BITGO_PROXY", "http://10.0.0.1:3128", "proxies", {"BitGo": "http://10.0.0.1:3128"}),
    ("BITGO_PROXY", "http://[::1]:3128", "proxies", {"BitGo": "http://[::1]:3128"}),
    ("COINPARK_PROXY", "socks5h://u:p@proxy:1080", "proxies", {"CoinPark": "socks5h://u:p@proxy:1080"}),
    ("CA_FILE", __file__, "ca_file", __file__),
    ("DEADLINE", "0.5", "deadline", 0.5),
    ("DEADLINE", "300", "deadline", 300.0),
    ("RETRY_WINDOW", "5", "retry_window", 5.0),
    ("ADOPT_WITHIN", "2.5", "adopt_within", Decimal("2.5")),
    ("ADOPT_WITHIN", "0", "adopt_within", Decimal(0)),
    ("STRICT_NONCES", "1", "strict_nonces", True),
    (
        "CACHE_MS",
        "200",
        "cache_ms",
        dict.fromkeys(["ticker", "depth", "records", "trades", "tickers", "fundings"], 200),
    ),
    ("CACHE_MS", "ticker:200, depth : 60000", "cache_ms", {"ticker": 200, "depth": 60000}),
    ("CACHE_MS", "GetTicker:0", "cache_ms", {"ticker": 0}),
    ("TOKEN", TOKEN, "token", TOKEN),
    ("TOKEN", "x" * 16, "token", "x" * 16),
    ("ALLOWED_CLIENTS", "10.0.0.1", "allowed_clients", (ip_network("10.0.0.1/32"),)),
    ("ALLOWED_CLIENTS", "10.0.0.0/8, ::1,", "allowed_clients", (ip_network("10.0.0.0/8"), ip_network("::1/128"))),
    ("ALLOWED_HOSTS", "Gateway.lan, other", "allowed_hosts", ("gateway.lan", "other")),
    ("ALLOWED_ORIGINS", "https://Dash.lan:8443", "allowed_origins", ("https://dash.lan:8443",)),
    ("ALLOW_WITHDRAWALS", "1", "allow_withdrawals", True),
    ("ALLOW_WITHDRAWALS", "True", "allow_withdrawals", True),
    ("ALLOW_WITHDRAWALS", "0", "allow_withdrawals", False),
    ("ALLOWED_HOSTS", "10.0.0.9,[2001:DB8::1],::2", "allowed_hosts", ("10.0.0.9", "2001:db8::1", "::2")),
    ("ALLOWED_ORIGINS", "https://dash.lan/", "allowed_origins", ("https://dash.lan",)),
    ("METRICS", "0", "metrics", False),
    ("STATE_URL", "sqlite:////tmp/x.db", "metrics_dir", Path("/tmp/metrics")),
    ("LOG_LEVEL", "debug", "log_level", "DEBUG"),
    ("LOG_FORMAT", "JSON", "log_format", "json"),
    ("SERVER", "Waitress", "server", "waitress"),
    ("LOG_LEVEL", "WARNING", "log_level", "WARNING"),
]


@pytest.mark.parametrize(("name", "text", "field", "value"), RIGHT)
def test_a_right_setting(load: Load, name: str, text: str, field: str, value: Any) -> None:
    assert getattr(load(**{name: text}), field) == value


WRONG = {
    "BIND": [
        "127.0.0.1", "6666", ":6666", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:-1", "127.0.0.1:http", "::1",
        "::1:6666", "[::1", "[::1]", "http://127.0.0.1:6666", "127.0.0.1:6666/paper", "127.0.0.1:6666?x",
        "127.0.0.1:6666#x", "me@127.0.0.1:6666", "0.0.0.0:6666", "[::]:6666", "192.168.0.10:6666", "gateway.lan:6666",
        "unix:/tmp/socket",
    ],
    "DEFAULT_EXCHANGE": ["nope", "bit go", "/paper", "BitGo,CoinPark", "../paper"],
    "STATE_URL": [
        "nonsense", "state.db", "/tmp/state.db", "nosuch://x", "sqlite+nosuch:///x", "https://u:hunter2hunter2@x",
        "postgresql://u:hunter2hunter2@h:port/db", "oracle+cx_oracle://u:hunter2hunter2@h/db", "://",
        "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite+pysqlite:///:memory:",
    ],
    "LIMITS_URL": [
        "nonsense", "127.0.0.1:6379", "redis", "redis:/127.0.0.1", "REDIS://127.0.0.1", "http://127.0.0.1:6379",
        "redis://u:hunter2hunter2@h:port", "redis://u:hunter2/hunter2@h:6379", "redis://h:99999", "redis+tls://h",
        "memcached://h", "sqlite://", "mysql://u:hunter2hunter2@h/db",
    ],
    "BITGO_URL": [
        "http://api.example.com", "http://10.0.0.1", "http://0.0.0.0", "http://127.0.0.1.example.com",
        "ftp://api.example.com", "file:///etc/passwd", "api.example.com", "//api.example.com", "https://",
        "https:///x", "https://me@api.example.com", "https://me:hunter2hunter2@api.example.com",
        "https://api.example.com/v1", "https://api.example.com?x=1", "https://api.example.com#x",
        "https://api.example.com:99999", "https://api.example.com:0", "https://api.example.com:x", "https://[::1",
        "https://bücher.example", "javascript:alert(1)",
    ],
    "COINPARK_URL": ["http://api.example.com"],
    "BITGO_PROXY": [
        "10.0.0.1:3128", "http://10.0.0.1", "http://:3128", "ftp://10.0.0.1:21", "socks4://10.0.0.1:1080",
        "socks5://10.0.0.1:1080", "http://10.0.0.1:port", "http://u:hunter2/hunter2@10.0.0.1:3128",
        "http://[::1:3128", "nonsense",
    ],
    "CA_FILE": ["/no/such/file", "/", "nonsense"],
    "DEADLINE": ["0", "1_0", "soon", "-1", "nan", "inf", "-inf", "abc", "301", "300.01", "1e3", "10s", "1,5"],
    "RETRY_WINDOW": ["0", "-1", "soon", "301"],
    "STRICT_NONCES": ["yes", "2"],
    "CACHE_MS": [
        "-1", "60001", "0.5", "200ms", "²", "ticker", "ticker:", ":200", "ticker:x", "ticker:200,", "ticker:1,200",
        "orders:200", "accounts:200", "nonsense:200", "ticker:1,ticker:2", "ticker:1,GetTicker:2", "ticker:1:2",
    ],
    "ADOPT_WITHIN": ["-1", "101", "5%", "nan"],
    "TOKEN": ["short", "x" * 15, "€" * 20, "x" * 16 + "\x01", "sixteen\tcharacters"],
    "ALLOWED_CLIENTS": ["10.0.0.0/33", "10.0.0.1/8", "localhost", "10.0.0", "10.0.0.1;::1", "::1/129", "10.0.0.1,x"],
    "ALLOWED_HOSTS": ["gateway.lan:6666", "http://gateway.lan", "a b", "[::1]:6666", "gateway.lan/x", "*.lan"],
    "ALLOWED_ORIGINS": ["dash.lan", "https://dash.lan/page", "https://dash.lan?x", "null", "*"],
    "ALLOW_WITHDRAWALS": ["yes", "2", "on", "Binance", "withdraw"],
    "BINANCE_TESTNET": ["yes", "2", "on", "testnet"],
    "LOG_LEVEL": ["loud", "10", "NOTSET", "TRACE", "INFO,DEBUG"],
    "LOG_FORMAT": ["xml", "text,json", "1"],
    "SERVER": ["uvicorn", "gunicorn,waitress", "1"],
    "METRICS": ["yes", "2"],
}  # fmt: skip


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in WRONG.items() for text in texts])
def test_a_wrong_setting_is_told_in_one_sentence_that_names_it(load: Load, name: str, text: str) -> None:
    with pytest.raises(WrongSetting) as wrong:
        load(**{name: text})
    message = str(wrong.value)
    assert message.startswith(f"{name} is wrong: ")
    assert len(message.splitlines()) == 1
    assert len(f"{name} is wrong: ") < len(message) < 250
    assert "hunter2" not in message
    assert not (name == "TOKEN" and text in message)


@pytest.mark.parametrize("guard", [{"TOKEN": TOKEN}, {"ALLOWED_CLIENTS": "10.0.0.0/8"}], ids=["token", "clients"])
@pytest.mark.parametrize("bind", ["0.0.0.0:6666", "[::]:6666", "192.168.0.10:6666", "gateway.lan:6666"])
def test_other_machines_may_reach_what_is_guarded(load: Load, guard: dict[str, str], bind: str) -> None:
    settings = load(BIND=bind, **guard)
    assert (settings.bind, settings.guarded) == (bind, True)


def test_test_money_is_asked_for_at_the_testnet(load: Load) -> None:
    settings = load(
        BINANCE_TESTNET="1", OKX_TESTNET="true", KRAKEN_URL="https://kraken.example", FUTURES_OKX_TESTNET="0"
    )
    assert settings.testnets == {"Binance", "OKX"}
    assert settings.urls == {
        "Binance": "https://testnet.binance.vision",
        "OKX": "https://www.okx.com",
        "Kraken": "https://kraken.example",
    }


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("BITGO_TESTNET", {"BITGO_TESTNET": "1"}),  # it has none
        ("BINANCE_URL", {"BINANCE_URL": "https://api.binance.com", "BINANCE_TESTNET": "1"}),
        ("BINANCE_URL", {"BINANCE_URL": "https://testnet.binance.vision"}),
        (
            "FUTURES_BINANCE_URL",
            {"FUTURES_BINANCE_URL": "https://demo-fapi.binance.com", "FUTURES_BINANCE_TESTNET": "0"},
        ),
    ],
)
def test_an_address_and_the_kind_of_money_must_agree(load: Load, name: str, more: dict[str, str]) -> None:
    with pytest.raises(WrongSetting, match=rf"^{name} is wrong: "):
        load(**more)


@pytest.mark.parametrize("url", ["https://demo-api.binance.com", "http://127.0.0.1:8080"])
def test_another_address_for_test_money_is_taken(load: Load, url: str) -> None:
    settings = load(BINANCE_URL=url, BINANCE_TESTNET="1")
    assert (settings.urls["Binance"], settings.testnets) == (url, frozenset({"Binance"}))


def test_the_environment_wins_over_the_file_in_the_working_directory(load: Load) -> None:
    settings = load(dotenv="DEADLINE=7\nLOG_LEVEL=ERROR\n# TOKEN=x\nBIND='127.0.0.1:7000'\n", DEADLINE="3")
    assert (settings.deadline, settings.log_level, settings.port, settings.token) == (3.0, "ERROR", 7000, "")


def test_a_file_further_up_is_not_read(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("DEADLINE=7\n")
    assert load().deadline == 7.0
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert load().deadline == 10.0


def test_a_deadline_that_is_no_number_names_what_is_expected(load: Load) -> None:
    with pytest.raises(WrongSetting, match=r"^DEADLINE is wrong: expected seconds above 0, at most 300$"):
        load(DEADLINE="soon")


def test_what_the_file_says_stays_out_of_the_environment(load: Load) -> None:
    assert load(dotenv="DEADLINE=4").deadline == 4
    assert load(dotenv="DEADLINE=5").deadline == 5

    with patch.dict(os.environ):
        Settings.load()
        assert "DEADLINE" not in os.environ


def test_without_a_home_the_database_must_be_named(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    assert load(STATE_URL="sqlite:////tmp/s.db").state_url == "sqlite:////tmp/s.db"
    with pytest.raises(WrongSetting, match="STATE_URL is missing: there is no home directory"):
        load()


def test_a_wrong_setting_in_the_file_is_reported_as_well(load: Load) -> None:
    with pytest.raises(WrongSetting, match=r"^DEADLINE is wrong: "):
        load(dotenv="DEADLINE=soon\n")


@pytest.mark.parametrize("content", [b"TOKEN=\xff\xfe\n", "DEADLINE=7\n".encode("utf-16")])
def test_a_file_that_is_no_text_is_reported(load: Load, content: bytes) -> None:
    with pytest.raises(WrongSetting, match=r"^\.env is wrong: expected a text file in UTF-8$"):
        load(dotenv=content)


@pytest.mark.parametrize(("name", "meant"), [
    ("OKX_TESNET", "OKX_TESTNET"),
    ("OKX_TEST_NET", "OKX_TESTNET"),
    ("OKX_TEST", "OKX_TESTNET"),
    ("okx_testnet", "OKX_TESTNET"),
    ("Futures_OKX_TESTNET", "FUTURES_OKX_TESTNET"),
    ("FUTURES_BINANCE_TESTNETS", "FUTURES_BINANCE_TESTNET"),
    ("KRAKEN_PROXI", "KRAKEN_PROXY"),
    ("BINANCE_URLS", "BINANCE_URL"),
])  # fmt: skip
def test_a_misspelt_setting_of_an_exchange_is_refused(load: Load, name: str, meant: str) -> None:
    said = f"{name} is wrong: there is no such setting. Write {meant}, or remove it"
    with pytest.raises(WrongSetting) as of_environment:
        load(**{name: "1"})
    with pytest.raises(WrongSetting) as of_file:
        load(dotenv=f"{name}=1\n")
    assert str(of_environment.value) == str(of_file.value) == said


@pytest.mark.parametrize(("name", "meant"), [
    ("TOKN", "TOKEN"),
    ("token", "TOKEN"),
    ("EXCHANGE", "EXCHANGES"),
    ("ALLOW_WITHDRAWAL", "ALLOW_WITHDRAWALS"),
    ("RETRY_WINDOWS", "RETRY_WINDOW"),
    ("ALLOWED_CLIENT", "ALLOWED_CLIENTS"),
    ("LOGLEVEL", "LOG_LEVEL"),
])  # fmt: skip
def test_any_other_misspelt_setting_is_refused_in_the_file_only(load: Load, name: str, meant: str) -> None:
    load(**{name: "1"})  # may be another program's
    with pytest.raises(WrongSetting, match=f"^{name} is wrong: there is no such setting. Write {meant}, or remove it$"):
        load(dotenv=f"{name}=1\n")


@pytest.mark.parametrize("name", [
    "POSTGRES_PASSWORD", "PATH", "TZ", "FMZ_SECRET_KEY", "OKX_API_KEY", "OKX_SECRET", "BINANCE_TEST_KEY",
    "DATABASE_URL", "MYEXCHANGE_TESTNET", "XDG_STATE_HOME", "GUNICORN_CMD_ARGS", "OKX", "_",
])  # fmt: skip
def test_other_names_are_left_alone(load: Load, name: str) -> None:
    settings = load(dotenv=f"{name}=1\n", **{name: "1"})
    assert (settings.urls, settings.proxies, settings.testnets) == ({}, {}, frozenset())


def test_a_setting_of_an_exchange_that_may_not_be_called_is_known(load: Load) -> None:
    others = "KRAKEN_TESTNET=1\nFUTURES_OKX_URL=https://x.test\nINDODAX_PUBLIC_URL=https://x.test\n"
    settings = load(dotenv=others, EXCHANGES="OKX")
    assert (settings.registry.names, settings.urls, settings.host_urls) == (["OKX"], {}, {})


def test_a_directory_in_place_of_the_file_is_reported(load: Load, tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(WrongSetting, match=r"^\.env is wrong: "):
        load()


def test_the_argument_wins_over_everything(load: Load) -> None:
    assert load("127.0.0.1:3", dotenv="BIND=127.0.0.1:1\n", BIND="127.0.0.1:2").port == 3
    assert load("", BIND="127.0.0.1:2").port == 2
    assert load("127.0.0.1:3", BIND="nonsense").port == 3


@pytest.mark.parametrize("bind", ["nonsense", "0.0.0.0:6666", "127.0.0.1:99999"])
def test_a_wrong_argument_is_reported_like_the_setting(load: Load, bind: str) -> None:
    with pytest.raises(WrongSetting, match=r"^BIND is wrong: "):
        load(bind, BIND="127.0.0.1:6666")


def test_settings_print_no_secret(load: Load) -> None:
    proxy, state = "http://me:proxy-password@10.0.0.1:3128", "sqlite:////tmp/x.db?password=state-password"
    limits = "redis://me:limits-password@127.0.0.1"
    settings = load(TOKEN=TOKEN, STATE_URL=state, LIMITS_URL=limits, BITGO_PROXY=proxy)
    assert (settings.token, settings.state_url, settings.limits_url) == (TOKEN, state, limits)
    assert settings.proxies == {"BitGo": proxy}
    secrets = (TOKEN, "proxy-password", "state-password", "limits-password")
    assert not any(secret in f"{settings!r}{settings}" for secret in secrets)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.255.0.9", "::1", "localhost"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "10.0.0.1", "127.0.0.1.example.com", "localhost.example.com", "2130706433"]
)
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)


# Started for real -------------------------------------------------------------------------------------------------


def start(directory: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the gateway's modules, from an empty directory, to its end."""
    minimal = {"HOME": str(directory), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=directory, env={**minimal, **environment},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


GUNICORN = ("-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py"))
APP = (str(ROOT / "app.py"),)
SEEN_FROM_ELSEWHERE = "0.0.0.0 can be reached from other machines; set TOKEN or ALLOWED_CLIENTS"


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        ((*GUNICORN, "wsgi:app"), {"BIND": "127.0.0.1"}, "BIND is wrong: expected host:port"),
        ((*GUNICORN, "wsgi:app"), {"BIND": "0.0.0.0:6666"}, "BIND is wrong: 0.0.0.0:6666 can be reached"),
        ((*GUNICORN, "wsgi:app"), {"STATE_URL": "nosuch://x"}, "STATE_URL is wrong: "),
        ((*GUNICORN, "wsgi:app"), {"DEADLINE": "abc"}, "DEADLINE is wrong: "),
        ((*GUNICORN, "-b", "0.0.0.0:0", "wsgi:app"), {"LOG_LEVEL": "WARNING"}, SEEN_FROM_ELSEWHERE),
        (APP, {"STATE_URL": f"sqlite:///{__file__}/state.db"}, "STATE_URL is wrong: the database cannot be opened: "),
        (APP, {"LIMITS_URL": "redis://127.0.0.1:9"}, "LIMITS_URL is wrong: the database cannot be opened: Error 111 "),
    ],
)  # fmt: skip
def test_a_wrong_start_ends_with_one_line(
    tmp_path: Path, arguments: tuple[str, ...], environment: dict[str, str], message: str
) -> None:
    ends_with_one_line(start(tmp_path, *arguments, **environment), message)


# Nothing was configured yet when these end, such as the log: so they can end in this process.
@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (("-b", "0.0.0.0:6666"), {}, "BIND is wrong: 0.0.0.0:6666 can be reached"),
        (("-b", "0.0.0.0:6666"), {"TOKEN": TOKEN}, "debug mode shows source code: 0.0.0.0:6666 is not loopback"),
        (("-b", "nonsense"), {}, "BIND is wrong: expected host:port"),
        ((), {"BITGO_URL": "ftp://x"}, "BITGO_URL is wrong: "),
    ],
)
def test_a_wrong_setting_of_the_debug_server_ends_it_with_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    environment: dict[str, str],
    message: str,
) -> None:
    monkeypatch.setattr("flask.Flask.run", lambda *_, **__: None)
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], **environment}
    ends_with_one_line(run_command(arguments, env, tmp_path, main=app.main), message)


def ends_with_one_line(ended: subprocess.CompletedProcess[str], message: str) -> None:
    """Check that a program failed, and said nothing but this."""
    assert ended.returncode != 0
    [line] = ended.stderr.splitlines()
    assert line.startswith(f"fmz-gateway: {message}")
    assert ended.stdout == ""
