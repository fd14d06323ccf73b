"""All settings, read once from the environment or ``.env``, checked, and frozen."""

import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from secrets import token_hex
from typing import Any

from dotenv import dotenv_values
from sqlalchemy.exc import ArgumentError

import setting_types
from database import read_url
from exchanges import DEFAULT, EXCHANGES, open_registry
from exchanges.registry import Registry
from orders.journal import ADOPT_WITHIN
from protocol.errors import InvalidCall, Unsupported

_WORDS = ("URL", "PROXY", "TESTNET")  # behind an exchange's name
_DEFAULT_NAMES = ("", "exchange", "digitalasset")  # the article's own example paths


class WrongSetting(Exception):
    """The error for a wrong setting: one sentence for the person who starts the service."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings, one field each; docs/SETTINGS.md has the table.

    deadline: seconds for a whole call of FMZ. retry_window: seconds after an order without a definite answer, in which
    the next one of the same account, symbol and side waits for it. adopt_within: percent that the next one's price and
    amount may differ by to be taken for the same. strict_nonces: refuse another order with a used nonce. exact_orders:
    send prices and amounts to the digit. cache_ms: FMZ's method → ms for which its market data are kept. urls, proxies:
    exchange's name → address. host_urls: exchange's name → addresses of its other hosts, by name. exchanges_dir: where
    the user's own exchanges are. metrics_dir: where several workers may count together. registry: the exchanges that
    may be called. console: show the pages for a browser. session_key: signs the cookies of those, the same in all
    workers and another one after each start. pin_workers: keep each worker on one processor. server: what serves.
    """

    server: str = setting_types.SERVERS[0]
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
    cache_ms: Mapping[str, int] = field(default_factory=dict)
    ca_file: str | None = None
    token: str = field(default="", repr=False)
    allowed_clients: tuple[IPv4Network | IPv6Network, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    allow_withdrawals: bool = False
    log_level: str = "INFO"
    log_format: str = "text"
    metrics: bool = True
    metrics_dir: Path | None = field(default=None, compare=False)
    console: bool = True
    pin_workers: bool = True
    session_key: str = field(default_factory=lambda: token_hex(32), repr=False, compare=False)
    urls: Mapping[str, str] = field(default_factory=dict)
    host_urls: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
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
        in_file = _file(Path(".env"))
        given = {**in_file, **os.environ}
        names: set[str] = set()

        def read(name: str, parse: Callable[[str], Any], default: Any, argument: str | None = None) -> Any:
            names.add(name)
            text = (argument or given.get(name, "")).strip()
            try:
                return parse(text) if text else default
            except (ValueError, ArgumentError, InvalidCall) as error:
                raise WrongSetting(f"{name} is wrong: {error}") from None

        folder = read("EXCHANGES_DIR", setting_types.folder, None) or _state_folder("exchanges")
        plugins = read("PLUGINS", setting_types.yes, True)
        every = open_registry(folder, plugins=plugins)
        allowed = read("EXCHANGES", setting_types.list_of(lambda name: every.name_of(name).lower()), None)
        registry = every if allowed is None else every.limited_to(frozenset(allowed))
        with_urls = [name for name in registry.names if name.lower() not in EXCHANGES or EXCHANGES[name.lower()].url]
        urls = {name: read(f"{name.upper()}_URL", setting_types.url, None) for name in with_urls}
        proxies = {name: read(f"{name.upper()}_PROXY", setting_types.proxy, None) for name in with_urls}
        testnets = {name for name in with_urls if read(f"{name.upper()}_TESTNET", setting_types.yes, False)}
        hosts = {name: _hosts(registry, name, name in testnets, given, read) for name in with_urls}
        host, port = read("BIND", setting_types.bind, ("127.0.0.1", 6666), bind)
        state_url = read("STATE_URL", setting_types.database, "") or _default_state()
        settings = cls(
            server=read("SERVER", setting_types.server, setting_types.SERVERS[0]),
            host=host,
            port=port,
            default_exchange=read("DEFAULT_EXCHANGE", registry.name_of, DEFAULT),
            state_url=state_url,
            limits_url=read("LIMITS_URL", setting_types.counters, ""),
            deadline=read("DEADLINE", setting_types.seconds, 10.0),
            retry_window=read("RETRY_WINDOW", setting_types.seconds, 60.0),
            adopt_within=read("ADOPT_WITHIN", setting_types.percent, ADOPT_WITHIN),
            strict_nonces=read("STRICT_NONCES", setting_types.yes, False),
            exact_orders=read("EXACT_ORDERS", setting_types.yes, False),
            cache_ms=read("CACHE_MS", setting_types.ages, {}),
            ca_file=read("CA_FILE", setting_types.file, None),
            token=read("TOKEN", setting_types.token, ""),
            allowed_clients=read("ALLOWED_CLIENTS", setting_types.list_of(setting_types.network), ()),
            allowed_hosts=read("ALLOWED_HOSTS", setting_types.list_of(setting_types.hostname), ()),
            allowed_origins=read("ALLOWED_ORIGINS", setting_types.list_of(setting_types.origin), ()),
            allow_withdrawals=read("ALLOW_WITHDRAWALS", setting_types.yes, False),
            log_level=read("LOG_LEVEL", setting_types.log_level, "INFO"),
            log_format=read("LOG_FORMAT", setting_types.log_format, "text"),
            console=read("CONSOLE", setting_types.yes, True),
            pin_workers=read("PIN_WORKERS", setting_types.yes, True),
            metrics=read("METRICS", setting_types.yes, True),
            metrics_dir=_beside(state_url, "metrics"),
            urls={name: url for name in with_urls if (url := _address(registry, name, urls[name], name in testnets))},
            host_urls={name: addresses for name, addresses in hosts.items() if addresses},
            testnets=frozenset(testnets),
            proxies={name: proxy for name, proxy in proxies.items() if proxy},
            exchanges_dir=folder,
            registry=registry,
        )
        _check_spelling(given, in_file, names, every.names)
        if not setting_types.is_loopback(settings.host) and not settings.guarded:
            raise WrongSetting(
                f"BIND is wrong: {settings.bind} can be reached from other machines; "
                "set TOKEN or ALLOWED_CLIENTS, or bind 127.0.0.1"
            )
        return settings


def _file(path: Path) -> dict[str, str]:
    """Return the settings that a file has, none where there is no file. Raises WrongSetting."""
    try:
        if path.is_dir():
            raise IsADirectoryError(path)
        return {name: value for name, value in dotenv_values(path).items() if value is not None}
    except (OSError, ValueError):
        raise WrongSetting(f"{path} is wrong: expected a text file in UTF-8") from None


def _check_spelling(
    given: Iterable[str], in_file: Collection[str], names: Iterable[str], exchanges: Iterable[str]
) -> None:
    """Raise WrongSetting for a name that is nearly a setting's, because it would be ignored without a word: with
    OKX_TESNET=1 real money would be traded. Names without an exchange's may be another program's, unless the file has
    them. in_file: the names there. names: those of all settings. exchanges: all, whether they may be called or not."""
    owners = sorted((name.upper() for name in exchanges), key=len)
    of_exchanges = {f"{owner}_{word}" for owner in owners for word in _WORDS}
    others = [name for name in names if name not in of_exchanges]
    for name in sorted({*given} - {*names} - of_exchanges):
        owner = next((one for one in reversed(owners) if name.upper().startswith(f"{one}_")), None)
        if owner:
            near = [f"{owner}_{word}" for word in get_close_matches(name.upper()[len(owner) + 1 :], _WORDS, 1, 0.7)]
        else:
            near = get_close_matches(name.upper(), others, 1, 0.85) if name in in_file else []
        if near:
            raise WrongSetting(f"{name} is wrong: there is no such setting. Write {near[0]}, or remove it")


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


def _hosts(registry: Registry, name: str, test: bool, given: Iterable[str], read: Callable[..., Any]) -> dict[str, str]:
    """Return the addresses of an exchange's other hosts, by name. given: the names of all settings.

    Raises WrongSetting for a host that it does not have, an address of the wrong kind of money, or when the exchange
    cannot be loaded.
    """
    found: dict[str, str] = {}
    for host, setting in _host_settings(registry, name, given).items():
        try:
            kind = registry.find(name)
        except Unsupported as error:
            raise WrongSetting(f"{setting} is wrong: {error}") from None
        if not kind.hosts:  # the setting is another program's
            continue
        if host not in kind.hosts:
            raise WrongSetting(f"{setting} is wrong: {name} has no host {host!r}, but {', '.join(kind.hosts)}")
        url = read(f"{name.upper()}_{host.upper()}_URL", setting_types.url, None)
        try:
            kind.check_money(url, test)
        except ValueError as error:
            raise WrongSetting(f"{setting} is wrong: {error}") from None
        if url:
            found[host] = url
    return found


def _host_settings(registry: Registry, name: str, given: Iterable[str]) -> dict[str, str]:
    """Return the settings that may be of an exchange's other hosts, by host: those that are no other exchange's."""
    if registry.is_of_library(name):
        return {}
    others = {f"{other.upper()}_URL" for other in registry.names}
    found = (re.fullmatch(rf"{name.upper()}_([A-Z0-9]+)_URL", setting) for setting in sorted(given))
    return {one[1].lower(): one[0] for one in found if one and one[0] not in others}


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


def _beside(state_url: str, name: str) -> Path | None:
    """Return the path of a name beside the database's file, or else in the user's directory for state."""
    url = read_url(state_url)
    return Path(str(url.database)).parent / name if url.get_backend_name() == "sqlite" else _state_folder(name)


_in_force: list[Settings] = []


def in_force() -> Settings | None:
    """Return the settings that this process, or the one it was forked from, runs with; None before there are any."""
    return _in_force[-1] if _in_force else None


def put_in_force(settings: Settings) -> None:
    """Run this process, and those that it forks, with these settings, whatever ``.env`` says later."""
    _in_force[:] = [settings]
