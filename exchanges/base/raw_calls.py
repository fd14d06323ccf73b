"""Calls of any resource of an exchange, as a strategy names it, except those that move money out or manage keys."""

from collections.abc import Mapping
from typing import Any, ClassVar

from exchanges.base.account import AccountFacts
from exchanges.base.guard import is_sensitive
from protocol.errors import NotAllowed
from transport.limit import Calls

_MAX_NAMED = 80  # characters of a path that an error quotes


class RawCalls(AccountFacts):
    """The part of an exchange's interface that is about its own resources."""

    sensitive_words: ClassVar[tuple[str, ...]] = ()
    """The exchange's own words for resources that move money out of the account or manage its keys, in small letters
    and digits only; ``guard`` has the words that all exchanges use."""
    allowed_calls: ClassVar[tuple[str, ...]] = ()
    """Calls that do no such thing although their names say so, as ``VERB resource`` with ``*`` for anything."""

    def raw(self, verb: str, path: str, params: Mapping[str, Any]) -> Any:
        """Send a signed call to any resource of the exchange; FMZ gets the whole reply, unchanged. path: below its
        host."""
        return self.call(verb, f"/{path}", params=params, signed=True, safe=False)

    def own_path(self, resource: str) -> str:
        """Return the path of a resource that is a whole address on the exchange's own host; any other stays."""
        address = self.upstream.address
        head, rest = resource[: len(address)], resource[len(address) :]
        return rest if address and head.lower() == address.lower() and rest.startswith("/") else resource

    def pass_through(self, verb: str, path: str, params: Mapping[str, Any]) -> Any:
        """Return what ``raw`` returns, for a strategy. Raises NotAllowed for calls that move money out of the account
        or manage its keys, unless the settings allow them."""
        allowed = self.upstream.withdrawals or f"{verb} {path}" in Calls(self.allowed_calls, str)
        if not allowed and is_sensitive(path, self.sensitive_words):
            raise NotAllowed(
                f"{self.name}: {verb} {path[:_MAX_NAMED]} may withdraw, transfer or manage keys, which strategies are "
                "not allowed to do here; nothing was sent. If it is meant, start the gateway with ALLOW_WITHDRAWALS=1"
            )
        return self.raw(verb, path, params)
