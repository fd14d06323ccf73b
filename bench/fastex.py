"""Fastex, an exchange that does not exist, behind ``bench.fake``: client order ids, and no limit to wait for."""

from typing import NoReturn

from exchanges.base import *


class Fastex(Exchange):
    """Fastex, spot."""

    api = 1
    name, url, root = "Fastex", "https://fastex.example", "/fastex/"
    sends = "json"
    signer = hmac_signer(
        "{time}{verb}{target}{body}",
        digest="sha256",
        encoding="hex",
        headers={"FX-KEY": "{key}", "FX-TIME": "{time}", "FX-SIGN": "{signature}"},
    )
    proof = "nothing: it does not exist"
    sides = {"buy": Side.BUY, "sell": Side.SELL}
    statuses = {"open": Status.OPEN, "done": Status.CLOSED}
    refusals = codes({OrderNotFound: "404"})
    client_id = ClientId(32, ALPHANUMERIC)

    order_row = Row(Order, id="id", side="side", price="price", amount="amount", filled="filled", status="state")

    def markets(self) -> list[Market]:
        return [
            Market(symbol=Symbol(base, "USDT"), id=f"{base}_USDT", tick_size=exact("0.01"), lot_size=exact("0.001"))
            for base in self.get("markets")["markets"]
        ]

    def trade(self, order: NewOrder) -> OrderId:
        asked = {"market": order.symbol, "side": order.side, "price": order.price, "amount": order.amount}
        return identifier(self.signed("POST", "orders", **asked, id=order.client_id)["id"])

    def order_reply(self, symbol: Symbol, *, order_id: str = "", client_id: str = "") -> NoReturn:
        raise self.no_order(order_id or client_id)
