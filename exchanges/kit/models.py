"""The check of what an adapter's readers make: each field has the type that its model says."""

import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache, wraps
from typing import Any, Union, get_args, get_origin, get_type_hints

from requests import PreparedRequest

from exchanges.base import Exchange, NewOrder, Signer
from exchanges.base.abilities import can

_READERS = (
    "ticker", "depth", "records", "trades", "accounts", "order", "orders", "history", "tickers", "markets",
    "positions", "fundings",
)  # fmt: skip


@dataclass
class Observed:
    """The wrong types that an adapter's methods gave, the client ids of the orders that it was asked to place, and the
    texts that it signed, each with its signature."""

    wrong: list[str] = field(default_factory=list)
    client_ids: list[str] = field(default_factory=list)
    signed: list[tuple[bytes, str]] = field(default_factory=list)


def observed(kind: type[Exchange], noted: Observed) -> type[Exchange]:
    """Return an adapter's class whose methods note what they give."""

    def reader(name: str) -> Callable[..., Any]:
        method = getattr(kind, name)

        @wraps(method)
        def read(self: Exchange, *args: Any) -> Any:
            value = method(self, *args)
            if not self.unreadable_rows:  # such a row has empty fields on purpose
                noted.wrong += [f"{kind.name}.{name}: {wrong}" for wrong in wrong_types(value)]
            return value

        return read

    def trade(self: Exchange, order: NewOrder) -> Any:
        noted.client_ids.append(order.client_id)
        return kind.trade(self, order)

    class Watched(kind.signer):  # type: ignore[name-defined, misc] # each adapter has another one
        __slots__ = ()

        def attach(self, request: PreparedRequest, signature: str) -> None:
            noted.signed.append((self.text(request), signature))
            super().attach(request, signature)

    watched: dict[str, Any] = {name: reader(name) for name in _READERS if can(kind, name)}
    if kind.signer is not Signer:
        watched["signer"] = Watched
    if can(kind, "trade"):  # what the adapter lacks is still lacking
        watched["trade"] = trade
    return type(kind.__name__, (kind,), {**watched, "__module__": kind.__module__})


def wrong_types(value: Any) -> Iterator[str]:
    """Yield the fields of models in a value that have another type than their model says, in words."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        for member in value:
            yield from wrong_types(member)
        return
    model: Any = type(value)
    for name, hint in _hints(model).items():
        given = getattr(value, name)
        if not _fits(given, hint):
            yield f"{model.__name__}.{name} is {given!r}, and must be {_said(hint)}"


@cache
def _hints(model: Any) -> Mapping[str, Any]:
    if hasattr(model, "_fields"):
        return get_type_hints(model)
    return {one.name: get_type_hints(model)[one.name] for one in fields(model)} if is_dataclass(model) else {}


def _fits(value: Any, hint: Any) -> bool:
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(value, one) for one in args)
    if origin is list:
        return isinstance(value, list) and all(_fits(member, args[0]) for member in value)
    if origin is tuple:
        return isinstance(value, tuple) and all(map(_fits, value, args))
    if hint in (float, int):
        return isinstance(value, (int, float) if hint is float else int) and not isinstance(value, bool)
    return isinstance(value, hint)


def _said(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint)
