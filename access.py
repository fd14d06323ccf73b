"""Access control: Host, Origin, token and client address decide whether a request is let in."""

from ipaddress import ip_address
from secrets import compare_digest
from urllib.parse import urlsplit

from flask import Request

from protocol.errors import AccessDenied
from setting_types import is_loopback
from settings import Settings


def admit(asked: Request, settings: Settings) -> None:
    """Check that a request may come in. Raises AccessDenied for strangers, and for requests that a web page makes."""
    if settings.allowed_clients and not _is_client(asked.remote_addr, settings):
        raise AccessDenied("this address is not in ALLOWED_CLIENTS")
    if not _is_host(asked.headers.get("Host", ""), settings):
        raise AccessDenied("the Host header names no address of this gateway; add it to ALLOWED_HOSTS")
    origin = asked.headers.get("Origin")
    if origin is not None and origin.lower() not in settings.allowed_origins:
        raise AccessDenied("requests from web pages are refused; add the page's origin to ALLOWED_ORIGINS")
    if settings.token and not any(compare_digest(settings.token, given) for given in _tokens(asked)):
        raise AccessDenied("the token is missing or wrong; end the service address with ?token=<TOKEN>")


def _is_client(address: str | None, settings: Settings) -> bool:
    if not address or not _is_address(address):  # a Unix socket's peer has no address
        return False
    client = ip_address(address)
    client = getattr(client, "ipv4_mapped", None) or client  # how a socket on [::] names IPv4 peers
    return any(client in network for network in settings.allowed_clients)


def _is_host(header: str, settings: Settings) -> bool:
    try:
        name = urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return False
    if name in settings.allowed_hosts or name == settings.host or is_loopback(name):
        return True
    # A page that rebinds a name to our address sends that name as Host; an address cannot be rebound.
    return not is_loopback(settings.host) and _is_address(name)


def _is_address(name: str) -> bool:
    try:
        return bool(ip_address(name))
    except ValueError:
        return False


def _tokens(asked: Request) -> list[str]:
    """Return the tokens a request carries: in the query, as a bearer, or as the password of ``http://user:token@host``."""
    given = [asked.args.get("token")]
    if asked.authorization:
        given += [asked.authorization.token, asked.authorization.password]
    if given[0]:
        given.append(given[0].replace(" ", "+"))  # a query's plus sign is a blank, and tokens in base64 have plus signs
    return [token for token in given if token and token.isascii()]
