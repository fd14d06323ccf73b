"""An example of each of FMZ's calls, in an order in which a new account can make them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from protocol.names import PASS_THROUGH


@dataclass(frozen=True, slots=True)
class Example:
    """A call, as FMZ's host sends it. name: what strategies write. reply: the name of its reply's schema. futures: True
    if it is made on a futures exchange. verb: its header ``Http-Method``."""

    name: str
    method: str
    reply: str
    params: Mapping[str, Any] = field(default_factory=dict)
    futures: bool = False
    verb: str = ""


_SPOT, _SWAP = {"symbol": "BTC_USDT"}, {"symbol": "BTC_USDT.swap"}
_LIMIT = {"symbol": "BTC_USDT", "type": "buy", "price": "1000", "amount": "0.01"}
_MARKET = {"symbol": "BTC_USDT", "type": "sell", "price": "-1", "amount": "5"}


def _io(name: str, code: int, *args: object, reply: str = "Done") -> Example:
    return Example(name, "io", reply, {"code": code, "args": [*args]}, futures=True)


EXAMPLES = (
    Example("GetTicker", "ticker", "Ticker", _SPOT),
    Example("GetDepth", "depth", "Depth", _SPOT),
    Example("GetRecords", "records", "Records", {**_SPOT, "period": "60", "limit": 2}),
    Example("GetTrades", "trades", "Trades", _SPOT),
    Example("GetMarkets", "markets", "Markets"),
    Example("GetTickers", "tickers", "Tickers"),
    Example("GetAccount", "accounts", "Balances"),
    Example("GetAssets", "assets", "Assets"),
    Example("Buy", "trade", "NewOrder", _LIMIT),
    Example("GetOrder", "order", "Order", {**_SPOT, "id": "1"}),
    Example("GetOrders", "orders", "Orders", _SPOT),
    Example("ModifyOrder", "modify", "NewOrder", {**_SPOT, "id": "1", "type": "buy", "price": "1100", "amount": "-1"}),
    Example("CancelOrder", "cancel", "Done", {**_SPOT, "id": "1"}),
    Example("GetHistoryOrders", "historyorders", "Orders", {**_SPOT, "limit": 1}),
    _io("SetContractType", 2, "swap"),
    _io("SetMarginLevel", 0, 20),
    _io("SetDirection", 1, "sell"),
    Example("Sell", "trade", "NewOrder", _MARKET, futures=True),
    _io("GetPosition", 3, "swap", reply="Positions"),
    Example("GetPositions", "positions", "Positions", {"symbol": "USDT.swap"}, futures=True),
    Example("GetFundings", "fundings", "Fundings", _SWAP, futures=True),
    Example("IO", f"{PASS_THROUGH}time", "Anything", verb="GET"),
    _io("IO, by its code", 4, "api", "GET", "time", "", reply="Anything"),
)
