"""An imitation of Smallex, as its documentation says."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from werkzeug import Request

from tests.fakes import PRICE, SECRET, TOO_MUCH, Account, FakeExchange, FakeOrder, Refusal

STATES = {"open": "new", "filled": "done", "cancelled": "gone"}


def refusal(code: int, message: str) -> Refusal:
    """Return a refusal."""
    return Refusal(200, {"code": code, "message": message})


class FakeSmallex(FakeExchange):
    """Orders by number and by client id, which is unique for ever."""

    symbol = "BTC_USDT"
    routes = {
        ("POST", "/v2/orders"): "new",
        ("GET", "/v2/order"): "one",
        ("DELETE", "/v2/order"): "cancel",
        ("GET", "/v2/orders"): "open",
        ("GET", "/v2/balances"): "balances",
        ("GET", "/v2/time"): "time",
        ("GET", "/v2/ticker"): "ticker",
    }
    public = ("time", "ticker")

    def perform(self, call: Any) -> Any:
        return {"code": 0, "data": super().perform(call)}

    def key(self, request: Request) -> str:
        return request.headers.get("SX-KEY", "")

    def check(self, request: Request, account: Account | None) -> Mapping[str, Any]:
        body = request.get_data(as_text=True)
        if account is None:
            raise refusal(2001, "unknown key")
        text = "\n".join((request.headers["SX-TIME"], request.method, request.full_path.rstrip("?"), body))
        digest = hmac.new(SECRET.encode(), text.encode(), hashlib.sha512).digest()
        if request.headers["SX-SIGN"] != base64.b64encode(digest).decode():
            raise refusal(2002, "wrong signature")
        if abs(int(request.headers["SX-TIME"]) * 1000 - self.now()) > 10_000:
            raise self.too_late()
        params: dict[str, Any] = json.loads(body) if body else dict(request.args)
        return params

    def too_late(self) -> Refusal:
        return refusal(2004, "SX-TIME is too far away")

    def new(self, account: Account, params: Mapping[str, str]) -> Any:
        money = "spend" in params
        amount = params["spend" if money else "qty"]
        if "cid" in params and account.listed(client_id=params["cid"]):
            raise refusal(3005, "an order with this cid exists")
        if amount == TOO_MUCH:
            raise refusal(3002, "balance is too small")
        order = self.place(
            account,
            client_id=params.get("cid", ""),
            market=params["market"],
            side=params["side"],
            price=params.get("px", "0"),
            amount=amount,
            money=money,
            state="open" if "px" in params else "filled",
        )
        return {"id": int(order.id)}

    def one(self, account: Account, params: Mapping[str, str]) -> Any:
        return self._shown(self._wanted(account, params))

    def cancel(self, account: Account, params: Mapping[str, str]) -> Any:
        order = self._wanted(account, params)
        if order.state != "open":
            raise refusal(3004, "no such order")
        order.state = "cancelled"
        return {"state": "canceling"}

    def open(self, account: Account, params: Mapping[str, str]) -> Any:
        return [self._shown(order) for order in account.listed(state="open")]

    def balances(self, account: Account, params: Mapping[str, str]) -> Any:
        return [{"ccy": "BTC", "free": "1.5", "held": "0.5"}]

    def time(self, account: Account, params: Mapping[str, str]) -> Any:
        return {"now": self.now()}

    def ticker(self, account: Account, params: Mapping[str, str]) -> Any:
        last = {"last": "60000.2", "high24": "61000", "low24": "59000", "vol24": "1.5"}
        return {"ts": self.now(), "bid": "60000.1", "ask": "60000.3", **last}

    def _wanted(self, account: Account, params: Mapping[str, str]) -> FakeOrder:
        by = {"id": params["id"]} if "id" in params else {"client_id": params["cid"]}
        found = account.listed(**by)
        if not found:
            raise refusal(3004, "no such order")
        return found[0]

    def _shown(self, order: FakeOrder) -> dict[str, Any]:
        return {
            "id": int(order.id),
            "cid": order.client_id,
            "market": order.market,
            "side": order.side,
            "px": order.price,
            "qty": order.done if order.money else order.amount,
            "done": order.done,
            "avg": str(PRICE) if order.state == "filled" else "0",
            "state": STATES[order.state],
        }
