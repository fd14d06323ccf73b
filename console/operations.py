"""The calls that a page can make, with their forms: made of the schemas that read the same calls of FMZ."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema

from protocol.methods import METHODS, Io, Method
from protocol.names import CHANGES, KEYLESS, PASS_THROUGH
from protocol.pass_through import RawParams
from protocol.schemas import Reader

_CHOICES = re.compile(r"\w+(?:, \w+)+ or \w+")
_SCRIPT = {
    "ticker": "GetTicker",
    "depth": "GetDepth",
    "records": "GetRecords",
    "trades": "GetTrades",
    "accounts": "GetAccount",
    "trade": "CreateOrder",
    "order": "GetOrder",
    "orders": "GetOrders",
    "modify": "ModifyOrder",
    "cancel": "CancelOrder",
    "assets": "GetAssets",
    "markets": "GetMarkets",
    "tickers": "GetTickers",
    "historyorders": "GetHistoryOrders",
    "fundings": "GetFundings",
    "positions": "GetPositions",
    "io 0": "SetMarginLevel",
    "io 1": "SetDirection",
    "io 2": "SetContractType",
    PASS_THROUGH: "IO",
}
_POSITIONS = 3  # the code of a second way to ask for positions
_CHOICE_CODES = (0, 1, 2)  # of what later orders depend on


@dataclass(frozen=True, slots=True)
class Input:
    """A parameter: its name, what it must be, in words, and the values that there are, if these are few."""

    name: str
    must: str
    is_required: bool
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """A call of FMZ, with the name of its method and, for ``io``, its code. script: its function in a strategy."""

    method: str
    inputs: tuple[Input, ...]
    code: int | None = None

    @property
    def name(self) -> str:
        """Return what tells it from all others."""
        return self.method if self.code is None else f"{self.method} {self.code}"

    @property
    def script(self) -> str:
        """Return the name of its function in a strategy."""
        return _SCRIPT[self.name]

    @property
    def is_public(self) -> bool:
        """Return True if it needs no keys."""
        return self.method in KEYLESS

    @property
    def changes(self) -> bool:
        """Return True if it may place, modify or cancel an order, or change what one means."""
        return self.method in (*CHANGES, PASS_THROUGH) or self.code in _CHOICE_CODES

    @property
    def is_free(self) -> bool:
        """Return True if it may be of any resource of the exchange."""
        return self.method == PASS_THROUGH


def operations() -> list[Operation]:
    """Return every call that a page can make. What FMZ can ask in two ways is there once."""
    return [*_operations()]


def _operations() -> Iterator[Operation]:
    for name, method in METHODS.items():
        if isinstance(method, Io):
            for code, call in method.calls.items():
                if isinstance(call, Method) and code != _POSITIONS:
                    yield Operation(name, _inputs(call.params), code)
        else:
            yield Operation(name, _inputs(method.params))
    yield Operation(PASS_THROUGH, _inputs(RawParams()))


def _inputs(schema: Schema) -> tuple[Input, ...]:
    """Return the parameters of a schema. Arguments without names are in the order in which they are sent: what may be
    left out comes first."""
    names = [*schema.fields]
    if positions := getattr(schema, "names", None):
        names = [*reversed(positions)]
    return tuple(_input(schema, name) for name in sorted(names, key=lambda name: name != "symbol"))


def _input(schema: Schema, name: str) -> Input:
    field: Any = schema.fields[name]
    must = field.must if isinstance(field, Reader) else "a JSON object"
    choices = tuple(re.split(r", | or ", must)) if _CHOICES.fullmatch(must) else ()
    return Input(field.data_key or name, must, field.required, choices)
