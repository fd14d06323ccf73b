"""Binance spot: https://developers.binance.com/docs/binance-spot-api-docs/rest-api"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from werkzeug import Request

from tests.fakes import KEY, SECRET, FakeExchange, FakeOrder, Refusal

STATES = {"open": "NEW", "filled": "FILLED", "cancelled": "CANCELED"}
PUBLIC = "/api/v3/exchangeInfo"


class FakeBinance(FakeExchange):
    """Orders by id and by client id; a client id is free again when its order is done."""

    routes = {
        ("POST", "/api/v3/order"): "new",
        ("GET", "/api/v3/order"): "one",
        ("DELETE", "/api/v3/order"): "cancel",
        ("GET", "/api/v3/openOrders"): "open",
        ("GET", "/api/v3/account"): "account",
        ("GET", PUBLIC): "info",
    }

    def check(self, request: Request) -> Mapping[str, str]:
        params = dict(request.args)
        if request.path == PUBLIC:
            return params
        query, _, signature = request.query_string.decode().rpartition("&signature=")
        right = hmac.new(SECRET.encode(), query.encode() + request.get_data(), hashlib.sha256).hexdigest()
        if request.headers.get("X-MBX-APIKEY") != KEY:
            raise Refusal(401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."})
        if signature != right:
            raise Refusal(400, {"code": -1022, "msg": "Signature for this request is not valid."})
        return params

    def new(self, params: Mapping[str, str]) -> Any:
        client_id = params.get("newClientOrderId", "")
        if self.listed(client_id=client_id, state="open") and client_id:
            raise Refusal(400, {"code": -2010, "msg": "Duplicate order sent."})
        if params["quantity" if "quantity" in params else "quoteOrderQty"] == "1000000":
            raise Refusal(400, {"code": -2010, "msg": "Account has insufficient balance for requested action."})
        order = self.place(
            client_id=client_id,
            market=params["symbol"],
            side=params["side"],
            price=params.get("price", "0"),
            amount=params.get("quantity") or params["quoteOrderQty"],
        )
        if params["type"] == "MARKET":
            order.state = "filled"
        return self._shown(order)

    def one(self, params: Mapping[str, str]) -> Any:
        return self._shown(self._wanted(params, {"code": -2013, "msg": "Order does not exist."}))

    def cancel(self, params: Mapping[str, str]) -> Any:
        gone = {"code": -2011, "msg": "Unknown order sent."}
        order = self._wanted(params, gone)
        if order.state != "open":
            raise Refusal(400, gone)
        order.state = "cancelled"
        return self._shown(order)

    def open(self, params: Mapping[str, str]) -> Any:
        wanted = {"market": params["symbol"]} if "symbol" in params else {}
        return [self._shown(order) for order in self.listed(state="open", **wanted)]

    def account(self, params: Mapping[str, str]) -> Any:
        return {"balances": [{"asset": "USDT", "free": "1000.00000000", "locked": "0.00000000"}]}

    def info(self, params: Mapping[str, str]) -> Any:
        filters = [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True},
        ]
        market = {"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT"}
        return {"symbols": [{**market, "isSpotTradingAllowed": True, "filters": filters}]}

    def _wanted(self, params: Mapping[str, str], missing: Any) -> FakeOrder:
        by = {"id": params["orderId"]} if "orderId" in params else {"client_id": params["origClientOrderId"]}
        found = self.listed(market=params["symbol"], **by)
        if not found:
            raise Refusal(400, missing)
        return found[-1]

    def _shown(self, order: FakeOrder) -> dict[str, Any]:
        done = order.amount if order.state == "filled" else "0.00000000"
        return {
            "symbol": order.market,
            "orderId": int(order.id),
            "orderListId": -1,
            "clientOrderId": order.client_id,
            "price": order.price,
            "origQty": order.amount,
            "executedQty": done,
            "cummulativeQuoteQty": done,
            "status": STATES[order.state],
            "type": "LIMIT",
            "side": order.side,
            "time": 1700000000000,
            "updateTime": 1700000000000,
        }
