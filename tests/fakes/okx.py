"""OKX, spot: https://www.okx.com/docs-v5/en/"""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from werkzeug import Request

from tests.fakes import KEY, PASSPHRASE, SECRET, FakeExchange, FakeOrder, Refusal

STATES = {"open": "live", "filled": "filled", "cancelled": "canceled"}


def refused(status: int, code: str, words: str) -> Refusal:
    """A refusal of the whole call."""
    return Refusal(status, {"code": code, "msg": words, "data": []})


class FakeOKX(FakeExchange):
    """Refusals of an order hide in a 200, inside the item."""

    routes = {
        ("POST", "/api/v5/trade/order"): "new",
        ("GET", "/api/v5/trade/order"): "one",
        ("POST", "/api/v5/trade/cancel-order"): "cancel",
        ("GET", "/api/v5/trade/orders-pending"): "open",
        ("GET", "/api/v5/account/balance"): "balance",
    }

    def check(self, request: Request) -> Mapping[str, str]:
        query = f"?{request.query_string.decode()}" if request.query_string else ""
        time = request.headers.get("OK-ACCESS-TIMESTAMP", "")
        prehash = f"{time}{request.method}{request.path}{query}".encode() + request.get_data()
        right = b64encode(hmac.new(SECRET.encode(), prehash, hashlib.sha256).digest()).decode()
        if request.headers.get("OK-ACCESS-KEY") != KEY:
            raise refused(401, "50111", "Invalid OK-ACCESS-KEY")
        if request.headers.get("OK-ACCESS-PASSPHRASE") != PASSPHRASE:
            raise refused(401, "50105", "Request header OK-ACCESS-PASSPHRASE incorrect.")
        if request.headers.get("OK-ACCESS-SIGN") != right:
            raise refused(401, "50113", "Invalid Sign")
        return request.get_json() if request.method == "POST" else dict(request.args)

    def new(self, params: Mapping[str, str]) -> Any:
        if params["sz"] == "1000000":
            return self._item(params.get("clOrdId", ""), "", "51008", "Order failed. Insufficient USDT balance")
        if params.get("clOrdId") and self.listed(client_id=params["clOrdId"], state="open"):
            return self._item(params["clOrdId"], "", "51016", "Duplicated client order ID")
        order = self.place(
            client_id=params.get("clOrdId", ""),
            market=params["instId"],
            side=params["side"],
            price=params.get("px", ""),
            amount=params["sz"],
        )
        if params["ordType"] == "market":
            order.state = "filled"
        return self._item(order.client_id, order.id, "0", "")

    def one(self, params: Mapping[str, str]) -> Any:
        return {"code": "0", "msg": "", "data": [self._shown(self._wanted(params, "51603", "Order does not exist"))]}

    def cancel(self, params: Mapping[str, str]) -> Any:
        by = {"id": params["ordId"]} if "ordId" in params else {"client_id": params["clOrdId"]}
        found = self.listed(market=params["instId"], state="open", **by)
        if not found:
            return self._item("", params.get("ordId", ""), "51400", "Cancellation failed as the order does not exist.")
        found[-1].state = "cancelled"
        return self._item(found[-1].client_id, found[-1].id, "0", "")

    def open(self, params: Mapping[str, str]) -> Any:
        wanted = {"market": params["instId"]} if "instId" in params else {}
        return {"code": "0", "msg": "", "data": [self._shown(order) for order in self.listed(state="open", **wanted)]}

    def balance(self, params: Mapping[str, str]) -> Any:
        details = [{"ccy": "USDT", "cashBal": "1000", "availBal": "1000", "frozenBal": "0", "eq": "1000"}]
        return {"code": "0", "msg": "", "data": [{"totalEq": "1000", "details": details}]}

    def _wanted(self, params: Mapping[str, str], code: str, words: str) -> FakeOrder:
        by = {"id": params["ordId"]} if "ordId" in params else {"client_id": params["clOrdId"]}
        found = self.listed(market=params["instId"], **by)
        if not found:
            raise refused(200, code, words)
        return found[-1]

    def _item(self, client_id: str, order_id: str, code: str, words: str) -> Any:
        item = {"clOrdId": client_id, "ordId": order_id, "tag": "", "ts": "1700000000000", "sCode": code, "sMsg": words}
        failed = code != "0"
        return {"code": "1" if failed else "0", "msg": "All operations failed" if failed else "", "data": [item]}

    def _shown(self, order: FakeOrder) -> dict[str, Any]:
        filled = order.state == "filled"
        return {
            "instType": "SPOT",
            "instId": order.market,
            "ordId": order.id,
            "clOrdId": order.client_id,
            "side": order.side,
            "ordType": "limit" if order.price else "market",
            "px": order.price,
            "sz": order.amount,
            "accFillSz": order.amount if filled else "0",
            "avgPx": "60000" if filled else "",
            "state": STATES[order.state],
            "tgtCcy": "",
            "cTime": "1700000000000",
            "uTime": "1700000000000",
        }
