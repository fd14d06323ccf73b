"""The addresses that ccxt declares for an exchange: a text, or texts in tables in tables."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit


def _addresses(urls: Any) -> list[str]:
    if isinstance(urls, str):
        return [urls]
    return [url for inner in urls.values() for url in _addresses(inner)] if isinstance(urls, dict) else []


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _full(instance: Any) -> list[str]:
    names = [instance.hostname or "", *_addresses(instance.urls.get("hostnames"))]  # one of each kind of market
    return [url.replace("{hostname}", name) for name in names for url in _addresses(instance.urls["api"])]


def hosts(instance: Any) -> frozenset[str]:
    """Return scheme and host of every address of an exchange of ccxt."""
    return frozenset(_host(url) for url in _full(instance) if url.startswith("http"))


def order(instance: Any) -> Callable[[str], int]:
    """Return a function that gives the place of a host among the addresses."""
    hosts = [_host(url) for url in _full(instance)]
    return hosts.index


def moved(urls: Any, address: str) -> Any:
    """Return addresses with another scheme and host."""
    if isinstance(urls, dict):
        return {name: moved(inner, address) for name, inner in urls.items()}
    if not isinstance(urls, str) or not urls.startswith("http"):
        return urls
    target = urlsplit(address)
    return urlunsplit(urlsplit(urls)._replace(scheme=target.scheme, netloc=target.netloc))
