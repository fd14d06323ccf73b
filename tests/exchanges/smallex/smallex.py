"""Smallex, spot: https://docs.smallex.example (API.md beside this file). Errors come with HTTP 200, as a code."""

from exchanges.base import *


class Smallex(Exchange):
    """Smallex, spot."""

    api = 1
    name, url, root = "Smallex", "https://api.smallex.example", "/v2/"
    sends = "json"
    signer = hmac_signer(
        "{seconds}\n{verb}\n{target}\n{body}",
        digest="sha512",
        encoding="base64",
        headers={"SX-KEY": "{key}", "SX-TIME": "{seconds}", "SX-SIGN": "{signature}"},
    )
    proof = "the published example"
    pair = "{base}-{quote}"
    sides = {"bid": Side.BUY, "ask": Side.SELL}
    periods = {1: "1m", 5: "5m", 60: "1h", 1440: "1d"}
    statuses = {"new": Status.OPEN, "part": Status.OPEN, "done": Status.CLOSED, "gone": Status.CANCELLED}
    refusals = codes({
        AuthenticationFailed: "2001 2002 2003",
        WrongTime: "2004",
        InvalidOrder: "3001",
        InsufficientFunds: "3002",
        OrderNotFound: "3004",
        RateLimited: "1015",
        OutcomeUnknown: "1000 1001 3005",  # with 3005, an order has our id, perhaps this one
    })  # fmt: skip
    bans = {"1015": 1.0}
    client_id = ClientId(32, ALPHANUMERIC)
    limits = (
        Limit("calls", 10, 1.0, default=1),
        Limit("orders", 5, 1.0, per="account", costs={"POST orders": 1}),
    )

    ticker_row = TickerRow(time="ts", bid="bid", ask="ask", last="last", high="high24", low="low24", volume="vol24")
    candle_row = Row(Candle, time=0, open=1, high=2, low=3, close=4, volume=5)
    trade_row = Row(Trade, id="id", time="ts", price="px", amount="qty", side="side")
    balance_row = Row(Balance, currency="ccy", free="free", frozen="held")
    order_row = Row(
        Order, id="id", side="side", price="px", amount="qty", filled="done", average="avg", status="state",
        client_id="cid",
    )  # fmt: skip

    def unwrap(self, payload):
        if payload["code"]:
            raise self.refused(payload["code"], payload.get("message", ""))
        return payload["data"]

    def time(self):
        return milliseconds(self.call("GET", "time", safe=False)["now"])

    # Market data --------------------------------------------------------------------------------------------------

    def markets(self):
        return self.read_all(self.read_market, self.get("markets"))

    def ticker(self, symbol):
        return self.ticker_row(self.get("ticker", market=symbol))

    def depth(self, symbol):
        book = self.get("book", market=symbol, limit=100)
        return self.read_book(book, book["ts"])

    def candles(self, symbol, period, limit):
        rows = self.get("candles", market=symbol, interval=self.periods[period], limit=limit or self.max_candles)
        return self.read_all(self.candle_row, rows)

    def trades(self, symbol):
        return self.read_all(self.trade_row, self.get("trades", market=symbol))

    # Account ------------------------------------------------------------------------------------------------------

    def accounts(self):
        return self.read_all(self.balance_row, self.signed("GET", "balances"), keep=True)

    def trade(self, order):
        amount = "spend" if order.spends else "qty"
        row = self.signed(
            "POST", "orders", market=order.symbol, side=order.side, px=order.price, cid=order.client_id,
            **{amount: order.amount},
        )  # fmt: skip
        return identifier(row["id"])

    def orders(self, symbol):
        return self.read_all(self.read_order, self.signed("GET", "orders", market=symbol), keep=True)

    def order_reply(self, symbol, *, order_id="", client_id=""):
        return self.signed("GET", "order", id=order_id or None, cid=client_id or None)

    def cancel(self, symbol, order_id):
        self.signed("DELETE", "order", id=order_id)
        return False  # the reply says only that it is being cancelled

    # Readers ------------------------------------------------------------------------------------------------------

    def read_market(self, row):
        base, quote = row["id"].split("-")
        return Market(
            symbol=Symbol(base, quote),
            id=row["id"],
            tick_size=exact(row["tick"]),
            lot_size=exact(row.get("lot", "0")),
            min_amount=exact(row["least"]),
            contract_currency=base,
            tradable=row["open"],
            limit_only=row.get("market") is False,
        )
