"""CoinPark, as far as FMZ's plugin for it tells (https://www.fmz.com/strategy/101399); its error codes are Bibox's"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from werkzeug import Request

from tests.fakes import SECRET, TOO_MUCH, Account, FakeExchange, FakeOrder, Refusal

STATES = {"open": 1, "filled": 3, "cancelled": 5}
LIMIT = 2


def refusal(code: str, words: str) -> Refusal:
    """Return a refusal, which comes with HTTP 200."""
    return Refusal(200, {"error": {"code": code, "msg": words}})


def success(cmd: str, result: Any) -> Any:
    """Return a success."""
    return {"result": [{"cmd": cmd, "result": result}]}


class FakeCoinPark(FakeExchange):
    """A form's ``cmds`` name the calls, of which it takes one at a time. Limit orders, without client ids."""

    symbol = "BTC_USDT"
    routes = {
        ("POST", "orderpending/trade"): "new",
        ("POST", "orderpending/order"): "one",
        ("POST", "orderpending/cancelTrade"): "cancel",
        ("POST", "orderpending/orderPendingList"): "open",
        ("POST", "transfer/assets"): "balance",
    }

    def key(self, request: Request) -> str:
        return request.form.get("apikey", "")

    def resource(self, request: Request) -> str:
        if "cmds" not in request.form:
            return request.path
        [command] = json.loads(request.form["cmds"])
        return str(command["cmd"])

    def check(self, request: Request, account: Account | None) -> Mapping[str, Any]:
        cmds = request.form["cmds"]
        if account is None:
            raise refusal("3012", "apikey is invalid")
        if request.form.get("sign") != hmac.new(SECRET.encode(), cmds.encode(), hashlib.md5).hexdigest():
            raise refusal("3025", "signature verification failed")
        [command] = json.loads(cmds)
        if request.path != f"/v1/{command['cmd'].partition('/')[0]}":
            raise refusal("3000", "request parameter error")
        return dict(command["body"])

    def new(self, account: Account, params: Mapping[str, Any]) -> Any:
        if params["order_type"] != LIMIT:
            raise refusal("3000", "request parameter error")
        if params["amount"] == TOO_MUCH:
            raise refusal("2027", "insufficient balance available")
        order = self.place(
            account,
            market=params["pair"],
            side=str(params["order_side"]),
            price=params["price"],
            amount=params["amount"],
        )
        return success("orderpending/trade", int(order.id))

    def one(self, account: Account, params: Mapping[str, Any]) -> Any:
        found = account.listed(id=str(params["id"]))
        return success("orderpending/order", self._shown(found[0]) if found else {})

    def cancel(self, account: Account, params: Mapping[str, Any]) -> Any:
        found = account.listed(id=str(params["orders_id"]), state="open")
        if not found:
            raise refusal("2033", "operation failed! order completed or cancelled")
        found[0].state = "cancelled"
        return {"result": "ok", "cmd": "orderpending/cancelTrade"}

    def open(self, account: Account, params: Mapping[str, Any]) -> Any:
        found = account.listed(market=params["pair"], state="open")
        start = (params["page"] - 1) * params["size"]
        items = [self._shown(order) for order in found[start : start + params["size"]]]
        page = {"count": len(found), "page": params["page"], "items": items}
        return success("orderpending/orderPendingList", page)

    def balance(self, account: Account, params: Mapping[str, Any]) -> Any:
        assets = [{"coin_symbol": "USDT", "balance": "1000", "freeze": "0"}]
        return success("transfer/assets", {"assets_list": assets})

    def _shown(self, order: FakeOrder) -> dict[str, Any]:
        return {
            "id": int(order.id),
            "pair": order.market,
            "amount": order.amount,
            "price": order.price,
            "deal_amount": order.done,
            "order_side": int(order.side),
            "status": STATES[order.state],
        }
