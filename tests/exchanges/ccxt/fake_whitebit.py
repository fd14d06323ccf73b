"""WhiteBIT, spot: https://docs.whitebit.com. The replies are those that ccxt quotes."""

import hashlib
import hmac
import json
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from werkzeug import Request

from tests.exchanges.ccxt.fakes import TIME, WithMarkets
from tests.fakes import PRICE, SECRET, TOO_MUCH, Account, FakeOrder, Refusal

_TICKER = {
    "bid": "59999.99", "ask": "60000.01", "open": "1", "high": "61000.5", "low": "59000.25", "last": "60000",
    "volume": "163.25", "deal": "1", "change": "0",
}  # fmt: skip
_LISTED = {
    "name": "BTC_USDT", "stock": "BTC", "money": "USDT", "stockPrec": "6", "moneyPrec": "2", "feePrec": "4",
    "makerFee": "0.1", "takerFee": "0.1", "minAmount": "0.001", "minTotal": "5", "tradesEnabled": True,
    "isCollateral": True, "type": "spot", "maxTotal": "1000000000",
}  # fmt: skip


def refusal(status: int, code: int, message: str, **errors: str) -> Refusal:
    """Return a refusal. errors: by field."""
    fields = {"errors": {name: [text] for name, text in errors.items()}} if errors else {}
    return Refusal(status, {"code": code, "message": message, **fields})


class FakeWhiteBIT(WithMarkets):
    """A key's nonce must be greater than every one of its nonces before. Only open orders have a list with all fields;
    one that was cancelled without a fill is in no list."""

    symbol = "BTC_USDT"
    routes = {
        ("POST", "/api/v4/order/new"): "new",
        ("POST", "/api/v4/order/market"): "new",
        ("POST", "/api/v4/order/stock_market"): "new",
        ("POST", "/api/v4/order/cancel"): "cancel",
        ("POST", "/api/v4/orders"): "open",
        ("POST", "/api/v4/trade-account/order/history"): "closed",
        ("POST", "/api/v4/trade-account/balance"): "balance",
        ("GET", "/api/v4/public/time"): "time",
    }
    fixed = {
        "/api/v4/public/markets": [_LISTED],
        "/api/v1/public/ticker": {"success": True, "message": "", "result": _TICKER},
        "/api/v4/public/ticker": {"BTC_USDT": {
            "base_id": 1, "quote_id": 825, "last_price": "60000", "quote_volume": "1", "base_volume": "163.25",
            "isFrozen": False, "change": "0",
        }},
        "/api/v4/public/orderbook/BTC_USDT": {
            "timestamp": TIME // 1000, "asks": [["60000.01", "1.2"]], "bids": [["59999.99", "4.3"], ["59999.98", "1"]],
        },
        "/api/v1/public/kline": {"success": True, "message": "", "result": [
            [TIME // 1000 + i * 60, "60000.1", "60005.4", "60010.2", "59990.3", "12.5", "1"] for i in range(2)
        ]},
        "/api/v4/public/trades/BTC_USDT": [{
            "tradeID": 158056419, "price": "60000.1", "quote_volume": "0.5", "base_volume": "60000.1",
            "trade_timestamp": TIME // 1000, "type": "buy",
        }],
    }  # fmt: skip

    def key(self, request: Request) -> str:
        return request.headers.get("X-TXC-APIKEY", "")

    def check(self, request: Request, account: Account | None) -> Mapping[str, Any]:
        payload = request.headers["X-TXC-PAYLOAD"]
        signature = hmac.new(SECRET.encode(), payload.encode(), hashlib.sha512).hexdigest()
        if account is None or request.headers["X-TXC-SIGNATURE"] != signature:
            raise refusal(401, 10, "Unauthorized request.")
        params: dict[str, Any] = json.loads(request.get_data())
        if json.loads(b64decode(payload)) != params or params["request"] != request.path:
            raise refusal(400, 9, "Invalid payload.")
        with self._lock:
            if int(params["nonce"]) <= account.settings.get("nonce", 0):
                raise refusal(401, 10, "Unauthorized request.")
            account.settings["nonce"] = int(params["nonce"])
        return {**params, "kind": request.path.rpartition("/")[2]}

    def unknown(self, request: Request) -> Any:
        return {"success": False, "message": "endpoint not found", "result": []}

    def new(self, account: Account, params: Mapping[str, Any]) -> Any:
        client_id = params.get("clientOrderId", "")
        if account.uses(client_id):
            words = "This client order id is already used by the current account. It will become available later."
            raise refusal(422, 36, "Validation failed", clientOrderId=words)
        if params["amount"] == TOO_MUCH:
            raise refusal(422, 10, "Inner validation failed", amount="Not enough balance.")
        kind = params["kind"]
        order = self.place(
            account,
            client_id=client_id,
            market=params["market"],
            side=params["side"],
            price=params.get("price", "0"),
            amount=params["amount"],
            money=kind == "market",
            state="open" if kind == "new" else "filled",
        )
        return _open_row(order)

    def cancel(self, account: Account, params: Mapping[str, Any]) -> Any:
        found = account.listed(id=str(params["orderId"]), state="open")
        if not found:
            raise refusal(422, 2, "Inner validation failed", order_id="Unexecuted order was not found.")
        found[0].state = "cancelled"
        return _open_row(found[0])

    def open(self, account: Account, params: Mapping[str, Any]) -> Any:
        return [_open_row(order) for order in account.listed(state="open", **_by(params))]

    def closed(self, account: Account, params: Mapping[str, Any]) -> Any:
        found = account.listed(state="filled", **_by(params))
        return {"BTC_USDT": [_closed_row(order) for order in reversed(found)]} if found else {}

    def balance(self, account: Account, params: Mapping[str, Any]) -> Any:
        return {"USDT": {"available": "1000.5", "freeze": "2"}, "BTC": {"available": "0", "freeze": "0"}}

    def time(self, account: Account, params: Mapping[str, Any]) -> Any:
        return {"time": self.now() // 1000}


def _by(params: Mapping[str, Any]) -> dict[str, str]:
    names = {"orderId": "id", "clientOrderId": "client_id"}
    return {field: str(params[name]) for name, field in names.items() if name in params}


def _row(order: FakeOrder) -> dict[str, Any]:
    return {
        "clientOrderId": order.client_id, "side": order.side, "type": "market" if order.price == "0" else "limit",
        "amount": order.amount, "price": order.price, "takerFee": "0.001", "makerFee": "0.001", "dealFee": "0",
        "dealStock": order.done, "dealMoney": f"{float(order.done) * PRICE:.2f}",
    }  # fmt: skip


def _open_row(order: FakeOrder) -> dict[str, Any]:
    left = order.amount if order.state != "filled" else "0"
    return {
        **_row(order), "orderId": int(order.id), "market": order.market, "timestamp": TIME / 1000 + 0.5, "left": left,
    }  # fmt: skip


def _closed_row(order: FakeOrder) -> dict[str, Any]:
    return {**_row(order), "id": int(order.id), "ctime": TIME / 1000 + 0.5, "ftime": TIME / 1000 + 0.5}
