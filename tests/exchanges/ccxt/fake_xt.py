"""XT, spot: https://doc.xt.com. The replies are those that ccxt quotes; refusals have a code and no words."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from werkzeug import Request

from tests.exchanges.ccxt.fakes import TIME, WithMarkets
from tests.fakes import PRICE, SECRET, TOO_MUCH, Account, FakeOrder, Refusal

STATES = {"open": "NEW", "filled": "FILLED", "cancelled": "CANCELED"}


def success(result: Any) -> dict[str, Any]:
    """Return a success."""
    return {"rc": 0, "mc": "SUCCESS", "ma": [], "result": result}


def refusal(code: str) -> Refusal:
    """Return a refusal, which comes with HTTP 200."""
    return Refusal(200, {"rc": 1, "mc": code, "ma": [], "result": None})


_LISTED = {
    "id": 640, "symbol": "btc_usdt", "state": "ONLINE", "stateTime": 1554048000000, "tradingEnabled": True,
    "openapiEnabled": True, "nextStateTime": None, "nextState": None, "depthMergePrecision": 5, "baseCurrency": "btc",
    "baseCurrencyPrecision": 8, "baseCurrencyId": 128, "quoteCurrency": "usdt", "quoteCurrencyPrecision": 8,
    "quoteCurrencyId": 11, "pricePrecision": 2, "quantityPrecision": 6, "orderTypes": ["LIMIT", "MARKET"],
    "timeInForces": ["GTC", "IOC"], "displayWeight": 10002, "displayLevel": "FULL", "plates": [],
    "filters": [{"filter": "QUOTE_QTY", "min": "1"}],
}  # fmt: skip
_NO_SWAPS = {"returnCode": 0, "msgInfo": "success", "error": None, "result": {"symbols": []}}


class FakeXT(WithMarkets):
    """Orders are told from one another by verb and path: a new one is POST /v4/order."""

    symbol = "BTC_USDT"
    routes = {
        ("POST", "/v4/order"): "new",
        ("GET", "/v4/order/{orderId}"): "one",
        ("DELETE", "/v4/order/{orderId}"): "cancel",
        ("GET", "/v4/open-order"): "open",
        ("GET", "/v4/history-order"): "history",
        ("GET", "/v4/balances"): "balance",
        ("GET", "/v4/public/time"): "time",
    }
    fixed = {
        "/v4/public/symbol": success({"time": TIME, "version": "a", "symbols": [_LISTED]}),
        "/future/market/v1/public/symbol/list": _NO_SWAPS,
        "/future/market/v3/public/symbol/list": _NO_SWAPS,
        "/v4/public/ticker/24h": success([{
            "s": "btc_usdt", "t": TIME, "cv": "1", "cr": "0", "o": "1", "l": "59000.25", "h": "61000.5", "c": "60000",
            "q": "163.25", "v": "1",
        }]),
        "/v4/public/depth": success({
            "timestamp": TIME, "lastUpdateId": 1, "bids": [["59999.99", "4.3"], ["59999.98", "1"]],
            "asks": [["60000.01", "1.2"]],
        }),
        "/v4/public/kline": success([{
            "t": TIME + i * 60000, "o": "60000.1", "c": "60005.4", "h": "60010.2", "l": "59990.3", "q": "12.5",
            "v": "1",
        } for i in range(2)]),
        "/v4/public/trade/recent": success([
            {"i": 203530723141917063, "t": TIME, "p": "60000.1", "q": "0.5", "v": "30000.05", "b": False}
        ]),
    }  # fmt: skip

    def key(self, request: Request) -> str:
        return request.headers.get("xt-validate-appkey", "")

    def resource(self, request: Request) -> str:
        path, _, last = request.path.rpartition("/")
        return f"{path}/{{orderId}}" if last.isdigit() else request.path

    def check(self, request: Request, account: Account | None) -> Mapping[str, Any]:
        names = ("algorithms", "appkey", "recvwindow", "timestamp")
        validated = "&".join(f"xt-validate-{name}={request.headers[f'xt-validate-{name}']}" for name in names)
        inside = request.get_data().decode() or "&".join(f"{k}={v}" for k, v in sorted(request.args.items()))
        text = "#".join(filter(None, (validated, request.method, request.path, inside)))
        signature = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
        if account is None:
            raise refusal("AUTH_101")
        if request.headers["xt-validate-signature"] != signature:
            raise refusal("AUTH_103")
        last = request.path.rpartition("/")[2]
        body = json.loads(request.get_data() or "{}")
        return {**request.args, **body, **({"orderId": last} if last.isdigit() else {})}

    def until(self, request: Request, params: Mapping[str, Any]) -> float:
        return int(request.headers["xt-validate-timestamp"]) + int(request.headers["xt-validate-recvwindow"])

    def too_late(self) -> Refusal:
        return refusal("AUTH_105")

    def new(self, account: Account, params: Mapping[str, Any]) -> Any:
        amount = params.get("quoteQty") or params["quantity"]
        if amount == TOO_MUCH:
            raise refusal("ORDER_002")
        order = self.place(
            account,
            client_id=params.get("clientOrderId", ""),
            market=params["symbol"],
            side=params["side"],
            price=params.get("price", "0"),
            amount=amount,
            money="quoteQty" in params,
            state="filled" if params["type"] == "MARKET" else "open",
        )
        return success({"orderId": order.id})

    def one(self, account: Account, params: Mapping[str, Any]) -> Any:
        found = account.listed(id=params["orderId"])
        if not found:
            raise refusal("ORDER_005")
        return success(_row(found[-1]))

    def cancel(self, account: Account, params: Mapping[str, Any]) -> Any:
        found = account.listed(id=params["orderId"], state="open")
        if not found:
            raise refusal("ORDER_005")
        found[0].state = "cancelled"
        return success({"cancelId": str(int(found[0].id) + 1)})

    def open(self, account: Account, params: Mapping[str, Any]) -> Any:
        return success([_row(order) for order in account.listed(state="open")])

    def history(self, account: Account, params: Mapping[str, Any]) -> Any:
        rows = [_row(order) for order in account.listed()]
        items = [row for row in rows if params.get("state") in (None, row["state"])]
        return success({"hasPrev": False, "hasNext": False, "items": items})

    def balance(self, account: Account, params: Mapping[str, Any]) -> Any:
        amounts = {"availableAmount": "1000.5", "frozenAmount": "2", "totalAmount": "1002.5"}
        return success({"totalUsdtAmount": "1", "assets": [{"currency": "usdt", "currencyId": 11, **amounts}]})

    def time(self, account: Account, params: Mapping[str, Any]) -> Any:
        return success({"serverTime": self.now()})


def _row(order: FakeOrder) -> dict[str, Any]:
    left = "0" if order.state == "filled" else order.amount
    return {
        "symbol": order.market, "orderId": order.id, "clientOrderId": order.client_id or None, "baseCurrency": "btc",
        "quoteCurrency": "usdt", "side": order.side, "type": "MARKET" if order.price == "0" else "LIMIT",
        "timeInForce": "GTC", "price": order.price if order.price != "0" else None,
        "origQty": None if order.money else order.amount, "origQuoteQty": order.amount if order.money else None,
        "executedQty": order.done, "leavingQty": left, "tradeBase": order.done, "tradeQuote": "0",
        "avgPrice": f"{PRICE}.00" if order.state == "filled" else None, "fee": None, "feeCurrency": None,
        "closed": order.state != "open", "state": STATES[order.state], "time": TIME, "updatedTime": TIME,
    }  # fmt: skip
