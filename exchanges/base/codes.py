"""Tables of error codes."""

from collections.abc import Mapping

from protocol.errors import GatewayError


def codes(table: Mapping[type[GatewayError], str]) -> dict[str, type[GatewayError]]:
    """Return a table of error codes → our errors, from our errors → codes with spaces between them. Raises ValueError
    for a code that is listed twice."""
    found: dict[str, type[GatewayError]] = {}
    for kind, listed in table.items():
        for code in listed.split():
            if code in found:
                raise ValueError(f"the code {code} is listed twice")
            found[code] = kind
    return found
