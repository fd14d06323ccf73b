"""Kraken, spot: https://docs.kraken.com/api/"""

import hashlib
import hmac
import math
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from werkzeug import Request

from tests.fakes import PRICE, SECRET, TOO_MUCH, Account, FakeExchange, FakeOrder, Refusal

STATES = {"open": "open", "filled": "closed", "cancelled": "canceled"}
PAGE = 50


def refusal(*words: str) -> Refusal:
    """Return a refusal, which comes with HTTP 200."""
    return Refusal(200, {"error": list(words)})


def success(result: Any) -> dict[str, Any]:
    """Return a success."""
    return {"error": [], "result": result}


class FakeKraken(FakeExchange):
    """A key's nonce must be greater than every one of its nonces before. password: of the second factor of all keys;
    empty if they have none, and then nobody looks at one."""

    password = ""
    symbol = "BTC_USDT"
    routes = {
        ("POST", "/0/private/AddOrder"): "new",
        ("POST", "/0/private/QueryOrders"): "one",
        ("POST", "/0/private/AmendOrder"): "modify",
        ("POST", "/0/private/CancelOrder"): "cancel",
        ("POST", "/0/private/OpenOrders"): "open",
        ("POST", "/0/private/ClosedOrders"): "closed",
        ("POST", "/0/private/BalanceEx"): "balance",
        ("GET", "/0/public/AssetPairs"): "info",
        ("GET", "/0/public/Time"): "time",
    }

    def key(self, request: Request) -> str:
        return request.headers.get("API-Key", "")

    def check(self, request: Request, account: Account | None) -> Mapping[str, str]:
        body = request.get_data()
        params = dict(request.form)
        hashed = hashlib.sha256(params["nonce"].encode() + body).digest()
        digest = hmac.new(b64decode(SECRET), request.path.encode() + hashed, hashlib.sha512).digest()
        if account is None:
            raise refusal("EAPI:Invalid key")
        if request.headers.get("API-Sign") != b64encode(digest).decode():
            raise refusal("EAPI:Invalid signature")
        if self.password and params.get("otp") != self.password:
            raise refusal("EGeneral:Permission denied")  # which words it has for this is not known
        with self._lock:
            if int(params["nonce"]) <= account.settings.get("nonce", 0):
                raise refusal("EAPI:Invalid nonce")
            account.settings["nonce"] = int(params["nonce"])
        return params

    def until(self, request: Request, params: Mapping[str, str]) -> float:
        return datetime.fromisoformat(params["deadline"]).timestamp() * 1000 if "deadline" in params else math.inf

    def too_late(self) -> Refusal:
        return refusal("EService:Deadline elapsed")

    def unknown(self, request: Request) -> Any:
        return {"error": ["EGeneral:Unknown method"]}

    def order_id(self, number: int) -> str:
        digits = str(number)
        return f"O{digits[:5]}-{digits[5:10]}-{digits[10:]}"

    def new(self, account: Account, params: Mapping[str, str]) -> Any:
        client_id = params.get("cl_ord_id", "")
        if account.uses(client_id):
            raise refusal("EGeneral:Invalid arguments:cl_ord_id not unique")
        if params["volume"] == TOO_MUCH:
            raise refusal("EOrder:Insufficient funds")
        order = self.place(
            account,
            client_id=client_id,
            market=params["pair"],
            side=params["type"],
            price=params.get("price", "0"),
            amount=params["volume"],
            money="viqc" in params.get("oflags", ""),
            state="filled" if params["ordertype"] == "market" else "open",
        )
        return success({"descr": {"order": "as asked"}, "txid": [order.id]})

    def one(self, account: Account, params: Mapping[str, str]) -> Any:
        found = account.listed(id=params["txid"])
        if not found:
            raise refusal("EOrder:Invalid order")
        return success(self._shown(found))

    def cancel(self, account: Account, params: Mapping[str, str]) -> Any:
        by = {"id": params["txid"]} if "txid" in params else {"client_id": params["cl_ord_id"]}
        found = account.listed(state="open", **by)
        if not found:
            raise refusal("EOrder:Unknown order")
        found[0].state = "cancelled"
        return success({"count": 1})

    def modify(self, account: Account, params: Mapping[str, str]) -> Any:
        found = account.listed(state="open", id=params["txid"])
        if not found:
            raise refusal("EOrder:Unknown order")
        if params["order_qty"] == TOO_MUCH:
            raise refusal("EOrder:Insufficient funds")
        found[0].price, found[0].amount = params["limit_price"], params["order_qty"]
        return success({"amend_id": "TEZA4R-DSDGT-IJBOJK"})

    def open(self, account: Account, params: Mapping[str, str]) -> Any:
        return success({"open": self._shown(account.listed(state="open", **self._by(params)))})

    def closed(self, account: Account, params: Mapping[str, str]) -> Any:
        found = [order for order in reversed(account.listed(**self._by(params))) if order.state != "open"]
        start = int(params.get("ofs", 0))
        return success({"closed": self._shown(found[start : start + PAGE]), "count": len(found)})

    def balance(self, account: Account, params: Mapping[str, str]) -> Any:
        return success({"ZUSD": {"balance": "1000.0000", "hold_trade": "0.0000"}})

    def info(self, account: Account, params: Mapping[str, str]) -> Any:
        if params.get("pair", "XBTUSDT") != "XBTUSDT":
            raise refusal("EQuery:Unknown asset pair")
        rules = {"tick_size": "0.1", "lot_decimals": 8, "ordermin": "0.00005", "costmin": "0.5", "status": "online"}
        return success({"XBTUSDT": {"altname": "XBTUSDT", "wsname": "XBT/USDT", **rules}})

    def time(self, account: Account, params: Mapping[str, str]) -> Any:
        return success({"unixtime": self.now() // 1000, "rfc1123": "as it is"})

    def _by(self, params: Mapping[str, str]) -> dict[str, str]:
        return {"client_id": params["cl_ord_id"]} if "cl_ord_id" in params else {}

    def _shown(self, orders: list[FakeOrder]) -> dict[str, dict[str, Any]]:
        return {
            order.id: {
                "refid": None,
                "cl_ord_id": order.client_id,
                "status": STATES[order.state],
                "opentm": 1700000000.0,
                "descr": {
                    "pair": order.market,
                    "type": order.side,
                    "ordertype": "market" if order.price == "0" else "limit",
                    "price": order.price,
                },
                "vol": order.amount,
                "vol_exec": order.done,
                "cost": "0.00000",
                "fee": "0.00000",
                "price": f"{PRICE}.0" if order.state == "filled" else "0.00000",
                "limitprice": "0.00000",
                "oflags": "viqc" if order.money else "fciq",
            }
            for order in orders
        }
