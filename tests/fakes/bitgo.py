"""BitGo.cn, as far as the program in https://www.fmz.com/bbs-topic/1052 tells; the codes of its refusals are made up"""

import hashlib
from collections.abc import Mapping
from typing import Any

from werkzeug import Request

from tests.fakes import SECRET, TOO_MUCH, Account, FakeExchange, FakeOrder, Refusal

STATES = {"open": 1, "filled": 3, "cancelled": 4}


def refusal(code: int, words: str) -> Refusal:
    """Return a refusal, which comes with HTTP 200."""
    return Refusal(200, {"code": code, "msg": words})


class FakeBitGo(FakeExchange):
    """One address, where the query's ``action`` names the call. Limit orders, without client ids."""

    symbol = "BTC_CNY"
    routes = {
        ("POST", "trade"): "new",
        ("POST", "order"): "one",
        ("POST", "cancel_entrust"): "cancel",
        ("POST", "entrust"): "open",
        ("POST", "userinfo"): "balance",
    }

    def key(self, request: Request) -> str:
        return request.args.get("api_key", "")

    def resource(self, request: Request) -> str:
        return request.args.get("action", "") if request.path == "/appApi.html" else request.path

    def check(self, request: Request, account: Account | None) -> Mapping[str, str]:
        params = dict(request.args)
        signed = sorted(params.keys() - {"action", "sign"})
        prehash = "&".join([*(f"{name}={params[name]}" for name in signed), f"secret_key={SECRET}"])
        if account is None:
            raise refusal(401, "api_key error")
        if params.get("sign") != hashlib.md5(prehash.encode()).hexdigest().upper():
            raise refusal(401, "sign error")
        return params

    def new(self, account: Account, params: Mapping[str, str]) -> Any:
        if params["amount"] == TOO_MUCH:
            raise refusal(1001, "insufficient balance")
        order = self.place(
            account, market=params["symbol"], side=params["type"], price=params["price"], amount=params["amount"]
        )
        return {"code": 200, "orderId": int(order.id)}

    def one(self, account: Account, params: Mapping[str, str]) -> Any:
        found = account.listed(id=params["id"])
        return {"code": 200, "data": [self._shown(order, "prize") | {"status": STATES[order.state]} for order in found]}

    def cancel(self, account: Account, params: Mapping[str, str]) -> Any:
        found = account.listed(id=params["id"], state="open")
        if not found:
            raise refusal(1002, "order not found")
        found[0].state = "cancelled"
        return {"code": 200}

    def open(self, account: Account, params: Mapping[str, str]) -> Any:
        found = account.listed(market=params["symbol"], state="open")
        return {"code": 200, "data": [self._shown(order, "price") for order in found]}

    def balance(self, account: Account, params: Mapping[str, str]) -> Any:
        return {"code": 200, "data": {"free": {"cny": 1000.0}, "frozen": {"cny": 0.0}}}

    def _shown(self, order: FakeOrder, price: str) -> dict[str, Any]:
        return {
            "id": int(order.id),
            "count": float(order.amount),
            price: float(order.price),
            "success_count": float(order.done),
            "type": int(order.side),
        }
