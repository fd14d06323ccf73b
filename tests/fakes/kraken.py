"""Kraken, spot: https://docs.kraken.com/api/"""

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from werkzeug import Request

from tests.fakes import KEY, SECRET, FakeExchange, FakeOrder, Refusal

STATES = {"open": "open", "filled": "closed", "cancelled": "canceled"}


def refused(*words: str) -> Refusal:
    """A refusal, which comes with HTTP 200."""
    return Refusal(200, {"error": list(words)})


def told(result: Any) -> dict[str, Any]:
    """A success."""
    return {"error": [], "result": result}


class FakeKraken(FakeExchange):
    """A nonce must be greater than every nonce before it."""

    routes = {
        ("POST", "/0/private/AddOrder"): "new",
        ("POST", "/0/private/QueryOrders"): "one",
        ("POST", "/0/private/CancelOrder"): "cancel",
        ("POST", "/0/private/OpenOrders"): "open",
        ("POST", "/0/private/ClosedOrders"): "closed",
        ("POST", "/0/private/BalanceEx"): "balance",
    }

    def __init__(self, lag: float = 0.0) -> None:
        super().__init__(lag)
        self.nonce = 0

    def check(self, request: Request) -> Mapping[str, str]:
        body = request.get_data()
        params = dict(request.form)
        hashed = hashlib.sha256(params["nonce"].encode() + body).digest()
        digest = hmac.new(b64decode(SECRET), request.path.encode() + hashed, hashlib.sha512).digest()
        if request.headers.get("API-Key") != KEY:
            raise refused("EAPI:Invalid key")
        if request.headers.get("API-Sign") != b64encode(digest).decode():
            raise refused("EAPI:Invalid signature")
        with self._lock:
            if int(params["nonce"]) <= self.nonce:
                raise refused("EAPI:Invalid nonce")
            self.nonce = int(params["nonce"])
        return params

    def new(self, params: Mapping[str, str]) -> Any:
        if params["volume"] == "1000000":
            raise refused("EOrder:Insufficient funds")
        order = self.place(
            client_id=params.get("cl_ord_id", ""),
            market=params["pair"],
            side=params["type"],
            price=params.get("price", "0"),
            amount=params["volume"],
        )
        number = order.id
        order.id = f"O{number[:5]}-{number[5:10]}-{number[10:]}"
        if params["ordertype"] == "market":
            order.state = "filled"
        return told({"descr": {"order": "as asked"}, "txid": [order.id]})

    def one(self, params: Mapping[str, str]) -> Any:
        found = self.listed(id=params["txid"])
        if not found:
            raise refused("EOrder:Invalid order")
        return told({order.id: self._shown(order) for order in found})

    def cancel(self, params: Mapping[str, str]) -> Any:
        found = self.listed(id=params["txid"], state="open")
        if not found:
            raise refused("EOrder:Unknown order")
        found[0].state = "cancelled"
        return told({"count": 1})

    def open(self, params: Mapping[str, str]) -> Any:
        wanted = {"client_id": params["cl_ord_id"]} if "cl_ord_id" in params else {}
        return told({"open": {order.id: self._shown(order) for order in self.listed(state="open", **wanted)}})

    def closed(self, params: Mapping[str, str]) -> Any:
        wanted = {"client_id": params["cl_ord_id"]} if "cl_ord_id" in params else {}
        found = [order for order in self.listed(**wanted) if order.state != "open"]
        return told({"closed": {order.id: self._shown(order) for order in found}, "count": len(found)})

    def balance(self, params: Mapping[str, str]) -> Any:
        return told({"ZUSD": {"balance": "1000.0000", "hold_trade": "0.0000"}})

    def _shown(self, order: FakeOrder) -> dict[str, Any]:
        filled = order.state == "filled"
        described = {"pair": order.market, "type": order.side, "ordertype": "limit", "price": order.price}
        return {
            "refid": None,
            "cl_ord_id": order.client_id,
            "status": STATES[order.state],
            "opentm": 1700000000.0,
            "descr": described,
            "vol": order.amount,
            "vol_exec": order.amount if filled else "0.00000000",
            "cost": "0.00000",
            "fee": "0.00000",
            "price": "60000.0" if filled else "0.00000",
        }
