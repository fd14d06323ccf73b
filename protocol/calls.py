"""A request of FMZ's host, read from its body."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from protocol import schemas, spellings, wire
from protocol.names import PASS_THROUGH, method_name


@dataclass(frozen=True, slots=True)
class Call:
    """A request of FMZ's host. ``nonce`` is 0 if it had none; ``verb``, its ``Http-Method`` header, is for a
    pass-through; ``object_name``, from the service address, tells FMZ's exchange objects of one account apart."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    nonce: int
    method: str
    params: Mapping[str, Any]
    verb: str
    object_name: str = ""

    @property
    def name(self) -> str:
        """Return our name of the method, empty for an unknown one; that of a pass-through has no resource."""
        return PASS_THROUGH if self.method.startswith(PASS_THROUGH) else method_name(self.method)

    @property
    def identity(self) -> str:
        """Return a text that tells this order from its account's others: the same for a repeated request in any
        spelling; empty without a nonce, and for every method that places no order."""
        if not self.nonce or self.name != "trade":
            return ""
        text = f"{self.nonce} {self.name} {json.dumps(self.params, sort_keys=True, default=str)}"
        return f"{text} {self.object_name}" if self.object_name else text


def read_call(body: bytes, verb: str, object_name: str = "") -> Call:
    """Return the call in a request's body; an order's ``side`` is its ``type``, and the market in an id its ``symbol``.
    Raises InvalidCall."""
    envelope = _ENVELOPE.read(wire.read(body))
    name = method_name(envelope["method"])
    if name in ("trade", "modify"):
        envelope["params"] = spellings.with_type(envelope["params"])
    if name == "modify":
        envelope["params"] = spellings.with_market(envelope["params"])
    return Call(**envelope, verb=verb, object_name=object_name)


_ENVELOPE = schemas.CallSchema()
