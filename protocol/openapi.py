"""FMZ's calls as an OpenAPI 3.1 document, made of the schemas that read and write them."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from typing import Any, get_type_hints

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema, fields

from protocol import forms, replies, schemas
from protocol.errors import kinds
from protocol.examples import EXAMPLES, Example
from protocol.methods import METHODS
from protocol.models import Balance, Funding, Market, Order, OrderId, Position, Ticker
from protocol.names import PASS_THROUGH
from protocol.pass_through import VERBS

Json = dict[str, Any]

_NUMBER: Json = {"type": "number"}
_TIME: Json = {"type": "integer", "description": "ms since the epoch"}
_ID: Json = {"type": ["integer", "string"]}
_ROWS: Mapping[str, tuple[type[Schema], type]] = {
    "Ticker": (replies.TickerReply, Ticker),
    "Balance": (replies.BalanceReply, Balance),
    "Asset": (replies.AssetReply, Balance),
    "Order": (replies.OrderReply, Order),
    "Position": (replies.PositionReply, Position),
    "Market": (replies.MarketReply, Market),
    "TickerRow": (replies.TickerRow, Ticker),
    "Funding": (replies.FundingReply, Funding),
}
"""The formats of a reply's parts, and the models that they are written from."""


def _list(item: Json, **more: Any) -> Json:
    return {"type": "array", "items": item, **more}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(**properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": list(properties)}


_LEVELS = _list(_list(_NUMBER, minItems=2, maxItems=2), description="rows of price and amount, the best first")
_DATA: Mapping[str, Json] = {
    "Depth": _object(time=_TIME, asks=_LEVELS, bids=_LEVELS),
    "Records": _list(
        _list(_NUMBER, minItems=6, maxItems=6),
        description="rows of time in seconds, open, high, low, close and volume; the oldest first",
    ),
    "Trades": _list(
        _object(id=_ID, time=_TIME, price=_NUMBER, amount=_NUMBER, type={"type": "string", "enum": ["buy", "sell"]})
    ),
    "NewOrder": _object(id=_ID),
    "Done": {"type": "boolean"},
    "Balances": _list(_ref("Balance")),
    "Assets": _list(_ref("Asset")),
    "Orders": _list(_ref("Order")),
    "Positions": _list(_ref("Position")),
    "Tickers": _list(_ref("TickerRow")),
    "Fundings": _list(_ref("Funding")),
    "Markets": {"type": "object", "additionalProperties": _ref("Market"), "description": "by FMZ's names of markets"},
    "Anything": {"description": "what the exchange replies"},
}


@cache
def document() -> Json:
    """Return the document."""
    plugin = MarshmallowPlugin()
    spec = APISpec("fmz-gateway", version("fmz-gateway"), "3.1.0", plugins=[plugin], info=_INFO)
    assert plugin.converter  # made with the document
    plugin.converter.add_attribute_function(_parameter)  # type: ignore[no-untyped-call] # its library has no types there
    for kind in dict.fromkeys([schemas.CallSchema, *(type(method.params) for method in METHODS.values())]):
        spec.components.schema(kind.__name__, schema=kind)
    for name, (schema, model) in _ROWS.items():
        spec.components.schema(name, _format(schema, model))
    for name, form in _DATA.items():
        spec.components.schema(name, form)
    for method, its in METHODS.items():
        needs_params = any(one.required for one in its.params.fields.values())
        form = _call({"const": method}, _ref(type(its.params).__name__), needs_params=needs_params)
        spec.components.schema(f"call_{method}", form)
    resource = {"type": "string", "pattern": f"^{PASS_THROUGH}"}
    query = {"type": "object", "additionalProperties": forms.SCALAR}
    spec.components.schema("pass_through", _call(resource, query, needs_params=False))
    spec.components.schema("Error", _object(error={"type": "string", "pattern": f"^({'|'.join(_LABELS)}) "}))
    for name, scheme in _SECURITY.items():
        spec.components.security_scheme(name, scheme)
    spec.path("/{exchange}", operations={"post": _operation()})
    for path, (what, media, content, codes) in _PAGES.items():
        said = {code: _response(what, content, media) for code in codes} | {"403": _DENIED}
        spec.path(path, operations={"get": {"operationId": path.strip("/").replace("/", "_"), "responses": said}})
    return {**spec.to_dict(), "security": [{}, *({name: []} for name in _SECURITY)]}


_INFO = {
    "description": "A gateway that answers FMZ Quant's General Protocol. Every failure of a call is an answer with "
    "HTTP 200 and an error, which begins with a label that never changes.",
    "license": {"name": "MIT", "identifier": "MIT"},
}
_LABELS = list(dict.fromkeys(kind.label for kind in kinds()))
_SECURITY: Mapping[str, Json] = {
    "token": {"type": "http", "scheme": "bearer", "description": "where TOKEN is set"},
    "token_in_address": {"type": "apiKey", "in": "query", "name": "token", "description": "where TOKEN is set"},
}
_REQUEST_ID = {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"}
_OWN_ID = "of 1 to 64 letters, digits, dots, underscores and dashes; in place of any other there is a new one"
_HEADERS: Json = {
    "X-Request-Id": {"required": True, "schema": _REQUEST_ID, "description": "of this request, as in the log"}
}


def _response(what: str, schema: Json, media: str = "application/json") -> Json:
    return {"description": what, "headers": _HEADERS, "content": {media: {"schema": schema}}}


_DENIED = _response("The caller is not allowed.", _ref("Error"))
_TEXT: Json = {"type": "string"}
_STATE = _object(ready={"type": "boolean"}, database=_TEXT, journal=_TEXT, clock=_TEXT, adapters=_TEXT)
_PAGES: Mapping[str, tuple[str, str, Json, tuple[str, ...]]] = {
    "/health/live": ("The process answers.", "application/json", _object(status={"const": "ok"}), ("200",)),
    "/health/ready": ("Whether an order could be taken now.", "application/json", _STATE, ("200", "503")),
    "/metrics": ("Counts for Prometheus, unless METRICS=0.", "text/plain", _TEXT, ("200",)),
    "/openapi.json": ("This document.", "application/json", {"type": "object"}, ("200",)),
}


def _operation() -> Json:
    """Return the one operation: all calls of an exchange are told apart by their method."""
    asked = [_ref(f"call_{method}") for method in METHODS] + [_ref("pass_through")]
    data = [_ref(name) for name in dict.fromkeys(example.reply for example in EXAMPLES)]
    raw = {"description": "the exchange's one reply, or the list of those that data was made of"}
    answer = {**_object(data={"anyOf": data}), "properties": {"data": {"anyOf": data}, "raw": raw}}
    answered = _response("The answer, or an error.", {"anyOf": [answer, _ref("Error")]})
    age = {"schema": {"type": "integer"}, "description": "ms since the data were asked for, with CACHE_MS"}
    answered["headers"] = {**_HEADERS, "X-Cache-Age-Ms": age}
    verbs = {_title(each): {"value": each.verb} for each in EXAMPLES if each.verb}
    return {
        "operationId": "call",
        "summary": "Make one of FMZ's calls to an exchange.",
        "parameters": [
            {"name": "exchange", "in": "path", "required": True, "schema": _TEXT},
            {"name": "object", "in": "query", "schema": _TEXT, "description": "tells exchange objects of a key apart"},
            {
                "name": "Http-Method",
                "in": "header",
                "schema": {"enum": [*VERBS]},
                "examples": verbs,
                "description": "of a pass-through; POST without",
            },
            {"name": "X-Request-Id", "in": "header", "schema": _TEXT, "description": _OWN_ID},
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"anyOf": asked},
                    "examples": {_title(each): {"value": body_of(each)} for each in EXAMPLES},
                }
            },
        },
        "responses": {"200": answered, "403": _DENIED},
    }


def body_of(example: Example) -> Json:
    """Return the body of an example's request, without keys."""
    return {"method": example.method, "params": dict(example.params)}


def _title(example: Example) -> str:
    return f"{example.name}{' on futures' if example.futures else ''}"


def _call(name: Json, params: Json, *, needs_params: bool) -> Json:
    """Return the schema of a call: the envelope, with the method's name and parameters."""
    its = {
        "properties": {"method": name, "params": params if needs_params else {"anyOf": [params, {"type": "null"}]}},
        "required": ["params"] if needs_params else [],
    }
    return {"allOf": [_ref("CallSchema"), its]}


def _parameter(_: object, found: fields.Field[Any], ret: Json) -> Json:
    """Return what apispec does not know of a field: the form of what a reader takes, and what it must be."""
    if not isinstance(found, schemas.Reader):
        return {}
    form: Json = dict(found.form)
    if found.allow_none:
        form["type"] = [*(form["type"] if isinstance(form["type"], list) else [form["type"]]), "null"]
    return {**form, "description": found.must}


def _format(schema: type[Schema], model: type) -> Json:
    """Return the schema of a format that is written from a model."""
    properties: Json = {}
    for name, one in schema().fields.items():
        properties[name] = _written(one, model, one.attribute or name)
    if issubclass(schema, replies.BothSpellings):
        properties |= {replies.camel(name): form for name, form in properties.items()}
    return _object(**properties)


def _written(one: fields.Field[Any], model: type, path: str) -> Json:
    """Return the schema of a field that is written from an attribute of a model, any where a function writes it."""
    kind: Any = model
    if isinstance(one, fields.Constant | fields.Function) or not isinstance(one, replies.Writer):
        return _NUMBER if isinstance(one, fields.Constant) else {}
    for name in path.split("."):
        hints = get_type_hints(kind)
        if name not in hints:
            return {}
        kind = hints[name]
    if kind == OrderId:
        return _ID
    if kind is int:
        return {"type": "integer"}
    return _NUMBER if kind in (float, Decimal) else {"type": "string"}
