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
    _admit_address(asked, settings)
    origin = asked.headers.get("Origin")
    if origin is not None and origin.lower() not in settings.allowed_origins:
        raise AccessDenied("requests from web pages are refused; add the page's origin to ALLOWED_ORIGINS")
    if settings.token and not any(compare_digest(settings.token, given) for given in _tokens(asked)):
        raise AccessDenied("the token is missing or wrong; end the service address with ?token=<TOKEN>")


def admit_browser(asked: Request, settings: Settings) -> None:
    """Check that the web console may answer a request, apart from its session. Raises AccessDenied for strangers, for
    other machines where no setting says who may call, and for requests that the page of another site makes."""
    _admit_address(asked, settings)
    if not settings.guarded and not _is_this_machine(asked):
        raise AccessDenied("the console is shown to this machine only; set TOKEN or ALLOWED_CLIENTS for others")
    origin = asked.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc.lower() != asked.headers.get("Host", "").lower():
        raise AccessDenied("the request comes from the page of another site; open the console by its own address")
    changes = asked.method not in ("GET", "HEAD")
    if changes and (origin is None or asked.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin"):
        raise AccessDenied("the request does not come from the console's own page; open the console in a browser")


def _admit_address(asked: Request, settings: Settings) -> None:
    if settings.allowed_clients and not _is_client(asked.remote_addr, settings):
        raise AccessDenied("this address is not in ALLOWED_CLIENTS")
    if not _is_host(asked.headers.get("Host", ""), settings):
        raise AccessDenied("the Host header names no address of this gateway; add it to ALLOWED_HOSTS")


def _is_client(address: str | None, settings: Settings) -> bool:
    if not address or not _is_address(address):  # a Unix socket's peer has no address
        return False
    client = ip_address(address)
    client = getattr(client, "ipv4_mapped", None) or client  # how a socket on [::] names IPv4 peers
    return any(client in network for network in settings.allowed_clients)


def _is_this_machine(asked: Request) -> bool:
    """Return True where the caller is a program on this machine that speaks for nobody else: a proxy says so."""
    is_forwarded = any(name in asked.headers for name in ("Forwarded", "X-Forwarded-For", "X-Real-IP"))
    return is_loopback(asked.remote_addr or "") and not is_forwarded


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
