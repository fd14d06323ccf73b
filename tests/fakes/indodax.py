"""Indodax, spot, trade API v2: https://github.com/btcid/indodax-official-api-docs

The texts of -2010 are those of v1.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from werkzeug import Request

from tests.fakes import PRICE, SECRET, TOO_MUCH, Account, FakeExchange, FakeOrder, Refusal

STATES = {"open": "NEW", "filled": "FILLED", "cancelled": "CANCELLED"}


def refusal(code: int, words: str, status: int = 400) -> Refusal:
    """Return a refusal."""
    return Refusal(status, {"code": code, "msg": words})


class FakeIndodax(FakeExchange):
    """Orders by number and by client id. Market buys spend whole IDR."""

    symbol = "BTC_IDR"
    routes = {
        ("POST", "/api/v2/order"): "new",
        ("GET", "/api/v2/order"): "one",
        ("DELETE", "/api/v2/order"): "cancel",
        ("GET", "/api/v2/openOrders"): "open",
        ("GET", "/api/v2/myTrades"): "fills",
        ("GET", "/api/v2/account"): "balance",
        ("GET", "/api/server_time"): "time",
    }

    def key(self, request: Request) -> str:
        return request.headers.get("X-APIKEY", "")

    def check(self, request: Request, account: Account | None) -> Mapping[str, str]:
        text = request.get_data() if request.method == "POST" else request.query_string
        params = dict(parse_qsl(text.decode()))
        if account is None:
            raise refusal(-2015, "Invalid API-key, IP, or permissions for action.", 403)
        if request.headers.get("Sign") != hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest():
            raise refusal(-1022, "Signature for this request is not valid.")
        if int(params["timestamp"]) >= self.now() + 1000:
            raise refusal(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        return params

    def until(self, request: Request, params: Mapping[str, str]) -> float:
        return int(params["timestamp"]) + int(params.get("recvWindow", 5000))

    def too_late(self) -> Refusal:
        return refusal(-1021, "Timestamp for this request is outside of the recvWindow.")

    def unknown(self, request: Request) -> Any:
        return {"code": -1099, "msg": "Unknown path."}

    def new(self, account: Account, params: Mapping[str, str]) -> Any:
        money = params["type"] == "MARKET" and params["side"] == "BUY"
        amount = str(int(params["quoteOrderQty"])) if money else params["quantity"]
        client_id = params.get("newClientOrderId", "")
        if account.uses(client_id):
            raise refusal(-2010, f"client order id {client_id} already exists")
        if amount == TOO_MUCH:
            raise refusal(-2010, "Insufficient balance.")
        order = self.place(
            account,
            client_id=client_id,
            market=params["symbol"],
            side=params["side"],
            price=params.get("price", "0"),
            amount=amount,
            money=money,
            state="filled" if params["type"] == "MARKET" else "open",
        )
        return {name: value for name, value in self._shown(order).items() if name not in ("status", "time")}

    def one(self, account: Account, params: Mapping[str, str]) -> Any:
        return self._shown(self._wanted(account, params))

    def cancel(self, account: Account, params: Mapping[str, str]) -> Any:
        order = self._wanted(account, params)
        if order.state != "open":
            raise refusal(-2013, "Order does not exist.", 404)
        order.state = "cancelled"
        return {"symbol": order.market, "orderId": int(order.id), "clientOrderId": order.client_id}

    def open(self, account: Account, params: Mapping[str, str]) -> Any:
        wanted = {"market": params["symbol"]} if "symbol" in params else {}
        return [self._shown(order) for order in account.listed(state="open", **wanted)]

    def fills(self, account: Account, params: Mapping[str, str]) -> Any:
        found = account.listed(market=params["symbol"].upper(), state="filled")
        return {
            "data": [
                {"clientOrderId": order.client_id, "price": str(PRICE), "qty": order.done, "time": 1700000000000}
                for order in found[: int(params["limit"])]
            ]
        }

    def balance(self, account: Account, params: Mapping[str, str]) -> Any:
        return {"balances": [{"asset": "IDR", "free": "1000", "locked": "0"}]}

    def time(self, account: Account, params: Mapping[str, str]) -> Any:
        return {"timezone": "UTC", "server_time": self.now()}

    def _wanted(self, account: Account, params: Mapping[str, str]) -> FakeOrder:
        by = {"id": params["orderId"]} if "orderId" in params else {"client_id": params["origClientOrderId"]}
        found = account.listed(market=params["symbol"], **by)
        if not found:
            raise refusal(-2013, "Order does not exist.", 404)
        return found[-1]

    def _shown(self, order: FakeOrder) -> dict[str, Any]:
        return {
            "symbol": order.market,
            "orderId": int(order.id),
            "clientOrderId": order.client_id,
            "side": order.side,
            "type": "MARKET" if order.price == "0" else "LIMIT",
            "price": order.price,
            "origQty": "0" if order.money else order.amount,
            "executedQty": order.done,
            "fullOrderId": f"{order.market.lower()}-limit-{order.id}",
            "status": STATES[order.state],
            "time": 1700000000000,
        }
