"""METHODS: the calls of FMZ, how an exchange is asked for each, and the format of the reply."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from protocol import replies, schemas, wire
from protocol.calls import Call
from protocol.errors import InvalidCall, Unsupported, reading
from protocol.interface import Exchange, OrderDesk
from protocol.models import Symbol
from protocol.names import CHANGES, ONE_MARKET, PASS_THROUGH, REFUSED
from protocol.pass_through import PassThrough, RawArguments, RawParams

P = TypeVar("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Method(Generic[P, R]):
    """A call of FMZ to an exchange: its parameters, how the exchange is asked, and the format of the reply.

    raw: True if the exchange's own replies are added. needs: the exchange's method that must be there, before anything
    is asked for what the parameters mean.
    """

    params: schemas.Incoming[P]
    ask: Callable[[Exchange, P], R]
    format: Callable[[R], object]
    raw: bool = False
    needs: str = field(default="", kw_only=True)

    def __call__(self, exchange: Exchange, open_desk: Callable[[], OrderDesk], params: Any) -> dict[str, Any]:
        asked = self.params.read(params)
        _require(exchange, self.needs)
        with reading(exchange.unreadable):
            data = self.ask(exchange, asked)
        if not self.raw:
            return {"data": self.format(data)}
        marks = {"unreadable": exchange.unreadable_rows} if exchange.unreadable_rows else {}
        return _reply(self.format(data), exchange.replies, marks)


@dataclass(frozen=True, slots=True)
class Choice(Method[P, R]):
    """A call of FMZ that chooses what later calls mean. Strategies do not look at its result, so a refused one must not
    leave the choice before it in force.

    name: of the choice.
    """

    name: str = field(kw_only=True)

    def __call__(self, exchange: Exchange, open_desk: Callable[[], OrderDesk], params: Any) -> dict[str, Any]:
        try:
            return Method.__call__(self, exchange, open_desk, params)
        except Exception:
            exchange.refuse_choice(self.name, ", ".join(map(str, params)))
            raise


@dataclass(frozen=True, slots=True)
class OrderMethod(Generic[P, R]):
    """A call of FMZ that places, shows, modifies or cancels an order, which is the order desk's work.

    needs: see Method.
    """

    params: schemas.Incoming[P]
    ask: Callable[[OrderDesk, P], R]
    format: Callable[[R], object]
    needs: str

    def __call__(self, exchange: Exchange, open_desk: Callable[[], OrderDesk], params: Any) -> dict[str, Any]:
        asked = self.params.read(params)
        _require(exchange, self.needs)
        desk = open_desk()
        with reading(exchange.unreadable):
            data = self.ask(desk, asked)
        return _reply(self.format(data), desk.replies, desk.marks)


@dataclass(frozen=True, slots=True)
class Io:
    """FMZ's calls that are told apart by a code: 0 leverage, 1 direction, 2 contract, 3 positions, 4 pass-through."""

    params: schemas.IoParams
    calls: Mapping[int, Method[Any, Any] | PassThrough]

    def __call__(self, exchange: Exchange, open_desk: Callable[[], OrderDesk], params: Any) -> dict[str, Any]:
        asked = self.params.read(params)
        if asked["code"] not in self.calls:
            raise Unsupported(f"io code {asked['code']}; this gateway answers {', '.join(map(str, self.calls))}")
        return self.calls[asked["code"]](exchange, open_desk, asked["args"])


def _require(exchange: Exchange, method: str) -> None:
    """Raise Unsupported where an exchange lacks a method."""
    if method:
        exchange.require(method)


def _reply(data: object, raw: Sequence[bytes], marks: Mapping[str, object]) -> dict[str, Any]:
    return {"data": data, "raw": wire.verbatim(raw, marks)} if raw or marks else {"data": data}


def dispatch(exchange: Exchange, open_desk: Callable[[], OrderDesk], call: Call) -> dict[str, Any]:
    """Ask the exchange, or its desk for an order, what FMZ asked; return ``{"data": …}``, with ``raw`` beside it on
    account and order methods. Raises GatewayError for everything that fails."""
    name = call.name
    if name == PASS_THROUGH:
        asked = {"verb": call.verb, "resource": call.method.removeprefix(PASS_THROUGH), "params": call.params}
        return _RAW(exchange, open_desk, asked)
    if name in REFUSED:
        raise Unsupported(REFUSED[name])
    method = METHODS.get(name)
    if method is None:
        answers = f"{', '.join(METHODS)} and {PASS_THROUGH}<resource>"
        raise InvalidCall(f"this method is not supported; this gateway answers {answers}")
    return method(exchange, open_desk, _with_market(exchange, name, call.params))


def _with_market(exchange: Exchange, name: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a call's parameters. Where a read of one market names none, it is that of the market named last, as FMZ's
    own exchange objects have a current one. Raises InvalidCall where there is none."""
    given = params.get("symbol")
    if given in ("", None):
        last = exchange.last_symbol if name in ONE_MARKET else None
        # The journal may know the market of an order that is modified.
        if last is None and name in (*ONE_MARKET, *CHANGES) and name != "modify":
            raise InvalidCall(f"{name} needs a symbol such as BTC_USDT, and none was given; nothing was sent")
        return {**params, "symbol": last.text} if last else params
    try:
        symbol = Symbol.parse(given)
    except (TypeError, ValueError):  # which the method's schema puts into a sentence
        return params
    if symbol.quote or name in (*ONE_MARKET, *CHANGES):  # else it may be a range
        exchange.note_symbol(symbol)
    return params


_NOTHING = schemas.NoParams()
_SYMBOL = schemas.SymbolParams()
_MARKETS = schemas.OrdersParams()
_RAW = PassThrough(RawParams())

# Defined one by one, so that mypy checks the types of each one's parameters and data: in a dict they would share one
# type.
_TICKER = Method(
    _SYMBOL, lambda exchange, asked: exchange.ticker(exchange.resolve(asked["symbol"])), replies.ticker, needs="ticker"
)
_DEPTH = Method(
    _SYMBOL, lambda exchange, asked: exchange.depth(exchange.resolve(asked["symbol"])), replies.depth, needs="depth"
)
_RECORDS = Method(
    schemas.RecordsParams(),
    lambda exchange, asked: exchange.records(exchange.resolve(asked["symbol"]), asked["period"], asked["limit"]),
    replies.records,
    needs="records",
)
_TRADES = Method(
    _SYMBOL, lambda exchange, asked: exchange.trades(exchange.resolve(asked["symbol"])), replies.trades, needs="trades"
)
_ACCOUNTS = Method(_NOTHING, lambda exchange, asked: exchange.accounts(), replies.balances, raw=True, needs="accounts")
_TRADE = OrderMethod(
    schemas.TradeParams(),
    lambda desk, asked: desk.place(asked["symbol"], asked["direction"], asked["price"], asked["amount"]),
    replies.new_order,
    needs="trade",
)
_ORDER = OrderMethod(
    schemas.OrderParams(), lambda desk, asked: desk.order(asked["symbol"], asked["order_id"]), replies.order, "order"
)
_MODIFY = OrderMethod(
    schemas.ModifyParams(),
    lambda desk, asked: desk.modify(
        asked["symbol"], asked["order_id"], asked["direction"], asked["price"], asked["amount"]
    ),
    replies.new_order,
    needs="modify",
)
_ORDERS = Method(
    _MARKETS,
    lambda exchange, asked: exchange.orders(exchange.scope(asked["symbol"])),
    replies.orders,
    raw=True,
    needs="orders",
)
_CANCEL = OrderMethod(
    schemas.OrderParams(), lambda desk, asked: desk.cancel(asked["symbol"], asked["order_id"]), replies.done, "cancel"
)
_ASSETS = Method(_NOTHING, lambda exchange, asked: exchange.accounts(), replies.assets, raw=True, needs="accounts")
_LISTING = Method(_NOTHING, lambda exchange, asked: exchange.listing(), replies.markets, needs="markets")
_TICKERS = Method(_NOTHING, lambda exchange, asked: exchange.tickers(), replies.tickers, needs="tickers")
_HISTORY = Method(
    schemas.HistoryParams(),
    lambda exchange, asked: exchange.history(exchange.scope(asked["symbol"]), asked["since"], asked["limit"]),
    replies.orders,
    raw=True,
    needs="history",
)
_FUNDINGS = Method(
    _MARKETS,
    lambda exchange, asked: exchange.fundings(exchange.scope(asked["symbol"])),
    replies.fundings,
    needs="fundings",
)
_LEVERAGE = Method(
    schemas.LeverageArguments(),
    lambda exchange, asked: exchange.set_leverage(asked["leverage"], asked["symbol"]),
    replies.done,
)
_DIRECTION = Choice(
    schemas.DirectionArguments(),
    lambda exchange, asked: exchange.set_direction(asked["direction"]),
    replies.done,
    name="direction",
)
_CONTRACT = Choice(
    schemas.ContractArguments(),
    lambda exchange, asked: exchange.set_contract(asked["contract"]),
    replies.done,
    name="contract",
)
_POSITIONS = Method(
    _MARKETS,
    lambda exchange, asked: exchange.positions(exchange.scope(asked["symbol"])),
    replies.positions,
    raw=True,
    needs="positions",
)

METHODS: Mapping[str, Method[Any, Any] | OrderMethod[Any, Any] | Io] = {
    "ticker": _TICKER,
    "depth": _DEPTH,
    "records": _RECORDS,
    "trades": _TRADES,
    "accounts": _ACCOUNTS,
    "trade": _TRADE,
    "order": _ORDER,
    "orders": _ORDERS,
    "modify": _MODIFY,
    "cancel": _CANCEL,
    "assets": _ASSETS,
    "markets": _LISTING,
    "tickers": _TICKERS,
    "historyorders": _HISTORY,
    "fundings": _FUNDINGS,
    "positions": _POSITIONS,
    "io": Io(
        schemas.IoParams(),
        {
            0: _LEVERAGE,
            1: _DIRECTION,
            2: _CONTRACT,
            3: replace(_POSITIONS, params=schemas.PositionsArguments()),
            4: PassThrough(RawArguments()),
        },
    ),
}
"""FMZ's method names, in our spelling. Every other name that begins with ``__api_`` is a resource of the exchange
itself."""
