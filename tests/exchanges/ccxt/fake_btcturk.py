"""BtcTurk, spot: https://docs.btcturk.com. The replies are those that ccxt quotes. ccxt gives it no client ids of ours,
and has no call for one order."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from werkzeug import Request

from tests.exchanges.ccxt.fakes import TIME, WithMarkets
from tests.fakes import SECRET, TOO_MUCH, Account, FakeOrder, Refusal

STATES = {"open": "Untouched", "filled": "Closed", "cancelled": "Canceled"}


def success(data: Any = None) -> dict[str, Any]:
    """Return a success."""
    return {"data": data, "success": True, "message": "SUCCESS", "code": 0}


def refusal(status: int, code: int, message: str) -> Refusal:
    """Return a refusal."""
    return Refusal(status, {"data": None, "success": False, "message": message, "code": code})


_LISTED = {
    "id": "1", "name": "BTCUSDT", "nameNormalized": "BTC_USDT", "status": "TRADING", "numerator": "BTC",
    "denominator": "USDT", "numeratorScale": "8", "denominatorScale": "2", "hasFraction": False,
    "filters": [{"filterType": "PRICE_FILTER", "minPrice": "0.0000000000001", "maxPrice": "10000000",
                 "tickSize": "10", "minExchangeValue": "10", "minAmount": None, "maxAmount": None}],
    "orderMethods": ["MARKET", "LIMIT"], "displayFormat": "#,###", "commissionFromNumerator": False, "order": "1000",
}  # fmt: skip


class FakeBtcTurk(WithMarkets):
    """The stamp of a signed call must not be older than some seconds."""

    symbol = "BTC_USDT"
    routes = {
        ("POST", "/api/v1/order"): "new",
        ("DELETE", "/api/v1/order"): "cancel",
        ("GET", "/api/v1/openOrders"): "open",
        ("GET", "/api/v1/allOrders"): "all",
        ("GET", "/api/v1/users/balances"): "balance",
    }
    public = ()
    window_ms = 30_000
    fixed = {
        "/api/v2/server/exchangeinfo": success({"timeZone": "UTC", "serverTime": TIME, "symbols": [_LISTED]}),
        "/api/v2/ticker": success([{
            "pair": "BTCUSDT", "pairNormalized": "BTC_USDT", "timestamp": TIME, "last": 60000, "high": 61000.5,
            "low": 59000.25, "bid": 59999.99, "ask": 60000.01, "open": 59000, "volume": 163.25, "average": 60000,
            "daily": 1000, "dailyPercent": 1.6, "denominatorSymbol": "USDT", "numeratorSymbol": "BTC", "order": 1,
        }]),
        "/api/v2/orderbook": success({
            "timestamp": TIME, "bids": [["59999.99", "4.3"], ["59999.98", "1"]], "asks": [["60000.01", "1.2"]],
        }),
        "/v1/klines/history": {
            "s": "ok", "t": [TIME // 1000 + i * 60 for i in range(2)], "h": [60010.2] * 2, "o": [60000.1] * 2,
            "l": [59990.3] * 2, "c": [60005.4] * 2, "v": [12.5] * 2,
        },
        "/api/v2/trades": success([{
            "pair": "BTCUSDT", "pairNormalized": "BTC_USDT", "numerator": "BTC", "denominator": "USDT", "date": TIME,
            "tid": "637544252214980918", "price": "60000.1", "amount": "0.5", "side": "buy",
        }]),
    }  # fmt: skip

    def key(self, request: Request) -> str:
        return request.headers.get("X-PCK", "")

    def check(self, request: Request, account: Account | None) -> Mapping[str, Any]:
        text = request.headers["X-PCK"] + request.headers["X-Stamp"]
        digest = hmac.new(base64.b64decode(SECRET), text.encode(), hashlib.sha256).digest()
        if account is None or request.headers["X-Signature"] != base64.b64encode(digest).decode():
            raise refusal(401, 1033, "UNAUTHORIZED")
        return {**request.args, **json.loads(request.get_data() or "{}")}

    def until(self, request: Request, params: Mapping[str, Any]) -> float:
        return int(request.headers["X-Stamp"]) + self.window_ms

    def too_late(self) -> Refusal:
        return refusal(401, 1033, "UNAUTHORIZED")

    def new(self, account: Account, params: Mapping[str, Any]) -> Any:
        if params["quantity"] == TOO_MUCH:
            raise refusal(400, 1126, "FAILED_ORDER_WITH_OPEN_ORDERS")
        order = self.place(
            account,
            client_id=params["newClientOrderId"],
            market=params["pairSymbol"],
            side=params["orderType"],
            price=params.get("price", "0"),
            amount=params["quantity"],
            state="filled" if params["orderMethod"] == "market" else "open",
        )
        return success({
            "id": int(order.id), "quantity": order.amount, "price": order.price, "stopPrice": None,
            "newOrderClientId": order.client_id, "type": order.side, "method": params["orderMethod"],
            "pairSymbol": order.market, "pairSymbolNormalized": "BTC_USDT", "datetime": TIME,
        })  # fmt: skip

    def cancel(self, account: Account, params: Mapping[str, Any]) -> Any:
        found = account.listed(id=params["id"], state="open")
        if not found:
            raise refusal(400, 1037, "FAILED_CANCEL_ORDER")
        found[0].state = "cancelled"
        return success()

    def open(self, account: Account, params: Mapping[str, Any]) -> Any:
        rows = [_row(order) for order in account.listed(state="open")]
        return success({side: [row for row in rows if row["type"] == word] for side, word in _SIDES.items()})

    def all(self, account: Account, params: Mapping[str, Any]) -> Any:
        return success([_row(order) for order in reversed(account.listed())])

    def balance(self, account: Account, params: Mapping[str, Any]) -> Any:
        return success([
            {"asset": "USDT", "assetname": "Tether", "balance": "1002.5", "locked": "2", "free": "1000.5",
             "orderFund": "2", "requestFund": "0", "precision": 2}
        ])  # fmt: skip


_SIDES = {"bids": "buy", "asks": "sell"}


def _row(order: FakeOrder) -> dict[str, Any]:
    return {
        "id": int(order.id), "price": order.price, "amount": order.amount, "quantity": order.amount, "stopPrice": "0",
        "pairSymbol": order.market, "pairSymbolNormalized": "BTC_USDT", "type": order.side,
        "method": "market" if order.price == "0" else "limit", "orderClientId": order.client_id, "time": TIME,
        "updateTime": TIME, "status": STATES[order.state],
        "leftAmount": "0" if order.state == "filled" else order.amount,
    }  # fmt: skip
