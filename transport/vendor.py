"""The declarations of an exchange for the transport: its address, the form of its requests, and its limits."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Literal

from protocol.errors import GatewayError
from transport.limit import Limit
from transport.signing import Signer


class Vendor:
    """The declarations of an exchange, as data."""

    name: ClassVar[str]
    """The exchange's route, and the prefix of its errors."""
    url: ClassVar[str] = ""
    """Scheme and host of the first of its hosts."""
    hosts: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Its other hosts, by name → scheme and host. Calls without a signature go to ``public``, if there is one; any call
    may name one."""
    testnet: ClassVar[str] = ""
    """Scheme and host for test money, if there are any; they may be the same as for real money."""
    testnet_hosts: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Its other hosts for test money; one that is not named there is ``testnet``."""
    headers: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Headers of every request."""
    testnet_headers: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Further headers of every request for test money."""
    root: ClassVar[str] = "/"
    """The path above its resources, except those that begin with a slash."""
    sends: ClassVar[Literal["query", "form", "json"]] = "query"
    """The place of a POST's, PUT's or PATCH's parameters; those of other verbs are in the query."""
    signer: ClassVar[type[Signer]] = Signer  # type: ignore[type-abstract]
    """The exchange's signing scheme; as it is, signed calls are not supported."""
    refusals: ClassVar[Mapping[str, type[GatewayError]]] = MappingProxyType({})
    """The exchange's error codes, each whole → our errors."""
    refusal_texts: ClassVar[Mapping[str, type[GatewayError]]] = MappingProxyType({})
    """Patterns that ``code text`` begins with → our errors, for codes with several meanings. They come first."""
    nothing_done: ClassVar[frozenset[str]] = frozenset()
    """Error codes with which an order was surely not made, though they come with HTTP 5xx."""
    disproves: ClassVar[Mapping[str, Literal["clock", "account"]]] = MappingProxyType({})
    """Error codes that prove a kept value wrong, the clock's or one of the account's; it is then asked for again."""
    limits: ClassVar[tuple[Limit, ...]] = ()
    """The exchange's published rate limits."""
    cancels: ClassVar[tuple[str, ...]] = ("DELETE *",)
    """The calls that cancel, as ``VERB resource``, ``*`` for anything: a part of every limit is kept for them."""
    bans: ClassVar[Mapping[str, float]] = MappingProxyType({})
    """Error codes after which nothing more must be sent → for how many seconds, if the reply does not say."""

    @classmethod
    def address(cls, url: str | None, test: bool) -> str | None:
        """Return the scheme and host to use, None for its own. url: another one, if given. test: True for test money.
        Raises ValueError when the two do not agree."""
        if test and not cls.testnet:
            raise ValueError(f"{cls.name} has no testnet")
        cls.check_money(url, test)
        return url or (cls.testnet if test else None)

    @classmethod
    def check_money(cls, url: str | None, test: bool) -> None:
        """Raise ValueError for an address of real money where test money is meant, and the other way round."""
        real, play = {cls.url, *cls.hosts.values()}, {cls.testnet, *cls.testnet_hosts.values()} - {""}
        if play and test and url in real - play:
            raise ValueError(f"{url} is for real money, and {cls.name.upper()}_TESTNET asks for test money")
        if not test and url in play - real:
            raise ValueError(f"{url} is for test money; set {cls.name.upper()}_TESTNET=1 for it")

    @classmethod
    def addresses(cls, first: str, others: Mapping[str, str], test: bool) -> dict[str, str]:
        """Return the scheme and host of each host by its name, empty for the first.

        first: its address if that is not the exchange's own; all hosts that ``others`` does not name are there too: who
        takes the first somewhere else means the exchange. test: True for test money.
        """
        own = cls.testnet_hosts if test else cls.hosts
        elsewhere = first and first != (cls.testnet if test else cls.url)
        return {"": first or cls.url} | {
            name: others.get(name) or ("" if elsewhere else own.get(name)) or first or cls.url for name in cls.hosts
        }

    @classmethod
    def path(cls, resource: str) -> str:
        """Return the path of a resource on the exchange's host."""
        return resource if resource.startswith(("/", "*")) else cls.root + resource
