"""Counts the tries to sign in: a few a minute for one client address, in all workers together."""

import logging
from ipaddress import IPv6Address, ip_address, ip_network

from transport.limit import Limit
from transport.services import Services

log = logging.getLogger("fmz-gateway")

TRIES = Limit("tries to sign in", 5, 60.0, reserve=0.0, burst=5)
"""The tries of the token: so many at once, and then as many a minute."""

_PLACE = "console"  # in the place of an exchange's address
_HOME = 64  # bits of an IPv6 address that name a home or a machine, whose other addresses cost nothing


def may_try(services: Services, client: str) -> bool:
    """Count a try to sign in, and return False where it is one too many. client: its address, empty for none."""
    charge = TRIES.charge(1, _PLACE, _network_of(client), {}, urgent=True)
    try:
        return services.counters.take(_PLACE, [charge], services.timeline()) is None
    except services.counters.failures as error:
        # Who looks for what is wrong with the database must get in; the token is too long to be guessed in a while.
        log.warning("tries to sign in cannot be counted (%s)", type(error).__name__)
        return True


def _network_of(client: str) -> str:
    try:
        address = ip_address(client)
    except ValueError:  # a Unix socket's peer has none
        return client
    return str(ip_network((address, _HOME), strict=False)) if isinstance(address, IPv6Address) else str(address)
