"""The types of the settings: each function reads a text, or raises ValueError with what was expected instead."""

import re
import sys
from collections.abc import Callable
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from database import read_url
from monitoring.logs import FORMATS
from protocol.names import PUBLIC, method_name
from transport.counters import REDIS, check_redis

_PROXY_SCHEMES = ("http", "https", "socks5h")
_OLDEST_MS = 60_000  # of kept market data
SERVERS = ("waitress",) if sys.platform == "win32" else ("gunicorn", "waitress")
"""The servers that run on this system, the usual one first."""
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def is_loopback(host: str) -> bool:
    """Return True for a host that only this machine can reach."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def bind(text: str) -> tuple[str, int]:
    """Return host and port of an address to listen on."""
    parts = urlsplit(f"//{text}")
    if not parts.hostname or parts.port is None or parts.netloc != text or parts.username is not None:
        raise ValueError("expected host:port, such as 127.0.0.1:6666")
    return parts.hostname, parts.port


def url(text: str) -> str:
    """Return another address of an exchange."""
    parts = urlsplit(text)
    beyond = parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None or parts.port == 0
    if not parts.hostname or beyond or not text.isascii():
        raise ValueError("expected scheme and host only, such as https://api.example.com")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise ValueError("only https is allowed, or http on this machine itself")
    return f"{parts.scheme}://{parts.netloc.lower()}"  # in the form in which requests writes it


def proxy(text: str) -> str:
    """Return a proxy's address."""
    parts = urlsplit(text)
    # urllib's own error for a wrong port may quote a password.
    if parts.scheme not in _PROXY_SCHEMES or not parts.hostname or not re.search(r":[0-9]{1,5}$", parts.netloc):
        raise ValueError(f"expected a proxy's address with its port, beginning with {', '.join(_PROXY_SCHEMES)}")
    return text


def database(text: str) -> str:
    """Return a database's URL."""
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


def counters(text: str) -> str:
    """Return the URL of what counts limits: Redis, or a database."""
    return check_redis(text) if text.startswith(REDIS) else database(text)


def seconds(text: str) -> float:
    """Return a number of seconds."""
    # float() alone would also take nan, inf and 1_0.
    seconds = float(text) if re.fullmatch(r"[0-9]+(\.[0-9]*)?|\.[0-9]+", text) else 0.0
    if not 0 < seconds <= 300:
        raise ValueError("expected seconds above 0, at most 300")
    return seconds


def percent(text: str) -> Decimal:
    """Return a percentage."""
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,9})?", text) or Decimal(text) > 100:
        raise ValueError("expected a percentage from 0 to 100, such as 5")
    return Decimal(text)


def ages(text: str) -> dict[str, int]:
    """Return FMZ's methods → ms, from ``ticker:200,depth:100``, or from one number for all."""
    if ":" not in text:
        return dict.fromkeys(PUBLIC, _age(text))
    pairs = [part.partition(":") for part in text.split(",")]
    found = {method_name(name.strip()): _age(number.strip()) for name, _, number in pairs}
    if not found.keys() <= set(PUBLIC) or len(found) < len(pairs):
        raise ValueError(f"expected methods, each once, such as ticker:200,depth:100; there are {', '.join(PUBLIC)}")
    return found


def _age(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > _OLDEST_MS:
        raise ValueError(f"expected ms, at most {_OLDEST_MS}, such as 200 or ticker:200,depth:100")
    return int(text)


def file(text: str) -> str:
    """Return the path of a file that is there."""
    if not Path(text).is_file():
        raise ValueError("there is no such file")
    return text


def token(text: str) -> str:
    """Return a token that cannot be guessed soon."""
    if len(text) < 16 or not (text.isascii() and text.isprintable()):
        raise ValueError("expected at least 16 printable ASCII characters")
    return text


def network(text: str) -> IPv4Network | IPv6Network:
    """Return an address or a network."""
    return ip_network(text)


def hostname(text: str) -> str:
    """Return a name or an address, as a Host header has it."""
    try:
        return str(ip_address(text.strip("[]")))
    except ValueError:
        if not re.fullmatch(r"[A-Za-z0-9._-]+", text):
            raise ValueError("expected names or addresses, without a port") from None
    return text.lower()


def origin(text: str) -> str:
    """Return a web page's origin."""
    parts = urlsplit(text)
    if not parts.scheme or not parts.netloc or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("expected origins such as https://my.example")
    return f"{parts.scheme}://{parts.netloc}".lower()


def yes(text: str) -> bool:
    """Return True for 1, False for 0."""
    if text.lower() not in ("0", "1", "true", "false"):
        raise ValueError("expected 1 or 0")
    return text.lower() in ("1", "true")


def log_level(text: str) -> str:
    """Return the name of a level of the log."""
    if text.upper() not in _LEVELS:
        raise ValueError(f"expected one of {', '.join(_LEVELS)}")
    return text.upper()


def server(text: str) -> str:
    """Return the name of a server that runs on this system."""
    if text.lower() not in SERVERS:
        raise ValueError(f"expected {' or '.join(SERVERS)}")
    return text.lower()


def log_format(text: str) -> str:
    """Return the name of a format of the log."""
    if text.lower() not in FORMATS:
        raise ValueError(f"expected one of {', '.join(FORMATS)}")
    return text.lower()


def list_of(parse: Callable[[str], Any]) -> Callable[[str], tuple[Any, ...]]:
    """Return the function that reads a list of these, with commas between."""
    return lambda text: tuple(parse(part.strip()) for part in text.split(",") if part.strip())


def folder(text: str) -> Path:
    """Return the path of a folder that is there."""
    if not Path(text).is_dir():
        raise ValueError("there is no such directory")
    return Path(text).absolute()
