"""The parameters that FMZ's host sends, as marshmallow schemas.

The formats are the article's (fmz.com/bbs-topic/1052). Where a host's spelling is not documented, every plausible
variant is accepted.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Generic, TypeVar

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, pre_load

from protocol import forms
from protocol.errors import InvalidCall
from protocol.models import Direction, Symbol
from protocol.numbers import exact, whole
from protocol.params import (
    Envelope,
    Nothing,
    OfContract,
    OfDirection,
    OfHistory,
    OfIo,
    OfLeverage,
    OfMarkets,
    OfModified,
    OfOrder,
    OfRecords,
    OfSymbol,
    OfTrade,
)

T = TypeVar("T")

_MOST = 2**63  # what databases and exchanges take for a number ends before
_LONGEST_KEY = 8192  # bytes: the gateway remembers keys, and the longest known are PEM files of about 2,000
_KEY = "a string of at most 8 KiB"
_NEW = "a plain decimal number above zero, or -1 to leave it as it is"


class Reader(fields.Field[Any]):
    """A field read by a plain function; its ValueError becomes the sentence ``must``. form: what it reads, for the
    OpenAPI document."""

    def __init__(self, read: Callable[[Any], Any], must: str, form: forms.Form, **options: Any) -> None:
        messages: dict[str, Any] = {"required": f"is missing; it must be {must}", "null": f"must be {must}"}
        super().__init__(error_messages=messages, **options)
        self.read = read
        self.must = must
        self.form = form

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        try:
            return self.read(value)
        except (ValueError, ArithmeticError):
            raise ValidationError(f"must be {self.must}") from None


def text(value: object) -> str:
    """Return a value that is text which can be sent. Raises ValueError for any other."""
    if not isinstance(value, str):
        raise ValueError("not a string")
    value.encode()  # a lone surrogate is a UnicodeEncodeError, hence a ValueError
    return value


def _secret(value: object) -> str:
    secret = "" if value is None else text(value)
    if len(secret.encode()) > _LONGEST_KEY:
        raise ValueError("too long")
    return secret


def _symbol(value: object) -> Symbol:
    return Symbol.parse(text(value))


def _symbol_or_none(value: object) -> Symbol | None:
    return None if value in ("", None) else _symbol(value)


def _contract(value: object) -> str:
    return Symbol.parse(f"X.{text(value)}").contract


def _positive(read: Callable[[object], Any]) -> Callable[[object], Any]:
    def positive(value: object) -> Any:
        number = read(value)
        if number <= 0:
            raise ValueError("not positive")
        return number

    return positive


def _changed(value: object) -> Decimal | None:
    return None if exact(value) == -1 else _positive(exact)(value)


def _count(value: object) -> int:
    number = whole(value)
    if number >= _MOST:
        raise ValueError("too large")
    return number


def _limit(value: object) -> int | None:
    return None if value in ("", None) else _count(value) or None


def _order_id(value: object) -> str:
    found = str(value) if isinstance(value, int) and not isinstance(value, bool) else text(value)
    if not (0 < len(found) <= 128 and found.isascii() and found.isprintable() and " " not in found):
        raise ValueError("not an id")
    return found


def _direction(value: object) -> Direction:
    return Direction(text(value).lower())


def _nonce(value: object) -> int:
    return 0 if value in ("", None) else whole(value)


class Incoming(Schema, Generic[T]):
    """A schema that reads what FMZ sent as a T. Unknown keys are ignored: hosts of different ages send different
    extras."""

    class Meta:
        unknown = EXCLUDE

    def read(self, data: Any) -> T:
        """Return what FMZ sent, checked. Raises InvalidCall with one sentence for each wrong parameter."""
        try:
            found: T = self.load(data)
        except ValidationError as error:
            raise InvalidCall("; ".join(_sentences(error.messages_dict))) from None
        return found


class CallSchema(Incoming[Envelope]):
    """The envelope: ``{"access_key", "secret_key", "nonce", "method", "params"}``, in any order."""

    access_key = Reader(_secret, _KEY, forms.SECRET, load_default="", allow_none=True)
    secret_key = Reader(_secret, _KEY, forms.SECRET, load_default="", allow_none=True)
    nonce = Reader(_nonce, "a whole number, or its text", forms.NONCE, load_default=0, allow_none=True)
    method = Reader(text, "a string", forms.TEXT, required=True)
    params = fields.Dict(
        keys=fields.String(), load_default=dict, allow_none=True, error_messages={"invalid": "must be a JSON object"}
    )

    @post_load
    def _keys_in_params_win(self, call: dict[str, Any], **_: Any) -> dict[str, Any]:
        params = dict(call["params"] or {})
        for key in ("access_key", "secret_key"):
            try:
                call[key] = _secret(params.pop(key, None)) or call[key] or ""
            except ValueError:
                raise ValidationError(f"must be {_KEY}", f"params.{key}") from None
        return {**call, "params": params, "nonce": call["nonce"] or 0}


class NoParams(Incoming[Nothing]):
    """The parameters of a method without any."""


class _Symbol(Schema):
    symbol = Reader(_symbol, "a market such as BTC_USDT, btc or BTC_USDT.swap", forms.SYMBOL, required=True)


class _Markets(Schema):
    symbol = Reader(
        _symbol_or_none, "a market such as BTC_USDT", forms.SYMBOL_OR_NONE, load_default=None, allow_none=True
    )


class SymbolParams(_Symbol, Incoming[OfSymbol]):
    """The parameters of a method about one market."""


class OrdersParams(_Markets, Incoming[OfMarkets]):
    """The parameters of a list of open orders: of one market, or of all when none is named."""


class HistoryParams(_Markets, Incoming[OfHistory]):
    """The parameters of a list of past orders, from ``since`` (ms) on."""

    since = Reader(_limit, "a time in ms", forms.COUNT_OR_NONE, load_default=None, allow_none=True)
    limit = Reader(_limit, "a positive whole number of orders", forms.COUNT_OR_NONE, load_default=None, allow_none=True)


class RecordsParams(_Symbol, Incoming[OfRecords]):
    """The parameters of bars: ``period`` in minutes; ``limit`` in bars, 0 for as many as the exchange gives."""

    period = Reader(_positive(_count), "a positive whole number of minutes", forms.POSITIVE_COUNT, required=True)
    limit = Reader(_limit, "a positive whole number of bars", forms.COUNT_OR_NONE, load_default=None, allow_none=True)


class OrderParams(_Symbol, Incoming[OfOrder]):
    """The parameters of a method about one order."""

    order_id = Reader(_order_id, "an order's id, as a string or number", forms.ORDER_ID, data_key="id", required=True)


class TradeParams(_Symbol, Incoming[OfTrade]):
    """The parameters of a new order. A ``price`` that is not positive means market; it is required, so that no misspelt
    key turns a limit order into a market order."""

    direction = Reader(_direction, "buy, sell, closebuy or closesell", forms.DIRECTION, data_key="type", required=True)
    price = Reader(exact, "a plain decimal number; -1 means market", forms.NUMBER, required=True)
    amount = Reader(_positive(exact), "a plain decimal number above zero", forms.POSITIVE_NUMBER, required=True)

    @post_load
    def _market_has_no_price(self, order: dict[str, Any], **_: Any) -> dict[str, Any]:
        return order if order["price"] > 0 else {**order, "price": None}


class ModifyParams(_Markets, Incoming[OfModified]):
    """The parameters of a modified order. Price and amount are required, as -1 where one stays as it is, so that no
    misspelt key changes only the other one."""

    order_id = Reader(_order_id, "an order's id, as a string or number", forms.ORDER_ID, data_key="id", required=True)
    direction = Reader(_direction, "buy, sell, closebuy or closesell", forms.DIRECTION, data_key="type", required=True)
    price = Reader(_changed, _NEW, forms.CHANGED_NUMBER, required=True)
    amount = Reader(_changed, _NEW, forms.CHANGED_NUMBER, required=True)

    @post_load
    def _changes_something(self, order: dict[str, Any], **_: Any) -> dict[str, Any]:
        if order["price"] or order["amount"]:
            return order
        raise ValidationError("and amount are both -1, so nothing would be modified", "price")


class IoParams(Incoming[OfIo]):
    """The parameters of FMZ's settings and positions calls: a code and its arguments."""

    code = Reader(_count, "a whole number", forms.COUNT, required=True)
    args = fields.List(
        fields.Raw(allow_none=True), load_default=list, error_messages={"invalid": "must be a JSON array"}
    )


class _Arguments(Incoming[T]):
    """The arguments of an ``io`` call, which come without names."""

    names: tuple[str, ...]

    @pre_load
    def _name(self, args: list[Any], **_: Any) -> dict[str, Any]:
        if len(args) > len(self.names):
            raise ValidationError(f"takes at most {len(self.names)}", "args")
        return dict(zip(self.names, self._ordered(args), strict=False))

    def _ordered(self, args: list[Any]) -> list[Any]:
        return args


class ContractArguments(_Arguments[OfContract]):
    """The arguments of SetContractType."""

    names = ("contract",)
    contract = Reader(_contract, "a contract code such as swap", forms.CONTRACT, required=True)


class DirectionArguments(_Arguments[OfDirection]):
    """The arguments of SetDirection."""

    names = ("direction",)
    direction = Reader(_direction, "buy, sell, closebuy or closesell", forms.DIRECTION, required=True)


class LeverageArguments(_Arguments[OfLeverage]):
    """The arguments of SetMarginLevel: the leverage, after the market if one is given."""

    names = ("leverage", "symbol")
    leverage = Reader(_positive(_count), "a positive whole number", forms.POSITIVE_COUNT, required=True)
    symbol = Reader(
        _symbol_or_none, "a market such as BTC_USDT.swap", forms.SYMBOL_OR_NONE, load_default=None, allow_none=True
    )

    def _ordered(self, args: list[Any]) -> list[Any]:
        return args[::-1]


class PositionsArguments(_Arguments[OfMarkets]):
    """The arguments of GetPositions: nothing, a contract code, a market, or a range such as ``USDT.swap``."""

    names = ("symbol",)
    symbol = Reader(
        _symbol_or_none, "a market or a contract code", forms.SYMBOL_OR_NONE, load_default=None, allow_none=True
    )


def _sentences(messages: Mapping[str, Any]) -> list[str]:
    found = []
    for name, reasons in messages.items():
        nested = reasons if isinstance(reasons, Mapping) else {}
        found += _sentences(nested) or [f"{name} {' '.join(map(str, reasons))}".strip().rstrip(".")]
    return found
