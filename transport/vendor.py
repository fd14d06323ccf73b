"""What an exchange declares to the transport: where it is, how it is spoken to, and how often."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Literal

from protocol.errors import GatewayError
from transport.limit import Limit
from transport.signing import Signer


class Vendor:
    """The declarations of an exchange, as data."""

    name: ClassVar[str]
    """Its route, and the prefix of its errors."""
    url: ClassVar[str] = ""
    """Scheme and host."""
    testnet: ClassVar[str] = ""
    """Scheme and host for test money, where there are some; they may be the same as for real money."""
    headers: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Headers of every request."""
    testnet_headers: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Further headers of every request for test money."""
    root: ClassVar[str] = "/"
    """The path that its resources are below, but those that begin with a slash."""
    sends: ClassVar[Literal["query", "form", "json"]] = "query"
    """Where the parameters of a POST, PUT or PATCH travel; those of other verbs are in the query."""
    signer: ClassVar[type[Signer]]
    """Its signing scheme."""
    refusals: ClassVar[Mapping[str, type[GatewayError]]] = MappingProxyType({})
    """Its error codes, each whole → our errors."""
    refusal_texts: ClassVar[Mapping[str, type[GatewayError]]] = MappingProxyType({})
    """Patterns that ``code text`` begins with → our errors, where a code alone has several meanings. They come
    first."""
    limits: ClassVar[tuple[Limit, ...]] = ()
    """Its published rate limits."""
    cancels: ClassVar[tuple[str, ...]] = ("DELETE *",)
    """The calls that cancel, as ``VERB resource``, ``*`` for anything: a part of every limit is kept for them."""
    bans: ClassVar[Mapping[str, float]] = MappingProxyType({})
    """Error codes after which nothing more must be sent → for how many seconds, where the reply does not say."""

    @classmethod
    def path(cls, resource: str) -> str:
        """Return the path of a resource on the exchange's host."""
        return resource if resource.startswith(("/", "*")) else cls.root + resource
