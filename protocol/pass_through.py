"""Pass-through calls: any resource on the exchange's own host, by its name (``__api_…``) or as FMZ's ``io`` code 4."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from marshmallow import ValidationError, fields, pre_load

from protocol import forms, wire
from protocol.errors import InvalidCall, Unsupported, reading
from protocol.interface import Exchange, OrderDesk
from protocol.numbers import exact, plain
from protocol.params import OfCall
from protocol.schemas import Incoming, Reader, text

VERBS = ("GET", "POST", "PUT", "DELETE", "PATCH")
_COMMAND = "api"  # of exchange.IO; its other commands are settings of FMZ's own exchange objects
_RESOURCE = re.compile(r"/?([A-Za-z0-9_][A-Za-z0-9_.:,-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.:,-]*)*/?)")
_MOST = 3  # arguments after the verb: resource, parameters, body


@dataclass(frozen=True, slots=True)
class PassThrough:
    """A call of a resource of the exchange itself, whose reply FMZ gets as it is."""

    params: Incoming[OfCall]

    def __call__(self, exchange: Exchange, open_desk: Callable[[], OrderDesk], params: Any) -> dict[str, Any]:
        asked = self.params.read(params)
        resource = _RESOURCE.fullmatch(exchange.own_path(asked["resource"]))
        if resource is None:
            raise InvalidCall(
                "a resource is a plain path on the exchange's own host, such as /api/v3/time; "
                "what follows a ? goes into the parameters"
            )
        verb = asked["verb"].upper() or "POST"
        if verb not in VERBS:
            raise InvalidCall(f"Http-Method must be one of {', '.join(VERBS)}")
        with reading(exchange.unreadable):
            data = exchange.pass_through(verb, resource[1], asked["params"])
        return {"data": wire.verbatim(exchange.replies) if exchange.replies else data}


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == "'" else value


def _scalar(value: object) -> str:
    if isinstance(value, list | dict):
        raise ValueError("not a scalar")
    words = (
        plain(exact(value)) if isinstance(value, Decimal) else value if isinstance(value, str) else json.dumps(value)
    )
    return text(_unquoted(words))


class RawParams(Incoming[OfCall]):
    """A pass-through by name: the verb of its head, the resource in its name, and parameters that are strings, as FMZ
    decodes them from its query. Single quotes around a value, which strategies may write, are removed."""

    verb = Reader(text, "a string", forms.TEXT, load_default="")
    resource = Reader(text, "a string", forms.TEXT, load_default="")
    params = fields.Dict(
        keys=Reader(text, "a name", forms.TEXT),
        values=Reader(_scalar, "a string or number", forms.SCALAR),
        required=True,
    )


class RawArguments(RawParams):
    """The arguments of ``exchange.IO("api", verb, resource, parameters, body)``, with or without the first, the second
    and the last ones. The parameters are a query, a JSON object or its text, in single quotes or not."""

    @pre_load
    def _name(self, args: list[Any], **_: Any) -> dict[str, Any]:
        named = args[:1] == [_COMMAND]
        words = args[1:] if named else args
        verb = [word for word in words[:1] if isinstance(word, str) and word.upper() in VERBS]
        if not (named or verb):
            raise Unsupported(f'exchange.IO without "{_COMMAND}" and without an HTTP method. Nothing was sent')
        blank: list[Any] = [None] * _MOST
        resource, params, body, *more = words[len(verb) :] + blank
        if any(more):
            raise ValidationError(f"takes at most {_MOST} after the HTTP method", "args")
        if params and body:
            raise ValidationError("takes parameters or a body, not both", "args")
        return {"verb": "".join(verb), "resource": resource, "params": _parameters(params or body)}


def _parameters(given: object) -> dict[str, Any]:
    """Return parameters as an object. Raises ValidationError for what is none, and for a name that is there twice."""
    if not given:
        return {}
    if isinstance(given, dict):
        return given
    try:
        words = _unquoted(text(given).strip())
        if words.lstrip().startswith("{"):
            return wire.read(words.encode())
        pairs = parse_qsl(words, keep_blank_values=True, strict_parsing=bool(words), errors="strict")
    except (InvalidCall, ValueError):
        raise ValidationError("must be a query such as a=1&b=2, or a JSON object", "params") from None
    if len(pairs) != len(dict(pairs)):
        raise ValidationError("has a name twice", "params")
    return dict(pairs)
