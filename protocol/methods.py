"""METHODS: what FMZ may call, how an exchange is asked for it, and the format of the answer."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import Schema, fields

from protocol import replies, schemas, wire
from protocol.errors import UNREADABLE, InvalidCall, Unsupported
from protocol.schemas import load

_RAW = "__api_"
_UNDOCUMENTED = ("assets", "markets", "tickers", "historyorders", "fundings")
_VERBS = ("GET", "POST", "PUT", "DELETE", "PATCH")
_RESOURCE = re.compile(r"/?([A-Za-z0-9_][A-Za-z0-9_.:,-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.:,-]*)*/?)")


@dataclass(frozen=True, slots=True)
class Call:
    """One request of FMZ's host. ``nonce`` is 0 when there was none; ``verb``, its ``Http-Method`` header, is for a
    pass-through."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    nonce: int
    method: str
    params: Mapping[str, Any]
    verb: str

    @property
    def identity(self) -> str:
        """What tells this order from its account's others: the same for a repeated request, empty without a nonce, and
        for every method that places none."""
        if not self.nonce or self.method != "trade":
            return ""
        return f"{self.nonce} {self.method} {json.dumps(self.params, sort_keys=True, default=str)}"


def read_call(body: bytes, verb: str) -> Call:
    """The call in a request's body. Raises InvalidCall."""
    return Call(**load(_ENVELOPE, wire.read(body)), verb=verb)


class Method:
    """One of FMZ's calls: the schema of its params, how an exchange is asked, and the format of the answer.

    raw: whether the exchange's own answer goes beside it. orders: whether the order desk is asked instead.
    """

    def __init__(
        self,
        params: Schema,
        ask: Callable[[Any, dict[str, Any]], Any],
        answer: fields.Field[Any] | None = None,
        *,
        raw: bool = False,
        orders: bool = False,
    ) -> None:
        self.params = params
        self.ask = ask
        self.reply = Schema.from_dict({"data": answer or fields.Raw()})()
        self.raw = raw
        self.orders = orders

    def __call__(self, exchange: Any, desk: Any, params: Any) -> dict[str, Any]:
        asked = load(self.params, params)
        to = desk if self.orders else exchange
        try:
            data = self.ask(to, asked)
        except UNREADABLE as error:
            raise exchange.unreadable(error) from error
        reply: dict[str, Any] = self.reply.dump({"data": data})
        marks = desk.marks if self.orders else {}
        if self.raw and (to.reply is not None or marks):
            reply["raw"] = wire.verbatim(to.reply or b"{}", marks)
        return reply


class Io:
    """FMZ's settings and position calls, told apart by a code: 0 leverage, 1 direction, 2 contract, 3 positions."""

    def __init__(self, calls: Mapping[int, Method]) -> None:
        self.params = schemas.IoParams()
        self.calls = calls

    def __call__(self, exchange: Any, desk: Any, params: Any) -> dict[str, Any]:
        asked = load(self.params, params)
        if asked["code"] not in self.calls:
            raise Unsupported(f"io code {asked['code']}; this gateway answers {', '.join(map(str, self.calls))}")
        return self.calls[asked["code"]](exchange, desk, asked["args"])


def answer(exchange: Any, desk: Any, call: Call) -> dict[str, Any]:
    """Ask ``exchange``, or where orders are concerned its ``desk``, what FMZ asked: ``{"data": …}``, ``raw`` beside it
    on account and order methods.

    Raises GatewayError for everything that fails.
    """
    if call.method.startswith(_RAW):
        return _pass_through(exchange, call)
    method = METHODS.get(_known(call.method))
    if method is None:
        raise InvalidCall(f"no such method; this gateway answers {', '.join(METHODS)} and {_RAW}<resource>")
    return method(exchange, desk, call.params)


def known_name(method: str) -> str:
    """A method's name for a log: what FMZ sent is written there only when it is one of ours."""
    if method.startswith(_RAW):
        return _RAW
    return _known(method) or "?"


def _known(method: str) -> str:
    """Our name of a method, empty for an unknown one. An undocumented one may be ``GetMarkets`` or ``get_markets``."""
    squeezed = method.lower().replace("_", "").removeprefix("get")
    return method if method in METHODS else squeezed if squeezed in _UNDOCUMENTED else ""


def _pass_through(exchange: Any, call: Call) -> dict[str, Any]:
    resource = _RESOURCE.fullmatch(call.method.removeprefix(_RAW))
    if resource is None:
        raise InvalidCall(
            "a resource is a plain path on the exchange's own host, such as /api/v3/time; "
            "what follows a ? goes into the parameters"
        )
    verb = call.verb.upper() or "POST"
    if verb not in _VERBS:
        raise InvalidCall(f"Http-Method must be one of {', '.join(_VERBS)}")
    params = load(_RAW_PARAMS, {"params": call.params})["params"]
    try:
        data = exchange.pass_through(verb, resource[1], params)
    except UNREADABLE as error:
        raise exchange.unreadable(error) from error
    return {"data": data if exchange.reply is None else wire.verbatim(exchange.reply)}


_ENVELOPE = schemas.CallSchema()
_SYMBOL = schemas.SymbolParams()
_ORDER = schemas.OrderParams()
_RAW_PARAMS = schemas.RawParams()

METHODS: Mapping[str, Method | Io] = {
    "ticker": Method(
        _SYMBOL,
        lambda exchange, asked: exchange.ticker(exchange.resolve(asked["symbol"])),
        fields.Nested(replies.TickerReply()),
    ),
    "depth": Method(
        _SYMBOL,
        lambda exchange, asked: exchange.depth(exchange.resolve(asked["symbol"])),
        replies.Writer(replies.depth),
    ),
    "records": Method(
        schemas.RecordsParams(),
        lambda exchange, asked: exchange.records(exchange.resolve(asked["symbol"]), asked["period"], asked["limit"]),
        replies.Writer(replies.records),
    ),
    "trades": Method(
        _SYMBOL,
        lambda exchange, asked: exchange.trades(exchange.resolve(asked["symbol"])),
        replies.Writer(replies.trades),
    ),
    "accounts": Method(
        schemas.NoParams(),
        lambda exchange, asked: exchange.accounts(),
        fields.Nested(replies.BalanceReply(many=True)),
        raw=True,
    ),
    "trade": Method(
        schemas.TradeParams(),
        lambda desk, asked: {"id": desk.place(**asked)},
        fields.Nested(replies.NewOrderReply()),
        raw=True,
        orders=True,
    ),
    "order": Method(
        _ORDER,
        lambda exchange, asked: exchange.order(exchange.resolve(asked["symbol"]), asked["order_id"]),
        fields.Nested(replies.OrderReply()),
        raw=True,
    ),
    "orders": Method(
        schemas.OrdersParams(),
        lambda exchange, asked: exchange.orders(exchange.scope(asked["symbol"])),
        fields.Nested(replies.OrderReply(many=True)),
        raw=True,
    ),
    "cancel": Method(
        _ORDER, lambda desk, asked: desk.cancel(asked["symbol"], asked["order_id"]), raw=True, orders=True
    ),
    "assets": Method(
        schemas.NoParams(),
        lambda exchange, asked: exchange.accounts(),
        fields.Nested(replies.AssetReply(many=True)),
        raw=True,
    ),
    "markets": Method(
        schemas.NoParams(),
        lambda exchange, asked: exchange.listing(),
        replies.Writer(replies.markets),
    ),
    "tickers": Method(schemas.NoParams(), lambda exchange, asked: exchange.tickers(), replies.Writer(replies.tickers)),
    "historyorders": Method(
        schemas.HistoryParams(),
        lambda exchange, asked: exchange.history(exchange.scope(asked["symbol"]), asked["since"], asked["limit"]),
        fields.Nested(replies.OrderReply(many=True)),
        raw=True,
    ),
    "fundings": Method(
        schemas.OrdersParams(),
        lambda exchange, asked: exchange.fundings(exchange.scope(asked["symbol"])),
        fields.Nested(replies.FundingReply(many=True)),
    ),
    "io": Io(
        {
            0: Method(schemas.LeverageArguments(), lambda exchange, asked: exchange.set_leverage(**asked)),
            1: Method(schemas.DirectionArguments(), lambda exchange, asked: exchange.set_direction(**asked)),
            2: Method(schemas.ContractArguments(), lambda exchange, asked: exchange.set_contract(**asked)),
            3: Method(
                schemas.PositionsArguments(),
                lambda exchange, asked: exchange.positions(exchange.scope(asked["symbol"])),
                fields.Nested(replies.PositionReply(many=True)),
                raw=True,
            ),
        }
    ),
}
"""FMZ's method names. Every other name
that begins with ``__api_`` is a resource of the exchange itself."""
