"""The samples of the article that this gateway implements (fmz.com/bbs-topic/1052), word for word."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from protocol import wire
from protocol.calls import read_call
from protocol.methods import dispatch
from protocol.models import (
    Balance,
    Candle,
    Depth,
    Direction,
    Order,
    Position,
    PositionSide,
    Side,
    Status,
    Symbol,
    Ticker,
    Trade,
)
from tests.protocol.article import REQUESTS, plain_json


class Fake:
    """An exchange, and its desk, that returns what it was given for each method, and keeps what it was asked."""

    def __init__(self, **said: Any) -> None:
        self.replies: list[bytes] = []
        self.unreadable_rows: list[str] = []
        self.said = said
        self.asked: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        def ask(*args: Any, **kwargs: Any) -> Any:
            self.asked.append((name, *args, *kwargs.values()))
            return self.said[name]

        return ask

    def require(self, method: str) -> None:
        """Do nothing: it has every method."""

    def note_symbol(self, symbol: Symbol) -> None:
        """Do nothing."""

    def own_path(self, resource: str) -> str:
        return resource

    def resolve(self, symbol: Symbol) -> Symbol:
        return symbol

    def scope(self, symbol: Symbol | None) -> Symbol | None:
        return symbol

    def prepare(self, order: Any) -> None:
        """Do nothing."""

    marks: Mapping[str, bool] = {}

    def place(self, *order: Any) -> Any:
        """Place an order as the desk does."""
        return self.trade(order)


def reply_to(exchange: Fake, request: str) -> dict[str, Any]:
    """Return the reply that FMZ reads when the article's request is made of ``exchange``."""
    reply = dispatch(exchange, lambda: exchange, read_call(plain_json(REQUESTS[request][0]), ""))
    read: dict[str, Any] = json.loads(wire.write(reply), parse_float=Decimal)
    return read


def sample(text: str) -> dict[str, Any]:
    """Return the reply that FMZ reads when it is answered with a sample."""
    read: dict[str, Any] = json.loads(plain_json(text), parse_float=Decimal)
    return read


@pytest.mark.parametrize(("text", "envelope", "method", "params"), REQUESTS.values(), ids=REQUESTS)
def test_a_request_is_read_as_given(text: str, envelope: dict[str, Any], method: str, params: dict[str, Any]) -> None:
    call = read_call(plain_json(text), "POST")
    assert {"access_key": call.access_key, "secret_key": call.secret_key, "nonce": call.nonce} == envelope
    assert (call.method, call.params) == (method, params)


def test_ticker() -> None:
    ticker = Ticker(time=1500793319499, bid=1000.0, ask=1001.0, last=1005.0, high=1100.0, low=980.0, volume=523.0)
    exchange = Fake(ticker=ticker)
    assert reply_to(exchange, "GetTicker") == sample("""
      {
          "data": {
              "time": 1500793319499,  // 毫秒时间戳,整型
              "buy": 1000,            // 以下浮点型
              "sell": 1001,
              "last": 1005,
              "high": 1100,
              "low": 980,
              "vol": 523,
          }
      }
      """)
    assert exchange.asked == [("ticker", Symbol("ETH", "BTC"))]


def test_records() -> None:
    bars = [Candle(1500793319000, 1.1, 2.2, 3.3, 4.4, 5.5), Candle(1500793259000, 1.01, 2.02, 3.03, 4.04, 5.05)]
    exchange = Fake(records=bars)
    assert reply_to(exchange, "GetRecords") == sample("""
      {
          "data": [
                  [1500793319, 1.1, 2.2, 3.3, 4.4, 5.5],         // "Time":1500793319000,"Open":1.1,"High":2.2,"Low":3.3,"Close":4.4,"Volume":5.5
                  [1500793259, 1.01, 2.02, 3.03, 4.04, 5.05],
                  ...
          ]
      }
      """)  # noqa: E501
    assert exchange.asked == [("records", Symbol("ETH", "BTC"), 1440, None)]


def test_depth() -> None:
    asks, bids = [(1000.0, 0.5), (1001.0, 0.23), (1004.0, 2.1)], [(999.0, 0.25), (998.0, 0.8), (995.0, 1.4)]
    exchange = Fake(depth=Depth(time=1500793319499, asks=asks[::-1], bids=bids[::-1]))
    assert reply_to(exchange, "GetDepth") == sample("""
      {
          "data" : {
              "time" : 1500793319499,
              "asks" : [ [1000, 0.5], [1001, 0.23], [1004, 2.1], ... ],
              "bids" : [ [999, 0.25], [998, 0.8], [995, 1.4], ... ],
          }
      }
      """)


def test_trades() -> None:
    """Check that rows ascend, as FMZ's manual promises; the article's two rows descend."""
    rows = [
        Trade(12232153, 1529919412968, 1000.0, 0.5, Side.BUY),
        Trade(12545664, 1529919412900, 1001.0, 1.0, Side.SELL),
    ]
    expected = sample("""
      {
          "data": [
              {
                  "id": 12232153,
                  "time" : 1529919412968,
                  "price": 1000,
                  "amount": 0.5,
                  "type": "buy",             // "buy"、"sell"
              },{
                  "id": 12545664,
                  "time" : 1529919412900,
                  "price": 1001,
                  "amount": 1,
                  "type": "sell",
              },{
                  ...
              }
          ]
      }
      """)
    assert reply_to(Fake(trades=rows), "GetTrades") == {"data": expected["data"][::-1]}


def test_accounts() -> None:
    ltc = Balance("LTC", Decimal(25), Decimal("2.1"))
    exchange = Fake(accounts=[Balance("BTC", Decimal("1.2"), Decimal("0.1")), ltc, ltc])
    exchange.replies.append(b"{}")
    assert reply_to(exchange, "GetAccount") == sample("""
      {
          "data": [
              {"currency": "btc", "free": 1.2, "frozen": 0.1},
              {"currency": "ltc", "free": 25, "frozen": 2.1},
              {"currency": "ltc", "free": 25, "frozen": 2.1},
              ...
          ],
          "raw" : {...}             // 可以写入插件访问交易所时,交易所返回的原始信息(response)
      }
      """)


def test_trade() -> None:
    exchange = Fake(trade=125456)
    assert reply_to(exchange, "Buy") == sample("""
      {
          "data": {
              "id": 125456,      // 下单后返回的订单id
                                 // 如果订单id是"asdf346sfasf532"这样的字符串形式
                                 // 此处id也可以是字符串类型
          }
      }
      """)
    assert exchange.asked == [("trade", (Symbol("ETH", "BTC"), Direction.BUY, Decimal(1000), Decimal(1)))]


def test_trade_with_an_id_that_is_text() -> None:
    assert reply_to(Fake(trade="asdf346sfasf532"), "Buy") == {"data": {"id": "asdf346sfasf532"}}


def open_order(id_: int, amount: str, price: int) -> Order:
    return Order(
        id=id_,
        side=Side.BUY,
        price=Decimal(price),
        amount=Decimal(amount),
        filled=Decimal(0),
        average=Decimal(0),
        status=Status.OPEN,
    )


def test_order() -> None:
    exchange = Fake(order=open_order(2565244, "0.15", 1002))
    assert reply_to(exchange, "GetOrder") == sample("""
      {
          "data": {
              "id": 2565244,
              "amount": 0.15,
              "price": 1002,
              "status": "open",    // "open":挂起状态、"closed":完成关闭状态、"cancelled":已取消
              "deal_amount": 0,
              "type": "buy",       // "buy"、"sell"
              "avg_price": 0,      // 如果交易所没有提供,在处理时可以赋值为0
          }
      }
      """)
    assert exchange.asked == [("order", Symbol("ETH", "BTC"), "XXX")]


def test_orders() -> None:
    """Check that a row is GetOrder's: the article leaves its ``avg_price`` out here."""
    exchange = Fake(orders=[open_order(542156, "0.25", 1005)])
    expected = sample("""
      {
          "data": [{
              "id": 542156,
              "amount": 0.25,
              "price": 1005,
              "deal_amount": 0,
              "type": "buy",      // "buy"、"sell"
              "status": "open",   // "open"
          },{
              ...
          }]
      }
      """)
    [row] = expected["data"]
    assert reply_to(exchange, "GetOrders") == {"data": [row | {"avg_price": 0}]}


@pytest.mark.parametrize("done", [True, False])
def test_cancel(done: bool) -> None:
    exchange = Fake(cancel=done)
    assert reply_to(exchange, "CancelOrder") == {"data": done}
    assert exchange.asked == [("cancel", Symbol("ETH", "BTC"), "XXX")]


def test_cancels_sample() -> None:
    assert reply_to(Fake(cancel=True), "CancelOrder") == sample("""
      {
          "data": true,        // true or false
      }
      """)


def test_pass_through() -> None:
    exchange = Fake(pass_through=None)
    exchange.replies.append(b"{}")
    assert reply_to(exchange, "IO") == sample("""
      {
          "data": {...}       // 具体的接口调用的返回值
      }
      """)
    assert exchange.asked == [("pass_through", "POST", "XXX", {"borrow_id": "123", "symbol": "cny"})]


@pytest.mark.parametrize(
    ("verb", "method", "asked"),
    [
        ("POST", "__api_cancel_borrow", ("POST", "cancel_borrow", {"borrow_id": "123", "symbol": "cny"})),
        ("GET", "__api_/api/v1/getAccount", ("GET", "api/v1/getAccount", {"borrow_id": "123", "symbol": "cny"})),
    ],
)
def test_the_verb_of_a_pass_through_is_in_the_head(verb: str, method: str, asked: Any) -> None:
    body = plain_json(REQUESTS["IO"][0]).replace(b"__api_XXX", method.encode())
    exchange = Fake(pass_through={"ok": 1})
    assert dispatch(exchange, lambda: exchange, read_call(body, verb)) == {"data": {"ok": 1}}
    assert exchange.asked == [("pass_through", *asked)]


@pytest.mark.parametrize(
    ("request_", "asked"),
    [
        ("SetContractType", ("set_contract", "quarter")),
        ("SetDirection", ("set_direction", Direction.CLOSE_SELL)),
        ("SetMarginLevel", ("set_leverage", 12, None)),
    ],
)
def test_futures_settings(request_: str, asked: Any) -> None:
    exchange = Fake(set_contract=True, set_direction=True, set_leverage=True)
    assert reply_to(exchange, request_) == {"data": True}
    assert exchange.asked == [asked]


@pytest.mark.parametrize(("request_", "scope"), [("GetPosition()", None), ('GetPosition("swap")', Symbol("SWAP"))])
def test_positions(request_: str, scope: Symbol | None) -> None:
    held = Position(
        symbol=Symbol.parse("BTC_USDT.swap"), side=PositionSide.LONG, amount=Decimal(1), frozen=Decimal(0),
        price=Decimal(100), profit=Decimal(0), margin=Decimal(10), leverage=Decimal(10),
    )  # fmt: skip
    exchange = Fake(positions=[held])
    [row] = reply_to(exchange, request_)["data"]
    assert (row["Type"], row["ContractType"], row["MarginLevel"], row["Amount"]) == (0, "swap", 10, 1)
    assert exchange.asked == [("positions", scope)]
