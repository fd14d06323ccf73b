"""Hotcoin, spot: https://github.com/hotcoinexchange/openapi; the code for too little money is made up"""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from werkzeug import Request

from tests.fakes import PRICE, SECRET, TOO_MUCH, Account, FakeExchange, FakeOrder, Refusal

HOST = "api.hotcoinfin.com"
WINDOW = 75_000  # ms; 60 seconds are accepted, and 90 refused
STATES = {"open": 1, "filled": 3, "cancelled": 5}
SIDES = {"buy": 0, "sell": 1}
LIMIT, MARKET = "0", "1"


def refusal(code: int, words: str) -> Refusal:
    """Return a refusal, which comes with HTTP 200."""
    return Refusal(200, {"code": code, "msg": words, "time": 1700000000000, "data": None})


class FakeHotcoin(FakeExchange):
    """Everything is in the query. A cancelled order stays in the lists, as its documentation has it."""

    symbol = "BTC_USDT"
    routes = {
        ("POST", "/v1/order/place"): "new",
        ("GET", "/v1/order/detailById"): "one",
        ("POST", "/v1/order/cancel"): "cancel",
        ("GET", "/v1/order/entrust"): "entrust",
        ("GET", "/v3/balance"): "balance",
        ("GET", "/v1/common/symbols"): "info",
        ("GET", "/v1/trade"): "time",
    }

    def key(self, request: Request) -> str:
        return request.args.get("AccessKeyId", "")

    def check(self, request: Request, account: Account | None) -> Mapping[str, str]:
        params = {name: value for name, value in request.args.items() if name != "Signature"}
        query = "&".join(f"{name}={quote(params[name], safe='')}" for name in sorted(params))
        prehash = f"{request.method}\n{HOST}\n{request.path}\n{query}".encode()
        right = b64encode(hmac.new(SECRET.encode(), prehash, hashlib.sha256).digest()).decode()
        sent = datetime.fromisoformat(params["Timestamp"]).timestamp() * 1000
        if abs(self.now() - sent) > WINDOW:
            raise refusal(1000, "Timestamp out of range")
        if account is None or request.args.get("Signature") != right:
            raise refusal(10173, "Invalid access key or signature")
        return params

    def until(self, request: Request, params: Mapping[str, str]) -> float:
        return datetime.fromisoformat(params["Timestamp"]).timestamp() * 1000 + WINDOW

    def too_late(self) -> Refusal:
        return refusal(1000, "Timestamp out of range")

    def unknown(self, request: Request) -> Any:
        return refusal(10170, "Unknown path").answer

    def new(self, account: Account, params: Mapping[str, str]) -> Any:
        client_id = params.get("clientOrderId", "")
        if account.uses(client_id):
            raise refusal(300, "failed")  # whether it refuses these is not known
        if params["tradeAmount"] == TOO_MUCH:
            raise refusal(20001, "Insufficient balance")
        if (params["matchType"] == MARKET) != ("marketUnit" in params) or params["matchType"] not in (LIMIT, MARKET):
            raise refusal(1000, "marketUnit")
        order = self.place(
            account,
            client_id=client_id,
            market=params["symbol"],
            side=params["type"],
            price=params.get("tradePrice", "0"),
            amount=params["tradeAmount"],
            money=params.get("marketUnit") == "funds",
            state="filled" if params["matchType"] == MARKET else "open",
        )
        return self._success({"ID": int(order.id)})

    def one(self, account: Account, params: Mapping[str, str]) -> Any:
        found = account.listed(id=params["id"])
        if not found:
            raise refusal(40010, "order does not exist")
        return self._success(self._shown(found[0]) | {"statusCode": STATES[found[0].state]})

    def cancel(self, account: Account, params: Mapping[str, str]) -> Any:
        found = account.listed(id=params["id"], state="open")
        if not found:
            raise refusal(40010, "order does not exist")
        found[0].state = "cancelled"
        return self._success(None)

    def entrust(self, account: Account, params: Mapping[str, str]) -> Any:
        page, count = int(params["page"]), int(params["count"])
        found = account.listed(market=params["symbol"])[::-1]
        current = [self._shown(order) for order in found if order.state == "open"]
        past = [self._shown(order) for order in found if order.state != "open" and params["type"] == "0"]
        part = slice((page - 1) * count, page * count)
        return self._success({"entrutsCur": current[part], "entrutsHis": past[part]})

    def balance(self, account: Account, params: Mapping[str, str]) -> Any:
        row = {"currency": "usdt", "currencyId": 1, "free": "1000", "frozen": "0", "total": "1000"}
        return self._success({"assets": [row]})

    def time(self, account: Account, params: Mapping[str, str]) -> Any:
        return self._success({"sellSymbol": "BTC", "buySymbol": "USDT", "trades": []})

    def info(self, account: Account, params: Mapping[str, str]) -> Any:
        row = {
            "baseCurrency": "btc",
            "quoteCurrency": "usdt",
            "pricePrecision": 2,
            "amountPrecision": 6,
            "symbol": "btc_usdt",
            "state": "enable",
            "minOrderCount": "0.0001",
            "maxOrderCount": "1000",
            "minOrderAmount": "5",
        }
        return self._success([row])

    def _success(self, data: Any) -> Any:
        return {"code": 200, "msg": "success", "time": self.now(), "data": data}

    def _shown(self, order: FakeOrder) -> dict[str, Any]:
        amount = float(order.done if order.money else order.amount)
        return {
            "id": int(order.id),
            "type": SIDES[order.side],
            "price": float(order.price),
            "count": amount,
            "leftcount": amount - float(order.done),
            "last": 0,
            "successamount": float(order.done) * PRICE,
            "fees": 0,
            "status": order.state,
            "source": "API",
            "time": "2026-10-05 10:00:00",
            "clientOrderId": order.client_id,
        }
