"""All settings, read once from the environment or ``.env``, checked, and frozen."""

import logging
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import urlsplit

from environs import Env
from sqlalchemy.exc import ArgumentError

from database import read_url
from exchanges import DEFAULT, EXCHANGES, open_registry
from exchanges.registry import Registry
from orders.journal import ADOPT_WITHIN
from protocol.errors import InvalidCall, Unsupported
from transport.counters import REDIS, check_redis

_DEFAULT_NAMES = ("", "exchange", "digitalasset")  # the article's own example paths
_PROXY_SCHEMES = ("http", "https", "socks5h")
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class WrongSetting(Exception):
    """The error for a wrong setting: one sentence for the person who starts the service."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings, one field each; README.md has the table.

    deadline: seconds for a whole call of FMZ. retry_window: seconds after an order without a definite answer, in which
    the next one of the same account, symbol and side waits for it. adopt_within: percent that the next one's price and
    amount may differ by to be taken for the same. strict_nonces: refuse another order with a used nonce. exact_orders:
    send prices and amounts to the digit. urls, proxies: exchange's name → address. exchanges_dir: where the user's own
    exchanges are. registry: the exchanges that may be called. console: show the pages for a browser. session_key: signs
    the cookies of those, the same in all workers and another one after each start.
    """

    host: str = "127.0.0.1"
    port: int = 6666
    default_exchange: str = DEFAULT
    state_url: str = field(default="", repr=False)  # may hold a database password
    limits_url: str = field(default="", repr=False)  # may hold one too
    deadline: float = 10.0
    retry_window: float = 60.0
    adopt_within: Decimal = ADOPT_WITHIN
    strict_nonces: bool = False
    exact_orders: bool = False
    ca_file: str | None = None
    token: str = field(default="", repr=False)
    allowed_clients: tuple[IPv4Network | IPv6Network, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    allow_withdrawals: bool = False
    log_level: str = "INFO"
    console: bool = True
    session_key: str = field(default_factory=lambda: token_hex(32), repr=False, compare=False)
    urls: Mapping[str, str] = field(default_factory=dict)
    testnets: frozenset[str] = frozenset()
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)  # may hold a proxy's password
    exchanges_dir: Path | None = field(default=None, compare=False)
    registry: Registry = field(default_factory=lambda: Registry(EXCHANGES), repr=False, compare=False)

    @property
    def bind(self) -> str:
        """Return the address to listen on, as ``host:port``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def guarded(self) -> bool:
        """Return True when callers are checked, by token or by address."""
        return bool(self.token or self.allowed_clients)

    def exchange_at(self, name: str) -> str:
        """Return the name of the exchange at a path."""
        return self.default_exchange if name.lower() in _DEFAULT_NAMES else name

    @classmethod
    def load(cls, bind: str | None = None) -> "Settings":
        """Read the environment, then ``.env`` in the working directory for what it lacks; ``bind`` overrides both.
        Raises WrongSetting."""
        given = dict(os.environ)
        try:
            return cls._read(bind)
        finally:  # values of the file in the environment would win over the file when it has changed
            for name in os.environ.keys() - given.keys():
                del os.environ[name]

    @classmethod
    def _read(cls, bind: str | None) -> "Settings":
        env = Env(expand_vars=False)
        try:
            env.read_env(".env", recurse=False)
        except (OSError, ValueError):
            raise WrongSetting(".env is wrong: expected a text file in UTF-8") from None

        def read(name: str, parse: Callable[[str], Any], default: Any, given: str | None = None) -> Any:
            text = (given or env.str(name, "")).strip()
            try:
                return parse(text) if text else default
            except (ValueError, ArgumentError, InvalidCall) as error:
                raise WrongSetting(f"{name} is wrong: {error}") from None

        folder = read("EXCHANGES_DIR", _folder, None) or _state_folder("exchanges")
        plugins = read("PLUGINS", _yes, True)
        every = open_registry(folder, plugins=plugins)
        allowed = read("EXCHANGES", _list(lambda name: every.name_of(name).lower()), None)
        registry = every if allowed is None else every.limited_to(frozenset(allowed))
        with_urls = [name for name in registry.names if name.lower() not in EXCHANGES or EXCHANGES[name.lower()].url]
        urls = {name: read(f"{name.upper()}_URL", _url, None) for name in with_urls}
        proxies = {name: read(f"{name.upper()}_PROXY", _proxy, None) for name in with_urls}
        testnets = {name for name in with_urls if read(f"{name.upper()}_TESTNET", _yes, False)}
        host, port = read("BIND", _bind, ("127.0.0.1", 6666), bind)
        settings = cls(
            host=host,
            port=port,
            default_exchange=read("DEFAULT_EXCHANGE", registry.name_of, DEFAULT),
            state_url=read("STATE_URL", _database, "") or _default_state(),
            limits_url=read("LIMITS_URL", _counters, ""),
            deadline=read("DEADLINE", _seconds, 10.0),
            retry_window=read("RETRY_WINDOW", _seconds, 60.0),
            adopt_within=read("ADOPT_WITHIN", _percent, ADOPT_WITHIN),
            strict_nonces=read("STRICT_NONCES", _yes, False),
            exact_orders=read("EXACT_ORDERS", _yes, False),
            ca_file=read("CA_FILE", _file, None),
            token=read("TOKEN", _token, ""),
            allowed_clients=read("ALLOWED_CLIENTS", _list(_network), ()),
            allowed_hosts=read("ALLOWED_HOSTS", _list(_hostname), ()),
            allowed_origins=read("ALLOWED_ORIGINS", _list(_origin), ()),
            allow_withdrawals=read("ALLOW_WITHDRAWALS", _yes, False),
            log_level=read("LOG_LEVEL", _level, "INFO"),
            console=read("CONSOLE", _yes, True),
            urls={name: url for name in with_urls if (url := _address(registry, name, urls[name], name in testnets))},
            testnets=frozenset(testnets),
            proxies={name: proxy for name, proxy in proxies.items() if proxy},
            exchanges_dir=folder,
            registry=registry,
        )
        if not is_loopback(settings.host) and not settings.guarded:
            raise WrongSetting(
                f"BIND is wrong: {settings.bind} can be reached from other machines; "
                "set TOKEN or ALLOWED_CLIENTS, or bind 127.0.0.1"
            )
        return settings


def _address(registry: Registry, name: str, url: str | None, test: bool) -> str | None:
    """Return the address to use for an exchange, None for its own. Raises WrongSetting when the address and the kind of
    money do not agree, or when the exchange cannot be loaded."""
    if not url and not test:
        return None
    try:
        return registry.find(name).address(url, test)
    except (ValueError, Unsupported) as error:
        setting = "TESTNET" if test and not url else "URL"
        raise WrongSetting(f"{name.upper()}_{setting} is wrong: {error}") from None


def is_loopback(host: str) -> bool:
    """Return True for a host that only this machine can reach."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _bind(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname or parts.port is None or parts.netloc != text or parts.username is not None:
        raise ValueError("expected host:port, such as 127.0.0.1:6666")
    return parts.hostname, parts.port


def _url(text: str) -> str:
    parts = urlsplit(text)
    beyond = parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None or parts.port == 0
    if not parts.hostname or beyond or not text.isascii():
        raise ValueError("expected scheme and host only, such as https://api.example.com")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise ValueError("only https is allowed, or http on this machine itself")
    return f"{parts.scheme}://{parts.netloc.lower()}"  # in the form in which requests writes it


def _proxy(text: str) -> str:
    parts = urlsplit(text)
    # urllib's own error for a wrong port may quote a password.
    if parts.scheme not in _PROXY_SCHEMES or not parts.hostname or not re.search(r":[0-9]{1,5}$", parts.netloc):
        raise ValueError(f"expected a proxy's address with its port, beginning with {', '.join(_PROXY_SCHEMES)}")
    return text


def _database(text: str) -> str:
    url = read_url(text)
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise ValueError(
            "a database in memory is lost; expected a file, such as sqlite:////var/lib/fmz-gateway/state.db"
        )
    try:
        url.get_dialect().import_dbapi()
    except ImportError:
        raise ValueError("PostgreSQL's driver is not installed: pip install 'fmz-gateway[postgresql]'") from None
    return text


def _counters(text: str) -> str:
    return check_redis(text) if text.startswith(REDIS) else _database(text)


def _seconds(text: str) -> float:
    # float() alone would also take nan, inf and 1_0.
    seconds = float(text) if re.fullmatch(r"[0-9]+(\.[0-9]*)?|\.[0-9]+", text) else 0.0
    if not 0 < seconds <= 300:
        raise ValueError("expected seconds above 0, at most 300")
    return seconds


def _percent(text: str) -> Decimal:
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,9})?", text) or Decimal(text) > 100:
        raise ValueError("expected a percentage from 0 to 100, such as 5")
    return Decimal(text)


def _file(text: str) -> str:
    if not Path(text).is_file():
        raise ValueError("there is no such file")
    return text


def _token(text: str) -> str:
    if len(text) < 16 or not (text.isascii() and text.isprintable()):
        raise ValueError("expected at least 16 printable ASCII characters")
    return text


def _network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text)


def _hostname(text: str) -> str:
    try:
        return str(ip_address(text.strip("[]")))
    except ValueError:
        if not re.fullmatch(r"[A-Za-z0-9._-]+", text):
            raise ValueError("expected names or addresses, without a port") from None
    return text.lower()


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if not parts.scheme or not parts.netloc or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("expected origins such as https://my.example")
    return f"{parts.scheme}://{parts.netloc}".lower()


def _yes(text: str) -> bool:
    if text.lower() not in ("0", "1", "true", "false"):
        raise ValueError("expected 1 or 0")
    return text.lower() in ("1", "true")


def _level(text: str) -> str:
    if text.upper() not in _LEVELS:
        raise ValueError(f"expected one of {', '.join(_LEVELS)}")
    return text.upper()


def _list(parse: Callable[[str], Any]) -> Callable[[str], tuple[Any, ...]]:
    return lambda text: tuple(parse(part.strip()) for part in text.split(",") if part.strip())


def _folder(text: str) -> Path:
    if not Path(text).is_dir():
        raise ValueError("there is no such directory")
    return Path(text).absolute()


def _default_state() -> str:
    """Return the URL of a file in the user's directory for state."""
    path = _state_folder("state.db")
    if path is None:
        raise WrongSetting("STATE_URL is missing: there is no home directory for a database")
    return f"sqlite:///{path}"


def _state_folder(name: str) -> Path | None:
    """Return the path of a name in the user's directory for state, by the XDG base directory specification; None
    without a home directory."""
    try:
        home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    except RuntimeError:
        return None
    return home / "fmz-gateway" / name


_in_force: list[Settings] = []


def in_force() -> Settings | None:
    """Return the settings that this process, or the one it was forked from, runs with; None before there are any."""
    return _in_force[-1] if _in_force else None


def put_in_force(settings: Settings) -> None:
    """Run this process, and those that it forks, with these settings, whatever ``.env`` says later."""
    _in_force[:] = [settings]


def configure_logging(level: str) -> None:
    """Log to standard error, once per process."""
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
